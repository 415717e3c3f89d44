//! The catalog: what is registered, what is sealed, what is counted so far, and which segments are live.
//!
//! Two implementations, [`Sqlite`] (embedded) and [`Postgres`] (servers), behind one trait and one suite. Everything
//! here but the registry, the hot partials and the audit trail mirrors the object store and can be rebuilt from it.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use clicktrail_log::{
    position::{Position, Seq},
    time::{Hour, Timestamp},
};

mod live;
mod migrate;
mod postgres;
mod registry;
mod rows;
mod sealing;
mod session;
mod sqlite;
mod store;
mod verdicts;

pub use clicktrail_verdicts::judge::Judged;
pub use postgres::Postgres;
pub use sqlite::Sqlite;

/// An ad as registered: whom a click on it bills, and where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ad {
    /// Its id, unique in the registry.
    pub ad_id: String,
    /// Who pays.
    pub advertiser_id: String,
    /// The campaign it belongs to.
    pub campaign_id: String,
    /// Where the redirect leads: an absolute `http` or `https` URL.
    pub target_url: String,
    /// What a click charges, in millionths of `currency`; never negative.
    pub price_micros: i64,
    /// ISO 4217.
    pub currency: String,
}

/// A sealed hour, as its manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedHour {
    /// Which hour.
    pub hour: Hour,
    /// The first frame of the hour. A quiet hour has `first_seq = last_seq.next()`.
    pub first_seq: Seq,
    /// The last frame of the hour: the next hour begins at `last_seq.next()`.
    pub last_seq: Seq,
    /// The log's epoch.
    pub epoch: u8,
    /// Events in the hour.
    pub rows: u64,
    /// Parts in the hour.
    pub parts: u32,
    /// Bytes of all its parts.
    pub bytes: u64,
    /// SHA-256 of the manifest, hexadecimal.
    pub manifest_digest: String,
}

/// The counts of one tick: one row that is both the counts and the offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotPartial {
    /// The hour of the frames; a tick never spans two.
    pub hour: Hour,
    /// The first frame counted.
    pub first_seq: Seq,
    /// The last frame counted.
    pub last_seq: Seq,
    /// The rows of the `counters` projection over these frames: an Arrow IPC stream.
    pub payload: Bytes,
}

/// The output of one projection for one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Which projection, as in `counters`.
    pub projection: String,
    /// Which hour.
    pub hour: Hour,
    /// Its object-store key.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// Digest of what it was computed from, hexadecimal: manifest and verdict position.
    pub input_digest: String,
    /// Digest of the projection's SQL and schema, hexadecimal.
    pub code_digest: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub output_digest: String,
    /// The verdicts it knows: those before this position in the verdict log, 0 for none.
    pub verdicts_before: i64,
}

/// What came of comparing a sealed hour's segment with the hot partials that it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The same rows, to the last digit.
    Equal,
    /// The partials cover only part of the hour: nothing was compared. Usual after an import or a restart.
    Incomplete,
    /// Different: live numbers were wrong, or the segment is. A person must act.
    Different,
}

impl Outcome {
    /// `equal`, `incomplete`, `different`, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Incomplete => "incomplete",
            Self::Different => "different",
        }
    }

    /// From what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Equal, Self::Incomplete, Self::Different].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// One stored comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// Which projection.
    pub projection: String,
    /// Which hour.
    pub hour: Hour,
    /// The result.
    pub outcome: Outcome,
    /// Rows of the segment.
    pub sealed_rows: u64,
    /// Rows of the merged hot partials.
    pub hot_rows: u64,
    /// For people: what differs, empty if nothing.
    pub detail: String,
    /// When it was compared.
    pub compared_at: Timestamp,
}

/// Compares the hot partials of an hour (in order of `first_seq`) with the segment about to replace them. Called
/// inside the transaction, so it sees exactly the rows that the transaction drops.
pub type Compare<'a> = &'a (dyn Fn(&[HotPartial]) -> Reconciliation + Send + Sync);

/// Everything that counters are read from, as of one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The live segment of every sealed hour in the range, by hour.
    pub segments: Vec<Segment>,
    /// The hot partials of hours in the range that are not sealed, by first frame.
    pub partials: Vec<HotPartial>,
}

/// Verdicts about clicks of one frame that came after, or apart from, the judge's live verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaterRuling {
    /// The frame in the click log.
    pub click_seq: Seq,
    /// The first such verdict, in the verdict log.
    pub first: Position,
    /// The last such verdict.
    pub last: Position,
    /// How many.
    pub verdicts: u64,
}

/// A sealed hour whose live segment does not know every verdict about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleHour {
    /// Which hour.
    pub hour: Hour,
    /// The first verdict that its segment does not know, in the verdict log.
    pub first: Position,
    /// The last such verdict.
    pub last: Position,
    /// How many.
    pub verdicts: u64,
}

/// Why the catalog did not do what it was asked, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached or is locked: try again later. If the connection broke while it committed, the
    /// call may have been done all the same; the same call again then does nothing twice: it changes nothing, or is a
    /// [`Conflict`](Error::Conflict).
    #[error("the catalog is not available")]
    Unavailable(#[source] sqlx::Error),
    /// Somebody else was faster: read the state again. Names what moved.
    #[error("the catalog moved: {0}")]
    Conflict(String),
    /// What is stored is not what this program stores: wrong version, or damage.
    #[error("the catalog holds {0}")]
    Corrupt(String),
    /// Anything else: a constraint that should hold, SQL that should run.
    #[error("query the catalog")]
    Database(#[source] sqlx::Error),
}

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Conflict(_) => true,
            Self::Corrupt(_) | Self::Database(_) => false,
        }
    }
}

/// The catalog's contract. Every method is one transaction: done whole or not at all, and durable when it returns.
#[async_trait]
pub trait Catalog: Send + Sync + fmt::Debug {
    /// Registers ads, or changes those that are registered under the same id. Returns how many rows are new or
    /// differ from before. Writes one audit row that names `actor`.
    async fn put_ads(&self, ads: &[Ad], actor: &str, now: Timestamp) -> Result<u64, Error>;

    /// At most `limit` ads by id, beginning after `after` (`""` for the first page).
    async fn list_ads(&self, after: &str, limit: u32) -> Result<Vec<Ad>, Error>;

    /// A number that grows whenever [`put_ads`](Catalog::put_ads) changes something: what a cache compares.
    async fn ads_version(&self) -> Result<i64, Error>;

    /// The last sealed hour.
    async fn last_hour(&self) -> Result<Option<SealedHour>, Error>;

    /// Sealed hours from `from`, at most `limit`, in order.
    async fn list_hours(&self, from: Hour, limit: u32) -> Result<Vec<SealedHour>, Error>;

    /// The last frame that live counting has passed: the greater of the last sealed frame and the last frame of any
    /// hot partial; [`Seq::ZERO`] at the beginning.
    async fn counted_through(&self) -> Result<Seq, Error>;

    /// Stores one tick's counts.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless `partial.first_seq` is one past [`counted_through`](Catalog::counted_through), as
    /// seen inside the transaction: so a tick that is stored twice, or by two projectors, counts once.
    async fn put_partial(&self, partial: &HotPartial) -> Result<(), Error>;

    /// Merges runs of small partials of one hour into one: replaces all partials of `hour` with frames in
    /// `merged.first_seq..=merged.last_seq` by `merged`.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless exactly `replaced` partials stand there and cover precisely that range.
    async fn merge_partials(&self, merged: &HotPartial, replaced: u32) -> Result<(), Error>;

    /// The hot partials of one hour by first frame.
    async fn partials(&self, hour: Hour) -> Result<Vec<HotPartial>, Error>;

    /// Makes an hour count from its segment: in one transaction registers the hour and the segment as live, calls
    /// `compare` with the hot partials that touch the hour's frames, stores its result, and drops those partials
    /// (also one that reaches beyond the hour, and then every later one: [`counted_through`](Catalog::counted_through)
    /// falls back to the hour's end, and the projector counts the rest again). Registering the identical hour and
    /// segment again changes nothing and returns the stored reconciliation. The first hour ever sealed may be any.
    ///
    /// # Errors
    /// [`Error::Conflict`] if `hour` does not follow the last sealed one (next hour, `first_seq` one past its
    /// `last_seq`, no earlier epoch), or is registered with another manifest or segment.
    ///
    /// # Panics
    /// If `segment`, or what `compare` returns, is of another hour or projection.
    async fn seal(&self, hour: &SealedHour, segment: &Segment, compare: Compare<'_>) -> Result<Reconciliation, Error>;

    /// The live segments and hot partials of a range of hours (both inclusive) in one consistent read. No frame is in
    /// both: a hot partial is only returned if it lies behind the last sealed frame.
    async fn snapshot(&self, projection: &str, from: Hour, to_inclusive: Hour) -> Result<Snapshot, Error>;

    /// Stored reconciliations from `from` on, at most `limit`, by hour.
    async fn reconciliations(&self, from: Hour, limit: u32) -> Result<Vec<Reconciliation>, Error>;

    /// How far the judge has come.
    async fn judged(&self) -> Result<Judged, Error>;

    /// Moves the judge's mark from `before` to `after`.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless the mark stands at `before`: another judge moved it.
    async fn put_judged(&self, before: &Judged, after: &Judged) -> Result<(), Error>;

    /// The last verdict frame that [`stale_hours`](Catalog::stale_hours) knows of; [`Seq::ZERO`] at the beginning.
    async fn followed_through(&self) -> Result<Seq, Error>;

    /// Stores what the verdict frames after `before`, up to `through`, say about clicks that live counting does not know.
    /// Each click frame is named at most once a call.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless [`followed_through`](Catalog::followed_through) is `before`: nothing is counted twice.
    async fn put_later_rulings(&self, rulings: &[LaterRuling], before: Seq, through: Seq) -> Result<(), Error>;

    /// Sealed hours from `from` on that a later ruling concerns, at most `limit`, by hour.
    async fn stale_hours(&self, from: Hour, limit: u32) -> Result<Vec<StaleHour>, Error>;

    /// The sealed hour that holds a frame.
    async fn hour_of(&self, seq: Seq) -> Result<Option<SealedHour>, Error>;

    /// The live segment of one hour.
    async fn live_segment(&self, projection: &str, hour: Hour) -> Result<Option<Segment>, Error>;

    /// Forgets hours, segments, hot partials, reconciliations and what is known of verdicts, for a rebuild from the object store; keeps the
    /// registry and the audit trail, and adds an audit row.
    async fn forget_derived(&self, actor: &str, now: Timestamp) -> Result<(), Error>;
}
