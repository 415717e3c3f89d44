//! Made-up events and real ones never share a place.
//!
//! `simulate` and `demo` write only into a directory of their own, which holds log, archive and catalog together and
//! says so in a file ([`MARKER`]). Whoever logs real events into such a directory takes that file away first, for good.
//! So what `simulate` or `demo` did not make, they do not touch: no ad, no file, no stream.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::Path,
};

use anyhow::{Context as _, bail, ensure};

use crate::installation::{Places, WRITE_LOCK, WriteLock};

/// The file that says that everything in a data directory was made up.
const MARKER: &str = "MADE_UP";
const TEXT: &str = "\
Every event and every ad in this directory was made up by `clicktrail simulate` or `clicktrail demo`.
While this file is here they may write into it. A server or an import removes the file, because then there are real
events; never put it back.
";

/// Whether made-up events may go there. Nothing is touched.
///
/// # Errors
/// Says why not.
pub(crate) fn check(places: &Places) -> anyhow::Result<()> {
    for (place, flag, variable) in [
        (&places.nats, "--nats", "CLICKTRAIL_NATS"),
        (&places.archive, "--archive", "CLICKTRAIL_ARCHIVE"),
        (&places.catalog, "--catalog", "CLICKTRAIL_CATALOG"),
    ] {
        ensure!(
            place.is_none(),
            "made-up events go only into a directory that holds everything, and {flag} ({variable}, or the \
             configuration file) names a place outside it: unset it"
        );
    }
    let data = &places.data;
    let entries = match fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("read directory {}", data.display())),
    };
    if data.join(MARKER).is_file() {
        return Ok(());
    }
    for entry in entries {
        let name = entry.with_context(|| format!("read directory {}", data.display()))?.file_name();
        // Who was killed between the lock and the marker may try again.
        if name != WRITE_LOCK {
            bail!(
                "made-up events go only into a directory that `simulate` or `demo` made and nobody else has used \
                 since, and {} is none: name another one with --data",
                data.display()
            );
        }
    }
    Ok(())
}

/// Takes a directory for made-up events, and makes it if it is not there.
///
/// # Errors
/// As [`check`], before anything is touched; or if another process writes there.
pub(crate) fn claim(places: &Places) -> anyhow::Result<WriteLock> {
    check(places)?;
    let lock = WriteLock::take(&places.data)?;
    // Somebody may have come before the lock was taken.
    check(places)?;
    let path = places.data.join(MARKER);
    let mark = || {
        let mut file = File::create(&path)?;
        file.write_all(TEXT.as_bytes())?;
        file.sync_all()?;
        File::open(&places.data)?.sync_all()
    };
    mark().with_context(|| format!("write {}", path.display()))?;
    Ok(lock)
}

/// From now on there are real events in a directory. Durable before it returns, so that no power cut brings the marker
/// back over them.
///
/// # Errors
/// If the marker cannot be removed.
pub(crate) fn end(data: &Path) -> anyhow::Result<()> {
    let path = data.join(MARKER);
    match fs::remove_file(&path) {
        Ok(()) => {
            tracing::info!(directory = %data.display(), "real events come in: it is no place for made-up ones any more");
            let synced = File::open(data).and_then(|directory| directory.sync_all());
            synced.with_context(|| format!("sync directory {}", data.display()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("remove {}", path.display())),
    }
}
