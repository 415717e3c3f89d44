//! Control totals of a unit: what is read against what is written, each added up in its own way.
//!
//! What is read is counted here from the events themselves, without SQL and without the engine: the second entry of
//! double-entry bookkeeping. Whoever changes what counters mean changes it here too.
//!
//! What another projection counts nobody knows but its SQL. Of that, what was projected is held against what was
//! written: all counts without their signs stand in place of the events, and all sums in place of the money.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, RecordBatch},
    compute::cast,
    datatypes::{DataType, Decimal128Type, Int64Type},
};
use bytes::Bytes;
use clicktrail_catalog::generations::ControlTotals;
use clicktrail_log::{
    archive::{self, Manifest, manifest::File, part, watch::Watch},
    event,
    position::Position,
    schema::POSITION,
};
use clicktrail_projections::{
    Projection, counters,
    projection::{Kind, Measure},
};

use crate::{error::Error, rulings::HourRulings, sums};

/// What is read of an event for it.
const READ: [&str; 3] = ["kind", "price_micros", POSITION];
/// Columns that count every event once.
const COUNTED: [&str; 5] = ["impressions", "clicks", "conversions", "probes", "prefetches"];

/// Columns that count every click once.
const RULED: [&str; 5] = ["billable_clicks", "invalid_givt", "invalid_sivt", "invalid_duplicate", "invalid_policy"];
/// What is read of a segment of counters for it.
const COLUMNS: [&str; 11] = [
    "impressions",
    "clicks",
    "conversions",
    "probes",
    "prefetches",
    "billable_clicks",
    "invalid_givt",
    "invalid_sivt",
    "invalid_duplicate",
    "invalid_policy",
    "spend_micros",
];

const _: () = assert!(COUNTED.len() == event::Kind::ALL.len(), "every kind is counted in a column");

/// Adds up the events of parts while they are read for a projection: the same bytes, looked at once more. The archive
/// compares every part with its digest before; here only three columns are decoded.
#[derive(Debug)]
pub(crate) struct Events {
    /// The positions that are ruled invalid, ascending.
    invalid: Vec<i64>,
    /// Events before this position count; `None`: all.
    before: Option<Position>,
    /// By the key of the part. One that was read twice counts once.
    parts: Mutex<BTreeMap<String, Result<ControlTotals, String>>>,
}

impl Events {
    /// Of events before `before`, under the rulings about them.
    ///
    /// # Errors
    /// If the rulings have no positions.
    pub(crate) fn new(rulings: &HourRulings, before: Option<Position>) -> Result<Self, Error> {
        Ok(Self { invalid: invalid_positions(rulings)?, before, parts: Mutex::default() })
    }

    /// What all parts of an hour add up to, of which nobody read one but through the watched archive.
    ///
    /// # Errors
    /// A part that is not readable, by name; [`Error::Incomplete`] naming one that was not read.
    pub(crate) fn of(&self, manifest: &Manifest) -> Result<ControlTotals, Error> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = ControlTotals::default();
        for part in manifest.parts.iter().filter(|part| part.rows > 0) {
            let key = &part.core.key;
            let unread = || Error::Incomplete(format!("{key} was projected without being read"));
            let totals = parts.get(key).ok_or_else(unread)?.as_ref();
            let damaged = |reason: &String| archive::Error::Damaged { key: key.clone(), reason: reason.clone() };
            let ControlTotals { events, billable, micros } = totals.map_err(damaged)?;
            all.events += events;
            all.billable += billable;
            all.micros += micros;
        }
        Ok(all)
    }

    fn count(&self, bytes: &Bytes) -> Result<ControlTotals, String> {
        let mut totals = ControlTotals::default();
        for batch in part::read(bytes.clone(), Some(&READ)).map_err(|error| error.to_string())? {
            let batch = batch.map_err(|error| error.to_string())?;
            let added = add_events(&batch, &self.invalid, self.before, &mut totals);
            added.ok_or_else(|| "it has columns of other types".to_owned())?;
        }
        Ok(totals)
    }
}

impl Watch for Events {
    fn see(&self, file: &File, bytes: &Bytes) {
        let counted = self.count(bytes);
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(file.key.clone(), counted);
    }
}

/// The positions that are ruled invalid, ascending.
fn invalid_positions(rulings: &HourRulings) -> Result<Vec<i64>, Error> {
    let rows = rulings.rows();
    let positions = rows.column_by_name(POSITION).and_then(|column| column.as_primitive_opt::<Int64Type>());
    let wrong = || Error::Incomplete("rulings have no positions".to_owned());
    let mut positions = positions.ok_or_else(wrong)?.values().to_vec();
    positions.sort_unstable();
    Ok(positions)
}

/// `None` if a column is not there or of another type.
fn add_events(
    batch: &RecordBatch,
    invalid: &[i64],
    before: Option<Position>,
    totals: &mut ControlTotals,
) -> Option<()> {
    let before = before.map_or(i64::MAX, Position::as_i64);
    let kinds = cast(batch.column_by_name("kind")?, &DataType::Utf8).ok()?;
    let kinds = kinds.as_string_opt::<i32>()?;
    let prices = batch.column_by_name("price_micros")?.as_primitive_opt::<Int64Type>()?;
    let positions = batch.column_by_name(POSITION)?.as_primitive_opt::<Int64Type>()?;
    for row in 0..batch.num_rows() {
        let position = positions.value(row);
        if position >= before {
            continue;
        }
        totals.events += 1;
        if kinds.value(row) == event::Kind::Click.as_str() && invalid.binary_search(&position).is_err() {
            totals.billable += 1;
            totals.micros += if prices.is_null(row) { 0 } else { i128::from(prices.value(row)) };
        }
    }
    Some(())
}

/// What is read of a segment for it.
pub(crate) fn columns(projection: &Projection) -> Vec<&str> {
    match projection.name() {
        counters::NAME => COLUMNS.to_vec(),
        _ => projection.measures().iter().map(|measure| measure.name.as_str()).collect(),
    }
}

/// Adds rows of a projection.
///
/// # Errors
/// [`Error::Incomplete`] if they lack a column, or the totals do not fit.
pub(crate) fn add_rows(projection: &Projection, batch: &RecordBatch, totals: &mut ControlTotals) -> Result<(), Error> {
    if projection.name() == counters::NAME {
        return add_counters(batch, totals);
    }
    for Measure { name, kind } in projection.measures() {
        let wrong = || Error::Incomplete(format!("the control totals of column {name} are not known"));
        let values = sums::integers(batch, name).ok_or_else(wrong)?;
        for value in values {
            match kind {
                Kind::Count => {
                    let count = u64::try_from(value.unsigned_abs()).ok();
                    totals.events = count.and_then(|count| totals.events.checked_add(count)).ok_or_else(wrong)?;
                }
                Kind::Sum => totals.micros = totals.micros.checked_add(value).ok_or_else(wrong)?,
            }
        }
    }
    Ok(())
}

fn add_counters(batch: &RecordBatch, totals: &mut ControlTotals) -> Result<(), Error> {
    let wrong = |name: &str| Error::Incomplete(format!("column {name} of what was projected is missing"));
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| wrong(name));
    let count = |name: &str| -> Result<u64, Error> { sum(column(name)?).ok_or_else(|| wrong(name)) };
    for name in COUNTED {
        totals.events += count(name)?;
    }
    totals.billable += count("billable_clicks")?;
    check_clicks(batch)?;
    let spend = column("spend_micros")?.as_primitive_opt::<Decimal128Type>().ok_or_else(|| wrong("spend_micros"))?;
    totals.micros += spend.values().iter().sum::<i128>();
    Ok(())
}

/// Every click is billable or invalid by one category, in every row (I7): code that says otherwise contradicts itself.
fn check_clicks(batch: &RecordBatch) -> Result<(), Error> {
    let wrong = |name: &str| Error::Incomplete(format!("column {name} of what was projected is missing"));
    let column = |name: &str| {
        let found = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
        found.ok_or_else(|| wrong(name))
    };
    let clicks = column("clicks")?.values();
    let parts = RULED.iter().map(|name| Ok(column(name)?.values())).collect::<Result<Vec<_>, Error>>()?;
    for (at, clicks) in clicks.iter().enumerate() {
        let sum: i128 = parts.iter().map(|part| i128::from(part[at])).sum();
        if sum != i128::from(*clicks) {
            return Err(Error::Incomplete(format!(
                "a row counts {clicks} clicks, and {sum} that are billable or invalid: every click is exactly one of these"
            )));
        }
    }
    Ok(())
}

fn sum(column: &ArrayRef) -> Option<u64> {
    let values = column.as_primitive_opt::<Int64Type>()?.values();
    values.iter().try_fold(0, |sum: u64, value| sum.checked_add(u64::try_from(*value).ok()?))
}

/// Says how totals differ; `None` if they do not.
pub(crate) fn difference(read: &ControlTotals, written: &ControlTotals) -> Option<String> {
    let shown = |of: &ControlTotals| {
        let ControlTotals { events, billable, micros } = of;
        format!("{events} events, {billable} billable clicks, {micros} micros")
    };
    (read != written).then(|| format!("read were {}, written were {}", shown(read), shown(written)))
}
