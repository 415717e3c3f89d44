//! The contract that both databases keep.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use clicktrail_log::{
    ad::{Ad, Pause},
    frame::Digest,
    position::Seq,
    time::{Hour, Timestamp},
};
use clicktrail_verdicts::judge::Mark;

use crate::{
    corrections::Corrections,
    error::Error,
    generations::Generations,
    invoicing::Invoicing,
    known_frames::{JudgedFrames, KnownFrame},
    mended::{Forget, Mended},
    model::{
        AdChange, Compare, HotPartial, LaterRuling, Making, Marks, OpenRulings, Paused, Reconciliation, RegisteredAd,
        SealedHour, Segment, Snapshot, StaleHour,
    },
    replacement::Replacement,
    trail::{AuditEntry, AuditFilter, Audited},
};

/// The catalog's contract. Every method is one transaction: done whole or not at all, and durable when it returns.
#[async_trait]
pub trait Catalog: Generations + Corrections + Invoicing + Send + Sync + fmt::Debug {
    /// Registers ads, and changes those that are registered under the same id. Returns how many rows are new or differ
    /// from before. Writes one audit row that names `actor`, and for each ad that is new or differs one
    /// [`AdChange`]. A paused ad stays paused.
    async fn put_ads(&self, ads: &[Ad], actor: &str, now: Timestamp) -> Result<u64, Error>;

    /// At most `limit` ads by id, beginning after `after` (`""` for the first page).
    async fn list_ads(&self, after: &str, limit: u32) -> Result<Vec<Ad>, Error>;

    /// One ad, and whether it is paused.
    async fn ad(&self, ad_id: &str) -> Result<Option<RegisteredAd>, Error>;

    /// Pauses ads from `now` on, or lets them go on: all of them, or none if one is not registered. Writes one audit
    /// row, and one [`AdChange`] for each ad that was not so before.
    async fn pause_ads(&self, ad_ids: &[String], pause: bool, actor: &str, now: Timestamp) -> Result<Paused, Error>;

    /// At most `limit` pauses by ad and time, those that have ended too, beginning after the one of that ad and time
    /// (`None` for the first page).
    async fn list_pauses(&self, after: Option<&Pause>, limit: u32) -> Result<Vec<Pause>, Error>;

    /// At most `limit` changes of one ad in their order, beginning after the one of the number `after` (0 for the
    /// first page). What was done before the catalog kept changes is not there.
    async fn ad_changes(&self, ad_id: &str, after: i64, limit: u32) -> Result<Vec<AdChange>, Error>;

    /// Adds a row to the audit trail, of something that no other method here writes down.
    async fn audit(&self, entry: &AuditEntry, now: Timestamp) -> Result<(), Error>;

    /// At most `limit` rows of the audit trail that fit `filter`, in the order in which they were written.
    async fn audit_log(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<Audited>, Error>;

    /// A number that grows whenever an ad or a pause changes, for caches to compare.
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
    /// [`Error::Conflict`] unless `partial.first_seq` is one past [`counted_through`](Catalog::counted_through), which
    /// is read inside the transaction. So a tick that is stored twice, or by two projectors, counts once.
    async fn put_partial(&self, partial: &HotPartial) -> Result<(), Error>;

    /// Replaces all partials of `merged.hour` that have frames in `merged.first_seq..=merged.last_seq` by `merged`,
    /// which adds them up: many small rows become one.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless exactly `replaced` partials stand there and cover precisely that range.
    async fn merge_partials(&self, merged: &HotPartial, replaced: u32) -> Result<(), Error>;

    /// The first and the last frame of each hot partial of an hour, in order: it may have more than fit into memory.
    async fn partial_ranges(&self, hour: Hour) -> Result<Vec<(Seq, Seq)>, Error>;

    /// The hot partials of an hour that begin with frame `from` or behind it, at most `limit`, in order.
    async fn partials(&self, hour: Hour, from: Seq, limit: u32) -> Result<Vec<HotPartial>, Error>;

    /// Makes an hour count from its segment. One transaction registers the hour, and its segment as live; calls
    /// `compare` with the frames of the hot partials that touch the hour's, first and last; stores the result; and
    /// drops those partials.
    ///
    /// If one of them reaches beyond the hour, it is dropped too, and every later one with it:
    /// [`counted_through`](Catalog::counted_through) falls back to the hour's end, and the projector counts the rest
    /// again. Registering the identical hour and segment again changes nothing, and returns the stored reconciliation.
    /// The first hour ever sealed may be any.
    ///
    /// # Errors
    /// [`Error::Conflict`] if `hour` does not follow the last sealed one (next hour, `first_seq` one past its
    /// `last_seq`, no earlier epoch), or is registered with another manifest or segment.
    ///
    /// # Panics
    /// If `segment`, or what `compare` returns, is of another hour or projection.
    async fn seal(&self, hour: &SealedHour, segment: &Segment, compare: Compare<'_>) -> Result<Reconciliation, Error>;

    /// The live segments and hot partials of a range of hours (both inclusive), as of one instant. No frame is in both:
    /// a hot partial is returned only if it lies behind the last sealed frame. Beside them, whatever the range: all
    /// stale hours, and how far everything goes.
    async fn snapshot(&self, projection: &str, from: Hour, to_inclusive: Hour) -> Result<Snapshot, Error>;

    /// How far everything goes, and what is missing: the marks of a [`snapshot`](Catalog::snapshot) alone.
    async fn marks(&self, projection: &str) -> Result<Marks, Error>;

    /// Stored reconciliations from `from` on, at most `limit`, by hour.
    async fn reconciliations(&self, from: Hour, limit: u32) -> Result<Vec<Reconciliation>, Error>;

    /// How far the judge has come.
    async fn judged(&self) -> Result<Mark, Error>;

    /// Moves the judge's mark from `before` to `after`, the last frames of which have these digests.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless the mark stands at `before`: another judge moved it.
    ///
    /// # Panics
    /// If `after` lies before `before`.
    async fn put_judged(&self, before: &Mark, after: &Mark, frames: JudgedFrames) -> Result<(), Error>;

    /// The last verdict frame that [`stale_hours`](Catalog::stale_hours) knows of; [`Seq::ZERO`] at the beginning.
    async fn followed_through(&self) -> Result<Seq, Error>;

    /// Stores the later rulings in the verdict frames after `before`, up to `through`, which comes later, and has this
    /// digest. A call names each click frame at most once.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless [`followed_through`](Catalog::followed_through) is `before`, so that nothing is
    /// stored twice.
    ///
    /// # Panics
    /// If `through` is not after `before`, or a ruling does not come from these frames.
    async fn put_later_rulings(
        &self,
        rulings: &[LaterRuling],
        before: Seq,
        through: (Seq, Option<Digest>),
    ) -> Result<(), Error>;

    /// Sealed hours from `from` on that a later ruling concerns which their live segment does not know, at most
    /// `limit`, by hour.
    async fn stale_hours(&self, projection: &str, from: Hour, limit: u32) -> Result<Vec<StaleHour>, Error>;

    /// The later rulings about clicks behind the last sealed hour, if there are any.
    async fn open_rulings(&self) -> Result<Option<OpenRulings>, Error>;

    /// The sealed hour that holds a frame.
    async fn hour_of(&self, seq: Seq) -> Result<Option<SealedHour>, Error>;

    /// The live segment of one hour.
    async fn live_segment(&self, projection: &str, hour: Hour) -> Result<Option<Segment>, Error>;

    /// What one hour counts from unless another segment is promoted: it knows the verdicts of the live judge alone.
    async fn sealed_segment(&self, projection: &str, hour: Hour) -> Result<Option<Segment>, Error>;

    /// Forgets the hours from `from` on, which have no frame: a clock that ran ahead sealed them before their time.
    /// Begins the next making, so that sealing finds its place again. Returns how many there were.
    ///
    /// # Errors
    /// [`Error::Refused`] if one of them has a frame.
    async fn reopen(&self, from: Hour) -> Result<u64, Error>;

    /// Which making of the catalog it is.
    async fn making(&self) -> Result<Making, Error>;

    /// A handle for one that begins now, from the state that it reads next. Each handle belongs to the making in
    /// which it was made: opened, or begun. After a rebuild every write through it that touches what the rebuild
    /// replaces is a [`Conflict`](Error::Conflict), so that nothing is written that is known from before.
    async fn begin(&self) -> Result<Arc<dyn Catalog>, Error>;

    /// The frames that the catalog knows by digest: the last that was counted, judged and followed. Whoever has the
    /// logs compares them, because a log with other frames under these numbers is not the one that was counted.
    async fn known_frames(&self) -> Result<Vec<KnownFrame>, Error>;

    /// The beginning of a rebuild: takes out what mirrors archive and logs and is lost or damaged, so that the rest can
    /// be read, and says what that was. What it takes out is missing from then on, and a [`replace`](Catalog::replace)
    /// brings it back. A damaged promotion goes with all later ones, if the archive has the records of all of them: up
    /// to `kept_promotions`.
    async fn mend(&self, forget: Forget, kept_promotions: i64, now: Timestamp) -> Result<Mended, Error>;

    /// What is lost of registry and audit trail, which mirror nothing, as far as they contradict each other: a sentence
    /// each.
    async fn lost(&self) -> Result<Vec<String>, Error>;

    /// The end of a rebuild. One transaction puts hours, sealed segments and hot partials in place of those that are
    /// there, leaves what is the same in both, forgets which hours are stale, and begins the next making. Registry,
    /// generations and audit trail stay, with an audit row more. An hour that was promoted, and not back, counts from
    /// the segment of its last promotion, unless it has another manifest now.
    ///
    /// # Errors
    /// [`Error::Conflict`] if something was sealed or counted meanwhile that would be lost, or another rebuild ended.
    ///
    /// # Panics
    /// If the hours, or the partials behind them, do not follow each other.
    async fn replace(&self, replacement: &Replacement, actor: &str, now: Timestamp) -> Result<Making, Error>;
}
