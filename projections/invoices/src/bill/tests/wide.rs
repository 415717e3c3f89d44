//! As many lines as an account can have.

use crate::{
    bill::bill,
    testing::{clicks, draft, plain},
    usage::Usage,
};

#[test]
fn two_hundred_thousand_lines_are_billed_written_and_read_back() {
    let campaigns = (0..200_000).map(|number| (format!("campaign-{number:06}"), clicks(3, 1_000_000 + number)));
    let usage = Usage { campaigns: campaigns.collect() };
    let terms = plain("EUR");
    let bill = bill(&usage, &terms, terms.currency).unwrap();
    assert_eq!((bill.lines.len(), bill.subtotal), (200_000, 22_000_000));
    let draft = draft(terms, bill);
    let bytes = draft.canonical();
    assert!(bytes.len() < 80 << 20, "{} bytes: about 300 a line", bytes.len());
    assert_eq!(crate::Draft::from_canonical(&bytes).unwrap(), draft);
    assert_eq!(crate::csv::lines_of_draft(&draft).unwrap().iter().filter(|byte| **byte == b'\n').count(), 200_001);
    assert!(crate::table::lines_of_draft(&draft).unwrap().len() < 8 << 20);
}
