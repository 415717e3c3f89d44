//! Two segments of one hour, row by row: both come in the order of their keys, so one pass over both finds every row
//! that only one has, and every row whose values differ. What `aligned` can tell without that is left to it.

use std::{cmp::Ordering, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch},
    compute::cast,
    datatypes::{DataType, SchemaRef},
    row::{RowConverter, Rows, SortField},
    util::display::{ArrayFormatter, FormatOptions},
};
use clicktrail_log::archive;

use super::{
    aligned,
    row::{Layout, RowChange},
    side::Side,
};
use crate::{error::Error, sums};

/// Shows `found` every row that differs, in the order of the keys. A measure that one side does not have, because an
/// earlier version made it, is 0 there.
///
/// # Errors
/// [`archive::Error::Damaged`] if a side is no segment, or its rows are not in order.
pub(crate) fn rows(
    layout: &Layout,
    before: Option<(&str, bytes::Bytes)>,
    after: Option<(&str, bytes::Bytes)>,
    found: &mut dyn FnMut(RowChange) -> Result<(), Error>,
) -> Result<(), Error> {
    let before = before.map(|(key, bytes)| Side::open(key, bytes)).transpose()?;
    let after = after.map(|(key, bytes)| Side::open(key, bytes)).transpose()?;
    let aligned = match (&before, &after) {
        (Some(before), Some(after)) => aligned::rows(layout, (before, after), found)?,
        (Some(_) | None, _) => 0,
    };
    let mut before = before.map(|side| Cursor::open(layout, &side, aligned)).transpose()?;
    let mut after = after.map(|side| Cursor::open(layout, &side, aligned)).transpose()?;
    loop {
        let here = before.as_mut().map(Cursor::peek).transpose()?.unwrap_or(false);
        let there = after.as_mut().map(Cursor::peek).transpose()?.unwrap_or(false);
        let order = match (here, there, &before, &after) {
            (true, true, Some(before), Some(after)) => before.row().cmp(&after.row()),
            (true, ..) => Ordering::Less,
            (false, true, ..) => Ordering::Greater,
            (false, false, ..) => return Ok(()),
        };
        let left = before.as_mut().filter(|_| order != Ordering::Greater);
        let right = after.as_mut().filter(|_| order != Ordering::Less);
        let is_same = match (&left, &right) {
            (Some(one), Some(other)) => one.has_values_of(other),
            (Some(_), None) | (None, _) => false,
        };
        if !is_same {
            let (one, other) = (left.as_deref().map(Cursor::values), right.as_deref().map(Cursor::values));
            let key = match (&left, &right) {
                (Some(side), _) | (None, Some(side)) => side.key()?,
                (None, None) => Vec::new(),
            };
            found(RowChange { key, before: one, after: other })?;
        }
        for side in [left, right].into_iter().flatten() {
            side.next += 1;
        }
    }
}

/// A segment that is read batch by batch.
struct Cursor<'l> {
    layout: &'l Layout,
    key: String,
    batches: Box<dyn Iterator<Item = Result<RecordBatch, archive::Error>>>,
    converter: RowConverter,
    keys: Vec<ArrayRef>,
    rows: Option<Rows>,
    measures: Vec<Option<Vec<i128>>>,
    next: usize,
    length: usize,
}

impl<'l> Cursor<'l> {
    /// A cursor before the first row behind so many row groups.
    fn open(layout: &'l Layout, side: &Side<'_>, behind: usize) -> Result<Self, Error> {
        let damaged = |key: &str, reason: String| archive::Error::Damaged { key: key.to_owned(), reason };
        let schema = side.groups.schema();
        let converter = converter(layout, schema).map_err(|reason| damaged(side.key, reason))?;
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let wanted = |name: &&str| layout.keys.iter().chain(&layout.measures).any(|known| known == name);
        let names: Vec<&str> = names.into_iter().filter(wanted).collect();
        let reader = side.groups.read(behind..side.groups.count(), &names);
        let reader = reader.map_err(|cause| damaged(side.key, cause.to_string()))?;
        let name = side.key.to_owned();
        let batches = reader.map(move |batch| batch.map_err(|cause| damaged(&name, cause.to_string())));
        Ok(Self {
            layout,
            key: side.key.to_owned(),
            batches: Box::new(batches),
            converter,
            keys: Vec::new(),
            rows: None,
            measures: Vec::new(),
            next: 0,
            length: 0,
        })
    }

    /// Whether there is a row; reads the next batch when the last is done.
    fn peek(&mut self) -> Result<bool, Error> {
        while self.next >= self.length {
            let last = self.rows.as_ref().filter(|_| self.length > 0).map(|rows| rows.row(self.length - 1).owned());
            let Some(batch) = self.batches.next() else { return Ok(false) };
            let batch = batch?;
            let damaged = |reason: String| archive::Error::Damaged { key: self.key.clone(), reason };
            self.keys = keys(self.layout, &batch).map_err(&damaged)?;
            let rows = self.converter.convert_columns(&self.keys).map_err(|cause| damaged(cause.to_string()))?;
            let follows = (1..rows.num_rows()).all(|at| rows.row(at - 1) < rows.row(at))
                && (rows.num_rows() == 0 || last.is_none_or(|last| last.row() < rows.row(0)));
            if !follows {
                return Err(damaged("its rows are not in the order of their keys".to_owned()).into());
            }
            self.measures = self.layout.measures.iter().map(|name| sums::integers(&batch, name)).collect();
            (self.next, self.length, self.rows) = (0, batch.num_rows(), Some(rows));
        }
        Ok(true)
    }

    fn row(&self) -> arrow::row::Row<'_> {
        self.rows.as_ref().expect("a row was peeked at").row(self.next)
    }

    fn value(&self, column: &Option<Vec<i128>>) -> i128 {
        column.as_ref().map_or(0, |column| column[self.next])
    }

    fn values(&self) -> Vec<i128> {
        self.measures.iter().map(|column| self.value(column)).collect()
    }

    fn has_values_of(&self, other: &Self) -> bool {
        self.measures.iter().zip(&other.measures).all(|(one, two)| self.value(one) == other.value(two))
    }

    fn key(&self) -> Result<Vec<Option<String>>, Error> {
        let options = FormatOptions::default();
        let text = |column: &ArrayRef| -> Result<Option<String>, Error> {
            if column.is_null(self.next) {
                return Ok(None);
            }
            let shown = ArrayFormatter::try_new(column.as_ref(), &options)
                .and_then(|formatter| formatter.value(self.next).try_to_string());
            let damaged = |cause: arrow::error::ArrowError| archive::Error::Damaged {
                key: self.key.clone(),
                reason: cause.to_string(),
            };
            Ok(Some(shown.map_err(damaged)?))
        };
        self.keys.iter().map(text).collect()
    }
}

/// Texts are compared as texts, however a segment stores them.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        other => other.clone(),
    }
}

fn converter(layout: &Layout, schema: &SchemaRef) -> Result<RowConverter, String> {
    let field = |name: &String| -> Result<SortField, String> {
        let field = schema.field_with_name(name).map_err(|cause| cause.to_string())?;
        Ok(SortField::new(plain(field.data_type())))
    };
    let fields = layout.keys.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    RowConverter::new(fields).map_err(|cause| cause.to_string())
}

fn keys(layout: &Layout, batch: &RecordBatch) -> Result<Vec<ArrayRef>, String> {
    let column = |name: &String| -> Result<ArrayRef, String> {
        let column = batch.column_by_name(name).ok_or_else(|| format!("it has no column {name}"))?;
        let wanted = plain(column.data_type());
        if *column.data_type() == wanted {
            return Ok(Arc::clone(column));
        }
        cast(column, &wanted).map_err(|cause| cause.to_string())
    };
    layout.keys.iter().map(column).collect()
}
