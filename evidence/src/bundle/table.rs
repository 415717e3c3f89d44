//! Tables of a bundle: CSV in one form, so that a table's bytes follow from its values.
//!
//! A first line with the names of the columns, then one line a row; each ends with a line feed. Between values stands a
//! comma. A text stands in quotes, always, with each quote in it doubled; it may hold anything, line feeds too. A
//! number stands without: digits, no zeros in front, `-` if it is negative. What is not known is nothing at all.
//! Programs for tables read it; only this reader tells an empty text (`""`) from none.

mod column;
mod value;

use std::io::{BufRead, Write};

pub use column::{Column, Kind};
use value::Slot;
pub use value::is_number;

use crate::row::{self, Value};

/// The longest row that is read. A frame of the log, which holds whole events, has less.
pub const ROW_BYTES_MAX: usize = 4 << 20;

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be read at all.
    #[error("the table cannot be read")]
    Io(#[from] std::io::Error),
    /// A row is not in the one form, or does not fit the columns.
    #[error("line {line}: {reason}")]
    Row {
        /// Which line begins the row, from 1.
        line: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Writes the line with the names.
///
/// # Errors
/// As writing reports.
pub fn write_names(columns: &[Column], out: &mut impl Write) -> std::io::Result<()> {
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    writeln!(out, "{}", names.join(","))
}

/// Writes a row.
///
/// # Errors
/// As writing reports.
pub fn write_row<'v>(values: impl IntoIterator<Item = Value<'v>>, out: &mut impl Write) -> std::io::Result<()> {
    for (number, value) in values.into_iter().enumerate() {
        if number > 0 {
            out.write_all(b",")?;
        }
        match value {
            Value::Null => {}
            Value::Int(value) => write!(out, "{value}")?,
            Value::Decimal(text) => out.write_all(text.as_bytes())?,
            Value::Text(text) => {
                out.write_all(b"\"")?;
                for (number, piece) in text.split('"').enumerate() {
                    if number > 0 {
                        out.write_all(b"\"\"")?;
                    }
                    out.write_all(piece.as_bytes())?;
                }
                out.write_all(b"\"")?;
            }
        }
    }
    out.write_all(b"\n")
}

/// Reads a table row by row, holding one.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    columns: &'static [Column],
    buffer: String,
    /// Texts of the row that have quotes, without doubling.
    quoted: String,
    slots: Vec<Slot>,
    line: u64,
    lines: u64,
}

/// A row, until the next one is read.
#[derive(Debug, Clone, Copy)]
pub struct Row<'r> {
    text: &'r str,
    quoted: &'r str,
    slots: &'r [Slot],
    /// Which line of the table begins it, from 1.
    pub line: u64,
}

impl<'r> Row<'r> {
    /// The value of a column.
    ///
    /// # Panics
    /// If the table has no such column.
    pub fn value(&self, column: usize) -> Value<'r> {
        match self.slots[column] {
            Slot::Null => Value::Null,
            Slot::Int(value) => Value::Int(value),
            Slot::Text(start, end) => Value::Text(&self.text[start..end]),
            Slot::Quoted(start, end) => Value::Text(&self.quoted[start..end]),
            Slot::Decimal(start, end) => Value::Decimal(&self.text[start..end]),
        }
    }

    /// All values.
    pub fn values(&self) -> impl Iterator<Item = Value<'r>> + use<'r> {
        let row = *self;
        (0..self.slots.len()).map(move |column| row.value(column))
    }

    /// Adds the encoding of its first values to `bytes`, as a row of a kind.
    ///
    /// # Panics
    /// If the table does not have so many columns.
    pub fn encode(&self, kind: row::Kind, columns: usize, bytes: &mut Vec<u8>) {
        row::begin(kind, bytes);
        for slot in &self.slots[..columns] {
            match slot {
                Slot::Null => row::push(Value::Null, bytes),
                Slot::Int(value) => row::push(Value::Int(*value), bytes),
                Slot::Text(start, end) => row::push_text(self.text.as_bytes(), *start..*end, bytes),
                Slot::Quoted(start, end) => row::push_text(self.quoted.as_bytes(), *start..*end, bytes),
                Slot::Decimal(start, end) => row::push(Value::Decimal(&self.text[*start..*end]), bytes),
            }
        }
    }

    /// A number; 0 where there is none.
    pub fn int(&self, column: usize) -> i64 {
        match self.slots[column] {
            Slot::Int(value) => value,
            Slot::Null | Slot::Text(..) | Slot::Quoted(..) | Slot::Decimal(..) => 0,
        }
    }

    /// A text; empty where there is none.
    pub fn text(&self, column: usize) -> &'r str {
        match self.slots[column] {
            Slot::Text(start, end) | Slot::Decimal(start, end) => &self.text[start..end],
            Slot::Quoted(start, end) => &self.quoted[start..end],
            Slot::Null | Slot::Int(_) => "",
        }
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads the names, which must be those of the columns.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(from: R, columns: &'static [Column]) -> Result<Self, Error> {
        let (buffer, quoted, slots) = (String::new(), String::new(), Vec::with_capacity(columns.len()));
        let mut reader = Self { from, columns, buffer, quoted, slots, line: 1, lines: 1 };
        let mut expected = Vec::new();
        write_names(columns, &mut expected)?;
        match reader.fill()? && reader.buffer.as_bytes() == expected {
            true => Ok(reader),
            false => Err(Error::Row { line: 1, reason: "the names of the columns are not those of this table" }),
        }
    }

    /// The next row.
    ///
    /// # Errors
    /// See [`Error`].
    #[expect(clippy::should_implement_trait, reason = "a row lives until the next one, which no iterator allows")]
    pub fn next(&mut self) -> Result<Option<Row<'_>>, Error> {
        self.line = self.lines;
        if !self.fill()? {
            return Ok(None);
        }
        let line = self.line;
        if let Err(reason) = self.parse() {
            // Few texts hold line feeds: only then the row goes on.
            if !self.fill_further()? {
                return Err(Error::Row { line, reason });
            }
            self.parse().map_err(|reason| Error::Row { line, reason })?;
        }
        Ok(Some(Row { text: &self.buffer, quoted: &self.quoted, slots: &self.slots, line }))
    }

    /// Gets the bytes up to the next line feed; `false` if there are none.
    fn fill(&mut self) -> Result<bool, Error> {
        let mut bytes = std::mem::take(&mut self.buffer).into_bytes();
        bytes.clear();
        let is_there = self.read_line(&mut bytes)?;
        self.keep(bytes)?;
        Ok(is_there)
    }

    /// Gets the rest of a row whose first line ends within a text: up to a line feed that is not in quotes. `false` if
    /// it does not end there.
    fn fill_further(&mut self) -> Result<bool, Error> {
        let quotes = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'"').count();
        let mut count = quotes(self.buffer.as_bytes());
        if count.is_multiple_of(2) {
            return Ok(false);
        }
        let mut bytes = std::mem::take(&mut self.buffer).into_bytes();
        while !count.is_multiple_of(2) {
            let from = bytes.len();
            self.read_line(&mut bytes)?;
            count += quotes(&bytes[from..]);
        }
        self.keep(bytes)?;
        Ok(true)
    }

    /// Adds a line to a row; `false` if there is neither. A row that is cut, or too long, is none.
    fn read_line(&mut self, bytes: &mut Vec<u8>) -> Result<bool, Error> {
        let from = bytes.len();
        let left = (ROW_BYTES_MAX - from) as u64;
        std::io::Read::take(&mut self.from, left).read_until(b'\n', bytes)?;
        match bytes.get(from..) {
            None | Some([]) if from == 0 => return Ok(false),
            Some([.., b'\n']) => {}
            None | Some(_) => return Err(self.failed("it is longer than a row can be, or the table was cut here")),
        }
        self.lines += 1;
        Ok(true)
    }

    fn keep(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        self.buffer = String::from_utf8(bytes).map_err(|_| self.failed("it is not UTF-8"))?;
        Ok(())
    }

    fn failed(&self, reason: &'static str) -> Error {
        Error::Row { line: self.line, reason }
    }

    /// Finds the values.
    fn parse(&mut self) -> Result<(), &'static str> {
        self.slots.clear();
        self.quoted.clear();
        let bytes = self.buffer.as_bytes();
        let mut at = 0;
        for (number, column) in self.columns.iter().enumerate() {
            let (slot, end) = value::read(&self.buffer, at, column, &mut self.quoted)?;
            self.slots.push(slot);
            let is_last = number + 1 == self.columns.len();
            let expected = if is_last { b'\n' } else { b',' };
            if bytes.get(end) != Some(&expected) {
                return Err("it has fewer or more values than the table has columns, or a quote is in the wrong place");
            }
            at = end + 1;
        }
        match at == bytes.len() {
            true => Ok(()),
            false => Err("it has more values than the table has columns"),
        }
    }
}

#[cfg(test)]
mod tests;
