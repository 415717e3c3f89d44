//! A branch as manifests keep it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::identity::{Branch, Identity, REMEMBERED_BYTES, Remembered, WINDOW};

/// The end of a branch of one writer, as a manifest stores it. A writer whose identity was never used twice has one for
/// each epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredWriter {
    /// Who wrote.
    pub writer: Uuid,
    /// The epoch of its last frame.
    pub epoch: u32,
    /// The number of its last frame.
    pub number: u64,
    /// The digest of that frame's header, hexadecimal.
    pub digest: String,
    /// The first 16 bytes of the digests of the frames before, the latest at the end, hexadecimal. Since version 2 of
    /// the manifest; absent if nothing more is remembered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub recent: String,
}

impl StoredWriter {
    /// What a manifest keeps of an identity: an entry for each branch.
    pub(super) fn of(identity: &Identity) -> impl Iterator<Item = Self> + '_ {
        identity.branches.iter().map(|branch| {
            let window: Vec<u8> = branch.window.iter().flatten().copied().collect();
            let (writer, epoch, digest) = (identity.writer, identity.epoch, branch.digest.to_string());
            Self { writer, epoch, number: branch.number, digest, recent: hex::encode(window) }
        })
    }

    /// The branch; `None` if it is not readable.
    pub(super) fn branch(&self) -> Option<Branch> {
        let recent = hex::decode(&self.recent).ok()?;
        let (window, rest) = recent.as_chunks::<REMEMBERED_BYTES>();
        if !rest.is_empty() || window.len() > WINDOW {
            return None;
        }
        let window: VecDeque<Remembered> = window.iter().copied().collect();
        Some(Branch { number: self.number, digest: self.digest.parse().ok()?, window })
    }
}
