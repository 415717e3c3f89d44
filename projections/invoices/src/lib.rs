//! Invoices as values: what a period's usage costs under an account's terms, and the document that says so.
//!
//! Everything is a function of what it is given. There is no clock, file, database or network here, so the same inputs
//! give the same bytes under every later version.
//!
//! A tour, in the order in which an invoice comes to be:
//! - [`money`] is amounts in minor units, their rounding, and shares of them;
//! - [`period`] is a month or a week of a zone, as two instants, [`calendar`] the periods of an account through all
//!   changes of its terms;
//! - [`party`] is who sells and who buys, [`terms`] what they agreed on, [`seller`] what is known of who sells;
//! - [`usage`] is what was counted, by campaign;
//! - [`bill()`] makes amounts of it, and the difference of two bills;
//! - [`document`] is a draft, and what it becomes when it is issued;
//! - its canonical JSON is what everything else is derived from: [`csv`] and [`table`] are its lines,
//!   [`ledger`] its bookings, [`difference`] two bills beside each other, for people.
//!
//! What [`bill()`] and [`document`] promise about issued invoices is I10.

pub mod bill;
pub mod calendar;
mod canonical;
pub mod csv;
#[cfg(test)]
mod damaged;
pub mod difference;
pub mod document;
pub mod error;
mod exported;
mod fields;
pub mod ledger;
pub mod money;
pub mod party;
pub mod period;
pub mod seller;
pub mod table;
pub mod terms;
#[cfg(test)]
mod testing;
pub mod usage;
mod words;

pub use bill::{Adjustment, AdjustmentKind, Bill, Line, LineKind, Price, TaxLine, bill};
pub use calendar::Calendar;
pub use document::{Document, Draft, HourMoved, Kind, Original, Pins, Reason, Rounding};
pub use error::Error;
pub use money::{BasisPoints, Currency};
pub use party::{Address, Party};
pub use period::{Cycle, Period, PeriodName};
pub use seller::Seller;
pub use terms::{Cap, Discount, Language, Minimum, Tax, TaxCategory, Terms};
pub use usage::{Counts, Usage};
