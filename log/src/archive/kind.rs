//! What differs between the archives of two streams: the rows, the files of a part, and what a manifest says of one.
//!
//! Cutting hours, the chain, repeats, alarms, resuming, adopting and the checks of `log verify` are the same code for
//! all of them. Clicks are [`Clicks`](super::clicks::Clicks); verdicts are archived by the room that knows them.

use std::fmt;

use arrow::{array::RecordBatch, datatypes::SchemaRef, error::ArrowError};
use bytes::Bytes;
use object_store::path::Path;
use parquet::errors::ParquetError;

use crate::{
    archive::{
        entry::{Entry, File},
        manifest::Manifest,
    },
    frame::Digest,
    log::Stream,
    position::{Position, Seq},
    time::{Hour, Timestamp},
};

/// How the frames of one stream become parts, and how a part is checked. All of it is a function of its arguments:
/// the same rows give the same bytes, because sealing again after a crash must.
pub trait Kind: fmt::Debug + Send + Sync + 'static {
    /// What a manifest says of a part.
    type Part: Entry;

    /// Whose frames these are.
    const STREAM: Stream;
    /// A part ends at the frame with which it reaches so many rows: that bounds the memory of sealing.
    const PART_ROWS: usize;

    /// The columns of a frame.
    fn schema() -> SchemaRef;

    /// The rows of a frame as parts hold them; `first` is the position of the first row.
    ///
    /// # Errors
    /// If they are no rows of this stream.
    fn rows(batch: &RecordBatch, first: Position, logged_at: Timestamp) -> Result<RecordBatch, ArrowError>;

    /// Sorts the rows of some frames, which come in log order, and writes the files of their part.
    ///
    /// # Errors
    /// If they are no rows of this stream.
    fn encode(rows: Vec<RecordBatch>, range: PartRange) -> Result<(Self::Part, Vec<NewFile>), ParquetError>;

    /// Reads every row of a part back: in its frames, once, in order, and as the manifest says. `files` are those of
    /// [`Entry::files`], in their order, each with the digest that the manifest names.
    ///
    /// # Errors
    /// The first thing that is wrong.
    fn check(manifest: &Manifest<Self::Part>, part: &Self::Part, files: &[Bytes]) -> Result<(), String>;
}

/// Which frames a part is made of, and which hour it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartRange {
    /// The hour that is sealed.
    pub hour: Hour,
    /// The first frame.
    pub first: Seq,
    /// The last frame.
    pub last: Seq,
}

/// A file to be stored, and what the manifest will say of it.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// Its key.
    pub path: Path,
    /// Its content.
    pub bytes: Bytes,
    /// As the manifest names it.
    pub file: File,
}

impl NewFile {
    /// A file with this content, whose digest is `digest`.
    pub fn new(path: Path, bytes: Bytes, digest: Digest) -> Self {
        let file = File { key: path.to_string(), bytes: bytes.len() as u64, sha256: digest.to_string() };
        Self { path, bytes, file }
    }
}
