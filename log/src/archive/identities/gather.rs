//! The filters of an hour in the making: the fingerprints of its parts, as these are encoded.

#![expect(clippy::disallowed_methods, reason = "a filter is sorted on a thread that may block")]

use bytes::Bytes;

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
pub(in crate::archive) struct Gatherer {
    hour: Hour,
    growing: Growing,
    parts: usize,
    gathered: Vec<Fingerprints>,
}

impl Gatherer {
    /// Of an hour without parts.
    pub(in crate::archive) fn new(hour: Hour) -> Self {
        Self { hour, growing: Growing::new(hour, 0), parts: 0, gathered: Vec::new() }
    }

    /// Takes the fingerprints of the next part, and stores the filter that it completes by not belonging to it.
    pub(in crate::archive) async fn add(
        &mut self,
        archive: &Archive,
        part: &impl Entry,
        fingerprints: Fingerprints,
    ) -> Result<(), Error> {
        if !self.growing.takes(part.rows()) {
            self.store(archive).await?;
        }
        self.growing.add(part);
        self.gathered.push(fingerprints);
        self.parts += 1;
        Ok(())
    }

    /// Stores the last filter, if there is one.
    pub(in crate::archive) async fn finish(mut self, archive: &Archive) -> Result<(), Error> {
        self.store(archive).await
    }

    async fn store(&mut self, archive: &Archive) -> Result<(), Error> {
        let growing = std::mem::replace(&mut self.growing, Growing::new(self.hour, self.parts));
        let (Some(group), gathered) = (growing.finish(), std::mem::take(&mut self.gathered)) else { return Ok(()) };
        let file = make(&group, gathered).await?;
        archive.put_content(&group.key.path(), file).await
    }
}

/// The filter of a group. The same parts make the same bytes.
pub(super) async fn make(group: &Group, parts: Vec<Fingerprints>) -> Result<Bytes, Error> {
    invariant!(I1, parts.len() == group.parts.len(), "{} parts of {:?} were read", parts.len(), group.parts);
    let input = group.input;
    let made = tokio::task::spawn_blocking(move || file::encode(&input, parts));
    made.await.map_err(|error| Error::Setup(format!("make {}: {error}", group.key.path())))
}
