use clicktrail_invoices::{BasisPoints, Bill, Counts, Kind, Language, Minimum, TaxCategory, Terms, Usage, bill};
use en16931::DocumentKind;

use super::*;
use crate::sample;

fn terms() -> Terms {
    sample::terms(Language::English, "EUR")
}

/// Minor units of a currency with two decimals or fewer, as EN 16931 writes them.
fn hundredths(document: &Document, minor: i128) -> String {
    let decimals = 2 - u32::from(document.draft.bill.currency.exponent());
    let sign = if document.draft.kind == Kind::CreditNote { -1 } else { 1 };
    let hundredths = minor * 10_i128.pow(decimals) * sign;
    let minus = if hundredths < 0 { "-" } else { "" };
    format!("{minus}{}.{:02}", hundredths.abs() / 100, hundredths.abs() % 100)
}

/// Reads both files back, and looks whether each amount is the document's.
#[track_caller]
fn agrees(document: &Document) -> en16931::Invoice {
    let xml = write(document).unwrap_or_else(|error| panic!("{error}"));
    let [ubl, cii] = [&xml.ubl, &xml.cii].map(|file| {
        let read = en16931_formats::read(file).unwrap();
        assert_eq!(read.entries, [], "nothing is read in another way than it was written");
        read.invoice
    });
    assert!(ubl == cii || document.draft.kind == Kind::CreditNote, "both say the same");
    let bill = &document.draft.bill;
    let is = |found: en16931::InvoiceAmount, minor| assert_eq!(found.to_string(), hundredths(document, minor));
    for (found, line) in cii.lines.iter().zip(&bill.lines) {
        is(found.net_amount, line.amount);
        assert_eq!(found.item.name.as_deref(), Some(&*for_xml(&line.campaign_id)));
        let price = &found.price;
        let base = price.base_quantity.map_or_else(|| "1".parse().unwrap(), en16931::Quantity::into_decimal);
        let product = found.quantity.into_decimal() * price.net_price.into_decimal();
        assert_eq!(product, found.net_amount.into_decimal() * base, "quantity times price is the amount");
        assert!(!price.net_price.is_negative());
    }
    is(cii.totals.line_total, bill.sum_of_lines().unwrap());
    is(cii.totals.taxable_total, bill.subtotal);
    is(cii.totals.vat_total.unwrap(), bill.sum_of_taxes().unwrap());
    is(cii.totals.gross_total, bill.total);
    is(cii.totals.due, bill.total);
    assert_eq!(cii.number.as_deref(), Some(document.name().as_str()));
    cii
}

fn invoice_of(terms: &Terms, campaigns: &[(&str, Counts)]) -> Document {
    let campaigns = campaigns.iter().map(|(name, counts)| ((*name).to_owned(), *counts));
    sample::invoice(terms, &Usage { campaigns: campaigns.collect() }).unwrap()
}

#[test]
fn an_invoice_and_its_notes_say_what_the_document_says() {
    let invoice = sample::invoice(&terms(), &sample::usage(40, 1)).unwrap();
    let read = agrees(&invoice);
    assert_eq!(read.type_code.unwrap().as_str(), "380");
    assert_eq!((read.lines.len(), read.allowances.len(), read.charges.len()), (40, 1, 0));
    assert_eq!(read.due_date.unwrap().to_string(), "2026-05-01");
    assert_eq!(read.invoicing_period.unwrap().end.unwrap().to_string(), "2026-03-31");
    assert_eq!(read.payment.unwrap().account_identifier(), Some("DE02120300000000202051"));

    let credit = sample::correction(&invoice, &sample::usage(38, 1)).unwrap();
    assert_eq!(credit.draft.kind, Kind::CreditNote);
    let read = agrees(&credit);
    assert_eq!((read.kind, read.type_code.unwrap().as_str()), (DocumentKind::CreditNote, "381"));
    assert!(read.totals.due.is_positive(), "what is credited is said as a positive amount");
    assert_eq!(read.preceding_invoices[0].reference.as_str(), "INV-00000012");
    assert_eq!(read.preceding_invoices[0].issue_date.unwrap().to_string(), "2026-04-01");
    assert!(read.notes[0].note.as_ref().unwrap().contains("INV-00000012, March 2026"));

    let debit = sample::correction(&invoice, &sample::usage(44, 1)).unwrap();
    let read = agrees(&debit);
    assert_eq!((read.kind, read.type_code.unwrap().as_str()), (DocumentKind::Invoice, "383"));
    assert_eq!(read.lines.len(), 4);
}

#[test]
fn every_tax_category_passes_its_rules() {
    for category in TaxCategory::ALL {
        let mut terms = terms();
        terms.tax.category = *category;
        if *category != TaxCategory::Standard {
            terms.tax.rate = BasisPoints::ZERO;
        }
        terms.tax.exemption_reason = category.needs_reason().then(|| "Because <of> & \"the law\"".to_owned());
        let read = agrees(&sample::invoice(&terms, &sample::usage(3, 1)).unwrap());
        assert_eq!(read.vat_breakdown[0].category.as_str(), category.as_str());
        assert_eq!(read.seller.vat_identifier.is_some(), *category != TaxCategory::OutOfScope);
    }
}

#[test]
fn broken_rules_are_named() {
    let mut document = sample::invoice(&terms(), &sample::usage(1, 1)).unwrap();
    document.draft.seller.tax_id = None;
    let Err(Error::Rules(findings)) = write(&document) else { panic!("a seller without a tax number sells nothing") };
    assert_eq!(
        findings.iter().map(|finding| finding.rule.as_str()).collect::<Vec<_>>(),
        ["BR-S-02", "BR-S-03", "BR-S-04"]
    );
    let message = Error::Rules(findings).to_string();
    assert!(message.starts_with("the document is no invoice by EN 16931:\n  BR-S-02: BG-4"), "{message}");

    let mut document = sample::invoice(&terms(), &sample::usage(1, 1)).unwrap();
    document.draft.terms.customer.tax_id = Some("QQ12".to_owned());
    let Err(Error::Rules(findings)) = write(&document) else { panic!("no country has these letters") };
    assert_eq!(findings[0].rule, "BR-CO-09");
}

#[test]
fn names_of_any_kind_stay_what_they_are() {
    let names = [
        "<&>]]>",
        "a\u{0}\u{1b}b",
        "\"quoted\" 'single'",
        "line\nbreak\r\ttab",
        "שלום",
        "中文",
        "🚀",
        " ",
        "",
        "\u{ffff}",
    ];
    let campaigns = names.map(|name| (name, sample::counts(3, 1)));
    let read = agrees(&invoice_of(&terms(), &campaigns));
    let found: Vec<_> = read.lines.iter().map(|line| line.item.name.clone().unwrap()).collect();
    assert!(found.contains(&"<&>]]>".to_owned()) && found.contains(&"a␀␛b".to_owned()), "{found:?}");
}

#[test]
fn lines_whose_clicks_and_money_differ_are_valid() {
    let counts = |billable: i64, spend_micros| Counts { gross: billable, billable, spend_micros, ..Counts::default() };
    let lines = [("a", counts(0, 0)), ("b", counts(7, 0)), ("c", counts(1, 5_000)), ("d", counts(3, 1_000_000))];
    agrees(&invoice_of(&terms(), &lines));

    // Prices went up and clicks went down: the line's sign is the money's.
    let one = invoice_of(&terms(), &[("a", counts(10, 1_000_000)), ("b", counts(10, 9_000_000))]);
    let other =
        Usage { campaigns: [("a".to_owned(), counts(8, 2_000_000)), ("b".to_owned(), counts(12, 1_000_000))].into() };
    let read = agrees(&sample::correction(&one, &other).unwrap());
    assert_eq!(read.lines[0].quantity.to_string(), "-1");
    assert_eq!(read.lines[1].quantity.to_string(), "1");
}

#[test]
fn an_invoice_of_a_minimum_alone_has_a_line_that_says_so() {
    let mut terms = terms();
    terms.minimums = vec![Minimum { campaign: None, amount: 10_000 }];
    let read = agrees(&invoice_of(&terms, &[]));
    assert_eq!(read.lines.len(), 1);
    assert_eq!(read.charges[0].amount.to_string(), "100.00");
}

#[test]
fn currencies_without_decimals_are_written_and_those_with_three_are_refused() {
    let document = sample::invoice(&sample::terms(Language::English, "JPY"), &sample::usage(3, 1)).unwrap();
    let read = agrees(&document);
    assert!(read.totals.due.to_string().ends_with(".00"));
    assert_eq!(unfit(&document), None);
    for (currency, decimals) in [("KWD", 3), ("CLF", 4)] {
        let document = sample::invoice(&sample::terms(Language::English, currency), &sample::usage(3, 1)).unwrap();
        let why = unfit(&document).unwrap();
        assert!(why.contains(&format!("{currency} have {decimals} decimals")), "{why}");
    }
}

#[test]
fn amounts_that_no_file_can_hold_are_named() {
    let mut document = sample::invoice(&terms(), &sample::usage(1, 1)).unwrap();
    document.draft.bill.total = i128::MAX;
    let error = write(&document).unwrap_err().to_string();
    assert!(error.contains("is too large for an amount of an invoice"), "{error}");
}

#[test]
fn many_lines_are_summed_in_the_same_rows_as_on_paper() {
    let document = sample::invoice(&terms(), &sample::usage(2_001, 1)).unwrap();
    let xml = write(&document).unwrap();
    let read = en16931_formats::read(&xml.cii).unwrap().invoice;
    assert_eq!(read.lines.len(), 1_001);
    assert_eq!(read.lines[0].item.name.as_deref(), Some("Lines 1 to 2: campaign-00000 … campaign-00001"));
    assert!(read.notes[0].note.as_ref().unwrap().contains("2,001 lines"));
    assert_eq!(read.totals.gross_total.to_string(), hundredths(&document, document.draft.bill.total));
}

/// The bill of nothing is no invoice that anybody sends, and still a valid one.
#[test]
fn an_empty_bill_is_valid() {
    let bill: Bill = bill(&Usage::default(), &terms(), terms().currency).unwrap();
    assert!(bill.lines.is_empty());
    agrees(&invoice_of(&terms(), &[]));
}
