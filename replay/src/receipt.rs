//! The receipt of a segment: what it was built from, and what came out. `verify` repeats it. Version 1.
//!
//! To add a version: raise [`VERSION`], keep the old struct, and convert in memory once [`Receipt::from_bytes`] has
//! read the number. The fixture of the old version stays beside the new one.

use clicktrail_log::{
    archive::{keys::SegmentKey, manifest::File},
    frame::Digest,
    time::Hour,
};
use serde::{Deserialize, Serialize};

/// The version that this program writes.
pub const VERSION: u32 = 1;

/// One build of one hour. The order of the fields is their order in the document: frozen with version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`VERSION`].
    pub version: u32,
    /// Which projection.
    pub projection: String,
    /// Which hour, as in `2026-11-22T14`.
    pub hour: String,
    /// SHA-256 over the manifest's digest and that of the rulings, hexadecimal.
    pub input_digest: String,
    /// SHA-256 of the projection's version, SQL and columns, hexadecimal.
    pub code_digest: String,
    /// SHA-256 of the segment, hexadecimal.
    pub output_digest: String,
    /// The segment's key in the archive.
    pub key: String,
    /// The segment's size.
    pub bytes: u64,
    /// The segment's rows.
    pub rows: u64,
}

/// Why a document is no receipt. The hour can be built again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not JSON of the known fields.
    #[error("the receipt is not readable")]
    Malformed(#[from] serde_json::Error),
    /// A later version of this program wrote it.
    #[error("receipt version {0} is not known here; the newest is {VERSION}")]
    UnknownVersion(u32),
}

impl Receipt {
    /// The document: indented JSON in the order of the fields, without a final newline.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a receipt holds only text and integers")
    }

    /// Reads a document.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(bytes)?;
        if version != VERSION {
            return Err(Error::UnknownVersion(version));
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Whether it is the receipt of this build, and names a segment where that build puts it. A receipt that somebody
    /// copied or edited may say anything.
    pub fn is_of(&self, projection: &str, hour: Hour, input: &Digest, code: &Digest) -> bool {
        let segment = SegmentKey::parse(&self.key);
        let lies_in_its_place = segment.is_some_and(|segment| {
            segment.projection == projection && segment.hour == hour && self.output_digest.starts_with(&segment.digest)
        });
        let (hour, input, code) = (hour.to_string(), input.to_string(), code.to_string());
        lies_in_its_place && self.build() == (projection, hour.as_str(), input.as_str(), code.as_str())
    }

    /// Whether both are of the same hour, input and code: then both must name the same bytes (I6).
    pub fn is_of_same_build(&self, other: &Self) -> bool {
        self.build() == other.build()
    }

    /// The segment as a file that is checked when it is read.
    pub fn file(&self) -> File {
        File { key: self.key.clone(), bytes: self.bytes, sha256: self.output_digest.clone() }
    }

    fn build(&self) -> (&str, &str, &str, &str) {
        (&self.projection, &self.hour, &self.input_digest, &self.code_digest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn receipts() -> impl Strategy<Value = Receipt> {
        // Texts of any kind: a reader must not depend on what a writer of today would never write.
        let texts = (any::<String>(), any::<String>(), any::<String>(), any::<String>(), any::<String>());
        (texts, any::<String>(), any::<u64>(), any::<u64>()).prop_map(|(texts, key, bytes, rows)| {
            let (projection, hour, input_digest, code_digest, output_digest) = texts;
            Receipt { version: VERSION, projection, hour, input_digest, code_digest, output_digest, key, bytes, rows }
        })
    }

    proptest! {
        #[test]
        fn receipt_comes_back_as_it_was_written(receipt in receipts()) {
            prop_assert_eq!(Receipt::from_bytes(&receipt.to_bytes()).unwrap(), receipt);
        }

        /// A field of a later version says something that this program would ignore at somebody's expense.
        #[test]
        fn field_that_nobody_knows_is_refused(receipt in receipts(), name in "[a-z_]{1,12}", value in any::<i64>()) {
            let mut document: serde_json::Value = serde_json::from_slice(&receipt.to_bytes()).unwrap();
            prop_assume!(document.get(&name).is_none());
            document[&name] = value.into();
            let refused = Receipt::from_bytes(&serde_json::to_vec(&document).unwrap());
            prop_assert!(matches!(refused, Err(Error::Malformed(_))), "{:?}", refused);
        }

        #[test]
        fn receipt_that_lacks_a_field_is_refused(receipt in receipts(), field in any::<prop::sample::Index>()) {
            let mut document: serde_json::Value = serde_json::from_slice(&receipt.to_bytes()).unwrap();
            let fields = document.as_object_mut().unwrap();
            let name = fields.keys().nth(field.index(fields.len())).unwrap().clone();
            fields.remove(&name);
            prop_assert!(Receipt::from_bytes(&serde_json::to_vec(&document).unwrap()).is_err(), "without {}", name);
        }

        #[test]
        fn other_version_is_refused_by_its_number(receipt in receipts(), version in 2_u32..) {
            let later = Receipt { version, ..receipt };
            let refused = Receipt::from_bytes(&later.to_bytes());
            prop_assert!(matches!(refused, Err(Error::UnknownVersion(number)) if number == version));
        }
    }
}
