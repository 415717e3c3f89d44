//! Accounts, usage and documents for tests.

use clicktrail_log::{frame::Digest, time::Hour};
use proptest::prelude::*;

use crate::{
    bill::{Bill, bill},
    document::{Document, Draft, HourMoved, Kind, Original, Pins, Reason, Rounding},
    money::{BasisPoints, Currency},
    period::{self, Period},
    terms::{Cap, Discount, Minimum, Tax, TaxCategory, Terms},
    usage::{Counts, Usage},
};

/// A file of terms, with nothing left out.
pub(crate) const ACME: &str = include_str!("../../../examples/accounts/acme.toml");
/// The least that terms can say.
pub(crate) const GLOBEX: &str = include_str!("../../../examples/accounts/globex.toml");
/// A file of a seller.
pub(crate) const SELLER: &str = include_str!("../../../examples/accounts/seller.toml");

/// Terms without discounts, minimums, caps and taxes.
pub(crate) fn plain(code: &str) -> Terms {
    let mut terms = Terms::from_toml(ACME, "acme.toml").unwrap();
    terms.currency = Currency::parse(code).unwrap();
    terms.tax = Tax { category: TaxCategory::Zero, rate: BasisPoints::ZERO, exemption_reason: None };
    (terms.discounts, terms.minimums, terms.caps) = (Vec::new(), Vec::new(), Vec::new());
    terms
}

/// Clicks that are all billable.
pub(crate) fn clicks(billable: i64, spend_micros: i128) -> Counts {
    Counts { gross: billable, billable, spend_micros, ..Counts::default() }
}

/// Usage of some campaigns.
pub(crate) fn usage(campaigns: &[(&str, Counts)]) -> Usage {
    Usage { campaigns: campaigns.iter().map(|(campaign, counts)| ((*campaign).to_owned(), *counts)).collect() }
}

/// An invoice's draft of March 2026.
pub(crate) fn draft(terms: Terms, bill: Bill) -> Draft {
    let seller = crate::Seller::from_toml(SELLER, "seller.toml").unwrap();
    let period = Period::of("2026-03".parse().unwrap(), &terms.zone).unwrap();
    let pins = Pins {
        // The fixtures must not change with the time zone table.
        period: Period { tzdb: "2025b".to_owned(), ..period },
        basis: Digest::of(b"basis"),
        terms_version: 3,
        terms: terms.digest(),
        seller: seller.digest(),
        rounding: Rounding::HalfAwayFromZeroPerLine,
        template: Some(Digest::of(b"template")),
        renderer: Some("typst 0.15.1".to_owned()),
    };
    Draft {
        kind: Kind::Invoice,
        advertiser_id: terms.advertiser_id.clone(),
        seller: seller.party,
        terms,
        pins,
        bill,
        original: None,
        hours: Vec::new(),
    }
}

/// An invoice of usage.
pub(crate) fn invoice(terms: &Terms, usage: &Usage) -> Document {
    let issued_on = period::date("2026-04-02").unwrap();
    draft(terms.clone(), bill(usage, terms, terms.currency).unwrap()).issued(12, issued_on).unwrap()
}

/// The note by which an invoice becomes that of other usage.
pub(crate) fn note(invoice: &Document, correct: &Usage, reason: Reason) -> Document {
    let terms = &invoice.draft.terms;
    let whole = bill(correct, terms, terms.currency).unwrap();
    let mut note = draft(terms.clone(), whole.minus(std::slice::from_ref(&invoice.draft.bill)).unwrap());
    note.kind = Kind::of_note(&note.bill);
    note.original = Some(Original {
        series: invoice.series.clone(),
        number: invoice.number,
        period: invoice.draft.pins.period.name,
        issued_on: invoice.issued_on,
        reason,
    });
    let counts = note.bill.lines.first().map(|line| line.counts).unwrap_or_default();
    note.hours = vec![HourMoved { hour: Hour::parse("2026-03-07T14").unwrap(), counts }];
    note.issued(7, period::date("2026-05-20").unwrap()).unwrap()
}

/// Currencies of every number of decimals.
pub(crate) fn currencies() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec!["JPY", "EUR", "KWD", "CLF"]).prop_map(|code| Currency::parse(code).unwrap())
}

const CAMPAIGNS: [&str; 4] = ["autumn", "brand", "spring", "\u{1f980} =1+1"];

fn campaigns() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop::sample::select(CAMPAIGNS.to_vec()).prop_map(str::to_owned))
}

/// Counts of clicks that add up.
pub(crate) fn counts() -> impl Strategy<Value = Counts> {
    let few = 0_i64..40;
    let amounts = prop_oneof![Just(0_i128), 0_i128..30_000_000, 0_i128..10_000_000_000];
    (few.clone(), few.clone(), few.clone(), few, 0_i64..200, amounts).prop_map(
        |(givt, sivt, duplicate, policy, billable, spend)| Counts {
            gross: givt + sivt + duplicate + policy + billable,
            givt,
            sivt,
            duplicate,
            policy,
            billable,
            spend_micros: if billable == 0 { 0 } else { spend },
        },
    )
}

/// Usage of some of the campaigns.
pub(crate) fn usages() -> impl Strategy<Value = Usage> {
    let campaign = prop::sample::select(CAMPAIGNS.to_vec()).prop_map(str::to_owned);
    prop::collection::btree_map(campaign, counts(), 0..4).prop_map(|campaigns| Usage { campaigns })
}

/// Terms with any discounts, minimums and caps that do not contradict each other.
pub(crate) fn terms() -> impl Strategy<Value = Terms> {
    let shares = prop::collection::btree_map(campaigns(), 1_u32..=10_000, 0..3);
    let minimums = prop::collection::btree_map(campaigns(), 1_i128..100_000, 0..3);
    let caps = prop::collection::btree_map(campaigns(), 0_i128..1_000_000, 0..3);
    let taxes = prop_oneof![Just(0_u32), Just(1900), 1_u32..=10_000];
    let made = (currencies(), shares, minimums, caps, taxes).prop_map(|(currency, shares, minimums, caps, rate)| {
        let rates = shares.into_iter().map(|(campaign, rate)| (campaign, BasisPoints::new(rate).unwrap()));
        let rate = BasisPoints::new(rate).unwrap();
        let category = if rate == BasisPoints::ZERO { TaxCategory::Zero } else { TaxCategory::Standard };
        Terms {
            tax: Tax { category, rate, exemption_reason: None },
            discounts: rates.map(|(campaign, rate)| Discount { campaign, rate }).collect(),
            minimums: minimums.into_iter().map(|(campaign, amount)| Minimum { campaign, amount }).collect(),
            caps: caps.into_iter().map(|(campaign, amount)| Cap { campaign, amount }).collect(),
            ..plain(currency.code())
        }
    });
    made.prop_filter("contradicts itself", |terms| terms.check().is_ok())
}
