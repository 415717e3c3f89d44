//! What the roles never do to a catalog, handed on: replays, corrections, invoices.

use std::collections::BTreeSet;

use async_trait::async_trait;
use clicktrail_catalog::{
    Error, Segment,
    corrections::{Correction, CorrectionItem, CorrectionState, Corrections, ItemsAdded, LogPlaces},
    generations::{
        FoundSegment, Generation, GenerationId, Generations, LivePointer, NewUnit, Promotion, PromotionRecord, Rerun,
        Stored, Unit, UnitOutput,
    },
    invoicing::{
        AccountPeriod, Artefact, Dispute, DisputeFilter, Document, DocumentFilter, DocumentNumber, DocumentRecord,
        Draft, DraftFilter, DraftRevision, DraftStored, Invoicing, NewDispute, NewDocument, NewDraft, NewPeriod,
        NewTerms, Period, Terms, TermsStored,
    },
};
use clicktrail_log::{
    position::Position,
    time::{Hour, Timestamp},
};

use super::catalog::Gated;

#[async_trait]
impl Generations for Gated {
    async fn put_generation(&self, generation: &Generation, units: &[NewUnit]) -> Result<Stored, Error> {
        self.pass("put_generation", self.inner.put_generation(generation, units)).await
    }

    async fn reuse_units(&self, id: &GenerationId, found: &[FoundSegment], now: Timestamp) -> Result<u64, Error> {
        self.pass("reuse_units", self.inner.reuse_units(id, found, now)).await
    }

    async fn note_units(&self, id: &GenerationId, read: &[UnitOutput], now: Timestamp) -> Result<u64, Error> {
        self.pass("note_units", self.inner.note_units(id, read, now)).await
    }

    async fn generation(&self, id: &GenerationId) -> Result<Option<Generation>, Error> {
        self.pass("generation", self.inner.generation(id)).await
    }

    async fn list_generations(
        &self,
        after: Option<(Timestamp, &GenerationId)>,
        limit: u32,
    ) -> Result<Vec<Generation>, Error> {
        self.pass("list_generations", self.inner.list_generations(after, limit)).await
    }

    async fn units(&self, id: &GenerationId, from: Hour, limit: u32) -> Result<Vec<Unit>, Error> {
        self.pass("units", self.inner.units(id, from, limit)).await
    }

    async fn claim_unit(
        &self,
        id: &GenerationId,
        worker: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Unit>, Error> {
        self.pass("claim_unit", self.inner.claim_unit(id, worker, now, until)).await
    }

    async fn open_units(&self, id: &GenerationId, limit: u32) -> Result<Vec<Hour>, Error> {
        self.pass("open_units", self.inner.open_units(id, limit)).await
    }

    async fn extend_lease(&self, id: &GenerationId, hour: Hour, attempt: u32, until: Timestamp) -> Result<bool, Error> {
        self.pass("extend_lease", self.inner.extend_lease(id, hour, attempt, until)).await
    }

    async fn finish_unit(
        &self,
        id: &GenerationId,
        hour: Hour,
        output: &UnitOutput,
        now: Timestamp,
    ) -> Result<Stored, Error> {
        self.pass("finish_unit", self.inner.finish_unit(id, hour, output, now)).await
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
        self.pass("fail_unit", self.inner.fail_unit(id, hour, attempt, error, attempts_max, now)).await
    }

    async fn release_units(&self, id: &GenerationId, rerun: Rerun, now: Timestamp) -> Result<u64, Error> {
        self.pass("release_units", self.inner.release_units(id, rerun, now)).await
    }

    async fn abort_generation(
        &self,
        id: &GenerationId,
        actor: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.pass("abort_generation", self.inner.abort_generation(id, actor, reason, now)).await
    }

    async fn live_pointers(&self, projection: &str, from: Hour, to_inclusive: Hour) -> Result<Vec<LivePointer>, Error> {
        self.pass("live_pointers", self.inner.live_pointers(projection, from, to_inclusive)).await
    }

    async fn standing_segments(&self, projection: &str, from: Hour, to_inclusive: Hour) -> Result<Vec<Segment>, Error> {
        self.pass("standing_segments", self.inner.standing_segments(projection, from, to_inclusive)).await
    }

    async fn promote(&self, id: &GenerationId, actor: &str, reason: &str, now: Timestamp) -> Result<Promotion, Error> {
        self.pass("promote", self.inner.promote(id, actor, reason, now)).await
    }

    async fn roll_back(
        &self,
        id: &GenerationId,
        actor: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Promotion, Error> {
        self.pass("roll_back", self.inner.roll_back(id, actor, reason, now)).await
    }

    async fn promotions(&self, after: i64, limit: u32) -> Result<Vec<Promotion>, Error> {
        self.pass("promotions", self.inner.promotions(after, limit)).await
    }

    async fn promotion_record(&self, number: i64) -> Result<Option<PromotionRecord>, Error> {
        self.pass("promotion_record", self.inner.promotion_record(number)).await
    }

    async fn drop_generation(&self, id: &GenerationId, actor: &str, now: Timestamp) -> Result<(), Error> {
        self.pass("drop_generation", self.inner.drop_generation(id, actor, now)).await
    }
}

#[async_trait]
impl Corrections for Gated {
    async fn put_correction(&self, correction: &Correction) -> Result<(), Error> {
        self.pass("put_correction", self.inner.put_correction(correction)).await
    }

    async fn correction(&self, id: &str) -> Result<Option<Correction>, Error> {
        self.pass("correction", self.inner.correction(id)).await
    }

    async fn list_corrections(&self, after: &str, limit: u32) -> Result<Vec<Correction>, Error> {
        self.pass("list_corrections", self.inner.list_corrections(after, limit)).await
    }

    async fn add_correction_items(&self, id: &str, items: &[CorrectionItem]) -> Result<ItemsAdded, Error> {
        self.pass("add_correction_items", self.inner.add_correction_items(id, items)).await
    }

    async fn correction_items(&self, id: &str) -> Result<Vec<CorrectionItem>, Error> {
        self.pass("correction_items", self.inner.correction_items(id)).await
    }

    async fn move_correction(
        &self,
        id: &str,
        to: CorrectionState,
        places: LogPlaces,
        actor: &str,
        now: Timestamp,
    ) -> Result<Correction, Error> {
        self.pass("move_correction", self.inner.move_correction(id, to, places, actor, now)).await
    }
}

#[async_trait]
impl Invoicing for Gated {
    async fn put_terms(&self, terms: &[NewTerms], actor: &str, now: Timestamp) -> Result<Vec<TermsStored>, Error> {
        self.pass("put_terms", self.inner.put_terms(terms, actor, now)).await
    }

    async fn restore_terms(&self, terms: &[Terms], actor: &str, now: Timestamp) -> Result<u64, Error> {
        self.pass("restore_terms", self.inner.restore_terms(terms, actor, now)).await
    }

    async fn terms(&self, advertiser_id: &str, version: u32) -> Result<Option<Terms>, Error> {
        self.pass("terms", self.inner.terms(advertiser_id, version)).await
    }

    async fn terms_at(&self, advertiser_id: &str, date: &str) -> Result<Option<Terms>, Error> {
        self.pass("terms_at", self.inner.terms_at(advertiser_id, date)).await
    }

    async fn terms_of(&self, advertiser_id: &str, after: u32, limit: u32) -> Result<Vec<Terms>, Error> {
        self.pass("terms_of", self.inner.terms_of(advertiser_id, after, limit)).await
    }

    async fn all_terms(&self, after: Option<(&str, u32)>, limit: u32) -> Result<Vec<Terms>, Error> {
        self.pass("all_terms", self.inner.all_terms(after, limit)).await
    }

    async fn list_accounts(&self, after: &str, limit: u32) -> Result<Vec<Terms>, Error> {
        self.pass("list_accounts", self.inner.list_accounts(after, limit)).await
    }

    async fn accounts_at(&self, date: &str, after: &str, limit: u32) -> Result<Vec<Terms>, Error> {
        self.pass("accounts_at", self.inner.accounts_at(date, after, limit)).await
    }

    async fn put_seller(
        &self,
        valid_from: &str,
        text: &str,
        digest: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<TermsStored, Error> {
        self.pass("put_seller", self.inner.put_seller(valid_from, text, digest, actor, now)).await
    }

    async fn seller_at(&self, date: &str) -> Result<Option<Terms>, Error> {
        self.pass("seller_at", self.inner.seller_at(date)).await
    }

    async fn seller(&self, version: u32) -> Result<Option<Terms>, Error> {
        self.pass("seller", self.inner.seller(version)).await
    }

    async fn put_period(&self, period: &NewPeriod, actor: &str, now: Timestamp) -> Result<Period, Error> {
        self.pass("put_period", self.inner.put_period(period, actor, now)).await
    }

    async fn period(&self, name: &str, zone: &str) -> Result<Option<Period>, Error> {
        self.pass("period", self.inner.period(name, zone)).await
    }

    async fn periods(&self, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<Period>, Error> {
        self.pass("periods", self.inner.periods(after, limit)).await
    }

    async fn close_period(&self, name: &str, zone: &str, actor: &str, now: Timestamp) -> Result<Period, Error> {
        self.pass("close_period", self.inner.close_period(name, zone, actor, now)).await
    }

    async fn put_drafts(&self, drafts: &[NewDraft], actor: &str, now: Timestamp) -> Result<Vec<DraftStored>, Error> {
        self.pass("put_drafts", self.inner.put_drafts(drafts, actor, now)).await
    }

    async fn draft(&self, id: &str) -> Result<Option<Draft>, Error> {
        self.pass("draft", self.inner.draft(id)).await
    }

    async fn draft_revisions(&self, id: &str, after: u32, limit: u32) -> Result<Vec<Draft>, Error> {
        self.pass("draft_revisions", self.inner.draft_revisions(id, after, limit)).await
    }

    async fn drafts(&self, filter: &DraftFilter, after: &str, limit: u32) -> Result<Vec<Draft>, Error> {
        self.pass("drafts", self.inner.drafts(filter, after, limit)).await
    }

    async fn approve(&self, drafts: &[DraftRevision], actor: &str, now: Timestamp) -> Result<u64, Error> {
        self.pass("approve", self.inner.approve(drafts, actor, now)).await
    }

    async fn void(&self, draft: &DraftRevision, reason: &str, actor: &str, now: Timestamp) -> Result<Draft, Error> {
        self.pass("void", self.inner.void(draft, reason, actor, now)).await
    }

    async fn outdate(&self, drafts: &[DraftRevision], reason: &str, actor: &str, now: Timestamp) -> Result<u64, Error> {
        self.pass("outdate", self.inner.outdate(drafts, reason, actor, now)).await
    }

    async fn next_number(&self, series: &str) -> Result<DocumentNumber, Error> {
        self.pass("next_number", self.inner.next_number(series)).await
    }

    async fn issue(&self, documents: &[NewDocument], actor: &str, now: Timestamp) -> Result<Vec<Document>, Error> {
        self.pass("issue", self.inner.issue(documents, actor, now)).await
    }

    async fn document(&self, number: &DocumentNumber) -> Result<Option<DocumentRecord>, Error> {
        self.pass("document", self.inner.document(number)).await
    }

    async fn artefacts(&self, number: &DocumentNumber) -> Result<Vec<Artefact>, Error> {
        self.pass("artefacts", self.inner.artefacts(number)).await
    }

    async fn documents(
        &self,
        filter: &DocumentFilter,
        after: Option<&DocumentNumber>,
        limit: u32,
    ) -> Result<Vec<Document>, Error> {
        self.pass("documents", self.inner.documents(filter, after, limit)).await
    }

    async fn documents_of(&self, about: &AccountPeriod) -> Result<Vec<Document>, Error> {
        self.pass("documents_of", self.inner.documents_of(about)).await
    }

    async fn logged(&self, number: &DocumentNumber, at: Position) -> Result<(), Error> {
        self.pass("logged", self.inner.logged(number, at)).await
    }

    async fn not_logged(&self, after: Option<&DocumentNumber>, limit: u32) -> Result<Vec<Document>, Error> {
        self.pass("not_logged", self.inner.not_logged(after, limit)).await
    }

    async fn last_logged(&self) -> Result<Option<Position>, Error> {
        self.pass("last_logged", self.inner.last_logged()).await
    }

    async fn restore_documents(&self, records: &[DocumentRecord], actor: &str, now: Timestamp) -> Result<u64, Error> {
        self.pass("restore_documents", self.inner.restore_documents(records, actor, now)).await
    }

    async fn bases_in_use(&self) -> Result<BTreeSet<String>, Error> {
        self.pass("bases_in_use", self.inner.bases_in_use()).await
    }

    async fn open_dispute(&self, dispute: &NewDispute, actor: &str, now: Timestamp) -> Result<i64, Error> {
        self.pass("open_dispute", self.inner.open_dispute(dispute, actor, now)).await
    }

    async fn close_dispute(
        &self,
        number: i64,
        resolution: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<Dispute, Error> {
        self.pass("close_dispute", self.inner.close_dispute(number, resolution, actor, now)).await
    }

    async fn disputes(&self, filter: &DisputeFilter, after: i64, limit: u32) -> Result<Vec<Dispute>, Error> {
        self.pass("disputes", self.inner.disputes(filter, after, limit)).await
    }

    async fn invoicing_damage(&self) -> Result<Vec<String>, Error> {
        self.pass("invoicing_damage", self.inner.invoicing_damage()).await
    }
}
