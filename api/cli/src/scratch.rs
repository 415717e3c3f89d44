//! Where a process that only reads keeps what it derives: a directory of its own among temporary files.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

/// Directories that a name is tried for: of earlier processes with our number that could not clear up.
const NAMES_MAX: u32 = 1_000;

/// A directory for what this process derives; it is removed with it.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes it.
    ///
    /// # Errors
    /// If the directory for temporary files cannot be written to.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let (home, process) = (std::env::temp_dir(), std::process::id());
        for number in 0..NAMES_MAX {
            let path = home.join(format!("clicktrail-{process}-{number}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    let what = "make a directory for what is derived while it is read (TMPDIR says where)";
                    return Err(error).with_context(|| format!("{what}: {}", path.display()));
                }
            }
        }
        bail!("{} is full of directories of earlier processes: remove clicktrail-{process}-*", home.display())
    }
}

impl Scratch {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of it is temporary by its place.
        let _ = fs::remove_dir_all(&self.0);
    }
}
