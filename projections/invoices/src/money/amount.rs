//! Currencies, and amounts in whole numbers of their minor unit.

use std::{fmt, str::FromStr};

use crate::error::Error;

/// Micros of one unit of money: prices and sums are millionths.
pub const MICROS: i128 = 1_000_000;
/// Digits behind the point of a price. A currency has at most as many.
const MICRO_DIGITS: u8 = 6;
/// Digits of an amount that a person writes: more is a mistake.
const AMOUNT_DIGITS_MAX: usize = 18;

/// A currency with a minor unit, by ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: [u8; 3],
    exponent: u8,
}

impl Currency {
    /// The currency of an ISO 4217 code in capitals, as in `EUR`, also one that another has superseded.
    ///
    /// # Errors
    /// [`Error::Currency`] for other text and for codes without a minor unit, as gold (`XAU`) is.
    pub fn parse(code: &str) -> Result<Self, Error> {
        let unknown = || Error::Currency(format!("{code:?} is not an ISO 4217 currency: write its code, as in EUR"));
        let known = iso_currency::Currency::from_code(code).ok_or_else(unknown)?;
        let exponent = known.exponent().and_then(|exponent| u8::try_from(exponent).ok()).ok_or_else(|| {
            Error::Currency(format!("{code} ({}) has no minor unit, so nothing can be billed in it", known.name()))
        })?;
        Self::pinned(code, exponent)
    }

    /// The currency of a document, which says itself how many decimals its amounts have: a later table of ISO 4217
    /// changes no document.
    ///
    /// # Errors
    /// [`Error::Currency`] if the code is no three capitals, or the decimals are more than six.
    pub fn pinned(code: &str, exponent: u8) -> Result<Self, Error> {
        let letters = <[u8; 3]>::try_from(code.as_bytes()).ok();
        match letters.filter(|letters| letters.iter().all(u8::is_ascii_uppercase)) {
            Some(code) if exponent <= MICRO_DIGITS => Ok(Self { code, exponent }),
            Some(_) => Err(Error::Currency(format!("{code} with {exponent} decimals: prices have {MICRO_DIGITS}"))),
            None => Err(Error::Currency(format!("{code:?} is not a currency: three capitals, as in EUR"))),
        }
    }

    /// Its code.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).expect("capitals are text")
    }

    /// The decimals of its amounts: 0, 2, 3 or 4 today.
    pub const fn exponent(&self) -> u8 {
        self.exponent
    }

    /// Micros of one minor unit.
    pub fn micros_per_minor(&self) -> i128 {
        let digits = MICRO_DIGITS.checked_sub(self.exponent).expect("checked when it was made");
        10_i128.checked_pow(digits.into()).expect("at most a million")
    }

    /// Reads an amount that a person wrote: `1250`, `1250.5` or `1250.50`, with no more decimals than the currency has.
    ///
    /// # Errors
    /// [`Error::Currency`] says what to write.
    pub fn amount(&self, text: &str) -> Result<i128, Error> {
        let refused = |why: &str| Error::Currency(format!("{text:?} is no amount of {self}: {why}"));
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) {
            return Err(refused("write digits and a point, as in 1250.50"));
        }
        let exponent = usize::from(self.exponent);
        let kept = decimals.trim_end_matches('0');
        if kept.len() > exponent {
            return Err(refused(&format!("it has {exponent} decimals")));
        }
        if whole.len() > AMOUNT_DIGITS_MAX {
            return Err(refused("it is too large"));
        }
        let minor: i128 = format!("{whole}{kept:0<exponent$}").parse().map_err(|_| refused("it is too large"))?;
        Ok(minor.checked_mul(sign).expect("fewer than 25 digits"))
    }
}

/// Micros of a currency as whole minor units: half away from zero.
pub fn round_micros(currency: Currency, micros: i128) -> i128 {
    divide(micros, currency.micros_per_minor())
}

/// A quotient to the nearest whole number, half away from zero. The divisor is positive.
pub(crate) fn divide(number: i128, divisor: i128) -> i128 {
    assert!(divisor > 0, "divide by what was counted");
    let whole = number.checked_div(divisor).expect("positive");
    let rest = number.checked_rem(divisor).expect("positive").unsigned_abs();
    // The rest is less than the divisor, so what is left to it never overflows.
    let is_up = rest >= divisor.unsigned_abs().checked_sub(rest).expect("a rest is less than its divisor");
    match is_up {
        true => whole.checked_add(number.signum()).expect("a quotient that has a rest is less than its number"),
        false => whole,
    }
}

/// An amount as its exact decimals: `-12.30`, and `5` where the currency has none. No grouping.
pub fn show(currency: Currency, minor: i128) -> String {
    decimals(minor, currency.exponent)
}

/// Micros as decimals of the major unit, with all six digits: `0.250000`.
pub fn show_micros(micros: i128) -> String {
    decimals(micros, MICRO_DIGITS)
}

/// A whole number with a point before its last digits.
pub(super) fn decimals(number: i128, digits: u8) -> String {
    let digits = usize::from(digits);
    let sign = if number < 0 { "-" } else { "" };
    let all = format!("{:0>width$}", number.unsigned_abs(), width = digits.saturating_add(1));
    let (whole, behind) = all.split_at(all.len().saturating_sub(digits));
    match behind {
        "" => format!("{sign}{whole}"),
        behind => format!("{sign}{whole}.{behind}"),
    }
}

impl FromStr for Currency {
    type Err = Error;

    fn from_str(code: &str) -> Result<Self, Error> {
        Self::parse(code)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.code(), self.exponent)
    }
}
