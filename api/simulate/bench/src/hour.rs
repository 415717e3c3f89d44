//! Hours full of simulated events in an embedded log, as capture would have left them.

use std::{path::Path, sync::Arc};

use arrow::array::{RecordBatch, StringArray};
use clicktrail_log::{
    archive::Archive,
    embedded::EmbeddedLog,
    frame::Writer,
    log::{Log as _, Stream},
    time::{Hour, ManualClock, Timestamp},
};
use clicktrail_simulate::{Config, Simulation};
use uuid::Uuid;

/// When the first hour begins: any past hour will do.
const FIRST: &str = "2026-01-01T12:00:00Z";

/// Advertisers of a market, with 50,000 campaigns.
pub(crate) const ADVERTISERS: u32 = 10_000;

/// Rows of 16 KiB that fit a frame.
const WIDE_ROWS: usize = 56;
/// Numbers of sixteen hexadecimal digits in 16 KiB.
const WIDE_NUMBERS: u64 = 1_023;

/// An object of 16 KiB that says nothing.
fn wide_text(row: u64) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(16 << 10);
    text.push_str("{\"q\":\"");
    for number in 0..WIDE_NUMBERS {
        // SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, 2014): neighbours have nothing in common.
        let mut mixed = (row * WIDE_NUMBERS + number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let _ = write!(text, "{:016x}", mixed ^ (mixed >> 31));
    }
    text.push_str("\"}");
    text
}

/// The first hour.
pub(crate) fn first() -> Hour {
    Timestamp::parse_rfc3339(FIRST).expect("the constant is a time").hour()
}

/// Opens the log in `home`; its clock stands wherever the caller sets it.
pub(crate) async fn log(home: &Path, clock: Arc<ManualClock>) -> anyhow::Result<EmbeddedLog> {
    Ok(EmbeddedLog::open(&home.join("clicks.sqlite"), Stream::Clicks, clock).await?)
}

/// Opens the archive in `home`.
pub(crate) fn archive(home: &Path) -> anyhow::Result<Archive> {
    Ok(Archive::directory(home.join("archive"))?)
}

/// How many events share a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum World {
    /// Hardly two: many ads on many sites, and a short time. The worst case of counting.
    Sparse,
    /// Some twenty, as where the same few ads are shown all the time.
    Dense,
    /// Many advertisers with a few campaigns each: what a month of invoices is made of.
    Market,
    /// As sparse, and every row carries 16 KiB that nothing compresses.
    Wide,
}

impl World {
    fn config(self, events: u64, seed: u64, start: Timestamp) -> Config {
        let config = Config::new(events, 1, seed, start);
        match self {
            Self::Sparse | Self::Wide => config,
            Self::Market => {
                Config { advertisers: ADVERTISERS, campaigns_each: 5, ads_each: 1, publishers: 20, ..config }
            }
            Self::Dense => Config { advertisers: 4, campaigns_each: 2, ads_each: 2, publishers: 8, ..config },
        }
    }

    /// The events as this world has them, in pieces that fit a frame each.
    fn widened(self, events: &RecordBatch) -> anyhow::Result<Vec<RecordBatch>> {
        if self != Self::Wide {
            return Ok(vec![events.clone()]);
        }
        let extra = events.schema().index_of("extra")?;
        let starts = (0..events.num_rows()).step_by(WIDE_ROWS);
        let widen = |start: usize| {
            let piece = events.slice(start, WIDE_ROWS.min(events.num_rows() - start));
            let texts: StringArray = (start..start + piece.num_rows()).map(|row| Some(wide_text(row as u64))).collect();
            let mut columns = piece.columns().to_vec();
            columns[extra] = Arc::new(texts);
            Ok(RecordBatch::try_new(piece.schema(), columns)?)
        };
        starts.map(widen).collect()
    }
}

/// Logs `hours` hours of `events` events each.
pub(crate) async fn fill(home: &Path, events: u64, hours: u32, world: World) -> anyhow::Result<()> {
    fill_from(home, first(), events, hours, world).await
}

/// As [`fill`], beginning with this hour.
pub(crate) async fn fill_from(home: &Path, from: Hour, events: u64, hours: u32, world: World) -> anyhow::Result<()> {
    let clock = Arc::new(ManualClock::new(from.start()));
    let log = log(home, Arc::clone(&clock)).await?;
    let mut writer = Writer::new(Uuid::from_u128(1), 1);
    let mut hour = from;
    for seed in 1..=u64::from(hours) {
        let mut simulation = Simulation::new(&world.config(events, seed, hour.start()));
        while let Some(batch) = simulation.next_batch() {
            // A frame that is captured as the hour ends is logged in it all the same.
            clock.set(batch.last.min(hour.end_exclusive().plus_micros(-1)));
            for events in world.widened(&batch.events)? {
                log.append(&writer.seal(&events, (batch.first, batch.last))?).await?;
            }
        }
        hour = hour.next();
    }
    Ok(())
}
