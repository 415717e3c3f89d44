//! Salts of personal leaves. An address has 2^32 values, so its bare hash would tell it; with 16 bytes that nobody
//! knows in front of it, the hash tells nothing, and goes on proving what it stood for once the salt is shown.
//!
//! All salts of an hour come from one key, which is random. Whoever destroys the key, the salts and the values has
//! erased them, and no root changes.

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::{
    hash::{self, Hash},
    row,
};

/// Bytes of a salt.
pub const BYTES: usize = 16;
/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// What stands in front of the key in its file.
const HEAD: &str = "clicktrail hour key 1 ";

/// The salt of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; BYTES]);

impl Salt {
    fn beginning(hash: &Hash) -> Self {
        let mut salt = [0; BYTES];
        salt.copy_from_slice(&hash.0[..BYTES]);
        Self(salt)
    }

    /// The leaf of the people's tree whose row, of kind [`row::Kind::People`], was encoded as `row`.
    pub fn leaf(&self, row: &[u8]) -> Hash {
        let data = [self.0.as_slice(), row].concat();
        Hash::leaf(&data)
    }
}

/// What the salts of an hour come from. It is secret as long as there are personal columns that it protects.
#[derive(Clone, PartialEq, Eq)]
pub struct HourKey([u8; KEY_BYTES]);

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The file is not that of a key.
    #[error("the file holds no key of an hour")]
    Malformed,
}

impl HourKey {
    /// A key made of given bytes: for tests, and for whoever has it from elsewhere.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// A new key that nobody can guess.
    ///
    /// # Errors
    /// [`Error::NoRandomness`].
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// As its file has it: one line of text.
    pub fn to_file(&self) -> String {
        format!("{HEAD}{}\n", hex::encode(self.0))
    }

    /// Reads a file of a key.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn from_file(bytes: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes).ok().and_then(|text| text.strip_prefix(HEAD)?.strip_suffix('\n'));
        let mut key = [0; KEY_BYTES];
        hex::decode_to_slice(text.ok_or(Error::Malformed)?, &mut key).map_err(|_| Error::Malformed)?;
        let key = Self(key);
        (key.to_file().as_bytes() == bytes).then_some(key).ok_or(Error::Malformed)
    }

    /// The salt of the row at a position: the first bytes of `SHA-256(key || position, 8 bytes, big endian)`.
    pub fn salt(&self, position: i64) -> Salt {
        Salt::beginning(&hash::of_short(&self.message(position)))
    }

    /// The salts of two rows, in little more than the time of one.
    pub fn two_salts(&self, positions: [i64; 2]) -> [Salt; 2] {
        let [one, other] = positions.map(|position| self.message(position));
        hash::of_two_short([&one, &other]).map(|hash| Salt::beginning(&hash))
    }

    fn message(&self, position: i64) -> [u8; KEY_BYTES + size_of::<i64>()] {
        let mut bytes = [0; KEY_BYTES + size_of::<i64>()];
        bytes[..KEY_BYTES].copy_from_slice(&self.0);
        bytes[KEY_BYTES..].copy_from_slice(&position.to_be_bytes());
        bytes
    }
}

/// Says that there is one, and not which.
impl std::fmt::Debug for HourKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HourKey(…)")
    }
}

/// The leaf of the people's tree of a row, whose values stand in the order of `position` and [`row::PEOPLE`].
pub fn leaf<'a>(salt: &Salt, values: impl IntoIterator<Item = row::Value<'a>>) -> Hash {
    salt.leaf(&row::encode(row::Kind::People, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salt_is_the_beginning_of_the_hash_of_key_and_position() {
        let key = HourKey::from_bytes([7; 32]);
        let position = 1_i64 << 56 | 42 << 16 | 3;
        let whole = Hash::of(&[[7; 32].as_slice(), &position.to_be_bytes()].concat());
        assert_eq!(key.salt(position).0, whole.0[..16]);
        assert_ne!(key.salt(position), key.salt(position + 1));
        assert_eq!(key.two_salts([position + 1, position]), [key.salt(position + 1), key.salt(position)]);
    }

    #[test]
    fn key_reads_back_from_its_file_and_no_other_spelling_does() {
        let key = HourKey::random().unwrap();
        let file = key.to_file();
        assert_eq!(HourKey::from_file(file.as_bytes()), Ok(key.clone()));
        assert_ne!(HourKey::random().unwrap(), key);
        for wrong in [file.trim_end(), &file.to_uppercase(), &file[1..], &format!("{file}\n"), ""] {
            assert_eq!(HourKey::from_file(wrong.as_bytes()), Err(Error::Malformed), "{wrong:?}");
        }
        assert_eq!(HourKey::from_file(&[0xff; 87]), Err(Error::Malformed));
        assert!(!format!("{key:?}").contains(&file[30..40]));
    }
}
