//! The contract of corrections.

use async_trait::async_trait;
use clicktrail_log::time::Timestamp;

use super::model::{Correction, CorrectionItem, CorrectionState, ItemsAdded, LogPlaces};
use crate::error::Error;

/// The contract of corrections. As in [`Catalog`](crate::Catalog), every method is one transaction.
#[async_trait]
pub trait Corrections: Send + Sync {
    /// Stores a correction that is open.
    async fn put_correction(&self, correction: &Correction) -> Result<(), Error>;

    /// One correction.
    async fn correction(&self, id: &str) -> Result<Option<Correction>, Error>;

    /// At most `limit` corrections by id, beginning after `after` (`""` for the first page).
    async fn list_corrections(&self, after: &str, limit: u32) -> Result<Vec<Correction>, Error>;

    /// Adds items, all or none. One that is there already with the same content changes nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the correction is not open, would have more than [`ITEMS_MAX`](super::ITEMS_MAX), or has
    /// another content
    /// under a key.
    async fn add_correction_items(&self, id: &str, items: &[CorrectionItem]) -> Result<ItemsAdded, Error>;

    /// Its items in the order in which they were added.
    async fn correction_items(&self, id: &str) -> Result<Vec<CorrectionItem>, Error>;

    /// Moves a correction to its next state. Where it begins to close or to revert, `places` are kept.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless it is in a state that may become `to`.
    async fn move_correction(
        &self,
        id: &str,
        to: CorrectionState,
        places: LogPlaces,
        actor: &str,
        now: Timestamp,
    ) -> Result<Correction, Error>;
}
