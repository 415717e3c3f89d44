//! TOML that a person wrote, read field by field. An error names the file, the line and the field; a field that nobody
//! asked for is one.
//!
//! Types are checked here. What a value means is checked by the value itself, whose error begins with the path of the
//! field, as in `tax.rate_basis_points: …`; [`Source::locate`] then finds its line.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::error::Error;

/// Bytes of a file: more is no file of terms.
const FILE_BYTES_MAX: usize = 4 << 20;

/// A file's text and name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'t> {
    file: &'t str,
    text: &'t str,
}

impl<'t> Source<'t> {
    /// A text, and the table that it is.
    pub(crate) fn parse(file: &'t str, text: &'t str) -> Result<(Self, Spanned<DeTable<'t>>), Error> {
        let source = Self { file, text };
        if text.len() > FILE_BYTES_MAX {
            return Err(source.error(&(0..0), format!("the file has more than {FILE_BYTES_MAX} bytes")));
        }
        let table = DeTable::parse(text);
        table.map(|table| (source, table)).map_err(|error| source.error(&error.span().unwrap_or(0..0), error.message()))
    }

    fn error(&self, span: &Range<usize>, problem: impl Into<String>) -> Error {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        Error::File { file: self.file.to_owned(), line, problem: problem.into() }
    }

    /// An error of a value as one of this file: at the field whose path it begins with, or at the nearest there is.
    pub(crate) fn locate(&self, table: &Spanned<DeTable<'_>>, error: Error) -> Error {
        let problem = match error {
            Error::Field(problem) | Error::Currency(problem) | Error::Period(problem) => problem,
            other @ (Error::File { .. }
            | Error::Overflow(_)
            | Error::Contradiction(_)
            | Error::NotCanonical(_)
            | Error::UnknownFormat { .. }
            | Error::Parquet(_)) => return other,
        };
        let path = problem.split_once(':').map_or("", |(path, _)| path);
        let span = span_of(table.get_ref(), path).unwrap_or(0..0);
        self.error(&span, problem)
    }
}

/// Where the value of a path stands, as in `caps[1].amount`; of its table, where the field is missing.
fn span_of(table: &DeTable<'_>, path: &str) -> Option<Range<usize>> {
    let mut at = table;
    let mut span = None;
    for part in path.split('.') {
        let (name, index) = match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
            Some((name, index)) => (name, index.parse::<usize>().ok()),
            None => (part, None),
        };
        let Some((key, value)) = at.iter().find(|(key, _)| key.get_ref() == name) else { break };
        let value = match index {
            Some(index) => value.get_ref().as_array().and_then(|items| items.get(index)).unwrap_or(value),
            None => value,
        };
        // A table's own span is that of its first line; of a field, the key is what a person looks for.
        span = Some(match index {
            Some(_) => value.span(),
            None => key.span(),
        });
        match value.get_ref().as_table() {
            Some(inner) => at = inner,
            None => break,
        }
    }
    span
}

/// A table whose fields are taken one by one.
#[derive(Debug)]
pub(crate) struct Fields<'t> {
    source: Source<'t>,
    table: &'t DeTable<'t>,
    span: Range<usize>,
    /// What stands before its fields' names in errors: `customer.`.
    whose: String,
    asked: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    pub(crate) fn new(source: Source<'t>, table: &'t Spanned<DeTable<'t>>) -> Self {
        Self { source, table: table.get_ref(), span: table.span(), whose: String::new(), asked: Vec::new() }
    }

    fn take(&mut self, name: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.asked.push(name);
        self.table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
    }

    fn error(&self, span: &Range<usize>, name: &str, problem: impl std::fmt::Display) -> Error {
        self.source.error(span, format!("{}{name}: {problem}", self.whose))
    }

    fn mistyped(&self, name: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> Error {
        let found = value.get_ref().type_str();
        self.error(&value.span(), name, format_args!("must be {wanted}, and is of type {found}"))
    }

    /// What a field that must be there gives.
    pub(crate) fn needed<T>(&self, name: &str, value: Option<T>) -> Result<T, Error> {
        value.ok_or_else(|| self.error(&self.span, name, "is missing"))
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, Error> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.get_ref() {
            DeValue::String(text) => Ok(Some(text.clone().into_owned())),
            // Dates are a type of TOML's own, and mean what their text says.
            DeValue::Datetime(date) => Ok(Some(date.to_string())),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Array(_) | DeValue::Table(_) => {
                Err(self.mistyped(name, value, "a text in quotes"))
            }
        }
    }

    /// A text in another type: what it cannot be read as is an error there.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let span = self.table.iter().find(|(key, _)| key.get_ref() == name).map_or(0..0, |(_, value)| value.span());
        read(&text).map(Some).map_err(|error| self.error(&span, name, error))
    }

    /// An amount: a text, as in `"1250.50"`, or a whole number. Never a float, which is not what was written.
    pub(crate) fn amount(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<i128, Error>,
    ) -> Result<Option<i128>, Error> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let text = match value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Datetime(_)
            | DeValue::Boolean(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => {
                return Err(self.mistyped(name, value, "an amount in quotes, as in \"1250.50\", or a whole number"));
            }
        };
        read(text).map(Some).map_err(|error| self.error(&value.span(), name, error))
    }

    /// A whole number up to `max`.
    pub(crate) fn number(&mut self, name: &'static str, max: u32) -> Result<Option<u32>, Error> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let integer = value.get_ref().as_integer().ok_or_else(|| self.mistyped(name, value, "a whole number"))?;
        match u32::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if number <= max => Ok(Some(number)),
            Ok(_) | Err(_) => {
                let problem = format_args!("is {}, and must be 0 to {max}", integer.as_str());
                Err(self.error(&value.span(), name, problem))
            }
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, name: &'static str) -> Result<Vec<String>, Error> {
        let Some(value) = self.take(name) else { return Ok(Vec::new()) };
        let wanted = "a list of texts in quotes";
        let items = value.get_ref().as_array().ok_or_else(|| self.mistyped(name, value, wanted))?;
        let text = |item: &Spanned<DeValue<'_>>| {
            let text = item.get_ref().as_str().ok_or_else(|| self.mistyped(name, item, wanted))?;
            Ok(text.to_owned())
        };
        items.iter().map(text).collect()
    }

    /// The table `[name]`.
    pub(crate) fn table(&mut self, name: &'static str) -> Result<Option<Self>, Error> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let wanted = format!("a table, under [{}{name}]", self.whose);
        let table = value.get_ref().as_table().ok_or_else(|| self.mistyped(name, value, &wanted))?;
        let whose = format!("{}{name}.", self.whose);
        Ok(Some(Self { source: self.source, table, span: value.span(), whose, asked: Vec::new() }))
    }

    /// The tables of `[[name]]`.
    pub(crate) fn tables(&mut self, name: &'static str) -> Result<Vec<Self>, Error> {
        let Some(value) = self.take(name) else { return Ok(Vec::new()) };
        let wanted = format!("a list of tables, each under [[{name}]]");
        let items = value.get_ref().as_array().ok_or_else(|| self.mistyped(name, value, &wanted))?;
        let inner = items.iter().enumerate().map(|(index, item)| {
            let table = item.get_ref().as_table().ok_or_else(|| self.mistyped(name, item, &wanted))?;
            let whose = format!("{name}[{index}].");
            Ok(Self { source: self.source, table, span: item.span(), whose, asked: Vec::new() })
        });
        inner.collect()
    }

    /// Refuses the first field that nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let unknown = self.table.keys().filter(|key| !self.asked.contains(&key.get_ref().as_ref()));
        match unknown.min_by_key(|key| key.span().start) {
            None => Ok(()),
            Some(key) => {
                let problem = format!("is no field here; known are {}", self.asked.join(", "));
                Err(self.error(&key.span(), key.get_ref(), problem))
            }
        }
    }
}

/// Checks a text that stands on an invoice: any script, no more than some bytes, and nothing that XML cannot hold or
/// that would show other text than is there.
pub(crate) fn check_text(name: &str, text: &str, bytes_max: usize) -> Result<(), Error> {
    if text.len() > bytes_max {
        return Err(Error::Field(format!("{name}: has {} bytes, and at most {bytes_max} are taken", text.len())));
    }
    let is_refused = |c: &char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{202d}' | '\u{202e}');
    match text.chars().find(is_refused) {
        None => Ok(()),
        Some(c) => Err(Error::Field(format!("{name}: holds the control character U+{:04X}", u32::from(c)))),
    }
}

#[cfg(test)]
mod tests;
