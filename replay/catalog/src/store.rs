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
    contract::Catalog,
    error::Error,
    generation,
    known_frames::{JudgedFrames, KnownFrame},
    live, mend,
    mended::{Forget, Mended},
    model::{
        AdChange, Compare, Generation, HotPartial, LaterRuling, Marks, Paused, Reconciliation, RegisteredAd,
        SealedHour, Segment, Snapshot, StaleHour,
    },
    registry, replace,
    replacement::Replacement,
    sealing,
    session::{Backend, Lock, Session as _},
    snapshot, verdicts,
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
        let mut session = generation::write(self).await?;
        live::put(&mut session, partial).await?;
        session.commit().await
    }

    async fn merge_partials(&self, merged: &HotPartial, replaced: u32) -> Result<(), Error> {
        let mut session = generation::write(self).await?;
        live::merge(&mut session, merged, replaced).await?;
        session.commit().await
    }

    async fn partials(&self, hour: Hour) -> Result<Vec<HotPartial>, Error> {
        live::of_hour(&mut self.read().await?, hour).await
    }

    async fn seal(&self, hour: &SealedHour, segment: &Segment, compare: Compare<'_>) -> Result<Reconciliation, Error> {
        let mut session = generation::write(self).await?;
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
        let mut session = generation::write(self).await?;
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
        let mut session = generation::write(self).await?;
        verdicts::put_later_rulings(&mut session, rulings, before, through).await?;
        session.commit().await
    }

    async fn stale_hours(&self, from: Hour, limit: u32) -> Result<Vec<StaleHour>, Error> {
        verdicts::stale_hours(&mut self.read().await?, from, limit).await
    }

    async fn hour_of(&self, seq: Seq) -> Result<Option<SealedHour>, Error> {
        sealing::hour_of(&mut self.read().await?, seq).await
    }

    async fn live_segment(&self, projection: &str, hour: Hour) -> Result<Option<Segment>, Error> {
        Ok(live::segments(&mut self.read().await?, projection, hour, hour).await?.pop())
    }

    async fn generation(&self) -> Result<Generation, Error> {
        generation::of(self).await
    }

    async fn begin(&self) -> Result<Arc<dyn Catalog>, Error> {
        Ok(self.under(generation::of(self).await?))
    }

    async fn known_frames(&self) -> Result<Vec<KnownFrame>, Error> {
        snapshot::known_frames(&mut self.read().await?).await
    }

    async fn mend(&self, forget: Forget, now: Timestamp) -> Result<Mended, Error> {
        // The fence cannot be asked: it may be what is lost.
        let mut session = self.write(Lock::Counts).await?;
        let mended = mend::mend(&mut session, forget, now).await?;
        session.commit().await?;
        Ok(mended)
    }

    async fn lost(&self) -> Result<Vec<String>, Error> {
        mend::lost(&mut self.read().await?).await
    }

    async fn replace(&self, replacement: &Replacement, actor: &str, now: Timestamp) -> Result<Generation, Error> {
        let mut session = generation::write(self).await?;
        let generation = replace::replace(&mut session, replacement, actor, now).await?;
        session.commit().await?;
        Ok(generation)
    }
}
