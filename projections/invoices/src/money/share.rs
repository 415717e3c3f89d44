//! Shares of amounts: rates of taxes and discounts.

use std::fmt;

use super::amount::{decimals, divide};
use crate::error::Error;

/// All of it.
const WHOLE: u32 = 10_000;

/// A share in hundredths of a percent: 1900 is 19 %. At most all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BasisPoints(u32);

impl BasisPoints {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A share of at most all.
    ///
    /// # Errors
    /// [`Error::Field`] for more than 10000.
    pub fn new(points: u32) -> Result<Self, Error> {
        match points {
            0..=WHOLE => Ok(Self(points)),
            _ => Err(Error::Field(format!("{points} basis points are more than all of it, which is {WHOLE}"))),
        }
    }

    /// As hundredths of a percent.
    pub const fn points(self) -> u32 {
        self.0
    }

    /// This share of an amount, half away from zero.
    pub fn of(self, amount: i128) -> i128 {
        let points = i128::from(self.0);
        let whole = i128::from(WHOLE);
        let (many, rest) = (amount.checked_div(whole), amount.checked_rem(whole));
        let (many, rest) = many.zip(rest).expect("not divided by zero");
        // Neither overflows: a share is at most the amount, and the rest is less than ten thousand.
        let exact = many.checked_mul(points).expect("at most the amount");
        let rounded = divide(rest.checked_mul(points).expect("small"), whole);
        exact.checked_add(rounded).expect("at most the amount")
    }

    /// As percents with two decimals: `19.00`.
    pub fn percent(self) -> String {
        decimals(self.0.into(), 2)
    }
}

impl fmt::Display for BasisPoints {
    /// As in `19.00 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.percent())
    }
}
