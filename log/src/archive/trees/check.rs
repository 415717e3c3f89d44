//! The trees of a sealed hour as they are stored, and as its parts give them again.

#![expect(clippy::disallowed_methods, reason = "parts are decoded and hashed on a thread that may block")]

use clicktrail_evidence::{salt::HourKey, sealed::Trees};

use super::hour::{self, Growing, HourTrees};
use crate::{
    archive::{
        entry::Entry as _,
        keys::{ManifestKey, SaltsKey},
        kind::Kind,
        manifest::Manifest,
        store::{Archive, Error},
    },
    causes::causes,
};

impl Archive {
    /// The trees of a sealed hour as they are stored, if they lead to the roots of its manifest; `None` for an hour
    /// that was sealed before there were trees. Parts are not read.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Unavailable`].
    pub async fn stored_trees<K: Kind>(&self, manifest: &Manifest<K::Part>) -> Result<Option<HourTrees>, Error> {
        let Some(told) = &manifest.trees else { return Ok(None) };
        let Some(nodes) = &told.nodes else { return Ok(Some(Growing::new(K::STREAM).finish())) };
        let bytes = self.get_file(nodes).await?;
        let read = HourTrees::from_bytes(&bytes, told);
        read.map(Some).map_err(|reason| Error::Damaged { key: nodes.key.clone(), reason })
    }

    /// The trees of a sealed hour, from its parts, as they stand in the store now, and compared with the roots of its
    /// manifest: what must be done before anybody vouches for the hour. `None` for an hour that was sealed before there
    /// were trees. Memory is bounded by a part.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Unavailable`]; [`Error::Damaged`] naming the part, the key or, if every part is
    /// what the manifest says, the manifest.
    pub async fn recomputed_trees<K: Kind>(&self, manifest: &Manifest<K::Part>) -> Result<Option<HourTrees>, Error> {
        let Some(told) = &manifest.trees else { return Ok(None) };
        let key = self.key_of(told).await?;
        let mut growing = Growing::new(K::STREAM);
        for part in &manifest.parts {
            let (named, mut files) = (part.files(), Vec::new());
            for file in &named {
                files.push(self.get_file(file).await?);
            }
            let first = named.first().map_or_else(String::new, |file| file.key.clone());
            let (hour, key) = (manifest.hour(), key.clone());
            let added = tokio::task::spawn_blocking(move || {
                let added = K::leaves(&files, hour, key.as_ref()).and_then(|leaves| growing.add(leaves));
                added.map(|()| growing)
            });
            let added = added.await.map_err(|error| Error::Setup(format!("read {first}: {error}")))?;
            growing = added.map_err(|reason| Error::Damaged { key: first, reason })?;
        }
        let found = growing.finish();
        match found.differs(told) {
            None => Ok(Some(found)),
            Some(what) => {
                let key = ManifestKey { stream: K::STREAM, hour: manifest.hour() }.path().to_string();
                let reason = format!("its tree {what} is not that of its parts");
                Err(Error::Damaged { key, reason })
            }
        }
    }

    /// The key of an hour, if it has one. Once something of the hour was erased it has none: then the salts of what is
    /// left stand beside it.
    ///
    /// # Errors
    /// As [`Archive::sealed_salts`].
    pub async fn key_of(&self, told: &Trees) -> Result<Option<HourKey>, Error> {
        let Some(file) = told.people.as_ref().and_then(|people| people.key.as_ref()) else { return Ok(None) };
        match self.sealed_salts(file).await {
            Ok(key) => Ok(Some(key)),
            Err(missing @ Error::Missing(_)) => {
                let hour = SaltsKey::parse(&file.key).map(|key| key.hour);
                let was_erased = match hour {
                    Some(hour) => self.redaction(hour).await?.is_some(),
                    None => false,
                };
                if was_erased { Ok(None) } else { Err(missing) }
            }
            Err(error) => Err(error),
        }
    }
}

/// What `log verify` finds wrong with the trees of an hour.
#[derive(Debug)]
pub(crate) struct Checking {
    told: Trees,
    key: Option<HourKey>,
    /// The trees from the parts so far; `None` once a part was not as it should be, or if nobody asked for it.
    growing: Option<Growing>,
    stored: Option<HourTrees>,
}

impl Checking {
    /// Looks at what is stored beside the parts. Returns what is wrong with it: objects and reasons. `None` for an hour
    /// without trees.
    ///
    /// # Errors
    /// Only [`Error::Unavailable`].
    pub(crate) async fn begin<K: Kind>(
        archive: &Archive,
        manifest: &Manifest<K::Part>,
        deep: bool,
    ) -> Result<Option<(Self, Vec<(String, String)>)>, Error> {
        let Some(told) = manifest.trees.clone() else { return Ok(None) };
        let mut problems = Vec::new();
        let stored = match archive.stored_trees::<K>(manifest).await {
            Ok(stored) => stored,
            Err(error @ Error::Unavailable { .. }) => return Err(error),
            Err(error) => {
                let key = told.nodes.as_ref().map_or_else(String::new, |nodes| nodes.key.clone());
                problems.push((key, causes(&error)));
                None
            }
        };
        let file = told.people.as_ref().and_then(|people| people.key.as_ref());
        let (key, has_salts) = match archive.key_of(&told).await {
            Ok(key) => (key, true),
            Err(error @ Error::Unavailable { .. }) => return Err(error),
            Err(error) => {
                problems.push((file.map_or_else(String::new, |file| file.key.clone()), causes(&error)));
                (None, false)
            }
        };
        let can_hash = deep && has_salts;
        let growing = can_hash.then(|| Growing::new(K::STREAM));
        Ok(Some((Self { told, key, growing, stored }, problems)))
    }

    /// Takes the files of the next part, which was read and found to be as the manifest says.
    ///
    /// # Errors
    /// Why its rows have no leaves.
    pub(crate) fn add<K: Kind>(&mut self, manifest: &Manifest<K::Part>, files: &[bytes::Bytes]) -> Result<(), String> {
        let Some(mut growing) = self.growing.take() else { return Ok(()) };
        growing.add(K::leaves(files, manifest.hour(), self.key.as_ref())?)?;
        self.growing = Some(growing);
        Ok(())
    }

    /// A part is not as it should be, and was named: the trees from the parts would say the same again.
    pub(crate) fn give_up(&mut self) {
        self.growing = None;
    }

    /// Compares the trees from the parts with the manifest; what is wrong, if that can be said.
    pub(crate) fn finish(self) -> Option<String> {
        let found = self.growing?.finish();
        let what = found.differs(&self.told)?;
        let whose = "rows were changed, or moved, after their leaves were made";
        let place = self.stored.and_then(|stored| hour::first_difference(&stored, &found));
        let place =
            place.map_or_else(String::new, |rows| format!(" (first among rows {} to {})", rows.start, rows.end));
        Some(format!("its tree {what} is not that of its parts: {whose}{place}"))
    }
}
