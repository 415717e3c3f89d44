//! What stands in the place of a file from which something was erased. Nobody asks as long as the file is there.

use std::collections::BTreeSet;

use super::document::{Left, RedactedPart, Redaction};
use crate::{
    archive::{
        entry::{Entry, File},
        keys::{PartKey, RedactionKey, StreamPartKey},
        manifest::Manifest,
        rejected::RedactedRejected,
        store::{Archive, Error},
    },
    log::Stream,
    time::Hour,
};

impl Archive {
    /// What is left of an hour of clicks; `None` if nothing of it was ever erased.
    ///
    /// # Errors
    /// [`Error::Damaged`] if that cannot be read; [`Error::Unavailable`].
    pub async fn redaction(&self, hour: Hour) -> Result<Option<Redaction>, Error> {
        self.redaction_in::<RedactedPart>(hour).await
    }

    /// The same of an hour of the log of `L`.
    ///
    /// # Errors
    /// As [`Archive::redaction`].
    pub async fn redaction_in<L: Left>(&self, hour: Hour) -> Result<Option<Redaction<L>>, Error> {
        let listed = self.list(&RedactionKey::prefix(L::STREAM, hour)).await?;
        let keys = listed.iter().filter_map(|found| RedactionKey::parse(found.path.as_ref()));
        let Some(newest) = keys.filter(|key| key.stream == L::STREAM).map(|key| key.number).max() else {
            return Ok(None);
        };
        self.redaction_of(hour, newest).await.map(Some)
    }

    /// One redaction of an hour of the log of `L`.
    ///
    /// # Errors
    /// [`Error::Missing`], and as [`Archive::redaction`].
    pub async fn redaction_of<L: Left>(&self, hour: Hour, number: u32) -> Result<Redaction<L>, Error> {
        let path = RedactionKey { stream: L::STREAM, hour, number }.path();
        let read = Redaction::<L>::from_bytes(&self.get(&path).await?, hour);
        let read = read.and_then(|read| match read.number == number {
            true => Ok(read),
            false => Err(format!("it says number {}", read.number)),
        });
        read.map_err(|reason| Error::Damaged { key: path.to_string(), reason })
    }

    /// What is left of an hour, if it is about this manifest.
    ///
    /// # Errors
    /// As [`Archive::redaction`].
    pub(crate) async fn left_of<L: Left, P: Entry>(
        &self,
        manifest: &Manifest<P>,
    ) -> Result<Option<Redaction<L>>, Error> {
        let Some(left) = self.redaction_in::<L>(manifest.hour()).await? else { return Ok(None) };
        let key = RedactionKey { stream: L::STREAM, hour: manifest.hour(), number: left.number }.path().to_string();
        left.fits(manifest).map_err(|reason| Error::Damaged { key, reason })?;
        Ok(Some(left))
    }

    /// The files that stood in the place of others of an hour once.
    ///
    /// # Errors
    /// As [`Archive::redaction_of`].
    pub(crate) async fn replaced<L: Left>(
        &self,
        left: Option<&Redaction<L>>,
        hour: Hour,
    ) -> Result<BTreeSet<String>, Error> {
        let mut replaced = BTreeSet::new();
        for number in 1..left.map_or(1, |left| left.number) {
            let earlier = self.redaction_of::<L>(hour, number).await?;
            let files = earlier.parts.iter().flat_map(Left::in_place).flatten();
            replaced.extend(files.map(|file| file.key.clone()));
        }
        Ok(replaced)
    }

    /// The hours of a log of which something was erased.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn redacted_hours(&self, stream: Stream) -> Result<BTreeSet<Hour>, Error> {
        let listed = self.list(&RedactionKey::of_all_hours(stream)).await?;
        let keys = listed.iter().filter_map(|found| RedactionKey::parse(found.path.as_ref()));
        Ok(keys.filter(|key| key.stream == stream).map(|key| key.hour).collect())
    }

    /// What stands in the place of a file that is not there, if it was erased.
    pub(crate) async fn in_place_of(&self, file: &File) -> Result<Option<File>, Error> {
        let is_other = |left: &&File| left.key != file.key;
        if let Some(key) = PartKey::parse(&file.key) {
            let Some(left) = self.redaction_in::<RedactedPart>(key.hour).await? else { return Ok(None) };
            let part = left.part((key.first.get(), key.last.get()));
            return Ok(part.and_then(|part| part.file(key.half)).filter(is_other).cloned());
        }
        let key = StreamPartKey::parse(&file.key).filter(|key| key.stream == Stream::Rejected);
        let Some(key) = key else { return Ok(None) };
        let Some(left) = self.redaction_in::<RedactedRejected>(key.hour).await? else { return Ok(None) };
        let part = left.part((key.first.get(), key.last.get()));
        Ok(part.map(|part| &part.file).filter(is_other).cloned())
    }
}
