//! A document's lines and adjustments as CSV, by RFC 4180: comma, CRLF, UTF-8 without a mark, a header.
//!
//! Texts are in quotes, always; numbers never are. Texts are exactly what they are in the document: an id that begins
//! with `=`, `+`, `-` or `@` is not changed, because then it would be no key any more to whoever joins by it. A
//! spreadsheet may take such a text for a formula: import the columns as text, or use the Parquet file.

use crate::{
    document::{Document, Draft},
    error::Error,
    exported::{COUNTS, Exported, Row, counted},
    money::{self, Currency},
};

/// The lines of a document.
///
/// # Errors
/// [`Error::Overflow`].
pub fn lines(document: &Document) -> Result<Vec<u8>, Error> {
    write(Exported::document(document))
}

/// The lines of a draft: the column `document` is empty.
///
/// # Errors
/// [`Error::Overflow`].
pub fn lines_of_draft(draft: &Draft) -> Result<Vec<u8>, Error> {
    write(Exported::draft(draft))
}

fn write(exported: Exported<'_>) -> Result<Vec<u8>, Error> {
    let draft = exported.draft;
    let mut table = Table::new();
    let names = ["document", "kind", "period", "advertiser_id", "currency", "row", "what", "campaign_id"];
    let behind = ["spend_micros", "price", "price_is_exact", "rate_basis_points", "amount"];
    table.row(names.into_iter().chain(COUNTS).chain(behind).map(Cell::Text));
    let (name, period) = (exported.name(), draft.pins.period.name.to_string());
    let head = [&name, draft.kind.as_str(), &period, &draft.advertiser_id, draft.bill.currency.code()].map(Cell::Text);
    for row in exported.rows() {
        let numbers = numbers(&row, draft.bill.currency)?;
        let texts = [row.row, row.what, row.campaign_id.unwrap_or_default()].map(Cell::Text);
        table.row(head.into_iter().chain(texts).chain(numbers.iter().map(|number| Cell::Number(number))));
    }
    Ok(table.finish())
}

fn numbers(row: &Row<'_>, currency: Currency) -> Result<Vec<String>, Error> {
    let mut numbers = Vec::with_capacity(COUNTS.len() + 5);
    match row.counts {
        Some(counts) => {
            numbers.extend(counted(counts)?.map(|count| count.to_string()));
            numbers.push(counts.spend_micros.to_string());
        }
        None => numbers.resize(COUNTS.len() + 1, String::new()),
    }
    numbers.push(row.price.map_or_else(String::new, |price| price.to_string()));
    numbers.push(row.price.map_or_else(String::new, |price| price.is_exact.to_string()));
    numbers.push(row.rate.map_or_else(String::new, |rate| rate.points().to_string()));
    numbers.push(money::show(currency, row.amount));
    Ok(numbers)
}

/// A cell: texts are quoted, so that an empty text and nothing are two things.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'c> {
    Text(&'c str),
    /// A number, `true` or `false`, or nothing.
    Number(&'c str),
}

/// CSV in memory.
#[derive(Debug)]
pub(crate) struct Table(Vec<u8>);

impl Table {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn row<'c>(&mut self, cells: impl IntoIterator<Item = Cell<'c>>) {
        for (index, cell) in cells.into_iter().enumerate() {
            if index > 0 {
                self.0.push(b',');
            }
            match cell {
                Cell::Number(text) => self.0.extend_from_slice(text.as_bytes()),
                Cell::Text(text) => {
                    self.0.push(b'"');
                    for part in text.split_inclusive('"') {
                        self.0.extend_from_slice(part.as_bytes());
                        if part.ends_with('"') {
                            self.0.push(b'"');
                        }
                    }
                    self.0.push(b'"');
                }
            }
        }
        self.0.extend_from_slice(b"\r\n");
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests;
