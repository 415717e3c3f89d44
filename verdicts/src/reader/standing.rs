//! What stands about the events of a list, with the reasons: for whoever explains single events out of many.

use arrow::{array::RecordBatch, datatypes::Int64Type};
use clicktrail_log::{position::Position, schema::POSITION};

use super::{error::Error, verdict_reader::VerdictReader};
use crate::{
    reasons,
    ruling::Rank,
    rulings::Standing,
    schema::{self, OUTLINE, Outlines},
    verdict::{Decision, Reason},
};

/// What stands about an event, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stood {
    /// What stands.
    pub standing: Standing,
    /// The signals that fired; empty for an event that is valid.
    pub reasons: Vec<Reason>,
}

impl VerdictReader {
    /// What stands about each of these events, which ascend, by the verdicts that stand before `before` in the verdict
    /// log; `None` where nothing was ruled. Memory is bounded by what stands about these, whatever else was ruled.
    ///
    /// # Errors
    /// See [`Error`]. What cannot be read is never left out.
    ///
    /// # Panics
    /// If the events do not ascend: they would be looked for in vain.
    pub async fn standing_of(&self, events: &[Position], before: Position) -> Result<Vec<Option<Stood>>, Error> {
        assert!(events.windows(2).all(|pair| pair[0] < pair[1]), "events are asked for in order, and once");
        let mut stood: Vec<Option<Stood>> = vec![None; events.len()];
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(stood) };
        let targets = *first..last.plus_rows(1);
        let columns: Vec<&str> = [POSITION, "reasons"].into_iter().chain(OUTLINE).collect();
        self.visit(&targets, before, Some(&columns), &mut |batch| take(batch, events, before, &mut stood)).await?;
        Ok(stood)
    }
}

fn take(
    batch: &RecordBatch,
    events: &[Position],
    before: Position,
    stood: &mut [Option<Stood>],
) -> Result<(), schema::Error> {
    let positions = schema::primitive::<Int64Type>(batch, POSITION)?;
    let (outlines, texts) = (Outlines::of(batch)?, schema::text(batch, "reasons")?);
    for row in 0..batch.num_rows() {
        let failed = |reason: String| schema::Error::Row { row, reason };
        let outline = outlines.row(row)?;
        let Ok(index) = events.binary_search(&outline.target) else { continue };
        let position = positions.value(row);
        let position = Position::from_i64(position).ok_or_else(|| failed(format!("{position} is no position")))?;
        let rank = Rank::new(outline.stage, position);
        let is_over = stood[index].as_ref().is_none_or(|stood| stood.standing.rank < rank);
        if position >= before || !is_over {
            continue;
        }
        let reasons = match outline.decision {
            Decision::Valid => Vec::new(),
            Decision::Invalid => reasons::from_text(texts.value(row)).map_err(|error| failed(error.to_string()))?,
        };
        let standing = Standing { decision: outline.decision, category: outline.category, rank };
        stood[index] = Some(Stood { standing, reasons });
    }
    Ok(())
}
