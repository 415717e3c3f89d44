//! Verifier keys: `name+id+base64(kind || public key)`, one line that can be sent around.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::signature::{ED25519, UnparsedPublicKey};

use super::{
    cosignature,
    error::KeyError,
    kind::Kind,
    name::{KeyId, is_name},
};

/// A public key under its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifierKey {
    pub(super) name: String,
    pub(super) id: KeyId,
    pub(super) kind: Kind,
    pub(super) public: [u8; 32],
}

impl VerifierKey {
    pub(super) fn new(name: &str, kind: Kind, public: [u8; 32]) -> Self {
        Self { name: name.to_owned(), id: KeyId::of(name, kind.byte(), &public), kind, public }
    }

    /// Its name: for the key of a log the name of the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What it signs.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether `signature` is this key's over `text`; the time of a cosignature, in seconds since 1970.
    pub(super) fn verify(&self, text: &str, signature: &[u8]) -> Option<Option<u64>> {
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        match self.kind {
            Kind::Ed25519 => key.verify(text.as_bytes(), signature).ok().map(|()| None),
            Kind::Cosignature => {
                let (time, signature) = cosignature::split(signature)?;
                key.verify(&cosignature::message(time, text), signature).ok().map(|()| Some(time))
            }
        }
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, id, kind, public) = parts(text, "verifier key (name+id+base64)")?;
        let key = Self::new(name, kind, public);
        if key.id != id {
            return Err(KeyError::Id { found: id, expected: key.id });
        }
        match is_weak(&public) {
            true => Err(KeyError::Weak),
            false => Ok(key),
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [[self.kind.byte()].as_slice(), &self.public].concat();
        write!(f, "{}+{}+{}", self.name, self.id, BASE64.encode(key))
    }
}

/// The parts of `name+id+base64(kind || 32 bytes)`.
pub(super) fn parts<'t>(text: &'t str, what: &'static str) -> Result<(&'t str, KeyId, Kind, [u8; 32]), KeyError> {
    let malformed = || KeyError::Malformed(what);
    // base64 may hold a plus, and a name may not.
    let (name, rest) = text.split_once('+').ok_or_else(malformed)?;
    let (id, key) = rest.split_once('+').ok_or_else(malformed)?;
    if !is_name(name) {
        return Err(KeyError::Name(name.to_owned()));
    }
    let id = KeyId::parse(id).ok_or_else(malformed)?;
    let key = BASE64.decode(key).map_err(|_| malformed())?;
    let (kind, key) = key.split_first().ok_or_else(malformed)?;
    let kind = Kind::of_byte(*kind)?;
    Ok((name, id, kind, key.try_into().map_err(|_| malformed())?))
}

/// The y-coordinates of the points of small order: under such a key anybody can sign.
const WEAK: [&str; 5] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// Whether a public key is of small order, or a second spelling of another: a coordinate of 2^255 - 19 or more.
fn is_weak(public: &[u8; 32]) -> bool {
    let mut y = *public;
    y[31] &= 0x7f;
    let is_beyond = y[31] == 0x7f && y[1..31].iter().all(|byte| *byte == 0xff) && y[0] >= 0xed;
    is_beyond || WEAK.contains(&hex::encode(y).as_str())
}
