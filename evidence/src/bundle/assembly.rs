//! Writing a bundle. `bundle.json` has the digests of all other files and stands before most of them, so files are
//! staged first: small ones in memory, large ones in a directory of the caller's, which is emptied again.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Cursor, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{
    contents::{self, Contents},
    names,
    zip::{self, Crc},
};
use crate::hash::Hash;

#[derive(Debug)]
enum Content {
    Bytes(Vec<u8>),
    Spooled(PathBuf),
}

/// A file that is ready for the archive.
#[derive(Debug)]
struct Staged {
    content: Content,
    bytes: u64,
    sha256: Hash,
    crc: u32,
}

/// A bundle in the making.
#[derive(Debug, Default)]
pub struct Assembly {
    files: BTreeMap<String, Staged>,
}

/// A large file that is being written.
#[derive(Debug)]
pub struct Spool {
    name: String,
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    hash: Sha256,
    crc: Crc,
}

impl Assembly {
    /// Adds a file that fits into memory. One of the same name is replaced.
    pub fn put(&mut self, name: &str, bytes: Vec<u8>) {
        let staged = Staged {
            bytes: bytes.len() as u64,
            sha256: Hash::of(&bytes),
            crc: Crc::of(&bytes),
            content: Content::Bytes(bytes),
        };
        self.files.insert(name.to_owned(), staged);
    }

    /// Begins a large file, kept in `directory` until the bundle is written; [`Assembly::add`] adds it.
    ///
    /// # Errors
    /// As the operating system reports.
    pub fn spool(directory: &Path, name: &str) -> io::Result<Spool> {
        let path = directory.join(name.replace('/', "-"));
        let file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
        Ok(Spool { name: name.to_owned(), path, file, bytes: 0, hash: Sha256::new(), crc: Crc::default() })
    }

    /// Adds a large file that is written.
    ///
    /// # Errors
    /// As the operating system reports.
    pub fn add(&mut self, mut spool: Spool) -> io::Result<()> {
        spool.file.flush()?;
        let Spool { name, path, bytes, hash, crc, .. } = spool;
        let sha256 = Hash(hash.finalize().into());
        self.files.insert(name, Staged { content: Content::Spooled(path), bytes, sha256, crc: crc.finish() });
        Ok(())
    }

    /// Writes the bundle: `contents` says everything but the files, which are those that were added, and the README.
    ///
    /// # Errors
    /// What the archive cannot hold; as reading and writing report.
    pub fn finish<W: Write>(mut self, mut contents: Contents, out: W) -> Result<W, zip::Error> {
        self.put(names::README, names::README_TEXT.as_bytes().to_vec());
        self.files.remove(names::BUNDLE);
        let file = |(name, staged): (&String, &Staged)| contents::File {
            name: name.clone(),
            bytes: staged.bytes,
            sha256: staged.sha256,
        };
        contents.files = self.files.iter().map(file).collect();
        self.put(names::BUNDLE, contents.to_bytes());
        let mut writer = zip::Writer::new(out);
        for (name, staged) in &self.files {
            let mut from: Box<dyn Read + '_> = match &staged.content {
                Content::Bytes(bytes) => Box::new(Cursor::new(bytes)),
                Content::Spooled(path) => Box::new(File::open(path)?),
            };
            writer.file(name, staged.bytes, staged.crc, &mut from)?;
        }
        writer.finish()
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.crc.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Assembly {
    fn drop(&mut self) {
        for staged in self.files.values() {
            if let Content::Spooled(path) = &staged.content {
                // The directory is the caller's, who removes it too; what cannot be removed here is removed there.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}
