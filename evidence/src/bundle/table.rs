//! Tables of a bundle: CSV in one form, so that a table's bytes follow from its values.
//!
//! A first line with the names of the columns, then one line a row; each ends with a line feed. Between values stands a
//! comma. A text stands in quotes, always, with each quote in it doubled; it may hold anything, line feeds too. A
//! number stands without: digits, no zeros in front, `-` if it is negative. What is not known is nothing at all.
//! Programs for tables read it; only this reader tells an empty text (`""`) from none.

use std::io::{BufRead, Write};

use crate::row::Value;

/// The longest row that is read. A frame of the log, which holds whole events, has less.
pub const ROW_BYTES_MAX: usize = 4 << 20;

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number of 64 bits.
    Int,
    /// A text.
    Text,
    /// A whole number of any length, written as [`Kind::Int`] is.
    Decimal,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What stands in it.
    pub kind: Kind,
    /// Whether a row may have nothing there.
    pub may_be_null: bool,
}

impl Column {
    /// A column that is never null.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, may_be_null: false }
    }

    /// A column that may be null.
    pub const fn or_null(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, may_be_null: true }
    }
}

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

/// A value, or where it stands in its row.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Null,
    Int(i64),
    Text(usize, usize),
    /// A text with quotes: where it stands among those.
    Quoted(usize, usize),
    Decimal(usize, usize),
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
        self.parse().map_err(|reason| Error::Row { line, reason })?;
        Ok(Some(Row { text: &self.buffer, quoted: &self.quoted, slots: &self.slots, line }))
    }

    /// Gets the bytes of the next row: up to a line feed that is not in quotes.
    fn fill(&mut self) -> Result<bool, Error> {
        let line = self.line;
        let failed = |reason| Error::Row { line, reason };
        let mut bytes = std::mem::take(&mut self.buffer).into_bytes();
        bytes.clear();
        let mut quotes = 0_usize;
        loop {
            let from = bytes.len();
            let left = (ROW_BYTES_MAX - from) as u64;
            std::io::Read::take(&mut self.from, left).read_until(b'\n', &mut bytes)?;
            let read = &bytes[from..];
            if read.is_empty() && from == 0 {
                return Ok(false);
            }
            if read.last() != Some(&b'\n') {
                return Err(failed("it is longer than a row can be, or the table was cut here"));
            }
            self.lines += 1;
            quotes += read.iter().filter(|byte| **byte == b'"').count();
            if quotes.is_multiple_of(2) {
                break;
            }
        }
        self.buffer = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8"))?;
        Ok(true)
    }

    /// Finds the values.
    fn parse(&mut self) -> Result<(), &'static str> {
        self.slots.clear();
        self.quoted.clear();
        let bytes = self.buffer.as_bytes();
        let mut at = 0;
        for (number, column) in self.columns.iter().enumerate() {
            let (slot, end) = value(&self.buffer, at, column, &mut self.quoted)?;
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

/// The value that begins at `at`, and where it ends.
fn value(row: &str, at: usize, column: &Column, quoted: &mut String) -> Result<(Slot, usize), &'static str> {
    let bytes = row.as_bytes();
    match (bytes.get(at), column.kind) {
        (Some(b',' | b'\n'), _) if column.may_be_null => Ok((Slot::Null, at)),
        (Some(b',' | b'\n') | None, _) => Err("a value is missing"),
        (Some(b'"'), Kind::Text) => text(row, at + 1, quoted),
        (Some(_), Kind::Text) => Err("a text has no quotes around it"),
        (Some(_), kind) => {
            let length = bytes[at..].iter().take_while(|byte| !matches!(byte, b',' | b'\n')).count();
            let digits = &bytes[at..at + length];
            if !is_number(digits) {
                return Err("a number is not written as numbers are");
            }
            let slot = match kind {
                Kind::Decimal => Slot::Decimal(at, at + length),
                Kind::Int | Kind::Text => Slot::Int(int(digits).ok_or("a number has more than 64 bits")?),
            };
            Ok((slot, at + length))
        }
    }
}

/// The number that digits are.
fn int(digits: &[u8]) -> Option<i64> {
    let (is_negative, unsigned) = digits.strip_prefix(b"-").map_or((false, digits), |rest| (true, rest));
    let mut number = 0_u64;
    for digit in unsigned {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    if is_negative { 0_i64.checked_sub_unsigned(number) } else { i64::try_from(number).ok() }
}

/// A text behind its first quote.
fn text(row: &str, start: usize, quoted: &mut String) -> Result<(Slot, usize), &'static str> {
    let bytes = row.as_bytes();
    let quote = |from: usize| {
        let found = bytes[from..].iter().position(|byte| *byte == b'"');
        found.map(|at| from + at).ok_or("a text has no quote at its end")
    };
    let mut end = quote(start)?;
    if bytes.get(end + 1) != Some(&b'"') {
        return Ok((Slot::Text(start, end), end + 1));
    }
    let (begin, mut from) = (quoted.len(), start);
    while bytes.get(end + 1) == Some(&b'"') {
        // With the first of the two quotes.
        quoted.push_str(&row[from..=end]);
        from = end + 2;
        end = quote(from)?;
    }
    quoted.push_str(&row[from..end]);
    Ok((Slot::Quoted(begin, quoted.len()), end + 1))
}

/// Whether digits are a whole number in its one form.
pub fn is_number(digits: &[u8]) -> bool {
    let unsigned = digits.strip_prefix(b"-").unwrap_or(digits);
    let is_zero = unsigned == b"0" && unsigned.len() == digits.len();
    is_zero || (unsigned.first().is_some_and(|first| *first != b'0') && unsigned.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests;
