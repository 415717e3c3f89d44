//! The statement of which rows of an hour have nothing about people any more, and which files hold what is left. Of
//! clicks and of rejected events it is one document: what is said of a part differs, as in manifests.
//!
//! It is only ever created, one number behind the other, and each is the whole state of its hour. The manifest stays as
//! it was sealed: its roots hold for what is left, because an erased row leaves its leaf behind.

use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    archive::{
        entry::{Entry, File},
        keys::{Half, PartKey},
        manifest::Manifest,
    },
    frame::Digest,
    invariant,
    log::Stream,
    time::{Hour, Timestamp},
};

/// The version that is written.
pub const VERSION: u32 = 1;

/// Why rows were erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Somebody asked for it.
    Erasure,
    /// They were older than they may get.
    Retention,
}

impl Cause {
    /// `erasure`, `retention`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Erasure => "erasure",
            Self::Retention => "retention",
        }
    }
}

/// What is left of a part of a log. Its fields are part of the document's bytes, and frozen with its version.
pub trait Left: Clone + PartialEq + Eq + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Which log.
    const STREAM: Stream;

    /// Its first and its last frame.
    fn frames(&self) -> (u64, u64);

    /// Its rows that were erased.
    fn erased(&self) -> u64;

    /// Of each file of the part, in the order of [`Entry::files`], what stands in its place, if something does.
    fn in_place(&self) -> Vec<Option<&File>>;

    /// What is wrong with what it says of an hour.
    ///
    /// # Errors
    /// Naming a file that is none of its frames.
    fn check(&self, hour: Hour) -> Result<(), String>;
}

/// What is left of an hour. The order of the fields is their order in the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "L: Left")]
pub struct Redaction<L: Left = RedactedPart> {
    /// [`VERSION`].
    pub version: u32,
    /// `2026-11-22T14`.
    pub hour: String,
    /// 1 for the first of the hour.
    pub number: u32,
    /// SHA-256 of the hour's manifest, hexadecimal.
    pub manifest: String,
    /// SHA-256 of the redaction before; null for the first.
    pub previous: Option<String>,
    /// When it was made, microseconds.
    pub at: i64,
    /// Why.
    pub cause: Cause,
    /// Rows without personal columns, of the whole hour, by this redaction and those before.
    pub rows: u64,
    /// Every part of the manifest, in its order.
    pub parts: Vec<L>,
    /// SHA-256 of these bytes with this field empty.
    pub checksum: String,
}

/// What is left of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedactedPart {
    /// Its first frame.
    pub first_seq: u64,
    /// Its last frame.
    pub last_seq: u64,
    /// Its rows without personal columns.
    pub erased: u64,
    /// What stands in the place of its core file; null if that stays. Parts of layout 1 and 2 have two columns there
    /// that are about people.
    pub core: Option<File>,
    /// What stands in the place of its personal file.
    pub personal: File,
}

impl RedactedPart {
    /// The file of a half that stands in the place of the one that was sealed, if one does.
    pub fn file(&self, half: Half) -> Option<&File> {
        match half {
            Half::Core => self.core.as_ref(),
            Half::Personal => Some(&self.personal),
        }
    }
}

impl Left for RedactedPart {
    const STREAM: Stream = Stream::Clicks;

    fn frames(&self) -> (u64, u64) {
        (self.first_seq, self.last_seq)
    }

    fn erased(&self) -> u64 {
        self.erased
    }

    fn in_place(&self) -> Vec<Option<&File>> {
        vec![self.core.as_ref(), Some(&self.personal)]
    }

    fn check(&self, hour: Hour) -> Result<(), String> {
        for (half, file) in [Half::Core, Half::Personal].map(|half| (half, self.file(half))) {
            let Some(file) = file else { continue };
            let named = PartKey::parse(&file.key).is_some_and(|key| {
                let frames = (key.first.get(), key.last.get());
                key.half == half && key.hour == hour && frames == (self.first_seq, self.last_seq)
            });
            if !named {
                return Err(format!("{} is no file of its frames {}..={}", file.key, self.first_seq, self.last_seq));
            }
        }
        Ok(())
    }
}

/// What a redaction is made of, beside the parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Making<'m, P: Entry, L: Left> {
    pub(crate) manifest: &'m Manifest<P>,
    pub(crate) before: Option<&'m Redaction<L>>,
    pub(crate) at: Timestamp,
    pub(crate) cause: Cause,
}

impl<L: Left> Redaction<L> {
    pub(crate) fn new<P: Entry>(making: Making<'_, P, L>, parts: Vec<L>) -> Self {
        let Making { manifest, before, at, cause } = making;
        let made = Self {
            version: VERSION,
            hour: manifest.hour.clone(),
            number: before.map_or(1, |before| before.number.saturating_add(1)),
            manifest: manifest.digest().to_string(),
            previous: before.map(|before| before.digest().to_string()),
            at: at.micros(),
            cause,
            rows: parts.iter().map(Left::erased).sum(),
            parts,
            checksum: String::new(),
        };
        let made = Self { checksum: made.expected_checksum(), ..made };
        let readable = Self::from_bytes(&made.to_bytes(), manifest.hour());
        invariant!(I3, readable.as_ref() == Ok(&made), "what is left of {} is never readable: {readable:?}", made.hour);
        made
    }

    /// Indented JSON in field order, with a final line feed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("it holds only text, integers and lists");
        bytes.push(b'\n');
        bytes
    }

    /// SHA-256 of its bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    fn expected_checksum(&self) -> String {
        Digest::of(&Self { checksum: String::new(), ..self.clone() }.to_bytes()).to_string()
    }

    /// Reads the document of an hour.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_bytes(bytes: &[u8], hour: Hour) -> Result<Self, String> {
        let read: Self = serde_json::from_slice(bytes).map_err(|error| format!("it is not readable: {error}"))?;
        if read.version != VERSION {
            return Err(format!("version {} is not known here; the newest is {VERSION}", read.version));
        }
        if read.to_bytes() != bytes || read.checksum != read.expected_checksum() {
            return Err("its bytes are not canonical: it was edited".into());
        }
        if read.hour != hour.to_string() || read.number == 0 || read.previous.is_some() != (read.number > 1) {
            return Err(format!("it says number {} of {}", read.number, read.hour));
        }
        if read.parts.iter().map(Left::erased).sum::<u64>() != read.rows {
            return Err("its rows are not those of its parts".into());
        }
        read.parts.iter().try_for_each(|part| part.check(hour))?;
        Ok(read)
    }

    /// What is wrong if it is about this manifest.
    ///
    /// # Errors
    /// What does not fit.
    pub fn fits<P: Entry>(&self, manifest: &Manifest<P>) -> Result<(), String> {
        if self.manifest != manifest.digest().to_string() {
            return Err("it is about another manifest".into());
        }
        let same = self.parts.iter().map(Left::frames).eq(manifest.parts.iter().map(|part| part.frames()));
        let fewer = self.parts.iter().zip(&manifest.parts).all(|(left, part)| left.erased() <= part.rows());
        if same && fewer { Ok(()) } else { Err("its parts are not those of the manifest".into()) }
    }

    /// What is left of the part with these frames.
    pub fn part(&self, frames: (u64, u64)) -> Option<&L> {
        self.parts.iter().find(|part| part.frames() == frames)
    }
}
