//! Drafts: revisions, what stands in their way, and what becomes of them.

use std::time::Instant;

use clicktrail_catalog::invoicing::{
    AT_ONCE_MAX, Draft, DraftFilter, DraftOutcome, DraftRevision, DraftState, Kind, NewDispute, NewDraft,
};

use crate::{
    invoicing_samples::{
        about, approved, assert_conflict, assert_refused, document, invoice, issued, note, number, revision, sum,
    },
    place::Place,
    samples::at,
};

async fn put(catalog: &dyn clicktrail_catalog::Catalog, draft: NewDraft) -> (String, DraftOutcome) {
    let stored = catalog.put_drafts(&[draft], "ann", at(0)).await.unwrap().pop().unwrap();
    (stored.revision.to_string(), stored.outcome)
}

fn states(found: &[Draft]) -> Vec<(u32, DraftState, bool)> {
    found.iter().map(|draft| (draft.revision.revision, draft.state, draft.is_newest)).collect()
}

pub(crate) async fn draft_comes_back_as_it_was_stored(place: Place) {
    let catalog = place.open().await;
    let mut new = invoice("ac'me.\u{1f50d} x", "one");
    new.facts.total_minor = i128::MIN;
    put(catalog.as_ref(), new.clone()).await;
    let found = catalog.draft("2026-03.ac'me.\u{1f50d} x.EUR").await.unwrap().unwrap();
    assert_eq!((&found.facts, found.serial, found.state), (&new.facts, 1, DraftState::Draft));
    assert_eq!((found.text_digest, found.text_bytes), (new.text_digest, new.text_bytes));
    assert_eq!((found.created_by.as_str(), found.changed_at), ("ann", at(0)));
    assert_eq!(catalog.draft("2026-03.acme.EUR").await.unwrap(), None);
}

pub(crate) async fn same_inputs_are_the_same_revision(place: Place) {
    let catalog = place.open().await;
    let put = async |draft| put(catalog.as_ref(), draft).await;
    let (first, second) = ("2026-03.a.EUR r1".to_owned(), "2026-03.a.EUR r2".to_owned());
    assert_eq!(put(invoice("a", "one")).await, (first.clone(), DraftOutcome::New));
    // Another basis of the same sums is no other draft.
    let mut basis = invoice("a", "one");
    basis.facts.basis = sum("another basis");
    assert_eq!(put(basis).await, (first, DraftOutcome::Same));
    catalog.approve(&[revision("2026-03.a.EUR", 1)], "bob", at(1)).await.unwrap();
    assert_eq!(put(invoice("a", "one")).await.1, DraftOutcome::Same);
    assert_eq!(put(invoice("a", "two")).await, (second.clone(), DraftOutcome::New));
    let found = catalog.draft_revisions("2026-03.a.EUR", 0, 9).await.unwrap();
    assert_eq!(states(&found), [(1, DraftState::Superseded, false), (2, DraftState::Draft, true)]);
    // Going back to what it was is a revision too.
    assert_eq!(put(invoice("a", "one")).await.0, "2026-03.a.EUR r3");
    assert_eq!(catalog.draft_revisions("2026-03.a.EUR", 1, 1).await.unwrap()[0].revision.to_string(), second);
}

pub(crate) async fn void_draft_stays_void_until_its_inputs_change(place: Place) {
    let catalog = place.open().await;
    let put = async |draft| put(catalog.as_ref(), draft).await.1;
    put(invoice("a", "one")).await;
    let first = revision("2026-03.a.EUR", 1);
    let void = catalog.void(&first, "a test account", "bob", at(1)).await.unwrap();
    assert_eq!((void.state, void.changed_by.as_str()), (DraftState::Void, "bob"));
    assert_eq!(catalog.void(&first, "again", "eve", at(2)).await.unwrap(), void);
    assert_refused(catalog.approve(&[first], "bob", at(1)).await, "which is void");
    assert_eq!(put(invoice("a", "one")).await, DraftOutcome::Same);
    assert_eq!(put(invoice("a", "two")).await, DraftOutcome::New);
    catalog.void(&revision("2026-03.a.EUR", 2), "", "bob", at(1)).await.unwrap();
    assert_eq!(put(NewDraft { revives: true, ..invoice("a", "two") }).await, DraftOutcome::New);
    let found = catalog.draft_revisions("2026-03.a.EUR", 0, 9).await.unwrap();
    let void = DraftState::Void;
    assert_eq!(states(&found), [(1, void, false), (2, void, false), (3, DraftState::Draft, true)]);
    let reasons = place.texts("SELECT reason FROM audit WHERE action = 'void' ORDER BY audit_id").await;
    assert_eq!(reasons, ["a test account", ""]);
}

pub(crate) async fn approval_is_of_the_newest_revision(place: Place) {
    let catalog = place.open().await;
    for inputs in ["one", "two"] {
        put(catalog.as_ref(), invoice("a", inputs)).await;
    }
    put(catalog.as_ref(), invoice("b", "one")).await;
    let (old, new, other) = (revision("2026-03.a.EUR", 1), revision("2026-03.a.EUR", 2), revision("2026-03.b.EUR", 1));
    assert_conflict(catalog.approve(&[other.clone(), old.clone()], "bob", at(1)).await, "r2 is");
    assert_conflict(catalog.void(&old, "", "bob", at(1)).await, "r2 is");
    assert_refused(catalog.approve(&[revision("x", 1)], "bob", at(1)).await, "no such draft");
    assert_eq!(catalog.draft(&other.id).await.unwrap().unwrap().state, DraftState::Draft);
    assert_eq!(catalog.approve(&[new.clone(), other, new.clone()], "bob", at(1)).await.unwrap(), 2);
    assert_eq!(catalog.approve(std::slice::from_ref(&new), "eve", at(2)).await.unwrap(), 0);
    assert_eq!(catalog.draft(&new.id).await.unwrap().unwrap().changed_by, "bob");
    // An approved draft can be thrown away as well.
    assert_eq!(catalog.void(&new, "", "eve", at(3)).await.unwrap().state, DraftState::Void);
}

pub(crate) async fn outdated_draft_is_neither_approved_nor_issued_and_comes_back_when_put_again(place: Place) {
    let catalog = place.open().await;
    let put = async |draft| put(catalog.as_ref(), draft).await;
    put(invoice("a", "one")).await;
    put(invoice("b", "one")).await;
    let (first, other) = (revision("2026-03.a.EUR", 1), revision("2026-03.b.EUR", 1));
    catalog.approve(std::slice::from_ref(&first), "bob", at(1)).await.unwrap();
    let outdate = async |drafts: &[DraftRevision], now| {
        catalog.outdate(drafts, "no usage any more", "ann", at(now)).await.unwrap()
    };
    assert_eq!(outdate(&[first.clone(), revision("2026-03.c.EUR", 1), revision("2026-03.b.EUR", 2)], 2).await, 1);
    let found = catalog.draft(&first.id).await.unwrap().unwrap();
    assert_eq!((found.is_outdated(), found.word(), found.changed_by.as_str()), (true, "outdated", "ann"));
    assert!(!catalog.draft(&other.id).await.unwrap().unwrap().is_outdated(), "only what was named, by its revision");
    assert_eq!(outdate(std::slice::from_ref(&first), 3).await, 0);
    assert_refused(catalog.approve(std::slice::from_ref(&first), "bob", at(4)).await, "which is outdated");
    let new = document(&first, &number("INV", 1));
    assert_refused(catalog.issue(&[new], "bob", at(4)).await, "is superseded and not approved");
    // Nobody threw it away: with the same inputs it is a draft again.
    assert_eq!(put(invoice("a", "one")).await, ("2026-03.a.EUR r2".to_owned(), DraftOutcome::New));
    let found = catalog.draft_revisions(&first.id, 0, 9).await.unwrap();
    assert_eq!(states(&found), [(1, DraftState::Superseded, false), (2, DraftState::Draft, true)]);
    let reasons = place.texts("SELECT reason FROM audit WHERE action = 'outdate_drafts' ORDER BY audit_id").await;
    assert_eq!(reasons, ["no usage any more"]);
    assert_eq!(catalog.invoicing_damage().await.unwrap(), Vec::<String>::new());
}

pub(crate) async fn open_dispute_keeps_an_invoice_from_being_approved(place: Place) {
    let catalog = place.open().await;
    let first = issued(catalog.as_ref(), &invoice("b", "one"), "INV").await;
    for draft in [invoice("a", "one"), note("b", &first, "givt", 1)] {
        put(catalog.as_ref(), draft).await;
    }
    let (invoice, note) = (revision("2026-03.a.EUR", 1), revision("2026-03.b.EUR.2", 1));
    let approve = async |of: &DraftRevision| catalog.approve(std::slice::from_ref(of), "bob", at(1)).await;
    assert_eq!((approve(&invoice).await.unwrap(), approve(&note).await.unwrap()), (1, 1));
    for of in ["a", "b"] {
        let dispute = NewDispute { about: about(of), document: None, reason: "too much".to_owned() };
        catalog.open_dispute(&dispute, "eve", at(2)).await.unwrap();
    }
    let state = async |of: &DraftRevision| catalog.draft(&of.id).await.unwrap().unwrap().state;
    assert_eq!(state(&invoice).await, DraftState::Draft, "what is contested is to be looked at again");
    assert_eq!(state(&note).await, DraftState::Approved, "a note may be how a dispute ends");
    assert_refused(approve(&invoice).await, "dispute 1 about it is open");
    assert_eq!(approve(&note).await.unwrap(), 0);
    catalog.close_dispute(1, "agreed", "bob", at(3)).await.unwrap();
    assert_eq!(approve(&invoice).await.unwrap(), 1);
    let actions = place.texts("SELECT detail FROM audit WHERE action = 'disapprove' ORDER BY audit_id").await;
    assert_eq!(actions, ["1: 2026-03.a.EUR r1"]);
}

pub(crate) async fn drafts_are_listed_in_pages_by_what_they_are(place: Place) {
    let catalog = place.open().await;
    let mut april = invoice("a", "april");
    april.facts.about.period = "2026-04".to_owned();
    let mut dollars = invoice("b", "dollars");
    dollars.facts.about.currency = "USD".to_owned();
    let all = [invoice("c", "c"), april, invoice("b", "b"), dollars, invoice("a", "a")];
    catalog.put_drafts(&all, "ann", at(0)).await.unwrap();
    put(catalog.as_ref(), invoice("a", "a2")).await;
    approved(catalog.as_ref(), &invoice("c", "c")).await;
    let ask = async |filter: DraftFilter| {
        let mut ids: Vec<String> = Vec::new();
        loop {
            let after = ids.last().cloned().unwrap_or_default();
            let page = catalog.drafts(&filter, &after, 2).await.unwrap();
            if page.is_empty() {
                return ids;
            }
            ids.extend(page.into_iter().map(|draft| draft.revision.id));
        }
    };
    let every = DraftFilter::default();
    let (a, b, c, dollars, april) =
        ("2026-03.a.EUR", "2026-03.b.EUR", "2026-03.c.EUR", "2026-03.b.USD", "2026-04.a.EUR");
    assert_eq!(ask(every.clone()).await, [a, b, dollars, c, april]);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(ask(DraftFilter { period: text("2026-03"), ..every.clone() }).await, [a, b, dollars, c]);
    assert_eq!(ask(DraftFilter { period: text("2026-0"), ..every.clone() }).await, Vec::<String>::new());
    assert_eq!(ask(DraftFilter { advertiser_id: text("a"), ..every.clone() }).await, [a, april]);
    assert_eq!(ask(DraftFilter { currency: text("USD"), ..every.clone() }).await, [dollars]);
    assert_eq!(ask(DraftFilter { state: Some(DraftState::Approved), ..every.clone() }).await, [c]);
    assert_eq!(ask(DraftFilter { kind: Some(Kind::DebitNote), ..every }).await, Vec::<String>::new());
}

pub(crate) async fn what_was_issued_is_drafted_again_by_notes_alone(place: Place) {
    let catalog = place.open().await;
    let first = issued(catalog.as_ref(), &invoice("a", "one"), "INV").await;
    let put_one = async |draft| put(catalog.as_ref(), draft).await;
    assert_eq!(put_one(invoice("a", "one")).await, ("2026-03.a.EUR r1".to_owned(), DraftOutcome::Same));
    assert_eq!(put_one(invoice("a", "two")).await.1, DraftOutcome::Behind);
    let put = async |draft| catalog.put_drafts(&[draft], "ann", at(3)).await;
    assert_refused(put(NewDraft { documents_before: 1, ..invoice("a", "two") }).await, "INV 1 was not cancelled");
    assert_refused(put(note("a", &number("INV", 2), "givt", 1)).await, "INV 2, which is no invoice of 2026-03.a.EUR");
    assert_eq!(put_one(note("a", &first, "givt", 1)).await, ("2026-03.a.EUR.2 r1".to_owned(), DraftOutcome::New));
    assert_eq!(put_one(note("a", &first, "givt", 0)).await.1, DraftOutcome::Behind);
    let note_number = issued(catalog.as_ref(), &note("a", &first, "givt", 1), "CN").await;
    // The same difference once more is another one.
    assert_eq!(put_one(note("a", &first, "givt", 1)).await.1, DraftOutcome::Behind);
    assert_eq!(put_one(note("a", &first, "givt", 2)).await, ("2026-03.a.EUR.3 r1".to_owned(), DraftOutcome::New));
    assert_refused(put(note("a", &note_number, "givt", 2)).await, "CN 1, which is no invoice");
    issued(catalog.as_ref(), &note("a", &first, "cancelled", 2), "CN").await;
    let again = issued(catalog.as_ref(), &NewDraft { documents_before: 3, ..invoice("a", "one") }, "INV").await;
    let found = catalog.documents_of(&about("a")).await.unwrap();
    let numbers: Vec<_> = found.iter().map(|document| document.number.clone()).collect();
    assert_eq!(numbers, [first, note_number, number("CN", 2), again]);
    assert_eq!(found.iter().map(|document| document.serial).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

pub(crate) async fn malformed_drafts_are_refused_whole(place: Place) {
    let catalog = place.open().await;
    let bad = |change: fn(&mut NewDraft)| {
        let mut draft = invoice("b", "b");
        change(&mut draft);
        draft
    };
    for (draft, why) in [
        (bad(|draft| draft.facts.about.currency = "eur".to_owned()), "three capital letters"),
        (bad(|draft| draft.facts.about.period = "2026.03".to_owned()), "no dot"),
        (bad(|draft| draft.facts.about.advertiser_id.clear()), "an empty advertiser"),
        (bad(|draft| draft.facts.basis = "F".repeat(64)), "no SHA-256"),
        (bad(|draft| draft.facts.kind = Kind::DebitNote), "a note is about an invoice"),
        (invoice("a", "other"), "two drafts of 2026-03.a.EUR"),
    ] {
        assert_refused(catalog.put_drafts(&[invoice("a", "a"), draft], "ann", at(0)).await, why);
    }
    let many = vec![invoice("a", "a"); AT_ONCE_MAX + 1];
    assert_refused(catalog.put_drafts(&many, "ann", at(0)).await, "1001 drafts at once");
    assert_eq!(catalog.drafts(&DraftFilter::default(), "", 9).await.unwrap(), []);
}

/// What a month of ten thousand advertisers asks of the catalog.
pub(crate) async fn ten_thousand_drafts_take_seconds(place: Place) {
    let catalog = place.open().await;
    let all = |inputs: &str| (0..10_000).map(|n| invoice(&format!("adv-{n:05}"), inputs)).collect::<Vec<_>>();
    let begun = Instant::now();
    for chunk in all("one").chunks(AT_ONCE_MAX) {
        catalog.put_drafts(chunk, "ann", at(0)).await.unwrap();
    }
    let put = begun.elapsed();
    let begun = Instant::now();
    for chunk in all("one").chunks(AT_ONCE_MAX) {
        let stored = catalog.put_drafts(chunk, "ann", at(0)).await.unwrap();
        assert!(stored.iter().all(|stored| stored.outcome == DraftOutcome::Same));
    }
    let again = begun.elapsed();
    let begun = Instant::now();
    let (mut drafts, mut after) = (Vec::new(), String::new());
    let filter = DraftFilter { period: Some("2026-03".to_owned()), ..DraftFilter::default() };
    loop {
        let page = catalog.drafts(&filter, &after, 1_000).await.unwrap();
        let Some(last) = page.last() else { break };
        after.clone_from(&last.revision.id);
        drafts.extend(page.into_iter().map(|draft| draft.revision));
    }
    let list = begun.elapsed();
    assert_eq!(drafts.len(), 10_000);
    let begun = Instant::now();
    for chunk in drafts.chunks(AT_ONCE_MAX) {
        catalog.approve(chunk, "bob", at(1)).await.unwrap();
    }
    let approve = begun.elapsed();
    let begun = Instant::now();
    for (index, chunk) in drafts.chunks(AT_ONCE_MAX).enumerate() {
        let documents: Vec<_> = chunk
            .iter()
            .zip(1_u32..)
            .map(|(draft, n)| document(draft, &number("INV", u32::try_from(index * AT_ONCE_MAX).unwrap() + n)))
            .collect();
        catalog.issue(&documents, "bob", at(2)).await.unwrap();
    }
    let issue = begun.elapsed();
    // Some five times of what it takes on two cores that do nothing else.
    let bound = std::time::Duration::from_secs(15);
    assert!([put, again, list, approve, issue].into_iter().all(|took| took < bound));
    assert_eq!(catalog.next_number("INV").await.unwrap(), number("INV", 10_001));
}
