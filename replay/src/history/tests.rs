//! A reader against a model: whatever is appended twice, sealed, trimmed and restarted meanwhile, it gives each row of
//! the log once, in order.

use std::{
    borrow::Cow,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::Int64Type,
};
use clicktrail_log::{
    archive::{
        Archive,
        clicks::Clicks,
        rejected::RejectedEvents,
        seal::{Cursor, GRACE, Sealer},
    },
    event::{Event, Kind},
    frame::{Frame, Writer},
    log::{Appended, Durability, Error as LogError, Info, Log, Logged, ReadLimit, Stream},
    position::{Epoch, Position, Seq},
    rejected::{Rejected, RejectedBuilder},
    schema::EventsBuilder,
    time::{Hour, Timestamp},
};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::Error;

const MINUTE: i64 = 60_000_000;
/// 2027-01-15T08:00:00Z, the beginning of an hour.
const BEGIN: i64 = 1_800_000_000_000_000;

/// A broker that has forgotten what it took: it appends a copy of a frame once more.
#[derive(Debug, Default)]
struct ForgetfulLog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    frames: Vec<Logged>,
    trimmed: usize,
    now: i64,
}

#[async_trait::async_trait]
impl Log for ForgetfulLog {
    async fn append(&self, frame: &Frame) -> Result<Appended, LogError> {
        let mut state = self.0.lock().unwrap();
        let seq = Seq::new(state.frames.len() as u64 + 1).unwrap();
        let logged_at = Timestamp::from_micros(state.now);
        state.frames.push(Logged::new(seq, logged_at, frame.clone()));
        Ok(Appended { seq, duplicate: false })
    }

    async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, LogError> {
        let (info, state) = (self.info().await?, self.0.lock().unwrap());
        if from < info.first {
            return Err(LogError::Trimmed { from, first: info.first });
        }
        if from > info.last.next() {
            return Err(LogError::Gap { expected: info.last.next(), found: None, last: info.last });
        }
        let begin = usize::try_from(from.get() - 1).unwrap();
        Ok(state.frames[begin..].iter().take(limit.frames.clamp(1, 3)).cloned().collect())
    }

    async fn info(&self) -> Result<Info, LogError> {
        let state = self.0.lock().unwrap();
        let seq = |count: usize| Seq::new(count as u64).unwrap();
        let (first, last) = (seq(state.trimmed + 1), seq(state.frames.len()));
        Ok(Info { epoch: Epoch::FIRST, first, last, bytes: 0 })
    }

    async fn trim(&self, first_kept: Seq) -> Result<(), LogError> {
        let mut state = self.0.lock().unwrap();
        state.trimmed = state.trimmed.max(usize::try_from(first_kept.get() - 1).unwrap());
        Ok(())
    }

    async fn durability(&self) -> Result<Durability, LogError> {
        Ok(Durability::Fsync)
    }
}

/// Numbers that look random, always the same after the same seed.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn click(id: u64, micros: i64, ad: u64) -> Event<'static> {
    Event {
        event_id: Cow::Owned(format!("event-{id}")),
        kind: Kind::Click,
        event_time: Timestamp::from_micros(micros),
        captured_at: Timestamp::from_micros(micros),
        advertiser_id: Cow::Owned(format!("advertiser-{}", ad % 3)),
        campaign_id: Cow::Borrowed("campaign"),
        ad_id: Cow::Owned(format!("ad-{ad}")),
        publisher_id: None,
        placement_id: None,
        user_id: None,
        session_id: None,
        ip: Some(Cow::Owned(format!("192.0.2.{}", id % 256))),
        user_agent: None,
        page_url: None,
        device_type: None,
        os: None,
        browser: None,
        country: None,
        city: None,
        price_micros: 10_000,
        currency: Cow::Borrowed("EUR"),
        click_event_id: None,
        value_micros: None,
        extra: None,
    }
}

/// A row that must be given: where it stands, its event, and the hour of its frame once that is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    position: i64,
    event: String,
}

/// A log with its archive, and what a reader of it must be given.
#[derive(Debug)]
struct Bed {
    directory: TempDir,
    log: Arc<ForgetfulLog>,
    archive: Archive,
    sealer: Sealer,
    cursor: Cursor,
    writers: [Writer; 2],
    sent: Vec<Frame>,
    events: u64,
    rows: Vec<Row>,
}

impl Bed {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = Arc::new(ForgetfulLog::default());
        log.0.lock().unwrap().now = BEGIN;
        let archive = Archive::directory(directory.path().to_owned()).unwrap();
        let sealer = Sealer::new(Arc::<ForgetfulLog>::clone(&log), archive.clone()).with_part_rows(6);
        let writers = [1, 2].map(|id| Writer::new(Uuid::from_u128(id), 1));
        let (sent, rows) = (Vec::new(), Vec::new());
        Self { directory, log, archive, sealer, cursor: Cursor::start(), writers, sent, events: 0, rows }
    }

    async fn append(&mut self, writer: usize, rows: u64, dice: &mut Dice) {
        let mut builder = EventsBuilder::with_capacity(8);
        let now = self.log.0.lock().unwrap().now;
        let first = self.events;
        for _ in 0..rows {
            builder.push(&click(self.events, now - i64::try_from(dice.roll(9)).unwrap(), dice.roll(5)));
            self.events += 1;
        }
        let now = Timestamp::from_micros(now);
        let frame = self.writers[writer].seal(&builder.finish(), (now, now)).unwrap();
        let seq = self.log.append(&frame).await.unwrap().seq;
        for (row, id) in (0..).zip(first..self.events) {
            let position = Position::new(Epoch::FIRST, seq, row).as_i64();
            self.rows.push(Row { position, event: format!("event-{id}") });
        }
        self.sent.push(frame);
    }

    async fn append_again(&mut self, which: usize) {
        self.log.append(&self.sent[which]).await.unwrap();
    }

    fn pass(&self, micros: i64) {
        self.log.0.lock().unwrap().now += micros;
    }

    async fn seal(&mut self) {
        let grace = i64::try_from(GRACE.as_micros()).unwrap();
        loop {
            let now = Timestamp::from_micros(self.log.0.lock().unwrap().now + grace);
            let Some((_, after)) = self.sealer.seal_next(&self.cursor, now).await.unwrap() else { return };
            self.cursor = after;
        }
    }

    async fn history(&self, source: Source, start: Start, end: Option<End>) -> Result<History, Error> {
        History::open(Arc::<ForgetfulLog>::clone(&self.log), self.archive.clone(), source, start, end).await
    }

    async fn read(&self, start: Start, end: Option<End>) -> Result<Vec<Row>, Error> {
        let mut history = self.history(Source::new(Stream::Clicks), start, end).await?;
        let mut found = Vec::new();
        while let Step::Rows(rows) = history.next(Duration::ZERO).await? {
            found.extend(rows_of(&rows));
        }
        Ok(found)
    }

    fn manifest(&self, hour: Hour) -> PathBuf {
        self.directory.path().join(format!("manifests/clicks/{hour}.json"))
    }
}

fn rows_of(rows: &RecordBatch) -> Vec<Row> {
    let positions = rows.column_by_name("position").unwrap().as_primitive::<Int64Type>();
    let events = rows.column_by_name("event_id").unwrap().as_string::<i32>();
    let row = |at: usize| Row { position: positions.value(at), event: events.value(at).to_owned() };
    (0..rows.num_rows()).map(row).collect()
}

/// The seed of a random test: `CLICKTRAIL_TEST_SEED`, or always the same one. The output of a failed test shows it.
fn seed() -> u64 {
    let given = std::env::var("CLICKTRAIL_TEST_SEED").map(|text| text.parse().expect("a number"));
    let seed = given.unwrap_or(1);
    println!("CLICKTRAIL_TEST_SEED={seed}");
    seed
}

#[tokio::test]
async fn reader_that_is_overtaken_and_restarted_gives_every_row_once_in_order() {
    let mut dice = Dice(seed());
    for _ in 0..15 {
        let mut bed = Bed::new();
        let personal = dice.roll(2) == 0;
        let source = match personal {
            true => Source::new(Stream::Clicks).with_personal(),
            false => Source::new(Stream::Clicks),
        };
        let mut history = bed.history(source, Start::Beginning, None).await.unwrap();
        let mut found = Vec::new();
        for _ in 0..120 {
            match dice.roll(12) {
                0..4 => {
                    let (writer, rows) = (usize::try_from(dice.roll(2)).unwrap(), 1 + dice.roll(4));
                    bed.append(writer, rows, &mut dice).await;
                }
                4 if !bed.sent.is_empty() => {
                    let which = dice.roll(bed.sent.len() as u64);
                    bed.append_again(usize::try_from(which).unwrap()).await;
                }
                // A log's clock may go back a little.
                5 | 6 => bed.pass(i64::try_from(dice.roll(45)).unwrap() * MINUTE - 3 * MINUTE),
                7 => bed.seal().await,
                8 => bed.log.trim(bed.cursor.next_seq()).await.unwrap(),
                9 => history = bed.history(source, Start::At(history.place()), None).await.unwrap(),
                _ => {
                    for _ in 0..dice.roll(4) {
                        if let Step::Rows(rows) = history.next(Duration::ZERO).await.unwrap() {
                            assert_eq!(rows.schema(), source.schema());
                            found.extend(rows_of(&rows));
                        }
                    }
                }
            }
            assert_eq!(found, bed.rows[..found.len()], "rows so far");
        }
        while let Step::Rows(rows) = history.next(Duration::ZERO).await.unwrap() {
            found.extend(rows_of(&rows));
        }
        assert_eq!(found, bed.rows);
    }
}

#[tokio::test]
async fn every_row_is_a_place_to_go_on_behind() {
    let mut dice = Dice(7);
    let mut bed = Bed::new();
    for round in 0..12 {
        bed.append(0, 3, &mut dice).await;
        bed.append_again(round).await;
        bed.pass(20 * MINUTE);
        if round == 8 {
            bed.seal().await;
        }
    }
    bed.log.trim(bed.cursor.next_seq()).await.unwrap();
    for (index, row) in bed.rows.iter().enumerate() {
        let at = Position::from_i64(row.position).unwrap();
        let behind = bed.read(Start::At(at.plus_rows(1)), None).await.unwrap();
        assert_eq!(behind, bed.rows[index + 1..], "behind {at}");
        assert_eq!(bed.read(Start::Beginning, Some(End::At(at))).await.unwrap(), bed.rows[..index], "before {at}");
    }
    let hours = bed.archive.sealed_hours(Stream::Clicks).await.unwrap();
    assert!(hours.len() > 2, "{hours:?}");
    let open = hours.last().unwrap().next();
    for hour in hours.iter().copied().chain([open]) {
        let before = bed.read(Start::Beginning, Some(End::Hour(hour))).await.unwrap();
        let behind = bed.read(Start::Hour(hour), None).await.unwrap();
        assert_eq!([before, behind].concat(), bed.rows, "before and from {hour}");
    }
    assert!(!bed.read(Start::Hour(open), None).await.unwrap().is_empty());
    // One that waits for an hour which is not there yet, while the open one is sealed and trimmed.
    let later = Hour::from_i64(open.as_i64() + 3);
    let mut waiting = bed.history(Source::new(Stream::Clicks), Start::Hour(later), None).await.unwrap();
    bed.append(0, 2, &mut dice).await;
    bed.pass(240 * MINUTE);
    let given = bed.rows.len();
    bed.append(1, 2, &mut dice).await;
    bed.seal().await;
    bed.log.trim(bed.cursor.next_seq()).await.unwrap();
    let Step::Rows(rows) = waiting.next(Duration::ZERO).await.unwrap() else { panic!("there is a row") };
    assert_eq!(rows_of(&rows), bed.rows[given..]);
    assert_eq!(waiting.next(Duration::ZERO).await.unwrap(), Step::Tail);
}

#[tokio::test]
async fn quiet_hour_and_hour_of_repeats_alone_give_nothing_and_are_no_gap() {
    let mut dice = Dice(7);
    let mut bed = Bed::new();
    bed.append(0, 2, &mut dice).await;
    bed.pass(60 * MINUTE);
    bed.append_again(0).await;
    bed.pass(120 * MINUTE);
    bed.append(1, 2, &mut dice).await;
    bed.pass(60 * MINUTE);
    let mut behind = bed.history(Source::new(Stream::Clicks), Start::Beginning, None).await.unwrap();
    assert_eq!(behind.next(Duration::ZERO).await.unwrap(), Step::Rows(first_frame(&bed).await));
    bed.seal().await;
    let hours = bed.archive.sealed_hours(Stream::Clicks).await.unwrap();
    let mut rows = Vec::new();
    for hour in &hours {
        let manifest = bed.archive.manifest::<Clicks>(*hour).await.unwrap().unwrap();
        rows.push((manifest.rows, manifest.repeats));
    }
    assert_eq!(rows, [(2, 0), (0, 1), (0, 0), (2, 0)]);
    bed.log.trim(bed.cursor.next_seq()).await.unwrap();
    assert_eq!(bed.read(Start::Beginning, None).await.unwrap(), bed.rows);
    // One that stood in the first of these hours when all of them were sealed and trimmed.
    let Step::Rows(rest) = behind.next(Duration::ZERO).await.unwrap() else { panic!("there is more") };
    assert_eq!(rows_of(&rest), bed.rows[2..]);
    assert_eq!(behind.next(Duration::ZERO).await.unwrap(), Step::Tail);
}

async fn first_frame(bed: &Bed) -> RecordBatch {
    let frames = bed.log.read(Seq::FIRST, ReadLimit { frames: 1, bytes: 1, wait: Duration::ZERO }).await.unwrap();
    let first = Position::new(Epoch::FIRST, Seq::FIRST, 0);
    Source::new(Stream::Clicks).rows(&frames[0], &frames[0].frame.decode().unwrap(), first).unwrap()
}

/// What is missing or damaged, and what the error names.
#[tokio::test]
async fn hole_or_damage_is_named_and_nothing_behind_it_is_given() {
    let mut dice = Dice(7);
    let mut bed = Bed::new();
    for _ in 0..5 {
        bed.append(0, 3, &mut dice).await;
        bed.pass(60 * MINUTE);
    }
    bed.seal().await;
    bed.log.trim(bed.cursor.next_seq()).await.unwrap();
    let hours = bed.archive.sealed_hours(Stream::Clicks).await.unwrap();
    let part = |hour: Hour| {
        let (bed, hour) = (&bed, hour);
        async move {
            let manifest = bed.archive.manifest::<Clicks>(hour).await.unwrap().unwrap();
            bed.directory.path().join(&manifest.parts[0].core.key)
        }
    };
    let files = [
        (bed.manifest(hours[0]), 0),
        (bed.manifest(hours[2]), 6),
        (bed.manifest(hours[4]), 12),
        (part(hours[3]).await, 9),
    ];
    for (file, before) in files {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&file).unwrap();
        let mut flipped = bytes.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        for damaged in [None, Some(flipped)] {
            match damaged {
                None => std::fs::remove_file(&file).unwrap(),
                Some(damaged) => std::fs::write(&file, damaged).unwrap(),
            }
            let mut history = bed.history(Source::new(Stream::Clicks), Start::Beginning, None).await.unwrap();
            let mut found = Vec::new();
            let error = loop {
                match history.next(Duration::ZERO).await {
                    Ok(Step::Rows(rows)) => found.extend(rows_of(&rows)),
                    Ok(step) => panic!("{name}: {step:?} instead of an error"),
                    Err(error) => break error,
                }
            };
            let told = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
            let named = if name.ends_with(".json") && before == 0 { "manifests" } else { &name };
            assert!(error.is_incomplete() && !error.is_transient() && told.contains(named), "{name}: {told}");
            assert_eq!(found, bed.rows[..before], "{name}");
            // Asked again it says so again.
            assert!(history.next(Duration::ZERO).await.is_err());
            std::fs::write(&file, &bytes).unwrap();
        }
    }
    assert_eq!(bed.read(Start::Beginning, None).await.unwrap(), bed.rows);
    // The manifest of that hour in another log.
    let mut other = Bed::new();
    for _ in 0..5 {
        other.append(1, 2, &mut dice).await;
        other.pass(60 * MINUTE);
    }
    other.seal().await;
    std::fs::copy(other.manifest(hours[3]), bed.manifest(hours[3])).unwrap();
    let error = bed.read(Start::Hour(hours[2]), None).await.unwrap_err();
    let told = format!("{:?}", std::error::Error::source(&error).map(ToString::to_string));
    assert!(error.is_incomplete() && told.contains("names another manifest"), "{told}");
}

#[tokio::test]
async fn place_that_the_log_never_came_to_is_refused() {
    let mut dice = Dice(7);
    let mut bed = Bed::new();
    bed.append(0, 3, &mut dice).await;
    for ahead in ["1.3.0", "2.1.0"] {
        let error = bed.read(Start::At(ahead.parse().unwrap()), None).await.unwrap_err();
        assert!(error.is_incomplete() && error.to_string().contains("the log ends before 1.2.0"), "{error}");
    }
    assert_eq!(bed.read(Start::At("1.2.0".parse().unwrap()), None).await.unwrap(), []);
    assert_eq!(bed.read(Start::At("1.1.2".parse().unwrap()), None).await.unwrap(), bed.rows[2..]);
    // Trimmed, and sealed nowhere.
    bed.log.trim(Seq::new(2).unwrap()).await.unwrap();
    let error = bed.read(Start::Beginning, None).await.unwrap_err();
    assert!(error.is_incomplete() && error.to_string().contains("no sealed hour holds"), "{error}");
}

/// What programs left that erased from the log of rejected events: it begins with another frame than its first.
#[tokio::test]
async fn log_of_rejected_events_is_read_from_where_it_begins_sealed_or_not() {
    let bed = Bed::new();
    let mut writer = Writer::new(Uuid::from_u128(9), 1);
    for number in 0..6 {
        let now = Timestamp::from_micros(bed.log.0.lock().unwrap().now);
        let mut builder = RejectedBuilder::with_capacity(1);
        builder.push(&Rejected {
            rejected_at: now,
            source: "http /c".into(),
            item: number,
            code: "unknown_ad".into(),
            detail: "x".into(),
            original: b"{}".as_slice().into(),
        });
        bed.log.append(&writer.seal(&builder.finish(), (now, now)).unwrap()).await.unwrap();
        bed.pass(30 * MINUTE);
    }
    let (seq, source) = (|seq: u64| Seq::new(seq).unwrap(), Source::new(Stream::Rejected));
    bed.log.trim(seq(3)).await.unwrap();
    let read = async |bed: &Bed| {
        let mut history = bed.history(source, Start::Beginning, None).await.unwrap();
        let mut found = Vec::new();
        while let Step::Rows(rows) = history.next(Duration::ZERO).await.unwrap() {
            let items = rows.column_by_name("item").unwrap().as_primitive::<Int64Type>();
            found.extend(items.values().iter().copied());
        }
        found
    };
    assert_eq!(read(&bed).await, [2, 3, 4, 5]);
    let sealer = Sealer::<RejectedEvents>::of(Arc::<ForgetfulLog>::clone(&bed.log), bed.archive.clone());
    let mut cursor = sealer.resume(None).await.unwrap();
    let grace = i64::try_from(GRACE.as_micros()).unwrap();
    for trimmed in [3, 5, 7] {
        bed.log.trim(seq(trimmed)).await.unwrap();
        assert_eq!(read(&bed).await, [2, 3, 4, 5], "trimmed to {trimmed}");
        let now = Timestamp::from_micros(bed.log.0.lock().unwrap().now + grace);
        if let Some((manifest, after)) = sealer.seal_next(&cursor, now).await.unwrap() {
            assert!(manifest.alarms.is_empty(), "{:?}", manifest.alarms);
            cursor = after;
        }
        assert_eq!(read(&bed).await, [2, 3, 4, 5]);
    }
}
