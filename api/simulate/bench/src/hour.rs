//! Hours full of simulated events in an embedded log, as capture would have left them.

use std::{path::Path, sync::Arc};

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
}

impl World {
    fn config(self, events: u64, seed: u64, start: Timestamp) -> Config {
        let config = Config::new(events, 1, seed, start);
        match self {
            Self::Sparse => config,
            Self::Market => {
                Config { advertisers: ADVERTISERS, campaigns_each: 5, ads_each: 1, publishers: 20, ..config }
            }
            Self::Dense => Config { advertisers: 4, campaigns_each: 2, ads_each: 2, publishers: 8, ..config },
        }
    }
}

/// Logs `hours` hours of `events` events each.
pub(crate) async fn fill(home: &Path, events: u64, hours: u32, world: World) -> anyhow::Result<()> {
    let clock = Arc::new(ManualClock::new(first().start()));
    let log = log(home, Arc::clone(&clock)).await?;
    let mut writer = Writer::new(Uuid::from_u128(1), 1);
    let mut hour = first();
    for seed in 1..=u64::from(hours) {
        let mut simulation = Simulation::new(&world.config(events, seed, hour.start()));
        while let Some(batch) = simulation.next_batch() {
            // A frame that is captured as the hour ends is logged in it all the same.
            clock.set(batch.last.min(hour.end_exclusive().plus_micros(-1)));
            log.append(&writer.seal(&batch.events, (batch.first, batch.last))?).await?;
        }
        hour = hour.next();
    }
    Ok(())
}
