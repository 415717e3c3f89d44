//! Drafts of a period: one for each account and currency, made again only if what they are made of changed.
//!
//! An account is billed under the terms that were valid on the first local day of the period: of the versions that
//! begin then or before, the one that begins last. If there is none, the version that begins first inside the period is
//! applied to all of it. After a change of cycle or zone the account's first period is a part of one, with a name of
//! its own (`clicktrail_invoices::calendar`). The period's instants are frozen before anything is summed, and a later
//! edition of the time zones moves nothing.
//!
//! - [`outcome`] is what came of it; [`cause`] why a revision differs from the one before;
//! - `accounts` finds who is billed, `zone` sums a period in one zone, `make` makes drafts of a sum, and `keep` stores
//!   those that are new;
//! - `outdated` marks drafts that would not be made any more, `unbilled` finds days that nobody bills.
//!
//! *Dies at any point: what is in the archive is named by its content, so the next call finds or repeats it; what is in
//! the catalog is there in whole transactions. Two at once: the later finds the same inputs, and stores nothing.*

pub(crate) mod accounts;
pub mod cause;
mod desk;
mod keep;
mod make;
pub mod outcome;
mod outdated;
pub(crate) mod standing;
pub(crate) mod unbilled;
mod zone;

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_invoices::{Period, PeriodName};

use crate::{error::Error, ready::Lack};

use accounts::Accounts;
pub use desk::Drafting;
use make::clicks;
use outcome::{LeftOut, Outcome, Why};
use standing::Standing;
use zone::Found;

/// The zone in which clicks of nobody's account are looked for if there is no account at all.
const WITHOUT_ACCOUNTS: &str = "UTC";

impl Drafting {
    /// Drafts a period: all accounts of its cycle, or one.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if it is not known who bills; as archive and catalog report. Whoever cannot be billed is
    /// part of the outcome.
    pub async fn draft(&self, name: PeriodName, advertiser: Option<&str>) -> Result<Outcome, Error> {
        let catalog = self.checking.catalog.as_ref();
        let mut accounts = Accounts::read(catalog, name, advertiser).await?;
        let mut outcome = Outcome::default();
        let mut nobodys: BTreeMap<String, i64> = BTreeMap::new();
        if accounts.by_zone.is_empty() {
            accounts.by_zone.insert(WITHOUT_ACCOUNTS.to_owned(), BTreeMap::new());
        }
        let standing = Standing::read(catalog, name, advertiser).await?;
        let seller = match accounts.by_zone.values().all(BTreeMap::is_empty) {
            true => None,
            false => Some(accounts::seller(catalog, name).await?),
        };
        for (zone, applied) in &accounts.by_zone {
            let period = accounts.frozen.of(name, zone)?;
            let found = self.zone(period, !applied.is_empty(), advertiser, &standing).await?;
            let (found, told) = match found {
                (Some(found), told) => (found, told),
                (None, told) => {
                    outcome.zones.push(outcome::Zone { accounts: applied.len() as u64, ..told });
                    continue;
                }
            };
            if let Some((seller, seller_digest)) = seller.clone().filter(|_| !applied.is_empty()) {
                let common = make::Common {
                    period: told.period.clone(),
                    basis: found.basis.digest(),
                    seller,
                    seller_digest,
                    revives: advertiser.is_some(),
                };
                self.accounts(&common, &found, applied, &standing, &mut outcome).await?;
            }
            note_nobodys(&mut nobodys, &found, &accounts, advertiser);
            outcome.zones.push(outcome::Zone { accounts: applied.len() as u64, ..told });
        }
        self.outdate(&standing, &accounts, &mut outcome).await?;
        outcome.left_out.extend(accounts.parts_to_draft());
        if let Some(until) = outcome.zones.iter().map(|zone| zone.period.to).max() {
            let (checking, frozen) = (&self.checking, &accounts.frozen);
            let looking = unbilled::Looking { checking, threads: self.threads, frozen, until };
            outcome.unbilled = looking.before(&accounts, advertiser).await?;
        }
        let left = |(advertiser_id, clicks): (String, i64)| {
            let is_known = accounts.without_terms.contains(&advertiser_id);
            let why = if is_known { Why::NoTerms } else { Why::NoAccount { clicks } };
            LeftOut { advertiser_id, currency: None, why }
        };
        outcome.left_out.extend(nobodys.into_iter().map(left));
        outcome
            .left_out
            .sort_by(|one, other| (&one.advertiser_id, &one.currency).cmp(&(&other.advertiser_id, &other.currency)));
        Ok(outcome)
    }

    /// In which zones and for how many accounts a period is billed, and its parts that are the first period of an
    /// account after a change of cycle or zone.
    ///
    /// # Errors
    /// As the catalog reports.
    pub async fn billed(&self, name: PeriodName) -> Result<BTreeMap<(PeriodName, String), u64>, Error> {
        let catalog = self.checking.catalog.as_ref();
        let accounts = Accounts::read(catalog, name, None).await?;
        let mut found: BTreeMap<(PeriodName, String), u64> = BTreeMap::new();
        for (zone, applied) in &accounts.by_zone {
            found.insert((name, zone.clone()), applied.len() as u64);
        }
        for (part, _) in accounts.parts.into_values().collect::<BTreeSet<_>>() {
            for (zone, applied) in Accounts::read(catalog, part, None).await?.by_zone {
                found.insert((part, zone), applied.len() as u64);
            }
        }
        Ok(found)
    }

    /// Whoever had clicks in the period before this one that are in no bill.
    ///
    /// # Errors
    /// As archive and catalog report.
    pub async fn unbilled(&self, name: PeriodName) -> Result<Vec<outcome::Unbilled>, Error> {
        let accounts = Accounts::read(self.checking.catalog.as_ref(), name, None).await?;
        let ends = accounts.by_zone.keys().map(|zone| accounts.frozen.of(name, zone));
        let ends: Vec<Period> = ends.collect::<Result<_, _>>()?;
        let Some(until) = ends.iter().map(|period| period.to).max() else { return Ok(Vec::new()) };
        let (checking, frozen) = (&self.checking, &accounts.frozen);
        unbilled::Looking { checking, threads: self.threads, frozen, until }.before(&accounts, None).await
    }

    /// What keeps a period from being drafted in a zone; nothing: it can be. Its instants are those that were frozen,
    /// if they were.
    ///
    /// # Errors
    /// As archive and catalog report.
    pub async fn lacks(&self, name: PeriodName, zone: &str) -> Result<(Period, Vec<Lack>), Error> {
        let period = accounts::frozen(self.checking.catalog.as_ref()).await?.of(name, zone)?;
        let checked = self.checking.check(&(period.from..period.to), self.now).await?;
        Ok((period, checked.lacks))
    }
}

/// Whoever used something and has no account that is billed, by the most clicks that any zone's period shows.
fn note_nobodys(nobodys: &mut BTreeMap<String, i64>, found: &Found, accounts: &Accounts, wanted: Option<&str>) {
    for advertiser in found.usage.advertisers().filter(|id| wanted.is_none_or(|wanted| wanted == *id)) {
        if accounts.known.contains(advertiser) && !accounts.without_terms.contains(advertiser) {
            continue;
        }
        let clicks = found.usage.of(advertiser).map_or(0, clicks);
        let most = nobodys.entry(advertiser.to_owned()).or_default();
        *most = clicks.max(*most);
    }
}

#[cfg(test)]
mod tests;
