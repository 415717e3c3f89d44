//! What the catalog keeps of replays: generations, their units, and the promotions that moved the live pointers.
//!
//! ```text
//! building ──all units done──▶ built ──promote──▶ promoted ──rollback──▶ built
//!    │ └──a unit failed for good──▶ failed ──released──▶ building
//!    └──────────────────abort──────────▶ aborted
//! ```

mod contract;
pub(crate) mod mend;
mod model;
pub(crate) mod outline;
pub(crate) mod planned;
pub(crate) mod plans;
pub(crate) mod pointers;
pub(crate) mod promotions;
pub(crate) mod restore;
pub(crate) mod reused;
mod store;
pub(crate) mod units;

pub use contract::Generations;
pub use model::{
    ControlTotals, FoundSegment, Generation, GenerationState, Move, NewUnit, PromotedHour, Promotion, PromotionRecord,
    Rerun, Stored, Unit, UnitOutput, UnitState,
};

pub use reused::FOUND_MAX;

pub use crate::pointer::{GenerationId, LivePointer};

#[cfg(test)]
mod tests;
