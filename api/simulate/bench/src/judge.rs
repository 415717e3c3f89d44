//! Judging: the shipped rules over a stream of events, and past hours again by one worker and by two.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clicktrail_log::{
    archive::{
        part,
        seal::{Cursor, Sealer},
    },
    embedded::EmbeddedLog,
    log::{Log, Stream},
    position::{Epoch, Position, Seq},
    time::{Hour, ManualClock, SystemClock},
};
use clicktrail_simulate::{Config, Simulation};
use clicktrail_verdicts::{
    fold::{Fold, Originals},
    judge::rejudge::Rejudge,
    reader::VerdictReader,
    ruleset::Ruleset,
};
use futures::{StreamExt as _, stream};

use crate::{
    hour,
    sizes::Sizes,
    table::{Table, Target, float, gib, note, rate, ratio},
};

/// Events of the stream: 10 % of them are clicks.
const USERS: u32 = 3_000_000;
const ADDRESSES: u32 = 300_000;
const STREAM_HOURS: u32 = 2;
/// Bytes.
const STATE_MAX: f64 = 1_073_741_824.0;
/// Hours that are judged again.
const HOURS: u32 = 24;
/// The best of so many turns counts, for both.
const ROUNDS: usize = 2;

pub(crate) async fn run(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    stream(sizes, table)?;
    again(sizes, table).await
}

/// All rules over a stream of events, as the live judge folds it.
fn stream(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    note(&format!("judge a stream of {} events", sizes.judge_events));
    let config = Config::new(sizes.judge_events, STREAM_HOURS, 1, hour::first().start());
    let mut simulation = Simulation::new(&Config { users: USERS, addresses: ADDRESSES, ..config });
    let mut fold = Fold::new(Arc::new(Ruleset::shipped()));
    let (mut folding, mut rows, mut findings, mut state) = (Duration::ZERO, 0_u64, 0_u64, 0);
    let mut seq = Seq::ZERO;
    while let Some(batch) = simulation.next_batch() {
        seq = seq.next();
        let events = part::with_position(&batch.events, Position::new(Epoch::FIRST, seq, 0), batch.last)?;
        rows += events.num_rows() as u64;
        let started = Instant::now();
        let candidates = fold.candidates(&events)?.len();
        findings += fold.judge(&events, &Originals::none())?.len() as u64;
        folding += started.elapsed();
        std::hint::black_box(candidates);
        if seq.get().is_multiple_of(64) {
            state = state.max(fold.memory_bytes());
        }
    }
    state = state.max(fold.memory_bytes());
    let per_second = float(rows) / folding.as_secs_f64();
    table.judge("judge: events, the shipped rules", per_second, Target::AtLeast(1_000_000.0), rate);
    table.say("judge: events of 1,000 with a finding", format!("{:.1}", float(findings) * 1_000.0 / float(rows)));
    table.judge("judge: state of the rules", float(state as u64), Target::AtMost(STATE_MAX), gib);
    Ok(())
}

/// A day of sealed hours, by one worker and by two.
async fn again(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let each = (sizes.judge_events / 10 / u64::from(HOURS)).max(1);
    note(&format!("judge {HOURS} hours of {each} events again"));
    let home = tempfile::tempdir()?;
    hour::fill(home.path(), each, HOURS, hour::World::Sparse).await?;
    let (rejudge, hours) = sealed_day(home.path()).await?;
    let (mut one, mut two, mut rows) = (Duration::MAX, Duration::MAX, 0);
    for _ in 0..ROUNDS {
        for (workers, best) in [(1, &mut one), (2, &mut two)] {
            let started = Instant::now();
            rows = by_workers(&rejudge, &hours, workers).await?;
            *best = started.elapsed().min(*best);
        }
    }
    table.say("judge again: events, one worker", rate(float(rows) / one.as_secs_f64()));
    table.say("judge again: events, two workers", rate(float(rows) / two.as_secs_f64()));
    let gain = one.as_secs_f64() / two.as_secs_f64();
    table.judge("judge again: two workers against one", gain, Target::AtLeast(1.6), ratio);
    Ok(())
}

/// Seals the hours in `home`; what judges them again.
async fn sealed_day(home: &Path) -> anyhow::Result<(Rejudge, Vec<Hour>)> {
    let clock = Arc::new(ManualClock::new(hour::first().start()));
    let clicks: Arc<dyn Log> = Arc::new(hour::log(home, Arc::clone(&clock)).await?);
    let archive = hour::archive(home)?;
    let sealer = Sealer::new(Arc::clone(&clicks), archive.clone());
    let (mut cursor, mut hours) = (Cursor::start(), Vec::new());
    for _ in 0..HOURS {
        let now = hours.last().map_or(hour::first(), |last: &Hour| last.next()).next().next().start();
        let (manifest, after) = sealer.seal_next(&cursor, now).await?.context("an hour that is over is sealed")?;
        hours.push(manifest.hour());
        cursor = after;
    }
    let verdicts: Arc<dyn Log> =
        Arc::new(EmbeddedLog::open(&home.join("verdicts.sqlite"), Stream::Verdicts, clock).await?);
    let history = VerdictReader::new(verdicts, archive.clone());
    let before = history.end().await?;
    let rules = Arc::new(Ruleset::shipped());
    Ok((Rejudge::new(clicks, archive, history, rules, Arc::new(SystemClock), before), hours))
}

/// Events judged.
async fn by_workers(rejudge: &Rejudge, hours: &[Hour], workers: usize) -> anyhow::Result<u64> {
    let mut judged = stream::iter(hours.iter().copied())
        .map(|hour| {
            let rejudge = rejudge.clone();
            tokio::spawn(async move { rejudge.hour(hour).await })
        })
        .buffer_unordered(workers);
    let mut rows = 0;
    while let Some(done) = judged.next().await {
        rows += done??.rows;
    }
    Ok(rows)
}
