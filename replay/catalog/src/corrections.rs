//! Corrections of facts, as the catalog stages them: plain values and the contract.
//!
//! ```text
//! open ──close──▶ closing ──all of it counts──▶ closed
//!                    └──────────revert──▶ reverting ◀──revert──┘ ──nothing of it counts──▶ reverted
//! ```

mod contract;
mod model;
pub(crate) mod place;
pub(crate) mod sql;
mod store;

pub use contract::Corrections;
pub use model::{Correction, CorrectionItem, CorrectionState, ITEMS_MAX, ItemKind, ItemsAdded, LogPlaces};
