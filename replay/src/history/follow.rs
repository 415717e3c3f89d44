//! The reader: where it stands, and how it changes from the archive to the log and back.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::Int64Type,
    error::ArrowError,
};
use clicktrail_log::{
    archive::Archive,
    chain::Admission,
    frame, invariant,
    log::{self, Info, Log, Logged, ReadLimit},
    position::{Epoch, Position, Seq},
    schema::POSITION,
    time::Hour,
};
use metrics::counter;
use tracing::error;

use super::{
    part::PartRows,
    source::{SealedPart, Source},
    walk::Walk,
};
use crate::{error::Error, metric, reader::Reader};

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With all that was ever logged.
    Beginning,
    /// With the first row of an hour, or of the first that comes behind it.
    Hour(Hour),
    /// With the row at a position, or the first behind it.
    At(Position),
}

/// Where a reader ends: it gives nothing of this or behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// An hour. What is not sealed is of the hour that it was logged in, or of the open hour if that is later.
    Hour(Hour),
    /// A position.
    At(Position),
}

/// What a reader finds next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The next rows: at least one, in the order of the log, each behind all that were given before.
    Rows(RecordBatch),
    /// Nothing, for the present: all that is in the log was given.
    Tail,
    /// The end that was asked for.
    End,
}

/// Reads a log from any place of its history on.
///
/// Memory is bounded by one decoded part of the archive, or by one read of the log.
#[derive(Debug)]
pub struct History {
    log: Arc<dyn Log>,
    archive: Archive,
    source: Source,
    end: Option<End>,
    /// The first position that was not given.
    from: Position,
    /// Rows of earlier hours are not given: they come before where the reader was to begin.
    from_hour: Option<Hour>,
    walk: Walk,
    /// Parts of the hour that the walk went behind, which are still to be given.
    parts: VecDeque<SealedPart>,
    rows: Option<PartRows>,
    /// `None` while the reader is in the archive.
    tail: Option<Tail>,
}

/// Where the reader stands in the log.
#[derive(Debug)]
struct Tail {
    reader: Reader,
    frames: VecDeque<Logged>,
}

impl History {
    /// A reader of `source`, whose log is `log`, from `start` up to `end`.
    ///
    /// # Errors
    /// As log and archive report; [`Error::Incomplete`] for a position that the log never had.
    pub async fn open(
        log: Arc<dyn Log>,
        archive: Archive,
        source: Source,
        start: Start,
        end: Option<End>,
    ) -> Result<Self, Error> {
        let beginning = Position::new(Epoch::FIRST, Seq::ZERO, 0);
        let (walk, from, from_hour) = match start {
            Start::Beginning => (Walk::from_beginning(&archive, source).await?, beginning, None),
            Start::Hour(hour) => (Walk::at_hour(&archive, source, hour).await?, beginning, Some(hour)),
            Start::At(position) => {
                check_reached(log.as_ref(), position).await?;
                (Walk::at_position(&archive, source, position).await?, position, None)
            }
        };
        let (parts, rows, tail) = (VecDeque::new(), None, None);
        Ok(Self { log, archive, source, end, from, from_hour, walk, parts, rows, tail })
    }

    /// The first position that was not given: a reader that begins there goes on exactly here.
    pub fn place(&self) -> Position {
        self.from
    }

    /// The next rows. At the end of the log it waits so long for a frame.
    ///
    /// # Errors
    /// See [`Error`]: nothing was passed over, and the same call may be made again.
    pub async fn next(&mut self, wait: Duration) -> Result<Step, Error> {
        loop {
            if let Some(rows) = self.rows.as_mut().and_then(PartRows::next) {
                match self.before_end(rows) {
                    Some(rows) => return Ok(Step::Rows(rows)),
                    None => return Ok(Step::End),
                }
            }
            self.rows = None;
            if let Some(part) = self.parts.front() {
                if part.last >= self.from.seq() || self.walk.epoch != Some(self.from.epoch()) {
                    self.rows = Some(PartRows::read(&self.archive, self.source, part, self.from).await?);
                }
                self.parts.pop_front();
                continue;
            }
            let found = match &mut self.tail {
                None => self.next_hour().await?,
                Some(_) => self.next_frame(wait).await?,
            };
            if let Some(step) = found {
                return Ok(step);
            }
        }
    }

    /// Goes into the next sealed hour, or into the log if there is none.
    async fn next_hour(&mut self) -> Result<Option<Step>, Error> {
        if let (Some(End::Hour(end)), Some(hour)) = (self.end, self.walk.hour)
            && hour >= end
        {
            return Ok(Some(Step::End));
        }
        if let Some(sealed) = self.walk.next(&self.archive, self.source).await? {
            let is_wanted = self.from_hour.is_none_or(|from| from <= sealed.hour);
            self.parts = if is_wanted { sealed.parts } else { VecDeque::new() };
            return Ok(None);
        }
        let Info { epoch, first, .. } = self.log.info().await?;
        if let Some(sealed) = self.walk.epoch.filter(|sealed| *sealed > epoch) {
            let (log, archive) = (epoch.get(), sealed.get());
            return Err(Error::Incomplete(format!(
                "the log is of epoch {log}, the last sealed hour of epoch {archive}"
            )));
        }
        let is_begun = self.walk.epoch.is_some() || !self.source.is_cut();
        let next = if is_begun { self.walk.next } else { first };
        let reader = Reader::at(epoch, next.previous(), self.walk.chain.clone(), self.walk.hour);
        self.tail = Some(Tail { reader, frames: VecDeque::new() });
        Ok(None)
    }

    /// The rows of the next frame, if it has any that are to be given.
    async fn next_frame(&mut self, wait: Duration) -> Result<Option<Step>, Error> {
        let tail = self.tail.as_mut().expect("the reader is in the log");
        let Some(logged) = tail.frames.front() else {
            match self.log.read(tail.reader.next(), ReadLimit::waiting(wait)).await {
                Ok(frames) if frames.is_empty() => return Ok(Some(Step::Tail)),
                Ok(frames) => tail.frames = frames.into(),
                Err(trimmed @ log::Error::Trimmed { .. }) => return self.back_to_archive(trimmed).await,
                Err(error) => return Err(error.into()),
            }
            return Ok(None);
        };
        let (hour, first) = (tail.reader.hour_of(logged), Position::new(tail.reader.epoch(), logged.seq, 0));
        let is_behind = match self.end {
            Some(End::Hour(end)) => hour >= end,
            Some(End::At(end)) => first >= end,
            None => false,
        };
        if is_behind {
            return Ok(Some(Step::End));
        }
        if self.from_hour.is_some_and(|from| hour < from) {
            self.from = self.from.max(first.next_frame());
        }
        let is_given = first.next_frame() <= self.from;
        let logged = tail.frames.pop_front().expect("it was looked at");
        match tail.reader.pass(&logged) {
            Admission::Fresh => {}
            Admission::Repeat => {
                counter!(metric::REPEATS).increment(1);
                return Ok(None);
            }
            Admission::Broken(alarm) if self.source.is_cut() && alarm.is_late_begin() => {}
            Admission::Broken(alarm) => {
                error!(seq = logged.seq.get(), %alarm, "the log lost or changed frames");
                counter!(metric::ALARMS).increment(1);
            }
        }
        if is_given {
            return Ok(None);
        }
        let rows = match decode(self.source, &logged, first) {
            Ok(rows) => rows,
            Err(error) => {
                // Whoever asks again finds the same frame.
                self.tail = None;
                return Err(error);
            }
        };
        let skipped = usize::try_from(self.from.as_i64().saturating_sub(first.as_i64())).unwrap_or(0);
        let skipped = skipped.min(rows.num_rows());
        let rows = rows.slice(skipped, rows.num_rows() - skipped);
        Ok(if rows.num_rows() == 0 { None } else { Some(self.before_end(rows).map_or(Step::End, Step::Rows)) })
    }

    /// The log was trimmed past the reader, so the hours that hold what it has not read must be sealed.
    async fn back_to_archive(&mut self, trimmed: log::Error) -> Result<Option<Step>, Error> {
        self.walk.look(&self.archive, self.source).await?;
        let is_sealed = match self.walk.hour {
            Some(hour) => self.source.hour(&self.archive, hour).await?.is_some(),
            None => false,
        };
        if !is_sealed {
            let missing = self
                .walk
                .hour
                .map_or_else(String::new, |hour| format!(": {} is missing", self.source.manifest_key(hour)));
            return Err(Error::Incomplete(format!("{trimmed}; no sealed hour holds what was trimmed{missing}")));
        }
        self.tail = None;
        Ok(None)
    }

    /// The rows before the end that was asked for; `None` if none is.
    fn before_end(&mut self, rows: RecordBatch) -> Option<RecordBatch> {
        let positions = positions(&rows);
        let kept = match self.end {
            Some(End::At(end)) => positions.partition_point(|position| *position < end.as_i64()),
            Some(End::Hour(_)) | None => positions.len(),
        };
        let last = *positions[..kept].last()?;
        let at = |position: i64| Position::from_i64(position).expect("rows that were read have positions");
        let first = at(positions[0]);
        invariant!(I1, first >= self.from, "the row at {first} comes again: all before {} were given", self.from);
        self.from = at(last).plus_rows(1);
        Some(rows.slice(0, kept))
    }
}

fn positions(rows: &RecordBatch) -> &[i64] {
    rows.column_by_name(POSITION).expect("every source has positions").as_primitive::<Int64Type>().values()
}

fn decode(source: Source, logged: &Logged, first: Position) -> Result<RecordBatch, Error> {
    let failed = |source| Error::Frame { seq: logged.seq, source };
    let batch = logged.decode().map_err(failed)?;
    let malformed = |error: ArrowError| failed(frame::Error::Malformed(error.to_string()));
    source.rows(logged, &batch, first).map_err(malformed)
}

/// Refuses a position that the log has not come to: whoever remembers it read another log, or a newer copy of this.
async fn check_reached(log: &dyn Log, position: Position) -> Result<(), Error> {
    let info = log.info().await?;
    let end = Position::new(info.epoch, info.last.next(), 0);
    if position <= end {
        return Ok(());
    }
    Err(Error::Incomplete(format!(
        "the log ends before {end}, so there is nothing at {position} yet: it is a position of another log, or this one \
         was put back from an older copy"
    )))
}
