//! What people and programs see.

use std::io::{IsTerminal as _, Write as _};

use arrow::{
    array::{Array, AsArray as _, RecordBatch},
    datatypes::{DataType, Decimal128Type, Int64Type},
    util::display::{ArrayFormatter, FormatOptions},
};
use serde_json::{Map, Value, json};
use tracing_subscriber::EnvFilter;

use crate::global::Format;

/// Log lines go to stderr; commands other than `serve` show only what needs attention.
pub(super) fn tracing(serve: bool) {
    let default = if serve { "info" } else { "error" };
    let filter = EnvFilter::try_from_env("CLICKTRAIL_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let ansi = std::io::stderr().is_terminal();
    // A second subscriber in one process is a test's: the first stays.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).try_init();
}

/// The error and its causes on stderr.
pub(super) fn error(error: &anyhow::Error) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "clicktrail: {error:#}");
}

/// A line on stderr: progress, hints.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A line on stdout. A reader that has gone away is no error.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A count with its noun: `1 hour`, `2 hours`.
pub(super) fn count(number: impl std::fmt::Display, noun: &str) -> String {
    let number = number.to_string();
    let ending = if number == "1" { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// A JSON document on stdout.
pub(super) fn json(value: &Value) {
    line(&serde_json::to_string_pretty(value).expect("a JSON value is always writable"));
}

/// Rows for people: text to the left, numbers to the right.
#[derive(Debug)]
pub(super) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|name| (*name).to_owned()).collect(), rows: Vec::new() }
    }

    pub(super) fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    pub(super) fn print(&self) {
        let columns = self.header.len();
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.chain([self.header[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let number = |cell: &str| cell.chars().all(|c| c.is_ascii_digit() || ".-,".contains(c));
        let numeric: Vec<bool> = (0..columns).map(|column| self.rows.iter().all(|row| number(&row[column]))).collect();
        for row in std::iter::once(&self.header).chain(&self.rows) {
            let cells: Vec<String> = (0..columns)
                .map(|column| match numeric[column] {
                    true => format!("{:>width$}", row[column], width = widths[column]),
                    false => format!("{:<width$}", row[column], width = widths[column]),
                })
                .collect();
            line(cells.join("  ").trim_end());
        }
    }
}

/// The rows of batches: as a table, or as an array of objects.
pub(super) fn rows(batches: &[RecordBatch], format: Format) -> anyhow::Result<()> {
    match format {
        Format::Json => {
            let mut all = Vec::new();
            for batch in batches {
                all.extend(fields(batch)?.into_iter().map(|fields| Value::Object(fields.into_iter().collect())));
            }
            json(&Value::Array(all));
        }
        Format::Table => {
            let Some(first) = batches.first() else { return Ok(()) };
            let names: Vec<String> =
                first.schema().fields().iter().map(|field| field.name().replace("_micros", "")).collect();
            let mut table = Table::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
            for batch in batches {
                for row in fields(batch)? {
                    table.push(row.iter().map(|(name, value)| cell(name, value)).collect());
                }
            }
            table.print();
        }
    }
    Ok(())
}

fn cell(name: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if name.ends_with("_micros") => number.as_i64().map_or(number.to_string(), amount),
        other => other.to_string(),
    }
}

/// Millionths as a decimal with at least two places: 99,560,000 is `99.56`.
pub(super) fn amount(micros: i64) -> String {
    let (sign, micros) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    let fraction = format!("{:06}", micros % 1_000_000);
    let (cents, rest) = fraction.split_at(2);
    format!("{sign}{}.{cents}{}", micros / 1_000_000, rest.trim_end_matches('0'))
}

/// The cells of a batch, as tables show them.
pub(super) fn texts(batch: &RecordBatch) -> anyhow::Result<Vec<Vec<String>>> {
    let cells = |row: Vec<(String, Value)>| row.iter().map(|(name, value)| cell(name, value)).collect();
    Ok(fields(batch)?.into_iter().map(cells).collect())
}

/// The rows of a batch as objects.
pub(super) fn objects(batch: &RecordBatch) -> anyhow::Result<Vec<Map<String, Value>>> {
    Ok(fields(batch)?.into_iter().map(|fields| fields.into_iter().collect()).collect())
}

/// The rows of a batch with its columns in order. Integers and sums are JSON numbers (a sum beyond 64 bits is text),
/// times are RFC 3339.
fn fields(batch: &RecordBatch) -> anyhow::Result<Vec<Vec<(String, Value)>>> {
    let options = FormatOptions::default().with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.f%:z"));
    let schema = batch.schema();
    let mut rows = vec![Vec::with_capacity(batch.num_columns()); batch.num_rows()];
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let formatter = ArrayFormatter::try_new(column, &options)?;
        for (row, fields) in rows.iter_mut().enumerate() {
            fields.push((field.name().clone(), value(column.as_ref(), row, &formatter)));
        }
    }
    Ok(rows)
}

fn value(column: &dyn Array, row: usize, formatter: &ArrayFormatter<'_>) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::Decimal128(_, 0) => {
            let sum = column.as_primitive::<Decimal128Type>().value(row);
            i64::try_from(sum).map_or_else(|_| json!(sum.to_string()), |sum| json!(sum))
        }
        DataType::Binary => json!(String::from_utf8_lossy(column.as_binary::<i32>().value(row))),
        _ => json!(formatter.value(row).to_string()),
    }
}
