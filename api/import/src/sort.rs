//! A stable sort of more records than fit in memory: sorted runs in temporary files, then one merge.
//!
//! Records are ordered by `(key, ordinal)`. Ordinals are unique and grow with the input, so the order is that of a
//! stable sort by key. The temporary files have no name: they are gone when the process is, however it ends.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    path::{Path, PathBuf},
};

/// Bytes of records that the sorter holds in memory unless told otherwise; beyond, it writes a run to disk.
pub const MEMORY_BYTES_DEFAULT: usize = 256 << 20;
/// At so many runs on disk they are merged into one: it bounds open files and read buffers.
const RUNS_MAX: usize = 64;
const RUN_BUFFER_BYTES: usize = 256 << 10;
/// Key, ordinal and length in front of the bytes of a record in a run.
const HEADER_BYTES: usize = 20;

/// A record with its key, as the merge yields it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keyed<'a> {
    /// What is sorted by.
    pub(super) key: i64,
    /// The record's place in the input.
    pub(super) ordinal: u64,
    /// What was pushed.
    pub(super) bytes: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    key: i64,
    ordinal: u64,
    start: usize,
    bytes: u32,
}

/// Takes records in input order.
#[derive(Debug)]
pub(super) struct Sorter {
    scratch: PathBuf,
    memory_bytes: usize,
    /// The bytes of all records in memory, one after the other.
    arena: Vec<u8>,
    entries: Vec<Entry>,
    runs: Vec<File>,
    records: u64,
}

impl Sorter {
    /// A sorter that holds about `memory_bytes` and writes what is more to files in `scratch`.
    pub(super) fn new(scratch: &Path, memory_bytes: usize) -> Self {
        Self {
            scratch: scratch.to_owned(),
            memory_bytes,
            arena: Vec::new(),
            entries: Vec::new(),
            runs: Vec::new(),
            records: 0,
        }
    }

    /// Records so far.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Takes one record; `ordinal` is greater than every one before.
    pub(super) fn push(&mut self, key: i64, ordinal: u64, bytes: &[u8]) -> io::Result<()> {
        let held = self.arena.len() + self.entries.len() * size_of::<Entry>();
        if !self.entries.is_empty() && held + bytes.len() + size_of::<Entry>() > self.memory_bytes {
            self.spill()?;
        }
        let length = u32::try_from(bytes.len()).expect("a record is a line, and lines are bounded");
        self.entries.push(Entry { key, ordinal, start: self.arena.len(), bytes: length });
        self.arena.extend_from_slice(bytes);
        self.records += 1;
        Ok(())
    }

    /// Ends the input: the records in order.
    pub(super) fn finish(mut self) -> io::Result<Sorted> {
        self.entries.sort_unstable_by_key(|entry| (entry.key, entry.ordinal));
        let memory = Memory { arena: self.arena, entries: self.entries, next: 0 };
        Sorted::new(memory, self.runs)
    }

    /// Writes what is in memory as one run; at [`RUNS_MAX`] merges all runs into one.
    fn spill(&mut self) -> io::Result<()> {
        self.entries.sort_unstable_by_key(|entry| (entry.key, entry.ordinal));
        let mut memory =
            Memory { arena: std::mem::take(&mut self.arena), entries: std::mem::take(&mut self.entries), next: 0 };
        let mut run = RunWriter::create(&self.scratch)?;
        while let Some(record) = memory.next() {
            run.write(record)?;
        }
        self.runs.push(run.finish()?);
        // The allocations are kept for the next run.
        (self.arena, self.entries) = (memory.arena, memory.entries);
        self.arena.clear();
        self.entries.clear();
        if self.runs.len() >= RUNS_MAX {
            let mut merged = RunWriter::create(&self.scratch)?;
            let mut sorted = Sorted::new(Memory::default(), std::mem::take(&mut self.runs))?;
            while let Some(record) = sorted.next()? {
                merged.write(record)?;
            }
            self.runs.push(merged.finish()?);
        }
        Ok(())
    }
}

/// The run that never went to disk.
#[derive(Debug, Default)]
struct Memory {
    arena: Vec<u8>,
    entries: Vec<Entry>,
    next: usize,
}

impl Memory {
    fn peek(&self) -> Option<(i64, u64)> {
        self.entries.get(self.next).map(|entry| (entry.key, entry.ordinal))
    }

    fn next(&mut self) -> Option<Keyed<'_>> {
        let entry = self.entries.get(self.next)?;
        self.next += 1;
        let bytes = &self.arena[entry.start..entry.start + entry.bytes as usize];
        Some(Keyed { key: entry.key, ordinal: entry.ordinal, bytes })
    }
}

struct RunWriter(BufWriter<File>);

impl RunWriter {
    fn create(scratch: &Path) -> io::Result<Self> {
        Ok(Self(BufWriter::with_capacity(RUN_BUFFER_BYTES, tempfile::tempfile_in(scratch)?)))
    }

    fn write(&mut self, record: Keyed<'_>) -> io::Result<()> {
        let length = u32::try_from(record.bytes.len()).expect("a record is a line, and lines are bounded");
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(&record.key.to_le_bytes());
        header[8..16].copy_from_slice(&record.ordinal.to_le_bytes());
        header[16..].copy_from_slice(&length.to_le_bytes());
        self.0.write_all(&header)?;
        self.0.write_all(record.bytes)
    }

    /// The file, standing at its beginning.
    fn finish(self) -> io::Result<File> {
        let mut file = self.0.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(file)
    }
}

/// Reads a run, always one record ahead.
#[derive(Debug)]
struct RunReader {
    file: BufReader<File>,
    /// `None` at the end of the run.
    head: Option<(i64, u64)>,
    bytes: Vec<u8>,
}

impl RunReader {
    fn open(file: File) -> io::Result<Self> {
        let mut reader = Self { file: BufReader::with_capacity(RUN_BUFFER_BYTES, file), head: None, bytes: Vec::new() };
        reader.advance()?;
        Ok(reader)
    }

    fn advance(&mut self) -> io::Result<()> {
        let mut header = [0; HEADER_BYTES];
        if io::BufRead::fill_buf(&mut self.file)?.is_empty() {
            self.head = None;
            return Ok(());
        }
        self.file.read_exact(&mut header)?;
        let (key, rest) = header.split_first_chunk::<8>().expect("the header has 20 bytes");
        let (ordinal, length) = rest.split_first_chunk::<8>().expect("12 bytes are left");
        let length = u32::from_le_bytes(length.try_into().expect("4 bytes are left"));
        self.bytes.resize(length as usize, 0);
        self.file.read_exact(&mut self.bytes)?;
        self.head = Some((i64::from_le_bytes(*key), u64::from_le_bytes(*ordinal)));
        Ok(())
    }
}

/// The records in order.
#[derive(Debug)]
pub(super) struct Sorted {
    memory: Memory,
    runs: Vec<RunReader>,
    /// The next record of every source that has one; `None` is the run in memory.
    heads: BinaryHeap<Reverse<(i64, u64, Option<usize>)>>,
    /// The run whose head was given out last: it moves on when the next record is asked for.
    given: Option<usize>,
}

impl Sorted {
    fn new(memory: Memory, files: Vec<File>) -> io::Result<Self> {
        let runs = files.into_iter().map(RunReader::open).collect::<io::Result<Vec<_>>>()?;
        let mut heads = BinaryHeap::with_capacity(runs.len() + 1);
        heads.extend(memory.peek().map(|(key, ordinal)| Reverse((key, ordinal, None))));
        for (index, run) in runs.iter().enumerate() {
            heads.extend(run.head.map(|(key, ordinal)| Reverse((key, ordinal, Some(index)))));
        }
        Ok(Self { memory, runs, heads, given: None })
    }

    /// The next record, `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Keyed<'_>>> {
        if let Some(index) = self.given.take() {
            let run = &mut self.runs[index];
            run.advance()?;
            self.heads.extend(run.head.map(|(key, ordinal)| Reverse((key, ordinal, Some(index)))));
        }
        let Some(Reverse((key, ordinal, source))) = self.heads.pop() else { return Ok(None) };
        let Some(index) = source else {
            // The memory knows its next head without giving up the bytes of this one.
            let next = self.memory.entries.get(self.memory.next + 1);
            self.heads.extend(next.map(|entry| Reverse((entry.key, entry.ordinal, None))));
            return Ok(self.memory.next());
        };
        self.given = Some(index);
        Ok(Some(Keyed { key, ordinal, bytes: &self.runs[index].bytes }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(input: &[(i64, Vec<u8>)], memory_bytes: usize) -> Result<(), TestCaseError> {
        let scratch = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(scratch.path(), memory_bytes);
        for (ordinal, (key, bytes)) in (0..).zip(input) {
            sorter.push(*key, ordinal, bytes).unwrap();
        }
        prop_assert_eq!(sorter.records(), input.len() as u64);
        let mut expected: Vec<_> = (0_u64..).zip(input).collect();
        expected.sort_by_key(|(_, (key, _))| *key);
        let mut sorted = sorter.finish().unwrap();
        for (ordinal, (key, bytes)) in expected {
            prop_assert_eq!(sorted.next().unwrap(), Some(Keyed { key: *key, ordinal, bytes }));
        }
        prop_assert_eq!(sorted.next().unwrap(), None);
        prop_assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_budget_gives_the_order_of_a_stable_sort(
            input in proptest::collection::vec((-20_i64..20, proptest::collection::vec(any::<u8>(), 0..12)), 0..400),
            memory_bytes in 0_usize..4_000,
        ) {
            check(&input, memory_bytes)?;
        }
    }

    #[test]
    fn extreme_keys_and_many_runs_are_sorted() {
        let mut input: Vec<_> = (0..300_i64).map(|at| ((at * 7919) % 101, vec![b'x'; 3])).collect();
        input.extend([(i64::MAX, vec![]), (i64::MIN, vec![1])]);
        check(&input, 0).unwrap();
    }
}
