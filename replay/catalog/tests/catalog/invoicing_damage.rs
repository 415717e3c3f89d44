//! What nobody can change, what is damaged all the same, and what a rebuild and a lost catalog leave.

use clicktrail_catalog::{
    Catalog, Error, Forget,
    invoicing::{DocumentFilter, DraftFilter, DraftState, NewDispute, NewDraft},
};
use clicktrail_log::position::{Epoch, Position};

use crate::{
    invoicing_samples::{about, approved, assert_refused, document, invoice, issued, note, number, period, sum, terms},
    place::Place,
    rebuild::{replacement, seal},
    samples::{at, seq},
};

/// One of everything: an invoice with a note, an approved draft, one that is void, terms, a period, a dispute.
async fn fill(catalog: &dyn Catalog) {
    catalog.put_terms(&[terms("a", "2026-01-01", "{}")], "ann", at(0)).await.unwrap();
    catalog.put_seller("2026-01-01", "{}", &sum("{}"), "ann", at(0)).await.unwrap();
    catalog.put_period(&period("2026-03", "UTC", 100, 200), "ann", at(0)).await.unwrap();
    let first = issued(catalog, &invoice("a", "a"), "INV").await;
    issued(catalog, &note("a", &first, "givt", 1), "CN").await;
    issued(catalog, &invoice("b", "b"), "INV").await;
    approved(catalog, &invoice("c", "c")).await;
    let void = approved(catalog, &invoice("d", "d")).await;
    catalog.void(&void, "", "ann", at(3)).await.unwrap();
    catalog.put_drafts(&[invoice("e", "e1")], "ann", at(3)).await.unwrap();
    catalog.put_drafts(&[invoice("e", "e2")], "ann", at(3)).await.unwrap();
    let dispute = NewDispute { about: about("a"), document: Some(first), reason: "why".to_owned() };
    catalog.open_dispute(&dispute, "ann", at(4)).await.unwrap();
}

pub(crate) async fn what_was_issued_cannot_be_changed_in_sql(place: Place) {
    let catalog = place.open().await;
    fill(catalog.as_ref()).await;
    let filter = DocumentFilter::default();
    let before = catalog.documents(&filter, None, 9).await.unwrap();
    for statement in [
        "UPDATE documents SET total_minor = '0'",
        "UPDATE documents SET number = 7 WHERE number = 2",
        "UPDATE documents SET follows = NULL WHERE number = 2",
        "UPDATE documents SET row_digest = ''",
        "UPDATE documents SET log_position = 5, issued_by = 'eve' WHERE number = 2",
        "DELETE FROM documents",
        "DELETE FROM documents WHERE number = 2",
        "UPDATE artefacts SET artefact_digest = ''",
        "DELETE FROM artefacts WHERE format = 'csv'",
        "UPDATE terms SET text = 'x'",
        "DELETE FROM terms WHERE advertiser_id = ''",
        "UPDATE periods SET to_at = to_at + 60000000",
        "UPDATE periods SET tzdb = 'x'",
        "DELETE FROM periods",
        "UPDATE drafts SET state = 'approved' WHERE state = 'issued'",
        "DELETE FROM drafts WHERE state = 'issued'",
    ] {
        let refused = place.try_execute(statement).await.unwrap_err();
        let says = ["is never changed", "is never edited", "is frozen", "are never changed"];
        assert!(says.iter().any(|why| refused.contains(why)), "{statement}: {refused}");
    }
    let replaced: &[&str] = match &place {
        Place::Sqlite(_) => &[
            "REPLACE INTO documents SELECT * FROM documents",
            "REPLACE INTO artefacts SELECT * FROM artefacts",
            "REPLACE INTO terms SELECT * FROM terms",
            "REPLACE INTO periods SELECT * FROM periods",
            "REPLACE INTO drafts SELECT * FROM drafts",
        ],
        Place::Postgres(_) => &[
            "TRUNCATE documents CASCADE",
            "TRUNCATE artefacts",
            "TRUNCATE terms",
            "TRUNCATE periods",
            "TRUNCATE drafts",
        ],
    };
    for statement in replaced {
        place.try_execute(statement).await.expect_err(statement);
    }
    assert_eq!(catalog.documents(&filter, None, 9).await.unwrap(), before);
    assert_eq!(catalog.invoicing_damage().await.unwrap(), Vec::<String>::new());
    // A closed period stays closed.
    catalog.close_period("2026-03", "UTC", "ann", at(5)).await.unwrap();
    let refused = place.try_execute("UPDATE periods SET state = 'open', closed_at = 0").await.unwrap_err();
    assert!(refused.contains("is frozen"), "{refused}");
}

/// Neither a gap nor the same draft twice, whoever inserts.
pub(crate) async fn number_with_a_gap_cannot_be_inserted_in_sql(place: Place) {
    let catalog = place.open().await;
    fill(catalog.as_ref()).await;
    for statement in [
        "INSERT INTO documents SELECT series, 4, 3, 'x', revision, 'x', serial, period, zone, advertiser_id, currency,
            kind, original_series, original_number, reason, terms_version, total_minor, lines, inputs_digest,
            basis_digest, document_digest, issued_on, due_on, issued_at, issued_by, log_position, row_digest
         FROM documents WHERE series = 'INV' AND number = 2",
        "INSERT INTO documents SELECT series, 3, 1, 'x', revision, 'x', serial, period, zone, advertiser_id, currency,
            kind, original_series, original_number, reason, terms_version, total_minor, lines, inputs_digest,
            basis_digest, document_digest, issued_on, due_on, issued_at, issued_by, log_position, row_digest
         FROM documents WHERE series = 'INV' AND number = 2",
        "INSERT INTO documents SELECT series, 3, 2, draft_id, revision, 'x', serial, period, zone, advertiser_id,
            currency, kind, original_series, original_number, reason, terms_version, total_minor, lines, inputs_digest,
            basis_digest, document_digest, issued_on, due_on, issued_at, issued_by, log_position, row_digest
         FROM documents WHERE series = 'INV' AND number = 2",
    ] {
        place.try_execute(statement).await.expect_err(statement);
    }
    assert_eq!(catalog.next_number("INV").await.unwrap(), number("INV", 3));
}

/// Whoever can write the database can take away what keeps it as it is.
pub(crate) async fn unguard(place: &Place) {
    match place {
        Place::Sqlite(_) => {
            for trigger in [
                "DROP TRIGGER documents_is_not_changed",
                "DROP TRIGGER documents_is_not_deleted",
                "DROP TRIGGER artefacts_is_not_changed",
                "DROP TRIGGER artefacts_is_not_deleted",
                "DROP TRIGGER terms_is_not_changed",
                "DROP TRIGGER terms_is_not_deleted",
                "DROP TRIGGER periods_is_frozen",
                "DROP TRIGGER drafts_issued_is_not_changed",
                "DROP TRIGGER drafts_issued_is_not_deleted",
            ] {
                place.execute(trigger).await;
            }
        }
        Place::Postgres(_) => {
            place
                .execute(
                    "ALTER TABLE documents DISABLE TRIGGER USER; ALTER TABLE artefacts DISABLE TRIGGER USER;
                     ALTER TABLE terms DISABLE TRIGGER USER; ALTER TABLE periods DISABLE TRIGGER USER;
                     ALTER TABLE drafts DISABLE TRIGGER USER",
                )
                .await;
        }
    }
}

pub(crate) async fn changed_row_is_refused_by_its_name(place: Place) {
    let catalog = place.open().await;
    fill(catalog.as_ref()).await;
    unguard(&place).await;
    for (damage, row) in [
        (
            "UPDATE terms SET valid_from = '2025-01-01' WHERE advertiser_id = 'a'",
            "terms with advertiser_id a, version 1",
        ),
        ("UPDATE periods SET to_at = to_at + 60000000", "periods with period 2026-03, zone UTC"),
        ("UPDATE drafts SET state = 'draft' WHERE draft_id = '2026-03.c.EUR'", "drafts with draft_id 2026-03.c.EUR"),
        ("UPDATE documents SET total_minor = '1' WHERE series = 'CN'", "documents with series CN, number 1"),
        (
            "UPDATE artefacts SET bytes = 1 WHERE series = 'CN' AND format = 'csv'",
            "artefacts with series CN, number 1, format csv",
        ),
        ("UPDATE disputes SET reason = ''", "disputes with dispute 1"),
    ] {
        place.execute(damage).await;
        let found = catalog.invoicing_damage().await.unwrap();
        assert!(
            found.last().is_some_and(|last| last.contains(row)) || found.iter().any(|what| what.contains(row)),
            "{damage}: {found:?}"
        );
    }
    assert_eq!(catalog.invoicing_damage().await.unwrap().len(), 6);
    let refused = |error: Error| {
        assert!(matches!(error, Error::Corrupt(_)), "{error:?}");
        assert!(error.to_string().ends_with("restore the catalog from its backup"), "{error}");
    };
    refused(catalog.terms_at("a", "2026-01-01").await.unwrap_err());
    refused(catalog.period("2026-03", "UTC").await.unwrap_err());
    refused(catalog.draft("2026-03.c.EUR").await.unwrap_err());
    refused(catalog.document(&number("CN", 1)).await.unwrap_err());
    refused(catalog.documents_of(&about("a")).await.unwrap_err());
    refused(catalog.artefacts(&number("CN", 1)).await.unwrap_err());
    // What must not be deleted cannot be told any more.
    refused(catalog.bases_in_use().await.unwrap_err());
    // Others are served.
    assert!(catalog.document(&number("INV", 2)).await.unwrap().is_some());
}

pub(crate) async fn lost_documents_are_named_and_not_made_up(place: Place) {
    let catalog = place.open().await;
    fill(catalog.as_ref()).await;
    assert_eq!(catalog.lost().await.unwrap(), Vec::<String>::new());
    unguard(&place).await;
    place.execute("DELETE FROM artefacts WHERE series = 'CN'").await;
    let expected = ["documents have lost what was made of them: 2026-03.a.EUR.2; restore the catalog's backup"];
    assert_eq!(catalog.lost().await.unwrap(), expected);
    place.execute("DELETE FROM documents WHERE series = 'CN'; DELETE FROM terms WHERE advertiser_id = ''").await;
    let expected =
        ["drafts were issued, and there is no document of them: 2026-03.a.EUR.2; restore the catalog's backup"];
    assert_eq!(catalog.lost().await.unwrap(), expected);
    let mended = catalog.mend(Forget::Damaged, 0, at(9)).await.unwrap();
    assert_eq!((mended.taken_out, mended.lost), (vec![], expected.map(str::to_owned).to_vec()));
    // Nothing is drafted behind what is lost.
    let again = NewDraft { documents_before: 1, ..note("a", &number("INV", 1), "sivt", 1) };
    let error = catalog.put_drafts(&[again], "ann", at(9)).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains("2026-03.a.EUR.2 r1"), "{error}");
    assert_eq!(catalog.invoicing_damage().await.unwrap(), expected);
}

pub(crate) async fn rebuild_keeps_all_of_invoicing(place: Place) {
    let catalog = place.open().await;
    fill(catalog.as_ref()).await;
    seal(catalog.as_ref(), 0).await.unwrap();
    let all = async |catalog: &dyn Catalog| {
        (
            catalog.list_accounts("", 9).await.unwrap(),
            catalog.seller_at("2026-06-01").await.unwrap(),
            catalog.periods(None, 9).await.unwrap(),
            catalog.drafts(&DraftFilter::default(), "", 99).await.unwrap(),
            catalog.documents(&DocumentFilter::default(), None, 99).await.unwrap(),
            catalog.artefacts(&number("INV", 2)).await.unwrap(),
            catalog.disputes(&clicktrail_catalog::invoicing::DisputeFilter::default(), 0, 9).await.unwrap(),
            catalog.bases_in_use().await.unwrap(),
        )
    };
    let before = all(catalog.as_ref()).await;
    assert_eq!((before.3.len(), before.4.len(), before.6.len()), (6, 3, 1));
    assert_eq!(catalog.mend(Forget::OpenFrames, 0, at(8)).await.unwrap().taken_out, Vec::<String>::new());
    let replaced = replacement(catalog.as_ref(), 2, Some(vec![])).await;
    catalog.replace(&replaced, "ann", at(9)).await.unwrap();
    assert_eq!(all(place.open().await.as_ref()).await, before);
    // Who began before goes on: nothing of it was replaced.
    let draft = catalog.draft("2026-03.c.EUR").await.unwrap().unwrap();
    catalog.issue(&[document(&draft.revision, &number("INV", 3))], "ann", at(9)).await.unwrap();
}

pub(crate) async fn bases_in_use_are_those_that_may_count(place: Place) {
    let catalog = place.open().await;
    assert!(catalog.bases_in_use().await.unwrap().is_empty());
    fill(catalog.as_ref()).await;
    let bases = ["a", "givt", "b", "c", "e2"].map(|inputs| sum(&format!("basis {inputs}")));
    assert_eq!(catalog.bases_in_use().await.unwrap(), bases.into_iter().collect());
}

/// A catalog that was lost, or went back to a backup, gets its documents from the archive's records.
pub(crate) async fn documents_are_restored_from_records(place: Place) {
    let catalog = place.open().await;
    let catalog = catalog.as_ref();
    let first = issued(catalog, &invoice("a", "a"), "INV").await;
    let second = issued(catalog, &invoice("b", "b"), "INV").await;
    let credit = issued(catalog, &note("a", &first, "givt", 1), "CN").await;
    let position = Position::new(Epoch::FIRST, seq(9), 0);
    let mut records = Vec::new();
    for number in [&first, &second, &credit] {
        records.push(catalog.document(number).await.unwrap().unwrap());
    }
    unguard(&place).await;
    place.execute("DELETE FROM artefacts; DELETE FROM documents; DELETE FROM drafts").await;
    // The backup has an approved draft of one, and another revision of the other.
    approved(catalog, &invoice("a", "a")).await;
    catalog.put_drafts(&[invoice("b", "b0")], "ann", at(0)).await.unwrap();
    approved(catalog, &invoice("b", "b1")).await;
    assert_refused(catalog.restore_documents(&records[1..], "ann", at(9)).await, "the one before is missing");
    assert_eq!(catalog.restore_documents(&records, "ann", at(9)).await.unwrap(), 3);
    for record in &records {
        assert_eq!(catalog.document(&record.document.number).await.unwrap().as_ref(), Some(record));
    }
    let states: Vec<_> = catalog
        .drafts(&DraftFilter::default(), "", 9)
        .await
        .unwrap()
        .into_iter()
        .map(|draft| (draft.revision.to_string(), draft.state))
        .collect();
    let (issued_state, void) = (DraftState::Issued, DraftState::Void);
    assert_eq!(states, [("2026-03.a.EUR r1".to_owned(), issued_state), ("2026-03.b.EUR r2".to_owned(), void)]);
    catalog.logged(&first, position).await.unwrap();
    assert_eq!(catalog.restore_documents(&records, "ann", at(9)).await.unwrap(), 0);
    let mut other = records[1].clone();
    other.document.facts.total_minor = 0;
    assert_refused(catalog.restore_documents(&[other], "ann", at(9)).await, "another document has that number");
    // What follows goes on behind them.
    let next = NewDraft { documents_before: 2, ..note("a", &first, "sivt", 2) };
    assert_eq!(issued(catalog, &next, "CN").await, number("CN", 2));
}
