use clicktrail_invoices::{Language, Reason};

use super::*;
use crate::{fonts::Fonts, sample};

fn of(document: &Document) -> Sheet {
    let fonts = Fonts::builtin();
    sheet(document, &mut Shown::new(&fonts), fonts.families()).unwrap()
}

fn invoice(language: Language, currency: &str, lines: i64) -> Document {
    sample::invoice(&sample::terms(language, currency), &sample::usage(lines, 1)).unwrap()
}

#[test]
fn a_sheet_says_it_in_the_documents_language() {
    let shown = |language| {
        let sheet = of(&invoice(language, "EUR", 3));
        let fact = |at: usize| format!("{}: {}", sheet.facts[at].0, sheet.facts[at].1);
        [sheet.title.to_owned(), fact(1), fact(3), sheet.taxes[0].text.clone(), sheet.total.clone()]
    };
    let [title, date, period, tax, total] = shown(Language::English);
    assert_eq!(
        [title, date, period].join("|"),
        "Invoice|Date: 1 April 2026|Service period: 1 March 2026 – 31 March 2026"
    );
    assert!(tax.starts_with("VAT 19 % on ") && total.contains('.'), "{tax} {total}");
    let [title, date, _, tax, total] = shown(Language::German);
    assert_eq!([title, date].join("|"), "Rechnung|Datum: 01.04.2026");
    assert!(tax.starts_with("USt. 19 % auf ") && total.contains(','), "{tax} {total}");
    assert_eq!(shown(Language::French)[..2].join("|"), "Facture|Date: 01/04/2026");
    assert_eq!(shown(Language::Spanish)[..2].join("|"), "Factura|Fecha: 01/04/2026");
}

#[test]
fn carried_sums_go_on_from_lines_to_the_subtotal() {
    let sheet = of(&invoice(Language::English, "EUR", 30));
    assert_eq!(sheet.lines.last().unwrap().carried, sheet.sums.amount);
    assert_eq!(sheet.adjustments.last().unwrap().carried, sheet.subtotal);
    assert_eq!(sheet.adjustments[0].text, "Discount 2.5 %");
}

#[test]
fn a_note_names_invoice_month_reason_and_hours() {
    let invoice = invoice(Language::English, "EUR", 3);
    let note = sample::correction(&invoice, &sample::usage(2, 1)).unwrap();
    let sheet = of(&note);
    assert_eq!((sheet.kind, sheet.title), ("credit_note", "Credit note"));
    let facts = sheet.original.unwrap().facts;
    let said: Vec<&str> = facts.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(said[..2], ["INV-00000012 of 1 April 2026", "March 2026"]);
    assert_eq!(said[2], words(Language::English).why(Reason::Sivt));
    assert!(sheet.hours[0].starts_with("2026-02-28 23:00 (-"), "{:?}", sheet.hours);
    assert!(sheet.payment[0].1.ends_with("EUR are credited to you."), "{:?}", sheet.payment);
    assert_eq!(sheet.payment.len(), 1, "nobody is told to pay a credit");
}

#[test]
fn amounts_have_the_currencys_decimals() {
    let decimals = |currency| {
        let total = of(&invoice(Language::English, currency, 3)).total;
        total.split_once('.').map_or(0, |(_, decimals)| decimals.len())
    };
    assert_eq!(["JPY", "EUR", "KWD", "CLF"].map(decimals), [0, 2, 3, 4]);
}

#[test]
fn every_sentence_of_every_language_can_be_filled() {
    for language in Language::ALL {
        let invoice = invoice(*language, "EUR", 2_500);
        let sheet = of(&invoice);
        assert!(sheet.lines[0].name.contains("campaign-00001"), "{}", sheet.lines[0].name);
        let note = sample::correction(&invoice, &sample::usage(3, 2)).unwrap();
        let mut cancelled = note.clone();
        cancelled.draft.hours = vec![note.draft.hours[0].clone(); 200];
        let texts = String::from_utf8([sheet.json(), of(&note).json(), of(&cancelled).json()].concat()).unwrap();
        let braces = texts.replace("{page}", "").replace("{pages}", "");
        assert!(!braces.split('"').any(|text| text.contains('{') && text.len() > 3), "{language}");
    }
    for category in clicktrail_invoices::TaxCategory::ALL {
        let words = words(Language::French);
        assert!(fill(words.tax(*category), &[("rate", "1"), ("base", "2")]).contains("2"));
    }
}

#[test]
fn columns_are_as_wide_as_their_widest_figure() {
    let sheet = of(&invoice(Language::English, "EUR", 3));
    let widest = sheet.lines.iter().map(|line| line.figures.gross.len()).chain([sheet.sums.gross.len()]).max().unwrap();
    let least = u32::try_from(widest).unwrap() * 330;
    assert!(sheet.widths.gross > least && sheet.widths.gross <= u32::try_from(widest).unwrap() * 572);
}
