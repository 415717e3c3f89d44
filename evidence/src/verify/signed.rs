//! Step 2: the head of the log of logs, signed by a key that is trusted, and by every witness that is required.

use super::{
    failure::{Failure, Kind},
    opened::Opened,
};
use crate::{
    bundle::{
        names,
        time::{Hour, Instant},
    },
    hash::Hash,
    note::{Kind as KeyKind, Note, NoteError, VerifierKey},
    tlog::Checkpoint,
};

/// Whom an auditor trusts, and what else she brings.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Keys of the log: one of them must have signed.
    pub keys: Vec<VerifierKey>,
    /// Keys of witnesses: each must have signed.
    pub witnesses: Vec<VerifierKey>,
    /// Digests of documents that she has from elsewhere, in their canonical JSON: they need not be in the log yet.
    pub documents: Vec<Hash>,
}

/// A key that was given for what keys of its kind never sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongKind {
    /// It is a witness's.
    #[error("{0} is the key of a witness: it signs no log")]
    NotOfALog(VerifierKey),
    /// It is a log's, which would then be its own witness.
    #[error("{0} is the key of a log: it is no witness")]
    NotOfAWitness(VerifierKey),
}

impl Trust {
    /// The key of a log.
    ///
    /// # Errors
    /// [`WrongKind::NotOfALog`].
    pub fn log_key(key: VerifierKey) -> Result<VerifierKey, WrongKind> {
        match key.kind() {
            KeyKind::Ed25519 => Ok(key),
            KeyKind::Cosignature => Err(WrongKind::NotOfALog(key)),
        }
    }

    /// The key of a witness.
    ///
    /// # Errors
    /// [`WrongKind::NotOfAWitness`].
    pub fn witness_key(key: VerifierKey) -> Result<VerifierKey, WrongKind> {
        match key.kind() {
            KeyKind::Cosignature => Ok(key),
            KeyKind::Ed25519 => Err(WrongKind::NotOfAWitness(key)),
        }
    }
}

/// A head that counts.
#[derive(Debug, Clone)]
pub(super) struct SignedHead {
    pub(super) checkpoint: Checkpoint,
    /// Keys of the log that signed it.
    pub(super) signers: Vec<String>,
    /// Witnesses that signed it, and when, as far as they are required.
    pub(super) witnesses: Vec<String>,
    /// Signatures of keys that nobody named.
    pub(super) unknown: usize,
}

/// Checks the signatures of the checkpoint.
pub(super) fn check(opened: &Opened<'_>, trust: &Trust) -> Result<SignedHead, Failure> {
    let name = names::CHECKPOINT;
    let note = Note::parse(&opened.bytes(name)?).map_err(|error| Failure::integrity(name, error.to_string()))?;
    let all: Vec<VerifierKey> = trust.keys.iter().chain(&trust.witnesses).cloned().collect();
    let signed = note.signed_by(&all).map_err(|error| of_note(&error))?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| Failure::integrity(name, error.to_string()))?;
    let mut head =
        SignedHead { checkpoint, signers: Vec::new(), witnesses: Vec::new(), unknown: note.signatures().len() };
    for signature in &signed {
        head.unknown = head.unknown.saturating_sub(1);
        let key = signature.key;
        let is_of_a_log = key.kind() == KeyKind::Ed25519;
        if is_of_a_log && trust.keys.contains(key) && key.name() == head.checkpoint.origin {
            head.signers.push(format!("{} ({})", key.name(), key.id()));
        }
        if !is_of_a_log && trust.witnesses.contains(key) {
            let at = signature.time.and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1_000_000));
            let at = at.filter(|at| Hour::of(Instant(*at)).0 < i64::from(u32::MAX)).map(Instant);
            let at = at.map_or_else(String::new, |at| format!(" at {at}"));
            head.witnesses.push(format!("{} ({}){at}", key.name(), key.id()));
        }
    }
    if head.signers.is_empty() {
        let names: Vec<_> = note.signatures().iter().map(|one| format!("{} ({})", one.name(), one.id())).collect();
        let reason = format!(
            "none of the keys that you gave signed the head of {:?}; it is signed by {}",
            head.checkpoint.origin,
            names.join(", ")
        );
        return Err(Failure::new(Kind::Untrusted, name, reason));
    }
    let has_signed = |witness: &VerifierKey| {
        witness.kind() == KeyKind::Cosignature && signed.iter().any(|signature| signature.key == witness)
    };
    let missing = trust.witnesses.iter().find(|witness| !has_signed(witness));
    match missing {
        Some(witness) => {
            let reason = format!("witness {} ({}) did not sign it", witness.name(), witness.id());
            Err(Failure::incomplete(name, reason))
        }
        None => Ok(head),
    }
}

fn of_note(error: &NoteError) -> Failure {
    let kind = match error {
        NoteError::Malformed(_) | NoteError::BadSignature(_) => Kind::Integrity,
        NoteError::NotSigned(_) => Kind::Untrusted,
    };
    Failure::new(kind, names::CHECKPOINT, error.to_string())
}
