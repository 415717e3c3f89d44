//! What differs between the archives of two streams: the rows, the files of a part, and what a manifest says of a part.
//!
//! Everything else is the same code for all streams: cutting hours, the chain, repeats, alarms, resuming, adopting, and
//! the checks of `log verify`. The kind of the click log is [`Clicks`](crate::archive::clicks::Clicks), that of issued
//! documents [`Invoices`](crate::archive::invoices::Invoices), that of rejected events
//! [`RejectedEvents`](crate::archive::rejected::RejectedEvents); that of the verdict log is defined in the room that
//! knows verdicts.

use std::fmt;

use arrow::{array::RecordBatch, datatypes::SchemaRef, error::ArrowError};
use bytes::Bytes;
use clicktrail_evidence::salt::HourKey;
use object_store::path::Path;
use parquet::errors::ParquetError;

use crate::{
    archive::{
        entry::{Entry, File},
        identities::Fingerprints,
        manifest::Manifest,
        trees::Leaves,
    },
    frame::Digest,
    invariant,
    log::{Logged, Stream},
    position::{Position, Seq},
    time::{Hour, Timestamp},
};

/// How the frames of one stream become parts, and how a part is checked. Every function depends on its arguments alone:
/// sealing again after a crash must give the same bytes.
pub trait Kind: fmt::Debug + Send + Sync + 'static {
    /// What a manifest says of a part.
    type Part: Entry;

    /// Whose frames these are.
    const STREAM: Stream;
    /// A part ends with the frame that brings it to so many rows. That bounds the memory of sealing.
    const PART_ROWS: usize;
    /// Whether frames of writers left the log before it was archived, so that the first frame of one may be missing.
    const IS_CUT: bool = false;

    /// The columns of a frame.
    fn schema() -> SchemaRef;

    /// The rows of a frame as parts hold them; `first` is the position of the first row.
    ///
    /// # Errors
    /// If they are no rows of this stream.
    fn rows(batch: &RecordBatch, first: Position, logged_at: Timestamp) -> Result<RecordBatch, ArrowError>;

    /// The same of a frame whose rows are `batch`, with what it says of them beside them.
    ///
    /// # Errors
    /// If they are no rows of this stream.
    fn rows_of(logged: &Logged, batch: &RecordBatch, first: Position) -> Result<RecordBatch, ArrowError> {
        Self::rows(batch, first, logged.logged_at)
    }

    /// Sorts the rows of some frames, which come in log order, writes the files of their part, and computes its leaves.
    ///
    /// # Errors
    /// If they are no rows of this stream, or the key is missing.
    fn encode(
        rows: Vec<RecordBatch>,
        range: PartRange,
        hashed: Hashed<'_>,
    ) -> Result<EncodedPart<Self::Part>, ParquetError>;

    /// The leaves of a part from its files: the same that [`Kind::encode`] computed.
    ///
    /// # Errors
    /// Why its rows cannot be read.
    fn leaves(files: &[Bytes], hour: Hour, key: Option<&HourKey>) -> Result<Leaves, String>;

    /// What the hour's identity filter holds of the rows of a part; `None` for a stream that has no filter.
    ///
    /// # Errors
    /// If they are no rows of this stream.
    fn fingerprints(_rows: &[RecordBatch]) -> Result<Option<Fingerprints>, ArrowError> {
        Ok(None)
    }

    /// The same from the files of a part.
    ///
    /// # Errors
    /// Why its rows cannot be read.
    fn fingerprints_stored(_files: &[Bytes]) -> Result<Option<Fingerprints>, String> {
        Ok(None)
    }

    /// Reads a part back and checks every row: it is from the part's frames, stands there once and in order, and is as
    /// the manifest says. `files` are those of [`Entry::files`], in that order; their digests were checked.
    ///
    /// # Errors
    /// The first thing that is wrong.
    fn check(manifest: &Manifest<Self::Part>, part: &Self::Part, files: &[Bytes]) -> Result<(), String>;
}

/// Whether the leaves of a part are computed.
#[derive(Debug, Clone, Copy)]
pub enum Hashed<'k> {
    /// They are. The key is that of the hour; a stream whose trees are not about people needs none.
    With(Option<&'k HourKey>),
    /// They are not, as before manifests had trees.
    Without,
}

impl Hashed<'_> {
    /// The leaves that `compute` gives, if they are wanted.
    ///
    /// # Errors
    /// Those of `compute`.
    pub fn leaves(self, compute: impl FnOnce() -> Result<Leaves, String>) -> Result<Leaves, ParquetError> {
        match self {
            Self::With(_) => compute().map_err(ParquetError::General),
            Self::Without => Ok(Leaves::default()),
        }
    }
}

/// A part as it was encoded.
#[derive(Debug, Clone)]
pub struct EncodedPart<P> {
    /// What the manifest will say of it.
    pub part: P,
    /// Its files.
    pub files: Vec<NewFile>,
    /// What its rows are in the trees of the hour.
    pub leaves: Leaves,
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
    /// A file with this content, whose digest is `digest`: the path has the beginning of it.
    pub fn new(path: Path, bytes: Bytes, digest: Digest) -> Self {
        let named = path.filename().is_some_and(|name| name.contains(&digest.to_string()[..32]));
        invariant!(I3, named, "{path} is not named by its content, {digest}");
        let file = File { key: path.to_string(), bytes: bytes.len() as u64, sha256: digest.to_string() };
        Self { path, bytes, file }
    }
}
