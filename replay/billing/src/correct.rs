//! Notes: what was issued for a period is held against what it comes to now, and the difference is drafted, however
//! long ago that was.
//!
//! The correct whole is a bill of today's counts, or those of a generation, under the terms of the invoice itself, with
//! its discounts, minimums and caps. So a note never takes a line below nothing, and never misses a minimum. What was
//! issued before, notes too, is taken from it line by line (I10).

use std::collections::BTreeMap;

use bytes::Bytes;
use clicktrail_catalog::{
    Catalog,
    generations::Generation,
    invoicing::{
        self, AccountPeriod, DocumentFilter, DocumentNumber, DraftOutcome, DraftRevision, Facts, NewDraft, PAGE_MAX,
    },
};
use clicktrail_invoices::{
    Bill, Usage, bill,
    document::{Document, Draft, HourMoved, Kind, Original, Reason},
};
use clicktrail_log::{
    archive::keys::invoices::Input,
    invariant,
    time::{Hour, Timestamp},
};
use clicktrail_replay::{gates, standing};

use crate::{
    basis::{self, Basis, Read},
    chain::{self, Link},
    compose,
    counted::{Counted, Origin},
    error::Error,
    ready::{Checking, Lack},
    usage::{Everybody, sum::Summing},
};

/// What a correction is asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Hours count as this generation built them, also before it is promoted.
    pub generation: Option<Generation>,
    /// Why, if somebody knows better than the counts.
    pub reason: Option<Reason>,
    /// Take back all of it.
    pub cancel: bool,
    /// Refuse what ended longer ago.
    pub claim_micros: Option<i64>,
    /// The document that was named, if one was.
    pub named: Option<DocumentNumber>,
}

/// What came of one account's period.
#[derive(Debug)]
pub enum Correction {
    /// What was issued is what it comes to.
    Nothing {
        /// A draft that is open all the same: it corrects what is no longer wrong.
        open: Option<DraftRevision>,
    },
    /// There is a note.
    Drafted {
        /// Which draft.
        revision: DraftRevision,
        /// Whether this revision is new.
        is_new: bool,
        /// The note.
        draft: Box<Draft>,
    },
    /// Nothing was drafted: why.
    Refused(String),
}

/// What was corrected.
#[derive(Debug, Default)]
pub struct Corrected {
    /// By account and currency, in order.
    pub accounts: Vec<(AccountPeriod, Correction)>,
    /// Why nothing was: in a zone hours are missing.
    pub lacks: Vec<(String, Vec<Lack>)>,
}

/// Whoever corrects.
#[derive(Debug, Clone)]
pub struct Correcting {
    /// Archive, catalog, verdicts, and what is waited for.
    pub checking: Checking,
    /// Segments that are added up at a time.
    pub threads: usize,
    /// Who, for the audit trail.
    pub actor: String,
    /// The present.
    pub now: Timestamp,
}

/// What a period comes to now.
struct Fresh {
    basis: Basis,
    usage: Everybody,
}

impl Correcting {
    /// Corrects the accounts of a period that have an invoice, or those of them that are `wanted`.
    ///
    /// # Errors
    /// A document, basis or segment that is missing or damaged, by name; as archive and catalog report.
    pub async fn period(
        &self,
        name: &str,
        asked: &Asked,
        wanted: impl Fn(&AccountPeriod) -> bool,
    ) -> Result<Corrected, Error> {
        let mut by_zone: BTreeMap<String, Vec<AccountPeriod>> = BTreeMap::new();
        for issued in self.invoices(name).await?.into_iter().filter(|issued| wanted(&issued.facts.about)) {
            let accounts = by_zone.entry(issued.facts.zone).or_default();
            if accounts.last() != Some(&issued.facts.about) {
                accounts.push(issued.facts.about);
            }
        }
        let mut corrected = Corrected::default();
        for (zone, mut accounts) in by_zone {
            accounts.sort();
            accounts.dedup();
            let frozen = self.checking.catalog.period(name, &zone).await?;
            let gone = || Error::Contradiction(format!("{name} of {zone} has invoices, and is not frozen"));
            let frozen = frozen.ok_or_else(gone)?.frozen;
            if let Some(longest) = asked.claim_micros
                && frozen.to.plus_micros(longest) < self.now
            {
                let why = format!("it ended on {}, which is longer ago than claims are taken", frozen.to);
                let refused = accounts.into_iter().map(|about| (about, Correction::Refused(why.clone())));
                corrected.accounts.extend(refused);
                continue;
            }
            let fresh = match asked.cancel {
                true => None,
                false => match self.fresh(&(frozen.from..frozen.to), &accounts, asked).await? {
                    Ok(fresh) => Some(fresh),
                    Err(lacks) => {
                        corrected.lacks.push((zone, lacks));
                        continue;
                    }
                },
            };
            for about in accounts {
                let correction = self.account(&about, asked, fresh.as_ref()).await?;
                corrected.accounts.push((about, correction));
            }
        }
        corrected.accounts.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(corrected)
    }

    async fn invoices(&self, name: &str) -> Result<Vec<invoicing::Document>, Error> {
        let filter = DocumentFilter {
            period: Some(name.to_owned()),
            kind: Some(invoicing::Kind::Invoice),
            ..DocumentFilter::default()
        };
        documents(self.checking.catalog.as_ref(), &filter).await
    }

    /// What a period comes to now, of one account if only one is asked for; or what is missing.
    async fn fresh(
        &self,
        period: &std::ops::Range<Timestamp>,
        accounts: &[AccountPeriod],
        asked: &Asked,
    ) -> Result<Result<Fresh, Vec<Lack>>, Error> {
        let archive = &self.checking.archive;
        let checked = self.checking.check(period, self.now).await?;
        let first = self.checking.patience.first_hour(period.start);
        let mut basis = basis::find(archive, &checked.snapshot, period.clone(), first, None).await?;
        let mut lacks = checked.lacks;
        // The invoice did not wait for them, or they came since: whatever comes later is for another note.
        lacks.retain(|lack| !matches!(lack, Lack::MayBeLate { .. } | Lack::Unsealed { is_window: true, .. }));
        if let Some(generation) = &asked.generation {
            let built = self.built(generation).await?;
            // Hours that are counted as they were built are not stale by what was ruled before.
            lacks.retain_mut(|lack| match lack {
                Lack::Stale(hours) => {
                    hours.retain(|hour| !built.contains_key(hour));
                    !hours.is_empty()
                }
                _ => true,
            });
            basis = basis.with(&built);
        }
        if !lacks.is_empty() {
            return Ok(Err(lacks));
        }
        let advertiser = match accounts {
            [one] => Some(one.advertiser_id.clone()),
            _ => None,
        };
        let summing = Summing { archive: archive.clone(), threads: self.threads, advertiser };
        let usage = summing.fresh(&basis).await?;
        Ok(Ok(Fresh { basis, usage }))
    }

    /// The segments of a generation, by hour.
    async fn built(&self, generation: &Generation) -> Result<BTreeMap<Hour, Read>, Error> {
        if generation.clicks_before.is_some() {
            return Err(Error::Incomplete(format!(
                "generation {} counts only clicks before a position, so it is an answer and no bill",
                generation.id
            )));
        }
        let (archive, catalog) = (&self.checking.archive, self.checking.catalog.as_ref());
        // Whether it is built at all.
        standing::of(archive, catalog, generation, standing::Side::Built).await?;
        reads_of(catalog, generation).await
    }

    async fn account(&self, about: &AccountPeriod, asked: &Asked, fresh: Option<&Fresh>) -> Result<Correction, Error> {
        let (archive, catalog) = (&self.checking.archive, self.checking.catalog.as_ref());
        let links = chain::of(archive, catalog, about).await?;
        let (Some(last), Some(original)) = (links.last(), chain::original(&links)) else {
            let id = about.draft_id(u32::try_from(links.len()).unwrap_or(u32::MAX));
            return Ok(Correction::Refused(format!("its invoice was taken back: draft it again ({id})")));
        };
        if let Some(named) = &asked.named
            && named != &original.issued.number
            && links.iter().any(|link| link.issued.number == *named && link.document.draft.kind == Kind::Invoice)
        {
            let (named, stands) = (chain::name(named), chain::name(&original.issued.number));
            return Ok(Correction::Refused(format!(
                "{named} was taken back, and {stands} stands in its place: name that"
            )));
        }
        let issued: Vec<&Document> = links.iter().map(|link| &link.document).collect();
        let (whole, basis) = match fresh {
            None => (compose::nothing(&last.document.draft.bill)?, None),
            Some(fresh) => (whole(original, about, &fresh.usage)?, Some(&fresh.basis)),
        };
        let bill = compose::note(&whole, &issued)?;
        invariant!(I10, bill.currency == whole.currency, "a note in {} about {}", bill.currency, whole.currency);
        let open = about.draft_id(u32::try_from(links.len()).unwrap_or(u32::MAX));
        if bill.is_nothing() {
            let open = catalog.draft(&open).await?.filter(|draft| draft.state.is_open()).map(|draft| draft.revision);
            return Ok(Correction::Nothing { open });
        }
        let (hours, causes) = match basis {
            None => (Vec::new(), Causes::default()),
            Some(basis) => self.moved(about, &last.document, basis).await?,
        };
        let reason = match (asked.cancel, asked.reason) {
            (true, _) => Reason::Cancelled,
            (false, Some(reason)) => reason,
            (false, None) => causes.reason(&hours),
        };
        let draft = note(original, last, (bill, hours), reason, basis);
        draft.check()?;
        self.store(about, draft, links.len(), basis).await
    }

    /// The hours that moved since the last document, and what it was about them.
    async fn moved(
        &self,
        about: &AccountPeriod,
        last: &Document,
        now: &Basis,
    ) -> Result<(Vec<HourMoved>, Causes), Error> {
        let before = compose::basis(&self.checking.archive, &last.draft.pins.basis).await?;
        let counted = Counted {
            archive: &self.checking.archive,
            origin: Origin::Segments,
            advertiser: &about.advertiser_id,
            currency: &about.currency,
        };
        let hours = compose::hours(&counted.moved(&before, now).await?)?;
        let moved = |hour: &Hour| hours.binary_search_by_key(hour, |moved| moved.hour).is_ok();
        let mut causes = Causes::default();
        let by_hour: BTreeMap<Hour, &Read> = before.segments().iter().map(|read| (read.hour, read)).collect();
        for read in now.segments().iter().filter(|read| moved(&read.hour)) {
            match by_hour.get(&read.hour) {
                None => causes.late = true,
                Some(was) if was.input_digest == read.input_digest && was.code_digest != read.code_digest => {
                    causes.code = true;
                }
                Some(_) => {}
            }
        }
        Ok((hours, causes))
    }

    async fn store(
        &self,
        about: &AccountPeriod,
        draft: Draft,
        documents: usize,
        basis: Option<&Basis>,
    ) -> Result<Correction, Error> {
        let (archive, catalog) = (&self.checking.archive, &self.checking.catalog);
        if let Some(basis) = basis {
            let put = archive.put_input(Input::Basis, basis.to_bytes().into()).await?;
            invariant!(I10, put == draft.pins.basis, "basis {} was put as {put}", draft.pins.basis);
        }
        let text = Bytes::from(draft.canonical());
        let text_bytes = text.len() as u64;
        let text_digest = archive.put_input(Input::Draft, text).await?.to_string();
        let new = NewDraft {
            facts: facts(about, &draft),
            documents_before: u32::try_from(documents).unwrap_or(u32::MAX),
            text_digest,
            text_bytes,
            revives: true,
        };
        let stored = catalog.put_drafts(&[new], &self.actor, self.now).await?;
        let [stored] = stored.as_slice() else {
            return Err(Error::Contradiction(format!("the catalog stored {} drafts of one", stored.len())));
        };
        let revision = stored.revision.clone();
        Ok(match stored.outcome {
            DraftOutcome::New => Correction::Drafted { revision, is_new: true, draft: Box::new(draft) },
            DraftOutcome::Same => Correction::Drafted { revision, is_new: false, draft: Box::new(draft) },
            DraftOutcome::Behind => {
                Correction::Refused("somebody issued a document of it meanwhile: try again".to_owned())
            }
        })
    }
}

/// All documents that fit.
///
/// # Errors
/// As the catalog reports.
pub async fn documents(catalog: &dyn Catalog, filter: &DocumentFilter) -> Result<Vec<invoicing::Document>, Error> {
    let mut all: Vec<invoicing::Document> = Vec::new();
    loop {
        let page = catalog.documents(filter, all.last().map(|last| &last.number), PAGE_MAX).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// What a generation's hours count from, as a basis names it.
///
/// # Errors
/// As the catalog reports.
pub async fn reads_of(catalog: &dyn Catalog, generation: &Generation) -> Result<BTreeMap<Hour, Read>, Error> {
    let mut reads = BTreeMap::new();
    for unit in gates::units(catalog, generation).await? {
        let (Some(output), Some(pointer)) = (&unit.output, gates::pointer(generation, &unit)) else { continue };
        let no_digest =
            || Error::Contradiction(format!("{} of {} has digests that are none", unit.hour, generation.id));
        reads.insert(unit.hour, Read::of(&output.segment, &pointer).ok_or_else(no_digest)?);
    }
    Ok(reads)
}

/// What an account's period comes to, under the terms of its invoice.
fn whole(original: &Link, about: &AccountPeriod, usage: &Everybody) -> Result<Bill, Error> {
    let draft = &original.document.draft;
    let nothing = Usage::default();
    let used = usage.of(&about.advertiser_id).and_then(|by_currency| by_currency.get(&about.currency));
    Ok(bill(used.unwrap_or(&nothing), &draft.terms, draft.bill.currency)?)
}

fn note(
    original: &Link,
    last: &Link,
    (bill, hours): (Bill, Vec<HourMoved>),
    reason: Reason,
    basis: Option<&Basis>,
) -> Draft {
    let from = &original.document;
    let mut pins = from.draft.pins.clone();
    pins.basis = basis.map_or(last.document.draft.pins.basis, Basis::digest);
    (pins.template, pins.renderer) = (None, None);
    Draft {
        kind: Kind::of_note(&bill),
        bill,
        hours,
        original: Some(Original {
            series: from.series.clone(),
            number: from.number,
            period: pins.period.name,
            issued_on: from.issued_on,
            reason,
        }),
        pins,
        ..from.draft.clone()
    }
}

fn facts(about: &AccountPeriod, draft: &Draft) -> Facts {
    Facts {
        about: about.clone(),
        zone: draft.pins.period.zone.clone(),
        kind: match draft.kind {
            Kind::Invoice => invoicing::Kind::Invoice,
            Kind::CreditNote => invoicing::Kind::CreditNote,
            Kind::DebitNote => invoicing::Kind::DebitNote,
        },
        original: draft.original.as_ref().map(|original| invoicing::Original {
            document: DocumentNumber { series: original.series.clone(), number: original.number },
            reason: original.reason.as_str().to_owned(),
        }),
        terms_version: draft.pins.terms_version,
        total_minor: draft.bill.total,
        lines: draft.bill.lines.len() as u64,
        inputs: draft.inputs().to_string(),
        basis: draft.pins.basis.to_string(),
    }
}

/// What was seen of the hours that moved, beside their counts.
#[derive(Debug, Clone, Copy, Default)]
struct Causes {
    /// Hours came that were not there.
    late: bool,
    /// Hours count by other code what is the same.
    code: bool,
}

impl Causes {
    /// The reason of a note: what changed most.
    fn reason(self, hours: &[HourMoved]) -> Reason {
        let sum = |of: fn(&HourMoved) -> i64| -> i128 { hours.iter().map(|hour| i128::from(of(hour))).sum() };
        if self.code {
            return Reason::ProjectionFix;
        }
        if self.late || sum(|hour| hour.counts.gross) != 0 {
            return Reason::LateEvents;
        }
        let categories = [
            (sum(|hour| hour.counts.sivt).abs(), Reason::Sivt),
            (sum(|hour| hour.counts.givt).abs(), Reason::Givt),
            (sum(|hour| hour.counts.duplicate).abs(), Reason::Duplicate),
            (sum(|hour| hour.counts.policy).abs(), Reason::Policy),
        ];
        // Of two that moved as much, the one that is named first.
        let most = categories.into_iter().rev().max_by_key(|(moved, _)| *moved);
        most.filter(|(moved, _)| *moved > 0).map_or(Reason::Correction, |(_, reason)| reason)
    }
}

#[cfg(test)]
mod tests {
    use clicktrail_invoices::Counts;

    use super::*;

    #[test]
    fn reason_of_a_note_is_what_moved_most() {
        let moved = |givt, sivt, gross| HourMoved {
            hour: Hour::from_i64(1),
            counts: Counts { gross, givt, sivt, billable: gross - givt - sivt, ..Counts::default() },
        };
        let check = |causes: Causes, hours: &[HourMoved], expected: Reason| {
            assert_eq!(causes.reason(hours), expected, "{causes:?} {hours:?}");
        };
        check(Causes::default(), &[moved(1, 5, 0), moved(2, 0, 0)], Reason::Sivt);
        check(Causes::default(), &[moved(3, 1, 0), moved(0, -3, 0)], Reason::Givt);
        check(Causes::default(), &[moved(2, 2, 0)], Reason::Sivt);
        check(Causes::default(), &[moved(0, 0, 4)], Reason::LateEvents);
        check(Causes { code: true, late: false }, &[moved(0, 0, 4)], Reason::ProjectionFix);
        check(Causes::default(), &[], Reason::Correction);
    }
}
