//! A note: its text, a blank line, and one signature a line.

use std::fmt;

use super::{error::NoteError, key::VerifierKey, secret::SigningKey, signature::Signature};

/// The longest note that is read. A checkpoint with sixteen signatures of the largest known kind has 110 kB.
const BYTES_MAX: usize = 256 << 10;
/// The most signatures of a note: verifying them takes time, and anybody can add some.
const SIGNATURES_MAX: usize = 100;

/// A signed note. Nothing of its text may be believed before [`Note::verify`] said who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// A known key that signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed<'k> {
    /// Which key.
    pub key: &'k VerifierKey,
    /// When, in seconds since 1970, as a witness says; `None` for a key that says no time.
    pub time: Option<u64>,
}

fn malformed(reason: impl Into<String>) -> NoteError {
    NoteError::Malformed(reason.into())
}

impl Note {
    /// Signs a text, which ends with a line feed; `time` is what keys of witnesses say with it.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] if the text is none of a note, or nobody signs.
    pub fn sign(text: &str, keys: &[&SigningKey], time: u64) -> Result<Self, NoteError> {
        check_text(text)?;
        let signatures: Vec<_> = keys.iter().map(|key| key.sign(text, time)).collect();
        match signatures.is_empty() {
            true => Err(malformed("nobody signs it")),
            false => Ok(Self { text: text.to_owned(), signatures }),
        }
    }

    /// Reads a note. [`Note::to_string`](ToString::to_string) gives the same bytes again.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > BYTES_MAX {
            return Err(malformed(format!("it has {} bytes, more than {BYTES_MAX}", bytes.len())));
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))?;
        let blank = whole.rfind("\n\n").ok_or_else(|| malformed("it has no blank line before its signatures"))?;
        let (text, lines) = (&whole[..=blank], &whole[blank + 2..]);
        check_text(text)?;
        let lines = lines.strip_suffix('\n').ok_or_else(|| malformed("it does not end with a line of a signature"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == SIGNATURES_MAX {
                return Err(malformed(format!("it has more than {SIGNATURES_MAX} signatures")));
            }
            let signature = Signature::parse(line);
            let signature = signature.ok_or_else(|| malformed(format!("{line:?} is no signature")))?;
            if signatures.contains(&signature) {
                return Err(malformed(format!("{line:?} is there twice")));
            }
            signatures.push(signature);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text that was signed, with its last line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signatures, also those of keys that nobody knows.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The same note with further signatures: those that it has already are not repeated.
    #[must_use]
    pub fn with(mut self, signatures: impl IntoIterator<Item = Signature>) -> Self {
        for signature in signatures {
            if self.signatures.len() < SIGNATURES_MAX && !self.signatures.contains(&signature) {
                self.signatures.push(signature);
            }
        }
        self
    }

    /// Which of `keys` signed it, in the order of the signatures. Signatures of other keys are passed over.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] if one of `keys` is named with a signature that is not its own: then nothing of the
    /// note counts.
    pub fn signed_by<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<Signed<'k>>, NoteError> {
        let mut signed: Vec<Signed<'k>> = Vec::new();
        for signature in &self.signatures {
            let known = keys.iter().find(|key| key.name == signature.name && key.id == signature.id);
            let Some(key) = known else { continue };
            let bad = || NoteError::BadSignature(format!("{} ({})", key.name, key.id));
            let time = key.verify(&self.text, &signature.bytes).ok_or_else(bad)?;
            if signed.iter().all(|other| other.key != key) {
                signed.push(Signed { key, time });
            }
        }
        Ok(signed)
    }

    /// The same, where at least one of `keys` must have signed.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`], [`NoteError::NotSigned`].
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<Signed<'k>>, NoteError> {
        let signed = self.signed_by(keys)?;
        if signed.is_empty() {
            let names: Vec<_> =
                self.signatures.iter().map(|signature| format!("{} ({})", signature.name, signature.id)).collect();
            return Err(NoteError::NotSigned(names.join(", ")));
        }
        Ok(signed)
    }
}

#[cfg(test)]
impl Note {
    pub(super) fn signatures_mut(&mut self) -> &mut [Signature] {
        &mut self.signatures
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// Whether a text may stand in a note: lines without control characters, each with its end.
fn check_text(text: &str) -> Result<(), NoteError> {
    if !text.ends_with('\n') {
        return Err(malformed("its text does not end with a line feed"));
    }
    match text.chars().find(|c| *c < ' ' && *c != '\n') {
        Some(found) => Err(malformed(format!("its text has the control character {found:?}"))),
        None => Ok(()),
    }
}
