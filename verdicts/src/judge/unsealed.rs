//! What was logged before the look-back and is not sealed yet: sealing lags, or there is no archiver.
//!
//! These frames are read from the log a second time, and kept by identity until their hours are sealed. What is set
//! aside is no original, and is left out.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arrow::array::RecordBatch;
use clicktrail_log::{
    archive::Archive,
    identity::Identity,
    invariant,
    log::Log,
    position::{Epoch, Position, Seq},
    time::{Hour, Timestamp},
};

use super::{error::Error, rows::ClickRows};
use crate::{
    detector::{frames::DatedBack, rows::Rows},
    fold::{self, alone::Alone, candidates::Earlier, clock::LoggedClock},
    kinds::JUDGED,
    ruleset::Ruleset,
};

/// What may be kept. Beyond it judging waits until an hour is sealed.
const BYTES_MAX: usize = 256 << 20;
/// What an event takes in a map that is half full.
const EVENT_BYTES: usize = 2 * size_of::<((Identity, Position), Times)>();

/// When an event was logged, and when it happened.
type Times = (Timestamp, Timestamp);

/// Events that are in the log alone.
#[derive(Debug)]
pub(super) struct Unsealed {
    clicks: Arc<dyn Log>,
    archive: Archive,
    alone: Alone,
    events_max: usize,
    look_back: i64,
    reading: Option<Reading>,
}

/// How far the log was read.
#[derive(Debug)]
struct Reading {
    /// The first hour that was not sealed when reading began.
    open: Hour,
    rows: ClickRows,
    /// How far the log had come there.
    clock: LoggedClock,
    /// The last frame that was read.
    through: Seq,
    events: BTreeMap<(Identity, Position), Times>,
}

impl Unsealed {
    pub(super) fn new(clicks: Arc<dyn Log>, archive: Archive, rules: Arc<Ruleset>) -> Self {
        let look_back = i64::try_from(rules.look_back().as_micros()).expect("at most two hours");
        let (alone, events_max) = (Alone::new(rules), BYTES_MAX / EVENT_BYTES);
        Self { clicks, archive, alone, events_max, look_back, reading: None }
    }

    /// Forgets everything: it is sealed.
    pub(super) fn clear(&mut self) {
        self.reading = None;
    }

    /// Reads what was logged from the hour `open` on, which is the first that is not sealed, up to `to` at least.
    ///
    /// # Errors
    /// [`Error::NotSealed`] if that is too much; otherwise as log and archive report.
    pub(super) async fn read(&mut self, open: Hour, to: Timestamp) -> Result<(), Error> {
        let goes_on = self.reading.take().filter(|reading| reading.open == open);
        let mut reading = match goes_on {
            Some(reading) => reading,
            None => {
                let rows = ClickRows::open(Arc::clone(&self.clicks), self.archive.clone(), Some(open.start())).await?;
                Reading {
                    open,
                    rows,
                    clock: LoggedClock::new(self.look_back),
                    through: Seq::ZERO,
                    events: BTreeMap::new(),
                }
            }
        };
        while reading.clock.certain().is_none_or(|certain| certain <= to.micros()) {
            if reading.events.len() >= self.events_max {
                let seq = reading.through;
                self.reading = Some(reading);
                return Err(Error::NotSealed { seq, hour: open });
            }
            let read = match reading.rows.next(Duration::ZERO).await {
                Ok(Some(read)) => read,
                Ok(None) => break,
                Err(error) => {
                    // What passes by itself costs no second reading of the hours.
                    self.reading = Some(reading).filter(|_| error.is_transient());
                    return Err(error);
                }
            };
            reading.take(&read.batch, &mut self.alone)?;
            reading.through = read.through;
        }
        self.reading = Some(reading);
        Ok(())
    }

    /// The events of an identity, in log order.
    pub(super) fn find(&self, identity: Identity) -> impl Iterator<Item = Earlier> + Clone {
        let first = Position::new(Epoch::FIRST, Seq::ZERO, 0);
        let events = self.reading.as_ref().map(|reading| reading.events.range((identity, first)..));
        let own = events.into_iter().flatten().take_while(move |((other, _), _)| *other == identity);
        own.map(|((_, position), (logged_at, event_time))| Earlier {
            position: *position,
            logged_at: *logged_at,
            event_time: *event_time,
        })
    }
}

impl Reading {
    fn take(&mut self, batch: &RecordBatch, alone: &mut Alone) -> Result<(), Error> {
        let rows = Rows::check(batch).map_err(|bad| fold::Error::Rows(bad.0))?;
        let aside = alone.aside(&rows);
        let mut dated_back = self.clock.watch(&rows).into_iter().peekable();
        for row in 0..rows.len() {
            if let Some((_, dated_back)) = dated_back.next_if(|(before, _)| *before == row) {
                self.date_back(dated_back);
            }
            let logged_at = Timestamp::from_micros(rows.logged[row]);
            if JUDGED.holds(rows.kinds[row]) && !aside.get(row).copied().unwrap_or(false) {
                let times = (logged_at, Timestamp::from_micros(rows.times[row]));
                let known = self.events.insert((rows.identity(row), rows.positions[row]), times);
                invariant!(I1, known.is_none(), "{} was read twice", rows.positions[row]);
            }
        }
        Ok(())
    }

    /// What was logged by a clock that was ahead counts as logged where it stands in the log.
    fn date_back(&mut self, DatedBack { to }: DatedBack) {
        for (logged_at, _) in self.events.values_mut().filter(|(logged_at, _)| logged_at.micros() > to) {
            *logged_at = Timestamp::from_micros(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use clicktrail_log::{event::Kind, frame::Writer, schema::EventsBuilder};
    use uuid::Uuid;

    use super::*;
    use crate::testing::{event, memory_log::MemoryLog};

    #[tokio::test]
    async fn judging_waits_if_too_much_is_not_sealed() {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::directory(directory.path().join("archive")).unwrap();
        let (log, mut writer) = (Arc::new(MemoryLog::default()), Writer::new(Uuid::from_u128(1), 1));
        let begin = Hour::parse("2026-03-01T22").unwrap();
        let at = |minutes: i64| begin.start().plus_micros(minutes * 60_000_000);
        for minutes in 0..600 {
            let mut builder = EventsBuilder::with_capacity(1);
            builder.push(&event(Kind::Click, &minutes.to_string(), at(minutes).micros()));
            let frame = writer.seal(&builder.finish(), (at(minutes), at(minutes))).unwrap();
            log.put(frame, at(minutes));
        }
        let mut unsealed = Unsealed::new(log, archive, Arc::new(Ruleset::shipped()));
        unsealed.events_max = 300;
        let identity = |minutes: i64| Identity::of(Kind::Click, "acme", "ad", &minutes.to_string());
        unsealed.read(begin, at(100)).await.unwrap();
        assert_eq!(unsealed.find(identity(100)).map(|found| found.logged_at).collect::<Vec<_>>(), [at(100)]);
        assert_eq!(unsealed.find(Identity::of(Kind::Click, "acme", "ad", "none")).count(), 0);
        for _ in 0..2 {
            match unsealed.read(begin, at(599)).await {
                Err(Error::NotSealed { seq, hour }) => assert_eq!((seq.get(), hour), (512, begin)),
                other => panic!("{other:?}"),
            }
        }
    }
}
