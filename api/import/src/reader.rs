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
    earlier::Earlier,
    interpret::Interpreter,
    known::{Known, LoggedEvent},
    lines::{LINE_BYTES_MAX, Lines},
    mapping::{Format, Mapping},
    occurrence::{self, Occurrences, SAME_TIME_LINES_MAX},
    record::Reject,
    rejects::{Collector, Rejects},
    sort::{self, Sorted, Sorter},
};

/// Part of [`Import::identity`]: raise it when the same file and mapping would make other frames than before, or an
/// import cut off under the old version would go on under the new one with frames that do not fit. Version 1 made ids
/// of the file's digest and the number of a line; `earlier.rs` still knows them. Version 2 told lines apart by blanks
/// at their end, and rejected more.
pub const IMPORT_VERSION: u32 = 3;
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
    /// Lines are UTF-8, or at least made of bytes of its kind.
    #[error("the file is UTF-16: convert it first (iconv -f UTF-16 -t UTF-8)")]
    Utf16,
    /// So many lines of one instant cannot be told apart in the memory there is.
    #[error("more than {SAME_TIME_LINES_MAX} different lines have the event time {0}: import the file in parts")]
    SameTime(Timestamp),
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
    /// Part of the ids of lines that bring none: equal lines of different sources are different events.
    pub source: Option<String>,
    /// Whether a last line without a line end is complete. Otherwise it may still be being written, and waits.
    pub whole: bool,
}

impl Options {
    /// Sorts in [`sort::MEMORY_BYTES_DEFAULT`] of memory.
    pub fn new(scratch: &Path, now: Timestamp) -> Self {
        let sort_memory_bytes = sort::MEMORY_BYTES_DEFAULT;
        Self { scratch: scratch.to_owned(), sort_memory_bytes, now, source: None, whole: false }
    }
}

/// A file on its way into the log.
///
/// What [`Import::next_batch`] yields depends on the bytes of the file, on the mapping, and on what the log holds
/// already ([`Import::know`]), which is left out. An import that goes on after a crash begins with the first line that
/// the log does not hold, which was the first of a frame: so it makes the same frames as one in one piece.
#[derive(Debug)]
pub struct Import {
    interpreter: Interpreter,
    scratch: PathBuf,
    file_digest: Digest,
    identity: Uuid,
    read_lines: u64,
    logged_events: u64,
    known_events: u64,
    held_back: bool,
    timed_lines: u64,
    span: Option<(Timestamp, Timestamp)>,
    sorted: Sorted,
    occurrences: Occurrences,
    known: Known,
    earlier: Earlier,
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
        let (mut read_lines, mut held_back, mut span) = (0, false, None);
        loop {
            if read_lines % PROGRESS_LINES == 0 {
                progress(lines.bytes(), total.max(lines.bytes()));
            }
            let Some(line) = lines.next().map_err(read_error)? else { break };
            check_bytes(line.number, line.bytes)?;
            read_lines += 1;
            let time = if line.cut { Err(too_long()) } else { interpreter.event_time(line.bytes) };
            // A whole JSON object is complete; of other lines nobody knows.
            if !line.ended && !options.whole && (format != Format::Ndjson || time.is_err()) {
                held_back = true;
                continue;
            }
            match time {
                Ok(time) if time > options.now.plus_micros(FUTURE_MICROS_MAX) => {
                    return Err(Error::Future { line: line.number + 1, time });
                }
                Ok(time) => {
                    span = Some(span.map_or((time, time), |(first, last)| (time.min(first), time.max(last))));
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
            identity: identity(file_digest, mapping_digest, format, options.source.as_deref()),
            read_lines,
            logged_events: 0,
            known_events: 0,
            held_back,
            timed_lines: sorter.records(),
            span,
            sorted: sorter.finish().map_err(scratch_error)?,
            occurrences: Occurrences::new(options.source.as_deref()),
            known: Known::new(&options.scratch),
            earlier: Earlier::new(file_digest, mapping_digest, format),
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

    /// Events yielded so far. At the end `read_lines = logged_events + known_events + rejected_lines + held_lines`.
    pub fn logged_events(&self) -> u64 {
        self.logged_events
    }

    /// Events so far that the log held already.
    pub fn known_events(&self) -> u64 {
        self.known_events
    }

    /// 1 if the last line has no line end and waits for it (see [`Options::whole`]), else 0.
    pub fn held_lines(&self) -> u64 {
        u64::from(self.held_back)
    }

    /// Lines that have a time: no more events than this will be yielded.
    pub fn events_max(&self) -> u64 {
        self.timed_lines
    }

    /// The earliest and the latest time in the file: events of the log in between may be of this file.
    pub fn event_span(&self) -> Option<(Timestamp, Timestamp)> {
        self.span
    }

    /// Tells of an event that the log holds.
    ///
    /// # Errors
    /// [`Error::Scratch`].
    ///
    /// # Panics
    /// If a batch was asked for before.
    pub fn know(&mut self, event: &LoggedEvent<'_>) -> Result<(), Error> {
        self.known.push(event).map_err(|source| Error::Scratch { path: self.scratch.clone(), source })
    }

    /// Tells who wrote into the log: if one of them imported this file, or a shorter version of it, under
    /// [`IMPORT_VERSION`] 1, the ids that its lines had then are found. This reads the file once more, but only if a
    /// writer may be such an import.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn know_writers(&mut self, path: &Path, writers: impl Iterator<Item = Uuid>) -> Result<(), Error> {
        let read_error = |source| Error::Read { path: path.to_owned(), source };
        self.earlier.find(writers, || File::open(path)).map_err(read_error)
    }

    /// The next new events in order of event time (those of the same time in the order of the file), `None` at the end.
    ///
    /// # Errors
    /// [`Error::Scratch`], [`Error::SameTime`].
    pub fn next_batch(&mut self) -> Result<Option<Batch>, Error> {
        let Self { interpreter, scratch, sorted, rejects, batcher, occurrences, known, earlier, known_events, .. } =
            self;
        let scratch_error = |source| Error::Scratch { path: scratch.clone(), source };
        let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
        while let Some(line) = sorted.next().map_err(scratch_error)? {
            let time = Timestamp::from_micros(line.key);
            let ids = occurrences.ids(time, line.bytes).map_err(|_| Error::SameTime(time))?;
            let minted = &*ids.own.hyphenated().encode_lower(&mut id);
            let known = known.at(time).map_err(scratch_error)?;
            let mut other_ids = if known.is_empty() { Vec::new() } else { earlier.ids(line.ordinal) };
            other_ids.extend(ids.earlier.map(|earlier| earlier.to_string()));
            let event = interpreter.event(line.bytes, time, minted, |event| {
                let other_ids = if event.event_id == minted { &*other_ids } else { &[] };
                if known.take(event, other_ids) {
                    *known_events += 1;
                    return None;
                }
                batcher.push(time, event)
            });
            match event {
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
pub(super) fn interpreter(
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
    check_bytes(line.number, line.bytes)?;
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

/// What the first bytes of a file say about it.
pub(super) fn check_bytes(line: u64, bytes: &[u8]) -> Result<(), Error> {
    match bytes {
        [0x1f, 0x8b, ..] if line == 0 => Err(Error::Compressed("gzip")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] if line == 0 => Err(Error::Compressed("zstd")),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] if line == 0 => Err(Error::Compressed("bzip2")),
        [0xfd, b'7', b'z', b'X', b'Z', ..] if line == 0 => Err(Error::Compressed("xz")),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] if line == 0 => Err(Error::Utf16),
        _ => Ok(()),
    }
}

pub(super) fn too_long() -> Reject {
    let detail = format!("the line is longer than {LINE_BYTES_MAX} bytes; the rest is not kept");
    Reject { code: "line_too_long", detail }
}

fn identity(file: Digest, mapping: Digest, format: Format, source: Option<&str>) -> Uuid {
    let mut hash = Sha256::new().chain_update(b"clicktrail import").chain_update(IMPORT_VERSION.to_be_bytes());
    hash.update(format.as_str());
    hash.update(file.0);
    hash.update(mapping.0);
    hash.update(source.unwrap_or_default());
    let digest: [u8; 32] = hash.finalize().into();
    occurrence::version_8(*digest.first_chunk().expect("a digest has 32 bytes"))
}

#[cfg(test)]
mod tests;
