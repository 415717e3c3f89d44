//! Step 8: what usage costs under terms, computed again from `docs/invoices.md`: lines, caps, discounts, minimums, tax,
//! total; and what a note says, which is the correct whole less everything that was issued.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

use std::collections::{BTreeMap, BTreeSet};

use super::{
    counts::Counts,
    document::{self, Terms},
    money::{Overflow, divide, less, micros_per_minor, parse, plus, share, show},
};

/// What is counted; there is one kind of line.
const CLICKS: &str = "clicks";
/// Kinds of adjustments, in the order in which they are applied.
const KINDS: [&str; 3] = ["cap", "discount", "minimum"];
/// Categories of taxes, in the order of documents.
const CATEGORIES: [&str; 7] = ["S", "Z", "E", "AE", "K", "G", "O"];

/// Whether it is the account's, the campaign, the kind, the rate of a discount.
type AdjustmentKey = (bool, Option<String>, usize, Option<u32>);
/// Category, rate, reason.
type TaxKey = (usize, u32, Option<String>);

/// A bill in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bill {
    currency: String,
    decimals: u8,
    pub(super) lines: BTreeMap<String, (Counts, i128)>,
    adjustments: BTreeMap<AdjustmentKey, i128>,
    tax: BTreeMap<TaxKey, (i128, i128)>,
    subtotal: i128,
    pub(super) total: i128,
    rounding_micros: i128,
}

/// Why there is no bill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Overflow(#[from] Overflow),
    #[error("{0}")]
    Unfit(&'static str),
}

/// What was agreed on a campaign, or the account.
#[derive(Debug, Clone, Copy, Default)]
struct Agreed {
    cap: Option<i128>,
    discount: Option<u32>,
    minimum: Option<i128>,
}

fn agreed(terms: &Terms) -> Option<BTreeMap<Option<&str>, Agreed>> {
    let mut by_campaign: BTreeMap<Option<&str>, Agreed> = BTreeMap::new();
    for cap in &terms.caps {
        by_campaign.entry(cap.campaign.as_deref()).or_default().cap = Some(parse(&cap.amount, terms.decimals)?);
    }
    for discount in &terms.discounts {
        by_campaign.entry(discount.campaign.as_deref()).or_default().discount = Some(discount.rate_basis_points);
    }
    for minimum in &terms.minimums {
        let amount = parse(&minimum.amount, terms.decimals)?;
        by_campaign.entry(minimum.campaign.as_deref()).or_default().minimum = Some(amount);
    }
    Some(by_campaign)
}

impl Bill {
    /// Nothing, in a currency.
    fn empty(currency: &str, decimals: u8) -> Self {
        Self {
            currency: currency.to_owned(),
            decimals,
            lines: BTreeMap::new(),
            adjustments: BTreeMap::new(),
            tax: BTreeMap::new(),
            subtotal: 0,
            total: 0,
            rounding_micros: 0,
        }
    }

    /// The bill of a whole period's usage.
    pub(super) fn of(
        usage: &BTreeMap<String, Counts>,
        terms: &Terms,
        currency: &str,
        decimals: u8,
    ) -> Result<Self, Error> {
        let has_amounts = !terms.caps.is_empty() || !terms.minimums.is_empty();
        if has_amounts && (terms.currency != currency || terms.decimals != decimals) {
            return Err(Error::Unfit("caps and minimums of the terms are in another currency"));
        }
        let agreed = agreed(terms).ok_or(Error::Unfit("an amount of the terms is none"))?;
        let mut bill = Self::empty(currency, decimals);
        let unit = micros_per_minor(decimals);
        for (campaign, counts) in usage.iter().filter(|(_, counts)| !counts.is_zero()) {
            let amount = divide(counts.spend_micros, unit)?;
            let rounded = less(amount.checked_mul(unit).ok_or(Overflow)?, counts.spend_micros)?;
            bill.rounding_micros = plus(bill.rounding_micros, rounded)?;
            bill.lines.insert(campaign.clone(), (*counts, amount));
        }
        let campaigns: BTreeSet<&str> =
            bill.lines.keys().map(String::as_str).chain(agreed.keys().copied().flatten()).collect();
        let mut subtotal = 0;
        for campaign in campaigns {
            let amount = bill.lines.get(campaign).map_or(0, |(_, amount)| *amount);
            let rules = agreed.get(&Some(campaign)).copied().unwrap_or_default();
            subtotal = plus(subtotal, adjust(amount, Some(campaign), &rules, &mut bill.adjustments)?)?;
        }
        let rules = agreed.get(&None).copied().unwrap_or_default();
        bill.subtotal = adjust(subtotal, None, &rules, &mut bill.adjustments)?;
        let category = CATEGORIES.iter().position(|known| *known == terms.tax.category);
        let category = category.ok_or(Error::Unfit("the category of its tax is not known"))?;
        let tax = share(bill.subtotal, terms.tax.rate_basis_points)?;
        let key = (category, terms.tax.rate_basis_points, terms.tax.exemption_reason.clone());
        bill.tax.insert(key, (bill.subtotal, tax));
        bill.total = plus(bill.subtotal, tax)?;
        Ok(bill)
    }

    /// What a document writes, in numbers; `None` if something of it is not written as it must be, or is there twice.
    pub(super) fn read(text: &document::Bill) -> Option<Self> {
        let amount = |amount: &str| parse(amount, text.decimals);
        let mut bill = Self::empty(&text.currency, text.decimals);
        for line in &text.lines {
            let counts = (Counts::of_line(line)?, amount(&line.amount)?);
            let is_new = bill.lines.insert(line.campaign_id.clone(), counts).is_none();
            (is_new && line.kind == CLICKS).then_some(())?;
        }
        for adjustment in &text.adjustments {
            let kind = KINDS.iter().position(|kind| *kind == adjustment.kind)?;
            let campaign = adjustment.campaign_id.clone();
            let key = (campaign.is_none(), campaign, kind, adjustment.rate_basis_points);
            bill.adjustments.insert(key, amount(&adjustment.amount)?).is_none().then_some(())?;
        }
        for tax in &text.tax {
            let category = CATEGORIES.iter().position(|known| *known == tax.category)?;
            let key = (category, tax.rate_basis_points, tax.exemption_reason.clone());
            bill.tax.insert(key, (amount(&tax.base)?, amount(&tax.amount)?)).is_none().then_some(())?;
        }
        (bill.subtotal, bill.total) = (amount(&text.subtotal)?, amount(&text.total)?);
        bill.rounding_micros = parse(&text.rounding_micros, 0)?;
        Some(bill)
    }

    /// The line of a campaign as a document writes it; `None` if there is none.
    pub(super) fn line_shown(&self, campaign: &str) -> Result<Option<document::Line>, Overflow> {
        let Some((counts, money)) = self.lines.get(campaign) else { return Ok(None) };
        line(campaign, counts, show(*money, self.decimals)).map(Some)
    }

    /// As a document writes it.
    pub(super) fn shown(&self) -> Result<document::Bill, Overflow> {
        let amount = |amount: i128| show(amount, self.decimals);
        let mut lines = Vec::with_capacity(self.lines.len());
        for (campaign, (counts, money)) in &self.lines {
            lines.push(line(campaign, counts, amount(*money))?);
        }
        let adjustment = |((_, campaign, kind, rate), money): (&AdjustmentKey, &i128)| document::Adjustment {
            kind: KINDS[*kind].to_owned(),
            campaign_id: campaign.clone(),
            rate_basis_points: *rate,
            amount: amount(*money),
        };
        let tax = |((category, rate, reason), (base, money)): (&TaxKey, &(i128, i128))| document::TaxLine {
            category: CATEGORIES[*category].to_owned(),
            rate_basis_points: *rate,
            base: amount(*base),
            amount: amount(*money),
            exemption_reason: reason.clone(),
        };
        Ok(document::Bill {
            currency: self.currency.clone(),
            decimals: self.decimals,
            lines,
            adjustments: self.adjustments.iter().map(adjustment).collect(),
            subtotal: amount(self.subtotal),
            tax: self.tax.iter().map(tax).collect(),
            total: amount(self.total),
            rounding_micros: self.rounding_micros.to_string(),
        })
    }

    /// What is left of it without others: the bill of a note.
    pub(super) fn minus(&self, issued: &[Self]) -> Result<Self, Overflow> {
        let mut rest = self.clone();
        for bill in issued {
            for (campaign, (counts, amount)) in &bill.lines {
                let line = rest.lines.entry(campaign.clone()).or_default();
                *line = (line.0.minus(counts)?, less(line.1, *amount)?);
            }
            for (key, amount) in &bill.adjustments {
                let adjustment = rest.adjustments.entry(key.clone()).or_default();
                *adjustment = less(*adjustment, *amount)?;
            }
            for (key, (base, amount)) in &bill.tax {
                let tax = rest.tax.entry(key.clone()).or_default();
                *tax = (less(tax.0, *base)?, less(tax.1, *amount)?);
            }
            rest.subtotal = less(rest.subtotal, bill.subtotal)?;
            rest.total = less(rest.total, bill.total)?;
            rest.rounding_micros = less(rest.rounding_micros, bill.rounding_micros)?;
        }
        rest.lines.retain(|_, (counts, amount)| !counts.is_zero() || *amount != 0);
        rest.adjustments.retain(|_, amount| *amount != 0);
        Ok(rest)
    }

    /// Whether its own sums are right: what is wrong, if not.
    pub(super) fn check_sums(&self) -> Result<Option<&'static str>, Overflow> {
        let sum = |amounts: &[i128]| amounts.iter().try_fold(0, |sum, amount| plus(sum, *amount));
        let lines = sum(&self.lines.values().map(|(_, amount)| *amount).collect::<Vec<_>>())?;
        let adjustments = sum(&self.adjustments.values().copied().collect::<Vec<_>>())?;
        let bases = sum(&self.tax.values().map(|(base, _)| *base).collect::<Vec<_>>())?;
        let taxes = sum(&self.tax.values().map(|(_, amount)| *amount).collect::<Vec<_>>())?;
        Ok(if plus(lines, adjustments)? != self.subtotal {
            Some("lines and adjustments are not the subtotal")
        } else if bases != self.subtotal {
            Some("the bases of taxes are not the subtotal")
        } else if plus(self.subtotal, taxes)? != self.total {
            Some("subtotal and taxes are not the total")
        } else {
            None
        })
    }

    /// The total as documents show it, with the currency.
    pub(super) fn total_shown(&self) -> String {
        format!("{} {}", show(self.total, self.decimals), self.currency)
    }
}

fn line(campaign: &str, counts: &Counts, amount: String) -> Result<document::Line, Overflow> {
    let Counts { gross, givt, sivt, duplicate, policy, billable, spend_micros } = *counts;
    let without = |from: i128, counts: [i64; 2]| counts.into_iter().try_fold(from, |rest, one| less(rest, one.into()));
    let net = without(gross.into(), [givt, duplicate])?;
    let total_net = without(net, [sivt, policy])?;
    // Of a note both may be below zero; a price is what they are to each other.
    let clicks = i128::from(billable).abs();
    let spend = if billable < 0 { spend_micros.checked_neg().ok_or(Overflow)? } else { spend_micros };
    let price = if clicks == 0 { 0 } else { divide(spend, clicks)? };
    Ok(document::Line {
        campaign_id: campaign.to_owned(),
        kind: CLICKS.to_owned(),
        gross: gross.to_string(),
        givt: givt.to_string(),
        sivt: sivt.to_string(),
        duplicate: duplicate.to_string(),
        policy: policy.to_string(),
        net: net.to_string(),
        total_net: total_net.to_string(),
        billable: billable.to_string(),
        spend_micros: spend_micros.to_string(),
        price: show(price, document::DECIMALS_MAX),
        price_is_exact: price.checked_mul(clicks) == Some(spend),
        amount,
    })
}

/// Applies cap, discount and minimum; what the amount becomes.
fn adjust(
    amount: i128,
    campaign: Option<&str>,
    rules: &Agreed,
    adjustments: &mut BTreeMap<AdjustmentKey, i128>,
) -> Result<i128, Overflow> {
    let mut now = amount;
    let mut apply = |kind: usize, rate: Option<u32>, becomes: i128, now: &mut i128| -> Result<(), Overflow> {
        let change = less(becomes, *now)?;
        if change != 0 {
            adjustments.insert((campaign.is_none(), campaign.map(str::to_owned), kind, rate), change);
        }
        *now = becomes;
        Ok(())
    };
    if let Some(cap) = rules.cap {
        apply(0, None, now.min(cap), &mut now)?;
    }
    if let Some(rate) = rules.discount {
        let discounted = less(now, share(now, rate)?)?;
        apply(1, Some(rate), discounted, &mut now)?;
    }
    if let Some(minimum) = rules.minimum {
        apply(2, None, now.max(minimum), &mut now)?;
    }
    Ok(now)
}
