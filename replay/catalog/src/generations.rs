//! What the catalog keeps of replays, as plain values: generations, their units, and the promotions that moved the live
//! pointers.
//!
//! ```text
//! building ──all units done──▶ built ──promote──▶ promoted ──rollback──▶ built
//!    │ └──a unit failed for good──▶ failed ──released──▶ building
//!    └──────────────────abort──────────▶ aborted
//! ```

use async_trait::async_trait;
use clicktrail_log::{
    position::Position,
    time::{Hour, Timestamp},
};

use crate::{error::Error, model::Segment};

pub use crate::pointer::{GenerationId, LivePointer};

pub(crate) mod mend;
pub(crate) mod planned;
pub(crate) mod plans;
pub(crate) mod pointers;
pub(crate) mod promotions;
pub(crate) mod restore;
mod store;
pub(crate) mod units;

/// How far a generation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerationState {
    /// Units are waiting or at work.
    Building,
    /// Every unit has its segment; nothing counts from them yet.
    Built,
    /// A unit failed as often as it may; nothing counts from it.
    Failed,
    /// Somebody gave it up; nothing counts from it.
    Aborted,
    /// Live pointers were moved to its segments, and not back.
    Promoted,
}

impl GenerationState {
    const ALL: [Self; 5] = [Self::Building, Self::Built, Self::Failed, Self::Aborted, Self::Promoted];

    /// `building`, `built`, `failed`, `aborted`, `promoted`, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Built => "built",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
            Self::Promoted => "promoted",
        }
    }

    /// From what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What is built: everything that decides the bytes that come out, and where they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its name.
    pub id: GenerationId,
    /// Which projection, as in `counters`.
    pub projection: String,
    /// Digest of the projection's code, hexadecimal.
    pub code_digest: String,
    /// The SQL of a candidate; empty for the program's own.
    pub sql: String,
    /// The first hour.
    pub from: Hour,
    /// The last hour.
    pub to_inclusive: Hour,
    /// Clicks before this position are counted; `None`: all of each hour.
    pub clicks_before: Option<Position>,
    /// Verdicts before this position are known.
    pub verdicts_before: Position,
    /// The plan as a document, from which the id comes.
    pub plan: String,
    /// How far it has come.
    pub state: GenerationState,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When its state became what it is.
    pub changed_at: Timestamp,
}

/// How far a unit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitState {
    /// Nobody works on it.
    Waiting,
    /// Somebody works on it, or did when the lease was taken.
    Leased,
    /// It has its segment.
    Done,
    /// It failed as often as it may.
    Failed,
}

impl UnitState {
    const ALL: [Self; 4] = [Self::Waiting, Self::Leased, Self::Done, Self::Failed];

    /// `waiting`, `leased`, `done`, `failed`, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// From what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Sums that must be the same over what a unit reads and what it writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ControlTotals {
    /// Events that are counted in some column.
    pub events: u64,
    /// Billable clicks.
    pub billable: u64,
    /// Spend of billable clicks in micros, whatever the currency.
    pub micros: i128,
}

/// What a unit produced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitOutput {
    /// The segment: content-addressed, in the archive, with its receipt.
    pub segment: Segment,
    /// Over the events that were read.
    pub read: ControlTotals,
    /// Over the rows that were written.
    pub written: ControlTotals,
    /// Whether an earlier build's segment was used as it is.
    pub is_reused: bool,
}

/// One hour of one generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Which generation.
    pub generation: GenerationId,
    /// Which hour.
    pub hour: Hour,
    /// SHA-256 of the hour's manifest, hexadecimal: what is read must have it.
    pub manifest_digest: String,
    /// Events in the hour.
    pub rows: u64,
    /// Bytes of the hour's parts.
    pub bytes: u64,
    /// What counted when it was planned; `None` if the hour had no live segment.
    pub base: Option<LivePointer>,
    /// How far it has come.
    pub state: UnitState,
    /// How often it was taken. Fences: only the present attempt may extend its lease.
    pub attempt: u32,
    /// Who took it last; empty if nobody did.
    pub worker: String,
    /// Until when nobody else takes it.
    pub leased_until: Timestamp,
    /// When it was taken last.
    pub begun_at: Timestamp,
    /// When it was done, or failed last.
    pub ended_at: Timestamp,
    /// Why it failed last; empty if it did not.
    pub error: String,
    /// What came out, once it is done.
    pub output: Option<UnitOutput>,
}

/// A unit as a plan gives it to the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUnit {
    /// Which hour.
    pub hour: Hour,
    /// As in [`Unit`].
    pub manifest_digest: String,
    /// As in [`Unit`].
    pub rows: u64,
    /// As in [`Unit`].
    pub bytes: u64,
    /// As in [`Unit`].
    pub base: Option<LivePointer>,
}

/// Whether the same was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is new.
    New,
    /// The same stood there.
    Same,
}

/// Which units are taken again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rerun {
    /// Those whose lease has ended.
    Missing,
    /// And those that failed.
    Failed,
    /// All, whatever they have: their output is dropped, and must come out the same.
    All,
}

/// Which way live pointers move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// To the segments of the generation.
    Promote,
    /// Back to what they were before its promotion.
    Rollback,
}

impl Move {
    /// `promote`, `rollback`, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Rollback => "rollback",
        }
    }

    /// From what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Promote, Self::Rollback].into_iter().find(|moved| moved.as_str() == text)
    }
}

/// One movement of live pointers: all of it was done in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// Its number: from 1, without a hole.
    pub number: i64,
    /// Which projection.
    pub projection: String,
    /// Which generation.
    pub generation: GenerationId,
    /// Which way.
    pub moved: Move,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: String,
    /// Why, as they said; may be empty.
    pub reason: String,
    /// How many pointers were moved. Those that pointed at the same segment with the same knowledge are not.
    pub hours: u64,
}

/// A promotion with everything that it takes to do it again in a catalog that was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromotionRecord {
    /// What was done.
    pub promotion: Promotion,
    /// The generation, as it stands now.
    pub generation: Generation,
    /// Every hour of the generation, in order; none of a rollback, which undoes its last promotion.
    pub hours: Vec<PromotedHour>,
}

/// One hour of a generation that was promoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromotedHour {
    /// As it was planned.
    pub unit: NewUnit,
    /// What was made.
    pub output: UnitOutput,
    /// The segment that `unit.base` points at, if it is still registered.
    pub base: Option<Segment>,
    /// Whether its pointer was moved.
    pub is_moved: bool,
}

/// What the catalog does for replays. Every method is one transaction, as in [`Catalog`](crate::Catalog).
#[async_trait]
pub trait Generations: Send + Sync {
    /// Stores a generation with its units, all waiting, whatever state it names: it is building, or built if it has no
    /// units. The identical one (id and plan) again changes nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another plan stands under the id.
    async fn put_generation(&self, generation: &Generation, units: &[NewUnit]) -> Result<Stored, Error>;

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
    /// `None` if there is none, or the generation is not building.
    async fn claim_unit(
        &self,
        id: &GenerationId,
        worker: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Unit>, Error>;

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

#[cfg(test)]
mod tests;
