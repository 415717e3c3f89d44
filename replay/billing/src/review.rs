//! What a careful person looks at before a period is issued: each account against its last period, and what is odd.
//!
//! - [`figures`] is what an account was billed, from its draft; [`odd`] what may be odd, with limits; `prices` finds
//!   prices that changed inside the period.
//!
//! Nothing is changed by it. What is beyond its limit is a gate: a person passes it with a reason.

pub mod figures;
pub mod odd;
mod prices;

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_catalog::{
    corrections::CorrectionState,
    invoicing::{Dispute, DisputeFilter, Draft, DraftFilter, DraftRevision, DraftState, Kind, PAGE_MAX},
};
use clicktrail_invoices::{Currency, Period, PeriodName};
use clicktrail_log::{archive::keys::invoices::Input, frame::Digest, time::Hour};
use clicktrail_projections::counters;

use crate::{
    basis::{self, Basis},
    drafting::{accounts::Accounts, cause, outcome::Unbilled, unbilled},
    error::Error,
    ready::Checking,
    usage::{stored, sum::Summing},
};
use figures::Figures;
use odd::{Limits, Odd};

/// Corrections and disputes that are read at a time.
const PAGE: u32 = 1_000;
const _: () = assert!(PAGE > 0, "an empty page would end the list");

/// Whoever reviews.
#[derive(Debug, Clone)]
pub struct Reviewing {
    /// Archive, catalog, verdicts, and what is waited for.
    pub checking: Checking,
    /// Segments that are added up at a time, where their sum was not kept.
    pub threads: usize,
    /// From when on something is odd.
    pub limits: Limits,
}

/// What was looked at.
#[derive(Debug, Default)]
pub struct Review {
    /// Each draft, by account and currency.
    pub accounts: Vec<Account>,
    /// What is odd about the period itself.
    pub odd: Vec<Odd>,
}

/// One account's draft.
#[derive(Debug, Clone)]
pub struct Account {
    /// Whose.
    pub advertiser_id: String,
    /// In which currency.
    pub currency: Currency,
    /// The newest revision.
    pub revision: DraftRevision,
    /// The zone of its period.
    pub zone: String,
    /// How far it has come.
    pub state: DraftState,
    /// What it bills.
    pub now: Figures,
    /// What the last period billed; `None`: nothing was drafted for it.
    pub before: Option<Figures>,
    /// What is odd.
    pub odd: Vec<Odd>,
}

impl Review {
    /// What is beyond its limit: the account, if it is about one, and what.
    pub fn gates(&self) -> Vec<(Option<&Account>, &Odd)> {
        let of_period = self.odd.iter().map(|odd| (None, odd));
        let of_accounts =
            self.accounts.iter().flat_map(|account| account.odd.iter().map(move |odd| (Some(account), odd)));
        of_period.chain(of_accounts).filter(|(_, odd)| odd.is_gate()).collect()
    }

    /// The gates that keep a draft from being approved: what is odd about its account, and about the hours that all of
    /// its zone are summed from. Nothing of one that was not reviewed.
    pub fn gates_of(&self, revision: &DraftRevision) -> Vec<&Odd> {
        let Some(account) = self.accounts.iter().find(|account| account.revision.id == revision.id) else {
            return Vec::new();
        };
        let of_hours = self.odd.iter().filter(|odd| odd.marks(&account.zone));
        account.odd.iter().chain(of_hours).filter(|odd| odd.is_gate()).collect()
    }
}

impl Reviewing {
    /// Reviews the drafts of a period.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if there is none; as archive and catalog report.
    pub async fn review(&self, name: PeriodName) -> Result<Review, Error> {
        let drafts = self.drafts(name).await?;
        if drafts.is_empty() {
            return Err(Error::Incomplete(format!("{name} has no drafts: run `clicktrail invoice draft {name}`")));
        }
        let (now, periods) = figures::read(&self.checking.archive, &drafts).await?;
        let before = match name.previous() {
            None => BTreeMap::new(),
            Some(previous) => figures::read(&self.checking.archive, &self.drafts(previous).await?).await?.0,
        };
        let mut review = Review::default();
        let disputes = self.disputes(name).await?;
        let accounts = Accounts::read(self.checking.catalog.as_ref(), name, None).await?;
        let mut unbilled = self.unbilled(&accounts, periods.values()).await?;
        let advertisers: BTreeSet<&str> = drafts.iter().map(|draft| draft.facts.about.advertiser_id.as_str()).collect();
        let prices = prices::changed(self.checking.catalog.as_ref(), periods.values(), &advertisers).await?;
        for draft in &drafts {
            let key = (draft.facts.about.advertiser_id.clone(), draft.facts.about.currency.clone());
            let Some((now, currency)) = now.get(&key) else { continue };
            let last = before.get(&key).map(|(figures, _)| *figures);
            let mut odd = self.limits.of_account(now, last.as_ref());
            odd.extend(prices.get(key.0.as_str()).map(|ads| Odd::PriceChanged { ads: *ads }));
            odd.extend(
                disputes
                    .iter()
                    .filter(|dispute| is_about(dispute, &key))
                    .map(|dispute| Odd::Dispute { number: dispute.number, reason: dispute.opened.reason.clone() }),
            );
            odd.extend(unbilled.get(&key.0).cloned().map(Odd::Unbilled));
            review.accounts.push(Account {
                advertiser_id: key.0,
                currency: *currency,
                revision: draft.revision.clone(),
                zone: draft.facts.zone.clone(),
                state: draft.state,
                now: *now,
                before: last,
                odd,
            });
        }
        let mut nobodys: BTreeMap<(String, String), Odd> = BTreeMap::new();
        for zone in periods.keys() {
            for odd in self.zone(&drafts, zone).await? {
                let Odd::NoInvoice { advertiser_id, currency, .. } = &odd else {
                    review.odd.push(odd);
                    continue;
                };
                // Each is named once: whoever has an account by its own zone's period, anybody else by the first.
                let is_its = accounts.zone_of(advertiser_id).is_none_or(|own| own == zone);
                if is_its && !accounts.is_billed_otherwise(advertiser_id) {
                    nobodys.entry((advertiser_id.clone(), currency.clone())).or_insert(odd);
                }
            }
        }
        review.odd.extend(nobodys.into_values());
        // Those without a draft in this period are told as well.
        unbilled.retain(|advertiser, _| !drafts.iter().any(|draft| draft.facts.about.advertiser_id == *advertiser));
        review.odd.extend(unbilled.into_values().map(Odd::Unbilled));
        review.odd.extend(self.corrections().await?);
        Ok(review)
    }

    /// Whoever used something in the period before that nobody bills.
    async fn unbilled(
        &self,
        accounts: &Accounts,
        periods: impl Iterator<Item = &Period>,
    ) -> Result<BTreeMap<String, Unbilled>, Error> {
        let Some(until) = periods.map(|period| period.to).max() else { return Ok(BTreeMap::new()) };
        let (checking, threads, frozen) = (&self.checking, self.threads, &accounts.frozen);
        let found = unbilled::Looking { checking, threads, frozen, until }.before(accounts, None).await?;
        Ok(found.into_iter().map(|unbilled| (unbilled.advertiser_id.clone(), unbilled)).collect())
    }

    /// The newest revisions of a period's drafts that were not thrown away.
    async fn drafts(&self, name: PeriodName) -> Result<Vec<Draft>, Error> {
        let filter =
            DraftFilter { period: Some(name.to_string()), kind: Some(Kind::Invoice), ..DraftFilter::default() };
        let mut all: Vec<Draft> = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.checking.catalog.drafts(&filter, &after, PAGE_MAX).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after.clone_from(&last.revision.id);
            all.extend(page.into_iter().filter(|draft| draft.state.is_open() || draft.state == DraftState::Issued));
        }
    }

    async fn disputes(&self, name: PeriodName) -> Result<Vec<Dispute>, Error> {
        let filter = DisputeFilter { period: Some(name.to_string()), is_open: true, ..DisputeFilter::default() };
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let page = self.checking.catalog.disputes(&filter, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = last.number;
            all.extend(page);
        }
    }

    /// Corrections of facts that are under way.
    async fn corrections(&self) -> Result<Vec<Odd>, Error> {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.checking.catalog.list_corrections(&after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after.clone_from(&last.id);
            found.extend(
                page.into_iter()
                    .filter(|one| is_under_way(one.state))
                    .map(|one| Odd::Correction { id: one.id, reason: one.reason }),
            );
        }
    }

    /// What is odd about a zone's hours: stale ones, those that were counted again, hours that came since, and whoever
    /// had clicks and has no draft.
    async fn zone(&self, drafts: &[Draft], zone: &str) -> Result<Vec<Odd>, Error> {
        let of_zone = drafts.iter().filter(|draft| draft.facts.zone == zone);
        let Some(newest) = of_zone.max_by_key(|draft| draft.created_at) else { return Ok(Vec::new()) };
        let digest: Digest =
            newest.facts.basis.parse().map_err(|_| {
                Error::Contradiction(format!("draft {} names a basis that is no digest", newest.revision))
            })?;
        let basis = cause::read(&self.checking.archive.input(Input::Basis, &digest).await?, &digest)?;
        let mut odd = Vec::new();
        let stale = basis.stale().count() as u64;
        odd.extend((stale > 0).then(|| Odd::StaleHours { zone: zone.to_owned(), hours: stale }));
        let again = basis.segments().iter().filter(|read| read.generation.is_some()).count() as u64;
        odd.extend((again > 0).then(|| Odd::CountedAgain { zone: zone.to_owned(), hours: again }));
        odd.extend(self.moved(&basis, zone).await?);
        let about = drafts.iter().map(|draft| &draft.facts.about);
        let known: BTreeSet<(&str, &str)> =
            about.map(|about| (about.advertiser_id.as_str(), about.currency.as_str())).collect();
        let usage = match stored::get(&self.checking.archive, &basis).await? {
            Some(kept) => kept,
            None => {
                let (archive, threads) = (self.checking.archive.clone(), self.threads);
                Summing { archive, threads, advertiser: None }.fresh(&basis).await?
            }
        };
        let mut without: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for (advertiser, currency, _, counts) in usage.rows() {
            if !known.contains(&(advertiser, currency)) {
                let clicks = without.entry((advertiser, currency)).or_default();
                *clicks = counts.gross.saturating_add(*clicks);
            }
        }
        odd.extend(without.into_iter().map(|((advertiser, currency), clicks)| Odd::NoInvoice {
            advertiser_id: advertiser.to_owned(),
            currency: currency.to_owned(),
            zone: zone.to_owned(),
            clicks,
        }));
        Ok(odd)
    }

    /// Whether what counts now is another sum than the drafts were made of.
    async fn moved(&self, drafted: &Basis, zone: &str) -> Result<Option<Odd>, Error> {
        // As far before it as those who drafted looked.
        let first = drafted.looked_at().0;
        let (archive, catalog) = (&self.checking.archive, &self.checking.catalog);
        let snapshot = catalog.snapshot(counters::NAME, first, Hour::from_i64(i64::MAX / 2)).await?;
        let now = basis::find(archive, &snapshot, drafted.period(), first, Some(drafted)).await?;
        let (left, came) = drafted.moves(&now);
        let hours: BTreeSet<_> = left.iter().chain(&came).map(|read| read.hour).collect();
        let moved = || Odd::Outdated { zone: zone.to_owned(), hours: hours.len() as u64 };
        Ok((drafted.inputs() != now.inputs()).then(moved))
    }
}

const fn is_under_way(state: CorrectionState) -> bool {
    match state {
        CorrectionState::Open | CorrectionState::Closing | CorrectionState::Reverting => true,
        CorrectionState::Closed | CorrectionState::Reverted => false,
    }
}

fn is_about(dispute: &Dispute, (advertiser, currency): &(String, String)) -> bool {
    let about = &dispute.opened.about;
    (&about.advertiser_id, &about.currency) == (advertiser, currency)
}

#[cfg(test)]
mod tests;
