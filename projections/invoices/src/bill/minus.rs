//! The difference of a bill and what was issued: a note.

use std::collections::BTreeMap;

use super::parts::{Adjustment, AdjustmentKind, Bill, Line, LineKind, Price, TaxLine, less};
use crate::{error::Error, money::BasisPoints, terms::TaxCategory, usage::Counts};

impl Line {
    /// What makes it one line of a bill.
    pub(crate) fn key(&self) -> (&str, LineKind) {
        (&self.campaign_id, self.kind)
    }
}

/// Campaigns first, in their order; the account behind them.
type AdjustmentKey<'b> = (bool, Option<&'b str>, AdjustmentKind, Option<BasisPoints>);

impl Adjustment {
    pub(crate) fn key(&self) -> AdjustmentKey<'_> {
        (self.campaign_id.is_none(), self.campaign_id.as_deref(), self.kind, self.rate)
    }
}

type TaxKey<'b> = (TaxCategory, BasisPoints, Option<&'b str>);

impl TaxLine {
    pub(crate) fn key(&self) -> TaxKey<'_> {
        (self.category, self.rate, self.exemption_reason.as_deref())
    }
}

impl Bill {
    /// What has to be billed yet so that all that was issued is this: the bill of a note, where `self` is the bill of
    /// the correct whole under the original's terms and `issued` the original's bill and those of its notes.
    ///
    /// It is taken line by line, by (campaign, kind); adjustments by (kind, campaign, rate); taxes by (category, rate,
    /// reason). What only was issued is taken back. So every line, adjustment, tax and sum of all bills together is
    /// exactly that of `self` (I10), and nothing is rounded: a note's tax is the difference of two taxes, and may be
    /// one minor unit off what its rate gives of the difference of the bases.
    ///
    /// Lines without any count and amount, and adjustments of zero, are left out. Tax lines stay, also of zero.
    ///
    /// # Errors
    /// [`Error::Contradiction`] for another currency, [`Error::Overflow`].
    pub fn minus(&self, issued: &[Self]) -> Result<Self, Error> {
        let mut lines: BTreeMap<(&str, LineKind), (Counts, i128)> = BTreeMap::new();
        let mut adjustments: BTreeMap<AdjustmentKey<'_>, i128> = BTreeMap::new();
        let mut taxes: BTreeMap<TaxKey<'_>, (i128, i128)> = BTreeMap::new();
        let mut rest = self.sums();
        for line in &self.lines {
            lines.insert(line.key(), (line.counts, line.amount));
        }
        for adjustment in &self.adjustments {
            adjustments.insert(adjustment.key(), adjustment.amount);
        }
        for tax in &self.tax {
            taxes.insert(tax.key(), (tax.base, tax.amount));
        }
        for bill in issued {
            if bill.currency != self.currency {
                let both = format!("a note in {} cannot correct a bill in {}", self.currency, bill.currency);
                return Err(Error::Contradiction(both));
            }
            for line in &bill.lines {
                let (counts, amount) = lines.entry(line.key()).or_default();
                *counts = counts.minus(&line.counts)?;
                *amount = less(*amount, line.amount, "a line")?;
            }
            for adjustment in &bill.adjustments {
                let amount = adjustments.entry(adjustment.key()).or_default();
                *amount = less(*amount, adjustment.amount, "an adjustment")?;
            }
            for tax in &bill.tax {
                let (base, amount) = taxes.entry(tax.key()).or_default();
                *base = less(*base, tax.base, "a tax base")?;
                *amount = less(*amount, tax.amount, "a tax")?;
            }
            rest.subtotal = less(rest.subtotal, bill.subtotal, "the subtotal")?;
            rest.total = less(rest.total, bill.total, "the total")?;
            rest.rounding_micros = less(rest.rounding_micros, bill.rounding_micros, "the rounding")?;
        }
        rest.lines = lines_of(lines)?;
        rest.adjustments = adjustments_of(adjustments);
        rest.tax = taxes_of(taxes);
        rest.check()?;
        Ok(rest)
    }

    /// This bill with those that follow it: what an invoice and its notes come to.
    ///
    /// # Errors
    /// As [`Bill::minus`].
    pub fn with(&self, notes: &[Self]) -> Result<Self, Error> {
        let zero = self.minus(std::slice::from_ref(self))?;
        let negative = notes.iter().map(|note| zero.minus(std::slice::from_ref(note)));
        self.minus(&negative.collect::<Result<Vec<_>, _>>()?)
    }

    fn sums(&self) -> Self {
        Self {
            currency: self.currency,
            lines: Vec::new(),
            adjustments: Vec::new(),
            subtotal: self.subtotal,
            tax: Vec::new(),
            total: self.total,
            rounding_micros: self.rounding_micros,
        }
    }
}

fn lines_of(lines: BTreeMap<(&str, LineKind), (Counts, i128)>) -> Result<Vec<Line>, Error> {
    let moved = lines.into_iter().filter(|(_, (counts, amount))| !counts.is_zero() || *amount != 0);
    let line = |((campaign, kind), (counts, amount)): ((&str, _), (Counts, i128))| {
        Ok(Line { campaign_id: campaign.to_owned(), kind, counts, price: Price::of(&counts)?, amount })
    };
    moved.map(line).collect()
}

fn adjustments_of(adjustments: BTreeMap<AdjustmentKey<'_>, i128>) -> Vec<Adjustment> {
    let moved = adjustments.into_iter().filter(|(_, amount)| *amount != 0);
    let adjustment = |((_, campaign, kind, rate), amount): (AdjustmentKey<'_>, _)| Adjustment {
        kind,
        campaign_id: campaign.map(str::to_owned),
        rate,
        amount,
    };
    moved.map(adjustment).collect()
}

fn taxes_of(taxes: BTreeMap<TaxKey<'_>, (i128, i128)>) -> Vec<TaxLine> {
    let tax = |((category, rate, reason), (base, amount)): (TaxKey<'_>, _)| TaxLine {
        category,
        rate,
        base,
        amount,
        exemption_reason: reason.map(str::to_owned),
    };
    taxes.into_iter().map(tax).collect()
}
