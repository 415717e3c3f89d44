//! Step 1: the container. A zip in its one form, a list of contents in its one form, exactly the files that the list
//! names, and the bytes that the digests name.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    io::{BufRead as _, Read as _},
};

use sha2::{Digest as _, Sha256};

use super::failure::{Failure, Kind};
use crate::{
    bundle::{
        Contents, README, contents, names,
        table::{self, Column},
        zip::{Archive, Crc, EntryReader, Source},
    },
    hash::Hash,
};

/// The largest file that is held in memory: documents, bases, manifests. The list of contents is one.
pub(super) const SMALL_BYTES_MAX: u64 = 32 << 20;

/// A bundle whose bytes are those that its list of contents names.
#[derive(Debug)]
pub(super) struct Opened<'s> {
    archive: Archive<'s>,
    pub(super) contents: Contents,
    /// Files that some step has read.
    used: RefCell<BTreeSet<String>>,
}

impl<'s> Opened<'s> {
    pub(super) fn open(source: &'s dyn Source) -> Result<Self, Failure> {
        let archive = Archive::open(source).map_err(|error| Failure::of_zip("the file", &error))?;
        let Some(entry) = archive.entry(names::BUNDLE) else {
            return Err(Failure::new(
                Kind::Unreadable,
                names::BUNDLE,
                "it is not there: this is no bundle of evidence",
            ));
        };
        let bytes = archive.read_whole(entry, SMALL_BYTES_MAX);
        let bytes = bytes.map_err(|error| Failure::of_zip(names::BUNDLE, &error))?;
        if Crc::of(&bytes) != entry.crc {
            return Err(Failure::integrity(names::BUNDLE, "its checksum does not fit"));
        }
        let contents = Contents::from_bytes(&bytes).map_err(|error| Failure::of_text(names::BUNDLE, &error))?;
        let opened = Self { archive, contents, used: RefCell::default() };
        opened.check_names()?;
        Ok(opened)
    }

    fn check_names(&self) -> Result<(), Failure> {
        let listed = self.contents.files.iter().map(|file| (file.name.as_str(), file.bytes));
        let found = self.archive.entries().iter().map(|entry| (entry.name.as_str(), entry.bytes));
        let mut found = found.filter(|(name, _)| *name != names::BUNDLE);
        for (name, bytes) in listed {
            match found.next() {
                Some((there, _)) if there == name => {}
                Some((there, _)) if there < name => return Err(not_listed(there)),
                Some(_) | None => return Err(Failure::incomplete(name, "it is listed, and not there")),
            }
            if self.archive.entry(name).is_none_or(|entry| entry.bytes != bytes) {
                return Err(Failure::integrity(name, "it does not have the size that is listed"));
            }
        }
        match (found.next(), self.file(names::README)) {
            (Some((name, _)), _) => Err(not_listed(name)),
            (None, None) => Err(missing(names::README)),
            (None, Some(_)) => Ok(()),
        }
    }

    /// What compares the bytes of all files with their digests: it may run on another thread beside the other steps.
    pub(super) fn digests(&self) -> impl FnOnce() -> Result<(), Failure> + Send + use<'_, 's> {
        let (archive, files) = (&self.archive, self.contents.files.as_slice());
        move || files.iter().try_for_each(|file| check_digest(archive, file))
    }

    /// What is listed under a name.
    pub(super) fn file(&self, name: &str) -> Option<&contents::File> {
        let files = &self.contents.files;
        files.binary_search_by(|file| file.name.as_str().cmp(name)).ok().map(|index| &files[index])
    }

    /// A file from its beginning.
    pub(super) fn reader(&self, name: &str) -> Result<EntryReader<'s>, Failure> {
        let entry = self.archive.entry(name).ok_or_else(|| missing(name))?;
        self.used.borrow_mut().insert(name.to_owned());
        Ok(self.archive.read(entry))
    }

    /// A small file.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let entry = self.archive.entry(name).ok_or_else(|| missing(name))?;
        self.used.borrow_mut().insert(name.to_owned());
        self.archive.read_whole(entry, SMALL_BYTES_MAX).map_err(|error| Failure::of_zip(name, &error))
    }

    /// Checks that every file was read: what belongs to nothing may say anything.
    pub(super) fn expect_all_used(&self) -> Result<(), Failure> {
        let used = self.used.borrow();
        let is_read = |file: &&contents::File| used.contains(&file.name) || file.name == names::README;
        match self.contents.files.iter().find(|file| !is_read(file)) {
            Some(file) => Err(Failure::integrity(&file.name, "it belongs to nothing that is proved")),
            None => Ok(()),
        }
    }

    /// A table, from its first row.
    pub(super) fn table(
        &self,
        name: &str,
        columns: &'static [Column],
    ) -> Result<table::Reader<EntryReader<'s>>, Failure> {
        table::Reader::open(self.reader(name)?, columns).map_err(|error| Failure::of_table(name, &error))
    }
}

fn check_digest(archive: &Archive<'_>, file: &contents::File) -> Result<(), Failure> {
    let entry = archive.entry(&file.name).ok_or_else(|| missing(&file.name))?;
    let mut reader = archive.read(entry);
    let (mut hash, mut crc) = (Sha256::new(), Crc::default());
    loop {
        let chunk = reader.fill_buf().map_err(|error| unreadable(&file.name, &error))?;
        if chunk.is_empty() {
            break;
        }
        hash.update(chunk);
        crc.update(chunk);
        let length = chunk.len();
        reader.consume(length);
    }
    if entry.crc != crc.finish() || Hash(hash.finalize().into()) != file.sha256 {
        return Err(Failure::integrity(&file.name, "its bytes are not those that were listed"));
    }
    let is_readme = file.name == names::README;
    match is_readme && file.sha256 != Hash::of(README.as_bytes()) {
        true => Err(Failure::integrity(names::README, "it does not have the words that it has in every bundle")),
        false => Ok(()),
    }
}

fn missing(name: &str) -> Failure {
    Failure::incomplete(name, "it is not there")
}

fn not_listed(name: &str) -> Failure {
    Failure::integrity(name, "it is there, and not listed in bundle.json")
}

/// What an operating system reports.
pub(super) fn unreadable(name: &str, error: &std::io::Error) -> Failure {
    Failure::new(Kind::Unreadable, name, error.to_string())
}

/// Checks that nothing is left of a file.
pub(super) fn expect_end(name: &str, reader: &mut EntryReader<'_>) -> Result<(), Failure> {
    let mut byte = [0];
    match reader.read(&mut byte).map_err(|error| unreadable(name, &error))? {
        0 => Ok(()),
        _ => Err(Failure::integrity(name, "there is more in it than belongs there")),
    }
}

/// The next row of a table, which must have one.
pub(super) fn next_row<'r>(
    name: &str,
    table: &'r mut table::Reader<EntryReader<'_>>,
) -> Result<table::Row<'r>, Failure> {
    match table.next() {
        Ok(Some(row)) => Ok(row),
        Ok(None) => Err(Failure::incomplete(name, "it has fewer rows than the proof shows")),
        Err(error) => Err(Failure::of_table(name, &error)),
    }
}

/// Checks that a table has no further row.
pub(super) fn expect_no_row(name: &str, table: &mut table::Reader<EntryReader<'_>>) -> Result<(), Failure> {
    match table.next() {
        Ok(None) => Ok(()),
        Ok(Some(row)) => Err(Failure::integrity(name, format!("line {} belongs to nothing that is proved", row.line))),
        Err(error) => Err(Failure::of_table(name, &error)),
    }
}
