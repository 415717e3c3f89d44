use ::csv::ReaderBuilder;

use crate::{
    document::Reason,
    money,
    terms::Terms,
    testing::{ACME, clicks, invoice, note, usage},
    usage::Counts,
};

/// The rows as another reader finds them.
fn rows(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(bytes);
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn lines_and_adjustments_add_up_to_the_subtotal() {
    let terms = Terms::from_toml(ACME, "acme.toml").unwrap();
    let fraud =
        Counts { gross: 14, givt: 3, duplicate: 1, billable: 10, spend_micros: 54_123_456, ..Counts::default() };
    let document = invoice(&terms, &usage(&[("brand", clicks(3, 6_000_000_000)), ("spring", fraud)]));
    let rows = rows(&super::lines(&document).unwrap());
    let column = |name: &str| rows[0].iter().position(|column| column == name).unwrap();
    let cell = |row: usize, name: &str| rows[row][column(name)].as_str();
    assert_eq!(rows.len(), 1 + 2 + document.draft.bill.adjustments.len());
    let named = ["document", "kind", "period", "advertiser_id", "currency", "row", "what", "campaign_id"];
    let expected = ["INV-00000012", "invoice", "2026-03", "acme", "EUR", "line", "clicks", "spring"];
    assert_eq!(named.map(|name| cell(2, name)), expected);
    let counted = ["gross", "givt", "duplicate", "net", "total_net", "billable", "spend_micros", "price", "amount"];
    assert_eq!(counted.map(|name| cell(2, name)), ["14", "3", "1", "10", "10", "10", "54123456", "5.412346", "54.12"]);
    assert_eq!([cell(2, "price_is_exact"), cell(3, "gross"), cell(3, "row")], ["false", "", "adjustment"]);
    let sum: i128 = (1..rows.len()).map(|row| cell(row, "amount").replace('.', "").parse::<i128>().unwrap()).sum();
    assert_eq!(sum, document.draft.bill.subtotal);
}

#[test]
fn ids_are_exactly_what_they_are() {
    let ids = ["=1+1", "+x", "-x", "@x", "a,b", "\"quoted\"", "two\r\nlines", "\t", "Ü\u{1f980}", "", " a "];
    let counted: Vec<_> = ids.iter().map(|id| (*id, clicks(1, 1))).collect();
    let document = invoice(&crate::testing::plain("EUR"), &usage(&counted));
    let bytes = super::lines(&document).unwrap();
    let found: Vec<String> = rows(&bytes).into_iter().skip(1).map(|row| row[7].clone()).collect();
    let mut expected = ids;
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(bytes.starts_with(b"\"document\",\"kind\",") && bytes.ends_with(b"\r\n"));
}

#[test]
fn amounts_of_a_note_are_signed_and_exact() {
    let terms = crate::testing::plain("KWD");
    let issued = invoice(&terms, &usage(&[("a", clicks(10, 10_000_000))]));
    let note = note(&issued, &usage(&[("a", clicks(9, 8_999_500))]), Reason::Givt);
    let rows = rows(&super::lines(&note).unwrap());
    assert_eq!(rows[1].last().unwrap(), &money::show(terms.currency, -1_000));
    assert_eq!(rows[1][1], "credit_note");
}
