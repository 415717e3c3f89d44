//! A draft, and the document that it becomes when it is issued: an invoice, a credit note or a debit note.
//!
//! A document holds everything that it says, and pins by digest what that was computed from. Its canonical JSON is the
//! truth; whatever else is sent or shown is derived from it alone. See `docs/invoices.md` for the fields.

mod check;
mod parts;
mod stored;

pub use parts::{Document, Draft, HourMoved, Kind, Original, Pins, Reason, Rounding, name};

#[cfg(test)]
mod tests;
