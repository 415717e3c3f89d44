//! Lines (BG-25), and what terms add and take off (BG-20, BG-21).
//!
//! The price of a line is its amount, for a base quantity of all its billable clicks: so quantity times price is
//! exactly the amount. The average price of a click, which is not exact, is an attribute of the item, as the counts
//! are.

use clicktrail_invoices::Counts;
use en16931::{
    InvoiceAmount, InvoiceLine, Quantity, UnitPriceAmount,
    invoice::{DocumentAllowanceCharge, Item, ItemAttribute, LineVat, PriceDetails},
};

use super::writer::Writer;
use crate::{
    compose::money,
    error::Error,
    language::{fill, words},
    rows::{self, Row, What},
    shown::for_xml,
};

/// An allowance or a charge.
pub(super) type Extra = DocumentAllowanceCharge;

/// The unit of clicks: one (UN/ECE Recommendation 20).
const UNIT: &str = "C62";

pub(super) fn lines(writer: &Writer<'_>, vat: &LineVat) -> Result<Vec<InvoiceLine>, Error> {
    let bill = &writer.document.draft.bill;
    let rows = rows::rows(&bill.lines).map_err(|error| Error::Document(error.to_string()))?;
    if rows.is_empty() {
        return Ok(vec![writer.no_clicks(vat)]);
    }
    rows.iter().enumerate().map(|(at, row)| writer.line(at.saturating_add(1), row, vat)).collect()
}

impl Writer<'_> {
    /// An invoice has at least one line (BR-16), also where only a minimum is billed.
    fn no_clicks(&self, vat: &LineVat) -> InvoiceLine {
        let name = words(self.document.draft.terms.language).no_lines;
        let rate = vat.rate;
        InvoiceLine::new("1", name, Quantity::ZERO, UNIT, InvoiceAmount::ZERO, vat.category.clone(), rate)
    }

    fn line(&self, number: usize, row: &Row<'_>, vat: &LineVat) -> Result<InvoiceLine, Error> {
        let amount = self.amount(row.amount)?;
        let (quantity, price) = self.priced(row.counts.billable, amount)?;
        let id = number.to_string();
        let line = InvoiceLine::new(id, self.name(&row.what), quantity, UNIT, amount, vat.category.clone(), vat.rate);
        let item = Item { name: Some(self.name(&row.what)), attributes: self.attributes(row), ..Item::default() };
        Ok(line.with_price(price).with_item(item))
    }

    /// How many, and what they cost. A price is never negative (BR-27), so the quantity has the amount's sign; where
    /// the clicks have another, the amount is one item.
    fn priced(&self, billable: i64, amount: InvoiceAmount) -> Result<(Quantity, PriceDetails), Error> {
        let too_large = || Error::Document(format!("{billable} clicks at {amount} are too many for a line"));
        let clicks = if self.is_turned { billable.checked_neg() } else { Some(billable) }.ok_or_else(too_large)?;
        let quantity = |number: i64| number.to_string().parse::<Quantity>().map_err(|_| too_large());
        if amount.is_zero() {
            return Ok((quantity(clicks)?, PriceDetails::default()));
        }
        let price = UnitPriceAmount::new(amount.checked_abs().map_err(|_| too_large())?.into_decimal());
        let sign = if amount.is_negative() { -1 } else { 1 };
        match clicks.signum() == sign {
            true => {
                let all = quantity(clicks.checked_abs().ok_or_else(too_large)?)?;
                let price = PriceDetails {
                    net_price: price,
                    base_quantity: Some(all),
                    base_quantity_code: Some(UNIT.into()),
                    ..PriceDetails::default()
                };
                Ok((quantity(clicks)?, price))
            }
            false => Ok((quantity(sign)?, PriceDetails { net_price: price, ..PriceDetails::default() })),
        }
    }

    fn name(&self, what: &What<'_>) -> String {
        match what {
            What::Campaign(campaign) => for_xml(campaign).into_owned(),
            What::Block { first, last, from, to } => {
                let (first, last) = (first.to_string(), last.to_string());
                let (from, to) = (for_xml(from), for_xml(to));
                let values = [("first", first.as_str()), ("last", &last), ("from", &from), ("to", &to)];
                fill(words(self.document.draft.terms.language).block, &values)
            }
        }
    }

    /// The counts as the document's JSON has them. Those of a note are changes, and are called so.
    fn attributes(&self, row: &Row<'_>) -> Vec<ItemAttribute> {
        let is_change = self.document.draft.kind.is_note();
        let name = |count: &str| if is_change { format!("{count}_change") } else { count.to_owned() };
        let attribute = |name: String, value: String| ItemAttribute { name: Some(name), value: Some(value) };
        let counts: [(&str, i64); 6] = Counts::named(&row.counts);
        let counts = counts.into_iter().map(|(count, clicks)| attribute(name(count), clicks.to_string()));
        let price = row.price.map(|price| attribute("average_price".to_owned(), price.to_string()));
        counts.chain(price).collect()
    }

    /// What the terms take off, and what they add; both as positive amounts.
    pub(super) fn adjustments(&self, vat: &LineVat) -> Result<(Vec<Extra>, Vec<Extra>), Error> {
        let draft = &self.document.draft;
        let speech = draft.terms.language;
        let (mut allowances, mut charges) = (Vec::new(), Vec::new());
        let extras = rows::extras(&draft.bill.adjustments).map_err(|error| Error::Document(error.to_string()))?;
        for extra in extras {
            let amount = self.amount(extra.amount)?;
            if amount.is_zero() {
                continue;
            }
            let too_large = |_| Error::Document("an adjustment is too large for an invoice".to_owned());
            let reason = money::adjustment(speech, &extra, words(speech), |text| for_xml(text).into_owned());
            let of_its_kind = if amount.is_negative() { &mut allowances } else { &mut charges };
            of_its_kind.push(Extra {
                amount: amount.checked_abs().map_err(too_large)?,
                base_amount: None,
                percentage: None,
                vat: vat.clone(),
                reason: Some(reason),
                reason_code: None,
            });
        }
        Ok((allowances, charges))
    }
}
