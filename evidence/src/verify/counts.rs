//! Clicks, and what the billable ones of them cost.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

use super::{
    document,
    money::Overflow,
    ruling::{Category, Decision},
};

/// Counts of a line, or of an hour. Signed, because notes subtract.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) gross: i64,
    pub(super) givt: i64,
    pub(super) sivt: i64,
    pub(super) duplicate: i64,
    pub(super) policy: i64,
    pub(super) billable: i64,
    pub(super) spend_micros: i128,
}

impl Counts {
    /// Takes in one click, by the verdict that stands. One that nobody ruled about is billable.
    pub(super) fn add_click(&mut self, price: i64, standing: Option<Decision>) -> Result<(), Overflow> {
        let count = match standing {
            None | Some(Decision::Valid) => {
                self.spend_micros = self.spend_micros.checked_add(price.into()).ok_or(Overflow)?;
                &mut self.billable
            }
            Some(Decision::Invalid(Category::Givt)) => &mut self.givt,
            Some(Decision::Invalid(Category::Sivt)) => &mut self.sivt,
            Some(Decision::Invalid(Category::Duplicate)) => &mut self.duplicate,
            Some(Decision::Invalid(Category::Policy)) => &mut self.policy,
        };
        *count = count.checked_add(1).ok_or(Overflow)?;
        self.gross = self.gross.checked_add(1).ok_or(Overflow)?;
        Ok(())
    }

    /// Both together.
    pub(super) fn plus(&self, other: &Self) -> Result<Self, Overflow> {
        self.with(other, i64::checked_add, i128::checked_add)
    }

    /// What is left of it without the other.
    pub(super) fn minus(&self, other: &Self) -> Result<Self, Overflow> {
        self.with(other, i64::checked_sub, i128::checked_sub)
    }

    fn with(
        &self,
        other: &Self,
        count: fn(i64, i64) -> Option<i64>,
        money: fn(i128, i128) -> Option<i128>,
    ) -> Result<Self, Overflow> {
        let all = || {
            Some(Self {
                gross: count(self.gross, other.gross)?,
                givt: count(self.givt, other.givt)?,
                sivt: count(self.sivt, other.sivt)?,
                duplicate: count(self.duplicate, other.duplicate)?,
                policy: count(self.policy, other.policy)?,
                billable: count(self.billable, other.billable)?,
                spend_micros: money(self.spend_micros, other.spend_micros)?,
            })
        };
        all().ok_or(Overflow)
    }

    pub(super) fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// As the hours of a note write them.
    pub(super) fn shown(&self) -> document::Counts {
        document::Counts {
            gross: self.gross.to_string(),
            givt: self.givt.to_string(),
            sivt: self.sivt.to_string(),
            duplicate: self.duplicate.to_string(),
            policy: self.policy.to_string(),
            billable: self.billable.to_string(),
            spend_micros: self.spend_micros.to_string(),
        }
    }

    /// From a line of a document; `None` if a number is not written as numbers are.
    pub(super) fn of_line(line: &document::Line) -> Option<Self> {
        let count = |text: &str| text.parse::<i64>().ok().filter(|count| count.to_string() == text);
        let spend = line.spend_micros.parse::<i128>().ok().filter(|spend| spend.to_string() == line.spend_micros);
        Some(Self {
            gross: count(&line.gross)?,
            givt: count(&line.givt)?,
            sivt: count(&line.sivt)?,
            duplicate: count(&line.duplicate)?,
            policy: count(&line.policy)?,
            billable: count(&line.billable)?,
            spend_micros: spend?,
        })
    }
}
