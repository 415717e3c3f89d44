//! What the catalog keeps of replays, as plain values: generations, their units, and the promotions that moved the live
//! pointers.

use clicktrail_log::{
    position::Position,
    time::{Hour, Timestamp},
};

use crate::{
    model::Segment,
    pointer::{GenerationId, LivePointer},
};

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
    /// The text of a candidate or of a user's projection, by `Projection::to_text`; empty for the program's own.
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

/// Sums that must be the same over what a unit reads and what it writes. Of another projection than counters: over what
/// it projects and what it writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ControlTotals {
    /// Events that are counted in some column; of another projection than counters, all its counts, without signs.
    pub events: u64,
    /// Billable clicks; 0 of another projection.
    pub billable: u64,
    /// Spend of billable clicks in micros, whatever the currency; all sums of another projection.
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

/// A segment that stands in the archive with its receipt, as a plan found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSegment {
    /// Which hour.
    pub hour: Hour,
    /// What it was made of.
    pub input_digest: String,
    /// SHA-256 of it, hexadecimal.
    pub output_digest: String,
    /// Its key in the archive.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// One past the last verdict that its rulings come from, as in [`Segment`].
    pub verdicts_before: i64,
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
