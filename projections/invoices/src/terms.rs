//! What an account agreed on: who it is, and how its usage becomes a bill. Versions are kept by the catalog and never
//! edited; a document pins one by its digest.

mod check;
mod file;
mod missing;
mod parts;
mod stored;

pub(crate) use check::{below, check_series};
pub(crate) use file::{date, party_in};
pub use parts::{Cap, Discount, Language, Minimum, Tax, TaxCategory, Terms};

#[cfg(test)]
mod tests;
