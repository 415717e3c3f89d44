//! From usage to a bill, step by step. Money is rounded in three places and in no other: each line, each discount, each
//! tax.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    agreed::{Agreed, agreed},
    parts::{Adjustment, AdjustmentKind, Bill, Line, LineKind, Price, TaxLine, less, plus, sum},
};
use crate::{
    error::Error,
    money::{BasisPoints, Currency, round_micros},
    terms::{Tax, Terms},
    usage::{Counts, Usage},
};

/// The bill of a period's whole usage, under an account's terms.
///
/// 1. **Lines.** Each campaign that has a count is a line. Its amount is its spend (the sum of its billable clicks'
///    own prices, exact to the millionth), rounded to the currency's minor unit, half away from zero.
/// 2. **Campaign caps.** What a campaign's amount is above its cap is taken off.
/// 3. **Campaign discounts.** The discount's share of what is left is taken off, rounded half away from zero.
/// 4. **Campaign minimums.** What is then missing to the minimum is added, also if the campaign had no usage at all.
/// 5. **Account cap, discount, minimum**, in this order, over the sum of what the campaigns came to: a discount of
///    the account is taken of campaign minimums too.
/// 6. **Subtotal**: the lines and all adjustments, added up. No rounding is left to do.
/// 7. **Tax**: the rate's share of the subtotal, rounded once. There is always one tax line, also over nothing.
/// 8. **Total**: subtotal and tax.
///
/// In another currency than that of the terms there is no minimum: it is owed once, in the terms' own.
///
/// A cap, discount or minimum is in force for the whole period, and never in proportion to days. An adjustment that
/// comes to zero is left out. `rounding_micros` is what step 1 added or took, all lines together.
///
/// Usage is a whole: what was not billed before is [`Bill::minus`], never a bill of the difference. So nothing in it is
/// negative.
///
/// # Errors
/// [`Error::Contradiction`] for usage whose counts do not add up (I7) or are negative, and for a currency that is not
/// that of caps in the terms; [`Error::Overflow`] for sums beyond 127 bits.
pub fn bill(usage: &Usage, terms: &Terms, currency: Currency) -> Result<Bill, Error> {
    check_currency(terms, currency)?;
    let lines = lines(usage, currency)?;
    let rounding_micros = rounding(&lines, currency)?;
    let mut adjustments = Vec::new();
    let agreed = agreed(terms, currency);
    let amounts: BTreeMap<&str, i128> = lines.iter().map(|line| (line.campaign_id.as_str(), line.amount)).collect();
    let campaigns: BTreeSet<&str> = amounts.keys().copied().chain(agreed.keys().copied().flatten()).collect();
    let mut subtotal = 0;
    for campaign in campaigns {
        let amount = amounts.get(campaign).copied().unwrap_or(0);
        let adjusted = match agreed.get(&Some(campaign)) {
            Some(agreed) => adjust(amount, Some(campaign), agreed, &mut adjustments)?,
            None => amount,
        };
        subtotal = plus(subtotal, adjusted, "the subtotal")?;
    }
    if let Some(account) = agreed.get(&None) {
        subtotal = adjust(subtotal, None, account, &mut adjustments)?;
    }
    let tax = vec![tax(subtotal, &terms.tax)];
    let total = plus(subtotal, sum(tax.iter().map(|tax| tax.amount), "the taxes")?, "the total")?;
    let bill = Bill { currency, lines, adjustments, subtotal, tax, total, rounding_micros };
    bill.check()?;
    Ok(bill)
}

/// Amounts of terms are in their own currency; rates and taxes fit every one. A cap promises the customer that no more
/// is billed, so what cannot be held against it is not billed at all.
fn check_currency(terms: &Terms, currency: Currency) -> Result<(), Error> {
    match !terms.caps.is_empty() && terms.currency != currency {
        true => Err(Error::Contradiction(format!(
            "usage in {currency} under terms whose caps are in {}: bill it by terms without caps, valid on the period's \
             first day",
            terms.currency
        ))),
        false => Ok(()),
    }
}

fn lines(usage: &Usage, currency: Currency) -> Result<Vec<Line>, Error> {
    let counted = usage.campaigns.iter().filter(|(_, counts)| !counts.is_zero());
    let line = |(campaign, counts): (&String, &Counts)| {
        check_counts(campaign, counts)?;
        Ok(Line {
            campaign_id: campaign.clone(),
            kind: LineKind::Clicks,
            counts: *counts,
            price: Price::of(counts)?,
            amount: round_micros(currency, counts.spend_micros),
        })
    };
    counted.map(line).collect()
}

fn check_counts(campaign: &str, counts: &Counts) -> Result<(), Error> {
    let named = counts.named();
    if let Some((name, count)) = named.into_iter().find(|(_, count)| *count < 0) {
        return Err(Error::Contradiction(format!(
            "campaign {campaign:?}: {name} is {count}, but a bill is of a whole"
        )));
    }
    if counts.spend_micros < 0 {
        let spend = counts.spend_micros;
        return Err(Error::Contradiction(format!("campaign {campaign:?}: spend is {spend} micros, but no price is")));
    }
    match counts.total_net()? == counts.billable {
        true => Ok(()),
        false => Err(Error::Contradiction(format!(
            "campaign {campaign:?}: of {} clicks, {} are neither billable nor invalid (I7)",
            counts.gross,
            i128::from(counts.total_net()?).saturating_sub(i128::from(counts.billable))
        ))),
    }
}

/// What rounding added, in micros.
pub(super) fn rounding(lines: &[Line], currency: Currency) -> Result<i128, Error> {
    let unit = currency.micros_per_minor();
    lines.iter().try_fold(0, |sum, line| {
        let rounded = line.amount.checked_mul(unit).ok_or_else(|| Error::overflow("an amount in micros"))?;
        plus(sum, less(rounded, line.counts.spend_micros, "what was rounded")?, "the rounding")
    })
}

/// Applies cap, discount and minimum; gives what the amount becomes.
fn adjust(
    amount: i128,
    campaign: Option<&str>,
    agreed: &Agreed,
    adjustments: &mut Vec<Adjustment>,
) -> Result<i128, Error> {
    let mut left = amount;
    let mut apply = |kind, rate: Option<BasisPoints>, becomes: i128| -> Result<i128, Error> {
        let change = less(becomes, left, "an adjustment")?;
        if change != 0 {
            adjustments.push(Adjustment { kind, campaign_id: campaign.map(str::to_owned), rate, amount: change });
        }
        left = becomes;
        Ok(becomes)
    };
    let mut now = amount;
    if let Some(cap) = agreed.cap {
        now = apply(AdjustmentKind::Cap, None, now.min(cap))?;
    }
    if let Some(rate) = agreed.discount {
        let discounted = less(now, rate.of(now), "a discount")?;
        now = apply(AdjustmentKind::Discount, Some(rate), discounted)?;
    }
    if let Some(minimum) = agreed.minimum {
        now = apply(AdjustmentKind::Minimum, None, now.max(minimum))?;
    }
    Ok(now)
}

fn tax(base: i128, tax: &Tax) -> TaxLine {
    TaxLine {
        category: tax.category,
        rate: tax.rate,
        base,
        amount: tax.rate.of(base),
        exemption_reason: tax.exemption_reason.clone(),
    }
}
