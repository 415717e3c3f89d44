//! The protocol of witnesses (C2SP `tlog-witness`): a log shows a checkpoint with a proof that it continues the one
//! that the witness saw last, and the witness signs it. A log that shows two histories is refused by whoever saw the
//! other.
//!
//! What a witness remembers, and that it does so before it answers, is its owner's: see [`Witness::judge`].

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::checkpoint::{Checkpoint, parse_size};
use crate::{
    hash::Hash,
    note::{Kind, Note, NoteError, Signature, SigningKey, VerifierKey},
    tree::{Node as _, consistency},
};

/// The longest request that is read.
pub const REQUEST_BYTES_MAX: usize = 64 << 10;
/// The most lines of a proof: a log has fewer than 2^63 entries.
const PROOF_LINES_MAX: usize = 63;

/// A request: a checkpoint, and the proof that it continues the tree of `old` entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// How many entries the last checkpoint had that the witness saw; 0 if it saw none.
    pub old: u64,
    /// That the new tree continues it.
    pub proof: Vec<Hash>,
    /// The new checkpoint, as the log signed it.
    pub note: Note,
}

impl AddCheckpoint {
    /// The body of the request.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("old {}\n", self.old);
        for hash in &self.proof {
            text.push_str(&BASE64.encode(hash.0));
            text.push('\n');
        }
        format!("{text}\n{}", self.note).into_bytes()
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(format!("it has more than {REQUEST_BYTES_MAX} bytes"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let (head, note) = text.split_once("\n\n").ok_or("it has no blank line before the checkpoint")?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| parse_size(line.strip_prefix("old ")?));
        let old = old.ok_or("its first line is not `old` with a number of entries")?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == PROOF_LINES_MAX {
                return Err(format!("its proof has more than {PROOF_LINES_MAX} lines"));
            }
            let hash = BASE64.decode(line).ok().and_then(|hash| hash.try_into().ok());
            proof.push(Hash(hash.ok_or_else(|| format!("{line:?} is no hash of a proof"))?));
        }
        let note = Note::parse(note.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Self { old, proof, note })
    }
}

/// What a witness saw last of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// How many entries it had.
    pub size: u64,
    /// Their root.
    pub root: Hash,
}

/// Why a witness does not sign. Each has its status of HTTP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400: it is no request, or goes back.
    #[error("the request cannot be read: {0}")]
    Malformed(String),
    /// 403: the log's key did not sign it.
    #[error("the checkpoint is not signed by the log: {0}")]
    NotSigned(NoteError),
    /// 404: a log that the witness does not know.
    #[error("the log {0:?} is not known here")]
    UnknownLog(String),
    /// 409: the proof does not begin where the witness stands. The body says where that is.
    #[error("the last checkpoint seen has {0} entries")]
    Elsewhere(u64),
    /// 409: as many entries as were seen, and another root: a fork. The body is the same.
    #[error("another tree of {0} entries was seen")]
    Forked(u64),
    /// 422: it does not continue what the witness saw: a fork, or a proof that is wrong.
    #[error("it does not continue what was seen: {0}")]
    Inconsistent(&'static str),
}

impl Refusal {
    /// The status of HTTP.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NotSigned(_) => 403,
            Self::UnknownLog(_) => 404,
            Self::Elsewhere(_) | Self::Forked(_) => 409,
            Self::Inconsistent(_) => 422,
        }
    }
}

/// What a witness is about to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What the log signed.
    pub note: Note,
    /// What that says.
    pub checkpoint: Checkpoint,
}

/// A witness: its key, and the keys of the logs that it knows.
#[derive(Debug)]
pub struct Witness {
    key: SigningKey,
    logs: BTreeMap<String, Vec<VerifierKey>>,
}

impl Witness {
    /// A witness of these logs, by origin. A log has a second key while the first is replaced.
    pub fn new(key: &SigningKey, logs: BTreeMap<String, Vec<VerifierKey>>) -> Self {
        Self { key: key.of_witness(), logs }
    }

    /// What others verify its signatures with.
    pub fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// Checks a request against what was seen last of the log that it is about, which `seen` knows.
    ///
    /// Whoever calls it holds that memory still until the checkpoint stands in it durably, and gives nothing of
    /// [`Witness::sign`] away before: two requests at a time could otherwise both be signed, and a crash would forget
    /// one.
    ///
    /// # Errors
    /// Why it is not signed.
    pub fn judge(&self, body: &[u8], seen: impl FnOnce(&str) -> Option<Seen>) -> Result<Judged, Refusal> {
        let AddCheckpoint { old, proof, note } = AddCheckpoint::parse(body).map_err(Refusal::Malformed)?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| Refusal::Malformed(error.to_string()))?;
        let Some(keys) = self.logs.get(&checkpoint.origin) else {
            return Err(Refusal::UnknownLog(checkpoint.origin));
        };
        note.verify(keys).map_err(Refusal::NotSigned)?;
        if old > checkpoint.size {
            let sizes = format!("the checkpoint has {} entries, fewer than {old}", checkpoint.size);
            return Err(Refusal::Malformed(sizes));
        }
        let nothing = Seen { size: 0, root: Hash::empty() };
        let seen = seen(&checkpoint.origin).unwrap_or(nothing);
        if old != seen.size {
            return Err(Refusal::Elsewhere(seen.size));
        }
        if checkpoint.size == seen.size && seen.size > 0 && checkpoint.root != seen.root {
            return Err(Refusal::Forked(seen.size));
        }
        if checkpoint.size == 0 && checkpoint.root != Hash::empty() {
            return Err(Refusal::Inconsistent("a log without entries has another root"));
        }
        consistency::verify(old, &seen.root, checkpoint.size, &checkpoint.root, &proof)
            .map_err(|_| Refusal::Inconsistent("the proof does not lead from the tree that was seen to this one"))?;
        Ok(Judged { note, checkpoint })
    }

    /// Signs what was judged and is remembered; `time` is in seconds since 1970. The body of the answer.
    ///
    /// # Panics
    /// If the time is beyond what the format has room for.
    pub fn sign(&self, judged: &Judged, time: u64) -> String {
        let signed = Note::sign(judged.note.text(), &[&self.key], time).expect("the text is that of a note");
        signed.signatures().iter().map(|signature| format!("{signature}\n")).collect()
    }
}

/// What of a witness's answer counts: a note with the signatures of `witness` alone that stand in it.
///
/// # Errors
/// Why there is none.
pub fn cosigned(note: &Note, answer: &[u8], witness: &VerifierKey) -> Result<Note, String> {
    if witness.kind() != Kind::Cosignature {
        return Err(format!("{witness} is no key of a witness"));
    }
    let lines = std::str::from_utf8(answer).map_err(|_| "the answer is not UTF-8".to_owned())?;
    let with = Note::parse(format!("{}\n{lines}", note.text()).as_bytes()).map_err(|error| error.to_string())?;
    with.verify(std::slice::from_ref(witness)).map_err(|error| error.to_string())?;
    let is_its = |line: &&Signature| line.name() == witness.name() && line.id() == witness.id();
    Ok(note.clone().with(with.signatures().iter().filter(is_its).cloned()))
}
