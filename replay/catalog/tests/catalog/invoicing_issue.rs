//! Issuing: numbers without a gap, nothing twice, and what was issued stays as it is.

use std::{future::poll_fn, sync::Arc, task::Poll};

use clicktrail_catalog::{
    AuditFilter, Catalog, Error,
    invoicing::{
        DisputeFilter, Document, DocumentFilter, DocumentNumber, DraftRevision, DraftState, Kind, NewDispute,
        NewDocument,
    },
};
use clicktrail_log::position::{Epoch, Position};

use crate::{
    invoicing_samples::{
        about, approved, assert_conflict, assert_refused, document, invoice, issued, note, number, revision, sum,
    },
    place::Place,
    samples::{at, seq},
};

pub(crate) async fn document_has_what_its_draft_had(place: Place) {
    let catalog = place.open().await;
    let draft = invoice("a", "one");
    let approved = approved(catalog.as_ref(), &draft).await;
    let new = document(&approved, &number("INV", 1));
    let issued = catalog.issue(std::slice::from_ref(&new), "eve", at(7)).await.unwrap().pop().unwrap();
    let expected = Document {
        number: number("INV", 1),
        draft: approved.clone(),
        serial: 1,
        facts: draft.facts,
        issued_on: "2026-04-02".to_owned(),
        due_on: "2026-05-02".to_owned(),
        digest: new.digest.clone(),
        issued_at: at(7),
        issued_by: "eve".to_owned(),
        logged: None,
    };
    assert_eq!(issued, expected);
    let found = catalog.document(&number("INV", 1)).await.unwrap().unwrap();
    assert_eq!(found.document, expected);
    // By format.
    assert_eq!(found.artefacts, [new.artefacts[1].clone(), new.artefacts[0].clone()]);
    assert_eq!(catalog.artefacts(&number("INV", 1)).await.unwrap(), found.artefacts);
    let draft = catalog.draft(&approved.id).await.unwrap().unwrap();
    assert_eq!((draft.state, draft.changed_by.as_str()), (DraftState::Issued, "eve"));
    assert_eq!(catalog.document(&number("INV", 2)).await.unwrap(), None);
    let trail = catalog.audit_log(&AuditFilter { action: Some("issue".to_owned()), ..AuditFilter::default() }, 9).await;
    assert_eq!(trail.unwrap()[0].entry.detail, "1: INV 1 of 2026-03.a.EUR r1");
}

pub(crate) async fn number_is_the_next_of_its_series_or_nothing_is_issued(place: Place) {
    let catalog = place.open().await;
    let catalog = catalog.as_ref();
    let (a, b) = (approved(catalog, &invoice("a", "a")).await, approved(catalog, &invoice("b", "b")).await);
    for wrong in [2, 3] {
        assert_conflict(catalog.issue(&[document(&a, &number("INV", wrong))], "ann", at(1)).await, "is INV 1");
    }
    let twice = [document(&a, &number("INV", 1)), document(&b, &number("INV", 1))];
    assert_conflict(catalog.issue(&twice, "ann", at(1)).await, "is INV 2");
    assert_eq!(catalog.next_number("INV").await.unwrap(), number("INV", 1));
    let both = [document(&b, &number("INV", 1)), document(&a, &number("X", 1))];
    catalog.issue(&both, "ann", at(1)).await.unwrap();
    assert_eq!(catalog.next_number("INV").await.unwrap(), number("INV", 2));
    assert_eq!(catalog.next_number("x").await.unwrap(), number("x", 1));
    assert_refused(catalog.issue(&[document(&a, &number("INV", 0))], "ann", at(1)).await, "the first is 1");
}

pub(crate) async fn draft_is_issued_once_and_the_same_again_changes_nothing(place: Place) {
    let catalog = place.open().await;
    let catalog = catalog.as_ref();
    let (a, b) = (approved(catalog, &invoice("a", "a")).await, approved(catalog, &invoice("b", "b")).await);
    let one = document(&a, &number("INV", 1));
    let first = catalog.issue(std::slice::from_ref(&one), "ann", at(1)).await.unwrap();
    // Who does not know whether it was done does it again, with what is left.
    let both = [one.clone(), document(&b, &number("INV", 2))];
    let again = catalog.issue(&both, "bob", at(2)).await.unwrap();
    assert_eq!((&again[0], again[1].number.number), (&first[0], 2));
    assert_refused(catalog.issue(&[document(&a, &number("INV", 3))], "ann", at(3)).await, "it is INV 1");
    let mut other = one.clone();
    other.digest = sum("other");
    assert_refused(catalog.issue(&[other], "ann", at(3)).await, "it is INV 1");
    let mut other = one;
    other.artefacts[0].digest = sum("other");
    assert_refused(catalog.issue(&[other], "ann", at(3)).await, "with other artefacts");
    assert_refused(catalog.void(&a, "", "ann", at(3)).await, "which is issued: a note takes it back");
    let details = place.texts("SELECT detail FROM audit WHERE action = 'issue' ORDER BY audit_id").await;
    assert_eq!(details, ["1: INV 1 of 2026-03.a.EUR r1", "1: INV 2 of 2026-03.b.EUR r1"]);
}

pub(crate) async fn draft_that_nobody_approved_or_that_is_not_the_newest_is_not_issued(place: Place) {
    let catalog = place.open().await;
    let catalog = catalog.as_ref();
    let old = approved(catalog, &invoice("a", "one")).await;
    catalog.put_drafts(&[invoice("a", "two")], "ann", at(2)).await.unwrap();
    let new = revision(&old.id, 2);
    let issue = async |draft| catalog.issue(&[document(draft, &number("INV", 1))], "ann", at(3)).await;
    assert_conflict(issue(&old).await, "r2 is");
    assert_refused(issue(&new).await, "which is draft and not approved");
    catalog.void(&new, "", "ann", at(3)).await.unwrap();
    assert_refused(issue(&new).await, "which is void and not approved");
    assert_refused(issue(&revision("x", 1)).await, "no such draft");
    assert_eq!(catalog.documents(&DocumentFilter::default(), None, 9).await.unwrap(), []);
}

pub(crate) async fn malformed_documents_are_refused_whole(place: Place) {
    let catalog = place.open().await;
    let draft = approved(catalog.as_ref(), &invoice("a", "a")).await;
    let bad = |change: fn(&mut NewDocument)| {
        let mut document = document(&draft, &number("INV", 1));
        change(&mut document);
        document
    };
    for (document, why) in [
        (bad(|document| document.artefacts.clear()), "INV 1 with 0 artefacts"),
        (bad(|document| document.artefacts[1].format = "json".to_owned()), "INV 1 with json twice"),
        (bad(|document| document.artefacts[1].digest.clear()), "no SHA-256"),
        (bad(|document| document.issued_on = "today".to_owned()), "date of issue"),
        (bad(|document| document.number.series.clear()), "an empty series"),
    ] {
        assert_refused(catalog.issue(&[document], "ann", at(1)).await, why);
    }
    assert_eq!(catalog.next_number("INV").await.unwrap(), number("INV", 1));
}

pub(crate) async fn documents_are_listed_in_pages_by_what_they_are(place: Place) {
    let catalog = place.open().await;
    let catalog = catalog.as_ref();
    let first = issued(catalog, &invoice("a", "a"), "INV").await;
    let second = issued(catalog, &invoice("b", "b"), "INV").await;
    let credit = issued(catalog, &note("a", &first, "givt", 1), "CN").await;
    let ask = async |filter: DocumentFilter| {
        let mut numbers: Vec<DocumentNumber> = Vec::new();
        loop {
            let page = catalog.documents(&filter, numbers.last(), 1).await.unwrap();
            let Some(last) = page.last() else { return numbers };
            numbers.push(last.number.clone());
        }
    };
    let every = DocumentFilter::default();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(ask(every.clone()).await, [credit.clone(), first.clone(), second.clone()]);
    assert_eq!(ask(DocumentFilter { series: text("INV"), ..every.clone() }).await, [first.clone(), second.clone()]);
    assert_eq!(ask(DocumentFilter { advertiser_id: text("a"), ..every.clone() }).await, [credit.clone(), first]);
    assert_eq!(ask(DocumentFilter { kind: Some(Kind::CreditNote), ..every.clone() }).await, [credit]);
    assert_eq!(ask(DocumentFilter { period: text("2026-04"), ..every.clone() }).await, []);
    assert_eq!(ask(DocumentFilter { currency: text("USD"), ..every }).await, []);
}

pub(crate) async fn log_entry_is_kept_once(place: Place) {
    let catalog = place.open().await;
    let catalog = catalog.as_ref();
    let (first, second) =
        (issued(catalog, &invoice("a", "a"), "INV").await, issued(catalog, &invoice("b", "b"), "INV").await);
    let position = |frame| Position::new(Epoch::FIRST, seq(frame), 0);
    let waiting = async || -> Vec<DocumentNumber> {
        catalog.not_logged(None, 9).await.unwrap().into_iter().map(|document| document.number).collect()
    };
    assert_eq!(waiting().await, [first.clone(), second.clone()]);
    catalog.logged(&first, position(1)).await.unwrap();
    catalog.logged(&first, position(1)).await.unwrap();
    assert_conflict(catalog.logged(&first, position(2)).await, "is in the log at");
    assert_refused(catalog.logged(&number("INV", 3), position(2)).await, "was not issued");
    assert_eq!(waiting().await, [second]);
    assert_eq!(catalog.document(&first).await.unwrap().unwrap().document.logged, Some(position(1)));
}

/// Fifty who issue at once, each of whom vanishes again and again, one step further every time: every number is given
/// once, to a whole document.
pub(crate) async fn numbers_have_no_gap_whoever_vanishes(place: Place) {
    const ISSUERS: u32 = 50;
    const VANISHES: u32 = 16;
    let catalog = place.open().await;
    let drafts: Vec<_> = (0..ISSUERS).map(|n| invoice(&format!("adv-{n}"), "one")).collect();
    let stored = catalog.put_drafts(&drafts, "ann", at(0)).await.unwrap();
    let revisions: Vec<_> = stored.into_iter().map(|stored| stored.revision).collect();
    catalog.approve(&revisions, "bob", at(1)).await.unwrap();
    let handles = [catalog, place.open().await, place.open().await];
    let mut issuers = Vec::new();
    for (index, draft) in revisions.iter().enumerate() {
        let (catalog, draft) = (Arc::clone(&handles[index % handles.len()]), draft.clone());
        issuers.push(tokio::spawn(async move {
            for polls in 1..=VANISHES {
                if for_so_many_polls(polls, try_to_issue(catalog.as_ref(), &draft)).await == Some(true) {
                    return;
                }
            }
            while !try_to_issue(catalog.as_ref(), &draft).await {}
        }));
    }
    for issuer in issuers {
        issuer.await.unwrap();
    }
    let catalog = place.open().await;
    let found = catalog.documents(&DocumentFilter::default(), None, 99).await.unwrap();
    let numbers: Vec<u32> = found.iter().map(|document| document.number.number).collect();
    assert_eq!(numbers, (1..=ISSUERS).collect::<Vec<_>>());
    for document in &found {
        let made = crate::invoicing_samples::document(&document.draft, &document.number);
        let mut artefacts = made.artefacts;
        artefacts.sort();
        assert_eq!(catalog.artefacts(&document.number).await.unwrap(), artefacts);
        assert_eq!(document.digest, made.digest);
    }
    let mut issued: Vec<_> = found.into_iter().map(|document| document.draft).collect();
    issued.sort();
    let mut expected = revisions;
    expected.sort();
    assert_eq!(issued, expected);
    assert_eq!(catalog.invoicing_damage().await.unwrap(), Vec::<String>::new());
}

/// Polls a future so often, then drops it where it stands.
async fn for_so_many_polls<F: Future>(mut polls: u32, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    poll_fn(move |context| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Whether the draft is issued now. A number that somebody else got is tried again.
async fn try_to_issue(catalog: &dyn Catalog, draft: &DraftRevision) -> bool {
    if catalog.draft(&draft.id).await.unwrap().unwrap().state == DraftState::Issued {
        return true;
    }
    let next = catalog.next_number("INV").await.unwrap();
    match catalog.issue(&[document(draft, &next)], "ann", at(2)).await {
        Ok(_) => true,
        Err(Error::Conflict(_) | Error::Unavailable(_)) => false,
        // Whoever gave up may have been done, or have been slower than its own next try.
        Err(Error::Refused(why)) => {
            assert!(why.contains("again: it is INV"), "{why}");
            true
        }
        Err(other) => panic!("{other}"),
    }
}

pub(crate) async fn dispute_is_opened_and_closed_once(place: Place) {
    let catalog = place.open().await;
    let first = issued(catalog.as_ref(), &invoice("a", "a"), "INV").await;
    let of_document = NewDispute { about: about("a"), document: Some(first.clone()), reason: "too 'much'".to_owned() };
    let of_period = NewDispute { about: about("b"), document: None, reason: String::new() };
    assert_eq!(catalog.open_dispute(&of_document, "ann", at(1)).await.unwrap(), 1);
    assert_eq!(catalog.open_dispute(&of_period, "ann", at(1)).await.unwrap(), 2);
    let other = NewDispute { document: Some(first), ..of_period.clone() };
    assert_refused(catalog.open_dispute(&other, "ann", at(1)).await, "INV 1, which is no document of 2026-03.b.EUR");
    let closed = catalog.close_dispute(1, "agreed", "bob", at(2)).await.unwrap();
    let resolution = closed.closed.clone().unwrap();
    assert_eq!((resolution.text.as_str(), resolution.by.as_str(), resolution.at), ("agreed", "bob", at(2)));
    assert_refused(catalog.close_dispute(1, "", "eve", at(3)).await, "which bob closed");
    assert_refused(catalog.close_dispute(3, "", "eve", at(3)).await, "there is none");
    let all = catalog.disputes(&DisputeFilter::default(), 0, 9).await.unwrap();
    assert_eq!((all[0].clone(), all[1].opened.clone(), all.len()), (closed, of_period, 2));
    let open = DisputeFilter { is_open: true, ..DisputeFilter::default() };
    assert_eq!(catalog.disputes(&open, 0, 9).await.unwrap(), all[1..]);
    let of_a = DisputeFilter { advertiser_id: Some("a".to_owned()), ..DisputeFilter::default() };
    assert_eq!(catalog.disputes(&of_a, 0, 9).await.unwrap(), all[..1]);
    let of_march = DisputeFilter { period: Some("2026-03".to_owned()), ..DisputeFilter::default() };
    assert_eq!(catalog.disputes(&of_march, 1, 9).await.unwrap(), all[1..]);
    let reasons = place.texts("SELECT reason FROM audit WHERE action LIKE '%_dispute' ORDER BY audit_id").await;
    assert_eq!(reasons, ["too 'much'", "", "agreed"]);
}
