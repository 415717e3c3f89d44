//! The lines that are no events, kept until the import has read everything.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    io,
    path::Path,
};

use arrow::array::RecordBatch;
use clicktrail_log::{
    rejected::{Rejected, RejectedBuilder},
    time::Timestamp,
};

use sha2::{Digest as _, Sha256};

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

/// Lines of earlier imports that are remembered. Those beyond are rejected once more: they are evidence, and no bill.
const KNOWN_MAX: usize = 1 << 20;

/// Takes rejected lines in any order.
#[derive(Debug)]
pub(super) struct Collector {
    sorter: Sorter,
    codes: BTreeMap<&'static str, u64>,
}

/// Lines that an earlier import rejected, by reason code and bytes.
#[derive(Debug, Default)]
pub struct KnownRejects(HashMap<[u8; 16], u32>);

impl KnownRejects {
    /// One more line that the rejected log holds.
    pub fn push(&mut self, code: &str, original: &[u8]) {
        if self.0.len() < KNOWN_MAX {
            *self.0.entry(key(code, original)).or_default() += 1;
        }
    }

    fn take(&mut self, code: &str, original: &[u8]) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let left = self.0.get_mut(&key(code, original)).filter(|left| **left > 0);
        left.map(|left| *left -= 1).is_some()
    }
}

/// Blanks at a line's end are no part of it.
fn key(code: &str, original: &[u8]) -> [u8; 16] {
    let hash = Sha256::new().chain_update(code).chain_update([0]).chain_update(original.trim_ascii_end()).finalize();
    *hash.first_chunk().expect("a digest has 32 bytes")
}

impl Collector {
    pub(super) fn new(scratch: &Path) -> Self {
        Self { sorter: Sorter::new(scratch, MEMORY_BYTES), codes: BTreeMap::new() }
    }

    /// Lines so far.
    pub(super) fn lines(&self) -> u64 {
        self.sorter.records()
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
        *self.codes.entry(reject.code).or_default() += 1;
        self.sorter.push(key, line, &record)
    }

    pub(super) fn finish(self, source: String) -> io::Result<Rejects> {
        let lines = self.sorter.records();
        let (sorted, known) = (self.sorter.finish()?, KnownRejects::default());
        Ok(Rejects { source, lines, codes: self.codes, sorted, held: None, known, known_lines: 0 })
    }
}

/// The rejected lines of an import, by line number.
#[derive(Debug)]
pub struct Rejects {
    source: String,
    lines: u64,
    codes: BTreeMap<&'static str, u64>,
    sorted: Sorted,
    /// The line that did not fit the batch before.
    held: Option<(i64, Vec<u8>)>,
    known: KnownRejects,
    known_lines: u64,
}

impl Rejects {
    /// How many lines were rejected.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// How many for each reason code.
    pub fn codes(&self) -> &BTreeMap<&'static str, u64> {
        &self.codes
    }

    /// Leaves out what an earlier import rejected for the same reason; each such line once.
    pub fn leave_out(&mut self, known: KnownRejects) {
        self.known = known;
    }

    /// How many lines were left out so far: all of them once [`Rejects::next_batch`] has returned `None`.
    pub fn known_lines(&self) -> u64 {
        self.known_lines
    }

    /// The next batch of [`clicktrail_log::rejected`] columns, `None` at the end. Each fits a frame.
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
                    Some(record) => {
                        let (code, rest) = text(record.bytes);
                        if self.known.take(&code, text(rest).1) {
                            self.known_lines += 1;
                            continue;
                        }
                        (record.key, record.bytes.to_vec())
                    }
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
