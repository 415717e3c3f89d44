//! A user's projection: `NAME.toml` says what the columns of `NAME.sql` are. `docs/projections.md` describes both.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::definition::{Declared, Kind, Measure};
use crate::{error::Error, zone::Unit};

/// Bytes of a TOML file.
const BYTES_MAX: usize = 16 << 10;
/// Columns of the key, and measures.
const COLUMNS_MAX: usize = 64;
/// Bytes of a name, which is part of storage keys.
const NAME_BYTES_MAX: usize = 63;
/// What is taken, or will be.
const RESERVED: [&str; 4] = [crate::counters::NAME, "invoices", "clicks", "rulings"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    key: Vec<String>,
    time: String,
    unit: String,
    measures: Vec<FileMeasure>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileMeasure {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Reads a TOML file.
///
/// # Errors
/// [`Error::Refused`] naming the field.
pub(super) fn read(toml: &str) -> Result<Declared, Error> {
    let refused = |what: String| Error::Refused(what);
    if toml.len() > BYTES_MAX {
        return Err(refused(format!("the file has {} bytes, more than {BYTES_MAX}", toml.len())));
    }
    let file: File = toml::from_str(toml).map_err(|error| refused(error.to_string().trim_end().to_owned()))?;
    let unit = Unit::ALL.into_iter().find(|unit| unit.as_str() == file.unit);
    let unit = unit.ok_or_else(|| refused(format!("unit: {:?} is none: use minute or hour", file.unit)))?;
    let measure = |measure: FileMeasure| {
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == measure.kind);
        let place = format!("measure {}", measure.name);
        let what = format!("{place}: {:?} is no type: use count (of events) or sum (of micros)", measure.kind);
        Ok(Measure { kind: kind.ok_or_else(|| refused(what))?, name: measure.name })
    };
    let measures: Vec<Measure> = file.measures.into_iter().map(measure).collect::<Result<_, Error>>()?;
    columns(&file.key, &measures)?;
    if !file.key.contains(&file.time) {
        return Err(refused(format!("time: {:?} is not in the key: add it there", file.time)));
    }
    Ok(Declared { key: file.key, time: file.time, unit, measures })
}

fn columns(key: &[String], measures: &[Measure]) -> Result<(), Error> {
    if measures.is_empty() {
        return Err(Error::Refused("measures: there is none: name what is counted or summed".to_owned()));
    }
    if key.len() + measures.len() > COLUMNS_MAX {
        return Err(Error::Refused(format!("key and measures: more than {COLUMNS_MAX} columns")));
    }
    let mut seen = BTreeSet::new();
    for column in key.iter().chain(measures.iter().map(|measure| &measure.name)) {
        name(column).map_err(|what| Error::Refused(format!("column {column:?}: {what}")))?;
        if !seen.insert(column) {
            return Err(Error::Refused(format!("column {column}: it is named twice")));
        }
    }
    Ok(())
}

fn name(name: &str) -> Result<(), String> {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    match begins && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_word) {
        true => Ok(()),
        false => Err(format!(
            "a name has lower-case letters, digits and _, begins with a letter, and has at most {NAME_BYTES_MAX} bytes"
        )),
    }
}

/// Checks the name of a projection, which is that of its files.
///
/// # Errors
/// [`Error::Refused`] saying what a name may be.
pub(super) fn projection_name(text: &str) -> Result<(), Error> {
    name(text).map_err(|what| Error::Refused(format!("projection {text:?}: {what}")))?;
    match RESERVED.contains(&text) {
        true => Err(Error::Refused(format!("projection {text}: the name is taken: give both files another"))),
        false => Ok(()),
    }
}
