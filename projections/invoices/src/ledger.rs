//! Documents as bookings: double entry, as a CSV that finance imports.
//!
//! | account | of an invoice | what |
//! |---|---|---|
//! | `receivable` | debit | the total: what the customer owes |
//! | `revenue` | credit | lines and minimums |
//! | `discounts` | debit | caps and discounts: they lower revenue |
//! | `tax` | credit | taxes, a booking for each category and rate |
//!
//! A credit note has the same accounts on the other side, so that together they are what is owed. Of every document
//! the debits are the credits. An account that does not change has no booking.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

use crate::{
    bill::AdjustmentKind,
    csv::{Cell, Table},
    document::Document,
    error::Error,
    money::{self, BasisPoints},
    terms::TaxCategory,
    words::words,
};

words! {
    /// What is booked to.
    pub enum Account("account") {
        /// What customers owe.
        Receivable = "receivable",
        /// What was earned.
        Revenue = "revenue",
        /// What of it is not asked for.
        Discounts = "discounts",
        /// What is owed to the tax office.
        Tax = "tax",
    }
}

/// One booking of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// To which account.
    pub account: Account,
    /// Of taxes, which.
    pub tax: Option<(TaxCategory, BasisPoints)>,
    /// Minor units, or zero.
    pub debit: i128,
    /// Minor units, or zero.
    pub credit: i128,
}

/// The bookings of a document.
///
/// # Errors
/// [`Error::Overflow`].
pub fn entries(document: &Document) -> Result<Vec<Entry>, Error> {
    let bill = &document.draft.bill;
    let (mut revenue, mut discounts) = (bill.sum_of_lines()?, 0_i128);
    for adjustment in &bill.adjustments {
        let account = match adjustment.kind {
            AdjustmentKind::Minimum => &mut revenue,
            AdjustmentKind::Cap | AdjustmentKind::Discount => &mut discounts,
        };
        *account = account.checked_add(adjustment.amount).ok_or_else(|| Error::overflow("a booking"))?;
    }
    // Debits are positive.
    let negative = |amount: i128| amount.checked_neg().ok_or_else(|| Error::overflow("a booking"));
    let mut changes = vec![
        (Account::Receivable, None, bill.total),
        (Account::Revenue, None, negative(revenue)?),
        (Account::Discounts, None, negative(discounts)?),
    ];
    for tax in &bill.tax {
        changes.push((Account::Tax, Some((tax.category, tax.rate)), negative(tax.amount)?));
    }
    let sum = changes.iter().try_fold(0_i128, |sum, (.., change)| sum.checked_add(*change));
    if sum.ok_or_else(|| Error::overflow("the bookings"))? != 0 {
        return Err(Error::Contradiction(format!("{}: its debits are not its credits", document.name())));
    }
    let changed = changes.into_iter().filter(|(.., change)| *change != 0);
    let entry = |(account, tax, change): (Account, _, i128)| {
        Ok(Entry { account, tax, debit: change.max(0), credit: negative(change)?.max(0) })
    };
    changed.map(entry).collect()
}

/// The bookings of documents, in the order in which they are given: one after the other, so that those of a period are
/// never held at once.
#[derive(Debug)]
pub struct Bookings(Table);

impl Bookings {
    /// None yet.
    pub fn new() -> Self {
        const NAMES: [&str; 11] = [
            "date",
            "document",
            "kind",
            "period",
            "advertiser_id",
            "account",
            "tax_category",
            "tax_rate_basis_points",
            "debit",
            "credit",
            "currency",
        ];
        let mut table = Table::new();
        table.row(NAMES.map(Cell::Text));
        Self(table)
    }

    /// Adds those of a document.
    ///
    /// # Errors
    /// As [`entries`].
    pub fn add(&mut self, document: &Document) -> Result<(), Error> {
        let draft = &document.draft;
        let currency = draft.bill.currency;
        let (date, name) = (document.issued_on.to_string(), document.name());
        let period = draft.pins.period.name.to_string();
        for entry in entries(document)? {
            let (category, rate) = entry.tax.unzip();
            let rate = rate.map_or_else(String::new, |rate| rate.points().to_string());
            let amount = |amount: i128| match amount {
                0 => String::new(),
                amount => money::show(currency, amount),
            };
            let (debit, credit) = (amount(entry.debit), amount(entry.credit));
            self.0.row([
                Cell::Number(&date),
                Cell::Text(&name),
                Cell::Text(draft.kind.as_str()),
                Cell::Text(&period),
                Cell::Text(&draft.advertiser_id),
                Cell::Text(entry.account.as_str()),
                Cell::Text(category.map_or("", TaxCategory::as_str)),
                Cell::Number(&rate),
                Cell::Number(&debit),
                Cell::Number(&credit),
                Cell::Text(currency.code()),
            ]);
        }
        Ok(())
    }

    /// All of them, as CSV.
    pub fn csv(self) -> Vec<u8> {
        self.0.finish()
    }
}

impl Default for Bookings {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
