//! What bounds an answer that is not about everything that counts now.

use clicktrail_catalog::generations::GenerationId;
use clicktrail_log::{
    log::{self, Info},
    position::Position,
    time::Hour,
};
use clicktrail_replay::standing::Side;

use crate::{basis::Basis, error::Error, moment::At, service::Service};

/// What bounds an answer, so that the same question has the same answer later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pinned {
    /// Positions in both logs.
    AsOf(Bounds),
    /// One side of a generation.
    Generation {
        /// Which one.
        id: GenerationId,
        /// Which side.
        side: Side,
        /// Its first and last hour: nothing else is counted.
        hours: (Hour, Hour),
    },
}

/// Up to where both logs are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Verdicts before this position.
    pub verdicts_before: Position,
    /// Clicks before this position; `None`: all.
    pub clicks_before: Option<Position>,
}

impl Basis {
    /// The same, of an answer within bounds: what comes behind the last click is not missing.
    pub(crate) fn pinned(mut self, bounds: Bounds) -> Self {
        let counted = self.marks.counted_through;
        if bounds.clicks_before.is_some_and(|before| before <= Position::new(before.epoch(), counted.next(), 0)) {
            self.missing.retain(|missing| !missing.is_of_later_clicks());
        }
        self.pinned = Some(Pinned::AsOf(bounds));
        self
    }

    /// Whether more clicks may still come into the answer.
    pub fn is_open(&self) -> bool {
        match &self.pinned {
            None => true,
            Some(Pinned::AsOf(bounds)) => bounds.clicks_before.is_none(),
            Some(Pinned::Generation { .. }) => false,
        }
    }
}

impl Service {
    /// The bounds of a question.
    ///
    /// # Errors
    /// [`Error::NoSuchVerdict`], [`Error::NoSuchClick`]; as the verdict log reports.
    pub(crate) async fn bounds(&self, at: At, tail: &Result<Info, log::Error>) -> Result<Bounds, Error> {
        if let (Some(click), Ok(info)) = (at.clicks, tail) {
            let end = Position::new(info.epoch, info.last.next(), 0);
            if click >= end {
                return Err(Error::NoSuchClick { click, end });
            }
        }
        let verdicts_before = self.end_of(at.verdicts).await?;
        Ok(Bounds { verdicts_before, clicks_before: at.clicks.map(|click| click.plus_rows(1)) })
    }
}
