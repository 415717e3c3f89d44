//! The contract of replays: what the catalog does for them.

use async_trait::async_trait;
use clicktrail_log::time::{Hour, Timestamp};

use crate::{
    error::Error,
    generations::model::{
        FoundSegment, Generation, NewUnit, Promotion, PromotionRecord, Rerun, Stored, Unit, UnitOutput,
    },
    model::Segment,
    pointer::{GenerationId, LivePointer},
};

/// What the catalog does for replays. Every method is one transaction, as in [`Catalog`](crate::Catalog).
#[async_trait]
pub trait Generations: Send + Sync {
    /// Stores a generation with its units, all waiting, whatever state it names: it is building, or built if it has no
    /// units. The identical one (id and plan) again changes nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another plan stands under the id.
    async fn put_generation(&self, generation: &Generation, units: &[NewUnit]) -> Result<Stored, Error>;

    /// Notes that hours are done, because another generation has made the same of the same input by the same code.
    /// Returns how many: those of `found`, at most [`FOUND_MAX`](super::FOUND_MAX), that nobody has taken yet, and
    /// whose segment a unit made that is done. Their control totals are that unit's. Every other hour stays as it is,
    /// also one of which other bytes are known: whoever takes it says so. Nothing happens unless the generation is
    /// building.
    ///
    /// # Panics
    /// If there are more.
    async fn reuse_units(&self, id: &GenerationId, found: &[FoundSegment], now: Timestamp) -> Result<u64, Error>;

    /// Notes that hours are done, because somebody read the segments of the same input and code that stand in the
    /// archive. Returns how many: those of `read`, at most [`FOUND_MAX`](super::FOUND_MAX), that nobody has taken yet,
    /// and of which no other bytes are known. Every other hour stays as it is. Nothing happens unless the generation is
    /// building.
    ///
    /// # Panics
    /// If there are more, or one is of another projection or code, or its totals differ.
    async fn note_units(&self, id: &GenerationId, read: &[UnitOutput], now: Timestamp) -> Result<u64, Error>;

    /// One generation.
    async fn generation(&self, id: &GenerationId) -> Result<Option<Generation>, Error>;

    /// At most `limit` generations, the newest first, beginning behind the one of this time and id (`None`: the
    /// newest).
    async fn list_generations(
        &self,
        after: Option<(Timestamp, &GenerationId)>,
        limit: u32,
    ) -> Result<Vec<Generation>, Error>;

    /// Units from `from` on, at most `limit`, by hour.
    async fn units(&self, id: &GenerationId, from: Hour, limit: u32) -> Result<Vec<Unit>, Error>;

    /// Takes the unit with the most events that is waiting, or whose lease ended before `now`, and raises its attempt.
    /// `None` if there is none, or the generation is not building: of that nobody has to wait who writes.
    async fn claim_unit(
        &self,
        id: &GenerationId,
        worker: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Unit>, Error>;

    /// The hours of a generation that somebody may still have to do, because they wait or are leased, whatever their
    /// leases say: at most `limit` of them, in no order. None unless it is building. Nobody waits for that.
    async fn open_units(&self, id: &GenerationId, limit: u32) -> Result<Vec<Hour>, Error>;

    /// Extends a lease. False if another attempt has begun, or the unit is done, or the generation is not building:
    /// then the work may end.
    async fn extend_lease(&self, id: &GenerationId, hour: Hour, attempt: u32, until: Timestamp) -> Result<bool, Error>;

    /// Stores what a unit produced; the last one makes the generation built. A result is valid by its receipt, never by
    /// its lease: a late worker's is welcome, also if the unit failed meanwhile, and the same again changes nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the unit has other bytes already (I6): a person must act. Also if the generation was
    /// aborted, or is not there.
    ///
    /// # Panics
    /// If `output` is of another hour, projection or code, or its totals differ.
    async fn finish_unit(
        &self,
        id: &GenerationId,
        hour: Hour,
        output: &UnitOutput,
        now: Timestamp,
    ) -> Result<Stored, Error>;

    /// Notes that an attempt failed: the unit waits again, or has failed after `attempts_max` attempts, and the
    /// generation with it. Nothing happens if another attempt has begun or the unit is done.
    async fn fail_unit(
        &self,
        id: &GenerationId,
        hour: Hour,
        attempt: u32,
        error: &str,
        attempts_max: u32,
        now: Timestamp,
    ) -> Result<(), Error>;

    /// Lets units be taken again; returns how many. They have all their attempts again. A unit whose lease has not
    /// ended stays with its worker. A generation that failed is building again, also without the units that failed: it
    /// fails again once the others are done.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the generation is promoted or aborted, or not there.
    async fn release_units(&self, id: &GenerationId, rerun: Rerun, now: Timestamp) -> Result<u64, Error>;

    /// Gives a generation up that is not promoted. Writes an audit row.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it is promoted, or not there.
    async fn abort_generation(&self, id: &GenerationId, actor: &str, reason: &str, now: Timestamp)
    -> Result<(), Error>;

    /// The live pointers of a range of hours (both inclusive), by hour.
    async fn live_pointers(&self, projection: &str, from: Hour, to_inclusive: Hour) -> Result<Vec<LivePointer>, Error>;

    /// The segments that stand by the last promotion of their hour, in a range of hours (both inclusive), by hour. A
    /// rebuild points at them again, so they have to be in the archive.
    async fn standing_segments(&self, projection: &str, from: Hour, to_inclusive: Hour) -> Result<Vec<Segment>, Error>;

    /// Moves the live pointers of all hours of a built generation to its segments: all or none. Writes an audit row.
    ///
    /// # Errors [`Error::Conflict`], naming what: if the generation is not built, or an hour's live pointer is not what
    /// it was when it was planned (`Unit::base`), or the catalog was rebuilt so that an hour is another, or the
    /// generation counts only the clicks before a position: from then on the others would be lost.
    async fn promote(&self, id: &GenerationId, actor: &str, reason: &str, now: Timestamp) -> Result<Promotion, Error>;

    /// Moves them back to what they were before its last promotion: all or none. The generation is built then, and can
    /// be promoted again. Writes an audit row.
    ///
    /// # Errors
    /// [`Error::Conflict`], naming what: if it is not promoted, or one of its hours was promoted again since.
    async fn roll_back(&self, id: &GenerationId, actor: &str, reason: &str, now: Timestamp)
    -> Result<Promotion, Error>;

    /// At most `limit` promotions in their order, beginning after the one of the number `after` (0 for the first page).
    async fn promotions(&self, after: i64, limit: u32) -> Result<Vec<Promotion>, Error>;

    /// One promotion, to be kept where it outlives the catalog.
    async fn promotion_record(&self, number: i64) -> Result<Option<PromotionRecord>, Error>;

    /// Forgets a generation that was never promoted; what counted once stays known, so that it can be rolled back to
    /// and accounted for. Writes an audit row. Segments in the archive stay.
    ///
    /// # Errors
    /// [`Error::Conflict`], naming what still needs it.
    async fn drop_generation(&self, id: &GenerationId, actor: &str, now: Timestamp) -> Result<(), Error>;
}
