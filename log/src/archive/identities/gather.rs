//! The filters of an hour in the making: the fingerprints of its parts, as these are encoded.

#![expect(clippy::disallowed_methods, reason = "a filter is sorted on a thread that may block")]

use bytes::Bytes;
use object_store::path::Path;

use super::{
    file,
    fingerprint::Fingerprints,
    group::{Group, Growing},
};
use crate::{
    archive::{
        entry::Entry,
        store::{Archive, Error},
    },
    invariant,
    time::Hour,
};

/// The fingerprints of the parts so far.
#[derive(Debug)]
pub(crate) struct Gatherer {
    hour: Hour,
    growing: Growing,
    parts: usize,
    gathered: Vec<Fingerprints>,
}

impl Gatherer {
    /// Of an hour without parts.
    pub(crate) fn new(hour: Hour) -> Self {
        Self { hour, growing: Growing::new(hour, 0), parts: 0, gathered: Vec::new() }
    }

    /// Takes the fingerprints of the next part; returns the filter that is complete because the part begins another.
    pub(crate) async fn add(&mut self, part: &impl Entry, fingerprints: Fingerprints) -> Result<Option<Filter>, Error> {
        let complete = if self.growing.takes(part.rows()) { None } else { self.complete().await? };
        self.growing.add(part);
        self.gathered.push(fingerprints);
        self.parts += 1;
        Ok(complete)
    }

    /// The last filter, if there is one.
    pub(crate) async fn finish(mut self) -> Result<Option<Filter>, Error> {
        self.complete().await
    }

    async fn complete(&mut self) -> Result<Option<Filter>, Error> {
        let growing = std::mem::replace(&mut self.growing, Growing::new(self.hour, self.parts));
        let (Some(group), gathered) = (growing.finish(), std::mem::take(&mut self.gathered)) else { return Ok(None) };
        let bytes = make(&group, gathered).await?;
        Ok(Some(Filter { path: group.key.path(), bytes }))
    }
}

/// A filter, and where it belongs.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) path: Path,
    pub(crate) bytes: Bytes,
}

impl Filter {
    /// Stores it.
    pub(crate) async fn store(self, archive: &Archive) -> Result<(), Error> {
        archive.put_content(&self.path, self.bytes).await
    }

    /// What is wrong with the one that is stored. None need be.
    pub(crate) async fn problem(&self, archive: &Archive) -> Result<Option<&'static str>, Error> {
        match archive.get(&self.path).await {
            Ok(stored) if stored == self.bytes => Ok(None),
            Ok(_) => Ok(Some(
                "it is not what its parts give: delete it, then run `clicktrail catalog rebuild`, which makes it again",
            )),
            Err(Error::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The filter of a group. The same parts make the same bytes.
pub(super) async fn make(group: &Group, parts: Vec<Fingerprints>) -> Result<Bytes, Error> {
    invariant!(I1, parts.len() == group.parts.len(), "{} parts of {:?} were read", parts.len(), group.parts);
    let input = group.input;
    let made = tokio::task::spawn_blocking(move || file::encode(&input, parts));
    made.await.map_err(|error| Error::Setup(format!("make {}: {error}", group.key.path())))
}
