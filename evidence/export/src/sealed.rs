//! A sealed hour as it was signed.

use bytes::Bytes;
use clicktrail_evidence::{Hash, bundle};
use clicktrail_log::{
    archive::{self, Archive, Manifest, keys::ManifestKey, kind::Kind, trees::HourTrees},
    log::Stream,
    time::Hour,
};

use crate::{error::Error, head::Head, staging::Staging};

/// A manifest whose bytes are those that were signed.
#[derive(Debug)]
pub(crate) struct Sealed<K: Kind> {
    pub(crate) hour: Hour,
    pub(crate) manifest: Manifest<K::Part>,
}

impl<K: Kind> Sealed<K> {
    /// Reads the manifest of an hour, and stages it.
    pub(crate) async fn stage(
        archive: &Archive,
        head: &Head,
        hour: Hour,
        staging: &mut Staging,
    ) -> Result<Self, Error> {
        let (sealed, bytes) = Self::read(archive, hour, head.manifest(K::STREAM, hour)?).await?;
        sealed.put(bytes, staging);
        Ok(sealed)
    }

    /// Stages the manifest.
    pub(crate) fn put(&self, bytes: Bytes, staging: &mut Staging) {
        staging.put(&bundle::names::manifest(stream_name(K::STREAM), hour_of(self.hour)), bytes.to_vec());
    }

    /// Reads the manifest of an hour, which has the digest that was signed.
    pub(crate) async fn read(archive: &Archive, hour: Hour, signed: Hash) -> Result<(Self, Bytes), Error> {
        let path = ManifestKey { stream: K::STREAM, hour }.path();
        let bytes: Bytes = archive.get(&path).await?;
        let damaged = |reason: String| archive::Error::Damaged { key: path.to_string(), reason };
        if Hash::of(&bytes) != signed {
            return Err(damaged("it is not the manifest that was signed".to_owned()).into());
        }
        let manifest = Manifest::<K::Part>::from_bytes(&bytes).map_err(|error| damaged(error.to_string()))?;
        if manifest.trees.is_none() {
            return Err(Error::WithoutTrees { stream: K::STREAM, hour, version: manifest.version });
        }
        Ok((Self { hour, manifest }, bytes))
    }

    /// Its trees, as they are stored.
    pub(crate) async fn trees(&self, archive: &Archive) -> Result<HourTrees, Error> {
        let trees = archive.stored_trees::<K>(&self.manifest).await?;
        let version = self.manifest.version;
        trees.ok_or(Error::WithoutTrees { stream: K::STREAM, hour: self.hour, version })
    }
}

/// An hour, as bundles have it.
pub(crate) fn hour_of(hour: Hour) -> bundle::time::Hour {
    bundle::time::Hour(hour.as_i64())
}

fn stream_name(stream: Stream) -> &'static str {
    stream.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_bundles_are_those_of_the_log() {
        for text in ["1970-01-01T00", "2026-03-31T22", "2024-02-29T23", "9999-12-31T23"] {
            assert_eq!(hour_of(Hour::parse(text).unwrap()).to_string(), text);
        }
    }

    #[test]
    fn streams_have_one_name() {
        use bundle::names;
        let named = [Stream::Clicks, Stream::Verdicts, Stream::Invoices].map(stream_name);
        assert_eq!(named, [names::CLICKS_STREAM, names::VERDICTS_STREAM, names::INVOICES_STREAM]);
    }
}
