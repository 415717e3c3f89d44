//! Signing keys: `PRIVATE+KEY+name+id+base64(kind || seed)`. The secret is never printed but by
//! [`SigningKey::to_text`].

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{Ed25519KeyPair, KeyPair as _},
};

use super::{
    cosignature,
    error::KeyError,
    key::{VerifierKey, parts},
    kind::Kind,
    name::is_name,
    signature::Signature,
};

const PREFIX: &str = "PRIVATE+KEY+";

/// A key that signs.
pub struct SigningKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl SigningKey {
    /// A new key of random bytes.
    ///
    /// # Errors
    /// [`KeyError::Name`]; [`KeyError::Random`] if the machine has no random bytes.
    pub fn generate(name: &str, kind: Kind) -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| KeyError::Random)?;
        Self::of_seed(name, kind, seed)
    }

    /// The key of a seed: the same one always. For tests; a seed that somebody can guess is no secret.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn of_seed(name: &str, kind: Kind, seed: [u8; 32]) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name(name.to_owned()));
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("every 32 bytes are a seed");
        let public = pair.public_key().as_ref().try_into().expect("a public key has 32 bytes");
        Ok(Self { seed, pair, verifier: VerifierKey::new(name, kind, public) })
    }

    /// Reads the line that [`SigningKey::to_text`] writes.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        const WHAT: &str = "signing key (PRIVATE+KEY+name+id+base64)";
        let rest = text.strip_prefix(PREFIX).ok_or(KeyError::Malformed(WHAT))?;
        let (name, id, kind, seed) = parts(rest, WHAT)?;
        let key = Self::of_seed(name, kind, seed)?;
        match key.verifier.id == id {
            true => Ok(key),
            false => Err(KeyError::Id { found: id, expected: key.verifier.id }),
        }
    }

    /// The secret as one line, without its end. Whoever has it can sign.
    pub fn to_text(&self) -> String {
        let key = [[self.verifier.kind.byte()].as_slice(), &self.seed].concat();
        format!("{PREFIX}{}+{}+{}", self.verifier.name, self.verifier.id, BASE64.encode(key))
    }

    /// What others verify with.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The same secret as the key of a witness: other tools keep both in one form.
    #[must_use]
    pub fn of_witness(&self) -> Self {
        Self::of_seed(&self.verifier.name, Kind::Cosignature, self.seed).expect("the name was checked")
    }

    /// Signs a text; `time`, in seconds since 1970, is what a witness says with it, and nobody else.
    pub(super) fn sign(&self, text: &str, time: u64) -> Signature {
        let bytes = match self.verifier.kind {
            Kind::Ed25519 => self.pair.sign(text.as_bytes()).as_ref().to_vec(),
            Kind::Cosignature => {
                assert!(time <= cosignature::TIME_MAX, "a cosignature has no room for the time {time}");
                cosignature::join(time, self.pair.sign(&cosignature::message(time, text)).as_ref())
            }
        };
        Signature { name: self.verifier.name.clone(), id: self.verifier.id, bytes }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}
