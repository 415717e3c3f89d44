//! The key from which the salts of an hour come. It is made before the first part of the hour is written, and only ever
//! created: whoever comes second, after a crash or beside another sealer, takes the one that is there, so that sealing
//! again gives the same bytes.

use clicktrail_evidence::salt::HourKey;

use crate::{
    archive::{
        entry::File,
        keys::SaltsKey,
        store::{Archive, Error},
    },
    frame::Digest,
    time::Hour,
};

/// Makes a new key for an hour. Only tests choose theirs.
pub type NewKey = fn(Hour) -> Result<HourKey, clicktrail_evidence::salt::Error>;

/// The key of an hour, and how a manifest names its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salts {
    /// The key.
    pub key: HourKey,
    /// Its file.
    pub file: File,
}

impl Archive {
    /// The key of an hour, which is made if there is none.
    ///
    /// # Errors
    /// [`Error::Damaged`] if what is there is no key; [`Error::Setup`] if none can be made; [`Error::Unavailable`].
    pub async fn salts(&self, hour: Hour, new: NewKey) -> Result<Salts, Error> {
        let path = SaltsKey { hour }.path();
        let bytes = match self.get(&path).await {
            Ok(bytes) => bytes,
            Err(Error::Missing(_)) => {
                let key = new(hour).map_err(|error| Error::Setup(format!("make the key of {hour}: {error}")))?;
                match self.create(&path, key.to_file().into()).await {
                    Ok(()) | Err(Error::Conflict(_)) => self.get(&path).await?,
                    Err(error) => return Err(error),
                }
            }
            Err(error) => return Err(error),
        };
        let key = HourKey::from_file(&bytes);
        let key = key.map_err(|error| Error::Damaged { key: path.to_string(), reason: error.to_string() })?;
        let file = File { key: path.to_string(), bytes: bytes.len() as u64, sha256: Digest::of(&bytes).to_string() };
        Ok(Salts { key, file })
    }

    /// The key of a sealed hour, as its manifest names it.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Unavailable`].
    pub async fn sealed_salts(&self, file: &File) -> Result<HourKey, Error> {
        let bytes = self.get_file(file).await?;
        let key = HourKey::from_file(&bytes);
        key.map_err(|error| Error::Damaged { key: file.key.clone(), reason: error.to_string() })
    }
}
