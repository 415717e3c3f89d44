//! What may be odd about a bill, and from when on: the limits are a person's.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

use std::fmt;

use clicktrail_replay::gates::Permille;

use super::figures::Figures;
use crate::drafting::outcome::{Unbilled, many};

/// From when on something is odd; `None`: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The total against that of the last period.
    pub change: Option<Permille>,
    /// The average price against that of the last period.
    pub price: Option<Permille>,
    /// The share of clicks that are not paid for.
    pub invalid_share: Option<Permille>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { change: Some(Permille(500)), price: Some(Permille(200)), invalid_share: Some(Permille(300)) }
    }
}

/// The gates that a person may accept for a draft, by their words.
pub const ACCEPTED: [&str; 9] = [
    "change",
    "price",
    "invalid_share",
    "zero_total",
    "negative_total",
    "unbilled",
    "stale_hours",
    "outdated",
    "correction_open",
];

/// Something that a careful person wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Odd {
    /// The account had no invoice for the last period.
    First,
    /// The total changed by more than the limit.
    Change {
        /// By how much, in thousandths; `None`: from nothing.
        permille: Option<i64>,
    },
    /// The average price changed by more than the limit.
    Price {
        /// By how much, in thousandths.
        permille: i64,
    },
    /// More clicks than the limit are not paid for.
    InvalidShare {
        /// In thousandths of all.
        permille: u32,
    },
    /// There is nothing to pay.
    Zero,
    /// The customer would be owed.
    Negative,
    /// Prices of ads were changed inside the period.
    PriceChanged {
        /// Of so many ads.
        ads: u64,
    },
    /// The customer contests it.
    Dispute {
        /// The dispute's number.
        number: i64,
        /// What is contested.
        reason: String,
    },
    /// Somebody had clicks and has no draft in their currency.
    NoInvoice {
        /// Who.
        advertiser_id: String,
        /// In which currency.
        currency: String,
        /// In the period of this zone.
        zone: String,
        /// How many.
        clicks: i64,
    },
    /// Somebody had clicks in the period before, of which there is no document and no draft.
    Unbilled(Unbilled),
    /// Hours have verdicts that their numbers do not know.
    StaleHours {
        /// Of this zone's period.
        zone: String,
        /// How many.
        hours: u64,
    },
    /// Hours were counted again, with other verdicts or code.
    CountedAgain {
        /// Of this zone's period.
        zone: String,
        /// How many.
        hours: u64,
    },
    /// What counts now is not what was drafted.
    Outdated {
        /// Of this zone's period.
        zone: String,
        /// Hours that count otherwise, or came since.
        hours: u64,
    },
    /// A correction of facts is under way.
    Correction {
        /// Its id.
        id: String,
        /// Why it was opened.
        reason: String,
    },
}

impl Odd {
    /// The word for people and programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Change { .. } => "change",
            Self::Price { .. } => "price",
            Self::InvalidShare { .. } => "invalid_share",
            Self::Zero => "zero_total",
            Self::Negative => "negative_total",
            Self::PriceChanged { .. } => "price_changed",
            Self::Dispute { .. } => "dispute_open",
            Self::NoInvoice { .. } => "no_invoice",
            Self::Unbilled(_) => "unbilled",
            Self::StaleHours { .. } => "stale_hours",
            Self::CountedAgain { .. } => "counted_again",
            Self::Outdated { .. } => "outdated",
            Self::Correction { .. } => "correction_open",
        }
    }

    /// Whether it keeps a period from passing without a reason.
    pub const fn is_gate(&self) -> bool {
        match self {
            Self::First | Self::PriceChanged { .. } | Self::CountedAgain { .. } => false,
            Self::Change { .. }
            | Self::Price { .. }
            | Self::InvalidShare { .. }
            | Self::Zero
            | Self::Negative
            | Self::Dispute { .. }
            | Self::NoInvoice { .. }
            | Self::Unbilled(_)
            | Self::StaleHours { .. }
            | Self::Outdated { .. }
            | Self::Correction { .. } => true,
        }
    }

    /// Whether what is odd about a period keeps a draft of this zone from being approved. What is odd about an account
    /// does so of its own draft.
    pub(super) fn marks(&self, zone_of_draft: &str) -> bool {
        match self {
            Self::StaleHours { zone, .. } | Self::Outdated { zone, .. } => zone == zone_of_draft,
            Self::Correction { .. } => true,
            // It is about somebody else.
            Self::NoInvoice { .. } | Self::Unbilled(_) => false,
            Self::First
            | Self::Change { .. }
            | Self::Price { .. }
            | Self::InvalidShare { .. }
            | Self::Zero
            | Self::Negative
            | Self::PriceChanged { .. }
            | Self::Dispute { .. }
            | Self::CountedAgain { .. } => false,
        }
    }

    /// Whether a person may approve a draft in spite of it. What a customer contests ends with the dispute.
    pub const fn may_be_accepted(&self) -> bool {
        !matches!(self, Self::Dispute { .. })
    }
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("nothing was billed for the last period"),
            Self::Change { permille: None } => f.write_str("the last period came to nothing"),
            Self::Change { permille: Some(permille) } => {
                write!(f, "the total changed by {}", percent(*permille))
            }
            Self::Price { permille } => write!(f, "the average price changed by {}", percent(*permille)),
            Self::InvalidShare { permille } => write!(f, "{} of the clicks are invalid", Permille(*permille)),
            Self::Zero => f.write_str("there is nothing to pay"),
            Self::Negative => f.write_str("the total is less than zero"),
            Self::PriceChanged { ads } => write!(f, "prices changed inside the period, of {}", many(*ads, "ad")),
            Self::Dispute { number, reason } => write!(f, "dispute {number} is open: {reason}"),
            Self::NoInvoice { advertiser_id, currency, zone, clicks } => {
                let clicks = many(*clicks, "click");
                write!(f, "{advertiser_id:?} had {clicks} in {currency} in the period of {zone}, and no draft of that")
            }
            Self::Unbilled(unbilled) => unbilled.fmt(f),
            Self::StaleHours { zone, hours } => {
                write!(f, "{} of the period of {zone} with verdicts that the numbers do not know", hour(*hours))
            }
            Self::CountedAgain { zone, hours } => {
                write!(f, "{} of the period of {zone} counted again, with other verdicts or code", hour(*hours))
            }
            Self::Outdated { zone, hours } => {
                write!(f, "{} of the period of {zone} not as when it was drafted: draft it again", hour(*hours))
            }
            Self::Correction { id, reason } => write!(f, "correction {id} is under way: {reason}"),
        }
    }
}

fn hour(hours: u64) -> String {
    many(hours, "hour")
}

/// A change in thousandths, with its sign.
pub fn percent(permille: i64) -> String {
    let sign = if permille < 0 { "-" } else { "+" };
    let digits = u32::try_from(permille.unsigned_abs()).unwrap_or(u32::MAX);
    format!("{sign}{}", Permille(digits))
}

/// By how much a number changed, in thousandths of what it was; `None` from nothing.
pub fn change(before: i128, after: i128) -> Option<i64> {
    let difference = after.checked_sub(before)?.checked_mul(1_000)?;
    let change = difference.checked_div(before.checked_abs()?)?;
    Some(i64::try_from(change).unwrap_or(if change < 0 { i64::MIN } else { i64::MAX }))
}

/// Whether a change is beyond a limit, to the last digit.
fn exceeds(before: i128, after: i128, limit: Option<Permille>) -> bool {
    let Some(limit) = limit else { return false };
    let change = after.checked_sub(before).and_then(|change| change.unsigned_abs().checked_mul(1_000));
    let allowed = before.unsigned_abs().checked_mul(limit.0.into());
    // Sums of that size are no bill.
    change.zip(allowed).is_none_or(|(change, allowed)| change > allowed)
}

impl Limits {
    /// What is odd about an account's numbers.
    pub(super) fn of_account(&self, now: &Figures, before: Option<&Figures>) -> Vec<Odd> {
        let mut odd = Vec::new();
        match before {
            None => odd.push(Odd::First),
            Some(before) => {
                if exceeds(before.total_minor, now.total_minor, self.change) {
                    odd.push(Odd::Change { permille: change(before.total_minor, now.total_minor) });
                }
                if let Some((price, other)) = before.price_micros().zip(now.price_micros())
                    && exceeds(price, other, self.price)
                {
                    odd.push(Odd::Price { permille: change(price, other).unwrap_or(i64::MAX) });
                }
            }
        }
        let permille = now.invalid_permille();
        let is_much = self.invalid_share.is_some_and(|limit| permille > limit.0);
        odd.extend(is_much.then_some(Odd::InvalidShare { permille }));
        match now.total_minor {
            0 => odd.push(Odd::Zero),
            ..0 => odd.push(Odd::Negative),
            1.. => {}
        }
        odd
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(clicks: i64, billable: i64, spend_micros: i128, total_minor: i128) -> Figures {
        Figures { clicks, billable, spend_micros, total_minor }
    }

    #[test]
    fn what_is_beyond_a_limit_is_named_with_its_size() {
        let limits = Limits::default();
        let check = |now: Figures, before: Option<Figures>, expected: &[&str]| {
            let found: Vec<String> = limits.of_account(&now, before.as_ref()).iter().map(Odd::to_string).collect();
            assert_eq!(found, expected, "{now:?} after {before:?}");
        };
        let usual = figures(100, 90, 90_000_000, 9_000);
        check(usual, Some(usual), &[]);
        check(usual, None, &["nothing was billed for the last period"]);
        check(figures(150, 135, 135_000_000, 13_500), Some(usual), &[]);
        check(figures(151, 136, 136_000_000, 13_501), Some(usual), &["the total changed by +50%"]);
        check(figures(100, 90, 72_000_000, 4_499), Some(usual), &["the total changed by -50%"]);
        check(figures(100, 90, 71_000_000, 7_100), Some(usual), &["the average price changed by -21.1%"]);
        check(figures(1_000, 699, 699_000_000, 9_000), Some(usual), &["30.1% of the clicks are invalid"]);
        check(
            figures(10, 0, 0, 0),
            Some(figures(10, 9, 0, 0)),
            &["100% of the clicks are invalid", "there is nothing to pay"],
        );
        check(usual, Some(figures(0, 0, 0, 0)), &["the last period came to nothing"]);
        check(figures(1, 1, 1, -1), Some(figures(1, 1, 1, -1)), &["the total is less than zero"]);
    }

    #[test]
    fn without_limits_only_what_is_odd_in_itself_is_said() {
        let limits = Limits { change: None, price: None, invalid_share: None };
        let (before, now) = (figures(10, 9, 9, 9), figures(1_000, 1, 1_000_000, 100_000));
        assert_eq!(limits.of_account(&now, Some(&before)), vec![]);
        assert_eq!(limits.of_account(&figures(9, 0, 0, 0), Some(&before)), vec![Odd::Zero]);
    }
}
