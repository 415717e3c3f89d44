//! Checking a bundle, without any connection: the steps of `docs/evidence.md`, one file each.
//!
//! 1. `opened`: the container, and the bytes of its files.
//! 2. `signed`: the head of the log of logs, by a key that is trusted.
//! 3. `logged`: manifests of hours are in that log (`manifest`), and none is missing between them.
//! 4. `dossier`: of an invoice, its documents (`document`) and bases (`basis`); `standing_on`: the log went on
//!    from where they stand; `issued`: they are those that were issued.
//! 5. `rows`: the events are those that were sealed, none is left out (`shares`); `people`: so are personal
//!    columns.
//! 6. `verdicts`: so are the verdicts.
//! 7. `counting`: which verdict stands (`ruling`), and what the events come to (`counts`).
//! 8. `pricing`: the documents are what follows from that (`bill`, `money`).
//!
//! Where somebody has a receipt, `promise` holds it against what was proved.
//!
//! The first step that fails ends it. What is printed was computed here from what was proved before.

pub(crate) mod billed;
pub(crate) mod manifest;
pub(crate) mod written;

mod basis;
mod bill;
mod counting;
mod counts;
mod document;
mod dossier;
mod failure;
mod issued;
mod logged;
mod money;
mod opened;
mod people;
mod pricing;
mod promise;
mod report;
mod rows;
mod ruling;
mod shares;
mod signed;
mod standing_on;
mod steps;
mod subject;
mod verdicts;
mod words;

#[cfg(test)]
mod tests;

pub use failure::{Failure, Kind};
pub use promise::{Kept, kept};
pub use report::{Clicks, Numbers, Report};
pub use signed::{Trust, WrongKind};
pub use steps::{verify, verify_receipt};
