//! A document of which the log of issued documents alone is left: catalog and archive are older copies. Its entry names
//! it, its total and its files by digest; what else there is to know of it stands in its JSON.

use clicktrail_catalog::invoicing::{
    AccountPeriod, Artefact, Document as Issued, DocumentNumber, DocumentRecord, DraftRevision, Facts, Kind, Original,
    REVISION_UNKNOWN,
};
use clicktrail_log::{
    archive::Archive,
    invoices::{DocumentKind, InvoiceEntry},
    position::Position,
};

use crate::{correct, error::Error, kept};

/// The reason of a note of which nobody knows it.
const UNKNOWN: &str = "unknown";

/// What is left of a document.
#[derive(Debug)]
pub(super) enum Left {
    /// All of it: its JSON is there.
    Whole(DocumentRecord),
    /// What its entry says. It is in the log, so it needs no entry any more.
    Entry(DocumentRecord),
}

/// A document from its entry, as which of its account's period.
///
/// # Errors
/// The archive out of reach.
pub(super) async fn read(
    archive: &Archive,
    (position, entry): &(Position, InvoiceEntry),
    serial: u32,
    is_followed_by_an_invoice: bool,
) -> Result<(Left, Vec<String>), Error> {
    let mut record = of_entry(entry, serial, is_followed_by_an_invoice);
    let mut missing = Vec::new();
    for artefact in &record.artefacts {
        match archive.get_file(&kept::file(artefact)).await {
            Ok(_) => {}
            Err(cause) if cause.is_transient() => return Err(cause.into()),
            Err(cause) => missing.push(clicktrail_log::causes::causes(&cause)),
        }
    }
    let document = match kept::document(archive, &record.document, &record.artefacts).await {
        Ok(document) => document,
        Err(cause) if cause.is_transient() => return Err(cause),
        Err(_) => {
            record.document.logged = Some(*position);
            return Ok((Left::Entry(record), missing));
        }
    };
    record.document.due_on = document.due_on.to_string();
    record.document.facts = correct::facts(&record.document.facts.about, &document.draft);
    Ok((Left::Whole(record), missing))
}

/// What an entry says. A note that an invoice of the same account and period follows took all of the one before back:
/// nothing else lets another be issued.
fn of_entry(entry: &InvoiceEntry, serial: u32, is_followed_by_an_invoice: bool) -> DocumentRecord {
    let number =
        |of: &clicktrail_log::invoices::DocumentNumber| DocumentNumber { series: of.series.clone(), number: of.number };
    let about = AccountPeriod {
        period: entry.period.clone(),
        advertiser_id: entry.advertiser_id.clone(),
        currency: entry.currency.clone(),
    };
    let reason =
        if is_followed_by_an_invoice { clicktrail_invoices::document::Reason::Cancelled.as_str() } else { UNKNOWN };
    let document = Issued {
        number: number(&entry.number),
        draft: DraftRevision { id: about.draft_id(serial - 1), revision: REVISION_UNKNOWN },
        serial,
        facts: Facts {
            about,
            zone: entry.zone.clone(),
            kind: match entry.kind {
                DocumentKind::Invoice => Kind::Invoice,
                DocumentKind::CreditNote => Kind::CreditNote,
                DocumentKind::DebitNote => Kind::DebitNote,
            },
            original: entry
                .original
                .as_ref()
                .map(|original| Original { document: number(original), reason: reason.to_owned() }),
            terms_version: 0,
            total_minor: entry.total_minor,
            lines: 0,
            // What it was drafted from is not known: no draft has such inputs.
            inputs: "0".repeat(64),
            basis: entry.basis.to_string(),
        },
        issued_on: entry.issued_on.clone(),
        due_on: entry.issued_on.clone(),
        digest: entry.document.to_string(),
        issued_at: entry.issued_at,
        issued_by: entry.actor.clone(),
        logged: None,
    };
    let artefacts = entry.artefacts.iter().map(|file| Artefact {
        format: file.format.clone(),
        key: file.key.clone(),
        digest: file.digest.to_string(),
        bytes: file.bytes,
    });
    DocumentRecord { document, artefacts: artefacts.collect() }
}
