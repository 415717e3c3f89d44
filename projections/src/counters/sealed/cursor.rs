//! One part, read forwards: every row is decoded once, and only the columns that are counted or counted by.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use clicktrail_log::{
    archive::{
        Error as ArchiveError,
        batches::{self, Batches},
        manifest,
    },
    schema,
};
use datafusion::{
    arrow::{
        array::{AsArray as _, RecordBatch, RecordBatchReader as _},
        datatypes::{DataType, Field, Fields, Int32Type, Schema, SchemaRef, TimestampMicrosecondType},
    },
    parquet::arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    },
};

use super::{chunks::Chunks, columns};
use crate::error::Error;

/// The core columns of a part, with texts as the dictionaries as which they are stored.
static AS_DICTIONARIES: LazyLock<SchemaRef> = LazyLock::new(|| {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let core = schema::core();
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(dictionary.clone())),
        _ => Arc::clone(field),
    };
    Arc::new(Schema::new(core.fields().iter().map(field).collect::<Fields>()))
});

/// An ad, by the columns by which a part is sorted first.
pub(super) type Ad<'a> = [&'a str; 3];

/// By what a row is placed in the order of a part, as exactly as groups care: ad and minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowKey<'a> {
    pub(super) ad: Ad<'a>,
    pub(super) minute: i64,
}

/// A part that is being read.
pub(super) struct Cursor {
    key: String,
    batches: Batches,
    /// Where the columns of [`columns::read`] are in a batch.
    order: Vec<usize>,
    /// Decoded, and not taken yet.
    ahead: VecDeque<RecordBatch>,
    rows_ahead: usize,
    /// The last decoded row: none that follows may stand before it.
    last: Option<RecordBatch>,
    finished: bool,
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} rows ahead", self.key, self.rows_ahead)
    }
}

impl Cursor {
    /// A cursor before the first row of a file, whose bytes were compared with its digest.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] if they are no part.
    pub(super) fn open(
        file: &manifest::File,
        bytes: &Bytes,
        with_position: bool,
        batch_rows: usize,
    ) -> Result<Self, Error> {
        let key = file.key.clone();
        let damaged = |error: &dyn fmt::Display| damaged(&key, error);
        let options = ArrowReaderOptions::new().with_schema(Arc::clone(&AS_DICTIONARIES));
        let metadata = batches::footer(bytes, options).map_err(|error| damaged(&error))?;
        let names = columns::read(with_position);
        let roots: Vec<usize> = names
            .iter()
            .map(|name| metadata.schema().index_of(name))
            .collect::<Result<_, _>>()
            .map_err(|error| damaged(&error))?;
        let chunks =
            batches::decoded(|| Chunks::of(bytes, metadata.metadata(), &roots)).map_err(|error| damaged(&error))?;
        let batches = Batches::open(|| {
            let mask = ProjectionMask::roots(metadata.parquet_schema(), roots);
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata);
            builder.with_projection(mask).with_batch_size(batch_rows).build()
        });
        let batches = batches.map_err(|error| damaged(&error))?;
        let batch_schema = batches.schema();
        let order = names.iter().map(|name| batch_schema.index_of(name)).collect::<Result<_, _>>()?;
        Ok(Self { key, batches, order, ahead: VecDeque::new(), rows_ahead: 0, last: None, finished: false })
    }

    /// Decodes until at least so many rows are ahead, or all that there are.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] if they cannot be decoded.
    pub(super) fn fill(&mut self, rows: usize) -> Result<(), Error> {
        while self.rows_ahead < rows && !self.finished {
            let Some(batch) = self.batches.next() else {
                self.finished = true;
                break;
            };
            let batch = batch.map_err(|error| damaged(&self.key, &error))?.project(&self.order)?;
            let follows = self.last.as_ref().is_none_or(|last| moment(last, 0) <= moment(&batch, 0));
            if !follows || !is_in_order(&batch) {
                return Err(damaged(&self.key, &"its rows are not in the order of a part"));
            }
            self.last = Some(batch.slice(batch.num_rows() - 1, 1));
            self.rows_ahead += batch.num_rows();
            self.ahead.push_back(batch);
        }
        Ok(())
    }

    /// The place of the last decoded row; what is not decoded yet stands there or behind. `None`: all is decoded.
    pub(super) fn decoded_to(&self) -> Option<RowKey<'_>> {
        let last = if self.finished { None } else { self.ahead.back() };
        last.map(|batch| place(batch, batch.num_rows() - 1))
    }

    /// How many of the decoded rows are before `end`, which is true from some row on for all that follow.
    pub(super) fn count(&self, end: &dyn Fn(RowKey<'_>) -> bool) -> usize {
        let mut rows = 0;
        for batch in &self.ahead {
            let before = rows_before(batch, end);
            rows += before;
            if before < batch.num_rows() {
                break;
            }
        }
        rows
    }

    /// Takes the decoded rows before `end`: batches of [`columns::read`] columns.
    pub(super) fn take(&mut self, end: &dyn Fn(RowKey<'_>) -> bool, slices: &mut Vec<RecordBatch>) {
        while let Some(batch) = self.ahead.pop_front() {
            let before = rows_before(&batch, end);
            if before > 0 {
                slices.push(batch.slice(0, before));
                self.rows_ahead -= before;
            }
            if before < batch.num_rows() {
                self.ahead.push_front(batch.slice(before, batch.num_rows() - before));
                break;
            }
        }
    }
}

fn damaged(key: &str, reason: &dyn fmt::Display) -> Error {
    Error::Archive(ArchiveError::Damaged { key: key.to_owned(), reason: reason.to_string() })
}

fn rows_before(batch: &RecordBatch, end: &dyn Fn(RowKey<'_>) -> bool) -> usize {
    let (mut low, mut high) = (0, batch.num_rows());
    while low < high {
        let middle = low.midpoint(high);
        if end(place(batch, middle)) { high = middle } else { low = middle + 1 }
    }
    low
}

/// Where a row stands.
fn place(batch: &RecordBatch, row: usize) -> RowKey<'_> {
    let (ad, time) = moment(batch, row);
    RowKey { ad, minute: time.div_euclid(columns::MINUTE_MICROS) }
}

/// The ad and the event time of a row: by these, parts are in order.
fn moment(batch: &RecordBatch, row: usize) -> (Ad<'_>, i64) {
    let text = |column: usize| {
        let dictionary = batch.column(column).as_dictionary::<Int32Type>();
        let key = dictionary.key(row).expect("an ad's columns are never null");
        dictionary.values().as_string::<i32>().value(key)
    };
    let times = batch.column(columns::EVENT_TIME).as_primitive::<TimestampMicrosecondType>();
    ([text(0), text(1), text(2)], times.value(row))
}

/// Whether no row stands before the one in front of it. Cutting trusts it, so nothing else may.
fn is_in_order(batch: &RecordBatch) -> bool {
    let keys = [0, 1, 2].map(|column| batch.column(column).as_dictionary::<Int32Type>().keys().values());
    let times = batch.column(columns::EVENT_TIME).as_primitive::<TimestampMicrosecondType>().values();
    (1..batch.num_rows()).all(|row| {
        if keys.iter().all(|keys| keys[row - 1] == keys[row]) {
            times[row - 1] <= times[row]
        } else {
            moment(batch, row - 1) <= moment(batch, row)
        }
    })
}
