//! One table of a ruleset, read field by field. A field that nobody asked for is an error.
//!
//! Why not serde: an error must name the rule and the field and point at the value, even if the value has the right
//! type and is only out of range.

use std::{
    ops::{Range, RangeInclusive},
    path::PathBuf,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::error::Error;

/// A text of the ruleset and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// A table whose fields are taken one by one.
#[derive(Debug)]
pub(super) struct Fields<'t> {
    text: &'t str,
    table: &'t DeTable<'t>,
    /// What the table is, for errors: `rule "fast": `, or nothing for the top of the file.
    whose: String,
    asked: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    pub(super) fn new(text: &'t str, table: &'t DeTable<'t>) -> Self {
        Self { text, table, whose: String::new(), asked: Vec::new() }
    }

    /// Makes later errors say that they are about `whose`.
    pub(super) fn belongs_to(&mut self, whose: String) {
        self.whose = whose + ": ";
    }

    pub(super) fn error(&self, span: &Range<usize>, problem: impl std::fmt::Display) -> Error {
        Error::invalid(self.text, span, format!("{}{problem}", self.whose))
    }

    fn take(&mut self, name: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.asked.push(name);
        self.table.iter().find(|(key, _)| key.get_ref().as_ref() == name).map(|(_, value)| value)
    }

    fn mistyped(&self, name: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> Error {
        let found = value.get_ref().type_str();
        self.error(&value.span(), format_args!("{name} must be {wanted}, and is of type {found}"))
    }

    /// A whole number within `range`.
    pub(super) fn integer(&mut self, name: &'static str, range: RangeInclusive<i64>) -> Result<Option<i64>, Error> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let integer = value.get_ref().as_integer().ok_or_else(|| self.mistyped(name, value, "a whole number"))?;
        let parsed = i64::from_str_radix(integer.as_str(), integer.radix());
        match parsed {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            Ok(_) | Err(_) => {
                let (low, high) = range.into_inner();
                let problem = format_args!("{name} is {}, and must be {low} to {high}", integer.as_str());
                Err(self.error(&value.span(), problem))
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, Error> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        value.get_ref().as_bool().map(Some).ok_or_else(|| self.mistyped(name, value, "true or false"))
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<Located<String>>, Error> {
        self.take(name).map(|value| self.text_of(name, value, "a text")).transpose()
    }

    fn text_of(&self, name: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> Result<Located<String>, Error> {
        let text = value.get_ref().as_str().ok_or_else(|| self.mistyped(name, value, wanted))?;
        if text.is_empty() {
            return Err(self.error(&value.span(), format_args!("{name} is empty")));
        }
        Ok(Located { value: text.to_owned(), span: value.span() })
    }

    /// The path of a file.
    pub(super) fn file(&mut self, name: &'static str) -> Result<Option<Located<PathBuf>>, Error> {
        let text = self.text(name)?;
        Ok(text.map(|text| Located { value: PathBuf::from(text.value), span: text.span }))
    }

    /// The paths of some files.
    pub(super) fn files(&mut self, name: &'static str) -> Result<Vec<Located<PathBuf>>, Error> {
        let Some(value) = self.take(name) else {
            return Ok(Vec::new());
        };
        let wanted = "a list of file names";
        let items = value.get_ref().as_array().ok_or_else(|| self.mistyped(name, value, wanted))?;
        let located = items.iter().map(|item| {
            let text = self.text_of(name, item, wanted)?;
            Ok(Located { value: PathBuf::from(text.value), span: text.span })
        });
        located.collect()
    }

    /// A list of texts, if the field is there.
    pub(super) fn texts(&mut self, name: &'static str) -> Result<Option<Located<Vec<Located<String>>>>, Error> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let wanted = "a list of texts";
        let items = value.get_ref().as_array().ok_or_else(|| self.mistyped(name, value, wanted))?;
        let texts = items.iter().map(|item| self.text_of(name, item, wanted)).collect::<Result<_, _>>()?;
        Ok(Some(Located { value: texts, span: value.span() }))
    }

    /// The path of a file, or a list of at most `files_max` of them.
    pub(super) fn file_or_files(
        &mut self,
        name: &'static str,
        files_max: usize,
    ) -> Result<Vec<Located<PathBuf>>, Error> {
        let is_list = self.table.iter().any(|(key, value)| key.get_ref() == name && value.get_ref().is_array());
        if !is_list {
            return Ok(self.file(name)?.into_iter().collect());
        }
        let files = self.files(name)?;
        match files.get(files_max) {
            Some(more) => Err(self.error(&more.span, format_args!("{name} names more than {files_max} files"))),
            None => Ok(files),
        }
    }

    /// The tables of `[[name]]`.
    pub(super) fn tables(&mut self, name: &'static str) -> Result<Vec<Located<&'t DeTable<'t>>>, Error> {
        let Some(value) = self.take(name) else {
            return Ok(Vec::new());
        };
        let wanted = format!("a list of tables, each under [[{name}]]");
        let items = value.get_ref().as_array().ok_or_else(|| self.mistyped(name, value, &wanted))?;
        let located = items.iter().map(|item| {
            let table = item.get_ref().as_table().ok_or_else(|| self.mistyped(name, item, &wanted))?;
            Ok(Located { value: table, span: item.span() })
        });
        located.collect()
    }

    /// Refuses the first field that nobody asked for.
    pub(super) fn finish(self) -> Result<(), Error> {
        let mut unknown: Vec<_> =
            self.table.keys().filter(|key| !self.asked.contains(&key.get_ref().as_ref())).collect();
        unknown.sort_by_key(|key| key.span().start);
        match unknown.first() {
            None => Ok(()),
            Some(key) => {
                let problem = format!("unknown field {:?}; known are {}", key.get_ref(), self.asked.join(", "));
                Err(self.error(&key.span(), problem))
            }
        }
    }
}
