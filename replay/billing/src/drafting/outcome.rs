//! What came of drafting a period: what was drafted, what stayed, and who was left out and why. Nobody is left out
//! without being named.

use clicktrail_catalog::invoicing::DraftRevision;
use clicktrail_invoices::{Bill, Currency, Period, PeriodName};
use clicktrail_log::{frame::Digest, time::Hour};

use super::cause::Change;
use crate::ready::Lack;

/// What came of a period.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Each zone in which an account is billed.
    pub zones: Vec<Zone>,
    /// Each draft, by account and currency.
    pub drafted: Vec<Drafted>,
    /// Who has no draft, and why.
    pub left_out: Vec<LeftOut>,
    /// Drafts that would not be made any more, and why. They cannot be approved or issued.
    pub outdated: Vec<(DraftRevision, String)>,
    /// Whose clicks of the period before are in no bill.
    pub unbilled: Vec<Unbilled>,
}

/// A period in one zone.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Its instants.
    pub period: Period,
    /// Accounts that are billed in it.
    pub accounts: u64,
    /// Why nothing was drafted in it; nothing if it was.
    pub lacks: Vec<Lack>,
    /// What was summed: `None` if nothing was drafted.
    pub summed: Option<Summed>,
}

/// What a zone's period was summed from.
#[derive(Debug, Clone)]
pub struct Summed {
    /// The basis.
    pub basis: Digest,
    /// Segments that it names.
    pub segments: u64,
    /// The last hour that was looked at.
    pub last_hour: Hour,
    /// Hours that have verdicts which their numbers do not know.
    pub stale: Vec<Hour>,
    /// Hours that have events of it although they were logged behind its lateness window: then events come later than
    /// was said, and more of them may.
    pub later: u64,
    /// How the sum was made.
    pub how: How,
}

/// How a sum was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was kept from before.
    Kept,
    /// From an earlier one: so many segments left, so many came.
    Moved {
        /// Segments that left.
        left: u64,
        /// Segments that came.
        came: u64,
    },
    /// From all segments.
    Fresh,
}

/// What became of one draft.
#[derive(Debug, Clone)]
pub struct Drafted {
    /// Which account.
    pub advertiser_id: String,
    /// In which currency.
    pub currency: Currency,
    /// Which revision stands now.
    pub revision: DraftRevision,
    /// Whether it is a new one.
    pub became: Became,
    /// What is owed.
    pub bill: Bill,
    /// What a person should know.
    pub notices: Vec<Notice>,
    /// How a new revision differs from the one before.
    pub change: Option<Change>,
}

/// What became of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// It is the first revision.
    New,
    /// It is another revision: its inputs changed.
    Revised,
    /// Its inputs are those of the newest revision, which stays.
    Same,
    /// It was issued. What changed since is for a note.
    Issued,
    /// Somebody threw it away, and nothing changed since. Drafting this account alone brings it back.
    Void,
}

impl Became {
    /// The word for people and programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Revised => "revised",
            Self::Same => "same",
            Self::Issued => "issued",
            Self::Void => "void",
        }
    }
}

/// Something about a draft that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// It is in another currency than the account's terms.
    OtherCurrency {
        /// That of the terms.
        of_terms: Currency,
    },
    /// The terms begin inside the period, and none were valid before.
    TermsBeginLater {
        /// When.
        valid_from: String,
    },
    /// The account was billed by another cycle or in another zone before.
    Changed {
        /// Its last period of that kind, at whose end this one begins.
        before: PeriodName,
        /// In which zone.
        zone: String,
        /// Whether it begins with its month or week all the same.
        is_whole: bool,
    },
    /// Amounts come to nothing, though there were clicks.
    Zero,
    /// It changed, and what cannot be told.
    Untold {
        /// Why.
        why: String,
    },
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OtherCurrency { of_terms } => {
                write!(f, "usage in another currency than the terms' {of_terms}, in which any minimum is billed")
            }
            Self::TermsBeginLater { valid_from } => {
                write!(f, "the terms begin on {valid_from}, inside the period: they are applied to all of it")
            }
            Self::Changed { before, zone, is_whole } => {
                write!(f, "it begins where {before} of {zone} ended, the last one by other terms")?;
                match is_whole {
                    true => Ok(()),
                    false => f.write_str(": caps, discounts and minimums are those of a whole period"),
                }
            }
            Self::Zero => f.write_str("clicks, and nothing to pay"),
            Self::Untold { why } => write!(f, "it changed, and it cannot be told what: {why}"),
        }
    }
}

/// A count with its noun.
pub(crate) fn many(count: impl Into<i128>, noun: &str) -> String {
    match count.into() {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// Somebody who used something in the period before, of which there is no document and no draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbilled {
    /// Who.
    pub advertiser_id: String,
    /// That period, as it would be drafted.
    pub period: Period,
    /// How many clicks.
    pub clicks: i64,
}

impl std::fmt::Display for Unbilled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { advertiser_id, period, clicks } = self;
        let Period { name, zone, from, to, tzdb: _ } = period;
        let clicks = many(*clicks, "click");
        write!(
            f,
            "{advertiser_id:?} had {clicks} in the period before, {name} of {zone} from {from} to {to}, which are in no \
             bill: run `clicktrail invoice draft {name} --advertiser {advertiser_id}`"
        )
    }
}

/// Somebody without a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Who.
    pub advertiser_id: String,
    /// The currency of the usage, if it is about one.
    pub currency: Option<String>,
    /// Why.
    pub why: Why,
}

/// Why somebody has no draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// There were clicks, and there is no account.
    NoAccount {
        /// How many clicks.
        clicks: i64,
    },
    /// The account has no terms that were valid in the period.
    NoTerms,
    /// The terms lack what an invoice needs.
    Missing(Vec<String>),
    /// The usage makes no bill under the terms.
    NoBill(String),
    /// Another invoice of the period, in another currency, has billed its minimum.
    MinimumBilled {
        /// Which.
        document: String,
    },
    /// Until a day inside of it the account was billed by another cycle or zone, so its period has another name.
    Part(PeriodName),
}

impl Why {
    /// The word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoAccount { .. } => "no_account",
            Self::NoTerms => "no_terms",
            Self::Missing(_) => "data_missing",
            Self::NoBill(_) => "no_bill",
            Self::MinimumBilled { .. } => "minimum_billed",
            Self::Part(_) => "part_of_period",
        }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoAccount { clicks } => {
                write!(f, "{} and no account: add it with `accounts add`", many(*clicks, "click"))
            }
            Self::NoTerms => f.write_str("no terms were valid in the period: add some with `accounts add`"),
            Self::Missing(fields) => write!(f, "its terms lack {}", fields.join(", ")),
            Self::NoBill(why) => f.write_str(why),
            Self::MinimumBilled { document } => write!(
                f,
                "{document} has billed the minimum of the period in another currency: cancel that, or let terms without \
                 a minimum be valid from the period's first day"
            ),
            Self::Part(name) => write!(
                f,
                "its period begins where the last one by its earlier cycle or zone ended: run `clicktrail invoice draft \
                 {name}`"
            ),
        }
    }
}
