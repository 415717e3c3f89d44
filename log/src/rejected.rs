//! Events that failed validation. They are kept with their original bytes, so nothing that arrived is ever lost.
//!
//! - `columns` are those of a frame, and of its rows as they are read;
//! - `known` puts positions to the rows of a frame, and the position by which a row is known;
//! - [`erased`] is a row without what arrived;
//! - [`unsealed`] looks at what is in the log alone.

mod columns;
pub mod erased;
mod known;
pub mod unsealed;

use std::{borrow::Cow, sync::Arc};

use arrow::array::{ArrayRef, BinaryBuilder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder};

use crate::{invariant, time::Timestamp};

pub use columns::{KNOWN_AS, read, schema};
#[cfg(test)]
pub(crate) use known::identity as copy_identity;
pub(crate) use known::positioned;
pub use known::rows;

/// One rejected event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected<'a> {
    /// When it was rejected.
    pub rejected_at: Timestamp,
    /// Which door it came through: `http /v1/events`, or the digest of an imported file.
    pub source: Cow<'a, str>,
    /// Its place there: item of the request or line of the file, from 0.
    pub item: i64,
    /// The stable reason code.
    pub code: Cow<'a, str>,
    /// For people: what is wrong, and where.
    pub detail: Cow<'a, str>,
    /// What arrived, as it arrived (cut only where the door says so).
    pub original: Cow<'a, [u8]>,
}

/// Turns rejected events into a batch of [`schema`] columns.
#[derive(Debug)]
pub struct RejectedBuilder {
    rows: usize,
    rejected_at: TimestampMicrosecondBuilder,
    source: StringBuilder,
    item: Int64Builder,
    code: StringBuilder,
    detail: StringBuilder,
    original: BinaryBuilder,
}

impl RejectedBuilder {
    /// A builder with room for `rows` events.
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            rows: 0,
            rejected_at: TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"),
            source: StringBuilder::with_capacity(rows, rows * 16),
            item: Int64Builder::with_capacity(rows),
            code: StringBuilder::with_capacity(rows, rows * 16),
            detail: StringBuilder::with_capacity(rows, rows * 64),
            original: BinaryBuilder::with_capacity(rows, rows * 256),
        }
    }

    /// Events so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Appends one event.
    pub fn push(&mut self, rejected: &Rejected<'_>) {
        self.rows += 1;
        self.rejected_at.append_value(rejected.rejected_at.micros());
        self.source.append_value(&rejected.source);
        self.item.append_value(rejected.item);
        self.code.append_value(&rejected.code);
        self.detail.append_value(&rejected.detail);
        self.original.append_value(&rejected.original);
    }

    /// The events so far as one batch; the builder is empty afterwards.
    pub fn finish(&mut self) -> RecordBatch {
        let rows = std::mem::take(&mut self.rows);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.rejected_at.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.item.finish()),
            Arc::new(self.code.finish()),
            Arc::new(self.detail.finish()),
            Arc::new(self.original.finish()),
        ];
        let batch = RecordBatch::try_new(schema(), columns);
        let batch = batch.expect("the builder makes the columns of the rejected schema");
        invariant!(I2, batch.num_rows() == rows, "{rows} rejected events became {} rows", batch.num_rows());
        batch
    }
}
