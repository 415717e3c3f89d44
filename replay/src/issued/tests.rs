//! Against an embedded log and its archive: sealed, trimmed, appended to by several at once, and damaged.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arrow::array::{RecordBatch, StringArray};
use async_trait::async_trait;
use clicktrail_log::{
    archive::{Archive, invoices::Invoices, seal::Sealer},
    embedded::EmbeddedLog,
    frame::{Digest, Frame, Writer},
    invoices::{Artefact, DocumentKind, DocumentNumber, InvoiceEntry, ledger::Damage, schema},
    log::{self, Appended, Condition, Durability, Info, Log, Logged, ReadLimit, Stream},
    position::Seq,
    time::{Hour, ManualClock, Timestamp},
};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::history::Start;

const HOUR: i64 = 3_600_000_000;

fn start() -> Hour {
    Hour::parse("2026-04-01T08").unwrap()
}

/// Invoice `number`, issued so many hours after the start.
fn issued(number: u32, hours: i64) -> InvoiceEntry {
    InvoiceEntry {
        document: Digest::of(&number.to_le_bytes()),
        number: DocumentNumber { series: "INV".to_owned(), number },
        kind: DocumentKind::Invoice,
        advertiser_id: "acme".to_owned(),
        currency: "EUR".to_owned(),
        period: "2026-03".to_owned(),
        zone: "UTC".to_owned(),
        period_from: Timestamp::from_micros(0),
        period_to: Timestamp::from_micros(60_000_000),
        issued_on: "2026-04-01".to_owned(),
        issued_at: start().start().plus_micros(hours * HOUR),
        total_minor: i128::from(number),
        minor_digits: 2,
        original: None,
        basis: Digest::of(b"basis"),
        artefacts: vec![Artefact {
            format: "json".to_owned(),
            key: format!("{number}.json"),
            digest: Digest::of(b"json"),
            bytes: 4,
        }],
        actor: "ann".to_owned(),
    }
}

/// A log whose next append is done, and yet its outcome is not known.
#[derive(Debug)]
struct Forgetful {
    inner: EmbeddedLog,
    forgets: AtomicBool,
}

#[async_trait]
impl Log for Forgetful {
    async fn append(&self, frame: &Frame) -> Result<Appended, log::Error> {
        self.inner.append(frame).await
    }

    async fn append_if(&self, frame: &Frame, condition: Condition) -> Result<Appended, log::Error> {
        let appended = self.inner.append_if(frame, condition).await?;
        match self.forgets.swap(false, Ordering::SeqCst) {
            true => Err(log::Error::UnknownOutcome("the answer was lost".to_owned())),
            false => Ok(appended),
        }
    }

    async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, log::Error> {
        self.inner.read(from, limit).await
    }

    async fn info(&self) -> Result<Info, log::Error> {
        self.inner.info().await
    }

    async fn trim(&self, first_kept: Seq) -> Result<(), log::Error> {
        self.inner.trim(first_kept).await
    }

    async fn durability(&self) -> Result<Durability, log::Error> {
        self.inner.durability().await
    }
}

struct Bed {
    directory: TempDir,
    clock: Arc<ManualClock>,
    log: Arc<Forgetful>,
    archive: Archive,
}

impl Bed {
    async fn new() -> Self {
        Self::on(tempfile::tempdir().unwrap()).await
    }

    async fn on(directory: TempDir) -> Self {
        let clock = Arc::new(ManualClock::new(start().start()));
        let path = directory.path().join("invoices.sqlite");
        let inner = EmbeddedLog::open(&path, Stream::Invoices, Arc::clone(&clock) as Arc<_>).await.unwrap();
        let archive = Archive::directory(directory.path().join("archive")).unwrap();
        Self { directory, clock, log: Arc::new(Forgetful { inner, forgets: AtomicBool::new(false) }), archive }
    }

    fn log(&self) -> Arc<dyn Log> {
        Arc::clone(&self.log) as Arc<dyn Log>
    }

    async fn append(&self, entries: &[InvoiceEntry]) -> Result<Vec<String>, Error> {
        let places = append(&self.log(), &self.archive, entries).await?;
        Ok(places.iter().map(ToString::to_string).collect())
    }

    /// The numbers that a reader gets, and what it finds damaged.
    async fn read(&self, from: Start) -> Result<(Vec<u32>, Vec<Damage>), Error> {
        let mut reader = Issued::open(&self.log(), &self.archive, from).await?;
        let (mut numbers, mut damages) = (Vec::new(), Vec::new());
        while let Some(found) = reader.next().await? {
            for found in found {
                match found {
                    Ok(document) => numbers.push(document.entry.number.number),
                    Err(damage) => damages.push(damage),
                }
            }
        }
        Ok((numbers, damages))
    }

    async fn numbers(&self) -> Vec<u32> {
        let (numbers, damages) = self.read(Start::Beginning).await.unwrap();
        assert_eq!(damages, []);
        numbers
    }

    /// Sets the clock so many hours after the start, and seals every hour that is over.
    async fn pass_to(&self, hours: i64) {
        self.clock.set(start().start().plus_micros(hours * HOUR));
        let sealer = Sealer::<Invoices>::of(self.log(), self.archive.clone());
        let last = self.archive.sealed_hours(Stream::Invoices).await.unwrap().pop();
        let mut cursor = sealer.resume(last).await.unwrap();
        let now = start().start().plus_micros(hours * HOUR + HOUR / 60);
        while let Some((_, after)) = sealer.seal_next(&cursor, now).await.unwrap() {
            cursor = after;
        }
    }

    /// Appends entries as a program could that looks at nothing.
    async fn force(&self, writer: u128, entries: &[InvoiceEntry]) {
        for frame in schema::to_frames(&mut Writer::new(Uuid::from_u128(writer), 1), entries).unwrap() {
            self.log.append(&frame).await.unwrap();
        }
    }
}

#[tokio::test]
async fn documents_are_logged_once_however_often_they_are_appended() {
    let bed = Bed::new().await;
    assert_eq!(bed.append(&[]).await.unwrap(), [""; 0]);
    assert_eq!(bed.append(&[issued(1, 0), issued(2, 0)]).await.unwrap(), ["1.1.0", "1.1.1"]);
    assert_eq!(bed.append(&[issued(2, 0), issued(3, 0), issued(1, 0)]).await.unwrap(), ["1.1.1", "1.2.0", "1.1.0"]);
    // The hour is sealed, and its frames leave the log.
    bed.pass_to(1).await;
    assert_eq!(bed.append(&[issued(4, 1), issued(1, 0)]).await.unwrap(), ["1.3.0", "1.1.0"]);
    bed.pass_to(5).await;
    bed.log.trim(Seq::new(4).unwrap()).await.unwrap();
    assert_eq!(bed.append(&[issued(3, 0), issued(4, 1), issued(5, 5)]).await.unwrap(), ["1.2.0", "1.3.0", "1.4.0"]);
    assert_eq!(bed.numbers().await, [1, 2, 3, 4, 5]);
    let from = Start::Hour(Hour::from_i64(start().as_i64() + 1));
    assert_eq!(bed.read(from).await.unwrap().0, [4, 5]);
}

/// One that is kept knows what it logged, what others logged meanwhile, and what is sealed and trimmed under it.
#[tokio::test]
async fn recorder_that_is_kept_goes_on_behind_what_others_log() {
    let bed = Bed::new().await;
    let log = bed.log();
    let mut recorder = Recorder::new(&log, &bed.archive);
    let mut record = async |entries: &[InvoiceEntry]| {
        let places = recorder.record(entries).await.unwrap();
        places.iter().map(|place| place.as_ref().unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(record(&[issued(1, 0)]).await, ["1.1.0"]);
    assert_eq!(bed.append(&[issued(2, 0), issued(3, 0)]).await.unwrap(), ["1.2.0", "1.2.1"]);
    assert_eq!(record(&[issued(3, 0), issued(4, 0)]).await, ["1.2.1", "1.3.0"]);
    bed.pass_to(3).await;
    bed.log.trim(Seq::new(4).unwrap()).await.unwrap();
    assert_eq!(bed.append(&[issued(5, 3)]).await.unwrap(), ["1.4.0"]);
    assert_eq!(record(&[issued(1, 0), issued(5, 3), issued(6, 3)]).await, ["1.1.0", "1.4.0", "1.5.0"]);
    assert_eq!(record(&[issued(7, -40), issued(6, 3)]).await, ["1.6.0", "1.5.0"], "it looks further back");
    assert_eq!(bed.numbers().await, [1, 2, 3, 4, 5, 6, 7]);
}

/// Dies between the append and the note of it: the next one finds it.
#[tokio::test]
async fn append_whose_outcome_was_lost_is_found_and_not_repeated() {
    let bed = Bed::new().await;
    bed.log.forgets.store(true, Ordering::SeqCst);
    let lost = bed.append(&[issued(1, 0)]).await.unwrap_err();
    assert!(lost.is_transient(), "{lost:?}");
    assert_eq!(bed.append(&[issued(1, 0), issued(2, 0)]).await.unwrap(), ["1.1.0", "1.2.0"]);
    assert_eq!(bed.numbers().await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appenders_at_once_log_each_document_once() {
    let bed = Bed::new().await;
    let all: Vec<InvoiceEntry> = (1..=24).map(|number| issued(number, 0)).collect();
    // Each has some that the one before has, too.
    let tasks = (0..6).map(|task: usize| {
        let (log, archive) = (bed.log(), bed.archive.clone());
        let entries = all[task * 3..task * 3 + 9].to_vec();
        tokio::spawn(async move {
            for entry in entries {
                while let Err(error) = append(&log, &archive, std::slice::from_ref(&entry)).await {
                    assert!(error.is_transient(), "{error:?}");
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let mut numbers = bed.numbers().await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=24).collect::<Vec<_>>());
    assert_eq!(bed.log.info().await.unwrap().last.get(), 24, "nothing stands in the log twice");
}

#[tokio::test]
async fn entry_that_stands_in_the_log_twice_is_read_once_also_when_one_of_them_is_sealed() {
    let bed = Bed::new().await;
    bed.append(&[issued(1, 0), issued(2, 0)]).await.unwrap();
    bed.pass_to(2).await;
    bed.force(9, &[issued(2, 0), issued(3, 2)]).await;
    assert_eq!(bed.numbers().await, [1, 2, 3]);
}

#[tokio::test]
async fn number_of_two_documents_is_named_and_stops_nothing_else() {
    let bed = Bed::new().await;
    bed.append(&[issued(1, 0), issued(2, 0)]).await.unwrap();
    bed.pass_to(2).await;
    let other = InvoiceEntry { document: Digest::ZERO, ..issued(2, 2) };
    bed.force(9, std::slice::from_ref(&other)).await;
    let (numbers, damages) = bed.read(Start::Beginning).await.unwrap();
    assert_eq!(numbers, [1, 2]);
    let [damage] = &damages[..] else { panic!("{damages:?}") };
    let told = damage.to_string();
    assert!(told.contains("number 2 of series INV was given to two documents") && told.contains("1.2.0"), "{told}");
    assert_eq!(bed.append(&[issued(3, 2)]).await.unwrap(), ["1.3.0"]);
}

#[tokio::test]
async fn number_that_another_document_has_is_not_logged_again() {
    let bed = Bed::new().await;
    bed.append(&[issued(1, 0)]).await.unwrap();
    for other in
        [InvoiceEntry { document: Digest::ZERO, ..issued(1, 0) }, InvoiceEntry { total_minor: 7, ..issued(1, 0) }]
    {
        let refused = bed.append(&[issued(2, 0), other]).await.unwrap_err();
        assert!(matches!(&refused, Error::Taken(taken) if taken.position.to_string() == "1.1.0"), "{refused:?}");
    }
    assert_eq!(bed.numbers().await, [1, 2], "the others are logged, and once");
}

/// A row that is no entry, among others.
#[tokio::test]
async fn row_that_is_no_entry_is_named_and_stops_nothing_else() {
    let bed = Bed::new().await;
    bed.append(&[issued(1, 0)]).await.unwrap();
    let batch = schema::to_batch(&[issued(2, 0), issued(3, 0)]).unwrap();
    let mut columns = batch.columns().to_vec();
    columns[3] = Arc::new(StringArray::from(vec!["receipt", "invoice"]));
    let odd = RecordBatch::try_new(batch.schema(), columns).unwrap();
    let at = start().start();
    bed.log.append(&Writer::new(Uuid::from_u128(9), 1).seal(&odd, (at, at)).unwrap()).await.unwrap();
    assert_eq!(bed.append(&[issued(3, 0), issued(4, 0)]).await.unwrap(), ["1.2.1", "1.3.0"]);
    let (numbers, damages) = bed.read(Start::Beginning).await.unwrap();
    assert_eq!(numbers, [1, 3, 4]);
    let [damage] = &damages[..] else { panic!("{damages:?}") };
    let told = damage.to_string();
    assert!(told.contains("1.2.0") && told.contains("receipt"), "{told}");
}

/// A frame with other columns: nobody can read on there, and what is to be logged is logged.
#[tokio::test]
async fn frame_that_is_none_of_entries_keeps_nothing_from_being_logged() {
    let bed = Bed::new().await;
    bed.append(&[issued(1, 0)]).await.unwrap();
    let batch = schema::to_batch(&[issued(2, 0)]).unwrap().project(&[0, 1, 2]).unwrap();
    let at = start().start();
    bed.log.append(&Writer::new(Uuid::from_u128(9), 1).seal(&batch, (at, at)).unwrap()).await.unwrap();
    assert_eq!(bed.append(&[issued(1, 0), issued(3, 0)]).await.unwrap(), ["1.1.0", "1.3.0"]);
    let refused = bed.read(Start::Beginning).await.unwrap_err();
    assert!(refused.is_incomplete(), "{refused:?}");
}

/// A damaged object of the archive in the way of what is to be logged.
#[tokio::test]
async fn damaged_hour_is_said_and_keeps_nothing_from_being_logged() {
    let bed = Bed::new().await;
    bed.append(&[issued(1, 0)]).await.unwrap();
    bed.pass_to(1).await;
    bed.append(&[issued(2, 1)]).await.unwrap();
    bed.pass_to(2).await;
    let part = files(&bed.directory.path().join("archive"));
    let part = part.iter().find(|path| path.extension().is_some_and(|end| end == "parquet")).unwrap();
    let whole = std::fs::read(part).unwrap();
    std::fs::write(part, "x").unwrap();
    let mut recorder = Recorder::new(&bed.log(), &bed.archive);
    let places = recorder.record(&[issued(3, 0)]).await.unwrap();
    assert_eq!(places.len(), 1);
    let unread = clicktrail_log::causes::causes(&recorder.unread().unwrap());
    assert!(unread.contains("damaged") && recorder.unread().is_none(), "{unread}");
    std::fs::write(part, whole).unwrap();
    assert_eq!(bed.numbers().await, [1, 2, 3]);
}

/// Two copies of one directory went on by themselves. Neither's log takes the place of the other's in the archive.
#[tokio::test]
async fn copied_directory_that_went_on_is_refused_by_the_archive_of_the_other() {
    let one = Bed::new().await;
    one.append(&[issued(1, 0)]).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(one.directory.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.to_string_lossy().ends_with("-shm") {
            std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let other = Bed::on(copy).await;
    one.append(&[issued(2, 0)]).await.unwrap();
    other.append(&[InvoiceEntry { document: Digest::ZERO, ..issued(2, 0) }]).await.unwrap();
    one.pass_to(2).await;
    // The other's log on the archive of the one: its frame 2 is not what was sealed, so the number is the archive's.
    let mixed = Bed { archive: one.archive.clone(), ..other };
    mixed.clock.set(start().start().plus_micros(2 * HOUR));
    let refused = mixed.append(&[InvoiceEntry { document: Digest::ZERO, ..issued(2, 0) }]).await.unwrap_err();
    assert!(matches!(refused, Error::Taken(_)), "{refused:?}");
    assert_eq!(mixed.numbers().await, [1, 2]);
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let (mut left, mut files) = (vec![directory.to_owned()], Vec::new());
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { left.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// One flipped bit of any object of the archive: what is behind it is not given, and its key is named.
#[tokio::test]
async fn one_bad_byte_of_the_archive_is_named() {
    let bed = Bed::new().await;
    bed.append(&[issued(1, 0), issued(2, 0)]).await.unwrap();
    bed.pass_to(2).await;
    bed.append(&[issued(3, 2)]).await.unwrap();
    bed.pass_to(4).await;
    let archive = bed.directory.path().join("archive");
    // Stored nodes of trees are for proofs: readers of documents do not look at them.
    let mut objects = files(&archive);
    objects.retain(|path| !path.starts_with(archive.join("evidence")));
    assert_eq!(objects.len(), 6, "{objects:?}");
    for path in objects {
        let whole = std::fs::read(&path).unwrap();
        for at in [3, whole.len() / 2, whole.len() - 2] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            let key = path.strip_prefix(&archive).unwrap().to_string_lossy().into_owned();
            let error = bed.read(Start::Beginning).await.unwrap_err();
            let told = clicktrail_log::causes::causes(&error);
            assert!(error.is_incomplete() && told.contains(&key), "{key} at {at}: {told}");
        }
        std::fs::write(&path, &whole).unwrap();
    }
    assert_eq!(bed.numbers().await, [1, 2, 3]);
}
