//! Two bills beside each other, line by line, for people: what changed, by how much, and because of what.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

use std::collections::BTreeMap;

use crate::{
    bill::{Adjustment, AdjustmentKind, Bill, Line, LineKind, TaxLine},
    error::Error,
    money::{BasisPoints, Currency, show_micros},
    terms::TaxCategory,
    usage::Counts,
};

/// What changed between two bills of one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Of all amounts.
    pub currency: Currency,
    /// The rows that are not the same in both: lines, adjustments, taxes.
    pub rows: Vec<Changed>,
    /// Before and after.
    pub subtotal: (i128, i128),
    /// Before and after.
    pub total: (i128, i128),
}

/// A row that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Which row.
    pub row: Row,
    /// Its amount before; `None` if it was not there.
    pub before: Option<i128>,
    /// Its amount after; `None` if it is gone.
    pub after: Option<i128>,
    /// Of a line, by how much its counts changed.
    pub counts: Counts,
}

/// A row of a bill.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// A campaign's line.
    Line {
        /// Which campaign.
        campaign_id: String,
        /// What it counts.
        kind: LineKind,
    },
    /// A campaign's adjustment, or the account's.
    Adjustment {
        /// Whether it is the account's.
        is_of_account: bool,
        /// Which campaign's.
        campaign_id: Option<String>,
        /// Why.
        kind: AdjustmentKind,
        /// Of a discount.
        rate: Option<BasisPoints>,
    },
    /// Taxes.
    Tax {
        /// Which.
        category: TaxCategory,
        /// How much of the base.
        rate: BasisPoints,
    },
}

impl Changed {
    /// What changed, in words: the counts that moved, and the spend. Of an adjustment or a tax nothing: they follow.
    pub fn cause(&self) -> String {
        let moved = self.counts.named().into_iter().filter(|(_, count)| *count != 0);
        let mut causes: Vec<String> = moved.map(|(name, count)| format!("{name} {count:+}")).collect();
        let spend = self.counts.spend_micros;
        if spend != 0 {
            let sign = if spend > 0 { "+" } else { "" };
            causes.push(format!("spend {sign}{}", show_micros(spend)));
        }
        causes.join(", ")
    }
}

/// What two bills do not have in common.
///
/// # Errors
/// [`Error::Contradiction`] for two currencies, [`Error::Overflow`].
pub fn between(before: &Bill, after: &Bill) -> Result<Difference, Error> {
    if before.currency != after.currency {
        let both = format!("a bill in {} beside one in {}", before.currency, after.currency);
        return Err(Error::Contradiction(both));
    }
    let mut rows: BTreeMap<Row, [Option<(i128, Counts)>; 2]> = BTreeMap::new();
    for (side, bill) in [before, after].into_iter().enumerate() {
        let mut put = |row, amount, counts| {
            let sides = rows.entry(row).or_default();
            if let Some(place) = sides.get_mut(side) {
                *place = Some((amount, counts));
            }
        };
        bill.lines.iter().for_each(|line| put(line.row(), line.amount, line.counts));
        bill.adjustments.iter().for_each(|one| put(one.row(), one.amount, Counts::default()));
        bill.tax.iter().for_each(|tax| put(tax.row(), tax.amount, Counts::default()));
    }
    let mut changed = Vec::new();
    for (row, [before, after]) in rows.into_iter().filter(|(_, [before, after])| before != after) {
        let counts = |side: Option<(i128, Counts)>| side.map(|(_, counts)| counts).unwrap_or_default();
        let counts = counts(after).minus(&counts(before))?;
        let amount = |side: Option<(i128, Counts)>| side.map(|(amount, _)| amount);
        changed.push(Changed { row, before: amount(before), after: amount(after), counts });
    }
    Ok(Difference {
        currency: before.currency,
        rows: changed,
        subtotal: (before.subtotal, after.subtotal),
        total: (before.total, after.total),
    })
}

impl Line {
    fn row(&self) -> Row {
        Row::Line { campaign_id: self.campaign_id.clone(), kind: self.kind }
    }
}

impl Adjustment {
    fn row(&self) -> Row {
        Row::Adjustment {
            is_of_account: self.campaign_id.is_none(),
            campaign_id: self.campaign_id.clone(),
            kind: self.kind,
            rate: self.rate,
        }
    }
}

impl TaxLine {
    fn row(&self) -> Row {
        Row::Tax { category: self.category, rate: self.rate }
    }
}

#[cfg(test)]
mod tests;
