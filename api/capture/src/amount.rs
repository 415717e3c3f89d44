//! Money as text: decimals to integer micros, exactly, without a float in between.
#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

/// Millionths: six decimals.
const MICRO_DIGITS: i64 = 6;
/// More digits than any amount of i64 micros has; longer texts are refused before they are read.
const DIGITS_MAX: usize = 64;

/// Reads a JSON number or plain decimal text (`12`, `0.05`, `1e-6`) as micros.
///
/// Exact or not at all: the value may have at most six decimals (zeros behind them add nothing), is never negative,
/// and fits an i64 of micros.
///
/// # Errors
/// A present-tense phrase that follows the field's name, as in "`price` has more than six decimals".
pub fn micros_of_decimal(text: &str) -> Result<i64, &'static str> {
    const NO_AMOUNT: &str = "is not a decimal amount";
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| NO_AMOUNT)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return Err(NO_AMOUNT),
        Some((whole, fraction)) => (whole, fraction),
        None => (mantissa, ""),
    };
    let is_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return Err(NO_AMOUNT);
    }
    if mantissa.len() > DIGITS_MAX {
        return Err("has too many digits");
    }
    let digits: String = [whole, fraction].concat();
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    if negative {
        return Err("is negative");
    }
    // The value is `significant * 10^scale` micros.
    let fraction_digits = i64::try_from(fraction.len()).map_err(|_| NO_AMOUNT)?;
    let dropped_zeros = i64::try_from(digits.len().saturating_sub(significant.len())).map_err(|_| NO_AMOUNT)?;
    let scale =
        i64::from(exponent).saturating_sub(fraction_digits).saturating_add(dropped_zeros).saturating_add(MICRO_DIGITS);
    if scale < 0 {
        return Err("has more than six decimals");
    }
    let power = u32::try_from(scale).ok().and_then(|scale| 10_i64.checked_pow(scale));
    let value = significant.parse::<i64>().ok().zip(power);
    value.and_then(|(value, power)| value.checked_mul(power)).ok_or("is larger than an amount can be")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<i64, &str>) {
        assert_eq!(micros_of_decimal(text), expected, "{text}");
    }

    #[test]
    fn decimal_becomes_micros_exactly() {
        check("0", Ok(0));
        check("-0", Ok(0));
        check("0.000", Ok(0));
        check("0e999999", Ok(0));
        check("1", Ok(1_000_000));
        check("0.05", Ok(50_000));
        check("0.1", Ok(100_000));
        check("12.345678", Ok(12_345_678));
        check("0.000001", Ok(1));
        check("1e-6", Ok(1));
        check("1e-06", Ok(1));
        check("2.5E-1", Ok(250_000));
        check("1e+3", Ok(1_000_000_000));
        check("1.50000000000", Ok(1_500_000));
        check("007.5", Ok(7_500_000));
        check("9223372036854.775807", Ok(i64::MAX));
    }

    #[test]
    fn amount_that_is_not_exact_or_does_not_fit_is_refused() {
        check("0.0000001", Err("has more than six decimals"));
        check("0.30000000000000004", Err("has more than six decimals"));
        check("1e-7", Err("has more than six decimals"));
        check("-1", Err("is negative"));
        check("-0.000001", Err("is negative"));
        check("9223372036854.775808", Err("is larger than an amount can be"));
        check("1e308", Err("is larger than an amount can be"));
        check("1e2147483647", Err("is larger than an amount can be"));
        check(&"9".repeat(65), Err("has too many digits"));
        for text in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "+1",
            "1,5",
            "NaN",
            "Infinity",
            "1e",
            "1e1.5",
            "0x10",
            "1 ",
            "1e99999999999",
            "١",
        ] {
            check(text, Err("is not a decimal amount"));
        }
    }
}
