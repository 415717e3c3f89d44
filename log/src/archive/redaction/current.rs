//! What stands in the place of a file from which something was erased. Nobody asks as long as the file is there.

use std::collections::BTreeSet;

use super::document::Redaction;
use crate::{
    archive::{
        entry::File,
        keys::{PartKey, RedactionKey},
        store::{Archive, Error},
    },
    time::Hour,
};

impl Archive {
    /// What is left of an hour of clicks; `None` if nothing of it was ever erased.
    ///
    /// # Errors
    /// [`Error::Damaged`] if that cannot be read; [`Error::Unavailable`].
    pub async fn redaction(&self, hour: Hour) -> Result<Option<Redaction>, Error> {
        let listed = self.list(&RedactionKey::prefix(hour)).await?;
        let Some(newest) = listed.iter().filter_map(|found| RedactionKey::parse(found.path.as_ref())).max() else {
            return Ok(None);
        };
        self.redaction_of(newest).await.map(Some)
    }

    /// One redaction of an hour.
    ///
    /// # Errors
    /// [`Error::Missing`], and as [`Archive::redaction`].
    pub async fn redaction_of(&self, key: RedactionKey) -> Result<Redaction, Error> {
        let path = key.path();
        let read = Redaction::from_bytes(&self.get(&path).await?, key.hour);
        let read = read.and_then(|read| match read.number == key.number {
            true => Ok(read),
            false => Err(format!("it says number {}", read.number)),
        });
        read.map_err(|reason| Error::Damaged { key: path.to_string(), reason })
    }

    /// The hours of which something was erased.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn redacted_hours(&self) -> Result<BTreeSet<Hour>, Error> {
        let listed = self.list(&RedactionKey::of_all_hours()).await?;
        Ok(listed.iter().filter_map(|found| RedactionKey::parse(found.path.as_ref())).map(|key| key.hour).collect())
    }

    /// What stands in the place of a file that is not there, if it was erased.
    pub(crate) async fn in_place_of(&self, file: &File) -> Result<Option<File>, Error> {
        let Some(key) = PartKey::parse(&file.key) else { return Ok(None) };
        let Some(redaction) = self.redaction(key.hour).await? else { return Ok(None) };
        let part = redaction.part((key.first.get(), key.last.get()));
        Ok(part.and_then(|part| part.file(key.half)).filter(|left| left.key != file.key).cloned())
    }
}
