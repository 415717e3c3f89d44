//! What a receipt is redeemed for, and who finds that out: the door knows no archive.

use std::fmt;

use clicktrail_evidence::receipt::SignedReceipt;
use futures::future::BoxFuture;

/// What a receipt is redeemed for.
#[derive(Debug)]
pub enum Redeemed {
    /// A bundle of evidence of the event at a position, as `1.5.0`.
    Proof {
        /// Where the event is.
        position: String,
        /// The bundle.
        bundle: Vec<u8>,
    },
    /// Nothing can be proved yet.
    Waits {
        /// In one word: `spooled`, `open`, `sealed` or `unruled`.
        stands: &'static str,
        /// The same for people.
        detail: String,
    },
    /// The promise was not kept: what is in the event's place.
    Broken(String),
    /// It names one of our keys, which did not sign it.
    Forged,
    /// It is not signed, and there is no such event.
    Unknown,
    /// It will never be proved.
    Unprovable(String),
    /// The archive cannot be read now; the log says why.
    Unavailable,
}

/// Who makes proofs.
pub trait Redeem: Send + Sync + fmt::Debug + 'static {
    /// What a receipt is redeemed for.
    fn redeem<'r>(&'r self, receipt: &'r SignedReceipt) -> BoxFuture<'r, Redeemed>;
}
