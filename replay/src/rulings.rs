//! What stands about the clicks of one hour, in the form that a projection takes.

use arrow::array::RecordBatch;
use clicktrail_log::{
    archive::Manifest,
    frame::Digest,
    invariant,
    position::{Epoch, Position, Seq},
};
use clicktrail_verdicts::{
    reader::VerdictReader,
    rulings::{Rulings, Stages},
};

use crate::error::Error;

/// Rulings of one hour, and which verdicts they come from.
#[derive(Debug, Clone)]
pub struct HourRulings {
    rulings: Rulings,
    /// One past the last verdict that they come from, as a position in the verdict log; 0 if they come from none.
    before: i64,
}

impl HourRulings {
    /// Nothing was ever ruled.
    pub fn none() -> Self {
        let zero = Position::new(Epoch::FIRST, Seq::ZERO, 0);
        Self { rulings: Rulings::new(zero..zero, zero, Stages::All), before: 0 }
    }

    /// What the judge's live verdicts say about an hour that the judge has passed. The answer does not depend on when
    /// it is asked for: nobody but the live judge adds live verdicts, and it is done with the hour. So the hour gives
    /// the same bytes whenever it is projected again, here or from the archive alone.
    ///
    /// # Errors
    /// As log and archive report.
    pub async fn live(history: &VerdictReader, manifest: &Manifest) -> Result<Self, Error> {
        let end = history.end().await?;
        Self::read(history, manifest, end, Stages::LiveOnly).await
    }

    /// What all verdicts before `before` say about an hour.
    ///
    /// # Errors
    /// As log and archive report.
    pub async fn as_of(history: &VerdictReader, manifest: &Manifest, before: Position) -> Result<Self, Error> {
        Self::read(history, manifest, before, Stages::All).await
    }

    async fn read(
        history: &VerdictReader,
        manifest: &Manifest,
        before: Position,
        stages: Stages,
    ) -> Result<Self, Error> {
        if manifest.rows == 0 {
            return Ok(Self::none());
        }
        let frame = |seq: Seq| Position::new(manifest.epoch(), seq, 0);
        let targets = frame(manifest.first_seq())..frame(manifest.last_seq().next());
        let rulings = history.rulings(targets, before, stages).await?;
        let last = rulings.iter().map(|(_, standing)| standing.rank.verdict()).max();
        let known = last.is_none_or(|last| last < before);
        invariant!(I5, known, "rulings as of {before} come from a verdict after it: {last:?}");
        let before = last.map_or(0, |last| last.plus_rows(1).as_i64());
        Ok(Self { rulings, before })
    }

    /// One past the last verdict that they come from; 0 if there is none.
    pub fn before(&self) -> i64 {
        self.before
    }

    /// SHA-256 of the rulings, which names them in a projection's input. It does not depend on when they were ruled.
    pub fn digest(&self) -> Digest {
        self.rulings.digest()
    }

    /// Rows of [`counters::rulings_schema`](clicktrail_projections::counters::rulings_schema) columns.
    pub fn rows(&self) -> RecordBatch {
        self.rulings.to_batch()
    }
}
