//! What a sender is handed when an event is captured, and can hold us to later: which event, in which frame, where.
//!
//! - [`Receipt`] is what is promised, as text in one form;
//! - [`SignedReceipt`] is that text under signatures, as a C2SP signed note, or said to be unsigned; its token is the
//!   same in one word, for headers and addresses;
//! - [`captured`] is the digest of an event before the log gave it a place.
//!
//! A receipt names no leaf: that holds the logged time, which nobody knows yet, and the position, which a frame on the
//! spool does not have. So it names the digest of everything else in the row, which whoever has the row computes again.
//! What is about people is not in it: a receipt outlives an erasure. [`verify_receipt`](crate::verify::verify_receipt)
//! holds a receipt against a bundle.

mod signed;
mod text;

pub use self::{
    signed::{Error, SignedReceipt},
    text::{Frame, Receipt},
};

use crate::{
    hash::Hash,
    row::{self, Kind, Value},
};

/// The digest of an event as it was captured: the columns of `rows.csv` behind `position` and `logged_at`.
pub fn captured<'v>(values: impl IntoIterator<Item = Value<'v>>) -> Hash {
    Hash::of(&row::encode(Kind::Captured, values))
}

/// A receipt, for tests.
#[cfg(test)]
pub(crate) fn sample(position: Option<i64>) -> Receipt {
    Receipt {
        event_id: "c 1".to_owned(),
        kind: "click".to_owned(),
        advertiser_id: "acme".to_owned(),
        event_time: 1_774_994_400_000_000,
        captured_at: 1_774_994_400_000_001,
        row: Hash::of(b"row"),
        frame: Frame {
            name: "01900000-0000-7000-8000-000000000001/1/42".to_owned(),
            row: 7,
            digest: Hash::of(b"frame"),
        },
        position,
    }
}
