//! Made-up documents: an operator's template is tried with them, and tests look at them.

use chrono::NaiveDate;
use clicktrail_invoices::{
    Address, BasisPoints, Counts, Currency, Cycle, Discount, Document, Draft, Error, HourMoved, Kind, Language,
    Minimum, Original, Party, Period, PeriodName, Pins, Reason, Rounding, Tax, TaxCategory, Terms, Usage, bill,
};
use clicktrail_log::frame::Digest;

/// An invoice and a credit note for it.
pub(crate) fn documents() -> [Document; 2] {
    let made = invoice(&terms(Language::English, "EUR"), &usage(3, 1))
        .and_then(|invoice| Ok([invoice.clone(), correction(&invoice, &usage(2, 1))?]));
    made.expect("what is made up is complete")
}

/// Terms of an account with a discount and a minimum.
pub(crate) fn terms(language: Language, currency: &str) -> Terms {
    let rate = |points| BasisPoints::new(points).expect("less than all");
    Terms {
        advertiser_id: "acme".to_owned(),
        valid_from: date(2026, 1, 1),
        customer: party("Šarūnas & Söhne Ltd.", "London", "GB", "GB123456789"),
        currency: Currency::parse(currency).expect("tests name currencies"),
        zone: "Europe/Berlin".to_owned(),
        cycle: Cycle::Month,
        series: "INV".to_owned(),
        note_series: "CN".to_owned(),
        payment_days: 30,
        tax: Tax { category: TaxCategory::Standard, rate: rate(1900), exemption_reason: None },
        language,
        discounts: vec![Discount { campaign: None, rate: rate(250) }],
        minimums: vec![Minimum { campaign: Some("campaign-00001".to_owned()), amount: 1 }],
        caps: Vec::new(),
        reference: Some("PO 4711".to_owned()),
    }
}

/// Who sells.
pub(crate) fn seller() -> Party {
    Party {
        registration: Some("HRB 12345 B".to_owned()),
        email: Some("billing@adler.example".to_owned()),
        iban: Some("DE02120300000000202051".to_owned()),
        bic: Some("BYLADEM1001".to_owned()),
        ..party("Adler Werbenetz GmbH", "Berlin", "DE", "DE123456789")
    }
}

fn party(name: &str, city: &str, country: &str, tax_id: &str) -> Party {
    Party {
        name: name.to_owned(),
        address: Address {
            lines: vec!["Long Road 12".to_owned()],
            city: city.to_owned(),
            postcode: "10115".to_owned(),
            country: country.to_owned(),
        },
        tax_id: Some(tax_id.to_owned()),
        ..Party::default()
    }
}

/// Usage of some campaigns, `scale` times the same numbers.
pub(crate) fn usage(campaigns: i64, scale: i64) -> Usage {
    let campaigns = (0..campaigns).map(|number| (format!("campaign-{number:05}"), counts(number, scale)));
    Usage { campaigns: campaigns.collect() }
}

/// Counts that add up, and differ from campaign to campaign.
pub(crate) fn counts(number: i64, scale: i64) -> Counts {
    let spread = |factor: i64, below: i64| (number * factor + 17).rem_euclid(below) * scale;
    let [givt, sivt, duplicate, policy] = [spread(31, 211), spread(37, 307), spread(41, 53), spread(43, 7)];
    let billable = spread(7919, 100_003);
    let spend_micros = i128::from(billable) * (120_000 + i128::from(number % 50) * 1_001) + 3;
    Counts { gross: givt + sivt + duplicate + policy + billable, givt, sivt, duplicate, policy, billable, spend_micros }
}

/// The invoice of some usage.
pub(crate) fn invoice(terms: &Terms, usage: &Usage) -> Result<Document, Error> {
    draft(terms, Kind::Invoice, bill(usage, terms, terms.currency)?, None)?.issued(12, date(2026, 4, 1))
}

/// The note that brings an invoice to other usage.
pub(crate) fn correction(invoice: &Document, whole: &Usage) -> Result<Document, Error> {
    let terms = &invoice.draft.terms;
    let change = bill(whole, terms, terms.currency)?.minus(std::slice::from_ref(&invoice.draft.bill))?;
    let original = Original {
        series: invoice.series.clone(),
        number: invoice.number,
        period: invoice.draft.pins.period.name,
        issued_on: invoice.issued_on,
        reason: Reason::Sivt,
    };
    let hour = invoice.draft.pins.period.from.hour();
    let mut note = draft(terms, Kind::of_note(&change), change, Some(original))?;
    note.hours =
        vec![HourMoved { hour, counts: counts(1, -1) }, HourMoved { hour: hour.next(), counts: counts(2, -1) }];
    note.issued(3, date(2026, 5, 4))
}

fn draft(
    terms: &Terms,
    kind: Kind,
    bill: clicktrail_invoices::Bill,
    original: Option<Original>,
) -> Result<Draft, Error> {
    let name: PeriodName = "2026-03".parse()?;
    Ok(Draft {
        kind,
        advertiser_id: terms.advertiser_id.clone(),
        seller: seller(),
        terms: terms.clone(),
        pins: Pins {
            period: Period::of(name, &terms.zone)?,
            basis: Digest::ZERO,
            terms_version: 1,
            terms: terms.digest(),
            seller: Digest::ZERO,
            rounding: Rounding::HalfAwayFromZeroPerLine,
            template: None,
            renderer: None,
        },
        bill,
        original,
        hours: Vec::new(),
    })
}

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a date of the calendar")
}
