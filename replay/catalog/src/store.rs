//! The contract, for any [`Backend`]: which lock an operation takes, and where its transaction ends.

use std::sync::Arc;

use async_trait::async_trait;
use clicktrail_log::{
    ad::{Ad, Pause},
    frame::Digest,
    position::Seq,
    time::{Hour, Timestamp},
};
use clicktrail_verdicts::judge::Mark;

use crate::{
    audit,
    contract::Catalog,
    error::Error,
    known_frames::{JudgedFrames, KnownFrame},
    live, making, mend,
    mended::{Forget, Mended},
    model::{
        AdChange, Compare, HotPartial, LaterRuling, Making, Marks, OpenRulings, Paused, Reconciliation, RegisteredAd,
        SealedHour, Segment, Snapshot, StaleHour,
    },
    registry, replace,
    replacement::Replacement,
    sealing,
    session::{Backend, Lock, Session as _},
    snapshot,
    trail::{AuditEntry, AuditFilter, Audited},
    verdicts,
};

#[async_trait]
impl<B: Backend> Catalog for B {
    async fn put_ads(&self, ads: &[Ad], actor: &str, now: Timestamp) -> Result<u64, Error> {
        let mut session = self.write(Lock::Registry).await?;
        let changed = registry::put_ads(&mut session, ads, actor, now).await?;
        session.commit().await?;
        Ok(changed)
    }

    async fn list_ads(&self, after: &str, limit: u32) -> Result<Vec<Ad>, Error> {
        registry::list_ads(&mut self.read().await?, after, limit).await
    }

    async fn ad(&self, ad_id: &str) -> Result<Option<RegisteredAd>, Error> {
        registry::read_ad(&mut self.read().await?, ad_id).await
    }

    async fn pause_ads(&self, ad_ids: &[String], pause: bool, actor: &str, now: Timestamp) -> Result<Paused, Error> {
        let mut session = self.write(Lock::Registry).await?;
        let paused = registry::pause_ads(&mut session, ad_ids, pause, actor, now).await?;
        session.commit().await?;
        Ok(paused)
    }

    async fn list_pauses(&self, after: Option<&Pause>, limit: u32) -> Result<Vec<Pause>, Error> {
        registry::list_pauses(&mut self.read().await?, after, limit).await
    }

    async fn ad_changes(&self, ad_id: &str, after: i64, limit: u32) -> Result<Vec<AdChange>, Error> {
        registry::ad_changes(&mut self.read().await?, ad_id, after, limit).await
    }

    async fn audit(&self, entry: &AuditEntry, now: Timestamp) -> Result<(), Error> {
        let mut session = self.write(Lock::Registry).await?;
        audit::add(&mut session, entry, now).await?;
        session.commit().await
    }

    async fn audit_log(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<Audited>, Error> {
        audit::list(&mut self.read().await?, filter, limit).await
    }

    async fn ads_version(&self) -> Result<i64, Error> {
        registry::ads_version(&mut self.read().await?).await
    }

    async fn last_hour(&self) -> Result<Option<SealedHour>, Error> {
        live::last_hour(&mut self.read().await?).await
    }

    async fn list_hours(&self, from: Hour, limit: u32) -> Result<Vec<SealedHour>, Error> {
        sealing::list_hours(&mut self.read().await?, from, limit).await
    }

    async fn counted_through(&self) -> Result<Seq, Error> {
        live::counted_through(&mut self.read().await?).await
    }

    async fn put_partial(&self, partial: &HotPartial) -> Result<(), Error> {
        let mut session = making::write(self).await?;
        live::put(&mut session, partial).await?;
        session.commit().await
    }

    async fn merge_partials(&self, merged: &HotPartial, replaced: u32) -> Result<(), Error> {
        let mut session = making::write(self).await?;
        live::merge(&mut session, merged, replaced).await?;
        session.commit().await
    }

    async fn partial_ranges(&self, hour: Hour) -> Result<Vec<(Seq, Seq)>, Error> {
        live::ranges_of_hour(&mut self.read().await?, hour).await
    }

    async fn partials(&self, hour: Hour, from: Seq, limit: u32) -> Result<Vec<HotPartial>, Error> {
        live::of_hour(&mut self.read().await?, hour, from, limit).await
    }

    async fn seal(&self, hour: &SealedHour, segment: &Segment, compare: Compare<'_>) -> Result<Reconciliation, Error> {
        let mut session = making::write(self).await?;
        let reconciliation = sealing::seal(&mut session, hour, segment, compare).await?;
        session.commit().await?;
        Ok(reconciliation)
    }

    async fn snapshot(&self, projection: &str, from: Hour, to_inclusive: Hour) -> Result<Snapshot, Error> {
        snapshot::snapshot(&mut self.read().await?, projection, from, to_inclusive).await
    }

    async fn marks(&self, projection: &str) -> Result<Marks, Error> {
        snapshot::marks(&mut self.read().await?, projection).await
    }

    async fn reconciliations(&self, from: Hour, limit: u32) -> Result<Vec<Reconciliation>, Error> {
        sealing::reconciliations(&mut self.read().await?, from, limit).await
    }

    async fn judged(&self) -> Result<Mark, Error> {
        verdicts::judged(&mut self.read().await?).await
    }

    async fn put_judged(&self, before: &Mark, after: &Mark, frames: JudgedFrames) -> Result<(), Error> {
        let mut session = making::write(self).await?;
        verdicts::put_judged(&mut session, before, after, frames).await?;
        session.commit().await
    }

    async fn followed_through(&self) -> Result<Seq, Error> {
        verdicts::followed_through(&mut self.read().await?).await
    }

    async fn put_later_rulings(
        &self,
        rulings: &[LaterRuling],
        before: Seq,
        through: (Seq, Option<Digest>),
    ) -> Result<(), Error> {
        let mut session = making::write(self).await?;
        verdicts::put_later_rulings(&mut session, rulings, before, through).await?;
        session.commit().await
    }

    async fn stale_hours(&self, projection: &str, from: Hour, limit: u32) -> Result<Vec<StaleHour>, Error> {
        verdicts::stale_hours(&mut self.read().await?, projection, from, limit).await
    }

    async fn open_rulings(&self) -> Result<Option<OpenRulings>, Error> {
        verdicts::open_rulings(&mut self.read().await?).await
    }

    async fn hour_of(&self, seq: Seq) -> Result<Option<SealedHour>, Error> {
        sealing::hour_of(&mut self.read().await?, seq).await
    }

    async fn live_segment(&self, projection: &str, hour: Hour) -> Result<Option<Segment>, Error> {
        Ok(live::segments(&mut self.read().await?, projection, hour, hour).await?.pop())
    }

    async fn sealed_segment(&self, projection: &str, hour: Hour) -> Result<Option<Segment>, Error> {
        Ok(live::sealed_segments(&mut self.read().await?, projection, hour, hour).await?.pop())
    }

    async fn reopen(&self, from: Hour) -> Result<u64, Error> {
        let mut session = making::write_under(self, Lock::Pointers).await?;
        let reopened = sealing::reopen(&mut session, from).await?;
        session.commit().await?;
        Ok(reopened)
    }

    async fn making(&self) -> Result<Making, Error> {
        making::of(self).await
    }

    async fn begin(&self) -> Result<Arc<dyn Catalog>, Error> {
        Ok(self.under(making::of(self).await?))
    }

    async fn known_frames(&self) -> Result<Vec<KnownFrame>, Error> {
        snapshot::known_frames(&mut self.read().await?).await
    }

    async fn mend(&self, forget: Forget, kept_promotions: i64, now: Timestamp) -> Result<Mended, Error> {
        // The fence cannot be asked: it may be what is lost.
        let mut session = self.write(Lock::Pointers).await?;
        let mended = mend::mend(&mut session, forget, kept_promotions, now).await?;
        session.commit().await?;
        Ok(mended)
    }

    async fn lost(&self) -> Result<Vec<String>, Error> {
        mend::lost(&mut self.read().await?).await
    }

    async fn replace(&self, replacement: &Replacement, actor: &str, now: Timestamp) -> Result<Making, Error> {
        // It may bring back generations that were lost, while workers are at others.
        let mut session = making::write_under(self, Lock::Pointers).await?;
        let making = replace::replace(&mut session, replacement, actor, now).await?;
        session.commit().await?;
        Ok(making)
    }
}
