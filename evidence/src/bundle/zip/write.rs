//! Writing an archive, from files whose lengths and checksums are known.

use std::io::{Read, Write};

use super::{
    crc::Crc,
    limits::{BYTES_MAX, Error, FILES_MAX},
    record::{End, Head, is_name},
};

/// Bytes that are copied at a time.
const COPY_BYTES: usize = 256 << 10;

/// An archive in the making. Nothing is sought back to, so it can go to a pipe.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    written: u64,
    heads: Vec<Head>,
}

impl<W: Write> Writer<W> {
    /// An archive without files yet.
    pub fn new(out: W) -> Self {
        Self { out, written: 0, heads: Vec::new() }
    }

    /// Adds a file; its name is behind that of the last one, by bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; [`Error::NotCanonical`] for a name that is none, or not behind the last;
    /// [`Error::Damaged`] if `content` does not have these bytes; what writing reports.
    pub fn file(&mut self, name: &str, bytes: u64, crc: u32, content: &mut dyn Read) -> Result<(), Error> {
        if !is_name(name) || self.heads.last().is_some_and(|last| last.name.as_str() >= name) {
            return Err(Error::NotCanonical(format!("{name:?} is no name, or not behind the one before it")));
        }
        if self.heads.len() == FILES_MAX {
            return Err(Error::TooLarge(format!("an archive has at most {FILES_MAX} files")));
        }
        let too_large = || Error::TooLarge(format!("an archive has at most {BYTES_MAX} bytes, and {name} has {bytes}"));
        let offset = u32::try_from(self.written).map_err(|_| too_large())?;
        let length = u32::try_from(bytes).map_err(|_| too_large())?;
        let head = Head { name: name.to_owned(), crc, bytes: length, offset };
        if head.end() > BYTES_MAX {
            return Err(too_large());
        }
        self.out.write_all(&head.local())?;
        let (mut left, mut found) = (bytes, Crc::default());
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            let read = content.read(&mut buffer)?;
            let chunk = &buffer[..read];
            if chunk.is_empty() {
                break;
            }
            left = left.checked_sub(chunk.len() as u64).ok_or_else(|| Error::Damaged(name.to_owned()))?;
            found.update(chunk);
            self.out.write_all(chunk)?;
        }
        if left > 0 || found.finish() != crc {
            return Err(Error::Damaged(name.to_owned()));
        }
        self.written = head.end();
        self.heads.push(head);
        Ok(())
    }

    /// Writes the directory.
    ///
    /// # Errors
    /// [`Error::TooLarge`], what writing reports.
    pub fn finish(mut self) -> Result<W, Error> {
        let too_large = || Error::TooLarge(format!("an archive has at most {BYTES_MAX} bytes"));
        let directory: Vec<u8> = self.heads.iter().flat_map(Head::central).collect();
        let end = End {
            files: u16::try_from(self.heads.len()).expect("counted when they were added"),
            directory_bytes: u32::try_from(directory.len()).map_err(|_| too_large())?,
            directory_offset: u32::try_from(self.written).map_err(|_| too_large())?,
        };
        self.out.write_all(&directory)?;
        self.out.write_all(&end.record())?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// The archive of some files in memory, which are put in order.
///
/// # Errors
/// As [`Writer::file`].
pub fn write<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Result<Vec<u8>, Error> {
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_unstable();
    let mut writer = Writer::new(Vec::new());
    for (name, mut bytes) in files {
        writer.file(name, bytes.len() as u64, Crc::of(bytes), &mut bytes)?;
    }
    writer.finish()
}
