//! An import: one pass over the file that finds times and sorts, one over the sorted lines that makes events.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use clicktrail_log::{
    batch::{Batch, Batcher},
    frame::Digest,
    time::Timestamp,
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    csv,
    interpret::Interpreter,
    lines::{LINE_BYTES_MAX, Lines},
    mapping::{Format, Mapping},
    record::Reject,
    rejects::{Collector, Rejects},
    sort::{self, Sorted, Sorter},
};

/// Part of [`Import::identity`]: raise it when the same file and mapping would make other frames than before, or an
/// import cut off under the old version would go on under the new one with frames that do not fit.
pub const IMPORT_VERSION: u32 = 1;
/// How far an event time may lie in the future: clocks differ.
const FUTURE_MICROS_MAX: i64 = 60_000_000;
/// Lines between two calls of the progress callback.
const PROGRESS_LINES: u64 = 4_096;

/// Why a file cannot be imported. Lines that are no events are no errors: they are rejected one by one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened or read.
    #[error("read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The temporary files cannot be written or read: the disk may be full.
    #[error("sort in temporary files under {path}")]
    Scratch {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The first line of a CSV file is no header, or not one for this mapping.
    #[error("the header line cannot be used: {0}")]
    Header(String),
    /// Lines are what is imported.
    #[error("the file is compressed ({0}): decompress it first")]
    Compressed(&'static str),
    /// History cannot be in the future, and the hours up to there cannot be sealed.
    #[error("line {line}: event time {time} is in the future; set not_after in the mapping to reject such lines")]
    Future {
        /// From 1, as editors count.
        line: u64,
        /// What the line says.
        time: Timestamp,
    },
}

/// Where and when an import runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// A directory with room for a copy of the file, for sorting. Nothing is left in it.
    pub scratch: PathBuf,
    /// Bytes of lines sorted in memory.
    pub sort_memory_bytes: usize,
    /// The present: later events are an error.
    pub now: Timestamp,
}

impl Options {
    /// Sorts in [`sort::MEMORY_BYTES_DEFAULT`] of memory.
    pub fn new(scratch: &Path, now: Timestamp) -> Self {
        Self { scratch: scratch.to_owned(), sort_memory_bytes: sort::MEMORY_BYTES_DEFAULT, now }
    }
}

/// A file on its way into the log.
///
/// What [`Import::next_batch`] yields depends on the bytes of the file and on the mapping alone: importing again, or
/// going on after a crash, makes the same frames under the same [`Import::identity`], and the log drops them as the
/// duplicates that they are.
#[derive(Debug)]
pub struct Import {
    interpreter: Interpreter,
    scratch: PathBuf,
    file_digest: Digest,
    identity: Uuid,
    read_lines: u64,
    logged_events: u64,
    timed_lines: u64,
    last_event: Option<Timestamp>,
    sorted: Sorted,
    rejects: Collector,
    batcher: Batcher,
}

impl Import {
    /// Reads and sorts the file. `progress` is called with the bytes read and the bytes to read.
    ///
    /// Empty lines count neither as read nor as rejected, and the header of a CSV file is not a line.
    ///
    /// # Errors
    /// The file as a whole cannot be imported. Nothing was changed.
    pub fn open(
        path: &Path,
        mapping: Mapping,
        options: &Options,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, Error> {
        let read_error = |source| Error::Read { path: path.to_owned(), source };
        let scratch_error = |source| Error::Scratch { path: options.scratch.clone(), source };
        let file = File::open(path).map_err(read_error)?;
        let total = file.metadata().map_err(read_error)?.len();
        let mut lines = Lines::new(file);
        let (format, mapping_digest) = (mapping.format(), mapping.digest());
        let interpreter = interpreter(mapping, &mut lines, read_error)?;
        let mut sorter = Sorter::new(&options.scratch, options.sort_memory_bytes);
        let mut rejects = Collector::new(&options.scratch);
        let (mut read_lines, mut last_event) = (0, None);
        loop {
            if read_lines % PROGRESS_LINES == 0 {
                progress(lines.bytes(), total.max(lines.bytes()));
            }
            let Some(line) = lines.next().map_err(read_error)? else { break };
            if let Some(compression) = compression(line.number, line.bytes) {
                return Err(Error::Compressed(compression));
            }
            read_lines += 1;
            let time = if line.cut { Err(too_long()) } else { interpreter.event_time(line.bytes) };
            match time {
                Ok(time) if time > options.now.plus_micros(FUTURE_MICROS_MAX) => {
                    return Err(Error::Future { line: line.number + 1, time });
                }
                Ok(time) => {
                    last_event = last_event.max(Some(time));
                    sorter.push(time.micros(), line.number, line.bytes).map_err(scratch_error)?;
                }
                Err(reject) => rejects.push(line.number, &reject, line.bytes).map_err(scratch_error)?,
            }
        }
        progress(lines.bytes(), lines.bytes());
        let file_digest = lines.digest();
        Ok(Self {
            interpreter,
            scratch: options.scratch.clone(),
            file_digest,
            identity: identity(file_digest, mapping_digest, format),
            read_lines,
            logged_events: 0,
            timed_lines: sorter.records(),
            last_event,
            sorted: sorter.finish().map_err(scratch_error)?,
            rejects,
            batcher: Batcher::new(),
        })
    }

    /// SHA-256 of the file.
    pub fn file_digest(&self) -> Digest {
        self.file_digest
    }

    /// Who writes the frames of this import: a UUID of what decides their bytes (file, format, mapping and
    /// [`IMPORT_VERSION`]).
    pub fn identity(&self) -> Uuid {
        self.identity
    }

    /// Lines in the file that are not empty.
    pub fn read_lines(&self) -> u64 {
        self.read_lines
    }

    /// Lines rejected so far: all of them once [`Import::next_batch`] has returned `None`.
    pub fn rejected_lines(&self) -> u64 {
        self.rejects.lines()
    }

    /// Events yielded so far. At the end `read_lines = logged_events + rejected_lines`.
    pub fn logged_events(&self) -> u64 {
        self.logged_events
    }

    /// Lines that have a time: no more events than this will be yielded.
    pub fn events_max(&self) -> u64 {
        self.timed_lines
    }

    /// The latest time in the file. Rejected lines recorded as of then are the same on every run.
    pub fn last_event(&self) -> Option<Timestamp> {
        self.last_event
    }

    /// The next events in order of event time (those of the same time in the order of the file), `None` at the end.
    ///
    /// # Errors
    /// [`Error::Scratch`].
    pub fn next_batch(&mut self) -> Result<Option<Batch>, Error> {
        let Self { interpreter, scratch, file_digest, sorted, rejects, batcher, .. } = self;
        let scratch_error = |source| Error::Scratch { path: scratch.clone(), source };
        let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
        while let Some(line) = sorted.next().map_err(scratch_error)? {
            let time = Timestamp::from_micros(line.key);
            let minted = event_id(*file_digest, line.ordinal).hyphenated().encode_lower(&mut id);
            match interpreter.event(line.bytes, time, minted, |event| batcher.push(time, event)) {
                Ok(Some(batch)) => return Ok(Some(self.counted(batch))),
                Ok(None) => {}
                Err(reject) => rejects.push(line.ordinal, &reject, line.bytes).map_err(scratch_error)?,
            }
        }
        let last = batcher.finish();
        Ok(last.map(|batch| self.counted(batch)))
    }

    fn counted(&mut self, batch: Batch) -> Batch {
        self.logged_events += u64::try_from(batch.events.num_rows()).expect("a length fits 64 bits");
        batch
    }

    /// The rejected lines: all of them if [`Import::next_batch`] has returned `None` before.
    ///
    /// # Errors
    /// [`Error::Scratch`].
    pub fn into_rejects(self) -> Result<Rejects, Error> {
        let source = format!("import {}", self.file_digest);
        self.rejects.finish(source).map_err(|source| Error::Scratch { path: self.scratch, source })
    }
}

/// Fits the mapping to the file, whose header it reads if there is one.
fn interpreter(
    mapping: Mapping,
    lines: &mut Lines<File>,
    read_error: impl Fn(io::Error) -> Error,
) -> Result<Interpreter, Error> {
    let unknown = |field: String| Error::Header(format!("there is no column {field:?}, which the mapping names"));
    let Some(dialect) = mapping.csv_dialect() else {
        return Interpreter::new(mapping, &[]).map_err(unknown);
    };
    let Some(line) = lines.next().map_err(read_error)? else {
        return Err(Error::Header("the file is empty".into()));
    };
    if let Some(compression) = compression(line.number, line.bytes) {
        return Err(Error::Compressed(compression));
    }
    if line.cut {
        return Err(Error::Header(too_long().detail));
    }
    let text = std::str::from_utf8(line.bytes).map_err(|error| Error::Header(error.to_string()))?;
    let header = csv::split(text, dialect).map_err(|malformed| Error::Header(malformed.to_string()))?;
    if let Some(twice) = header.iter().enumerate().find(|(at, name)| header[..*at].contains(name)) {
        return Err(Error::Header(format!("column {:?} is there twice", twice.1)));
    }
    Interpreter::new(mapping, &header).map_err(unknown)
}

fn compression(line: u64, bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x1f, 0x8b, ..] if line == 0 => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] if line == 0 => Some("zstd"),
        _ => None,
    }
}

fn too_long() -> Reject {
    let detail = format!("the line is longer than {LINE_BYTES_MAX} bytes; the rest is not kept");
    Reject { code: "line_too_long", detail }
}

/// A UUID (version 8) from the first half of a SHA-256.
fn uuid(hash: Sha256) -> Uuid {
    let digest: [u8; 32] = hash.finalize().into();
    let (half, _) = digest.split_first_chunk::<16>().expect("32 bytes");
    uuid::Builder::from_custom_bytes(*half).into_uuid()
}

/// The id of the event in line `line` of a file that gives it none.
fn event_id(file: Digest, line: u64) -> Uuid {
    uuid(Sha256::new().chain_update(file.0).chain_update(line.to_be_bytes()))
}

fn identity(file: Digest, mapping: Digest, format: Format) -> Uuid {
    let hash = Sha256::new().chain_update(b"clicktrail import").chain_update(IMPORT_VERSION.to_be_bytes());
    uuid(hash.chain_update(format.as_str()).chain_update(file.0).chain_update(mapping.0))
}

#[cfg(test)]
mod tests;
