//! Files of a bundle in the making: large ones on disk, in a directory that is the caller's.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::PathBuf,
};

use clicktrail_evidence::bundle::{
    Assembly,
    assembly::Spool,
    table::{self, Column},
};
use clicktrail_evidence::row::Value;

/// Files that are written side by side.
#[derive(Debug)]
pub(crate) struct Staging {
    directory: PathBuf,
    assembly: Assembly,
    open: BTreeMap<&'static str, Spool>,
}

impl Staging {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory, assembly: Assembly::default(), open: BTreeMap::new() }
    }

    /// Adds a small file.
    pub(crate) fn put(&mut self, name: &str, bytes: Vec<u8>) {
        self.assembly.put(name, bytes);
    }

    /// Begins a large file; one that is begun is in the bundle, also if nothing more is written.
    pub(crate) fn begin(&mut self, name: &'static str) -> io::Result<()> {
        self.open.insert(name, Assembly::spool(&self.directory, name)?);
        Ok(())
    }

    /// Begins a table.
    pub(crate) fn begin_table(&mut self, name: &'static str, columns: &[Column]) -> io::Result<()> {
        self.begin(name)?;
        table::write_names(columns, self.file(name))
    }

    /// Adds a row to a table.
    pub(crate) fn row<'v>(&mut self, name: &'static str, row: impl IntoIterator<Item = Value<'v>>) -> io::Result<()> {
        table::write_row(row, self.file(name))
    }

    /// A file that was begun.
    pub(crate) fn file(&mut self, name: &'static str) -> &mut impl Write {
        self.open.get_mut(name).expect("a file is begun before anything is written to it")
    }

    /// All files.
    pub(crate) fn finish(mut self) -> io::Result<Assembly> {
        for (_, spool) in std::mem::take(&mut self.open) {
            self.assembly.add(spool)?;
        }
        Ok(self.assembly)
    }
}
