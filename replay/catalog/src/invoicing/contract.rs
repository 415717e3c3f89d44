//! The contract of invoicing.

use std::collections::BTreeSet;

use async_trait::async_trait;
use clicktrail_log::{position::Position, time::Timestamp};

use super::{
    dispute::{Dispute, DisputeFilter, NewDispute},
    document::{Artefact, Document, DocumentFilter, DocumentRecord, NewDocument},
    draft::{AccountPeriod, Draft, DraftFilter, DraftRevision, DraftStored, NewDraft},
    number::DocumentNumber,
    period::{NewPeriod, Period},
    terms::{NewTerms, Terms, TermsStored},
};
use crate::error::Error;

/// The contract of invoicing. As in [`Catalog`](crate::Catalog), every method is one transaction, and each change
/// leaves a row in the audit trail that names the actor. What takes several things takes at most
/// [`AT_ONCE_MAX`](super::AT_ONCE_MAX), all or none. A page holds at most `limit` rows and at most
/// [`PAGE_MAX`](super::PAGE_MAX), of terms [`TERMS_PAGE_MAX`](super::TERMS_PAGE_MAX): the last page is the empty one.
///
/// # Errors
/// Beside those of the catalog: [`Error::Refused`] for what cannot be done as things stand, whoever asks again.
#[async_trait]
pub trait Invoicing: Send + Sync {
    /// Stores versions of accounts' terms, in this order. What the newest version of an account says already, with the
    /// same validity, is none.
    async fn put_terms(&self, terms: &[NewTerms], actor: &str, now: Timestamp) -> Result<Vec<TermsStored>, Error>;

    /// Puts versions of terms back into a catalog that was lost, the seller's too, those of an account in the order of
    /// their numbers. What stands there already stays. Returns how many were missing.
    ///
    /// # Errors
    /// [`Error::Refused`] if another text has that number, or the one before is missing.
    async fn restore_terms(&self, terms: &[Terms], actor: &str, now: Timestamp) -> Result<u64, Error>;

    /// One version of an account's terms.
    async fn terms(&self, advertiser_id: &str, version: u32) -> Result<Option<Terms>, Error>;

    /// What applies to an account on a day, `YYYY-MM-DD`: of the versions that are valid from then or before, the one
    /// that is valid from the latest day, and of several the last.
    async fn terms_at(&self, advertiser_id: &str, date: &str) -> Result<Option<Terms>, Error>;

    /// All versions of an account's terms, behind the version `after` (0 for the first page).
    async fn terms_of(&self, advertiser_id: &str, after: u32, limit: u32) -> Result<Vec<Terms>, Error>;

    /// Every version of every account's terms, by account and version, behind this one.
    async fn all_terms(&self, after: Option<(&str, u32)>, limit: u32) -> Result<Vec<Terms>, Error>;

    /// The newest version of each account, by id, beginning after `after` (`""` for the first page).
    async fn list_accounts(&self, after: &str, limit: u32) -> Result<Vec<Terms>, Error>;

    /// What applies to each account on a day, as [`terms_at`](Invoicing::terms_at) says it; pages as above.
    async fn accounts_at(&self, date: &str, after: &str, limit: u32) -> Result<Vec<Terms>, Error>;

    /// Stores a version of what the seller says of itself: as terms of nobody's account.
    async fn put_seller(
        &self,
        valid_from: &str,
        text: &str,
        digest: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<TermsStored, Error>;

    /// What the seller says of itself on a day, chosen as in [`terms_at`](Invoicing::terms_at).
    async fn seller_at(&self, date: &str) -> Result<Option<Terms>, Error>;

    /// One version of what the seller says of itself.
    async fn seller(&self, version: u32) -> Result<Option<Terms>, Error>;

    /// Freezes a period, and returns what is frozen: what was frozen before under this name and zone, if anything was,
    /// whatever a later edition of the zones' rules says.
    ///
    /// # Errors
    /// [`Error::Refused`] if it shares an instant with another period of its zone and cycle: an event in both would be
    /// billed twice. But a part of a month or week, as `2026-04-13`, shares some with the whole, which is of other
    /// accounts.
    async fn put_period(&self, period: &NewPeriod, actor: &str, now: Timestamp) -> Result<Period, Error>;

    /// A frozen period.
    async fn period(&self, name: &str, zone: &str) -> Result<Option<Period>, Error>;

    /// Frozen periods by name and zone, beginning after this one.
    async fn periods(&self, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<Period>, Error>;

    /// Closes a period. One that is closed stays as it is. What closing forbids is for those who draft to say.
    async fn close_period(&self, name: &str, zone: &str, actor: &str, now: Timestamp) -> Result<Period, Error>;

    /// Stores drafts, and says for each what came of it, in the same order. The newest revision of the open draft of
    /// the same account, period and currency stays if it has the same inputs; else the draft is the next revision, and
    /// has to be approved again.
    ///
    /// # Errors
    /// [`Error::Refused`] for an invoice where there is one that was not cancelled, or a note about no invoice of the
    /// same account, period and currency; but an outcome of [`Behind`](super::DraftOutcome::Behind) comes before.
    async fn put_drafts(&self, drafts: &[NewDraft], actor: &str, now: Timestamp) -> Result<Vec<DraftStored>, Error>;

    /// The newest revision of a draft.
    async fn draft(&self, id: &str) -> Result<Option<Draft>, Error>;

    /// All revisions of a draft, behind the revision `after` (0 for the first page).
    async fn draft_revisions(&self, id: &str, after: u32, limit: u32) -> Result<Vec<Draft>, Error>;

    /// The newest revision of each draft that fits, by id, beginning after `after` (`""` for the first page).
    async fn drafts(&self, filter: &DraftFilter, after: &str, limit: u32) -> Result<Vec<Draft>, Error>;

    /// Says of drafts that they may be issued. Returns for how many that is new.
    ///
    /// # Errors
    /// [`Error::Conflict`] if a revision is not the newest: look at the newest first. [`Error::Refused`] if a draft is
    /// issued, void or outdated, or of an invoice that an open dispute is about.
    async fn approve(&self, drafts: &[DraftRevision], actor: &str, now: Timestamp) -> Result<u64, Error>;

    /// Throws a draft away. One that is void stays as it is.
    ///
    /// # Errors
    /// As of [`approve`](Invoicing::approve).
    async fn void(&self, draft: &DraftRevision, reason: &str, actor: &str, now: Timestamp) -> Result<Draft, Error>;

    /// Says of drafts that they would not be made any more: those that are still the newest and open are outdated from
    /// now on. Put again, each becomes the next revision. Returns for how many that is new.
    async fn outdate(&self, drafts: &[DraftRevision], reason: &str, actor: &str, now: Timestamp) -> Result<u64, Error>;

    /// The number that the next document of a series has to have.
    async fn next_number(&self, series: &str) -> Result<DocumentNumber, Error>;

    /// Issues drafts under the numbers that their documents were made with, in this order. What stands there already,
    /// to the last digest, is left as it is, so the same call may be made again. Returns the documents.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless each number is the next of its series, each revision the newest of its draft, and as
    /// many documents were issued before it as it was computed after. [`Error::Refused`] unless each draft is
    /// approved, or if it was issued under another number.
    async fn issue(&self, documents: &[NewDocument], actor: &str, now: Timestamp) -> Result<Vec<Document>, Error>;

    /// A document, with what was made of it.
    async fn document(&self, number: &DocumentNumber) -> Result<Option<DocumentRecord>, Error>;

    /// What was made of a document, by format.
    async fn artefacts(&self, number: &DocumentNumber) -> Result<Vec<Artefact>, Error>;

    /// Documents that fit, by series and number, beginning after this one.
    async fn documents(
        &self,
        filter: &DocumentFilter,
        after: Option<&DocumentNumber>,
        limit: u32,
    ) -> Result<Vec<Document>, Error>;

    /// What was issued to an account for a period in a currency, in order: an invoice first. No more than a page.
    async fn documents_of(&self, about: &AccountPeriod) -> Result<Vec<Document>, Error>;

    /// Keeps where a document's entry stands in the log of invoices: once. The same again changes nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it stands elsewhere.
    async fn logged(&self, number: &DocumentNumber, at: Position) -> Result<(), Error>;

    /// Documents that have no entry in the log yet, by series and number, beginning after this one.
    async fn not_logged(&self, after: Option<&DocumentNumber>, limit: u32) -> Result<Vec<Document>, Error>;

    /// How far the catalog has followed the log of invoices: where the entry of the last document stands of which it
    /// knows that. A document is issued before it is logged, and marked after, so it knows every document whose entry
    /// stands before. `None`: it knows of no entry.
    async fn last_logged(&self) -> Result<Option<Position>, Error>;

    /// Puts documents back into a catalog that was lost, those of a series in the order of their numbers. What stands
    /// there already stays. A draft of such a document is issued from then on, whatever it was before; one that is
    /// open, and computed after fewer documents than there are, is void. Returns how many were missing.
    ///
    /// # Errors
    /// [`Error::Refused`] if another document has that number, or the one before is missing.
    async fn restore_documents(&self, records: &[DocumentRecord], actor: &str, now: Timestamp) -> Result<u64, Error>;

    /// Digests of the lists of segments that drafts which may count, and all documents, were summed from. These
    /// segments must not be deleted. Every row that they come from is checked.
    async fn bases_in_use(&self) -> Result<BTreeSet<String>, Error>;

    /// Opens a dispute; returns its number. An invoice's draft that it is about is not approved any more.
    ///
    /// # Errors
    /// [`Error::Refused`] if it is about a document that is not one of that account, period and currency.
    async fn open_dispute(&self, dispute: &NewDispute, actor: &str, now: Timestamp) -> Result<i64, Error>;

    /// Closes a dispute.
    ///
    /// # Errors
    /// [`Error::Refused`] if there is none of that number, or it is closed.
    async fn close_dispute(&self, number: i64, resolution: &str, actor: &str, now: Timestamp)
    -> Result<Dispute, Error>;

    /// Disputes that fit by number, beginning after `after` (0 for the first page).
    async fn disputes(&self, filter: &DisputeFilter, after: i64, limit: u32) -> Result<Vec<Dispute>, Error>;

    /// Reads every row of invoicing, and says in a sentence each what is damaged, or contradicts another row.
    /// [`lost`](crate::Catalog::lost) says only what contradicts.
    async fn invoicing_damage(&self) -> Result<Vec<String>, Error>;
}
