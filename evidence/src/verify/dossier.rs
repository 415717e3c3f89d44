//! Step 4, for an invoice: its documents, which add up and belong together, and the bases that they count.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    basis::Basis,
    bill::Bill,
    document::{Document, Kind},
    failure::Failure,
    logged::Logged,
    opened::Opened,
};
use crate::{
    bundle::{
        contents::{File, Hours},
        names,
        time::{Hour, Instant},
    },
    hash::Hash,
};

/// Notes of a bundle at most: a note costs as much as all before it together.
const NOTES_MAX: usize = 1_000;
/// Bytes of documents and bases of a bundle at most: all are held.
const BYTES_MAX: u64 = 256 << 20;

/// An invoice, the notes that correct it, and what they count.
#[derive(Debug)]
pub(super) struct Dossier {
    /// The invoice, then its notes in the order in which they were issued.
    pub(super) documents: Vec<Document>,
    /// What each of them says is owed.
    pub(super) bills: Vec<Bill>,
    /// The files in which they are.
    pub(super) places: Vec<String>,
    /// By digest.
    pub(super) bases: BTreeMap<Hash, Basis>,
}

impl Dossier {
    /// Reads documents and bases.
    pub(super) fn read(opened: &Opened<'_>, logged: &Logged) -> Result<Self, Failure> {
        let notes = opened.contents.files.iter().filter(|file| file.name.starts_with("notes/")).count();
        if notes > NOTES_MAX {
            let reason = format!("it has {notes} notes: a bundle has {NOTES_MAX} at most");
            return Err(Failure::integrity(names::BUNDLE, reason));
        }
        let is_held = |file: &&File| {
            ["notes/", "bases/"].iter().any(|of| file.name.starts_with(of)) || file.name == names::INVOICE
        };
        let bytes =
            opened.contents.files.iter().filter(is_held).fold(0_u64, |sum, file| sum.saturating_add(file.bytes));
        if bytes > BYTES_MAX {
            let reason = format!("its documents and bases have {bytes} bytes: a bundle has {BYTES_MAX} at most");
            return Err(Failure::integrity(names::BUNDLE, reason));
        }
        let places: Vec<String> = [names::INVOICE.to_owned()].into_iter().chain((1..=notes).map(names::note)).collect();
        let mut dossier = Self { documents: Vec::new(), bills: Vec::new(), places, bases: BTreeMap::new() };
        for place in &dossier.places {
            let document = Document::read(place, &opened.bytes(place)?)?;
            let bill = Bill::read(&document.content.bill)
                .ok_or_else(|| Failure::integrity(place, "an amount or a count is not written as they are"))?;
            let wrong = bill.check_sums().map_err(|error| Failure::arithmetic(place, error.to_string()))?;
            if let Some(wrong) = wrong {
                return Err(Failure::arithmetic(place, format!("{}: {wrong}", document.name())));
            }
            dossier.bills.push(bill);
            dossier.documents.push(document);
        }
        dossier.check_chain(opened)?;
        for document in &dossier.documents {
            let digest = document.pins.basis;
            if dossier.bases.contains_key(&digest) {
                continue;
            }
            let place = names::basis(&digest);
            let bytes = opened.bytes(&place)?;
            if Hash::of(&bytes) != digest {
                return Err(Failure::integrity(place, "it is not the basis that is pinned"));
            }
            let basis = Basis::read(&place, &bytes)?;
            let period = &document.content.period;
            if (basis.from, basis.to) != (period.from, period.to) {
                return Err(Failure::integrity(place, "it is of another period than its document"));
            }
            check_hours(&place, &basis, logged)?;
            dossier.bases.insert(digest, basis);
        }
        dossier.check_range(opened.contents.clicks)?;
        Ok(dossier)
    }

    /// The basis of a document.
    pub(super) fn basis_of(&self, document: &Document) -> &Basis {
        self.bases.get(&document.pins.basis).expect("read with the documents")
    }

    /// Hours that some basis counts.
    pub(super) fn counted_hours(&self) -> BTreeSet<Hour> {
        self.bases.values().flat_map(|basis| basis.segments.iter().map(|segment| segment.hour)).collect()
    }

    /// Up to where verdicts must be there.
    pub(super) fn horizon(&self) -> Option<i64> {
        let segments = self.bases.values().flat_map(|basis| &basis.segments);
        segments.filter_map(|segment| segment.known()?.horizon()).max()
    }

    /// Hours whose numbers do not know every verdict, as the last basis says.
    pub(super) fn stale(&self) -> usize {
        self.documents.last().map_or(0, |last| self.basis_of(last).stale.len())
    }

    fn check_chain(&self, opened: &Opened<'_>) -> Result<(), Failure> {
        let first = &self.documents[0];
        let subject = &opened.contents.subject;
        for (index, (document, place)) in self.documents.iter().zip(&self.places).enumerate() {
            let wrong = |reason: &str| Err(Failure::integrity(place, format!("{}: {reason}", document.name())));
            let (content, of_first) = (&document.content, &first.content);
            let original = content.original.as_ref();
            // A note that stood in the invoice's place could name itself.
            match (index, document.kind, original) {
                (0, Kind::Invoice, None) => {}
                (1.., Kind::CreditNote | Kind::DebitNote, Some(original)) if first.is_original(original) => {}
                (0, Kind::Invoice | Kind::CreditNote | Kind::DebitNote, _) => return wrong("it is no invoice"),
                (1.., Kind::Invoice | Kind::CreditNote | Kind::DebitNote, _) => {
                    return wrong("it is no note about the invoice that is there");
                }
            }
            if content.advertiser_id != subject.advertiser_id {
                return wrong("it is another advertiser's");
            }
            let is_same = content.period == of_first.period
                && document.pins.terms == first.pins.terms
                && document.pins.terms_version == first.pins.terms_version
                && content.bill.currency == of_first.bill.currency
                && content.bill.decimals == of_first.bill.decimals;
            if !is_same {
                return wrong("it has another period, other terms or another currency than the invoice");
            }
        }
        let asked = subject.document.as_deref();
        match self.documents.iter().any(|document| Some(document.name().as_str()) == asked) {
            true => Ok(()),
            false => Err(Failure::incomplete(names::BUNDLE, "the document that it is about is not there")),
        }
    }

    /// The hours of clicks are those that the bases looked at.
    fn check_range(&self, clicks: Hours) -> Result<(), Failure> {
        let first = self.bases.values().map(|basis| basis.first_hour).min();
        let last = self.bases.values().map(|basis| basis.last_hour).max();
        match (first, last) == (Some(clicks.from), Some(clicks.to_inclusive)) {
            true => Ok(()),
            false => Err(Failure::incomplete(names::BUNDLE, "its hours of clicks are not those of its bases")),
        }
    }
}

/// The hours of a basis: they reach over the period, end with the manifest that is named, and those that are not
/// counted have nothing to count.
fn check_hours(place: &str, basis: &Basis, logged: &Logged) -> Result<(), Failure> {
    let (from, to) = (Hour::of(basis.from), Hour::of(Instant(basis.to.0 - 1)));
    let hour = |hour: Hour| {
        logged.of_hour(hour).ok_or_else(|| Failure::incomplete(place, format!("the manifest of {hour} is not there")))
    };
    if basis.first_hour > from && hour(basis.first_hour)?.previous.is_some() {
        let reason = format!("it begins with {}, and the period with {from}", basis.first_hour);
        return Err(Failure::incomplete(place, reason));
    }
    if basis.last_hour < to {
        let reason = format!("it ends with {}, and the period with {to}", basis.last_hour);
        return Err(Failure::incomplete(place, reason));
    }
    if hour(basis.last_hour)?.digest != basis.last_manifest {
        return Err(Failure::integrity(place, format!("it was made of another {} than was logged", basis.last_hour)));
    }
    let period = basis.from.0..basis.to.0;
    for without in &basis.without {
        for index in without.from.0..=without.to_inclusive.0 {
            let manifest = hour(Hour(index))?;
            if manifest.rows > 0 && manifest.parts.iter().any(|part| part.may_hold(&period)) {
                let reason = format!("it does not count {}, which may have events of the period", manifest.hour);
                return Err(Failure::incomplete(place, reason));
            }
        }
    }
    Ok(())
}
