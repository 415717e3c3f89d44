//! Where counting stands, what it holds of the frames behind, and whether that still holds after an error.

use std::sync::Arc;

use clicktrail_catalog::{Catalog, HotPartial, KnownFrame, Making};
use clicktrail_log::{
    archive::Archive,
    invariant,
    log::{Log, Logged},
    position::Seq,
    time::{Clock, Hour},
};
use clicktrail_projections::counters;
use clicktrail_replay::{Error, belongs, reader::Reader};
use metrics::counter;

use super::ahead::Ahead;
use crate::metric;

/// Where counting stands.
#[derive(Debug)]
pub(super) struct Place {
    /// The catalog that it was found in: after a rebuild it takes nothing more, and the place is found again.
    catalog: Arc<dyn Catalog>,
    making: Making,
    /// The last frame that was counted when the place was found. The reader is to pass it first.
    found: Seq,
    /// Stands behind the frames that are counted.
    pub(super) reader: Reader,
    /// Live rulings about frames that are not counted yet.
    pub(super) ahead: Ahead,
    /// Counts of frames that the reader is past, which the catalog may have or not.
    unstored: Option<Unstored>,
    /// Whether an error came since the catalog was last looked at.
    is_in_doubt: bool,
}

/// The counts of a tick.
#[derive(Debug)]
struct Unstored {
    partial: HotPartial,
    events: u64,
}

impl Unstored {
    fn frames(&self) -> usize {
        let frames = self.partial.last_seq.next().get() - self.partial.first_seq.get();
        usize::try_from(frames).expect("what a tick took")
    }
}

impl Place {
    /// Finds the place from the catalog and the last sealed hour's manifest.
    pub(super) async fn find(
        log: &Arc<dyn Log>,
        archive: &Archive,
        catalog: &Arc<dyn Catalog>,
        is_judged: bool,
        clock: Option<&Arc<dyn Clock>>,
    ) -> Result<Self, Error> {
        let catalog = catalog.begin().await?;
        let making = catalog.making().await?;
        belongs::check_clicks(log, catalog.as_ref()).await?;
        let counted = catalog.counted_through().await?;
        let last = catalog.last_hour().await?.map(|last| last.hour);
        let mut reader = Reader::behind_hour(log, archive, last).await?;
        if let Some(clock) = clock {
            reader.look_at(clock.now());
        }
        let found = counted.max(reader.through());
        let ahead = if is_judged { Ahead::after(found, catalog.judged().await?) } else { Ahead::default() };
        Ok(Self { catalog, making, found, reader, ahead, unstored: None, is_in_doubt: false })
    }

    /// The same after an error: it is held against the catalog before it is used again.
    pub(super) fn in_doubt(mut self) -> Self {
        self.is_in_doubt = true;
        self
    }

    /// Whether the catalog was not rebuilt since the place was found.
    pub(super) async fn is_present(&self) -> Result<bool, Error> {
        Ok(self.catalog.making().await? == self.making)
    }

    /// Whether counting may go on from here. After an error the catalog says what became of what was to be stored, and
    /// whether somebody else counted, or an hour was sealed that ends elsewhere.
    pub(super) async fn holds(&mut self, log: &Arc<dyn Log>) -> Result<bool, Error> {
        if !self.is_in_doubt {
            return Ok(true);
        }
        if !self.is_present().await? {
            return Ok(false);
        }
        belongs::check_clicks(log, self.catalog.as_ref()).await?;
        let last_hour = self.catalog.last_hour().await?;
        let known = self.catalog.known_frames().await?;
        let counted = self.catalog.counted_through().await?;
        let holds = match &self.unstored {
            Some(Unstored { partial, .. }) if counted == partial.last_seq => {
                let is_there = KnownFrame::counted(partial).is_some_and(|counted| known.contains(&counted));
                if is_there {
                    self.stored();
                }
                is_there
            }
            // Frames behind a sealed hour count for a later one.
            Some(Unstored { partial, .. }) => {
                let is_open = last_hour.as_ref().is_none_or(|last| last.hour < partial.hour);
                is_open && counted.next() == partial.first_seq
            }
            None => counted == self.found.max(self.reader.through()),
        };
        if let Some(last) = last_hour {
            self.reader.begin_with(last.hour.next());
        }
        self.is_in_doubt = !holds;
        Ok(holds)
    }

    /// Brings the reader behind the frames that were counted when the place was found.
    pub(super) async fn reach(&mut self, log: &Arc<dyn Log>) -> Result<(), Error> {
        self.reader.pass_to(log, self.found).await
    }

    /// Counts the next frames, of which there is at least one. Nothing is stored yet.
    pub(super) async fn count(&mut self, frames: &[Logged], hour: Hour) -> Result<(), Error> {
        let first_seq = self.reader.next();
        let rows = self.reader.admit(frames)?;
        let last_seq = self.reader.through();
        let (span, count) = (last_seq.next().get() - first_seq.get(), frames.len());
        invariant!(I1, span == count as u64, "{count} frames are counted as {first_seq}–{last_seq}");
        let events = rows.iter().map(|rows| rows.num_rows() as u64).sum();
        let rulings = self.ahead.take(self.reader.epoch(), last_seq)?;
        let counts = counters::project_frames(&rows, &[rulings]).await?;
        let payload = counters::hot::encode(&counts)?;
        let last_frame = frames.last().map(|last| last.frame.header.digest());
        let partial = HotPartial { hour, first_seq, last_seq, last_frame, payload };
        self.unstored = Some(Unstored { partial, events });
        Ok(())
    }

    /// Stores what was counted, if anything is left to store; how many frames that was.
    pub(super) async fn store(&mut self) -> Result<Option<usize>, Error> {
        let Some(unstored) = &self.unstored else { return Ok(None) };
        let frames = unstored.frames();
        self.catalog.put_partial(&unstored.partial).await?;
        self.stored();
        Ok(Some(frames))
    }

    /// What was to be stored is.
    fn stored(&mut self) {
        if let Some(stored) = self.unstored.take() {
            counter!(metric::COUNTED).increment(stored.events);
        }
    }
}
