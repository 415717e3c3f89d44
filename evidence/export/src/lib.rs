//! Making bundles of evidence: from archive, log of logs and issued documents to one file that others check without us.
//!
//! What a bundle holds, and how it is checked, is said in `docs/evidence.md`; the format and its verifier are in the
//! room `evidence`, which knows no archive.
//!
//! - [`ask`] is what is asked for; [`Exporting::write`] answers;
//! - [`find`] looks for single events, [`captured`] for one of which somebody has a receipt;
//! - `head` is the signed head and its entries, `sealed` an hour as it was signed;
//! - `dossier` are an invoice's documents, `scope` which of the rows count;
//! - `reading` reads hours side by side; `clicks`, `verdicts` and `issued` show leaves of them, `proofs` writes the
//!   trees around them; `cells` makes rows of a table of them, and `derivation` says what each event counts as;
//! - `staging` are the files in the making;
//! - [`rows`] writes the rows of a bundle that was verified as Parquet.
//!
//! What cannot be proved is refused by name, with what helps: nobody is handed a bundle that does not verify.

pub mod ask;
pub mod captured;
mod cells;
mod clicks;
mod derivation;
mod dossier;
mod error;
mod export;
pub mod find;
mod head;
mod issued;
mod proofs;
mod reading;
pub mod rows;
mod scope;
mod sealed;
mod staging;
mod verdicts;

#[cfg(test)]
mod real_bills;

pub use ask::Ask;
pub use error::{Error, Why};
pub use export::{Exported, Exporting};
