//! Terms, periods, drafts and documents to store.

use clicktrail_catalog::{
    Catalog, Error,
    invoicing::{
        AccountPeriod, Artefact, Cycle, DocumentNumber, DraftRevision, Facts, Kind, NewDocument, NewDraft, NewPeriod,
        NewTerms, Original,
    },
};
use clicktrail_log::{frame::Digest, time::Timestamp};

use crate::samples::at;

/// The digest of a text.
pub(crate) fn sum(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}

pub(crate) fn terms(advertiser_id: &str, valid_from: &str, text: &str) -> NewTerms {
    NewTerms {
        advertiser_id: advertiser_id.to_owned(),
        valid_from: valid_from.to_owned(),
        text: text.to_owned(),
        digest: sum(text),
    }
}

/// From one minute to another.
pub(crate) fn period(name: &str, zone: &str, from: i64, to: i64) -> NewPeriod {
    let minute = |minutes: i64| Timestamp::from_micros(minutes * 60_000_000);
    let (name, zone, tzdb) = (name.to_owned(), zone.to_owned(), "2025b".to_owned());
    NewPeriod { name, zone, cycle: Cycle::Month, from: minute(from), to: minute(to), tzdb }
}

pub(crate) fn about(advertiser_id: &str) -> AccountPeriod {
    let (period, currency) = ("2026-03".to_owned(), "EUR".to_owned());
    AccountPeriod { period, advertiser_id: advertiser_id.to_owned(), currency }
}

/// An invoice, whose inputs are these.
pub(crate) fn invoice(advertiser_id: &str, inputs: &str) -> NewDraft {
    NewDraft {
        facts: Facts {
            about: about(advertiser_id),
            zone: "Europe/Berlin".to_owned(),
            kind: Kind::Invoice,
            original: None,
            terms_version: 1,
            total_minor: 1_i128 << 100,
            lines: 3,
            inputs: sum(inputs),
            basis: sum(&format!("basis {inputs}")),
        },
        documents_before: 0,
        text_digest: sum(&format!("text {inputs}")),
        text_bytes: 1234,
        revives: false,
    }
}

/// A credit note about an invoice, computed after so many documents.
pub(crate) fn note(advertiser_id: &str, about: &DocumentNumber, reason: &str, documents_before: u32) -> NewDraft {
    let draft = invoice(advertiser_id, reason);
    let original = Some(Original { document: about.clone(), reason: reason.to_owned() });
    let facts = Facts { kind: Kind::CreditNote, original, total_minor: -500, ..draft.facts.clone() };
    NewDraft { facts, documents_before, ..draft }
}

pub(crate) fn number(series: &str, number: u32) -> DocumentNumber {
    DocumentNumber { series: series.to_owned(), number }
}

pub(crate) fn revision(id: &str, revision: u32) -> DraftRevision {
    DraftRevision { id: id.to_owned(), revision }
}

/// What is made of a draft under a number.
pub(crate) fn document(draft: &DraftRevision, number: &DocumentNumber) -> NewDocument {
    let artefact = |format: &str| Artefact {
        format: format.to_owned(),
        key: format!("invoices/documents/{}/{:08}/1.{format}", number.series, number.number),
        digest: sum(&format!("{draft} {number} {format}")),
        bytes: 99,
    };
    NewDocument {
        draft: draft.clone(),
        number: number.clone(),
        issued_on: "2026-04-02".to_owned(),
        due_on: "2026-05-02".to_owned(),
        digest: sum(&format!("{draft} {number}")),
        artefacts: vec![artefact("json"), artefact("csv")],
    }
}

/// Stores a draft and approves it.
pub(crate) async fn approved(catalog: &dyn Catalog, draft: &NewDraft) -> DraftRevision {
    let stored = catalog.put_drafts(std::slice::from_ref(draft), "ann", at(0)).await.unwrap().pop().unwrap();
    catalog.approve(std::slice::from_ref(&stored.revision), "bob", at(1)).await.unwrap();
    stored.revision
}

/// Stores a draft, approves it and issues it under the next number of its series.
pub(crate) async fn issued(catalog: &dyn Catalog, draft: &NewDraft, series: &str) -> DocumentNumber {
    let revision = approved(catalog, draft).await;
    let next = catalog.next_number(series).await.unwrap();
    catalog.issue(&[document(&revision, &next)], "ann", at(2)).await.unwrap();
    next
}

pub(crate) fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, Error>, why: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::Refused(_)) && !error.is_transient(), "{error:?}");
    assert!(error.to_string().contains(why), "{error} does not say {why}");
}

pub(crate) fn assert_conflict<T: std::fmt::Debug>(outcome: Result<T, Error>, why: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error:?}");
    assert!(error.to_string().contains(why), "{error} does not say {why}");
}
