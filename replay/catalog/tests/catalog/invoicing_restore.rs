//! What comes back into a catalog that was lost or is an older copy: documents with the state of their drafts, terms
//! with their versions, and how far the log of invoices was followed.

use clicktrail_catalog::{
    Catalog,
    invoicing::{DocumentRecord, DraftFilter, DraftRevision, DraftState, NewDraft, REVISION_UNKNOWN, Terms},
};
use clicktrail_log::position::{Epoch, Position};

use crate::{
    invoicing_damage::unguard,
    invoicing_samples::{approved, assert_refused, invoice, issued, note, number, sum},
    place::Place,
    samples::{at, seq},
};

/// As if the catalog was lost.
const EMPTY: &str = "DELETE FROM artefacts; DELETE FROM documents; DELETE FROM drafts";

async fn states(catalog: &dyn Catalog) -> Vec<(String, DraftState)> {
    let drafts = catalog.drafts(&DraftFilter::default(), "", 9).await.unwrap();
    drafts.into_iter().map(|draft| (draft.revision.to_string(), draft.state)).collect()
}

/// An invoice, the note that takes it back, and the invoice in its place.
async fn cancelled(catalog: &dyn Catalog) -> Vec<DocumentRecord> {
    let first = issued(catalog, &invoice("a", "a"), "INV").await;
    let taken_back = issued(catalog, &note("a", &first, "cancelled", 1), "CN").await;
    let again = NewDraft { documents_before: 2, ..invoice("a", "again") };
    let second = issued(catalog, &again, "INV").await;
    let mut records = Vec::new();
    for number in [&first, &taken_back, &second] {
        records.push(catalog.document(number).await.unwrap().unwrap());
    }
    records
}

/// The notes' series comes first by name, so what cancels an invoice may come back before it.
pub(crate) async fn documents_come_back_in_any_order_with_their_drafts(place: Place) {
    let source = place.open().await;
    let records = cancelled(source.as_ref()).await;
    unguard(&place).await;
    for order in [[0, 1, 2], [1, 0, 2], [0, 2, 1]] {
        place.execute(EMPTY).await;
        let catalog = place.open().await;
        // The backup has the first draft approved.
        approved(catalog.as_ref(), &invoice("a", "a")).await;
        for at_once in order {
            let record = std::slice::from_ref(&records[at_once]);
            assert_eq!(catalog.restore_documents(record, "ann", at(9)).await.unwrap(), 1, "{order:?}");
        }
        let expected = [("2026-03.a.EUR r1".to_owned(), DraftState::Issued)];
        assert_eq!(states(catalog.as_ref()).await, expected, "{order:?}");
        assert_eq!(catalog.invoicing_damage().await.unwrap(), Vec::<String>::new());
        let documents = catalog.documents_of(&records[0].document.facts.about).await.unwrap();
        assert_eq!(documents.iter().map(|document| document.serial).collect::<Vec<_>>(), [1, 2, 3]);
        assert_refused(catalog.put_drafts(&[again(3)], "ann", at(9)).await, "INV 2 was not cancelled");
    }
}

fn again(documents_before: u32) -> NewDraft {
    NewDraft { documents_before, ..invoice("a", "once more") }
}

/// All that was left of a document was its log entry; then its record is found after all.
pub(crate) async fn document_that_the_log_alone_knew_is_the_same_as_its_record(place: Place) {
    let source = place.open().await;
    let records = cancelled(source.as_ref()).await;
    unguard(&place).await;
    place.execute(EMPTY).await;
    let catalog = place.open().await;
    let mut of_log = records[0].clone();
    of_log.document.draft = DraftRevision { revision: REVISION_UNKNOWN, ..of_log.document.draft.clone() };
    of_log.document.facts.lines = 0;
    assert_eq!(catalog.restore_documents(&[of_log], "ann", at(9)).await.unwrap(), 1);
    assert_eq!(catalog.restore_documents(&records, "ann", at(9)).await.unwrap(), 2);
    let mut other = records[0].clone();
    other.document.digest = sum("other");
    assert_refused(catalog.restore_documents(&[other], "ann", at(9)).await, "another document has that number");
}

pub(crate) async fn terms_come_back_as_they_were_stored(place: Place) {
    let catalog = place.open().await;
    let version = |advertiser: &str, version: u32, text: &str| Terms {
        advertiser_id: advertiser.to_owned(),
        version,
        valid_from: "2026-01-01".to_owned(),
        text: text.to_owned(),
        digest: sum(text),
        created_at: at(i64::from(version)),
        created_by: "eve".to_owned(),
    };
    let all = [version("", 1, "{}"), version("a", 1, "one"), version("a", 2, "two")];
    assert_refused(catalog.restore_terms(&all[2..], "ann", at(9)).await, "the version before is missing");
    assert_eq!(catalog.restore_terms(&all, "ann", at(9)).await.unwrap(), 3);
    assert_eq!(catalog.restore_terms(&all, "ann", at(9)).await.unwrap(), 0);
    assert_eq!(catalog.terms("a", 2).await.unwrap().as_ref(), Some(&all[2]));
    assert_eq!(catalog.seller(1).await.unwrap().as_ref(), Some(&all[0]));
    let other = version("a", 2, "three");
    assert_refused(catalog.restore_terms(&[other], "ann", at(9)).await, "other terms have that number");
    assert_refused(catalog.restore_terms(&[version("b", 0, "x")], "ann", at(9)).await, "version 0");
    assert_eq!(catalog.invoicing_damage().await.unwrap(), Vec::<String>::new());
}

pub(crate) async fn the_log_was_followed_as_far_as_the_last_entry_that_is_known(place: Place) {
    let catalog = place.open().await;
    let catalog = catalog.as_ref();
    assert_eq!(catalog.last_logged().await.unwrap(), None);
    let first = issued(catalog, &invoice("a", "a"), "INV").await;
    assert_eq!(catalog.last_logged().await.unwrap(), None);
    let credit = issued(catalog, &note("a", &first, "givt", 1), "CN").await;
    let second = issued(catalog, &invoice("b", "b"), "INV").await;
    let position = |frame| Position::new(Epoch::FIRST, seq(frame), 0);
    catalog.logged(&first, position(1)).await.unwrap();
    assert_eq!(catalog.last_logged().await.unwrap(), Some(position(1)));
    catalog.logged(&credit, position(7)).await.unwrap();
    assert_eq!(catalog.last_logged().await.unwrap(), Some(position(7)));
    let waiting = catalog.not_logged(Some(&first), 9).await.unwrap();
    assert_eq!(waiting.into_iter().map(|document| document.number).collect::<Vec<_>>(), std::slice::from_ref(&second));
    assert_eq!(catalog.not_logged(Some(&second), 9).await.unwrap(), []);
    assert_eq!(catalog.not_logged(Some(&number("A", 1)), 9).await.unwrap().len(), 1);
}
