//! Whether the filters of an hour are as they were made, and how they are made again: they are derived from its parts.

#![expect(clippy::disallowed_methods, reason = "parts are decoded on threads that may block")]

use bytes::Bytes;
use object_store::path::Path;

use super::{
    file::Header,
    gather,
    group::{Group, groups_of},
    index,
};
use crate::archive::{
    entry::Entry,
    manifest::Manifest,
    store::{Archive, Error},
};

/// What is wrong with a filter that is there, whole or in part; `None` if it is as it was made. The parts are not read:
/// header and pages have digests.
fn damage(stored: &Bytes, group: &Group) -> Option<String> {
    let header_bytes = match Header::bytes_of(stored) {
        Ok(bytes) => bytes,
        Err(reason) => return Some(reason),
    };
    let Some(start) = stored.get(..header_bytes) else { return Some("it ends within its header".to_owned()) };
    let header = match Header::read(start, &group.input, stored.len() as u64) {
        Ok(header) => header,
        Err(reason) => return Some(reason),
    };
    let mut pages = 0..header.pages + header.pages_ahead;
    let is_whole = |page: &usize| {
        let range = header.range(*page);
        let (from, to) = (usize::try_from(range.start).ok(), usize::try_from(range.end).ok());
        let bytes = from.zip(to).and_then(|(from, to)| stored.get(from..to));
        bytes.is_some_and(|bytes| header.is_whole(*page, bytes))
    };
    pages.find(|page| !is_whole(page)).map(|page| format!("page {page} is not what it was"))
}

/// The filters of an hour that are damaged or missing, with the reason. Hours that were sealed before there were
/// filters have none.
///
/// # Errors
/// [`Error::Unavailable`].
pub(crate) async fn problems<P: Entry>(archive: &Archive, manifest: &Manifest<P>) -> Result<Vec<(Path, Error)>, Error> {
    let mut found = Vec::new();
    for group in groups_of(manifest.hour(), &manifest.parts) {
        let path = group.key.path();
        let problem = match archive.get(&path).await {
            Ok(stored) => damage(&stored, &group).map(|reason| Error::Damaged { key: path.to_string(), reason }),
            Err(missing @ Error::Missing(_)) => manifest.is_since_filters().then_some(missing),
            Err(error) => return Err(error),
        };
        found.extend(problem.map(|problem| (path, problem)));
    }
    Ok(found)
}

/// Makes the filters of an hour again that are damaged or missing; which, and why one could not be made.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn mend(archive: &Archive, manifest: &Manifest) -> Result<Vec<(String, Option<Error>)>, Error> {
    let problems = problems(archive, manifest).await?;
    let mut mended = Vec::new();
    for group in groups_of(manifest.hour(), &manifest.parts) {
        let path = group.key.path();
        if problems.iter().any(|(of, _)| *of == path) {
            let made = match from_parts(archive, manifest, &group).await {
                Ok(file) => archive.put_content(&path, file).await,
                Err(error) => Err(error),
            };
            mended.push((path.to_string(), made.err()));
        }
    }
    Ok(mended)
}

/// The filter of a group, from its parts. The same parts make the same bytes.
///
/// # Errors
/// If a part is missing, damaged or out of reach.
pub(super) async fn from_parts(archive: &Archive, manifest: &Manifest, group: &Group) -> Result<Bytes, Error> {
    let mut parts = Vec::new();
    for part in &manifest.parts[group.parts.clone()] {
        let core = archive.get_file(&part.core).await?;
        let read = blocking(move || index::fingerprints_of(core)).await?;
        let damaged =
            |error: &dyn std::fmt::Display| Error::Damaged { key: part.core.key.clone(), reason: error.to_string() };
        parts.push(read.map_err(|error| damaged(&error))?);
    }
    gather::make(group, parts).await
}

/// Does work that keeps a thread busy.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Setup(format!("read a part: {error}")))
}
