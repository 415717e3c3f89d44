use clicktrail_catalog::invoicing::DocumentFilter;
use clicktrail_log::{
    frame::Writer,
    ids::{Ids as _, SeededIds},
    invoices::schema,
    time::Timestamp,
};
use object_store::{ObjectStoreExt as _, path::Path};

use super::*;
use crate::{
    issue::tests::{add, approved, bed, desk, draft, terms},
    testing::Bed,
};

/// Five accounts with an approved draft each.
async fn five() -> Bed {
    let bed = bed().await;
    for number in 0..4 {
        add(&bed, &terms().replace("\"acme\"", &format!("\"account-{number:02}\""))).await;
    }
    draft(&bed).await;
    bed
}

/// More are damaged than are looked at at a time, and they come first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_documents_are_named_and_keep_no_other_from_being_finished() {
    let bed = five().await;
    let desk = desk(&bed, bed.archive.clone()).await;
    // As if whoever issued died before anything was logged.
    let mut away = desk.issuing.clone();
    away.log = Arc::new(clicktrail_log::away::AwayLog::new("away".to_owned()));
    let outcome = away.issue(approved(&bed).await, |_| {}).await;
    assert!(outcome.issued.len() == 5 && outcome.unfinished.is_some(), "{outcome:?}");
    for number in 1..=3 {
        let number = DocumentNumber { series: "INV".to_owned(), number };
        let artefacts = bed.catalog.artefacts(&number).await.unwrap();
        let json = artefacts.iter().find(|artefact| artefact.format == "json").unwrap();
        bed.archive.object_store().delete(&Path::from(json.key.as_str())).await.unwrap();
    }
    let finisher = Finisher::new(bed.archive.clone(), Arc::clone(&bed.catalog), &desk.issuing.log);
    for documents in [2, 0] {
        let finished = finisher.finish().await.unwrap();
        let failed: Vec<u32> = finished.failed.iter().map(|(number, _)| number.number).collect();
        assert_eq!((finished.documents, failed), (documents, vec![1, 2, 3]), "it is named each time");
        let alarms = finished.alarms();
        assert!(alarms[0].starts_with("INV-00000001 is issued") && alarms[0].contains("is missing"), "{alarms:?}");
    }
    assert_eq!(bed.catalog.documents(&DocumentFilter::default(), None, 9).await.unwrap().len(), 5);
}

/// Somebody logged another document under a number that is issued here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn number_that_the_log_has_for_another_document_is_named_and_the_others_are_logged() {
    let bed = five().await;
    let desk = desk(&bed, bed.archive.clone()).await;
    let entry = InvoiceEntry {
        document: Digest::ZERO,
        number: invoices::DocumentNumber { series: "INV".to_owned(), number: 2 },
        kind: DocumentKind::Invoice,
        advertiser_id: "foreign".to_owned(),
        currency: "EUR".to_owned(),
        period: "2026-03".to_owned(),
        zone: "UTC".to_owned(),
        period_from: Timestamp::from_micros(0),
        period_to: Timestamp::from_micros(60_000_000),
        issued_on: "2026-04-01".to_owned(),
        issued_at: crate::testing::time("2027-01-01T12:00:00Z"),
        total_minor: 1,
        minor_digits: 2,
        original: None,
        basis: Digest::ZERO,
        artefacts: vec![invoices::Artefact {
            format: "json".to_owned(),
            key: "x".to_owned(),
            digest: Digest::ZERO,
            bytes: 1,
        }],
        actor: "eve".to_owned(),
    };
    for frame in
        schema::to_frames(&mut Writer::new(SeededIds::new(9).next(Timestamp::from_micros(1)), 1), &[entry]).unwrap()
    {
        desk.issuing.log.append(&frame).await.unwrap();
    }
    let outcome = desk.issuing.issue(approved(&bed).await, |_| {}).await;
    assert_eq!((outcome.issued.len(), outcome.finished.documents), (5, 4), "{outcome:?}");
    let [alarm] = &outcome.finished.alarms()[..] else { panic!("{:?}", outcome.finished) };
    assert!(alarm.starts_with("INV-00000002 is issued") && alarm.contains("for document 000000"), "{alarm}");
    assert_eq!(bed.catalog.not_logged(None, 9).await.unwrap().len(), 1);
}
