//! The lines that are no events, kept until the import has read everything.

use std::{borrow::Cow, io, path::Path};

use arrow::array::RecordBatch;
use clicktrail_log::{
    rejected::{Rejected, RejectedBuilder},
    time::Timestamp,
};

use super::{
    record::Reject,
    sort::{Sorted, Sorter},
};

/// Beyond so much, rejected lines wait in a temporary file.
const MEMORY_BYTES: usize = 16 << 20;
/// A batch ends before it holds more, so that it fits a frame: the longest line takes half of one.
const BATCH_BYTES_MAX: usize = 900_000;
const BATCH_ROWS_MAX: usize = 4_096;
/// What a row takes beside its texts.
const ROW_BYTES: usize = 120;

/// Takes rejected lines in any order.
#[derive(Debug)]
pub(super) struct Collector(Sorter);

impl Collector {
    pub(super) fn new(scratch: &Path) -> Self {
        Self(Sorter::new(scratch, MEMORY_BYTES))
    }

    /// Lines so far.
    pub(super) fn lines(&self) -> u64 {
        self.0.records()
    }

    pub(super) fn push(&mut self, line: u64, reject: &Reject, original: &[u8]) -> io::Result<()> {
        let mut record = Vec::with_capacity(8 + reject.code.len() + reject.detail.len() + original.len());
        for text in [reject.code, &reject.detail] {
            let length = u32::try_from(text.len()).expect("codes and details are short");
            record.extend_from_slice(&length.to_le_bytes());
            record.extend_from_slice(text.as_bytes());
        }
        record.extend_from_slice(original);
        let key = i64::try_from(line).expect("a file has fewer than 2^63 lines");
        self.0.push(key, line, &record)
    }

    pub(super) fn finish(self, source: String) -> io::Result<Rejects> {
        Ok(Rejects { source, lines: self.0.records(), sorted: self.0.finish()?, held: None })
    }
}

/// The rejected lines of an import, by line number.
#[derive(Debug)]
pub struct Rejects {
    source: String,
    lines: u64,
    sorted: Sorted,
    /// The line that did not fit the batch before.
    held: Option<(i64, Vec<u8>)>,
}

impl Rejects {
    /// How many lines were rejected.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The next batch of [`clicktrail_log::rejected`] columns, `None` at the end. Each fits a frame. With the same
    /// `rejected_at` the batches are the same on every run over the same file and mapping.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn next_batch(&mut self, rejected_at: Timestamp) -> io::Result<Option<RecordBatch>> {
        let mut builder = RejectedBuilder::with_capacity(64);
        let mut bytes = 0;
        loop {
            let (line, record) = match self.held.take() {
                Some(held) => held,
                None => match self.sorted.next()? {
                    Some(record) => (record.key, record.bytes.to_vec()),
                    None => break,
                },
            };
            let size = record.len() + self.source.len() + ROW_BYTES;
            if builder.rows() > 0 && (builder.rows() >= BATCH_ROWS_MAX || bytes + size > BATCH_BYTES_MAX) {
                self.held = Some((line, record));
                break;
            }
            bytes += size;
            let (code, rest) = text(&record);
            let (detail, original) = text(rest);
            builder.push(&Rejected {
                rejected_at,
                source: Cow::Borrowed(&self.source),
                item: line,
                code,
                detail,
                original: Cow::Borrowed(original),
            });
        }
        Ok((builder.rows() > 0).then(|| builder.finish()))
    }
}

fn text(record: &[u8]) -> (Cow<'_, str>, &[u8]) {
    let (length, rest) = record.split_first_chunk::<4>().expect("the collector wrote a length");
    let (text, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
    (String::from_utf8_lossy(text), rest)
}
