//! What can be said of one click, or of a pair.

use super::by_time::{QUARTER_MICROS, QUARTERS_MAX};

/// Who has a click.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Both.
    Both,
    /// Only we have it.
    OnlyOurs,
    /// Only the partner has it.
    OnlyTheirs,
}

impl Place {
    /// The word in every form of the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::OnlyOurs => "only_ours",
            Self::OnlyTheirs => "only_theirs",
        }
    }
}

/// Why a click is counted as it is. Each has exactly one; of several the first that is listed here with a difference in
/// money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Both have it, and bill the same.
    Same,
    /// Both bill the same, at times that are further apart than the tolerance: by so many microseconds it is later on
    /// their side.
    OtherTime(i64),
    /// Both bill the same, to another ad.
    OtherAd,
    /// We do not bill it.
    Invalid,
    /// Nobody has judged it yet.
    Unjudged,
    /// It happened outside the range that was asked for, by our log.
    OtherPeriod,
    /// The prices are in two currencies.
    Currency,
    /// The prices differ.
    Price,
    /// We bill it, and the file has it not.
    NotInFile,
    /// The file has it not, and we do not bill it.
    NotInFileInvalid,
    /// The file has it not, and nobody has judged it yet.
    NotInFileUnjudged,
    /// It came, and was rejected: the number of the rejection.
    Rejected(u32),
    /// The file has its id in an earlier line, too: the row of that line.
    Repeated(u32),
    /// Its own time is outside the range that was asked for, and we have it at no time near.
    OutOfRange,
    /// It never reached us.
    NotReceived,
}

impl Reason {
    /// Who has the click.
    pub const fn place(self) -> Place {
        match self {
            Self::Same
            | Self::OtherTime(_)
            | Self::OtherAd
            | Self::Invalid
            | Self::Unjudged
            | Self::OtherPeriod
            | Self::Currency
            | Self::Price => Place::Both,
            Self::NotInFile | Self::NotInFileInvalid | Self::NotInFileUnjudged => Place::OnlyOurs,
            Self::Rejected(_) | Self::Repeated(_) | Self::OutOfRange | Self::NotReceived => Place::OnlyTheirs,
        }
    }

    /// The word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::OtherTime(_) => "other_time",
            Self::OtherAd => "other_ad",
            Self::Invalid => "invalid",
            Self::Unjudged => "not_judged",
            Self::OtherPeriod => "other_period",
            Self::Currency => "currency",
            Self::Price => "price",
            Self::NotInFile => "not_in_file",
            Self::NotInFileInvalid => "not_in_file_invalid",
            Self::NotInFileUnjudged => "not_in_file_not_judged",
            Self::Rejected(_) => "rejected",
            Self::Repeated(_) => "repeated",
            Self::OutOfRange => "out_of_range",
            Self::NotReceived => "not_received",
        }
    }

    /// The sentence for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Same => "both have it at the same price",
            Self::OtherTime(_) => "both have it at the same price, at another time",
            Self::OtherAd => "both have it at the same price, under another ad",
            Self::Invalid => "we have it and do not bill it",
            Self::Unjudged => "we have it, and nobody has judged it yet",
            Self::OtherPeriod => "we have it outside the range that was asked for",
            Self::Currency => "both have it, in two currencies",
            Self::Price => "both have it, at two prices",
            Self::NotInFile => "we bill it, and the file does not have it",
            Self::NotInFileInvalid => "we do not bill it, and the file does not have it",
            Self::NotInFileUnjudged => "nobody has judged it yet, and the file does not have it",
            Self::Rejected(_) => "it came and was rejected",
            Self::Repeated(_) => "the file has the same id in an earlier line",
            Self::OutOfRange => "its time is outside the range that was asked for",
            Self::NotReceived => "it never reached us",
        }
    }

    /// Whether both sides agree about it in everything.
    pub const fn is_agreement(self) -> bool {
        match self {
            Self::Same | Self::NotInFileInvalid => true,
            Self::OtherTime(_)
            | Self::OtherAd
            | Self::Invalid
            | Self::Unjudged
            | Self::OtherPeriod
            | Self::Currency
            | Self::Price
            | Self::NotInFile
            | Self::NotInFileUnjudged
            | Self::Rejected(_)
            | Self::Repeated(_)
            | Self::OutOfRange
            | Self::NotReceived => false,
        }
    }
}

/// An offset as people write it, `+02:00`, if it is one of zones: whole quarters of an hour, within a
/// tolerance.
pub(super) fn offset(micros: i64, tolerance: i64) -> Option<String> {
    let quarters = micros.saturating_add(micros.signum() * QUARTER_MICROS / 2) / QUARTER_MICROS;
    let is_near = (micros - quarters * QUARTER_MICROS).abs() <= tolerance;
    let minutes = quarters.abs() * 15;
    let sign = if quarters < 0 { '-' } else { '+' };
    let is_of_zones = is_near && (1..=QUARTERS_MAX).contains(&quarters.abs());
    is_of_zones.then(|| format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
}
