//! Why a text is no key, or no note that was signed as it must be.

use super::name::KeyId;

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It does not have the parts of a key.
    #[error("it is no {0}")]
    Malformed(&'static str),
    /// The name of the key is empty, or has a space, a plus or a control character.
    #[error("{0:?} names no key: a name has no spaces, no plus and no control characters, and is not empty")]
    Name(String),
    /// A kind of key that this program does not know.
    #[error("keys of kind {0} are not known here: Ed25519 is 1, that of a witness is 4")]
    Kind(u8),
    /// The id is not that of name and key.
    #[error("its id is {found}, but name and key give {expected}: it was cut or edited")]
    Id {
        /// What stands there.
        found: KeyId,
        /// What should.
        expected: KeyId,
    },
    /// A public key under which anybody can sign.
    #[error("under this public key anybody can sign: it is of small order, or not spelled as it must be")]
    Weak,
    /// The machine gave no random bytes.
    #[error("the machine gave no random bytes")]
    Random,
}

/// Why a text is no note, or not one that was signed as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not what the format allows.
    #[error("it is no signed note: {0}")]
    Malformed(String),
    /// A key that is known is named, and its signature is not over this text.
    #[error("the signature of {0} is not over this text: the note was edited, or forged")]
    BadSignature(String),
    /// None of the known keys signed it.
    #[error("none of the known keys signed it; it is signed by {0}")]
    NotSigned(String),
}
