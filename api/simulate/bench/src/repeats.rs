//! Judging a batch of events that happened 20 hours ago, under their clients' ids, beside one of fresh events under ids
//! that we minted.
//!
//! The archive is that of the last day of thirty with 50 million events: only the hours of the window are looked into,
//! so the other 29 days would cost disk and no time. All events of a batch are clicks, which are the dearest to judge.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use arrow::{
    array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray},
    compute::concat_batches,
};
use clicktrail_log::{
    archive::seal::{Cursor, Sealer},
    embedded::EmbeddedLog,
    frame::Writer,
    log::{Log, ReadLimit, Stream},
    position::Seq,
    schema,
    time::{Clock, Hour, ManualClock, Timestamp},
};
use clicktrail_simulate::{Config, Simulation};
use clicktrail_verdicts::{
    judge::{Judge, Mark},
    ruleset::Ruleset,
};
use uuid::Uuid;

use crate::{
    hour,
    table::{Table, Target, float, note, rate, ratio},
};

/// 50 million events in 30 days.
const EVENTS_AN_HOUR: u64 = 50_000_000 / (30 * 24);
/// The hours of the window, and some before.
const HOURS: u32 = 26;
const BATCH_EVENTS: u64 = 65_536;
const FRAME_EVENTS: usize = 1_024;
/// Frames of an earlier hour that are logged once more.
const FRAMES_SENT_AGAIN: usize = 8;
const AGE_MICROS: i64 = 20 * 3_600_000_000;
/// The best of so many turns counts, for each.
const ROUNDS: u64 = 3;

/// Who names the events of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    /// Our servers, as they capture.
    Minted,
    /// A client, once.
    Given(u64),
}

pub(crate) async fn run(table: &mut Table) -> anyhow::Result<()> {
    note(&format!("archive {HOURS} hours of {EVENTS_AN_HOUR} events"));
    let home = tempfile::tempdir()?;
    hour::fill(home.path(), EVENTS_AN_HOUR, HOURS, hour::World::Sparse).await?;
    let mut bench = Bench::open(home.path()).await?;
    bench.judged(&bench.batch(Ids::Minted, 0)?).await?;
    let (mut fresh, mut old, mut repeated) = (Duration::MAX, Duration::MAX, Duration::MAX);
    let mut first = None;
    for round in 1..=ROUNDS {
        fresh = fresh.min(bench.judged(&bench.batch(Ids::Minted, round)?).await?);
        let given = bench.batch(Ids::Given(round), round)?;
        let took = bench.judged(&given).await?;
        first.get_or_insert(took);
        old = old.min(took);
        repeated = repeated.min(bench.judged(&given).await?);
    }
    let events = |took: Duration| rate(float(BATCH_EVENTS) / took.as_secs_f64());
    let against = |took: Duration| took.as_secs_f64() / fresh.as_secs_f64();
    table.say("repeats: fresh clicks judged", events(fresh));
    table.say("repeats: clicks 20 hours old judged", events(old));
    table.judge("repeats: 20 hours old against fresh, time", against(old), Target::AtMost(2.0), ratio);
    table.say("repeats: the first such batch against fresh", ratio(against(first.unwrap_or_default())));
    table.say("repeats: sent again at once against fresh", ratio(against(repeated)));
    let sent_before = bench.logged(AGE_MICROS).await?;
    let rows: usize = sent_before.iter().map(RecordBatch::num_rows).sum();
    let took = bench.judged(&sent_before).await?;
    table.say("repeats: what was logged 20 hours ago sent again", rate(float(rows as u64) / took.as_secs_f64()));
    Ok(())
}

/// A judge at the end of a log whose hours are sealed.
struct Bench {
    clicks: Arc<dyn Log>,
    clock: Arc<ManualClock>,
    judge: Judge,
    mark: Mark,
    writer: Writer,
    now: Timestamp,
}

impl Bench {
    async fn open(home: &Path) -> anyhow::Result<Self> {
        let first: Hour = hour::first();
        let now = Hour::from_i64(first.as_i64() + i64::from(HOURS)).start().plus_micros(600_000_000);
        let clock = Arc::new(ManualClock::new(now));
        let clicks: Arc<dyn Log> = Arc::new(hour::log(home, Arc::clone(&clock)).await?);
        let archive = hour::archive(home)?;
        let sealer = Sealer::new(Arc::clone(&clicks), archive.clone());
        let mut cursor = Cursor::start();
        while let Some((_, after)) = sealer.seal_next(&cursor, now).await? {
            cursor = after;
        }
        let verdicts = home.join("verdicts.sqlite");
        let verdicts = EmbeddedLog::open(&verdicts, Stream::Verdicts, Arc::clone(&clock) as Arc<dyn Clock>).await?;
        let rules = Arc::new(Ruleset::shipped());
        let judged = Arc::clone(&clock) as Arc<dyn Clock>;
        let judge = Judge::new(Arc::clone(&clicks), Arc::new(verdicts), archive, rules, judged);
        let mark = Mark { clicks_through: cursor.next_seq().previous(), verdicts_through: Seq::ZERO };
        Ok(Self { clicks, clock, judge, mark, writer: Writer::new(Uuid::from_u128(2), 1), now })
    }

    /// The frames of a batch of clicks.
    fn batch(&self, ids: Ids, seed: u64) -> anyhow::Result<Vec<RecordBatch>> {
        let age = if ids == Ids::Minted { 0 } else { AGE_MICROS };
        let config = Config::new(BATCH_EVENTS, 1, 1_000 + seed, self.now.plus_micros(-age));
        let (mut simulation, mut batches) = (Simulation::new(&config), Vec::new());
        while let Some(batch) = simulation.next_batch() {
            batches.push(batch.events);
        }
        let events = concat_batches(&schema::events(), &batches)?;
        let rows = events.num_rows();
        let id = |row: usize| match ids {
            Ids::Minted => minted(self.now, seed << 32 | row as u64),
            Ids::Given(round) => format!("order-{round}-{row}"),
        };
        let mut columns = events.columns().to_vec();
        let mut put = |name: &str, column: ArrayRef| -> anyhow::Result<()> {
            columns[events.schema().index_of(name)?] = column;
            Ok(())
        };
        put("event_id", Arc::new(StringArray::from_iter_values((0..rows).map(id))))?;
        put("kind", Arc::new(StringArray::from_iter_values((0..rows).map(|_| "click"))))?;
        let times = TimestampMicrosecondArray::from_value(self.now.plus_micros(-age).micros(), rows);
        put("event_time", Arc::new(times.with_timezone("UTC")))?;
        let events = RecordBatch::try_new(schema::events(), columns)?;
        let starts = (0..rows).step_by(FRAME_EVENTS);
        Ok(starts.map(|from| events.slice(from, FRAME_EVENTS.min(rows - from))).collect())
    }

    /// Some frames that were logged so long ago.
    async fn logged(&self, age_micros: i64) -> anyhow::Result<Vec<RecordBatch>> {
        let (from, mut next, mut frames) = (self.now.plus_micros(-age_micros), Seq::FIRST, Vec::new());
        while frames.len() < FRAMES_SENT_AGAIN {
            let read = self.clicks.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
            next = read.last().context("frames were logged since")?.seq.next();
            for logged in read.into_iter().filter(|logged| logged.logged_at >= from) {
                frames.push(logged.frame.decode()?);
            }
        }
        Ok(frames)
    }

    /// Logs frames, and says how long judging them took.
    async fn judged(&mut self, frames: &[RecordBatch]) -> anyhow::Result<Duration> {
        self.now = self.now.plus_micros(1_000_000);
        self.clock.set(self.now);
        for frame in frames {
            let frame = concat_batches(&frame.schema(), [frame])?;
            self.clicks.append(&self.writer.seal(&frame, (self.now, self.now))?).await?;
        }
        let (mut judging, started) = (self.mark, Instant::now());
        while let Some(next) = self.judge.step(judging, Duration::ZERO).await? {
            judging = next;
        }
        let took = started.elapsed();
        let judged = judging.clicks_through.get() - self.mark.clicks_through.get();
        (judged == frames.len() as u64).then_some(()).context("every frame is judged")?;
        self.mark = judging;
        Ok(took)
    }
}

fn minted(at: Timestamp, number: u64) -> String {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&number.to_be_bytes());
    let millis = u64::try_from(at.micros() / 1_000).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid().to_string()
}
