use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use clicktrail_catalog::Sqlite;
use clicktrail_log::{
    frame::{Digest, Frame, Writer},
    ids::{Ids as _, SeededIds},
    log::{Appended, Condition, Durability, Info, Logged},
    time::Timestamp,
};
use object_store::{ObjectStoreExt as _, path::Path};

use super::*;
use crate::{
    finish::Finisher,
    issue::tests::{Desk, approved, bed, desk, draft},
    records::restore::{Restored, Restoring},
    testing::{Bed, time},
};

/// A log that counts how often it is read.
#[derive(Debug)]
struct Watched {
    log: Arc<dyn Log>,
    reads: AtomicU64,
}

#[async_trait]
impl Log for Watched {
    async fn append(&self, frame: &Frame) -> Result<Appended, log::Error> {
        self.log.append(frame).await
    }

    async fn append_if(&self, frame: &Frame, condition: Condition) -> Result<Appended, log::Error> {
        self.log.append_if(frame, condition).await
    }

    async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, log::Error> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.log.read(from, limit).await
    }

    async fn info(&self) -> Result<Info, log::Error> {
        self.log.info().await
    }

    async fn trim(&self, first_kept: Seq) -> Result<(), log::Error> {
        self.log.trim(first_kept).await
    }

    async fn durability(&self) -> Result<Durability, log::Error> {
        self.log.durability().await
    }
}

/// One invoice, issued and logged.
async fn issued() -> (Bed, Desk) {
    let bed = bed().await;
    draft(&bed).await;
    let desk = desk(&bed, bed.archive.clone()).await;
    let outcome = desk.issuing.issue(approved(&bed).await, |_| {}).await;
    assert!(outcome.issued.len() == 1 && outcome.finished.is_whole(), "{outcome:?}");
    (bed, desk)
}

fn looking(bed: &Bed, desk: &Desk, catalog: Arc<dyn Catalog>) -> Looking {
    Looking { archive: bed.archive.clone(), catalog, log: Arc::clone(&desk.issuing.log) }
}

/// A catalog from before anything was issued, in a directory of its own.
async fn older(directory: &tempfile::TempDir) -> Arc<dyn Catalog> {
    Arc::new(Sqlite::open(&directory.path().join("older.sqlite")).await.unwrap())
}

async fn lose(bed: &Bed, prefix: &str) {
    use futures::TryStreamExt as _;

    let store = bed.archive.object_store();
    let objects: Vec<_> = store.list(Some(&Path::from(prefix))).try_collect().await.unwrap();
    assert!(!objects.is_empty(), "nothing under {prefix}");
    for object in objects {
        store.delete(&object.location).await.unwrap();
    }
}

async fn restore(looking: &Looking, takes_entries: bool) -> Restored {
    let now = time("2027-01-02T00:00:00Z");
    Restoring { looking, actor: "ann", now, takes_entries }.run().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_that_was_followed_to_its_end_is_not_read() {
    let (bed, desk) = issued().await;
    let watched = Arc::new(Watched { log: Arc::clone(&desk.issuing.log), reads: AtomicU64::new(0) });
    let log: Arc<dyn Log> = Arc::clone(&watched) as Arc<dyn Log>;
    let looking = Looking { log, ..looking(&bed, &desk, Arc::clone(&bed.catalog)) };
    assert_eq!(looking.ahead().await.unwrap(), Ahead::default());
    assert_eq!(watched.reads.load(Ordering::SeqCst), 0);
}

/// Catalog and archive went back to a backup; only the log knows of the invoice, and the archive has its files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn number_that_the_log_alone_knows_is_refused_and_comes_back_as_it_was() {
    let (bed, desk) = issued().await;
    let first = DocumentNumber { series: "INV".to_owned(), number: 1 };
    let was = bed.catalog.document(&first).await.unwrap().unwrap();
    lose(&bed, "invoices/issued").await;
    let directory = tempfile::tempdir().unwrap();
    let catalog = older(&directory).await;
    let looking = looking(&bed, &desk, Arc::clone(&catalog));
    let refusal = looking.ahead().await.unwrap().refusal().unwrap();
    assert!(refusal.starts_with("the log of issued documents has INV-00000001, which"), "{refusal}");
    assert!(refusal.contains("clicktrail catalog rebuild"), "{refusal}");
    let restored = restore(&looking, false).await;
    let expected = Restored { documents: 1, of_log: 1, periods: 1, ..Restored::default() };
    assert_eq!(restored, expected);
    let found = catalog.document(&first).await.unwrap().unwrap();
    assert_eq!((&found.document.facts, &found.artefacts), (&was.document.facts, &was.artefacts));
    assert_eq!((&found.document.digest, &found.document.due_on), (&was.document.digest, &was.document.due_on));
    let finisher = Finisher::new(bed.archive.clone(), Arc::clone(&catalog), &desk.issuing.log);
    assert!(finisher.finish().await.unwrap().is_whole());
    assert_eq!(looking.ahead().await.unwrap(), Ahead::default());
    assert_eq!(catalog.next_number("INV").await.unwrap().number, 2);
    // The records are there again, and bring back the same.
    assert_eq!(restore(&looking, false).await, Restored::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn document_whose_json_is_lost_is_named_and_its_number_is_given_to_nobody_else() {
    let (bed, desk) = issued().await;
    lose(&bed, "invoices/issued").await;
    lose(&bed, "invoices/documents").await;
    let directory = tempfile::tempdir().unwrap();
    let catalog = older(&directory).await;
    let looking = looking(&bed, &desk, Arc::clone(&catalog));
    let restored = restore(&looking, false).await;
    let told = restored.problems.join("\n");
    assert_eq!((restored.documents, restored.of_log), (0, 0), "{told}");
    assert!(told.contains("invoices/documents/INV/00000001/") && told.contains("--take-lost-documents"), "{told}");
    assert!(looking.ahead().await.unwrap().refusal().is_some());
    let restored = restore(&looking, true).await;
    assert_eq!((restored.documents, restored.of_log), (1, 1), "{restored:?}");
    assert_eq!(catalog.next_number("INV").await.unwrap().number, 2);
    // It stands in the log already, and nobody waits for its JSON.
    assert_eq!(catalog.not_logged(None, 9).await.unwrap(), []);
    assert_eq!(looking.ahead().await.unwrap(), Ahead::default());
}

/// An older copy of the log beside a newer catalog.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_that_is_older_than_the_catalog_is_refused() {
    let (bed, desk) = issued().await;
    let other = self::desk(&bed, bed.archive.clone()).await;
    let refused = looking(&bed, &other, Arc::clone(&bed.catalog)).ahead().await.unwrap_err();
    assert!(matches!(refused, Error::Contradiction(_)), "{refused:?}");
    assert!(refused.to_string().contains("older copy") && refused.to_string().contains("1.1.0"), "{refused}");
    drop(desk);
}

/// Rows that are no entries, a frame that is none, and a number that the log gives to another document: all are named,
/// and none of it keeps what is known from being known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_of_the_log_is_named_and_stops_nothing() {
    let (bed, desk) = issued().await;
    let looking = looking(&bed, &desk, Arc::clone(&bed.catalog));
    let Some(entry) =
        desk.issuing.log.read(Seq::FIRST, ReadLimit::waiting(std::time::Duration::ZERO)).await.unwrap().pop()
    else {
        panic!("nothing is logged")
    };
    let entry = schema::from_frame(&entry.frame).unwrap().remove(0);
    let other = InvoiceEntry { document: Digest::ZERO, ..entry.clone() };
    let mut writer = Writer::new(SeededIds::new(9).next(Timestamp::from_micros(1)), 1);
    let at = Timestamp::from_micros(1);
    let foreign = schema::to_batch(std::slice::from_ref(&entry)).unwrap().project(&[0, 1, 2]).unwrap();
    let mut frames = schema::to_frames(&mut writer, &[other]).unwrap();
    frames.push(writer.seal(&foreign, (at, at)).unwrap());
    let mut unknown = entry.clone();
    unknown.number.number = 7;
    frames.extend(schema::to_frames(&mut writer, &[unknown]).unwrap());
    for frame in &frames[..2] {
        desk.issuing.log.append(frame).await.unwrap();
    }
    let ahead = looking.ahead().await.unwrap();
    assert_eq!(ahead.refusal(), None, "{ahead:?}");
    let told = ahead.damage.join("\n");
    assert!(told.contains("INV-00000001 at 1.2.0 as another document") && told.contains("frame 3"), "{told}");
    // What stands behind the damage is read all the same.
    desk.issuing.log.append(&frames[2]).await.unwrap();
    let refusal = looking.ahead().await.unwrap().refusal().unwrap();
    assert!(refusal.contains("INV-00000007"), "{refusal}");
}
