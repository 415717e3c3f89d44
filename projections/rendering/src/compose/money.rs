//! Amounts as they are shown, and what is said of paying them.

use std::cmp::Ordering;

use clicktrail_invoices::{Document, Language, money};

use crate::{
    error::Error,
    language::{self, Words, fill},
    rows::{self, Of},
    sheet::{Extra, Fact},
    shown::Shown,
};

/// An amount of the document's currency, in its language.
pub(crate) fn amount(document: &Document, minor: i128) -> String {
    let decimals = money::show(document.draft.bill.currency, minor);
    language::number(document.draft.terms.language, &decimals)
}

/// Caps, discounts and minimums, with the sum of lines and adjustments down to each.
pub(crate) fn adjustments(document: &Document, words: &Words, shown: &mut Shown<'_>) -> Result<Vec<Extra>, Error> {
    let bill = &document.draft.bill;
    let refused = |_| Error::Document("the sum of its lines and adjustments is too large to be counted".to_owned());
    let mut carried = bill.sum_of_lines().map_err(refused)?;
    let mut extras = Vec::new();
    for extra in rows::extras(&bill.adjustments).map_err(refused)? {
        let sum = carried.checked_add(extra.amount);
        carried = sum.ok_or_else(|| Error::Document("its adjustments are too large to be counted".to_owned()))?;
        extras.push(Extra {
            text: adjustment(document.draft.terms.language, &extra, words, |text| shown.text(text)),
            amount: amount(document, extra.amount),
            carried: amount(document, carried),
        });
    }
    Ok(extras)
}

/// What an adjustment is called, with its campaign as `named` shows it.
pub(crate) fn adjustment(
    speech: Language,
    extra: &rows::Extra<'_>,
    words: &Words,
    named: impl FnOnce(&str) -> String,
) -> String {
    let rate = extra.rate.map(|rate| percent(speech, &rate.percent())).unwrap_or_default();
    let what = fill(words.adjustment(extra.kind), &[("rate", &rate)]);
    match extra.of {
        Of::Account => what,
        Of::Campaign(campaign) => fill(words.of_campaign, &[("what", &what), ("campaign", &named(campaign))]),
        Of::Campaigns(campaigns) => {
            let campaigns = language::number(speech, &campaigns.to_string());
            fill(words.of_campaigns, &[("what", words.adjustments(extra.kind)), ("campaigns", &campaigns)])
        }
    }
}

/// The taxes, each with what it is taken of.
pub(crate) fn taxes(document: &Document, words: &Words) -> Vec<Extra> {
    let speech = document.draft.terms.language;
    let taxes = document.draft.bill.tax.iter().map(|tax| {
        let rate = percent(speech, &tax.rate.percent());
        let base = amount(document, tax.base);
        let text = fill(words.tax(tax.category), &[("rate", &rate), ("base", &base)]);
        Extra { text, amount: amount(document, tax.amount), carried: String::new() }
    });
    taxes.collect()
}

/// `19.00` as `19`, `5.50` as `5.5`.
fn percent(speech: Language, decimals: &str) -> String {
    language::number(speech, decimals.trim_end_matches('0').trim_end_matches('.'))
}

/// When and how it is paid, or that it is credited.
pub(crate) fn payment(document: &Document, words: &Words, shown: &mut Shown<'_>) -> Vec<Fact> {
    let mut facts: Vec<Fact> =
        sentence(document, words).map(|terms| (words.payment.to_owned(), terms)).into_iter().collect();
    if document.draft.bill.total <= 0 {
        return facts;
    }
    let seller = &document.draft.seller;
    facts.extend(seller.iban.as_deref().map(|iban| ("IBAN".to_owned(), shown.text(&in_fours(iban)))));
    facts.extend(seller.bic.as_deref().map(|bic| ("BIC".to_owned(), shown.text(bic))));
    facts.push((words.payment_reference.to_owned(), document.name()));
    facts
}

/// The terms of payment (EN 16931: BT-20), if anything is to be paid or credited.
pub(crate) fn sentence(document: &Document, words: &Words) -> Option<String> {
    let speech = document.draft.terms.language;
    let currency = document.draft.bill.currency.code();
    let total = document.draft.bill.total;
    match total.cmp(&0) {
        Ordering::Less => {
            let credited = amount(document, total.saturating_neg());
            Some(fill(words.credited, &[("amount", credited.as_str()), ("currency", currency)]))
        }
        Ordering::Equal => None,
        Ordering::Greater => {
            let days = document.draft.terms.payment_days.to_string();
            Some(fill(words.within, &[("days", &days), ("date", &language::date(speech, document.due_on))]))
        }
    }
}

/// What rounding the lines brought, if anything.
pub(crate) fn rounding(document: &Document, words: &Words) -> Result<Option<String>, Error> {
    let bill = &document.draft.bill;
    if bill.rounding_micros == 0 {
        return Ok(None);
    }
    let (more, less) = words.difference.split_once('|').expect("two words, which a test looks at");
    let direction = if bill.rounding_micros < 0 { more } else { less };
    let micros = bill.rounding_micros.checked_abs();
    let micros = micros.ok_or_else(|| Error::Document("its rounding is too large to be counted".to_owned()))?;
    let amount = language::number(document.draft.terms.language, &money::show_micros(micros));
    let values = [("amount", amount.as_str()), ("currency", bill.currency.code()), ("direction", direction)];
    Ok(Some(fill(words.rounding, &values)))
}

/// An account number as people read it aloud.
fn in_fours(iban: &str) -> String {
    let letters: Vec<char> = iban.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(" ")
}
