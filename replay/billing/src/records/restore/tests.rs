use std::sync::Arc;

use clicktrail_catalog::{Catalog, Sqlite};
use object_store::ObjectStoreExt as _;

use super::*;
use crate::{
    issue::tests::{approved, bed, desk, draft, terms},
    testing::{add, time},
};

/// Of many records one is damaged: its own series waits for it, and terms, periods and what stands before come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_record_is_named_and_keeps_only_those_behind_it() {
    let bed = bed().await;
    for advertiser in ["bravo", "coyote", "delta"] {
        add(&bed, &terms().replace("\"acme\"", &format!("\"{advertiser}\""))).await;
    }
    draft(&bed).await;
    let desk = desk(&bed, bed.archive.clone()).await;
    let outcome = desk.issuing.issue(approved(&bed).await, |_| {}).await;
    assert_eq!(outcome.issued.len(), 4, "{outcome:?}");
    assert_eq!(terms::keep(&bed.archive, bed.catalog.as_ref()).await.unwrap(), 5);
    assert_eq!(terms::keep(&bed.archive, bed.catalog.as_ref()).await.unwrap(), 0);
    let damaged = IssuedKey { series: "INV".to_owned(), number: 3 }.path();
    bed.archive.object_store().put(&damaged, "{}".into()).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let catalog: Arc<dyn Catalog> = Arc::new(Sqlite::open(&directory.path().join("lost.sqlite")).await.unwrap());
    let (archive, log) = (bed.archive.clone(), Arc::clone(&desk.issuing.log));
    let looking = Looking { archive, catalog: Arc::clone(&catalog), log };
    let restoring =
        Restoring { looking: &looking, actor: "ann", now: time("2027-01-02T00:00:00Z"), takes_entries: false };
    let restored = restoring.run().await.unwrap();
    assert_eq!((restored.documents, restored.periods, restored.terms), (2, 1, 5), "{restored:?}");
    let told = restored.problems.join("\n");
    assert!(told.contains(damaged.as_ref()) && told.contains("behind INV-00000003"), "{told}");
    assert_eq!(catalog.terms("delta", 1).await.unwrap(), bed.catalog.terms("delta", 1).await.unwrap());
    assert_eq!(catalog.seller(1).await.unwrap(), bed.catalog.seller(1).await.unwrap());
    // Until it is there nothing is issued.
    assert!(looking.ahead().await.unwrap().refusal().unwrap().contains("INV-00000003 to INV-00000004"));
    // Without it the log is asked.
    bed.archive.object_store().delete(&damaged).await.unwrap();
    let restored = restoring.run().await.unwrap();
    assert_eq!((restored.documents, restored.of_log, restored.problems), (2, 1, Vec::new()));
    let documents = catalog.documents(&invoicing::DocumentFilter::default(), None, 9).await.unwrap();
    assert_eq!(documents.iter().map(|document| document.serial).collect::<Vec<_>>(), [1, 1, 1, 1]);
}
