//! Click rows in log order: sealed hours from the archive, what comes after them from the log.
//!
//! The parts of an hour are in log order, but the rows of a part are sorted by advertiser. Each part is put back into
//! the order of its positions, so the judge sees the same rows in the same order, whether they come from the log or
//! years later from the archive.

#![expect(clippy::disallowed_methods, reason = "parts are decoded on a thread that may block")]

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock},
    time::Duration,
};

use arrow::{
    array::{ArrayRef, AsArray as _, RecordBatch, UInt32Array},
    compute::{concat_batches, take_record_batch},
    datatypes::{Int64Type, Schema, SchemaRef},
};
use clicktrail_log::{
    archive::{
        self, Archive, Manifest, clicks::Clicks, keys::ManifestKey, manifest, part, redaction::columns as redaction,
    },
    chain::{Admission, Chain},
    frame::Digest,
    log::{self, Log, Logged, ReadLimit, Stream},
    position::{Epoch, Position, Seq},
    schema,
    time::{Hour, Timestamp},
};
use tracing::{error, warn};

use super::error::Error;

/// What judging reads of an event, in the order of the columns. Some stand in the core file, some in the personal one:
/// which, depends on the layout of the part.
const COLUMNS: [&str; 17] = [
    "position",
    "logged_at",
    "event_id",
    "kind",
    "event_time",
    "advertiser_id",
    "campaign_id",
    "ad_id",
    "user_id",
    "device_type",
    "os",
    "price_micros",
    "currency",
    "click_event_id",
    "extra",
    "ip",
    "user_agent",
];

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let read = schema::read();
    let field = |name: &&str| read.field_with_name(name).expect("a column of the read schema").clone();
    Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>()))
});

/// Rows of whole frames, in log order.
#[derive(Debug)]
pub struct Rows {
    /// The columns that judging reads, named as in [`schema::read`]. Positions ascend.
    pub batch: RecordBatch,
    /// The last frame that they cover.
    pub through: Seq,
    /// The positions of those whose personal columns were erased, ascending: they read as null.
    pub erased: Vec<i64>,
}

impl Rows {
    /// The frame of the first row; `None` without rows.
    pub(super) fn first_frame(&self) -> Option<Seq> {
        let positions = self.batch.column(0).as_primitive::<Int64Type>().values();
        positions.first().and_then(|position| Position::from_i64(*position)).map(Position::seq)
    }
}

/// Reads click rows, beginning with the first of an hour.
#[derive(Debug)]
pub struct ClickRows {
    clicks: Arc<dyn Log>,
    archive: Archive,
    epoch: Epoch,
    /// Parts of sealed hours that are still to be read. With each the frame up to which everything is read once it is:
    /// repeated frames and frames of quiet stretches have no rows in any part.
    parts: VecDeque<(manifest::Part, Seq)>,
    /// The first frame behind the last sealed hour, from which the log is read, and the writers' chains before it.
    next: Seq,
    chain: Chain,
    /// The last frame that was read of the log: a log that holds another in its place is not the one that was read.
    last: Option<(Seq, Digest)>,
}

impl ClickRows {
    /// Opens a reader that misses no frame logged at `from` or later: it begins with the first sealed hour from then
    /// on, or where the log begins to be unsealed. With `None` it begins at the beginning of the log.
    ///
    /// # Errors
    /// As log and archive report.
    pub async fn open(clicks: Arc<dyn Log>, archive: Archive, from: Option<Timestamp>) -> Result<Self, Error> {
        let epoch = clicks.info().await?.epoch;
        let first_hour = from.map_or(Hour::from_i64(i64::MIN), Timestamp::hour);
        let mut rows = Self {
            clicks,
            archive: archive.clone(),
            epoch,
            parts: VecDeque::new(),
            next: Seq::FIRST,
            chain: Chain::default(),
            last: None,
        };
        let hours = archive.sealed_hours(Stream::Clicks).await?;
        // The hour before the first one is passed without being read: its manifest says where the next frame is.
        let skipped = hours.partition_point(|hour| *hour < first_hour).saturating_sub(1);
        for hour in &hours[skipped..] {
            let manifest = manifest_of(&archive, *hour).await?;
            rows.pass(&manifest, *hour >= first_hour)?;
        }
        Ok(rows)
    }

    /// A reader of these sealed hours alone.
    pub(crate) fn of_hours(clicks: Arc<dyn Log>, archive: Archive, epoch: Epoch, hours: &[Manifest]) -> Self {
        let parts = hours.iter().flat_map(parts_of).collect();
        Self { clicks, archive, epoch, parts, next: Seq::MAX, chain: Chain::default(), last: None }
    }

    fn pass(&mut self, manifest: &Manifest, reads: bool) -> Result<(), Error> {
        if reads {
            self.parts.extend(parts_of(manifest));
        }
        self.next = manifest.last_seq().next();
        self.chain = manifest.chain_after().ok_or_else(|| {
            let key = ManifestKey { stream: Stream::Clicks, hour: manifest.hour() }.path().to_string();
            archive::Error::Damaged { key, reason: "a writer's digest is not one".into() }
        })?;
        Ok(())
    }

    /// The last frame of all that was read; nothing while parts are left.
    pub(super) fn read_through(&self) -> Seq {
        if self.parts.is_empty() && self.next != Seq::MAX { self.next.previous() } else { Seq::ZERO }
    }

    /// Whether the log still holds the last frame that was read of it, or trimmed it.
    ///
    /// # Errors
    /// As the log reports.
    pub(super) async fn are_in_log(&self) -> Result<bool, Error> {
        let info = self.clicks.info().await?;
        let Some((seq, digest)) = self.last else { return Ok(info.epoch == self.epoch) };
        let held = log::digest_of(self.clicks.as_ref(), seq).await?;
        Ok(info.epoch == self.epoch && held.map_or(seq < info.first, |held| held == digest))
    }

    /// The next rows: those of an archived part, or of the frames that come within `wait`. `None` if none came.
    ///
    /// # Errors
    /// A part or frame that is missing or damaged, by name; log or archive out of reach.
    pub async fn next(&mut self, wait: Duration) -> Result<Option<Rows>, Error> {
        if let Some((part, through)) = self.parts.front() {
            let (through, OfPart { batch, erased }) = (*through, read_part(&self.archive, part).await?);
            self.parts.pop_front();
            return Ok(Some(Rows { batch, through, erased }));
        }
        if self.next == Seq::MAX {
            return Ok(None);
        }
        let frames = self.clicks.read(self.next, ReadLimit::waiting(wait)).await?;
        let Some(last) = frames.last() else { return Ok(None) };
        let (through, digest) = (last.seq, last.frame.header.digest());
        let batches = frames.iter().map(|frame| self.admit(frame)).collect::<Result<Vec<_>, _>>()?;
        (self.next, self.last) = (through.next(), Some((through, digest)));
        let batch = concat_batches(&SCHEMA, batches.iter().flatten()).map_err(Error::Rows)?;
        Ok(Some(Rows { batch, through, erased: Vec::new() }))
    }

    /// The rows of a frame; `None` if it repeats an earlier one.
    fn admit(&mut self, logged: &Logged) -> Result<Option<RecordBatch>, Error> {
        match self.chain.admit(&logged.frame.header) {
            Admission::Fresh => {}
            Admission::Repeat => {
                warn!(seq = logged.seq.get(), "a repeated frame is not judged again");
                return Ok(None);
            }
            Admission::Broken(alarm) => error!(seq = logged.seq.get(), %alarm, "the log lost or changed frames"),
        }
        let failed = |source| Error::Frame { seq: logged.seq, source };
        let batch = logged.decode().map_err(failed)?;
        let first = Position::new(self.epoch, logged.seq, 0);
        let batch = part::with_position(&batch, first, logged.logged_at).map_err(Error::Rows)?;
        select(&batch).map(Some).map_err(Error::Rows)
    }
}

/// The parts of an hour, each with the last frame that is read with it.
fn parts_of(manifest: &Manifest) -> Vec<(manifest::Part, Seq)> {
    let parts = &manifest.parts;
    let through = |index: usize| match parts.get(index + 1) {
        Some(next) => Seq::new(next.first_seq).map_or(manifest.last_seq(), Seq::previous),
        None => manifest.last_seq(),
    };
    parts.iter().enumerate().map(|(index, part)| (part.clone(), through(index))).collect()
}

/// The manifest of an hour that is known to be sealed.
pub(crate) async fn manifest_of(archive: &Archive, hour: Hour) -> Result<Manifest, archive::Error> {
    let key = ManifestKey { stream: Stream::Clicks, hour };
    archive.manifest::<Clicks>(hour).await?.ok_or_else(|| archive::Error::Missing(key.path().to_string()))
}

fn select(batch: &RecordBatch) -> Result<RecordBatch, arrow::error::ArrowError> {
    let columns: Vec<usize> =
        SCHEMA.fields().iter().map(|field| batch.schema().index_of(field.name())).collect::<Result<_, _>>()?;
    batch.project(&columns)
}

/// The rows of a part.
#[derive(Debug)]
pub(super) struct OfPart {
    /// In log order.
    pub(super) batch: RecordBatch,
    /// The positions of those whose personal columns were erased, ascending.
    pub(super) erased: Vec<i64>,
}

/// The rows of a part, in log order.
pub(super) async fn read_part(archive: &Archive, part: &manifest::Part) -> Result<OfPart, Error> {
    let (core, personal) = (archive.get_file(&part.core).await?, archive.get_file(&part.personal).await?);
    let part = part.clone();
    let read = tokio::task::spawn_blocking(move || {
        let damaged = |file: &manifest::File, reason: String| {
            Error::Archive(archive::Error::Damaged { key: file.key.clone(), reason })
        };
        let columns = |bytes, wanted: fn(&&str) -> bool, file: &manifest::File| {
            let reader = part::read_those(bytes, wanted).map_err(|error| damaged(file, error.to_string()))?;
            let schema = arrow::array::RecordBatchReader::schema(&reader);
            let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|error| damaged(file, error.to_string()))?;
            concat_batches(&schema, &batches).map_err(Error::Rows)
        };
        let core_rows = columns(core, |name| COLUMNS.contains(name), &part.core)?;
        let of_personal: fn(&&str) -> bool =
            |name| *name != schema::POSITION && COLUMNS.contains(name) || *name == redaction::ERASED;
        let personal_rows = columns(personal, of_personal, &part.personal)?;
        if core_rows.num_rows() != personal_rows.num_rows() {
            let reason = format!("it has {} rows, the core file {}", personal_rows.num_rows(), core_rows.num_rows());
            return Err(damaged(&part.personal, reason));
        }
        let erased = erased(&core_rows, &personal_rows);
        Ok(OfPart { batch: in_log_order(&core_rows, &personal_rows).map_err(Error::Rows)?, erased })
    });
    read.await.map_err(|error| Error::Stopped(error.to_string()))?
}

/// The positions of rows whose personal columns were erased, ascending.
fn erased(core: &RecordBatch, personal: &RecordBatch) -> Vec<i64> {
    let erased = personal.column_by_name(redaction::ERASED).and_then(|column| column.as_boolean_opt());
    let positions = core.column_by_name(schema::POSITION).and_then(|column| column.as_primitive_opt::<Int64Type>());
    let (Some(erased), Some(positions)) = (erased, positions) else { return Vec::new() };
    let found = positions.values().iter().enumerate().filter(|(row, _)| erased.value(*row));
    let mut found: Vec<i64> = found.map(|(_, position)| *position).collect();
    found.sort_unstable();
    found
}

fn in_log_order(core: &RecordBatch, personal: &RecordBatch) -> Result<RecordBatch, arrow::error::ArrowError> {
    let column = |name: &str| -> Result<ArrayRef, arrow::error::ArrowError> {
        let found = core.column_by_name(name).or_else(|| personal.column_by_name(name));
        let missing = || arrow::error::ArrowError::SchemaError(format!("a part lacks the column {name}"));
        found.map(Arc::clone).ok_or_else(missing)
    };
    let columns = SCHEMA.fields().iter().map(|field| column(field.name())).collect::<Result<Vec<_>, _>>()?;
    let batch = RecordBatch::try_new(Arc::clone(&SCHEMA), columns)?;
    let positions = batch.column(0).as_primitive::<Int64Type>();
    let rows = u32::try_from(batch.num_rows()).expect("a part has far fewer rows than 2^32");
    let mut order: Vec<u32> = (0..rows).collect();
    order.sort_unstable_by_key(|row| positions.value(*row as usize));
    take_record_batch(&batch, &UInt32Array::from(order))
}
