//! The catalog as a role reaches it through its gate.
//!
//! It is SQLite itself, on a runtime of its own: virtual time stands still until a statement is done, and the statement
//! takes real time, so that none of its deadlines passes by mistake.

use std::sync::Arc;

use async_trait::async_trait;
use clicktrail_catalog::{
    Ad, AdChange, AuditEntry, AuditFilter, Audited, Catalog, Compare, Error, Forget, HotPartial, JudgedFrames,
    KnownFrame, LaterRuling, Making, Mark, Marks, Mended, OpenRulings, Pause, Paused, Reconciliation, RegisteredAd,
    Replacement, SealedHour, Segment, Snapshot, StaleHour,
};
use clicktrail_log::{
    frame::Digest,
    position::Seq,
    time::{Hour, Timestamp},
};

use super::{
    gate::{Gate, Outcome},
    place::Place,
    planted::Planted,
};

/// A runtime in real time, for what works on threads.
#[derive(Debug, Clone)]
pub(super) struct Bridge(pub(super) tokio::runtime::Handle);

impl Bridge {
    /// Waits for a future, and holds everything else up meanwhile. What the future starts, and the deadlines that it
    /// sets, are of the runtime in real time; the budget of the task that waits is not its own.
    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let _real = self.0.enter();
        futures::executor::block_on(tokio::task::unconstrained(future))
    }
}

/// A catalog behind a gate.
#[derive(Debug, Clone)]
pub(super) struct Gated {
    pub(super) inner: Arc<dyn Catalog>,
    bridge: Bridge,
    gate: Arc<Gate>,
    planted: Option<Planted>,
}

impl Gated {
    pub(super) fn new(inner: Arc<dyn Catalog>, bridge: Bridge, gate: Arc<Gate>, planted: Option<Planted>) -> Self {
        Self { inner, bridge, gate, planted }
    }

    fn counts_twice(&self) -> bool {
        self.planted == Some(Planted::CountedTwice)
    }

    pub(super) async fn pass<T: Send>(
        &self,
        what: &str,
        future: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        match self.gate.pass(Place::Catalog, what, || self.bridge.wait(future)).await {
            Outcome::Done(result) => result,
            Outcome::Refused | Outcome::Unknown => Err(Error::Unavailable(sqlx::Error::PoolTimedOut)),
        }
    }
}

#[async_trait]
impl Catalog for Gated {
    async fn begin(&self) -> Result<Arc<dyn Catalog>, Error> {
        let begun = self.pass("begin", self.inner.begin()).await?;
        Ok(Arc::new(Self { inner: begun, ..self.clone() }))
    }

    async fn counted_through(&self) -> Result<Seq, Error> {
        let through = self.pass("counted_through", self.inner.counted_through()).await?;
        let is_behind = self.counts_twice() && through > Seq::FIRST && self.gate.chance(500);
        Ok(if is_behind { through.previous() } else { through })
    }

    async fn put_partial(&self, partial: &HotPartial) -> Result<(), Error> {
        let mut partial = partial.clone();
        if self.counts_twice() && partial.first_seq < partial.last_seq {
            let through = self.pass("counted_through", self.inner.counted_through()).await?;
            partial.first_seq = partial.first_seq.max(through.next());
        }
        self.pass("put_partial", self.inner.put_partial(&partial)).await
    }

    async fn reopen(&self, from: Hour) -> Result<u64, Error> {
        self.pass("reopen", self.inner.reopen(from)).await
    }

    async fn put_ads(&self, ads: &[Ad], actor: &str, now: Timestamp) -> Result<u64, Error> {
        self.pass("put_ads", self.inner.put_ads(ads, actor, now)).await
    }

    async fn list_ads(&self, after: &str, limit: u32) -> Result<Vec<Ad>, Error> {
        self.pass("list_ads", self.inner.list_ads(after, limit)).await
    }

    async fn ad(&self, ad_id: &str) -> Result<Option<RegisteredAd>, Error> {
        self.pass("ad", self.inner.ad(ad_id)).await
    }

    async fn pause_ads(&self, ad_ids: &[String], pause: bool, actor: &str, now: Timestamp) -> Result<Paused, Error> {
        self.pass("pause_ads", self.inner.pause_ads(ad_ids, pause, actor, now)).await
    }

    async fn list_pauses(&self, after: Option<&Pause>, limit: u32) -> Result<Vec<Pause>, Error> {
        self.pass("list_pauses", self.inner.list_pauses(after, limit)).await
    }

    async fn ad_changes(&self, ad_id: &str, after: i64, limit: u32) -> Result<Vec<AdChange>, Error> {
        self.pass("ad_changes", self.inner.ad_changes(ad_id, after, limit)).await
    }

    async fn audit(&self, entry: &AuditEntry, now: Timestamp) -> Result<(), Error> {
        self.pass("audit", self.inner.audit(entry, now)).await
    }

    async fn audit_log(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<Audited>, Error> {
        self.pass("audit_log", self.inner.audit_log(filter, limit)).await
    }

    async fn ads_version(&self) -> Result<i64, Error> {
        self.pass("ads_version", self.inner.ads_version()).await
    }

    async fn last_hour(&self) -> Result<Option<SealedHour>, Error> {
        self.pass("last_hour", self.inner.last_hour()).await
    }

    async fn list_hours(&self, from: Hour, limit: u32) -> Result<Vec<SealedHour>, Error> {
        self.pass("list_hours", self.inner.list_hours(from, limit)).await
    }

    async fn merge_partials(&self, merged: &HotPartial, replaced: u32) -> Result<(), Error> {
        self.pass("merge_partials", self.inner.merge_partials(merged, replaced)).await
    }

    async fn partial_ranges(&self, hour: Hour) -> Result<Vec<(Seq, Seq)>, Error> {
        self.pass("partial_ranges", self.inner.partial_ranges(hour)).await
    }

    async fn partials(&self, hour: Hour, from: Seq, limit: u32) -> Result<Vec<HotPartial>, Error> {
        self.pass("partials", self.inner.partials(hour, from, limit)).await
    }

    async fn seal(&self, hour: &SealedHour, segment: &Segment, compare: Compare<'_>) -> Result<Reconciliation, Error> {
        self.pass("seal", self.inner.seal(hour, segment, compare)).await
    }

    async fn snapshot(&self, projection: &str, from: Hour, to_inclusive: Hour) -> Result<Snapshot, Error> {
        self.pass("snapshot", self.inner.snapshot(projection, from, to_inclusive)).await
    }

    async fn marks(&self, projection: &str) -> Result<Marks, Error> {
        self.pass("marks", self.inner.marks(projection)).await
    }

    async fn reconciliations(&self, from: Hour, limit: u32) -> Result<Vec<Reconciliation>, Error> {
        self.pass("reconciliations", self.inner.reconciliations(from, limit)).await
    }

    async fn judged(&self) -> Result<Mark, Error> {
        self.pass("judged", self.inner.judged()).await
    }

    async fn put_judged(&self, before: &Mark, after: &Mark, frames: JudgedFrames) -> Result<(), Error> {
        self.pass("put_judged", self.inner.put_judged(before, after, frames)).await
    }

    async fn followed_through(&self) -> Result<Seq, Error> {
        self.pass("followed_through", self.inner.followed_through()).await
    }

    async fn put_later_rulings(
        &self,
        rulings: &[LaterRuling],
        before: Seq,
        through: (Seq, Option<Digest>),
    ) -> Result<(), Error> {
        self.pass("put_later_rulings", self.inner.put_later_rulings(rulings, before, through)).await
    }

    async fn stale_hours(&self, projection: &str, from: Hour, limit: u32) -> Result<Vec<StaleHour>, Error> {
        self.pass("stale_hours", self.inner.stale_hours(projection, from, limit)).await
    }

    async fn open_rulings(&self) -> Result<Option<OpenRulings>, Error> {
        self.pass("open_rulings", self.inner.open_rulings()).await
    }

    async fn hour_of(&self, seq: Seq) -> Result<Option<SealedHour>, Error> {
        self.pass("hour_of", self.inner.hour_of(seq)).await
    }

    async fn live_segment(&self, projection: &str, hour: Hour) -> Result<Option<Segment>, Error> {
        self.pass("live_segment", self.inner.live_segment(projection, hour)).await
    }

    async fn sealed_segment(&self, projection: &str, hour: Hour) -> Result<Option<Segment>, Error> {
        self.pass("sealed_segment", self.inner.sealed_segment(projection, hour)).await
    }

    async fn making(&self) -> Result<Making, Error> {
        self.pass("making", self.inner.making()).await
    }

    async fn known_frames(&self) -> Result<Vec<KnownFrame>, Error> {
        self.pass("known_frames", self.inner.known_frames()).await
    }

    async fn mend(&self, forget: Forget, kept_promotions: i64, now: Timestamp) -> Result<Mended, Error> {
        self.pass("mend", self.inner.mend(forget, kept_promotions, now)).await
    }

    async fn lost(&self) -> Result<Vec<String>, Error> {
        self.pass("lost", self.inner.lost()).await
    }

    async fn replace(&self, replacement: &Replacement, actor: &str, now: Timestamp) -> Result<Making, Error> {
        self.pass("replace", self.inner.replace(replacement, actor, now)).await
    }
}
