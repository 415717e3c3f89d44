//! Notes: what was issued for a period is held against what it comes to now, and the difference is drafted, however
//! long ago that was.
//!
//! The correct whole is a bill of today's counts, or those of a generation, under the terms of the invoice itself, with
//! its discounts, minimums and caps. So a note never takes a line below nothing, and never misses a minimum. What was
//! issued before, notes too, is taken from it line by line (I10).

mod causes;
mod moved;
mod outcome;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use clicktrail_catalog::{
    Catalog,
    generations::Generation,
    invoicing::{self, AccountPeriod, DocumentFilter, DocumentNumber, DraftOutcome, Facts, NewDraft, PAGE_MAX},
};
use clicktrail_invoices::{
    Bill, Usage, bill,
    document::{Document, Draft, HourMoved, Kind, Original, Reason},
};
use clicktrail_log::{
    archive::keys::invoices::Input,
    causes::causes,
    frame::Digest,
    invariant,
    time::{Hour, Timestamp},
};
use clicktrail_replay::{gates, standing};

use crate::{
    basis::{self, Basis, Read},
    chain::{self, Link},
    compose,
    error::Error,
    ready::{Checking, Lack},
    usage::{Everybody, sum::Summing},
};
use moved::{Moved, account};

pub use outcome::{Corrected, Correction, Note};

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

/// What came of holding an account's period against what was issued.
enum Compared {
    /// There is no note to draft.
    Done(AccountPeriod, Correction),
    /// There is.
    Differs(Box<Difference>),
}

/// What a note will say, before it is known which hours moved.
struct Difference {
    about: AccountPeriod,
    /// The invoice that it corrects.
    original: Link,
    /// The document before it.
    last: Link,
    /// How many there are.
    documents: usize,
    bill: Bill,
}

impl Correcting {
    /// Corrects the accounts of a period that have an invoice, or those of them that are `wanted`.
    ///
    /// # Errors
    /// A segment that is missing or damaged, by name; as archive and catalog report. What is damaged of an account's
    /// own documents is refused, and keeps nobody from the others.
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
            self.accounts(accounts, asked, fresh.as_ref(), &mut corrected).await?;
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
        let basis = basis::find(archive, &checked.snapshot, period.clone(), first, None).await?;
        let mut basis = basis.standing_on(checked.signed);
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
            basis = basis.with(&built, &checked.snapshot.ruled);
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

    /// Corrects accounts of one zone: first what each comes to, then, of those that come to something else, the hours
    /// that moved. What is damaged of one account keeps nobody from the others.
    async fn accounts(
        &self,
        accounts: Vec<AccountPeriod>,
        asked: &Asked,
        fresh: Option<&Fresh>,
        corrected: &mut Corrected,
    ) -> Result<(), Error> {
        let mut by_basis: BTreeMap<Digest, Vec<Difference>> = BTreeMap::new();
        let answered = corrected.accounts.len() + accounts.len();
        for about in accounts {
            match self.compare(about.clone(), asked, fresh).await {
                Ok(Compared::Done(about, correction)) => corrected.add(about, correction),
                Ok(Compared::Differs(note)) => {
                    by_basis.entry(note.last.document.draft.pins.basis).or_default().push(*note);
                }
                Err(cause) => corrected.add(about, Correction::Refused(why_refused(cause)?)),
            }
        }
        for (digest, notes) in by_basis {
            let moved = match fresh {
                None => Ok(None),
                Some(fresh) => self.moved(&digest, &fresh.basis, &notes).await.map(Some),
            };
            let moved = match moved {
                Ok(moved) => moved,
                Err(cause) => {
                    let why = why_refused(cause)?;
                    notes.into_iter().for_each(|note| corrected.add(note.about, Correction::Refused(why.clone())));
                    continue;
                }
            };
            for note in notes {
                let correction = match self.draft(&note, asked, moved.as_ref(), fresh).await {
                    Ok(correction) => correction,
                    Err(cause) => Correction::Refused(why_refused(cause)?),
                };
                corrected.add(note.about, correction);
            }
        }
        let told = corrected.accounts.len();
        invariant!(I10, told == answered, "of {answered} accounts that were to be corrected {told} are told of");
        Ok(())
    }

    /// Drafts one note.
    async fn draft(
        &self,
        note: &Difference,
        asked: &Asked,
        moved: Option<&Moved>,
        fresh: Option<&Fresh>,
    ) -> Result<Correction, Error> {
        let (hours, causes) = moved.map_or_else(Default::default, |moved| moved.of(&note.about));
        let reason = match (asked.cancel, asked.reason) {
            (true, _) => Reason::Cancelled,
            (false, Some(reason)) => reason,
            (false, None) => causes.reason(&hours),
        };
        let basis = fresh.map(|fresh| &fresh.basis);
        let draft = draft_of(note, hours, reason, basis);
        draft.check()?;
        invariant!(I10, !draft.bill.is_nothing(), "a note about {} says nothing", note.about);
        self.store(&note.about, draft, note.documents, basis).await
    }

    /// What one account comes to, against what was issued to it.
    async fn compare(&self, about: AccountPeriod, asked: &Asked, fresh: Option<&Fresh>) -> Result<Compared, Error> {
        let (archive, catalog) = (&self.checking.archive, self.checking.catalog.as_ref());
        let links = chain::of(archive, catalog, &about).await?;
        let open = about.draft_id(u32::try_from(links.len()).unwrap_or(u32::MAX));
        let refused = |why: String| Correction::Refused(why);
        let (Some(last), Some(original)) = (links.last(), chain::original(&links)) else {
            let why = format!("its invoice was taken back: draft it again ({open})");
            return Ok(Compared::Done(about, refused(why)));
        };
        if let Some(named) = &asked.named
            && named != &original.issued.number
            && links.iter().any(|link| link.issued.number == *named && link.document.draft.kind == Kind::Invoice)
        {
            let (named, stands) = (chain::name(named), chain::name(&original.issued.number));
            let why = format!("{named} was taken back, and {stands} stands in its place: name that");
            return Ok(Compared::Done(about, refused(why)));
        }
        let issued: Vec<&Document> = links.iter().map(|link| &link.document).collect();
        let whole = match fresh {
            None => compose::nothing(&last.document.draft.bill)?,
            Some(fresh) => whole(original, &about, &fresh.usage)?,
        };
        let bill = compose::note(&whole, &issued)?;
        invariant!(I10, bill.currency == whole.currency, "a note in {} about {}", bill.currency, whole.currency);
        if bill.is_nothing() {
            let open = catalog.draft(&open).await?.filter(|draft| draft.state.is_open()).map(|draft| draft.revision);
            if let Some(open) = &open {
                let why = "nothing is to be corrected any more";
                catalog.outdate(std::slice::from_ref(open), why, &self.actor, self.now).await?;
            }
            return Ok(Compared::Done(about, Correction::Nothing { open }));
        }
        let (original, last) = (original.clone(), last.clone());
        Ok(Compared::Differs(Box::new(Difference { about, original, last, documents: links.len(), bill })))
    }

    /// The hours that moved of these accounts since their last document, and what it was about them.
    async fn moved(&self, before: &Digest, now: &Basis, notes: &[Difference]) -> Result<Moved, Error> {
        let before = compose::basis(&self.checking.archive, before).await?;
        let accounts: BTreeSet<moved::Account> = notes.iter().map(|note| account(&note.about)).collect();
        let advertiser = match notes {
            [one] => Some(one.about.advertiser_id.clone()),
            _ => None,
        };
        let summing = Summing { archive: self.checking.archive.clone(), threads: self.threads, advertiser };
        let by_account = moved::hours(&summing, (&before, now), &accounts).await?;
        let by_hour: BTreeMap<Hour, &Read> = before.segments().iter().map(|read| (read.hour, read)).collect();
        let (mut late, mut code) = (BTreeSet::new(), BTreeSet::new());
        for read in now.segments() {
            match by_hour.get(&read.hour) {
                None => drop(late.insert(read.hour)),
                Some(was) if was.input_digest == read.input_digest && was.code_digest != read.code_digest => {
                    code.insert(read.hour);
                }
                Some(_) => {}
            }
        }
        Ok(Moved { by_account, late, code })
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
            outcome @ (DraftOutcome::New | DraftOutcome::Same) => {
                let is_new = outcome == DraftOutcome::New;
                Correction::Drafted { revision, is_new, note: Box::new(Note::of(draft)) }
            }
            DraftOutcome::Behind => {
                Correction::Refused("somebody issued a document of it meanwhile: try again".to_owned())
            }
        })
    }
}

/// What is told of an account whose documents or basis are of no use.
///
/// # Errors
/// The cause itself, if trying again may help.
fn why_refused(cause: Error) -> Result<String, Error> {
    match cause.is_transient() {
        true => Err(cause),
        false => Ok(causes(&cause)),
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

fn draft_of(note: &Difference, hours: Vec<HourMoved>, reason: Reason, basis: Option<&Basis>) -> Draft {
    let (from, last, bill) = (&note.original.document, &note.last, note.bill.clone());
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

/// What the catalog knows of a draft or document.
pub(crate) fn facts(about: &AccountPeriod, draft: &Draft) -> Facts {
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

#[cfg(test)]
mod tests;
