//! Why an event is rejected: stable codes for programs, sentences for people.

use std::borrow::Cow;

/// Why an event is rejected. [`Reason::code`] is a contract; the sentence may improve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The text breaks JSON's grammar (RFC 8259), or ends too early.
    #[error("not valid JSON at byte {offset}: expected {expected}")]
    InvalidJson {
        /// Where, from 0, in the line or body.
        offset: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// JSON is UTF-8.
    #[error("not valid UTF-8 at byte {offset}")]
    InvalidUtf8 {
        /// Where, from 0, in the line or body.
        offset: usize,
    },
    /// A number, text, list, `true`, `false` or `null` where an event belongs.
    #[error("an event must be a JSON object, and this is {0}")]
    NotAnObject(&'static str),
    /// One of the two would be lost.
    #[error("field `{0}` is given twice")]
    DuplicateKey(String),
    /// U+0000, which databases cut texts at.
    #[error("field `{0}` holds a NUL character")]
    NulCharacter(Cow<'static, str>),
    /// A value of another JSON type than its field has.
    #[error("field `{field}` must be {expected}")]
    WrongType {
        /// The field.
        field: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// A field without which the event means nothing.
    #[error("field `{0}` is missing")]
    MissingField(&'static str),
    /// Not one of the five kinds.
    #[error("`{0}` is not a kind of event: use click, impression, conversion, probe or prefetch")]
    InvalidKind(String),
    /// An id that cannot be one.
    #[error("field `{field}` {why}")]
    InvalidId {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A text beyond its limit.
    #[error("field `{field}` is longer than {max} {unit}")]
    TooLong {
        /// The field.
        field: &'static str,
        /// The limit.
        max: usize,
        /// `bytes` or `characters`.
        unit: &'static str,
    },
    /// Neither RFC 3339 nor milliseconds.
    #[error("`{0}` is not a time: use RFC 3339 text or integer milliseconds since 1970")]
    InvalidTime(String),
    /// Beyond what clocks may differ by.
    #[error("event time {given} is more than {max_seconds} s in the future")]
    TimeInFuture {
        /// As given.
        given: String,
        /// The limit.
        max_seconds: u64,
    },
    /// Too late to be taken without a person's decision.
    #[error("event time {given} is more than {max_seconds} s ago")]
    TimeTooOld {
        /// As given.
        given: String,
        /// The limit.
        max_seconds: u64,
    },
    /// An amount that is none, is negative, or does not fit.
    #[error("field `{field}` {why}")]
    InvalidAmount {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No active ISO 4217 code.
    #[error("`{0}` is not an active ISO 4217 currency code")]
    InvalidCurrency(String),
    /// A click of a registered ad in another currency than the ad's.
    #[error("the click gives currency {given}, and the ad is priced in {registered}")]
    CurrencyMismatch {
        /// As the event says.
        given: String,
        /// As the ad is registered.
        registered: String,
    },
    /// Nobody to bill and nowhere to lead.
    #[error("ad `{0}` is not registered")]
    UnknownAd(String),
    /// A click of a time in which nobody is billed for clicks on the ad.
    #[error("ad `{0}` was paused at the time of the click")]
    AdPaused(String),
    /// The event names another owner than the registry does.
    #[error("ad `{ad_id}` belongs to another {owner} than the event says")]
    AdMismatch {
        /// The ad.
        ad_id: String,
        /// `advertiser` or `campaign`.
        owner: &'static str,
    },
}

/// The code of [`Reason::AdPaused`].
pub const AD_PAUSED: &str = "ad_paused";

impl Reason {
    /// The stable code: in answers, in the rejected stream and in metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidJson { .. } => "invalid_json",
            Self::InvalidUtf8 { .. } => "invalid_utf8",
            Self::NotAnObject(_) => "not_an_object",
            Self::DuplicateKey(_) => "duplicate_key",
            Self::NulCharacter(_) => "nul_character",
            Self::WrongType { .. } => "wrong_type",
            Self::MissingField(_) => "missing_field",
            Self::InvalidKind(_) => "invalid_kind",
            Self::InvalidId { .. } => "invalid_id",
            Self::TooLong { .. } => "too_long",
            Self::InvalidTime(_) => "invalid_time",
            Self::TimeInFuture { .. } => "time_in_future",
            Self::TimeTooOld { .. } => "time_too_old",
            Self::InvalidAmount { .. } => "invalid_amount",
            Self::InvalidCurrency(_) => "invalid_currency",
            Self::CurrencyMismatch { .. } => "currency_mismatch",
            Self::UnknownAd(_) => "unknown_ad",
            Self::AdPaused(_) => AD_PAUSED,
            Self::AdMismatch { .. } => "ad_mismatch",
        }
    }
}
