//! Step 4, at its end: the documents are those that were issued: the log of issued documents has their digests. One
//! that is not there yet counts if the auditor has it from elsewhere.

use std::collections::BTreeSet;

use super::{
    document::{Content, Document},
    dossier::Dossier,
    failure::Failure,
    manifest::Manifest,
    opened::{Opened, expect_end, expect_no_row, next_row},
    signed::Trust,
};
use crate::{
    bundle::{
        columns::{ISSUED, at::issued},
        names,
        proof::{self, Leaf},
        table::Row,
    },
    hash::Hash,
    row::{self, Value},
};

/// Where it is that something is wrong with what the auditor handed in.
const HANDED_IN: &str = "--document";

/// How many documents were found in the log, and how many were handed in instead.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) logged: usize,
    pub(super) handed_in: usize,
}

/// Checks that each document that was handed in is one of those that are there: whoever hands in another has, or was
/// given, another invoice than this bundle proves.
pub(super) fn check_handed_in(dossier: Option<&Dossier>, trust: &Trust) -> Result<(), Failure> {
    let documents = dossier.map_or(&[][..], |dossier| &dossier.documents);
    let Some(other) = trust.documents.iter().find(|digest| documents.iter().all(|one| one.digest != **digest)) else {
        return Ok(());
    };
    let names: Vec<String> = documents.iter().map(Document::name).collect();
    let reason = match names.is_empty() {
        true => format!("you handed in a document (SHA-256 {other}), and the bundle is about none"),
        false => format!(
            "a document that you handed in (SHA-256 {other}) is not {}, as it is in this bundle: it is another, or says \
             something else, or is not the canonical JSON that was issued",
            names.join(" or ")
        ),
    };
    Err(Failure::integrity(HANDED_IN, reason))
}

/// Checks that every document was issued.
pub(super) fn check(
    opened: &Opened<'_>,
    hours: &[Manifest],
    dossier: &Dossier,
    trust: &Trust,
) -> Result<Found, Failure> {
    let logged = if hours.is_empty() { BTreeSet::new() } else { logged(opened, hours, dossier)? };
    let mut found = Found::default();
    for document in &dossier.documents {
        if logged.contains(&document.digest) {
            found.logged += 1;
        } else if trust.documents.contains(&document.digest) {
            found.handed_in += 1;
        } else {
            let name = document.name();
            let reason = format!(
                "{name} is not in the log of issued documents at this checkpoint: hand in the document as you have it, \
                 or ask for a bundle of a later checkpoint"
            );
            return Err(Failure::incomplete(names::ISSUED, reason));
        }
    }
    Ok(found)
}

/// Whether the log says of a document what it says itself. When it was issued, its files and by whom only the log
/// knows.
fn is_entry_of(row: &Row<'_>, document: &Document, total: i128) -> bool {
    let Content { advertiser_id, original, period, bill, .. } = &document.content;
    let (digest, basis, total) = (document.digest.to_string(), document.pins.basis.to_string(), total.to_string());
    let original = original.as_ref();
    let series = original.map_or(Value::Null, |original| Value::Text(&original.series));
    let number = original.map_or(Value::Null, |original| Value::Int(original.number.into()));
    let says = [
        (issued::DOCUMENT, Value::Text(&digest)),
        (issued::SERIES, Value::Text(&document.series)),
        (issued::NUMBER, Value::Int(document.number.into())),
        (issued::KIND, Value::Text(document.kind.as_str())),
        (issued::ADVERTISER, Value::Text(advertiser_id)),
        (issued::CURRENCY, Value::Text(&bill.currency)),
        (issued::PERIOD, Value::Text(&period.name)),
        (issued::ZONE, Value::Text(&period.zone)),
        (issued::PERIOD_FROM, Value::Int(period.from.0)),
        (issued::PERIOD_TO, Value::Int(period.to.0)),
        (issued::ISSUED_ON, Value::Text(&document.issued_on)),
        (issued::TOTAL, Value::Decimal(&total)),
        (issued::MINOR_DIGITS, Value::Int(bill.decimals.into())),
        (issued::ORIGINAL_SERIES, series),
        (issued::ORIGINAL_NUMBER, number),
        (issued::BASIS, Value::Text(&basis)),
    ];
    says.into_iter().all(|(column, value)| row.value(column) == value)
}

/// Digests of documents that the log has.
fn logged(opened: &Opened<'_>, hours: &[Manifest], dossier: &Dossier) -> Result<BTreeSet<Hash>, Failure> {
    let mut table = opened.table(names::ISSUED, &ISSUED)?;
    let mut from = opened.reader(names::PROOF_ISSUED)?;
    let mut found = BTreeSet::new();
    let digests: Vec<String> = dossier.documents.iter().map(|document| document.digest.to_string()).collect();
    for manifest in hours {
        let root = proof::read_root::<Failure>(manifest.rows, &mut from, &mut |_, leaf| {
            if leaf != Leaf::Shown {
                return Err(Failure::integrity(names::PROOF_ISSUED, "it has leaves of verdicts"));
            }
            let row = next_row(names::ISSUED, &mut table)?;
            let (series, number) = (row.text(issued::SERIES), row.int(issued::NUMBER));
            let digest = row.text(issued::DOCUMENT);
            let Some(place) = digests.iter().position(|of| *of == digest) else {
                let reason = format!("{series}-{number:08} was issued with other bytes than those that are there");
                return Err(Failure::integrity(names::ISSUED, reason));
            };
            let (document, bill) = (&dossier.documents[place], &dossier.bills[place]);
            if !is_entry_of(&row, document, bill.total) {
                let reason = format!("the log says something else of {series}-{number:08} than the document");
                return Err(Failure::integrity(names::ISSUED, reason));
            }
            found.insert(document.digest);
            Ok(Hash::leaf(&row::encode(row::Kind::Invoices, row.values())))
        });
        let root = root.map_err(|failure| failure.or_at(names::PROOF_ISSUED))?;
        if root != manifest.trees().rows.root {
            let reason = format!("the issued documents of {} are not those that were sealed", manifest.hour);
            return Err(Failure::integrity(names::ISSUED, reason));
        }
    }
    expect_no_row(names::ISSUED, &mut table)?;
    expect_end(names::PROOF_ISSUED, &mut from)?;
    Ok(found)
}
