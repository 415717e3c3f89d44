//! Drafts of a period: one for each account and currency, made again only if what they are made of changed.
//!
//! An account is billed under the terms that were valid on the first local day of the period: of the versions that
//! begin then or before, the one that begins last. If there is none, the version that begins first inside the period is
//! applied to all of it. The period's instants are frozen with the first draft, and a later edition of the time zones
//! moves nothing.
//!
//! - [`outcome`] is what came of it; [`cause`] why a revision differs from the one before;
//! - `accounts` finds who is billed, `zone` sums a period in one zone, `make` makes drafts of a sum, and `keep` stores
//!   those that are new.
//!
//! *Dies at any point: what is in the archive is named by its content, so the next call finds or repeats it; what is in
//! the catalog is there in whole transactions. Two at once: the later finds the same inputs, and stores nothing.*

pub(crate) mod accounts;
pub mod cause;
mod desk;
mod keep;
mod make;
pub mod outcome;
pub(crate) mod standing;
mod zone;

use std::collections::BTreeMap;

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
            let found = self.zone(name, zone, advertiser, &standing).await?;
            let (found, mut told) = match found {
                (Some(found), told) => (found, told),
                (None, told) => {
                    outcome.zones.push(outcome::Zone { accounts: applied.len() as u64, ..told });
                    continue;
                }
            };
            if let Some((seller, seller_digest)) = seller.clone().filter(|_| !applied.is_empty()) {
                told.period = self.freeze(&told.period).await?;
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

    /// What keeps a period from being drafted in a zone; nothing: it can be. Its instants are those that were frozen,
    /// if they were.
    ///
    /// # Errors
    /// As archive and catalog report.
    pub async fn lacks(&self, name: PeriodName, zone: &str) -> Result<(Period, Vec<Lack>), Error> {
        let period = self.instants(name, zone).await?;
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
