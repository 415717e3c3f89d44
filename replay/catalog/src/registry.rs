//! Registered ads, their version, and the audit trail.

use std::collections::BTreeMap;

use clicktrail_log::{ad::Ad, time::Timestamp};

use crate::{
    error::Error,
    rows,
    session::{Arg, Session},
};

/// An audit row names at most so many ads, and says how many more there were.
const AUDITED_ADS_MAX: usize = 100;

const PUT_AD: &str = "
    INSERT INTO ads (ad_id, advertiser_id, campaign_id, target_url, price_micros, currency)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (ad_id) DO UPDATE SET
        advertiser_id = excluded.advertiser_id, campaign_id = excluded.campaign_id,
        target_url = excluded.target_url, price_micros = excluded.price_micros, currency = excluded.currency
    WHERE ads.advertiser_id <> excluded.advertiser_id OR ads.campaign_id <> excluded.campaign_id
        OR ads.target_url <> excluded.target_url OR ads.price_micros <> excluded.price_micros
        OR ads.currency <> excluded.currency";

const LIST_ADS: &str = "
    SELECT ad_id, advertiser_id, campaign_id, target_url, price_micros, currency
    FROM ads WHERE ad_id > $1 ORDER BY ad_id LIMIT $2";

const READ_VERSION: &str = "SELECT version FROM ads_version";

const RAISE_VERSION: &str = "UPDATE ads_version SET version = version + 1";

const AUDIT: &str = "INSERT INTO audit (at, actor, action, detail) VALUES ($1, $2, $3, $4)";

/// See [`Catalog::put_ads`](crate::Catalog::put_ads).
pub(crate) async fn put_ads(session: &mut impl Session, ads: &[Ad], actor: &str, now: Timestamp) -> Result<u64, Error> {
    // Of several with one id the last would stand in the end, so it alone is stored.
    let by_id: BTreeMap<&str, &Ad> = ads.iter().map(|ad| (ad.ad_id.as_str(), ad)).collect();
    let mut changed = Vec::new();
    for (id, ad) in &by_id {
        let args = [
            Arg::from(*id),
            Arg::from(&ad.advertiser_id),
            Arg::from(&ad.campaign_id),
            Arg::from(&ad.target_url),
            Arg::from(ad.price_micros),
            Arg::from(&ad.currency),
        ];
        if session.execute(PUT_AD, &args).await? > 0 {
            changed.push(*id);
        }
    }
    if !changed.is_empty() {
        session.execute(RAISE_VERSION, &[]).await?;
    }
    audit(session, actor, now, "put_ads", &describe(&changed, by_id.len())).await?;
    Ok(changed.len().try_into().expect("a length fits sixty-four bits"))
}

/// `2 of 3 are new or differ: ad-1, ad-2`.
fn describe(changed: &[&str], of: usize) -> String {
    let named = &changed[..changed.len().min(AUDITED_ADS_MAX)];
    let colon = if named.is_empty() { "" } else { ": " };
    let mut detail = format!("{} of {of} are new or differ{colon}{}", changed.len(), named.join(", "));
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
    found.first().copied().ok_or_else(|| Error::Corrupt("no row in ads_version, which always has one".to_owned()))
}

/// Adds a row to the audit trail.
pub(crate) async fn audit(
    session: &mut impl Session,
    actor: &str,
    now: Timestamp,
    action: &str,
    detail: &str,
) -> Result<(), Error> {
    session.execute(AUDIT, &[now.into(), actor.into(), action.into(), detail.into()]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audit_detail_names_a_limited_number_of_ads() {
        assert_eq!(describe(&[], 2), "0 of 2 are new or differ");
        assert_eq!(describe(&["a", "b"], 3), "2 of 3 are new or differ: a, b");
        let many = vec!["x"; AUDITED_ADS_MAX + 5];
        assert!(describe(&many, many.len()).ends_with(", x and 5 more"));
    }
}
