//! What a bill is made of.

use std::fmt;

use crate::{
    error::Error,
    money::{self, BasisPoints, Currency},
    terms::TaxCategory,
    usage::Counts,
    words::words,
};

/// What is owed for a period in one currency, or by how much that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// Of every amount here.
    pub currency: Currency,
    /// By campaign and kind, each once, in the order of their bytes.
    pub lines: Vec<Line>,
    /// What changes the sum of the lines: of campaigns first, in their order, then of the account.
    pub adjustments: Vec<Adjustment>,
    /// Lines and adjustments together (EN 16931: BT-109).
    pub subtotal: i128,
    /// By category and rate.
    pub tax: Vec<TaxLine>,
    /// Subtotal and taxes together (BT-112).
    pub total: i128,
    /// What rounding the lines added, in millionths: the sum of the rounded lines without that of the exact ones.
    pub rounding_micros: i128,
}

/// One line: a campaign's clicks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which campaign. Events may give it any text.
    pub campaign_id: String,
    /// What is counted.
    pub kind: LineKind,
    /// How many.
    pub counts: Counts,
    /// What a billable click cost on average.
    pub price: Price,
    /// The spend, rounded to minor units (BT-131).
    pub amount: i128,
}

words! {
    /// What a line counts.
    pub enum LineKind("kind of line") {
        /// Clicks.
        Clicks = "clicks",
    }
}

/// An average price: for people. What is owed is the sum of the clicks' own prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Millionths of the currency, rounded half away from zero; zero where there is nothing billable.
    pub micros: i128,
    /// Whether times the billable clicks it gives the spend.
    pub is_exact: bool,
}

impl Price {
    /// Spend by billable clicks.
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn of(counts: &Counts) -> Result<Self, Error> {
        let overflow = || Error::overflow("a price");
        let billable = i128::from(counts.billable);
        let spend = match billable < 0 {
            true => counts.spend_micros.checked_neg().ok_or_else(overflow)?,
            false => counts.spend_micros,
        };
        let clicks = billable.checked_abs().ok_or_else(overflow)?;
        if clicks == 0 {
            return Ok(Self { micros: 0, is_exact: spend == 0 });
        }
        let micros = money::divide(spend, clicks);
        Ok(Self { micros, is_exact: micros.checked_mul(clicks) == Some(spend) })
    }
}

impl fmt::Display for Price {
    /// With six decimals: `0.250000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&money::show_micros(self.micros))
    }
}

words! {
    /// Why an amount is not the sum of lines, in the order in which it is applied.
    pub enum AdjustmentKind("kind of adjustment") {
        /// A budget was used up: what is above it is not owed.
        Cap = "cap",
        /// A share that is not owed.
        Discount = "discount",
        /// What is owed at least.
        Minimum = "minimum",
    }
}

/// A change of the sum of the lines that the terms bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// Why.
    pub kind: AdjustmentKind,
    /// Of which campaign; `None`: of the account.
    pub campaign_id: Option<String>,
    /// Of a discount, its rate.
    pub rate: Option<BasisPoints>,
    /// What it adds. Of a whole bill's caps and discounts less than zero, of its minimums more.
    pub amount: i128,
}

/// The taxes of one category and rate (BG-23).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxLine {
    /// Which kind of tax (BT-118).
    pub category: TaxCategory,
    /// How much of the base (BT-119).
    pub rate: BasisPoints,
    /// What is taxed (BT-116).
    pub base: i128,
    /// The tax (BT-117).
    pub amount: i128,
    /// Why there is none (BT-120).
    pub exemption_reason: Option<String>,
}

impl Bill {
    /// Whether there is nothing in it: no line, no adjustment, no money.
    pub fn is_nothing(&self) -> bool {
        let is_untaxed = self.tax.iter().all(|tax| tax.base == 0 && tax.amount == 0);
        self.lines.is_empty() && self.adjustments.is_empty() && is_untaxed && self.subtotal == 0 && self.total == 0
    }

    /// Whether it moves any money: a line may change its counts alone, as from one category of invalid traffic to
    /// another.
    pub fn moves_money(&self) -> bool {
        let lines = self.lines.iter().any(|line| line.amount != 0 || line.counts.spend_micros != 0);
        let taxes = self.tax.iter().any(|tax| tax.base != 0 || tax.amount != 0);
        lines || !self.adjustments.is_empty() || taxes || self.total != 0
    }

    /// The sum of the lines (EN 16931: BT-106).
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn sum_of_lines(&self) -> Result<i128, Error> {
        sum(self.lines.iter().map(|line| line.amount), "the sum of the lines")
    }

    /// The taxes together (BT-110).
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn sum_of_taxes(&self) -> Result<i128, Error> {
        sum(self.tax.iter().map(|tax| tax.amount), "the sum of the taxes")
    }
}

/// Amounts added up; an overflow is one of `what`.
pub(super) fn sum(amounts: impl IntoIterator<Item = i128>, what: &str) -> Result<i128, Error> {
    amounts.into_iter().try_fold(0, |sum, amount| plus(sum, amount, what))
}

/// Two amounts added up.
pub(super) fn plus(one: i128, other: i128, what: &str) -> Result<i128, Error> {
    one.checked_add(other).ok_or_else(|| Error::overflow(what))
}

/// An amount without another.
pub(super) fn less(one: i128, other: i128, what: &str) -> Result<i128, Error> {
    one.checked_sub(other).ok_or_else(|| Error::overflow(what))
}
