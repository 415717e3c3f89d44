//! The contract of replays, for any [`Backend`]: which lock an operation takes, and where its transaction ends.

use async_trait::async_trait;
use clicktrail_log::time::{Hour, Timestamp};

use crate::{
    error::Error,
    generations::{
        contract::Generations,
        model::{FoundSegment, Generation, NewUnit, Promotion, PromotionRecord, Rerun, Stored, Unit, UnitOutput},
        planned, plans, pointers, promotions, restore, reused, units,
    },
    model::Segment,
    pointer::{GenerationId, LivePointer},
    session::{Backend, Lock, Session as _},
};

#[async_trait]
impl<B: Backend> Generations for B {
    async fn put_generation(&self, generation: &Generation, units: &[NewUnit]) -> Result<Stored, Error> {
        let mut session = self.write(Lock::Units).await?;
        let stored = planned::put(&mut session, generation, units).await?;
        session.commit().await?;
        Ok(stored)
    }

    async fn reuse_units(&self, id: &GenerationId, found: &[FoundSegment], now: Timestamp) -> Result<u64, Error> {
        let mut session = self.write(Lock::Units).await?;
        let noted = reused::note(&mut session, id, found, now).await?;
        session.commit().await?;
        Ok(noted)
    }

    async fn note_units(&self, id: &GenerationId, read: &[UnitOutput], now: Timestamp) -> Result<u64, Error> {
        let mut session = self.write(Lock::Units).await?;
        let noted = reused::note_read(&mut session, id, read, now).await?;
        session.commit().await?;
        Ok(noted)
    }

    async fn generation(&self, id: &GenerationId) -> Result<Option<Generation>, Error> {
        plans::read(&mut self.read().await?, id).await
    }

    async fn list_generations(
        &self,
        after: Option<(Timestamp, &GenerationId)>,
        limit: u32,
    ) -> Result<Vec<Generation>, Error> {
        plans::list(&mut self.read().await?, after, limit).await
    }

    async fn units(&self, id: &GenerationId, from: Hour, limit: u32) -> Result<Vec<Unit>, Error> {
        units::list(&mut self.read().await?, id, from, limit).await
    }

    async fn claim_unit(
        &self,
        id: &GenerationId,
        worker: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Unit>, Error> {
        // Workers that wait ask again and again: whoever finds nothing takes no lock.
        if units::next(&mut self.read().await?, id, now).await?.is_none() {
            return Ok(None);
        }
        let mut session = self.write(Lock::Units).await?;
        let unit = units::claim(&mut session, id, worker, (now, until)).await?;
        session.commit().await?;
        Ok(unit)
    }

    async fn open_units(&self, id: &GenerationId, limit: u32) -> Result<Vec<Hour>, Error> {
        units::open(&mut self.read().await?, id, limit).await
    }

    async fn extend_lease(&self, id: &GenerationId, hour: Hour, attempt: u32, until: Timestamp) -> Result<bool, Error> {
        let mut session = self.write(Lock::Units).await?;
        let extended = units::extend(&mut session, id, hour, attempt, until).await?;
        session.commit().await?;
        Ok(extended)
    }

    async fn finish_unit(
        &self,
        id: &GenerationId,
        hour: Hour,
        output: &UnitOutput,
        now: Timestamp,
    ) -> Result<Stored, Error> {
        let mut session = self.write(Lock::Units).await?;
        let stored = units::finish(&mut session, id, hour, output, now).await?;
        session.commit().await?;
        Ok(stored)
    }

    async fn fail_unit(
        &self,
        id: &GenerationId,
        hour: Hour,
        attempt: u32,
        error: &str,
        attempts_max: u32,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut session = self.write(Lock::Units).await?;
        units::fail(&mut session, id, (hour, attempt), (error, attempts_max), now).await?;
        session.commit().await
    }

    async fn release_units(&self, id: &GenerationId, rerun: Rerun, now: Timestamp) -> Result<u64, Error> {
        let mut session = self.write(Lock::Units).await?;
        let released = units::release(&mut session, id, rerun, now).await?;
        session.commit().await?;
        Ok(released)
    }

    async fn abort_generation(
        &self,
        id: &GenerationId,
        actor: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut session = self.write(Lock::Units).await?;
        plans::abort(&mut session, id, (actor, reason), now).await?;
        session.commit().await
    }

    async fn live_pointers(&self, projection: &str, from: Hour, to_inclusive: Hour) -> Result<Vec<LivePointer>, Error> {
        pointers::of_range(&mut self.read().await?, projection, from, to_inclusive).await
    }

    async fn standing_segments(&self, projection: &str, from: Hour, to_inclusive: Hour) -> Result<Vec<Segment>, Error> {
        pointers::standing_segments(&mut self.read().await?, projection, from, to_inclusive).await
    }

    async fn promote(&self, id: &GenerationId, actor: &str, reason: &str, now: Timestamp) -> Result<Promotion, Error> {
        let mut session = self.write(Lock::Pointers).await?;
        let promotion = promotions::promote(&mut session, id, (actor, reason), now).await?;
        session.commit().await?;
        Ok(promotion)
    }

    async fn roll_back(
        &self,
        id: &GenerationId,
        actor: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Promotion, Error> {
        let mut session = self.write(Lock::Pointers).await?;
        let promotion = promotions::roll_back(&mut session, id, (actor, reason), now).await?;
        session.commit().await?;
        Ok(promotion)
    }

    async fn promotions(&self, after: i64, limit: u32) -> Result<Vec<Promotion>, Error> {
        promotions::list(&mut self.read().await?, after, limit).await
    }

    async fn promotion_record(&self, number: i64) -> Result<Option<PromotionRecord>, Error> {
        restore::record(&mut self.read().await?, number).await
    }

    async fn drop_generation(&self, id: &GenerationId, actor: &str, now: Timestamp) -> Result<(), Error> {
        let mut session = self.write(Lock::Units).await?;
        plans::forget(&mut session, id, actor, now).await?;
        session.commit().await
    }
}
