//! From a range of the log to a sealed hour. Doing it again gives the same bytes.
//!
//! An hour is cut once the clock has passed its end by [`GRACE`]: before the first frame whose logged time is past the
//! end, or after the last frame if there is no such frame. The cut is written in the manifest and never computed
//! again: a frame that comes later with an earlier logged time belongs to the next hour.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use arrow::array::RecordBatch;
use parquet::errors::ParquetError;
use tokio::task::JoinHandle;
use tracing::{error, warn};

use crate::{
    archive::{
        clicks::Clicks,
        entry::Entry,
        keys::ManifestKey,
        kind::{Kind, NewFile, PartRange},
        manifest::{self, Manifest},
        store::{self, Archive},
    },
    chain::{Admission, Chain},
    frame::{self, Digest},
    invariant,
    log::{self, Log, Logged, ReadLimit},
    position::{Epoch, Position, Seq},
    schema,
    time::{Hour, Timestamp},
};

/// How long past an hour's end it stays open for frames that are on their way.
pub const GRACE: Duration = Duration::from_secs(5);

/// Why an hour could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be read.
    #[error("read the log")]
    Log(#[from] log::Error),
    /// The archive did not take the hour, or holds something else.
    #[error("write the archive")]
    Archive(#[from] store::Error),
    /// A frame of the log cannot be decoded. It is not skipped: a person must act.
    #[error("frame {seq} of the log cannot be decoded")]
    Frame {
        /// The frame.
        seq: Seq,
        /// Why.
        #[source]
        source: frame::Error,
    },
    /// The rows could not be written as Parquet.
    #[error("write a part of {hour}: {reason}")]
    Part {
        /// The hour.
        hour: Hour,
        /// Why.
        reason: String,
    },
    /// The log was created anew, but the archive continues another epoch.
    #[error("the log is in epoch {log}, the archive ends in epoch {archive}")]
    Epoch {
        /// The log's.
        log: u8,
        /// The archive's.
        archive: u8,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Log(error) => error.is_transient(),
            Self::Archive(error) => error.is_transient(),
            Self::Frame { .. } | Self::Part { .. } | Self::Epoch { .. } => false,
        }
    }
}

/// Where sealing stands: what the last manifest leaves for the next hour.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// The hour to seal next; `None` before the first frame was ever seen.
    hour: Option<Hour>,
    next: Seq,
    chain: Chain,
    previous: Option<Digest>,
    epoch: Option<Epoch>,
}

impl Cursor {
    /// Before the first hour.
    pub fn start() -> Self {
        Self { hour: None, next: Seq::FIRST, chain: Chain::default(), previous: None, epoch: None }
    }

    /// After the hour of `manifest`; `chain` is the state of the writers' chains at its end.
    fn after(manifest: &Manifest<impl Entry>, chain: Chain) -> Self {
        Self {
            hour: Some(manifest.hour().next()),
            next: manifest.last_seq().next(),
            chain,
            previous: Some(manifest.digest()),
            epoch: Some(manifest.epoch()),
        }
    }

    /// The hour to seal next; `None` before the first frame was ever seen.
    pub fn hour(&self) -> Option<Hour> {
        self.hour
    }

    /// The first frame that is not sealed.
    pub fn next_seq(&self) -> Seq {
        self.next
    }

    /// The state of the writers' chains at this point of the log.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }
}

/// Seals hours of one log, one after the other.
#[derive(Debug)]
pub struct Sealer<K: Kind = Clicks> {
    log: Arc<dyn Log>,
    archive: Archive,
    part_rows: usize,
    kind: PhantomData<K>,
}

impl Sealer {
    /// A sealer of the click log `log` into `archive`.
    pub fn new(log: Arc<dyn Log>, archive: Archive) -> Self {
        Self::of(log, archive)
    }
}

impl<K: Kind> Sealer<K> {
    /// A sealer from `log`, which is the stream of `K`, into `archive`.
    pub fn of(log: Arc<dyn Log>, archive: Archive) -> Self {
        const { assert!(K::PART_ROWS >= frame::ROWS_MAX, "a part holds at least the rows of one frame") };
        Self { log, archive, part_rows: K::PART_ROWS, kind: PhantomData }
    }

    /// The same with smaller parts, for tests of hours that have several.
    #[must_use]
    pub fn with_part_rows(mut self, rows: usize) -> Self {
        self.part_rows = rows.max(1);
        self
    }

    /// Finds where sealing stands, from the last sealed hour (`None`: nothing is sealed yet). It reads that hour's
    /// manifest and none of its frames.
    ///
    /// # Errors
    /// As [`Sealer::seal_next`]; [`store::Error::Missing`] if `last` has no manifest.
    pub async fn resume(&self, last: Option<Hour>) -> Result<Cursor, Error> {
        let Some(hour) = last else { return Ok(Cursor::start()) };
        let key = ManifestKey { stream: K::STREAM, hour };
        let manifest = self.archive.manifest::<K>(hour).await?;
        let manifest = manifest.ok_or_else(|| store::Error::Missing(key.path().to_string()))?;
        let chain = manifest.chain_after().ok_or_else(|| store::Error::Damaged {
            key: key.path().to_string(),
            reason: "a writer's digest is not readable".into(),
        })?;
        let info = self.log.info().await?;
        if info.epoch != manifest.epoch() {
            return Err(Error::Epoch { log: info.epoch.get(), archive: manifest.epoch });
        }
        Ok(Cursor::after(&manifest, chain))
    }

    /// Seals the next hour if it is over at `now`; `None` if it is not, or nothing was ever logged.
    ///
    /// # Errors
    /// See [`Error`]. After any of them the same call may be made again with the same cursor.
    pub async fn seal_next(
        &self,
        cursor: &Cursor,
        now: Timestamp,
    ) -> Result<Option<(Manifest<K::Part>, Cursor)>, Error> {
        let Some(hour) = self.hour_of(cursor).await? else { return Ok(None) };
        let grace = i64::try_from(GRACE.as_micros()).expect("a few seconds");
        if now < hour.end_exclusive().plus_micros(grace) {
            return Ok(None);
        }
        // The hour was sealed before a crash, or by another archiver: its cut stands, and is never computed again.
        if let Some(manifest) = self.archive.manifest::<K>(hour).await? {
            return Self::adopt(manifest, cursor).map(Some);
        }
        let epoch = match cursor.epoch {
            Some(epoch) => epoch,
            None => self.log.info().await?.epoch,
        };
        let mut building = Building::new(hour, epoch, cursor, self);
        loop {
            let frames = self.log.read(building.next, ReadLimit::waiting(Duration::ZERO)).await?;
            let whole = frames.is_empty();
            let before = frames.iter().take_while(|frame| frame.logged_at < hour.end_exclusive()).count();
            let past_end = before < frames.len();
            building.take(frames.into_iter().take(before).collect()).await?;
            if whole || past_end {
                break;
            }
        }
        let (manifest, chain) = building.finish().await?;
        let previous = cursor.previous.map(|digest| digest.to_string());
        invariant!(
            I4,
            manifest.hour() == hour && manifest.first_seq() == cursor.next && manifest.previous == previous,
            "{} from frame {} is about to follow hour {hour} at frame {}",
            manifest.hour,
            manifest.first_seq,
            cursor.next
        );
        let key = ManifestKey { stream: K::STREAM, hour };
        self.archive.create(&key.path(), manifest.to_bytes().into()).await?;
        let after = Cursor::after(&manifest, chain);
        Ok(Some((manifest, after)))
    }

    fn adopt(manifest: Manifest<K::Part>, cursor: &Cursor) -> Result<(Manifest<K::Part>, Cursor), Error> {
        let key = ManifestKey { stream: K::STREAM, hour: manifest.hour() }.path().to_string();
        let chain = manifest.chain_after().filter(|_| manifest.first_seq() == cursor.next);
        let chain = chain.filter(|_| manifest.previous == cursor.previous.map(|digest| digest.to_string()));
        let chain = chain.ok_or(store::Error::Conflict(key))?;
        let after = Cursor::after(&manifest, chain);
        Ok((manifest, after))
    }

    async fn hour_of(&self, cursor: &Cursor) -> Result<Option<Hour>, Error> {
        if cursor.hour.is_some() {
            return Ok(cursor.hour);
        }
        let limit = ReadLimit { frames: 1, bytes: 1, wait: Duration::ZERO };
        let first = self.log.read(cursor.next, limit).await?;
        Ok(first.first().map(|frame| frame.logged_at.hour()))
    }
}

/// A part and the files to put for it.
type EncodedPart<K> = Result<(<K as Kind>::Part, Vec<NewFile>), ParquetError>;

/// An hour in the making.
struct Building<'s, K: Kind> {
    sealer: &'s Sealer<K>,
    hour: Hour,
    next: Seq,
    chain: Chain,
    /// What the manifest will say; parts are added as they are written.
    manifest: Manifest<K::Part>,
    /// The rows of the part in the making.
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    pending_first: Seq,
    /// Rows of all frames that count, by their headers: as many as the parts must hold.
    counted_rows: u64,
    /// The part that is being encoded while the rows of the next are read. At most one, which bounds memory.
    encoding: Option<JoinHandle<EncodedPart<K>>>,
    /// The encoded part that is being stored while the next is encoded. At most one, too.
    storing: Option<JoinHandle<Result<K::Part, Error>>>,
}

impl<'s, K: Kind> Building<'s, K> {
    fn new(hour: Hour, epoch: Epoch, cursor: &Cursor, sealer: &'s Sealer<K>) -> Self {
        let manifest = Manifest {
            version: manifest::VERSION,
            stream: K::STREAM.as_str().to_owned(),
            hour: hour.to_string(),
            epoch: epoch.get(),
            first_seq: cursor.next.get(),
            last_seq: cursor.next.previous().get(),
            frames: 0,
            repeats: 0,
            rows: 0,
            schema_id: schema::id(&K::schema()),
            previous: cursor.previous.map(|digest| digest.to_string()),
            writers: cursor.chain.to_stored(),
            last_frames: Vec::new(),
            alarms: Vec::new(),
            parts: Vec::new(),
            checksum: String::new(),
        };
        Self {
            sealer,
            hour,
            next: cursor.next,
            chain: cursor.chain.clone(),
            manifest,
            pending: Vec::new(),
            pending_rows: 0,
            pending_first: cursor.next,
            counted_rows: 0,
            encoding: None,
            storing: None,
        }
    }

    async fn take(&mut self, frames: Vec<Logged>) -> Result<(), Error> {
        let epoch = Epoch::new(i64::from(self.manifest.epoch)).expect("made from an epoch");
        let mut fresh = Vec::with_capacity(frames.len());
        for logged in frames {
            invariant!(I1, logged.seq == self.next, "after frame {} the log gave {}", self.next.previous(), logged.seq);
            self.next = logged.seq.next();
            match self.chain.admit(&logged.frame.header) {
                Admission::Fresh => {}
                Admission::Repeat => {
                    warn!(
                        seq = logged.seq.get(),
                        frame = logged.frame.header.message_id(),
                        "a repeated frame is dropped"
                    );
                    self.manifest.repeats += 1;
                    continue;
                }
                Admission::Broken(alarm) => {
                    error!(seq = logged.seq.get(), %alarm, "the log lost or changed frames");
                    self.manifest.alarms.push(format!("frame {}: {alarm}", logged.seq));
                }
            }
            self.counted_rows += u64::from(logged.frame.header.rows);
            fresh.push(logged);
        }
        self.manifest.frames += fresh.len() as u64;
        let decoded = tokio::task::spawn_blocking(move || {
            fresh.iter().map(|logged| decode::<K>(logged, epoch)).collect::<Result<Vec<_>, _>>()
        });
        for (seq, batch) in decoded.await.map_err(|error| self.failed(&error))?? {
            if self.pending.is_empty() {
                self.pending_first = seq;
            }
            self.pending_rows += batch.num_rows();
            self.pending.push(batch);
            if self.pending_rows >= self.sealer.part_rows {
                self.flush(seq).await?;
            }
        }
        Ok(())
    }

    /// Has the pending rows encoded, as soon as the part before them is encoded.
    async fn flush(&mut self, last: Seq) -> Result<(), Error> {
        self.store().await?;
        let batches = std::mem::take(&mut self.pending);
        let rows = std::mem::take(&mut self.pending_rows) as u64;
        let range = PartRange { hour: self.hour, first: self.pending_first, last };
        invariant!(I3, range.first <= range.last, "a part of frames {}..={}", range.first, range.last);
        self.encoding = Some(tokio::task::spawn_blocking(move || {
            let (part, files) = K::encode(batches, range)?;
            let expected = (rows, (range.first.get(), range.last.get()));
            let found = (part.rows(), part.frames());
            invariant!(I1, found == expected, "a part holds rows and frames {found:?} of {expected:?}");
            Ok((part, files))
        }));
        Ok(())
    }

    /// Waits for the part that is being encoded, and has it stored as soon as the part before it is stored.
    async fn store(&mut self) -> Result<(), Error> {
        let Some(encoding) = self.encoding.take() else { return Ok(()) };
        let encoded = encoding.await.map_err(|error| self.failed(&error))?;
        let (part, files) = encoded.map_err(|error| self.failed(&error))?;
        self.collect().await?;
        self.storing = Some(tokio::spawn(store_part(self.sealer.archive.clone(), part, files)));
        Ok(())
    }

    /// Waits for the part that is being stored, and adds it to the manifest.
    async fn collect(&mut self) -> Result<(), Error> {
        let Some(storing) = self.storing.take() else { return Ok(()) };
        let part = storing.await.map_err(|error| self.failed(&error))??;
        self.manifest.rows += part.rows();
        self.manifest.parts.push(part);
        Ok(())
    }

    async fn finish(mut self) -> Result<(Manifest<K::Part>, Chain), Error> {
        if !self.pending.is_empty() {
            let last = self.next.previous();
            self.flush(last).await?;
        }
        self.store().await?;
        self.collect().await?;
        let manifest = &self.manifest;
        invariant!(
            I1,
            manifest.first_seq + manifest.frames + manifest.repeats == self.next.get(),
            "frames {}..{} are {} frames and {} repeats",
            manifest.first_seq,
            self.next,
            manifest.frames,
            manifest.repeats
        );
        invariant!(
            I1,
            manifest.rows == self.counted_rows,
            "frames of {} rows became parts of {}",
            self.counted_rows,
            manifest.rows
        );
        self.manifest.last_seq = self.next.previous().get();
        self.manifest.last_frames = self.chain.changed_since(&self.manifest.writers);
        Ok((self.manifest.sealed(), self.chain))
    }

    fn failed(&self, error: &dyn std::error::Error) -> Error {
        Error::Part { hour: self.hour, reason: error.to_string() }
    }
}

fn decode<K: Kind>(logged: &Logged, epoch: Epoch) -> Result<(Seq, RecordBatch), Error> {
    let failed = |source| Error::Frame { seq: logged.seq, source };
    let batch = logged.frame.decode().map_err(failed)?;
    let first = Position::new(epoch, logged.seq, 0);
    let positioned = K::rows(&batch, first, logged.logged_at);
    positioned.map(|batch| (logged.seq, batch)).map_err(|error| failed(frame::Error::Malformed(error.to_string())))
}

async fn store_part<P>(archive: Archive, part: P, files: Vec<NewFile>) -> Result<P, Error> {
    for file in files {
        archive.put_content(&file.path, file.bytes).await?;
    }
    Ok(part)
}
