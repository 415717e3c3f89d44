//! Whether a bill adds up: checked when it is computed, and when it is read.

use super::{
    compute::rounding,
    parts::{Bill, Price, less, plus, sum},
};
use crate::error::Error;

impl Bill {
    /// Checks that lines and adjustments make the subtotal, that it and the taxes make the total, that the bases of
    /// the taxes are the subtotal, that prices and what was rounded are those of the lines, and the order of all.
    ///
    /// # Errors
    /// [`Error::Contradiction`] names the sum that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        let adjustments = sum(self.adjustments.iter().map(|adjustment| adjustment.amount), "the adjustments")?;
        let subtotal = plus(self.sum_of_lines()?, adjustments, "the subtotal")?;
        self.expect("subtotal", self.subtotal, "lines and adjustments", subtotal)?;
        let bases = sum(self.tax.iter().map(|tax| tax.base), "the bases of taxes")?;
        self.expect("subtotal", self.subtotal, "the bases of taxes", bases)?;
        let total = plus(subtotal, self.sum_of_taxes()?, "the total")?;
        self.expect("total", self.total, "subtotal and taxes", total)?;
        let rounded = rounding(&self.lines, self.currency)?;
        self.expect("rounding_micros", self.rounding_micros, "what rounding the lines added", rounded)?;
        self.check_lines()?;
        self.check_order()
    }

    fn expect(&self, name: &str, says: i128, what: &str, is: i128) -> Result<(), Error> {
        let by = less(is, says, "a difference")?;
        match by {
            0 => Ok(()),
            _ => Err(Error::Contradiction(format!("bill.{name} is not {what}: {by} are missing"))),
        }
    }

    fn check_lines(&self) -> Result<(), Error> {
        for line in &self.lines {
            let wrong = |what: &str| Err(Error::Contradiction(format!("line {:?}: {what}", line.campaign_id)));
            if line.counts.total_net()? != line.counts.billable {
                return wrong("clicks are neither billable nor invalid (I7)");
            }
            if Price::of(&line.counts)? != line.price {
                return wrong("the price is not spend by billable clicks");
            }
        }
        Ok(())
    }

    fn check_order(&self) -> Result<(), Error> {
        let lines = self.lines.is_sorted_by(|one, next| one.key() < next.key());
        let adjustments = self.adjustments.is_sorted_by(|one, next| one.key() < next.key());
        let taxes = self.tax.is_sorted_by(|one, next| one.key() < next.key());
        match lines && adjustments && taxes {
            true => Ok(()),
            false => {
                Err(Error::Contradiction("lines, adjustments or taxes are out of order, or one is twice".to_owned()))
            }
        }
    }
}
