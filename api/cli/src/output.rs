//! What people and programs see.
//!
//! A write that fails does not interrupt a command: what it is about to change must not depend on who reads along.
//! `stream` keeps the first failure, and [`finish`] makes it the end of the process.

mod cell;
mod lines;
mod mode;
mod ndjson;
mod stream;
mod table;

use std::io::{self, IsTerminal as _, Write as _};

use arrow::array::RecordBatch;
use clicktrail_log::time::Timestamp;
use serde_json::{Map, Value};
use tracing_subscriber::EnvFilter;

use crate::global::Format;
pub(super) use cell::amount;
pub(super) use mode::{is_csv, tables_are_csv};
pub(super) use ndjson::{POSITIONS, lines as ndjson};
pub(super) use table::Table;

/// Log lines go to stderr; commands other than `serve` show only what needs attention. What the pool of connections to
/// the catalog and the broker's client say of a connection that breaks is left out: whoever wanted it tells the error.
pub(super) fn tracing(serve: bool) {
    let level = if serve { "info" } else { "error" };
    let default = || EnvFilter::new(format!("{level},sqlx_core::pool=off,async_nats::connector=off"));
    let filter = EnvFilter::try_from_env("CLICKTRAIL_LOG").unwrap_or_else(|_| default());
    let ansi = io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).log_internal_errors(false);
    // A second subscriber in one process is a test's: the first stays.
    let _ = match serve {
        true => lines.with_writer(lines::Lines::to_stderr).try_init(),
        false => lines.with_writer(io::stderr).try_init(),
    };
}

/// The error and its causes on stderr.
pub(super) fn error(error: &anyhow::Error) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "clicktrail: {error:#}");
}

/// A line on stderr: progress, hints.
pub(super) fn note(text: &str) {
    stream::STDERR.line(text);
}

/// A line on stdout.
pub(super) fn line(text: &str) {
    stream::STDOUT.line(text);
}

/// Bytes on stdout as they are.
pub(super) fn bytes(bytes: &[u8]) {
    stream::STDOUT.bytes(bytes);
}

/// Whether anybody takes what is printed: a command that could go on for ever ends when nobody does.
pub(super) fn is_taken() -> bool {
    stream::STDOUT.is_open()
}

/// Ends all output: an error if any of it is lost. A reader that has gone away has lost nothing that it wanted.
pub(super) fn finish() -> io::Result<()> {
    lines::flush();
    stream::STDOUT.finish().and(stream::STDERR.finish())
}

/// A count with its noun: `1 hour`, `2 hours`.
pub(super) fn count(number: impl std::fmt::Display, noun: &str) -> String {
    let number = number.to_string();
    let ending = if number == "1" { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// An instant to the minute, as in `2026-03-01T00:00Z`; whole if it is none of a minute.
pub(super) fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    text.strip_suffix(":00.000000Z").map_or(text.clone(), |minute| format!("{minute}Z"))
}

/// An instant to the second, as in `2026-03-01T00:00:07Z`: what is finer says nothing to people.
pub(super) fn second(at: Timestamp) -> String {
    let text = at.to_string();
    text.split_once('.').map_or(text.clone(), |(second, _)| format!("{second}Z"))
}

/// A JSON document on stdout.
pub(super) fn json(value: &Value) {
    line(&serde_json::to_string_pretty(value).expect("a JSON value is always writable"));
}

/// The rows of batches: as a table with its totals, as CSV, or as an array of objects.
pub(super) fn rows(batches: &[RecordBatch], format: Format) -> anyhow::Result<()> {
    match format {
        Format::Json => json(&Value::Array(all_objects(batches)?.into_iter().map(Value::Object).collect())),
        Format::Table => {
            let Some(first) = batches.first() else { return Ok(()) };
            let schema = first.schema();
            let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            let mut cells = Vec::new();
            for batch in batches {
                cells.extend(cell::rows(batch)?);
            }
            let totals = if is_csv() { Vec::new() } else { cell::totals(&names, &cells)? };
            let header: Vec<String> = names.iter().map(|name| name.replace("_micros", "")).collect();
            let mut table = Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
            for row in cells.iter().chain(&totals) {
                table.push(names.iter().zip(row).map(|(name, cell)| cell.shown(name)).collect());
            }
            table.print();
        }
    }
    Ok(())
}

/// The cells of a batch, as tables show them.
pub(super) fn texts(batch: &RecordBatch) -> anyhow::Result<Vec<Vec<String>>> {
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let texts = |row: Vec<cell::Cell>| names.iter().zip(&row).map(|(name, cell)| cell.shown(name)).collect();
    Ok(cell::rows(batch)?.into_iter().map(texts).collect())
}

/// The rows of a batch as objects.
pub(super) fn objects(batch: &RecordBatch) -> anyhow::Result<Vec<Map<String, Value>>> {
    all_objects(std::slice::from_ref(batch))
}

fn all_objects(batches: &[RecordBatch]) -> anyhow::Result<Vec<Map<String, Value>>> {
    let mut objects = Vec::new();
    for batch in batches {
        let schema = batch.schema();
        let object = |row: Vec<cell::Cell>| {
            let names = schema.fields().iter().map(|field| field.name().clone());
            names.zip(row.iter().map(cell::Cell::to_json)).collect()
        };
        objects.extend(cell::rows(batch)?.into_iter().map(object));
    }
    Ok(objects)
}
