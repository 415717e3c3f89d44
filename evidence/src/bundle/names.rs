//! Names of the files of a bundle. They are built here and nowhere else.

use super::time::Hour;
use crate::hash::Hash;

/// Words about the bundle, the same in every bundle of the format.
pub const README: &str = "README.txt";
/// The list of contents.
pub const BUNDLE: &str = "bundle.json";
/// The signed head of the log of logs.
pub const CHECKPOINT: &str = "checkpoint";
/// What each event counts as.
pub const DERIVATION: &str = "derivation.csv";
/// Entries of the log of logs.
pub const ENTRIES: &str = "entries";
/// The invoice.
pub const INVOICE: &str = "invoice.json";
/// What the log of issued documents says.
pub const ISSUED: &str = "issued.csv";
/// Personal columns.
pub const PEOPLE: &str = "people.csv";
/// Which rows are the advertiser's, hour by hour.
pub const PROOF_ADVERTISERS: &str = "proofs/advertisers";
/// That the issued rows are in their hours.
pub const PROOF_ISSUED: &str = "proofs/issued";
/// That the personal rows are in their hours.
pub const PROOF_PEOPLE: &str = "proofs/people";
/// That the rows are in their hours.
pub const PROOF_ROWS: &str = "proofs/rows";
/// That the verdicts are in their hours, and that none is left out.
pub const PROOF_VERDICTS: &str = "proofs/verdicts";
/// The events.
pub const ROWS: &str = "rows.csv";
/// The verdicts.
pub const VERDICTS: &str = "verdicts.csv";

/// Streams whose manifests are in a bundle.
pub const CLICKS_STREAM: &str = "clicks";
/// Verdicts.
pub const VERDICTS_STREAM: &str = "verdicts";
/// Issued documents.
pub const INVOICES_STREAM: &str = "invoices";

/// A note, from 1, in the order in which they were issued.
pub fn note(number: usize) -> String {
    format!("notes/{number:04}.json")
}

/// The list of segments that a document was summed from.
pub fn basis(digest: &Hash) -> String {
    format!("bases/{digest}.json")
}

/// The manifest of an hour.
pub fn manifest(stream: &str, hour: Hour) -> String {
    format!("manifests/{stream}/{hour}.json")
}

/// That the log of logs at its checkpoint goes on from an earlier one, on which a document stands.
pub fn consistency(size: u64) -> String {
    format!("proofs/consistency/{size}")
}

/// `README.txt`: these very bytes in every bundle of format 1, so that nobody can put other words there.
pub const README_TEXT: &str = include_str!("README.txt");
