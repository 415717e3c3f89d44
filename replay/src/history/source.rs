//! What differs between the logs for a reader of their whole history: columns, and what is sealed of them.

use std::{collections::VecDeque, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::{Field, SchemaRef},
    error::ArrowError,
};
use clicktrail_log::{
    archive::{
        Archive, Error as ArchiveError, Manifest,
        clicks::Clicks,
        entry::{Entry, File},
        invoices::Invoices,
        keys::ManifestKey,
        kind::Kind,
        rejected::RejectedEvents,
    },
    chain::Chain,
    invoices::schema as invoices,
    log::{Logged, Stream},
    position::{Epoch, Position, Seq},
    rejected, schema,
    time::Hour,
};
use clicktrail_verdicts::{archive::Verdicts, schema as verdicts};

/// Which log is read, and which of its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    stream: Stream,
    personal: bool,
}

/// A sealed hour as far as a reader of its rows needs it.
#[derive(Debug, Clone)]
pub(super) struct SealedHour {
    pub(super) hour: Hour,
    pub(super) epoch: Epoch,
    pub(super) first: Seq,
    pub(super) last: Seq,
    /// Of its manifest.
    pub(super) digest: String,
    /// The digest of the manifest before.
    pub(super) previous: Option<String>,
    /// The writers' chains at its end.
    pub(super) chain: Chain,
    /// In log order.
    pub(super) parts: VecDeque<SealedPart>,
}

/// One of its parts.
#[derive(Debug, Clone)]
pub(super) struct SealedPart {
    pub(super) first: Seq,
    pub(super) last: Seq,
    pub(super) rows: u64,
    /// One, or two with the same rows in the same order.
    pub(super) files: Vec<File>,
}

impl Source {
    /// The log `stream`, without the columns about people.
    pub fn new(stream: Stream) -> Self {
        Self { stream, personal: false }
    }

    /// The same with the columns about people: [`schema::PERSONAL`]. Only clicks have them apart.
    #[must_use]
    pub fn with_personal(self) -> Self {
        Self { personal: true, ..self }
    }

    /// Which log it is.
    pub fn stream(self) -> Stream {
        self.stream
    }

    /// The columns of the rows that a reader gets.
    pub fn schema(self) -> SchemaRef {
        match self.stream {
            Stream::Clicks if self.personal => schema::read(),
            Stream::Clicks => schema::core(),
            Stream::Verdicts => verdicts::read(),
            Stream::Invoices => invoices::read(),
            Stream::Rejected => rejected::read(),
        }
    }

    /// Whether frames left the log before it was archived: then it is read from what it has.
    pub(super) fn is_cut(self) -> bool {
        match self.stream {
            Stream::Clicks => Clicks::IS_CUT,
            Stream::Verdicts => Verdicts::IS_CUT,
            Stream::Invoices => Invoices::IS_CUT,
            Stream::Rejected => RejectedEvents::IS_CUT,
        }
    }

    /// The rows of a frame, which are `batch`; `first` is the position of the first.
    pub(super) fn rows(self, logged: &Logged, batch: &RecordBatch, first: Position) -> Result<RecordBatch, ArrowError> {
        let logged_at = logged.logged_at;
        match self.stream {
            Stream::Clicks => self.select(&[Clicks::rows(batch, first, logged_at)?]),
            Stream::Verdicts => Verdicts::rows(batch, first, logged_at),
            Stream::Invoices => Invoices::rows(batch, first, logged_at),
            Stream::Rejected => RejectedEvents::rows_of(logged, batch, first),
        }
    }

    /// The columns of a reader from batches that hold them together, row by row. A column that none of them has was
    /// added later: it is null.
    pub(super) fn select(self, batches: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
        let rows = batches.first().map_or(0, RecordBatch::num_rows);
        let schema = self.schema();
        let column = |field: &Arc<Field>| -> ArrayRef {
            let found = batches.iter().find_map(|batch| batch.column_by_name(field.name()));
            found.map_or_else(|| arrow::array::new_null_array(field.data_type(), rows), Arc::clone)
        };
        let columns: Vec<ArrayRef> = schema.fields().iter().map(column).collect();
        RecordBatch::try_new(schema, columns)
    }

    /// The key of an hour's manifest, as errors name it.
    pub(super) fn manifest_key(self, hour: Hour) -> String {
        ManifestKey { stream: self.stream, hour }.path().to_string()
    }

    /// A sealed hour; `None` if it is not sealed.
    pub(super) async fn hour(self, archive: &Archive, hour: Hour) -> Result<Option<SealedHour>, ArchiveError> {
        match self.stream {
            Stream::Clicks => {
                // The core file comes first; without the personal columns it is all that is read.
                let files = if self.personal { 2 } else { 1 };
                archive.manifest::<Clicks>(hour).await?.map(|manifest| self.of(&manifest, files)).transpose()
            }
            Stream::Verdicts => {
                archive.manifest::<Verdicts>(hour).await?.map(|manifest| self.of(&manifest, 1)).transpose()
            }
            Stream::Invoices => {
                archive.manifest::<Invoices>(hour).await?.map(|manifest| self.of(&manifest, 1)).transpose()
            }
            Stream::Rejected => {
                archive.manifest::<RejectedEvents>(hour).await?.map(|manifest| self.of(&manifest, 1)).transpose()
            }
        }
    }

    fn of<P: Entry>(self, manifest: &Manifest<P>, files: usize) -> Result<SealedHour, ArchiveError> {
        let key = || self.manifest_key(manifest.hour());
        let damaged = |reason: &str| ArchiveError::Damaged { key: key(), reason: reason.to_owned() };
        let seq = |number: u64| Seq::new(number).ok_or_else(|| damaged("a part's frames are out of range"));
        let part = |part: &P| {
            let (first, last) = part.frames();
            let files: Vec<File> = part.files().into_iter().take(files).cloned().collect();
            Ok(SealedPart { first: seq(first)?, last: seq(last)?, rows: part.rows(), files })
        };
        Ok(SealedHour {
            hour: manifest.hour(),
            epoch: manifest.epoch(),
            first: manifest.first_seq(),
            last: manifest.last_seq(),
            digest: manifest.digest().to_string(),
            previous: manifest.previous.clone(),
            chain: manifest.chain_after().ok_or_else(|| damaged("a writer's digest is not readable"))?,
            parts: manifest.parts.iter().map(part).collect::<Result<_, ArchiveError>>()?,
        })
    }
}
