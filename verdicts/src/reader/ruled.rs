//! Verdicts with their place in the verdict log, whole or in outline, and how rows become them.

use arrow::{
    array::RecordBatch,
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use clicktrail_log::{
    position::{Position, Seq},
    schema::{LOGGED_AT, POSITION},
    time::Timestamp,
};

use crate::{
    schema::{self, OUTLINE, Outline, Outlines},
    verdict::Verdict,
};

/// A verdict and its place in the verdict log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruled {
    /// Where it stands in the verdict log.
    pub position: Position,
    /// When the log took it.
    pub logged_at: Timestamp,
    /// The verdict.
    pub verdict: Verdict,
}

/// What decides about an event, and its place in the verdict log: a [`Ruled`] without the reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlined {
    /// Where the verdict stands in the verdict log.
    pub position: Position,
    /// What it says.
    pub outline: Outline,
}

impl From<&Ruled> for Outlined {
    fn from(ruled: &Ruled) -> Self {
        Self { position: ruled.position, outline: Outline::of(&ruled.verdict) }
    }
}

/// Consecutive verdicts, as a follower of the log gets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<R = Ruled> {
    /// In the order of the log. Empty at its end, or where all frames were repeats.
    pub ruled: Vec<R>,
    /// The frame to go on from.
    pub next: Seq,
}

/// A form in which verdicts are read: whole ([`Ruled`]) or in outline ([`Outlined`]).
pub(super) trait Form: Sized + Send {
    /// The columns to read for it; `None` for all of [`schema::read`].
    fn columns() -> Option<Vec<&'static str>>;

    /// One for each row of a batch, which has these columns.
    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, schema::Error>;

    /// Where it stands in the verdict log.
    fn position(&self) -> Position;
}

impl Form for Ruled {
    fn columns() -> Option<Vec<&'static str>> {
        None
    }

    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, schema::Error> {
        let logged = schema::primitive::<TimestampMicrosecondType>(batch, LOGGED_AT)?;
        let verdicts = schema::from_batch(batch)?;
        let stood = positions(batch)?.into_iter().zip(logged.values());
        let ruled = stood.zip(verdicts).map(|((position, logged_at), verdict)| Self {
            position,
            logged_at: Timestamp::from_micros(*logged_at),
            verdict,
        });
        Ok(ruled.collect())
    }

    fn position(&self) -> Position {
        self.position
    }
}

impl Form for Outlined {
    fn columns() -> Option<Vec<&'static str>> {
        Some([POSITION].into_iter().chain(OUTLINE).collect())
    }

    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, schema::Error> {
        let outlines = Outlines::of(batch)?;
        let rows = positions(batch)?.into_iter().enumerate();
        rows.map(|(row, position)| Ok(Self { position, outline: outlines.row(row)? })).collect()
    }

    fn position(&self) -> Position {
        self.position
    }
}

/// Where each row of a batch stands in the verdict log.
fn positions(batch: &RecordBatch) -> Result<Vec<Position>, schema::Error> {
    let position = |(row, value): (usize, &i64)| {
        let failed = || schema::Error::Row { row, reason: format!("{POSITION} {value} is no position") };
        Position::from_i64(*value).ok_or_else(failed)
    };
    schema::primitive::<Int64Type>(batch, POSITION)?.values().iter().enumerate().map(position).collect()
}
