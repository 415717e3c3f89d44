//! Reading an archive. No length in it is believed: every record is compared with the bytes that the writer would make,
//! and nothing is held but the directory.

use std::{
    fs::File,
    io::{self, BufRead, Read, Seek as _, SeekFrom},
    sync::{Mutex, PoisonError},
};

use super::{
    limits::{BYTES_MAX, Error, NAME_MAX},
    record::{CENTRAL_BYTES, END_BYTES, End, Head, LOCAL, LOCAL_BYTES},
};

/// Bytes of a file that are held at a time.
const BUFFER_BYTES: usize = 128 << 10;

/// Bytes that can be read anywhere, by several readers at a time.
pub trait Source: Sync {
    /// How many there are.
    ///
    /// # Errors
    /// As the operating system reports.
    fn bytes(&self) -> io::Result<u64>;

    /// Fills `buffer` with those from `offset` on.
    ///
    /// # Errors
    /// As the operating system reports; if there are fewer.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl Source for Vec<u8> {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let begin = usize::try_from(offset).ok();
        let from = begin.and_then(|begin| self.get(begin..)).unwrap_or_default();
        let bytes = from.get(..buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

impl Source for Mutex<File> {
    fn bytes(&self) -> io::Result<u64> {
        self.lock().unwrap_or_else(PoisonError::into_inner).seek(SeekFrom::End(0))
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut file = self.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buffer)
    }
}

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its checksum as the archive says.
    pub crc: u32,
    offset: u64,
}

/// An archive in its one form.
pub struct Archive<'s> {
    source: &'s dyn Source,
    entries: Vec<Entry>,
}

impl std::fmt::Debug for Archive<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("entries", &self.entries).finish_non_exhaustive()
    }
}

fn not_canonical(reason: impl Into<String>) -> Error {
    Error::NotCanonical(reason.into())
}

impl<'s> Archive<'s> {
    /// Reads the directory, and the record in front of each file.
    ///
    /// # Errors
    /// [`Error::NotAZip`] if it does not begin as one, [`Error::NotCanonical`] names what is not as it must be.
    pub fn open(source: &'s dyn Source) -> Result<Self, Error> {
        let length = source.bytes()?;
        let mut first = [0; LOCAL.len()];
        if length < first.len() as u64 {
            return Err(Error::NotAZip);
        }
        source.read_exact_at(0, &mut first)?;
        if first != LOCAL {
            return Err(Error::NotAZip);
        }
        if length < END_BYTES as u64 || length > BYTES_MAX + (20 << 20) {
            return Err(not_canonical("it is too short or too long"));
        }
        let mut record = [0; END_BYTES];
        source.read_exact_at(length - END_BYTES as u64, &mut record)?;
        let end = End::parse(&record);
        if end.record() != record {
            return Err(not_canonical("it does not end with the end of its directory: it was cut, or added to"));
        }
        let (offset, bytes) = (u64::from(end.directory_offset), u64::from(end.directory_bytes));
        if offset + bytes + END_BYTES as u64 != length {
            return Err(not_canonical("its end does not say where its directory is"));
        }
        if bytes > u64::from(end.files) * (CENTRAL_BYTES + NAME_MAX) as u64 {
            return Err(not_canonical("its directory is longer than its files can make it"));
        }
        let mut directory = vec![0; usize::try_from(bytes).expect("bounded above")];
        source.read_exact_at(offset, &mut directory)?;
        let heads = heads(&directory, usize::from(end.files))?;
        if heads.last().map_or(0, Head::end) != offset {
            return Err(not_canonical("there is something between its files and its directory"));
        }
        for head in &heads {
            let expected = head.local();
            let mut found = vec![0; expected.len()];
            source.read_exact_at(u64::from(head.offset), &mut found)?;
            if found != expected {
                return Err(not_canonical(format!(
                    "the record in front of {} is not that of its directory",
                    head.name
                )));
            }
        }
        let entry = |head: Head| Entry {
            offset: u64::from(head.offset) + (LOCAL_BYTES + head.name.len()) as u64,
            bytes: head.bytes.into(),
            crc: head.crc,
            name: head.name,
        };
        Ok(Self { source, entries: heads.into_iter().map(entry).collect() })
    }

    /// The files, in the order of their names.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// A file by its name.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        let found = self.entries.binary_search_by(|entry| entry.name.as_str().cmp(name));
        found.ok().map(|index| &self.entries[index])
    }

    /// The content of a file, from its beginning. Its checksum is not looked at.
    pub fn read(&self, entry: &Entry) -> EntryReader<'s> {
        EntryReader {
            source: self.source,
            next: entry.offset,
            end: entry.offset + entry.bytes,
            buffer: Vec::new(),
            at: 0,
        }
    }

    /// The content of a small file.
    ///
    /// # Errors
    /// [`Error::TooLarge`], what reading reports.
    pub fn read_whole(&self, entry: &Entry, bytes_max: u64) -> Result<Vec<u8>, Error> {
        if entry.bytes > bytes_max {
            let Entry { name, bytes, .. } = entry;
            return Err(Error::TooLarge(format!("{name} has {bytes} bytes, and at most {bytes_max} are read")));
        }
        let mut content = vec![0; usize::try_from(entry.bytes).expect("small")];
        self.source.read_exact_at(entry.offset, &mut content)?;
        Ok(content)
    }
}

/// The records of a directory: each in its one form, names in order, files one behind the other.
fn heads(directory: &[u8], files: usize) -> Result<Vec<Head>, Error> {
    let mut heads: Vec<Head> = Vec::new();
    let mut rest = directory;
    for number in 0..files {
        let head = Head::parse_central(rest);
        let head = head.ok_or_else(|| not_canonical(format!("entry {number} of its directory is none")))?;
        rest = rest.strip_prefix(head.central().as_slice()).ok_or_else(|| {
            not_canonical(format!("the entry of {} in the directory has something that it must not have", head.name))
        })?;
        let (behind, begins) = heads.last().map_or((true, 0), |last| (last.name < head.name, last.end()));
        if !behind {
            return Err(not_canonical(format!("{} is there twice, or out of order", head.name)));
        }
        if u64::from(head.offset) != begins {
            return Err(not_canonical(format!("{} does not begin where the file before it ends", head.name)));
        }
        heads.push(head);
    }
    match rest {
        [] => Ok(heads),
        _ => Err(not_canonical("its directory has more files than its end says")),
    }
}

/// The content of a file of an archive.
pub struct EntryReader<'s> {
    source: &'s dyn Source,
    next: u64,
    end: u64,
    buffer: Vec<u8>,
    at: usize,
}

impl std::fmt::Debug for EntryReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EntryReader").field("next", &self.next).field("end", &self.end).finish_non_exhaustive()
    }
}

impl Read for EntryReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let length = ready.len().min(out.len());
        out[..length].copy_from_slice(&ready[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for EntryReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.buffer.len() {
            let length = usize::try_from(self.end - self.next).map_or(BUFFER_BYTES, |left| left.min(BUFFER_BYTES));
            self.buffer.resize(length, 0);
            self.source.read_exact_at(self.next, &mut self.buffer)?;
            self.next += length as u64;
            self.at = 0;
        }
        Ok(&self.buffer[self.at..])
    }

    fn consume(&mut self, length: usize) {
        self.at += length;
        assert!(self.at <= self.buffer.len(), "no more is consumed than there was");
    }
}
