//! Amounts: whole minor units of a currency, as documents write them, and the one way of rounding: to the nearest, and
//! from the middle away from zero. Nothing wraps; what does not fit 127 bits is an error.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

use super::document::DECIMALS_MAX;

/// All of it, in hundredths of a percent.
const WHOLE: i128 = 10_000;

/// A sum does not fit 127 bits, or a count 63.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sum is beyond what can be counted")]
pub(super) struct Overflow;

pub(super) fn plus(one: i128, other: i128) -> Result<i128, Overflow> {
    one.checked_add(other).ok_or(Overflow)
}

pub(super) fn less(one: i128, other: i128) -> Result<i128, Overflow> {
    one.checked_sub(other).ok_or(Overflow)
}

/// Micros of one minor unit.
pub(super) fn micros_per_minor(decimals: u8) -> i128 {
    let digits = DECIMALS_MAX.checked_sub(decimals).expect("checked when the document was read");
    10_i128.checked_pow(digits.into()).expect("at most a million")
}

/// A quotient to the nearest whole number, half away from zero. The divisor is positive.
pub(super) fn divide(number: i128, divisor: i128) -> Result<i128, Overflow> {
    let whole = number.checked_div(divisor).ok_or(Overflow)?;
    let rest = number.checked_rem(divisor).ok_or(Overflow)?.unsigned_abs();
    let is_up = divisor.unsigned_abs().checked_sub(rest).is_some_and(|missing| rest >= missing);
    match is_up {
        true => plus(whole, number.signum()),
        false => Ok(whole),
    }
}

/// A share of an amount in hundredths of a percent, at most all of it.
pub(super) fn share(amount: i128, basis_points: u32) -> Result<i128, Overflow> {
    let points = i128::from(basis_points);
    let (many, rest) = (amount.checked_div(WHOLE).ok_or(Overflow)?, amount.checked_rem(WHOLE).ok_or(Overflow)?);
    let exact = many.checked_mul(points).ok_or(Overflow)?;
    plus(exact, divide(rest.checked_mul(points).ok_or(Overflow)?, WHOLE)?)
}

/// A whole number with a point before its last digits, as documents write amounts.
pub(super) fn show(amount: i128, decimals: u8) -> String {
    let digits = usize::from(decimals);
    let sign = if amount < 0 { "-" } else { "" };
    let all = format!("{:0>width$}", amount.unsigned_abs(), width = digits.saturating_add(1));
    let (whole, behind) = all.split_at(all.len().saturating_sub(digits));
    match behind {
        "" => format!("{sign}{whole}"),
        behind => format!("{sign}{whole}.{behind}"),
    }
}

/// The amount that a text writes; `None` if it is another text than [`show`] would write.
pub(super) fn parse(text: &str, decimals: u8) -> Option<i128> {
    let digits: String = text.chars().filter(|digit| *digit != '.').collect();
    digits.parse().ok().filter(|amount| show(*amount, decimals) == text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

    use super::*;

    #[test]
    fn half_is_rounded_away_from_zero() {
        for (number, divisor, expected) in
            [(4_999, 10_000, 0), (5_000, 10_000, 1), (-4_999, 10_000, 0), (-5_000, 10_000, -1), (7, 1, 7), (-7, 2, -4)]
        {
            assert_eq!(divide(number, divisor), Ok(expected), "{number} / {divisor}");
        }
        assert_eq!(divide(i128::MAX, 1), Ok(i128::MAX));
        assert_eq!(divide(1, 0), Err(Overflow));
        assert_eq!(share(i128::MIN, 10_000), Ok(i128::MIN));
        assert_eq!(share(-5, 1_000), Ok(-1));
    }

    #[test]
    fn amount_has_one_text() {
        for (amount, decimals, text) in [(-1_230, 2, "-12.30"), (5, 0, "5"), (0, 3, "0.000"), (-1, 2, "-0.01")] {
            assert_eq!(show(amount, decimals), text);
            assert_eq!(parse(text, decimals), Some(amount));
        }
        for text in ["", "1", "1.0", "01.00", "+1.00", "-0.00", "1.000", ".10", "1,00"] {
            assert_eq!(parse(text, 2), None, "{text}");
        }
    }
}
