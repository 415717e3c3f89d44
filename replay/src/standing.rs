//! What the hours of a generation count from on one side of it: what it built, or what counted when it was planned.
//!
//! Segments are never edited, and none is removed that a generation names, so what was printed from them once can be
//! printed again, whatever was promoted, ruled or released since.

use clicktrail_catalog::{
    Catalog, Segment,
    generations::{Generation, GenerationState, LivePointer},
};
use clicktrail_log::{archive::Archive, position::Position};
use clicktrail_projections::counters;

use crate::{diff::receipt_of, error::Error, gates};

/// Which side of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What it built.
    Built,
    /// What its hours counted from when it was planned.
    Before,
}

/// The segments of one side by hour, and the verdicts that each knows (`None`: those of the live judge).
///
/// # Errors
/// [`Error::Incomplete`] if the generation is not built, or is of another projection; a receipt that is missing or
/// damaged, by name.
pub async fn of(
    archive: &Archive,
    catalog: &dyn Catalog,
    generation: &Generation,
    side: Side,
) -> Result<Vec<(Segment, Option<Position>)>, Error> {
    check(generation, side)?;
    let units = gates::units(catalog, generation).await?;
    let mut segments = Vec::with_capacity(units.len());
    for unit in units {
        match side {
            Side::Built => {
                let waiting = || Error::Incomplete(format!("{} of {} is not built", unit.hour, generation.id));
                let output = unit.output.as_ref().ok_or_else(waiting)?;
                segments.push((output.segment.clone(), Some(generation.verdicts_before)));
            }
            Side::Before => {
                if let Some(base) = &unit.base {
                    segments.push((of_pointer(archive, &generation.projection, base).await?, base.knows_before));
                }
            }
        }
    }
    Ok(segments)
}

fn check(generation: &Generation, side: Side) -> Result<(), Error> {
    let Generation { id, projection, .. } = generation;
    if projection != counters::NAME {
        return Err(Error::Incomplete(format!("generation {id} is of {projection}, not of {}", counters::NAME)));
    }
    match (side, generation.state) {
        (Side::Before, _) | (Side::Built, GenerationState::Built | GenerationState::Promoted) => Ok(()),
        (Side::Built, GenerationState::Building | GenerationState::Failed | GenerationState::Aborted) => {
            let state = generation.state.as_str();
            Err(Error::Incomplete(format!("generation {id} is {state}: it answers once all of its hours are built")))
        }
    }
}

async fn of_pointer(archive: &Archive, projection: &str, pointer: &LivePointer) -> Result<Segment, Error> {
    let receipt = receipt_of(archive, projection, pointer).await?;
    Ok(Segment {
        projection: receipt.projection,
        hour: pointer.hour,
        key: receipt.key,
        bytes: receipt.bytes,
        rows: receipt.rows,
        input_digest: receipt.input_digest,
        code_digest: receipt.code_digest,
        output_digest: receipt.output_digest,
        verdicts_before: pointer.knows_before.map_or(0, Position::as_i64),
    })
}
