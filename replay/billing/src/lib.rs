//! Periods to invoices: from closed hours to drafts that a person approves, and from these to issued documents.
//!
//! - [`ready`] says whether a period can be drafted, and what is missing by name;
//! - [`basis`] is the exact list of segments that a period is summed from, and [`usage`] their sum;
//! - [`drafting`] makes drafts of sums, and makes them again if what they are made of changed; [`review`] is what a
//!   careful person looks at before they are issued;
//! - [`mod@issue`] makes documents of approved drafts and gives them numbers; [`making`] is what is stored of one,
//!   with the pages of [`paper`], and [`kept`] reads it; [`ahead`] says whether numbers were given that the catalog
//!   does not know, [`finish`] is what follows the moment of issue, and [`records`] gives a lost catalog its documents
//!   and terms back;
//! - [`chain`] is what was issued to an account for a period; [`correct`] drafts notes about it, [`touched`] says which
//!   a promotion would change; [`pinned`] is what must stay for them;
//! - [`regenerate`] computes a document again from what it pins, [`verify`] all of them, [`explain`] says what a line
//!   is made of; [`compose`] is what a document says, and [`counted`] what one account used, hour by hour; [`heads`]
//!   says whether what was signed goes on from where documents stand;
//! - [`raw`] and [`rows`] read one advertiser's clicks and counters.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests wait and measure"))]

pub mod ahead;
pub mod basis;
pub mod chain;
pub mod compose;
pub mod correct;
pub mod counted;
#[cfg(test)]
mod damaged;
pub mod drafting;
mod error;
pub mod explain;
pub mod finish;
#[cfg(test)]
mod fixtures;
pub mod heads;
pub mod issue;
pub mod kept;
pub mod making;
pub mod paper;
pub mod pinned;
pub mod raw;
pub mod ready;
pub mod records;
pub mod regenerate;
pub mod review;
pub mod rows;
#[cfg(test)]
mod testing;
pub mod touched;
pub mod usage;
pub mod verify;

pub use error::Error;
