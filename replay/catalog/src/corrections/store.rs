//! The contract of corrections, for any [`Backend`]. They are locked with the registry: nobody counts meanwhile from
//! what is staged.

use async_trait::async_trait;
use clicktrail_log::time::Timestamp;

use crate::{
    corrections::{
        contract::Corrections,
        model::{Correction, CorrectionItem, CorrectionState, ItemsAdded, LogPlaces},
        sql,
    },
    error::Error,
    session::{Backend, Lock, Session as _},
};

#[async_trait]
impl<B: Backend> Corrections for B {
    async fn put_correction(&self, correction: &Correction) -> Result<(), Error> {
        let mut session = self.write(Lock::Registry).await?;
        sql::put(&mut session, correction).await?;
        session.commit().await
    }

    async fn correction(&self, id: &str) -> Result<Option<Correction>, Error> {
        sql::read(&mut self.read().await?, id).await
    }

    async fn list_corrections(&self, after: &str, limit: u32) -> Result<Vec<Correction>, Error> {
        sql::list(&mut self.read().await?, after, limit).await
    }

    async fn add_correction_items(&self, id: &str, items: &[CorrectionItem]) -> Result<ItemsAdded, Error> {
        let mut session = self.write(Lock::Registry).await?;
        let added = sql::add(&mut session, id, items).await?;
        session.commit().await?;
        Ok(added)
    }

    async fn correction_items(&self, id: &str) -> Result<Vec<CorrectionItem>, Error> {
        sql::items(&mut self.read().await?, id).await
    }

    async fn move_correction(
        &self,
        id: &str,
        to: CorrectionState,
        places: LogPlaces,
        actor: &str,
        now: Timestamp,
    ) -> Result<Correction, Error> {
        let mut session = self.write(Lock::Registry).await?;
        let moved = sql::advance(&mut session, id, (to, places), actor, now).await?;
        session.commit().await?;
        Ok(moved)
    }
}
