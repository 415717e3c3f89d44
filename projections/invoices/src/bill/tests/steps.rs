//! The steps of a bill, each by an example, and all of them by a recount.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{
    bill::{AdjustmentKind, Bill, bill},
    error::Error,
    money::{BasisPoints, Currency, show},
    terms::{Cap, Discount, Minimum, Tax, TaxCategory, Terms},
    testing::{self, clicks, plain, usage},
    usage::{Counts, Usage},
};

fn rate(points: u32) -> BasisPoints {
    BasisPoints::new(points).unwrap()
}

fn standard(points: u32) -> Tax {
    Tax { category: TaxCategory::Standard, rate: rate(points), exemption_reason: None }
}

fn made(usage: &Usage, terms: &Terms) -> Bill {
    bill(usage, terms, terms.currency).unwrap()
}

/// `line x 1.00; cap x -2.00; …; = subtotal + tax = total`
fn shown(bill: &Bill) -> String {
    let amount = |amount| show(bill.currency, amount);
    let mut parts: Vec<String> =
        bill.lines.iter().map(|line| format!("line {} {}", line.campaign_id, amount(line.amount))).collect();
    parts.extend(
        bill.adjustments
            .iter()
            .map(|one| format!("{} {} {}", one.kind, one.campaign_id.as_deref().unwrap_or("*"), amount(one.amount))),
    );
    let taxes = bill.tax.iter().map(|tax| amount(tax.amount)).collect::<Vec<_>>().join(" + ");
    parts.push(format!("= {} + {taxes} = {}", amount(bill.subtotal), amount(bill.total)));
    parts.join("; ")
}

#[test]
fn lines_are_rounded_each_then_summed() {
    let three = usage(&[("a", clicks(1, 4_000)), ("b", clicks(1, 5_000)), ("c", clicks(3, 14_999))]);
    let bill = made(&three, &plain("EUR"));
    assert_eq!(shown(&bill), "line a 0.00; line b 0.01; line c 0.01; = 0.02 + 0.00 = 0.02");
    assert_eq!(bill.rounding_micros, 20_000 - 23_999);
}

#[test]
fn every_currency_is_rounded_to_its_own_minor_unit() {
    let one = usage(&[("a", clicks(3, 12_345_650))]);
    for (code, expected) in [
        ("JPY", "line a 12; = 12 + 2 = 14"),
        ("EUR", "line a 12.35; = 12.35 + 2.35 = 14.70"),
        ("KWD", "line a 12.346; = 12.346 + 2.346 = 14.692"),
        ("CLF", "line a 12.3457; = 12.3457 + 2.3457 = 14.6914"),
    ] {
        let terms = Terms { tax: standard(1900), ..plain(code) };
        assert_eq!(shown(&made(&one, &terms)), expected, "{code}");
    }
}

#[test]
fn caps_come_before_discounts_and_these_before_minimums() {
    let two = usage(&[("a", clicks(1, 200_000_000)), ("b", clicks(1, 50_000_000))]);
    let campaign = |name: &str| Some(name.to_owned());
    let terms = Terms {
        caps: vec![Cap { campaign: campaign("a"), amount: 15_000 }, Cap { campaign: None, amount: 20_000 }],
        discounts: vec![
            Discount { campaign: campaign("a"), rate: rate(1000) },
            Discount { campaign: campaign("b"), rate: rate(5000) },
            Discount { campaign: None, rate: rate(100) },
        ],
        minimums: vec![
            Minimum { campaign: campaign("b"), amount: 3_000 },
            Minimum { campaign: campaign("c"), amount: 1_000 },
            Minimum { campaign: None, amount: 18_000 },
        ],
        tax: standard(1900),
        ..plain("EUR")
    };
    terms.check().unwrap();
    assert_eq!(
        shown(&made(&two, &terms)),
        "line a 200.00; line b 50.00; cap a -50.00; discount a -15.00; discount b -25.00; minimum b 5.00; \
         minimum c 10.00; discount * -1.75; minimum * 6.75; = 180.00 + 34.20 = 214.20"
    );
    let capped = Terms { caps: vec![Cap { campaign: None, amount: 10_000 }], minimums: Vec::new(), ..terms };
    assert_eq!(
        shown(&made(&two, &capped)),
        "line a 200.00; line b 50.00; discount a -20.00; discount b -25.00; cap * -105.00; discount * -1.00; \
         = 99.00 + 18.81 = 117.81"
    );
}

#[test]
fn minimum_is_owed_without_any_usage() {
    let terms = Terms {
        minimums: vec![Minimum { campaign: Some("spring".to_owned()), amount: 2_500 }],
        tax: standard(1900),
        ..plain("EUR")
    };
    assert_eq!(shown(&made(&Usage::default(), &terms)), "minimum spring 25.00; = 25.00 + 4.75 = 29.75");
    let nothing = made(&Usage::default(), &plain("EUR"));
    assert_eq!((shown(&nothing).as_str(), nothing.is_nothing()), ("= 0.00 + 0.00 = 0.00", true));
}

#[test]
fn campaign_whose_clicks_are_all_invalid_is_a_line_of_zero() {
    let fraud = Counts { gross: 9, givt: 2, sivt: 3, duplicate: 4, ..Counts::default() };
    let bill = made(&usage(&[("a", fraud), ("b", Counts::default())]), &plain("EUR"));
    assert_eq!(bill.lines.len(), 1, "a campaign without a count is none");
    assert_eq!((fraud.net().unwrap(), fraud.total_net().unwrap()), (3, 0));
    assert!(!bill.is_nothing() && !bill.moves_money());
}

#[test]
fn price_is_an_average_and_says_whether_it_is_exact() {
    let of = |billable, spend| crate::bill::Price::of(&clicks(billable, spend)).unwrap();
    for (billable, spend, expected, is_exact) in [
        (4, 1_000_000, "0.250000", true),
        (3, 1_000_000, "0.333333", false),
        (3, 2_000_000, "0.666667", false),
        (-3, -1_000_000, "0.333333", false),
        (-2, 500_000, "-0.250000", true),
        (0, 0, "0.000000", true),
        (0, 7, "0.000000", false),
    ] {
        let price = of(billable, spend);
        assert_eq!((price.to_string().as_str(), price.is_exact), (expected, is_exact), "{spend} by {billable}");
    }
}

#[track_caller]
fn refused(counts: Counts, says: &str) {
    let error = bill(&usage(&[("spring", counts)]), &plain("EUR"), Currency::parse("EUR").unwrap()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(says) && (text.contains("spring") || matches!(error, Error::Overflow(_))), "{text}");
}

#[test]
fn usage_that_contradicts_itself_is_refused() {
    refused(Counts { gross: 5, billable: 4, ..Counts::default() }, "1 are neither billable nor invalid");
    refused(Counts { gross: 5, billable: 6, ..Counts::default() }, "-1 are neither");
    refused(Counts { gross: -1, billable: -1, ..Counts::default() }, "gross is -1");
    refused(clicks(1, -1), "spend is -1 micros");
    refused(Counts { givt: i64::MAX, sivt: i64::MAX, duplicate: i64::MAX, ..Counts::default() }, "too large");
    refused(clicks(1, i128::MAX), "too large");
}

#[test]
fn sums_that_are_too_large_are_errors() {
    let half = i128::MAX / 2 / 10_000 * 10_000;
    let three = usage(&[("a", clicks(1, half)), ("b", clicks(1, half)), ("c", clicks(1, half))]);
    let terms = plain("EUR");
    assert!(bill(&three, &terms, terms.currency).is_ok(), "minor units are fewer than micros");
    let six = Currency::pinned("ABC", 6).unwrap();
    assert!(matches!(bill(&three, &plain("EUR"), six), Err(Error::Overflow(_))));
}

#[test]
fn amounts_of_terms_are_not_taken_for_those_of_another_currency() {
    let dollars = Currency::parse("USD").unwrap();
    let one = usage(&[("a", clicks(1, 1_000_000))]);
    assert!(bill(&one, &Terms { discounts: vec![], ..plain("EUR") }, dollars).is_ok());
    let capped = Terms { caps: vec![Cap { campaign: None, amount: 1 }], ..plain("EUR") };
    let error = bill(&one, &capped, dollars).unwrap_err().to_string();
    assert!(error.contains("USD") && error.contains("EUR") && error.contains("caps"), "{error}");
    // A minimum is owed once, in the currency of the terms, whatever else is billed.
    let minimums =
        vec![Minimum { campaign: None, amount: 10_000 }, Minimum { campaign: Some("idle".to_owned()), amount: 500 }];
    let discounts = vec![Discount { campaign: None, rate: rate(1_000) }];
    let promised = Terms { minimums, discounts, ..plain("EUR") };
    assert_eq!(shown(&bill(&one, &promised, dollars).unwrap()), "line a 1.00; discount * -0.10; = 0.90 + 0.00 = 0.90");
    assert!(bill(&Usage::default(), &promised, dollars).unwrap().is_nothing());
    let owed = bill(&Usage::default(), &promised, promised.currency).unwrap();
    assert_eq!(owed.subtotal, 10_000);
}

/// The definition, once more and otherwise: with exact fractions over i128, and each step on a map.
fn recount(usage: &Usage, terms: &Terms) -> (i128, i128, i128) {
    let half_up = |number: i128, by: i128| (2 * number + by).div_euclid(2 * by);
    let unit = 10_i128.pow(6 - u32::from(terms.currency.exponent()));
    let mut amounts: BTreeMap<String, i128> = BTreeMap::new();
    for (campaign, counts) in &usage.campaigns {
        amounts.insert(campaign.clone(), half_up(counts.spend_micros, unit));
    }
    let of = |campaign: &Option<String>, all: &mut BTreeMap<String, i128>, change: &dyn Fn(i128) -> i128| {
        if let Some(campaign) = campaign {
            let amount = all.entry(campaign.clone()).or_default();
            *amount = change(*amount);
        }
    };
    let share = |amount: i128, rate: BasisPoints| half_up(amount * i128::from(rate.points()), 10_000);
    terms.caps.iter().for_each(|cap| of(&cap.campaign, &mut amounts, &|amount| amount.min(cap.amount)));
    terms.discounts.iter().for_each(|one| of(&one.campaign, &mut amounts, &|amount| amount - share(amount, one.rate)));
    terms.minimums.iter().for_each(|one| of(&one.campaign, &mut amounts, &|amount| amount.max(one.amount)));
    let mut sum: i128 = amounts.values().sum();
    for cap in terms.caps.iter().filter(|cap| cap.campaign.is_none()) {
        sum = sum.min(cap.amount);
    }
    for discount in terms.discounts.iter().filter(|discount| discount.campaign.is_none()) {
        sum -= share(sum, discount.rate);
    }
    for minimum in terms.minimums.iter().filter(|minimum| minimum.campaign.is_none()) {
        sum = sum.max(minimum.amount);
    }
    let tax = share(sum, terms.tax.rate);
    (sum, tax, sum + tax)
}

proptest! {
    #[test]
    fn bill_adds_up_and_equals_a_recount(usage in testing::usages(), terms in testing::terms()) {
        let bill = made(&usage, &terms);
        let lines: i128 = bill.lines.iter().map(|line| line.amount).sum();
        let adjustments: i128 = bill.adjustments.iter().map(|adjustment| adjustment.amount).sum();
        prop_assert_eq!(lines + adjustments, bill.subtotal);
        let tax: i128 = bill.tax.iter().map(|tax| tax.amount).sum();
        prop_assert_eq!(bill.subtotal + tax, bill.total);
        prop_assert_eq!((bill.subtotal, tax, bill.total), recount(&usage, &terms));
        let unit = bill.currency.micros_per_minor();
        let exact: i128 = usage.campaigns.values().map(|counts| counts.spend_micros).sum();
        prop_assert_eq!(lines * unit - exact, bill.rounding_micros);
        bill.check().unwrap();
    }

    /// No step makes a bill negative, and the account's cap and minimum hold at its end.
    #[test]
    fn subtotal_keeps_caps_and_minimums(usage in testing::usages(), terms in testing::terms()) {
        let bill = made(&usage, &terms);
        prop_assert!(bill.subtotal >= 0);
        let cap = terms.caps.iter().find(|cap| cap.campaign.is_none());
        prop_assert!(cap.is_none_or(|cap| bill.subtotal <= cap.amount));
        let minimum = terms.minimums.iter().find(|minimum| minimum.campaign.is_none());
        prop_assert!(minimum.is_none_or(|minimum| bill.subtotal >= minimum.amount));
        let signs = bill.adjustments.iter().all(|one| (one.amount > 0) == (one.kind == AdjustmentKind::Minimum));
        prop_assert!(signs, "caps and discounts take off, minimums add");
    }
}
