//! What is read of a generation again and again while its units are worked on.

use crate::{generations::model::GenerationState, pointer::GenerationId};

/// What decides whether a unit may be taken, and whose output it takes.
///
/// It is read for every unit of a generation, so it leaves out the plan and the row's digest. Whoever works on a
/// generation has read and checked it whole, and each unit is checked by a digest of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outline {
    /// Its name.
    pub(crate) id: GenerationId,
    /// Which projection.
    pub(crate) projection: String,
    /// Its code.
    pub(crate) code_digest: String,
    /// Where it stands.
    pub(crate) state: GenerationState,
}
