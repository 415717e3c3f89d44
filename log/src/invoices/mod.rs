//! What was issued: one entry for each invoice, credit note and debit note that got a number.
//!
//! The entry is the log's: it says what was handed to a customer, names the document and its files by digest, and is
//! read without knowing how a bill is made. So an archive alone says which numbers were given out.
//!
//! - [`entry`] is one document as the log keeps it; [`schema`] its columns and how they may evolve, `artefacts` the
//!   text of one of them;
//! - [`append`] puts entries into the log under an identity that every process shares;
//! - [`ledger`] reads each document once, and names a number that was given to two of them.
//!
//! How sealed hours of them are kept stands in [`archive::invoices`](crate::archive::invoices).

pub mod append;
mod artefacts;
pub mod entry;
pub mod ledger;
#[cfg(test)]
pub(crate) mod samples;
pub mod schema;
#[cfg(test)]
mod tests;

pub use entry::{Artefact, DocumentKind, DocumentNumber, InvoiceEntry};
