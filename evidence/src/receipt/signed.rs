//! A receipt under signatures, and the word that stands for it in a header or an address.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::text::Receipt;
use crate::note::{Note, NoteError, Signed, SigningKey, VerifierKey};

/// The longest receipt that is read, in any of its forms: ids have 128 characters, and few keys sign.
const BYTES_MAX: usize = 16 << 10;
/// What stands under a text that nobody signed, where a note has signatures.
const UNSIGNED: &str = "\nunsigned\n";

/// Why bytes are no receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than any.
    #[error("it is longer than a receipt can be")]
    TooLong,
    /// Not in one of its forms.
    #[error("it is no receipt: neither its text nor its token")]
    Malformed,
    /// The note around it is none.
    #[error("its signatures cannot be read")]
    Note(#[from] NoteError),
}

/// A receipt as it was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedReceipt {
    receipt: Receipt,
    /// `None`: nobody signed it.
    note: Option<Note>,
}

impl SignedReceipt {
    /// Signs a receipt with all of `keys`; with none it says that it is unsigned.
    ///
    /// # Errors
    /// [`Error::Malformed`] if something in it has a line end, so that nobody could read it back.
    pub fn issue(receipt: Receipt, keys: &[&SigningKey]) -> Result<Self, Error> {
        let text = receipt.to_text();
        if Receipt::parse(&text).as_ref() != Some(&receipt) {
            return Err(Error::Malformed);
        }
        let note = if keys.is_empty() { None } else { Some(Note::sign(&text, keys, 0)?) };
        Ok(Self { receipt, note })
    }

    /// Reads a receipt: its text, or its token with or without a line end.
    ///
    /// # Errors
    /// See [`Error`]. Who signed it is asked of [`SignedReceipt::signed_by`]: until then nothing of it counts.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > BYTES_MAX {
            return Err(Error::TooLong);
        }
        match URL_SAFE_NO_PAD.decode(bytes.trim_ascii_end()) {
            Ok(text) => Self::of_text(&text),
            Err(_) => Self::of_text(bytes),
        }
    }

    fn of_text(bytes: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes).map_err(|_| Error::Malformed)?;
        let (text, note) = match text.strip_suffix(UNSIGNED) {
            Some(text) => (text.to_owned(), None),
            None => {
                let note = Note::parse(bytes)?;
                (note.text().to_owned(), Some(note))
            }
        };
        let receipt = Receipt::parse(&text).ok_or(Error::Malformed)?;
        Ok(Self { receipt, note })
    }

    /// What is promised. It binds those who signed it, and nobody else.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The text in one word: base64 for addresses, without padding.
    pub fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.to_string())
    }

    /// Whether anybody signed it, whoever that is.
    pub fn is_signed(&self) -> bool {
        self.note.is_some()
    }

    /// Which of `keys` signed it.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`]: it was edited, or forged.
    pub fn signed_by<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<Signed<'k>>, NoteError> {
        self.note.as_ref().map_or_else(|| Ok(Vec::new()), |note| note.signed_by(keys))
    }
}

impl fmt::Display for SignedReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.note {
            Some(note) => note.fmt(f),
            None => write!(f, "{}{UNSIGNED}", self.receipt.to_text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sample, *};
    use crate::note::Kind;

    fn key(name: &str) -> SigningKey {
        SigningKey::of_seed(name, Kind::Ed25519, [7; 32]).unwrap()
    }

    #[test]
    fn receipt_reads_back_from_its_text_and_from_its_token() {
        for keys in [vec![], vec![key("a")], vec![key("a"), key("b")]] {
            let keys: Vec<&SigningKey> = keys.iter().collect();
            let issued = SignedReceipt::issue(sample(None), &keys).unwrap();
            assert_eq!(SignedReceipt::read(issued.to_string().as_bytes()), Ok(issued.clone()));
            assert_eq!(SignedReceipt::read(issued.token().as_bytes()), Ok(issued.clone()));
            assert_eq!(SignedReceipt::read(format!("{}\n", issued.token()).as_bytes()), Ok(issued.clone()));
            assert_eq!(issued.is_signed(), !keys.is_empty());
            let known: Vec<VerifierKey> = keys.iter().map(|key| key.verifier().clone()).collect();
            assert_eq!(issued.signed_by(&known).unwrap().len(), keys.len());
        }
    }

    #[test]
    fn receipt_that_was_edited_is_not_signed() {
        let key = key("a");
        let issued = SignedReceipt::issue(sample(None), &[&key]).unwrap();
        let known = [key.verifier().clone()];
        for (from, to) in [("acme", "umbrella"), ("c 1", "c 2"), ("captured_at 1", "captured_at 2")] {
            let edited = SignedReceipt::read(issued.to_string().replacen(from, to, 1).as_bytes()).unwrap();
            assert!(matches!(edited.signed_by(&known), Err(NoteError::BadSignature(_))), "{from}");
        }
        for edited in ["", "unsigned\n", "\n\nunsigned\n", "AAAA", &issued.to_string()[1..]] {
            assert!(SignedReceipt::read(edited.as_bytes()).is_err(), "{edited:?}");
        }
        assert_eq!(SignedReceipt::read(&vec![b'A'; BYTES_MAX + 1]), Err(Error::TooLong));
        let mut of_two_lines = sample(None);
        of_two_lines.event_id = "a\nkind click".to_owned();
        assert_eq!(SignedReceipt::issue(of_two_lines, &[&key]), Err(Error::Malformed));
    }
}
