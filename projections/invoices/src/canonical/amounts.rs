//! Bills, as they are stored: counts and amounts are texts.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::text::{self, owned, some};
use crate::{
    bill::{self, AdjustmentKind, LineKind},
    error::Error,
    money::{self, BasisPoints, Currency},
    terms::TaxCategory,
    usage,
};

/// A bill. The order of the fields is their order in the text: frozen with version 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bill<'t> {
    #[serde(borrow)]
    currency: Cow<'t, str>,
    decimals: u8,
    #[serde(borrow)]
    lines: Vec<Line<'t>>,
    #[serde(borrow)]
    adjustments: Vec<Adjustment<'t>>,
    #[serde(borrow)]
    subtotal: Cow<'t, str>,
    #[serde(borrow)]
    tax: Vec<TaxLine<'t>>,
    #[serde(borrow)]
    total: Cow<'t, str>,
    #[serde(with = "text")]
    rounding_micros: i128,
}

/// A line. `net`, `total_net` and the price follow from the rest: they are there for readers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'t> {
    #[serde(borrow)]
    campaign_id: Cow<'t, str>,
    #[serde(with = "text")]
    kind: LineKind,
    #[serde(with = "text")]
    gross: i64,
    #[serde(with = "text")]
    givt: i64,
    #[serde(with = "text")]
    sivt: i64,
    #[serde(with = "text")]
    duplicate: i64,
    #[serde(with = "text")]
    policy: i64,
    #[serde(with = "text")]
    net: i128,
    #[serde(with = "text")]
    total_net: i128,
    #[serde(with = "text")]
    billable: i64,
    #[serde(with = "text")]
    spend_micros: i128,
    #[serde(borrow)]
    price: Cow<'t, str>,
    price_is_exact: bool,
    #[serde(borrow)]
    amount: Cow<'t, str>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Adjustment<'t> {
    #[serde(with = "text")]
    kind: AdjustmentKind,
    #[serde(borrow)]
    campaign_id: Option<Cow<'t, str>>,
    rate_basis_points: Option<u32>,
    #[serde(borrow)]
    amount: Cow<'t, str>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaxLine<'t> {
    #[serde(with = "text")]
    category: TaxCategory,
    rate_basis_points: u32,
    #[serde(borrow)]
    base: Cow<'t, str>,
    #[serde(borrow)]
    amount: Cow<'t, str>,
    #[serde(borrow)]
    exemption_reason: Option<Cow<'t, str>>,
}

/// Counts. Frozen with version 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counts {
    #[serde(with = "text")]
    gross: i64,
    #[serde(with = "text")]
    givt: i64,
    #[serde(with = "text")]
    sivt: i64,
    #[serde(with = "text")]
    duplicate: i64,
    #[serde(with = "text")]
    policy: i64,
    #[serde(with = "text")]
    billable: i64,
    #[serde(with = "text")]
    spend_micros: i128,
}

impl Counts {
    pub(super) fn of(counts: &usage::Counts) -> Self {
        let usage::Counts { gross, givt, sivt, duplicate, policy, billable, spend_micros } = *counts;
        Self { gross, givt, sivt, duplicate, policy, billable, spend_micros }
    }

    pub(super) fn value(&self) -> usage::Counts {
        let Self { gross, givt, sivt, duplicate, policy, billable, spend_micros } = *self;
        usage::Counts { gross, givt, sivt, duplicate, policy, billable, spend_micros }
    }
}

/// Reads an amount as it is written: with all decimals of the currency.
pub(super) fn amount(name: &str, currency: Currency, text: &str) -> Result<i128, Error> {
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    let amount = digits.parse().ok().filter(|amount| money::show(currency, *amount) == text);
    let decimals = currency.exponent();
    amount.ok_or_else(|| Error::Field(format!("{name}: {text:?} is no amount of {currency} with {decimals} decimals")))
}

impl<'t> Line<'t> {
    fn of(line: &'t bill::Line, currency: Currency) -> Self {
        let usage::Counts { gross, givt, sivt, duplicate, policy, billable, spend_micros } = line.counts;
        // Whatever counts a caller brings, these are right: they have a wider type.
        let net = i128::from(gross) - i128::from(givt) - i128::from(duplicate);
        Self {
            campaign_id: Cow::from(&line.campaign_id),
            kind: line.kind,
            gross,
            givt,
            sivt,
            duplicate,
            policy,
            net,
            total_net: net - i128::from(sivt) - i128::from(policy),
            billable,
            spend_micros,
            price: Cow::from(line.price.to_string()),
            price_is_exact: line.price.is_exact,
            amount: Cow::from(money::show(currency, line.amount)),
        }
    }

    /// Price, net and total net follow; the text that is written again shows whether they were these.
    fn value(self, currency: Currency) -> Result<bill::Line, Error> {
        let amount = amount("amount", currency, &self.amount)?;
        let Self { gross, givt, sivt, duplicate, policy, billable, spend_micros, .. } = self;
        let counts = usage::Counts { gross, givt, sivt, duplicate, policy, billable, spend_micros };
        let price = bill::Price::of(&counts)?;
        Ok(bill::Line { campaign_id: self.campaign_id.into_owned(), kind: self.kind, counts, price, amount })
    }
}

impl<'t> Adjustment<'t> {
    fn of(adjustment: &'t bill::Adjustment, currency: Currency) -> Self {
        Self {
            kind: adjustment.kind,
            campaign_id: some(&adjustment.campaign_id),
            rate_basis_points: adjustment.rate.map(BasisPoints::points),
            amount: Cow::from(money::show(currency, adjustment.amount)),
        }
    }

    fn value(self, currency: Currency) -> Result<bill::Adjustment, Error> {
        Ok(bill::Adjustment {
            kind: self.kind,
            campaign_id: owned(self.campaign_id),
            rate: self.rate_basis_points.map(BasisPoints::new).transpose()?,
            amount: amount("amount", currency, &self.amount)?,
        })
    }
}

impl<'t> TaxLine<'t> {
    fn of(tax: &'t bill::TaxLine, currency: Currency) -> Self {
        Self {
            category: tax.category,
            rate_basis_points: tax.rate.points(),
            base: Cow::from(money::show(currency, tax.base)),
            amount: Cow::from(money::show(currency, tax.amount)),
            exemption_reason: some(&tax.exemption_reason),
        }
    }

    fn value(self, currency: Currency) -> Result<bill::TaxLine, Error> {
        Ok(bill::TaxLine {
            category: self.category,
            rate: BasisPoints::new(self.rate_basis_points)?,
            base: amount("base", currency, &self.base)?,
            amount: amount("amount", currency, &self.amount)?,
            exemption_reason: owned(self.exemption_reason),
        })
    }
}

impl<'t> Bill<'t> {
    pub(super) fn of(bill: &'t bill::Bill) -> Self {
        let currency = bill.currency;
        Self {
            currency: Cow::from(currency.code().to_owned()),
            decimals: currency.exponent(),
            lines: bill.lines.iter().map(|line| Line::of(line, currency)).collect(),
            adjustments: bill.adjustments.iter().map(|adjustment| Adjustment::of(adjustment, currency)).collect(),
            subtotal: Cow::from(money::show(currency, bill.subtotal)),
            tax: bill.tax.iter().map(|tax| TaxLine::of(tax, currency)).collect(),
            total: Cow::from(money::show(currency, bill.total)),
            rounding_micros: bill.rounding_micros,
        }
    }

    pub(super) fn value(self) -> Result<bill::Bill, Error> {
        let currency = Currency::pinned(&self.currency, self.decimals)?;
        let adjustments = self.adjustments.into_iter().map(|adjustment| adjustment.value(currency));
        Ok(bill::Bill {
            currency,
            lines: self.lines.into_iter().map(|line| line.value(currency)).collect::<Result<_, _>>()?,
            adjustments: adjustments.collect::<Result<_, _>>()?,
            subtotal: amount("subtotal", currency, &self.subtotal)?,
            tax: self.tax.into_iter().map(|tax| tax.value(currency)).collect::<Result<_, _>>()?,
            total: amount("total", currency, &self.total)?,
            rounding_micros: self.rounding_micros,
        })
    }
}
