//! The kinds of keys, as their ids and their text have them.

use super::error::KeyError;

/// What a key signs. The kind is part of its id, so that one kind's signature is never taken for the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The text of a note.
    Ed25519,
    /// The text of a checkpoint under a time: the key of a witness.
    Cosignature,
}

impl Kind {
    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    pub(super) const fn of_byte(byte: u8) -> Result<Self, KeyError> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::Cosignature),
            other => Err(KeyError::Kind(other)),
        }
    }
}
