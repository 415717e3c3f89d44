//! Invoices, as the catalog keeps them: under which terms an account is billed, which instants a period is, what was
//! drafted, what was issued under which number, and what is contested.
//!
//! The catalog knows no invoice from inside: drafts and documents are texts in the archive, and here stand their
//! digests and what lists and reviews need. It decides three things: which revision of a draft is the newest, which
//! number a document gets, and that nothing is billed twice.
//!
//! ```text
//! draft ──approve──▶ approved ──issue──▶ issued: it stays, and a note corrects it
//!   └──────────┬─────────┘
//!              ├──put again──▶ superseded, and the next revision is a draft
//!              ├──void──▶ void ──put again──▶ void, and the next revision is a draft
//!              └──outdate──▶ superseded without a later one: outdated ──put again──▶ the next revision is a draft
//! ```
//!
//! An open dispute about an account's period keeps its invoice from being approved, and makes a draft of it again if it
//! was.
//!
//! - `contract` is the trait, and `terms`, `period`, `draft`, `document` with its `number`, and `dispute` the values
//!   that it takes and gives; `bounds` says how large they may be;
//! - `store` keeps the contract for any database; `sql` are the operations;
//! - `digests` says what each row's digest is made of.

mod bounds;
mod contract;
pub(crate) mod digests;
mod dispute;
mod document;
mod draft;
mod number;
mod period;
pub(crate) mod sql;
mod store;
mod terms;

pub use bounds::{AT_ONCE_MAX, PAGE_MAX, TERMS_BYTES_MAX, TERMS_PAGE_MAX};
pub use contract::Invoicing;
pub use dispute::{Dispute, DisputeFilter, NewDispute, Resolution};
pub use document::{Artefact, Document, DocumentFilter, DocumentRecord, NewDocument};
pub use draft::{
    AccountPeriod, Draft, DraftFilter, DraftOutcome, DraftRevision, DraftState, DraftStored, Facts, Kind, NewDraft,
    Original, REVISION_UNKNOWN,
};
pub use number::DocumentNumber;
pub use period::{Cycle, NewPeriod, Period};
pub use terms::{NewTerms, Terms, TermsStored};

#[cfg(test)]
mod tests;
