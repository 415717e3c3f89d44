//! Registered ads, their pauses and their version, and the audit trail.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_log::{
    ad::{Ad, Pause},
    invariant,
    time::Timestamp,
};

use crate::{
    audit,
    error::Error,
    model::{AdAction, AdChange, Paused, RegisteredAd},
    rows,
    session::{Arg, Session},
    trail::AuditEntry,
};

/// An audit row names at most so many ads, and says how many more there were.
const AUDITED_ADS_MAX: usize = 100;

const PUT_AD: &str = "
    INSERT INTO ads (ad_id, advertiser_id, campaign_id, target_url, price_micros, currency)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (ad_id) DO UPDATE SET
        advertiser_id = excluded.advertiser_id, campaign_id = excluded.campaign_id,
        target_url = excluded.target_url, price_micros = excluded.price_micros, currency = excluded.currency";

/// `paused` is 1 or 0: there is at most one open pause.
const READ_AD: &str = "
    SELECT a.ad_id, a.advertiser_id, a.campaign_id, a.target_url, a.price_micros, a.currency,
        (SELECT COUNT(*) FROM ad_pauses p WHERE p.ad_id = a.ad_id AND p.resumed_at = 0) AS paused
    FROM ads a WHERE a.ad_id = $1";

const ADD_CHANGE: &str = "
    INSERT INTO ad_changes (at, actor, action, ad_id,
        before_advertiser_id, before_campaign_id, before_target_url, before_price_micros, before_currency,
        before_paused, after_advertiser_id, after_campaign_id, after_target_url, after_price_micros, after_currency,
        after_paused)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

const LIST_CHANGES: &str = "
    SELECT change_id, at, actor, action, ad_id,
        before_advertiser_id, before_campaign_id, before_target_url, before_price_micros, before_currency,
        before_paused, after_advertiser_id, after_campaign_id, after_target_url, after_price_micros, after_currency,
        after_paused
    FROM ad_changes WHERE ad_id = $1 AND change_id > $2 ORDER BY change_id LIMIT $3";

const LAST_PAUSE: &str = "
    SELECT ad_id, paused_at, resumed_at FROM ad_pauses WHERE ad_id = $1 ORDER BY paused_at DESC LIMIT 1";

const LIST_PAUSES: &str = "
    SELECT ad_id, paused_at, resumed_at FROM ad_pauses
    WHERE ad_id > $1 OR (ad_id = $1 AND paused_at > $2) ORDER BY ad_id, paused_at LIMIT $3";

const BEGIN_PAUSE: &str = "INSERT INTO ad_pauses (ad_id, paused_at, resumed_at) VALUES ($1, $2, 0)";

const END_PAUSE: &str = "UPDATE ad_pauses SET resumed_at = $3 WHERE ad_id = $1 AND paused_at = $2";

const LIST_ADS: &str = "
    SELECT ad_id, advertiser_id, campaign_id, target_url, price_micros, currency
    FROM ads WHERE ad_id > $1 ORDER BY ad_id LIMIT $2";

const READ_VERSION: &str = "SELECT version FROM ads_version";

const RAISE_VERSION: &str = "UPDATE ads_version SET version = version + 1";

/// See [`Catalog::put_ads`](crate::Catalog::put_ads).
pub(crate) async fn put_ads(session: &mut impl Session, ads: &[Ad], actor: &str, now: Timestamp) -> Result<u64, Error> {
    // Of several with one id the last would stand in the end, so it alone is stored.
    let by_id: BTreeMap<&str, &Ad> = ads.iter().map(|ad| (ad.ad_id.as_str(), ad)).collect();
    let mut changed = Vec::new();
    for (id, ad) in &by_id {
        let before = read_ad(session, id).await?;
        if before.as_ref().is_some_and(|before| before.ad == **ad) {
            continue;
        }
        let args = [
            Arg::from(*id),
            Arg::from(&ad.advertiser_id),
            Arg::from(&ad.campaign_id),
            Arg::from(&ad.target_url),
            Arg::from(ad.price_micros),
            Arg::from(&ad.currency),
        ];
        session.execute(PUT_AD, &args).await?;
        let action = if before.is_some() { AdAction::Change } else { AdAction::Add };
        let is_paused = before.as_ref().is_some_and(|before| before.is_paused);
        let after = RegisteredAd { ad: (*ad).clone(), is_paused };
        add_change(session, actor, now, action, before.as_ref(), &after).await?;
        changed.push(*id);
    }
    if !changed.is_empty() {
        session.execute(RAISE_VERSION, &[]).await?;
    }
    audit(session, actor, now, "put_ads", &describe(&changed, by_id.len(), "are new or differ")).await?;
    Ok(changed.len().try_into().expect("a length fits sixty-four bits"))
}

/// See [`Catalog::ad`](crate::Catalog::ad).
pub(crate) async fn read_ad(session: &mut impl Session, ad_id: &str) -> Result<Option<RegisteredAd>, Error> {
    Ok(session.fetch(READ_AD, &[ad_id.into()], rows::registered_ad).await?.pop())
}

async fn add_change(
    session: &mut impl Session,
    actor: &str,
    now: Timestamp,
    action: AdAction,
    before: Option<&RegisteredAd>,
    after: &RegisteredAd,
) -> Result<(), Error> {
    let mut args = vec![now.into(), actor.into(), action.as_str().into(), Arg::from(&after.ad.ad_id)];
    for state in [before, Some(after)] {
        let text = |column: fn(&Ad) -> &String| Arg::Text(state.map_or("", |state| column(&state.ad)));
        args.extend([
            text(|ad| &ad.advertiser_id),
            text(|ad| &ad.campaign_id),
            text(|ad| &ad.target_url),
            Arg::from(state.map_or(0, |state| state.ad.price_micros)),
            text(|ad| &ad.currency),
            Arg::from(state.map_or(0_i64, |state| state.is_paused.into())),
        ]);
    }
    session.execute(ADD_CHANGE, &args).await?;
    Ok(())
}

/// See [`Catalog::pause_ads`](crate::Catalog::pause_ads).
pub(crate) async fn pause_ads(
    session: &mut impl Session,
    ad_ids: &[String],
    pause: bool,
    actor: &str,
    now: Timestamp,
) -> Result<Paused, Error> {
    let by_id: BTreeSet<&str> = ad_ids.iter().map(String::as_str).collect();
    let (mut changed, mut unknown) = (Vec::new(), Vec::new());
    for id in &by_id {
        match read_ad(session, id).await? {
            None => unknown.push((*id).to_owned()),
            Some(before) if before.is_paused == pause => {}
            Some(before) => changed.push(before),
        }
    }
    if !unknown.is_empty() {
        return Ok(Paused::Unknown(unknown));
    }
    for before in &changed {
        let id = before.ad.ad_id.as_str();
        let last = session.fetch(LAST_PAUSE, &[id.into()], rows::pause).await?.pop();
        // A clock that went back must not make two pauses of an ad overlap, or one that ends before it begins.
        let earliest = last.as_ref().map_or(now, |last| last.until.unwrap_or(last.from).plus_micros(1));
        let at = now.max(earliest);
        match &last {
            Some(last) if !pause => {
                let ended = session.execute(END_PAUSE, &[id.into(), last.from.into(), at.into()]).await?;
                invariant!(I7, ended == 1, "an ad has at most one open pause, and {ended} of {id} ended");
            }
            Some(_) | None => {
                session.execute(BEGIN_PAUSE, &[id.into(), at.into()]).await?;
            }
        }
        let action = if pause { AdAction::Pause } else { AdAction::Resume };
        let after = RegisteredAd { is_paused: pause, ..before.clone() };
        add_change(session, actor, at, action, Some(before), &after).await?;
    }
    if !changed.is_empty() {
        session.execute(RAISE_VERSION, &[]).await?;
    }
    let named: Vec<&str> = changed.iter().map(|before| before.ad.ad_id.as_str()).collect();
    let (action, verb) = if pause { ("pause_ads", "were paused") } else { ("resume_ads", "were resumed") };
    audit(session, actor, now, action, &describe(&named, by_id.len(), verb)).await?;
    Ok(Paused::Done(changed.len().try_into().expect("a length fits sixty-four bits")))
}

/// See [`Catalog::list_pauses`](crate::Catalog::list_pauses).
pub(crate) async fn list_pauses(
    session: &mut impl Session,
    after: Option<&Pause>,
    limit: u32,
) -> Result<Vec<Pause>, Error> {
    let (id, from) = after.map_or(("", i64::MIN), |pause| (pause.ad_id.as_str(), pause.from.micros()));
    session.fetch(LIST_PAUSES, &[id.into(), from.into(), limit.into()], rows::pause).await
}

/// See [`Catalog::ad_changes`](crate::Catalog::ad_changes).
pub(crate) async fn ad_changes(
    session: &mut impl Session,
    ad_id: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<AdChange>, Error> {
    session.fetch(LIST_CHANGES, &[ad_id.into(), after.into(), limit.into()], rows::ad_change).await
}

/// `2 of 3 are new or differ: ad-1, ad-2`.
fn describe(changed: &[&str], of: usize, verb: &str) -> String {
    let named = &changed[..changed.len().min(AUDITED_ADS_MAX)];
    let colon = if named.is_empty() { "" } else { ": " };
    let mut detail = format!("{} of {of} {verb}{colon}{}", changed.len(), named.join(", "));
    if changed.len() > named.len() {
        detail.push_str(&format!(" and {} more", changed.len() - named.len()));
    }
    detail
}

/// See [`Catalog::list_ads`](crate::Catalog::list_ads).
pub(crate) async fn list_ads(session: &mut impl Session, after: &str, limit: u32) -> Result<Vec<Ad>, Error> {
    session.fetch(LIST_ADS, &[after.into(), limit.into()], rows::ad).await
}

/// See [`Catalog::ads_version`](crate::Catalog::ads_version).
pub(crate) async fn ads_version(session: &mut impl Session) -> Result<i64, Error> {
    let found = session.fetch(READ_VERSION, &[], rows::ads_version).await?;
    found.first().copied().ok_or_else(|| Error::Damaged("no row in ads_version".to_owned()))
}

/// Adds a row to the audit trail: of what was done, without a reason. See [`audit::add`] for all of it.
pub(crate) async fn audit(
    session: &mut impl Session,
    actor: &str,
    now: Timestamp,
    action: &str,
    detail: &str,
) -> Result<(), Error> {
    let (actor, action, detail) = (actor.to_owned(), action.to_owned(), detail.to_owned());
    audit::add(session, &AuditEntry { actor, action, detail, ..AuditEntry::default() }, now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audit_detail_names_a_limited_number_of_ads() {
        assert_eq!(describe(&[], 2, "are new or differ"), "0 of 2 are new or differ");
        assert_eq!(describe(&["a", "b"], 3, "are new or differ"), "2 of 3 are new or differ: a, b");
        let many = vec!["x"; AUDITED_ADS_MAX + 5];
        assert!(describe(&many, many.len(), "were paused").ends_with(", x and 5 more"));
    }
}
