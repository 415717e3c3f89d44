use super::*;
use crate::{
    bill::bill,
    terms::{Minimum, Terms},
    testing::{clicks, plain, usage},
};

#[test]
fn rows_that_changed_are_shown_with_what_moved() {
    let terms = Terms { minimums: vec![Minimum { campaign: None, amount: 500 }], ..plain("EUR") };
    let whole = |campaigns: &[(&str, Counts)]| bill(&usage(campaigns), &terms, terms.currency).unwrap();
    let found = Counts { gross: 10, sivt: 4, billable: 6, spend_micros: 3_000_000, ..Counts::default() };
    let before = whole(&[("a", clicks(10, 5_000_000)), ("b", clicks(1, 1_000_000)), ("c", clicks(1, 1))]);
    let after = whole(&[("a", found), ("b", clicks(1, 1_000_000)), ("d", clicks(2, 10_000))]);
    let difference = between(&before, &after).unwrap();
    let shown: Vec<_> = difference.rows.iter().map(|row| (row.before, row.after, row.cause())).collect();
    assert_eq!(
        shown,
        [
            (Some(500), Some(300), "sivt +4, billable -4, spend -2.000000".to_owned()),
            (Some(0), None, "gross -1, billable -1, spend -0.000001".to_owned()),
            (None, Some(1), "gross +2, billable +2, spend +0.010000".to_owned()),
            (None, Some(99), String::new()),
            // Nothing is taxed, before and after.
        ]
    );
    assert!(matches!(&difference.rows[3].row, Row::Adjustment { is_of_account: true, .. }));
    assert_eq!((difference.subtotal, difference.total), ((600, 500), (600, 500)));
    assert_eq!(between(&before, &before).unwrap().rows, []);
}

#[test]
fn bills_of_two_currencies_have_no_difference() {
    let (euros, yen) = (plain("EUR"), plain("JPY"));
    let one = usage(&[("a", clicks(1, 1_000_000))]);
    let bills = [&euros, &yen].map(|terms| bill(&one, terms, terms.currency).unwrap());
    assert!(between(&bills[0], &bills[1]).unwrap_err().to_string().contains("JPY"));
}
