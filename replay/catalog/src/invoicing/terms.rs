//! Terms as plain values: under which an account is billed, and what the seller says of itself.

use clicktrail_log::time::Timestamp;

/// A version of an account's terms, or of what the seller says of itself, before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTerms {
    /// Whose terms; empty for the seller.
    pub advertiser_id: String,
    /// The first day on which they apply, `YYYY-MM-DD`, in the account's zone.
    pub valid_from: String,
    /// The terms in canonical form.
    pub text: String,
    /// Digest of the text, hexadecimal.
    pub digest: String,
}

/// A version, which is never edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Whose terms; empty for the seller.
    pub advertiser_id: String,
    /// From 1, without a hole.
    pub version: u32,
    /// The first day on which they apply, `YYYY-MM-DD`, in the account's zone.
    pub valid_from: String,
    /// The terms in canonical form.
    pub text: String,
    /// Digest of the text, hexadecimal.
    pub digest: String,
    /// When it was stored.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

/// What came of storing terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermsStored {
    /// The version that says this.
    pub version: u32,
    /// Whether it is new. If not, the newest version says the same already.
    pub is_new: bool,
}
