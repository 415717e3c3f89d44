//! The contract of invoicing, for any [`Backend`]. It has a lock of its own: whoever issues waits for others who do,
//! and for nobody who counts. No rebuild replaces anything of it, so it is not fenced by the making.

use std::collections::BTreeSet;

use async_trait::async_trait;
use clicktrail_log::{position::Position, time::Timestamp};

use super::{
    contract::Invoicing,
    dispute::{Dispute, DisputeFilter, NewDispute},
    document::{Artefact, Document, DocumentFilter, DocumentRecord, NewDocument},
    draft::{AccountPeriod, Draft, DraftFilter, DraftRevision, DraftStored, NewDraft},
    number::DocumentNumber,
    period::{NewPeriod, Period},
    sql::{accounts, damage, disputes, documents, drafts, issue, periods, restore, revisions, states, trail::By},
    terms::{NewTerms, Terms, TermsStored},
};
use crate::{
    error::Error,
    session::{Backend, Lock, Session as _},
};

/// Somebody who gave no reason.
const fn by(actor: &str, at: Timestamp) -> By<'_> {
    By { actor, reason: "", at }
}

#[async_trait]
impl<B: Backend> Invoicing for B {
    async fn put_terms(&self, terms: &[NewTerms], actor: &str, now: Timestamp) -> Result<Vec<TermsStored>, Error> {
        if terms.iter().any(|terms| terms.advertiser_id == accounts::SELLER) {
            return Err(Error::Refused("terms of an advertiser without an id".to_owned()));
        }
        let mut session = self.write(Lock::Invoices).await?;
        let stored = accounts::put(&mut session, terms, by(actor, now), "put_terms").await?;
        session.commit().await?;
        Ok(stored)
    }

    async fn restore_terms(&self, terms: &[Terms], actor: &str, now: Timestamp) -> Result<u64, Error> {
        let mut session = self.write(Lock::Invoices).await?;
        let restored = accounts::restore(&mut session, terms, by(actor, now)).await?;
        session.commit().await?;
        Ok(restored)
    }

    async fn terms(&self, advertiser_id: &str, version: u32) -> Result<Option<Terms>, Error> {
        accounts::read(&mut self.read().await?, advertiser_id, version).await
    }

    async fn terms_at(&self, advertiser_id: &str, date: &str) -> Result<Option<Terms>, Error> {
        accounts::at(&mut self.read().await?, advertiser_id, date).await
    }

    async fn terms_of(&self, advertiser_id: &str, after: u32, limit: u32) -> Result<Vec<Terms>, Error> {
        accounts::of(&mut self.read().await?, advertiser_id, after, limit).await
    }

    async fn all_terms(&self, after: Option<(&str, u32)>, limit: u32) -> Result<Vec<Terms>, Error> {
        accounts::all(&mut self.read().await?, after, limit).await
    }

    async fn list_accounts(&self, after: &str, limit: u32) -> Result<Vec<Terms>, Error> {
        accounts::list(&mut self.read().await?, after, limit).await
    }

    async fn accounts_at(&self, date: &str, after: &str, limit: u32) -> Result<Vec<Terms>, Error> {
        accounts::list_at(&mut self.read().await?, date, after, limit).await
    }

    async fn put_seller(
        &self,
        valid_from: &str,
        text: &str,
        digest: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<TermsStored, Error> {
        let (valid_from, text, digest) = (valid_from.to_owned(), text.to_owned(), digest.to_owned());
        let terms = NewTerms { advertiser_id: accounts::SELLER.to_owned(), valid_from, text, digest };
        let mut session = self.write(Lock::Invoices).await?;
        let stored = accounts::put(&mut session, &[terms], by(actor, now), "put_seller").await?;
        session.commit().await?;
        Ok(stored.first().copied().expect("what is put is stored"))
    }

    async fn seller_at(&self, date: &str) -> Result<Option<Terms>, Error> {
        accounts::at(&mut self.read().await?, accounts::SELLER, date).await
    }

    async fn seller(&self, version: u32) -> Result<Option<Terms>, Error> {
        accounts::read(&mut self.read().await?, accounts::SELLER, version).await
    }

    async fn put_period(&self, period: &NewPeriod, actor: &str, now: Timestamp) -> Result<Period, Error> {
        let mut session = self.write(Lock::Invoices).await?;
        let frozen = periods::put(&mut session, period, by(actor, now)).await?;
        session.commit().await?;
        Ok(frozen)
    }

    async fn period(&self, name: &str, zone: &str) -> Result<Option<Period>, Error> {
        periods::read(&mut self.read().await?, name, zone).await
    }

    async fn periods(&self, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<Period>, Error> {
        periods::list(&mut self.read().await?, after, limit).await
    }

    async fn close_period(&self, name: &str, zone: &str, actor: &str, now: Timestamp) -> Result<Period, Error> {
        let mut session = self.write(Lock::Invoices).await?;
        let closed = periods::close(&mut session, name, zone, by(actor, now)).await?;
        session.commit().await?;
        Ok(closed)
    }

    async fn put_drafts(&self, drafts: &[NewDraft], actor: &str, now: Timestamp) -> Result<Vec<DraftStored>, Error> {
        let mut session = self.write(Lock::Invoices).await?;
        let stored = drafts::put(&mut session, drafts, by(actor, now)).await?;
        session.commit().await?;
        Ok(stored)
    }

    async fn draft(&self, id: &str) -> Result<Option<Draft>, Error> {
        Ok(revisions::newest(&mut self.read().await?, &[id]).await?.remove(id))
    }

    async fn draft_revisions(&self, id: &str, after: u32, limit: u32) -> Result<Vec<Draft>, Error> {
        revisions::of(&mut self.read().await?, id, after, limit).await
    }

    async fn drafts(&self, filter: &DraftFilter, after: &str, limit: u32) -> Result<Vec<Draft>, Error> {
        drafts::list(&mut self.read().await?, filter, after, limit).await
    }

    async fn approve(&self, drafts: &[DraftRevision], actor: &str, now: Timestamp) -> Result<u64, Error> {
        let mut session = self.write(Lock::Invoices).await?;
        let approved = states::approve(&mut session, drafts, by(actor, now)).await?;
        session.commit().await?;
        Ok(approved)
    }

    async fn void(&self, draft: &DraftRevision, reason: &str, actor: &str, now: Timestamp) -> Result<Draft, Error> {
        let mut session = self.write(Lock::Invoices).await?;
        let void = states::void(&mut session, draft, By { actor, reason, at: now }).await?;
        session.commit().await?;
        Ok(void)
    }

    async fn outdate(&self, drafts: &[DraftRevision], reason: &str, actor: &str, now: Timestamp) -> Result<u64, Error> {
        let mut session = self.write(Lock::Invoices).await?;
        let outdated = states::outdate(&mut session, drafts, By { actor, reason, at: now }).await?;
        session.commit().await?;
        Ok(outdated)
    }

    async fn next_number(&self, series: &str) -> Result<DocumentNumber, Error> {
        issue::next_number(&mut self.read().await?, series).await
    }

    async fn issue(&self, documents: &[NewDocument], actor: &str, now: Timestamp) -> Result<Vec<Document>, Error> {
        let mut session = self.write(Lock::Invoices).await?;
        let issued = issue::issue(&mut session, documents, actor, now).await?;
        session.commit().await?;
        Ok(issued)
    }

    async fn document(&self, number: &DocumentNumber) -> Result<Option<DocumentRecord>, Error> {
        documents::record(&mut self.read().await?, number).await
    }

    async fn artefacts(&self, number: &DocumentNumber) -> Result<Vec<Artefact>, Error> {
        documents::artefacts(&mut self.read().await?, number).await
    }

    async fn documents(
        &self,
        filter: &DocumentFilter,
        after: Option<&DocumentNumber>,
        limit: u32,
    ) -> Result<Vec<Document>, Error> {
        documents::list(&mut self.read().await?, filter, after, limit).await
    }

    async fn documents_of(&self, about: &AccountPeriod) -> Result<Vec<Document>, Error> {
        documents::of_many(&mut self.read().await?, &[&about.to_string()]).await
    }

    async fn logged(&self, number: &DocumentNumber, at: Position) -> Result<(), Error> {
        let mut session = self.write(Lock::Invoices).await?;
        documents::logged(&mut session, number, at).await?;
        session.commit().await
    }

    async fn not_logged(&self, after: Option<&DocumentNumber>, limit: u32) -> Result<Vec<Document>, Error> {
        documents::not_logged(&mut self.read().await?, after, limit).await
    }

    async fn last_logged(&self) -> Result<Option<Position>, Error> {
        documents::last_logged(&mut self.read().await?).await
    }

    async fn restore_documents(&self, records: &[DocumentRecord], actor: &str, now: Timestamp) -> Result<u64, Error> {
        let mut session = self.write(Lock::Invoices).await?;
        let restored = restore::restore(&mut session, records, by(actor, now)).await?;
        session.commit().await?;
        Ok(restored)
    }

    async fn bases_in_use(&self) -> Result<BTreeSet<String>, Error> {
        damage::bases_in_use(&mut self.read().await?).await
    }

    async fn open_dispute(&self, dispute: &NewDispute, actor: &str, now: Timestamp) -> Result<i64, Error> {
        let mut session = self.write(Lock::Invoices).await?;
        let number = disputes::open(&mut session, dispute, by(actor, now)).await?;
        session.commit().await?;
        Ok(number)
    }

    async fn close_dispute(
        &self,
        number: i64,
        resolution: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<Dispute, Error> {
        let mut session = self.write(Lock::Invoices).await?;
        let closed = disputes::close(&mut session, number, By { actor, reason: resolution, at: now }).await?;
        session.commit().await?;
        Ok(closed)
    }

    async fn disputes(&self, filter: &DisputeFilter, after: i64, limit: u32) -> Result<Vec<Dispute>, Error> {
        disputes::list(&mut self.read().await?, filter, after, limit).await
    }

    async fn invoicing_damage(&self) -> Result<Vec<String>, Error> {
        damage::all(&mut self.read().await?).await
    }
}
