//! What keeps an approved draft from becoming a document: since it was drafted its terms, its counts, or what else was
//! issued to its account changed. Whoever approved it did not see that.

use std::{collections::BTreeMap, ops::Range};

use clicktrail_catalog::{
    Catalog,
    invoicing::{AccountPeriod, Document, DocumentFilter, Kind},
};
use clicktrail_invoices::document::Draft;
use clicktrail_log::{
    archive::Archive,
    frame::Digest,
    time::{Hour, Timestamp},
};
use clicktrail_projections::counters;

use crate::{
    basis::{self, Basis},
    chain, compose,
    correct::documents,
    counted::{Counted, Origin},
    drafting::{accounts, standing},
    error::Error,
};

/// Looks at drafts, one after the other.
#[derive(Debug)]
pub(super) struct Current<'c> {
    pub(super) archive: &'c Archive,
    pub(super) catalog: &'c dyn Catalog,
    /// Whether an invoice may share days with one of another period.
    pub(super) allow_overlap: bool,
    /// Bases that were looked up, with what counts now in their place.
    bases: BTreeMap<Digest, (Basis, Basis)>,
}

impl<'c> Current<'c> {
    pub(super) fn new(archive: &'c Archive, catalog: &'c dyn Catalog, allow_overlap: bool) -> Self {
        Self { archive, catalog, allow_overlap, bases: BTreeMap::new() }
    }

    /// Why a draft must not be issued; `None`: it may.
    ///
    /// # Errors
    /// As archive and catalog report.
    pub(super) async fn objection(&mut self, draft: &Draft) -> Result<Option<String>, Error> {
        // A cancellation takes back what was issued, whatever counts.
        if compose::is_cancellation(draft) {
            return Ok(None);
        }
        if !draft.kind.is_note() {
            if let Some(why) = self.billed_otherwise(draft).await? {
                return Ok(Some(why));
            }
            if let Some(why) = self.billed_already(draft).await?.filter(|_| !self.allow_overlap) {
                return Ok(Some(why));
            }
        }
        self.moved(draft).await
    }

    /// Whether drafting would take other terms now, or no draft at all.
    async fn billed_otherwise(&self, draft: &Draft) -> Result<Option<String>, Error> {
        let (name, advertiser) = (draft.pins.period.name, draft.advertiser_id.as_str());
        let applied = accounts::terms_of(self.catalog, name, advertiser).await?;
        let is_of = |applied: &accounts::Applied| {
            applied.terms.cycle == name.cycle() && applied.terms.zone == draft.pins.period.zone
        };
        let applied = applied.filter(is_of);
        Ok(match applied {
            None => Some(format!(
                "{advertiser:?} is not billed for {name} of {} any more, as its terms say now: throw the draft away",
                draft.pins.period.zone
            )),
            Some(applied) if applied.digest != draft.pins.terms => {
                Some(format!("the terms of {advertiser:?} changed since: `invoice draft {name}` drafts it again"))
            }
            Some(_) => None,
        })
    }

    /// Whether an invoice of another period of the account has some of the same minutes.
    async fn billed_already(&self, draft: &Draft) -> Result<Option<String>, Error> {
        let period = &draft.pins.period;
        let filter = DocumentFilter { advertiser_id: Some(draft.advertiser_id.clone()), ..DocumentFilter::default() };
        let mut by_period: BTreeMap<AccountPeriod, Vec<Document>> = BTreeMap::new();
        for document in documents(self.catalog, &filter).await? {
            let about = &document.facts.about;
            let is_same = about.period == period.name.to_string();
            if about.currency == draft.bill.currency.code() && !is_same {
                by_period.entry(about.clone()).or_default().push(document);
            }
        }
        for (about, issued) in by_period {
            let is_invoice = |document: &&Document| document.facts.kind == Kind::Invoice;
            let Some(invoice) = issued.iter().filter(is_invoice).max_by_key(|document| document.serial) else {
                continue;
            };
            if !standing::stands(&issued) {
                continue;
            }
            let Some(frozen) = self.catalog.period(&about.period, &invoice.facts.zone).await? else { continue };
            let minutes = shared(&(period.from..period.to), &(frozen.frozen.from..frozen.frozen.to));
            if minutes > 0 {
                return Ok(Some(format!(
                    "{} has {minutes} minutes of it: cancel that, or pass --allow-overlap if nothing is billed twice",
                    chain::name(&invoice.number)
                )));
            }
        }
        Ok(None)
    }

    /// Whether what its account used comes to something else now.
    async fn moved(&mut self, draft: &Draft) -> Result<Option<String>, Error> {
        let digest = draft.pins.basis;
        if !self.bases.contains_key(&digest) {
            let before = compose::basis(self.archive, &digest).await?;
            let first = before.looked_at().0;
            let snapshot = self.catalog.snapshot(counters::NAME, first, Hour::from_i64(i64::MAX / 2)).await?;
            let now = basis::find(self.archive, &snapshot, before.period(), first, None).await?;
            self.bases.insert(digest, (before, now));
        }
        let Some((before, now)) = self.bases.get(&digest) else { return Ok(None) };
        let counted = Counted {
            archive: self.archive,
            origin: Origin::Segments,
            advertiser: &draft.advertiser_id,
            currency: draft.bill.currency.code(),
        };
        let hours = compose::hours(&counted.moved(before, now).await?)?;
        Ok((!hours.is_empty()).then(|| {
            let again = if draft.kind.is_note() { "correct" } else { "draft" };
            let name = draft.pins.period.name;
            let what = match hours.len() {
                1 => "an hour of it counts".to_owned(),
                hours => format!("{hours} hours of it count"),
            };
            format!("{what} otherwise now: `invoice {again} {name}` drafts it again")
        }))
    }
}

/// Minutes that are in both.
fn shared(one: &Range<Timestamp>, other: &Range<Timestamp>) -> i64 {
    let (from, to) = (one.start.max(other.start).micros(), one.end.min(other.end).micros());
    to.saturating_sub(from).max(0) / 60_000_000
}

#[cfg(test)]
mod tests;
