#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use proptest::prelude::*;

use super::*;

#[track_caller]
fn rounds(code: &str, micros: i128, expected: &str) {
    let currency = Currency::parse(code).unwrap();
    assert_eq!(show(currency, round_micros(currency, micros)), expected, "{micros} micros of {code}");
}

#[test]
fn half_a_minor_unit_is_rounded_away_from_zero() {
    rounds("EUR", 4_999, "0.00");
    rounds("EUR", 5_000, "0.01");
    rounds("EUR", -4_999, "0.00");
    rounds("EUR", -5_000, "-0.01");
    rounds("EUR", 12_345_000, "12.35");
    rounds("JPY", 499_999, "0");
    rounds("JPY", 500_000, "1");
    rounds("JPY", -1_500_000, "-2");
    rounds("KWD", 1_500, "0.002");
    rounds("KWD", -1_499, "-0.001");
    rounds("CLF", 1_050, "0.0011");
    rounds("UYW", 1_049, "0.0010");
    rounds("EUR", i128::MAX, "170141183460469231731687303715884.11");
    rounds("EUR", i128::MIN, "-170141183460469231731687303715884.11");
}

#[test]
fn currency_without_a_minor_unit_is_refused() {
    for (code, says) in [("XAU", "Gold"), ("XXX", "no minor unit"), ("XTS", "no minor unit"), ("XDR", "no minor unit")]
    {
        let error = Currency::parse(code).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains(code), "{error}");
    }
    for code in ["", "eur", "EURO", "€", "EU", "ABC", "E\0R"] {
        assert!(Currency::parse(code).unwrap_err().to_string().contains("ISO 4217"), "{code}");
    }
}

#[test]
fn decimals_are_those_of_iso_4217() {
    let all =
        [("JPY", 0), ("ISK", 0), ("XOF", 0), ("EUR", 2), ("HUF", 2), ("KWD", 3), ("TND", 3), ("CLF", 4), ("UYW", 4)];
    for (code, exponent) in all {
        assert_eq!(Currency::parse(code).unwrap().exponent(), exponent, "{code}");
    }
    use iso_currency::IntoEnumIterator as _;
    for known in iso_currency::Currency::iter() {
        let ours = Currency::parse(known.code());
        assert_eq!(ours.is_ok(), known.exponent().is_some(), "{}", known.code());
        assert!(ours.is_err() || matches!(ours.unwrap().exponent(), 0 | 2..=4), "{}", known.code());
    }
}

#[test]
fn amounts_that_people_write_are_read_exactly_or_refused() {
    let eur = Currency::parse("EUR").unwrap();
    for (text, minor) in [("0", 0), ("12", 1200), ("12.5", 1250), ("12.50", 1250), ("12.500", 1250), ("-0.01", -1)] {
        assert_eq!(eur.amount(text).unwrap(), minor, "{text}");
    }
    let jpy = Currency::parse("JPY").unwrap();
    assert_eq!(jpy.amount("500.00").unwrap(), 500);
    for text in
        ["", "-", ".5", "5.", "1,5", "1e3", "+1", " 1", "1 ", "0.001", "--1", "1.2.3", "٣", "9999999999999999999"]
    {
        let error = eur.amount(text).unwrap_err().to_string();
        assert!(error.contains(text) && error.contains("EUR"), "{error}");
    }
    assert!(jpy.amount("0.5").is_err());
}

#[test]
fn a_share_is_at_most_all_of_it() {
    assert_eq!(BasisPoints::new(1900).unwrap().to_string(), "19.00 %");
    assert_eq!(BasisPoints::new(10_000).unwrap().of(i128::MAX), i128::MAX);
    assert_eq!(BasisPoints::new(10_000).unwrap().of(i128::MIN), i128::MIN);
    assert!(BasisPoints::new(10_001).is_err());
}

proptest! {
    #[test]
    fn rounding_is_the_nearest_and_symmetric(micros in -(1_i128 << 100)..1 << 100, exponent in 0_u8..=6) {
        let currency = Currency::pinned("ABC", exponent).unwrap();
        let (unit, minor) = (currency.micros_per_minor(), round_micros(currency, micros));
        let off = minor * unit - micros;
        prop_assert!(2 * off.abs() <= unit);
        prop_assert!(2 * off.abs() < unit || off.signum() == micros.signum() || unit == 1, "the middle goes away from zero");
        prop_assert_eq!(round_micros(currency, -micros), -minor);
    }

    #[test]
    fn shown_amount_is_read_back(minor in -(10_i128.pow(17))..10_i128.pow(17), exponent in 0_u8..=6) {
        let currency = Currency::pinned("ABC", exponent).unwrap();
        prop_assert_eq!(currency.amount(&show(currency, minor)).unwrap(), minor);
    }

    #[test]
    fn share_is_the_nearest_amount(amount in -(1_i128 << 100)..1 << 100, points in 0_u32..=10_000) {
        let share = BasisPoints::new(points).unwrap().of(amount);
        let off = share * 10_000 - amount * i128::from(points);
        prop_assert!(2 * off.abs() <= 10_000);
        prop_assert_eq!(BasisPoints::new(points).unwrap().of(-amount), -share);
    }
}
