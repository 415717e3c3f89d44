use clicktrail_catalog::{HotPartial, Sqlite};
use clicktrail_log::{
    embedded::EmbeddedLog,
    event::{Event, Kind},
    frame::{Digest, Writer as FrameWriter},
    invoices::{Artefact, DocumentKind, DocumentNumber, InvoiceEntry, schema},
    log::{ReadLimit, Stream},
    position::Seq,
    schema::EventsBuilder,
    time::{Hour, ManualClock},
};
use uuid::Uuid;

use super::*;
use crate::counting::Projector;

mod erasing;
mod rejected;
mod sharing;

const HOUR: i64 = 3_600_000_000;

struct Bed {
    directory: tempfile::TempDir,
    log: Arc<EmbeddedLog>,
    catalog: Arc<Sqlite>,
    clock: Arc<ManualClock>,
    archive: Archive,
    start: Timestamp,
    writer: FrameWriter,
}

impl Bed {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let start = Hour::parse("2026-05-01T00").unwrap().start();
        let clock = Arc::new(ManualClock::new(start));
        let path = directory.path().join("log.sqlite");
        let log = EmbeddedLog::open(&path, Stream::Clicks, Arc::clone(&clock) as Arc<_>).await.unwrap();
        let catalog = Sqlite::open(&directory.path().join("catalog.sqlite")).await.unwrap();
        let archive = Archive::directory(directory.path().join("archive")).unwrap();
        let writer = FrameWriter::new(Uuid::from_u128(1), 1);
        Self { directory, log: Arc::new(log), catalog: Arc::new(catalog), clock, archive, start, writer }
    }

    /// One click, logged at `hours` and a half after the start.
    async fn click(&mut self, hours: i64) {
        self.click_of(hours, None).await;
    }

    /// The same of a user.
    async fn click_of(&mut self, hours: i64, user: Option<&str>) {
        let at = self.start.plus_micros(hours * HOUR + HOUR / 2);
        self.clock.set(at);
        let mut builder = EventsBuilder::with_capacity(1);
        builder.push(&Event {
            event_id: format!("click-{hours}").into(),
            kind: Kind::Click,
            event_time: at,
            captured_at: at,
            advertiser_id: "acme".into(),
            campaign_id: "spring".into(),
            ad_id: "shoes".into(),
            publisher_id: None,
            placement_id: None,
            user_id: user.map(Into::into),
            session_id: None,
            ip: None,
            user_agent: None,
            page_url: None,
            device_type: None,
            os: None,
            browser: None,
            country: None,
            city: None,
            price_micros: 1,
            currency: "EUR".into(),
            click_event_id: None,
            value_micros: None,
            extra: None,
        });
        let frame = self.writer.seal(&builder.finish(), (at, at)).unwrap();
        self.log.append(&frame).await.unwrap();
    }

    fn archiver(&self) -> Archiver {
        let (log, catalog) = (Arc::clone(&self.log) as Arc<dyn Log>, Arc::clone(&self.catalog) as Arc<dyn Catalog>);
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Archiver::new(log, self.archive.clone(), catalog, clock, session::Limits::default())
    }

    fn projector(&self) -> Projector {
        let (log, catalog) = (Arc::clone(&self.log) as Arc<dyn Log>, Arc::clone(&self.catalog) as Arc<dyn Catalog>);
        Projector::new(log, self.archive.clone(), catalog, session::Limits::default())
    }

    async fn seal_until(&self, hours: i64) -> Vec<Sealed> {
        let (mut archiver, mut sealed) = (self.archiver(), Vec::new());
        while let Some(hour) = archiver.seal_next(self.start.plus_micros(hours * HOUR + HOUR / 60)).await.unwrap() {
            sealed.push(hour);
        }
        sealed
    }

    async fn first_frame(&self) -> u64 {
        self.log.info().await.unwrap().first.get()
    }
}

#[tokio::test]
async fn frames_leave_the_log_only_old_and_read_back() {
    let mut bed = Bed::new().await;
    for hours in [0, 1, 200] {
        bed.click(hours).await;
    }
    bed.seal_until(201).await;
    let archiver = bed.archiver();
    let week = 7 * 24;
    assert!(!archiver.trim(bed.start.plus_micros((week - 1) * HOUR)).await.unwrap());
    assert!(archiver.trim(bed.start.plus_micros((week + 1) * HOUR)).await.unwrap());
    assert_eq!(bed.first_frame().await, 2, "the first hour is a week old, the second is not");

    let part = bed.directory.path().join("archive/personal/dt=2026-05-01/hr=01");
    let part = std::fs::read_dir(part).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&part).unwrap();
    std::fs::write(&part, &whole[1..]).unwrap();
    assert!(!archiver.trim(bed.start.plus_micros((week + 5) * HOUR)).await.unwrap());
    assert_eq!(bed.first_frame().await, 2, "what does not read back stays in the log");
    std::fs::write(&part, &whole).unwrap();
    assert!(archiver.trim(bed.start.plus_micros((week + 5) * HOUR)).await.unwrap());
    assert_eq!(bed.first_frame().await, 3);
    let rest = bed.log.read(Seq::new(3).unwrap(), ReadLimit::waiting(Duration::ZERO)).await.unwrap();
    assert_eq!(rest.len(), 1);
}

#[tokio::test]
async fn wrong_live_count_is_found_at_sealing() {
    let mut bed = Bed::new().await;
    bed.click(0).await;
    let mut projector = bed.projector();
    assert_eq!(projector.tick(Duration::ZERO).await.unwrap(), 1);
    let counted = bed.catalog.partials(bed.start.hour(), Seq::ZERO, u32::MAX).await.unwrap();
    // The second frame is counted as if it held what the first holds.
    bed.click(0).await;
    let wrong = HotPartial {
        first_seq: Seq::new(2).unwrap(),
        last_seq: Seq::new(2).unwrap(),
        last_frame: None,
        ..counted[0].clone()
    };
    bed.catalog.put_partial(&wrong).await.unwrap();
    let mut archiver = bed.archiver();
    let sealed = archiver.seal_next(bed.start.plus_micros(HOUR + HOUR / 60)).await.unwrap().unwrap();
    // The same rows twice are what two such clicks give: counts agree, so this one must be equal ...
    assert_eq!(sealed.reconciliation.outcome, Outcome::Equal);
    bed.click(1).await;
    let moved = HotPartial {
        hour: bed.start.hour().next(),
        first_seq: Seq::new(3).unwrap(),
        last_seq: Seq::new(3).unwrap(),
        last_frame: None,
        ..counted[0].clone()
    };
    bed.catalog.put_partial(&moved).await.unwrap();
    let sealed = archiver.seal_next(bed.start.plus_micros(2 * HOUR + HOUR / 60)).await.unwrap().unwrap();
    // ... and this one, which counts a click in the wrong minute, must not.
    assert_eq!(sealed.reconciliation.outcome, Outcome::Different, "I8");
    assert!(sealed.reconciliation.detail.contains(&sealed.segment.output_digest));
    let stored = bed.catalog.reconciliations(bed.start.hour(), 10).await.unwrap();
    assert_eq!(stored.len(), 2);
}

/// A log of documents beside that of clicks, with one document logged at the start.
async fn with_document(bed: &Bed) -> Arc<EmbeddedLog> {
    let path = bed.directory.path().join("invoices.sqlite");
    let log = EmbeddedLog::open(&path, Stream::Invoices, Arc::clone(&bed.clock) as Arc<_>).await.unwrap();
    let entry = InvoiceEntry {
        document: Digest::of(b"document"),
        number: DocumentNumber { series: "INV".to_owned(), number: 1 },
        kind: DocumentKind::Invoice,
        advertiser_id: "acme".to_owned(),
        currency: "EUR".to_owned(),
        period: "2026-04".to_owned(),
        zone: "UTC".to_owned(),
        period_from: Timestamp::from_micros(0),
        period_to: bed.start,
        issued_on: "2026-05-01".to_owned(),
        issued_at: bed.start,
        total_minor: 1,
        minor_digits: 2,
        original: None,
        basis: Digest::of(b"basis"),
        artefacts: vec![Artefact {
            format: "json".to_owned(),
            key: "1.json".to_owned(),
            digest: Digest::of(b"json"),
            bytes: 4,
        }],
        actor: "ann".to_owned(),
    };
    let frames = schema::to_frames(&mut FrameWriter::new(Uuid::from_u128(2), 1), &[entry]).unwrap();
    log.append(&frames[0]).await.unwrap();
    Arc::new(log)
}

#[tokio::test]
async fn hours_of_issued_documents_are_sealed_and_leave_their_log_once_they_read_back() {
    let bed = Bed::new().await;
    let log = with_document(&bed).await;
    let mut archiver = bed.archiver().with_invoices(Arc::clone(&log) as Arc<_>);
    let at = |hours: i64| bed.start.plus_micros(hours * HOUR + HOUR / 60);
    assert!(!archiver.seal_next_invoices(at(0)).await.unwrap(), "the hour is not over");
    for _ in 0..3 {
        assert!(archiver.seal_next_invoices(at(3)).await.unwrap());
    }
    assert!(!archiver.seal_next_invoices(at(3)).await.unwrap());
    // Another process finds its place in the archive.
    let mut archiver = bed.archiver().with_invoices(Arc::clone(&log) as Arc<_>);
    assert!(archiver.seal_next_invoices(at(4)).await.unwrap());
    let sealed = bed.archive.sealed_hours(Stream::Invoices).await.unwrap();
    assert_eq!(sealed.len(), 4);
    let first = async || log.info().await.unwrap().first.get();
    assert!(!archiver.trim(at(7 * 24)).await.unwrap());
    assert_eq!(first().await, 1);
    let part = bed.directory.path().join("archive/invoices/dt=2026-05-01/hr=00");
    let part = std::fs::read_dir(part).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&part).unwrap();
    std::fs::write(&part, &whole[1..]).unwrap();
    assert!(!archiver.trim(at(7 * 24 + 5)).await.unwrap(), "it does not read back");
    assert_eq!(first().await, 1);
    std::fs::write(&part, &whole).unwrap();
    assert!(archiver.trim(at(7 * 24 + 5)).await.unwrap());
    assert_eq!(first().await, 2);
    assert!(!archiver.trim(at(7 * 24 + 6)).await.unwrap(), "nothing is left to remove");
}

/// A frame of clicks that cannot be decoded stops its own log, and no other.
#[tokio::test]
async fn clicks_that_cannot_be_sealed_stop_no_other_log() {
    let mut bed = Bed::new().await;
    bed.click(0).await;
    let batch = bed.log.read(Seq::FIRST, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
    let mut broken = bed.writer.seal(&batch[0].frame.decode().unwrap(), (bed.start, bed.start)).unwrap();
    broken.payload = broken.payload.slice(1..);
    bed.log.append(&broken).await.unwrap();
    let log = with_document(&bed).await;
    let mut archiver = bed.archiver().with_invoices(Arc::clone(&log) as Arc<_>);
    let late = bed.start.plus_micros(2 * HOUR + HOUR / 60);
    for _ in 0..3 {
        assert!(archiver.look(late).await.is_err(), "frame 2 cannot be decoded");
    }
    assert_eq!(bed.archive.sealed_hours(Stream::Invoices).await.unwrap().len(), 2);
    assert_eq!(bed.archive.sealed_hours(Stream::Clicks).await.unwrap(), []);
}

/// A clock that jumped ahead and back again: live counting and sealing put the frame into the same hour.
#[tokio::test]
async fn frame_that_a_wrong_clock_logged_is_counted_where_it_is_sealed() {
    let mut bed = Bed::new().await;
    let mut projector = bed.projector().at_present(Arc::clone(&bed.clock) as Arc<dyn Clock>);
    bed.click(0).await;
    assert_eq!(projector.tick(Duration::ZERO).await.unwrap(), 1);
    for hours in [50_000, 1] {
        bed.click(hours).await;
    }
    while projector.tick(Duration::ZERO).await.unwrap() > 0 {}
    let sealed = bed.seal_until(2).await;
    let found: Vec<_> = sealed.iter().map(|hour| (hour.manifest.rows, hour.reconciliation.outcome)).collect();
    assert_eq!(found, [(2, Outcome::Equal), (1, Outcome::Equal)]);
}
