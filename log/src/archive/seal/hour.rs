//! One hour in the making: its frames become parts, and these its manifest.
//!
//! Three steps run side by side, each on one part: gathering rows, encoding, storing.

#![expect(clippy::disallowed_methods, reason = "frames are decoded and parts encoded on threads that may block")]

use std::iter::Peekable;

use arrow::array::RecordBatch;
use clicktrail_evidence::sealed::Trees;
use parquet::errors::ParquetError;
use tokio::task::JoinHandle;
use tracing::{debug, error, warn};

use crate::{
    archive::{
        entry::Entry,
        identities::{Fingerprints, Gatherer},
        kind::{EncodedPart, Hashed, Kind, PartRange},
        manifest::{self, EPOCH_ENDS, Manifest},
        seal::{cursor::Cursor, error::Error},
        store::Archive,
        trees::{
            hour::{Growing, is_about_people},
            salts::{NewKey, Salts},
        },
    },
    batch::arrow_bytes,
    chain::{Admission, Chain},
    frame, invariant,
    log::Logged,
    position::{Epoch, Position, Seq},
    schema,
    time::Hour,
};

/// Bytes of rows that are decoded together, if one frame alone has no more.
const DECODED_BYTES: usize = 64 << 20;
/// So many alarms are kept in a manifest, which people read. Of the others it says that there were more.
pub const ALARMS_MAX: usize = 1_000;

/// A part that was encoded, and what the filter holds of it.
type Encoded<K> = Result<(EncodedPart<<K as Kind>::Part>, Option<Fingerprints>), ParquetError>;

/// A part whose files are stored and whose leaves are in the trees.
struct StoredPart<K: Kind> {
    part: K::Part,
    fingerprints: Option<Fingerprints>,
    trees: Growing,
}

/// How an hour is sealed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// A part ends with the frame that brings it to so many rows.
    pub(super) part_rows: usize,
    /// The same for the Arrow bytes of its rows.
    pub(super) part_bytes: usize,
    /// Whether the manifest has trees; without them it is of version 2.
    pub(super) has_trees: bool,
    /// Makes the key of the hour, if there is none.
    pub(super) new_key: NewKey,
}

/// An hour in the making.
pub(super) struct Building<K: Kind> {
    archive: Archive,
    hour: Hour,
    next: Seq,
    chain: Chain,
    /// What the manifest will say; parts are added as they are written.
    manifest: Manifest<K::Part>,
    /// The rows of the part in the making.
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    /// Their Arrow bytes.
    pending_bytes: usize,
    pending_first: Seq,
    /// Rows of all frames that count, by their headers: as many as the parts must hold.
    counted_rows: u64,
    /// The part that is being encoded while the rows of the next are read. At most one, which bounds memory.
    encoding: Option<JoinHandle<Encoded<K>>>,
    /// The encoded part that is being stored while the next is encoded. At most one, too.
    storing: Option<JoinHandle<Result<StoredPart<K>, Error>>>,
    /// Frames at its end that were lost.
    lost: u64,
    /// What the identity filters are made of.
    gatherer: Gatherer,
    /// The trees of the parts so far. While a part is being stored, that has them.
    trees: Option<Growing>,
    /// What the salts of the hour come from, once there is a row that needs one.
    salts: Option<Salts>,
    settings: Settings,
}

impl<K: Kind> Building<K> {
    /// An hour that begins where the cursor stands.
    pub(super) fn new(hour: Hour, epoch: Epoch, cursor: &Cursor, archive: Archive, settings: Settings) -> Self {
        let manifest = Manifest {
            version: if settings.has_trees { manifest::VERSION } else { manifest::VERSION_2 },
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
            trees: None,
            checksum: String::new(),
        };
        Self {
            archive,
            hour,
            next: cursor.next,
            chain: cursor.chain.clone(),
            manifest,
            pending: Vec::new(),
            pending_rows: 0,
            pending_bytes: 0,
            pending_first: cursor.next,
            counted_rows: 0,
            lost: 0,
            encoding: None,
            storing: None,
            gatherer: Gatherer::new(hour),
            trees: Some(Growing::new(K::STREAM)),
            salts: None,
            settings,
        }
    }

    /// The frame that comes next.
    pub(super) fn next(&self) -> Seq {
        self.next
    }

    /// Takes the next frames of the hour, and hands parts on as they fill.
    pub(super) async fn take(&mut self, frames: Vec<Logged>) -> Result<(), Error> {
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
                Admission::Broken(alarm) if K::IS_CUT && alarm.is_late_begin() => {
                    debug!(seq = logged.seq.get(), %alarm, "frames before it left the log unsealed");
                }
                Admission::Broken(alarm) => {
                    error!(seq = logged.seq.get(), %alarm, "the log lost or changed frames");
                    self.keep_alarm(format!("frame {}: {alarm}", logged.seq));
                }
            }
            self.counted_rows += u64::from(logged.frame.header.rows);
            fresh.push(logged);
        }
        self.manifest.frames += fresh.len() as u64;
        let mut fresh = fresh.into_iter().peekable();
        while fresh.peek().is_some() {
            let some = take_some(&mut fresh);
            let decoded = tokio::task::spawn_blocking(move || {
                some.iter().map(|logged| decode::<K>(logged, epoch)).collect::<Result<Vec<_>, _>>()
            });
            for (seq, batch) in decoded.await.map_err(|error| self.failed(&error))?? {
                self.add(seq, batch).await?;
            }
        }
        Ok(())
    }

    /// Adds the rows of a frame to the part in the making, and hands that on once it is full.
    async fn add(&mut self, seq: Seq, batch: RecordBatch) -> Result<(), Error> {
        if self.pending.is_empty() {
            self.pending_first = seq;
        }
        self.pending_rows += batch.num_rows();
        self.pending_bytes += arrow_bytes(&batch);
        self.pending.push(batch);
        if self.pending_rows >= self.settings.part_rows || self.pending_bytes >= self.settings.part_bytes {
            self.flush(seq).await?;
        }
        Ok(())
    }

    /// Ends the hour with the frame `last`, although the log has lost those from the next one on: whoever reads it
    /// later is told.
    pub(super) fn lose_through(&mut self, last: Seq, why: &str) {
        invariant!(I1, last >= self.next.previous(), "frame {last} was lost, and frame {} was read", self.next);
        self.lost = last.next().get() - self.next.get();
        let first = self.next;
        self.keep_alarm(match self.lost {
            0 => format!("{EPOCH_ENDS}: {why}"),
            _ => format!("{EPOCH_ENDS}, and frames {first} to {last} were lost: {why}"),
        });
        self.next = last.next();
    }

    fn keep_alarm(&mut self, alarm: String) {
        let alarms = &mut self.manifest.alarms;
        if alarms.len() < ALARMS_MAX {
            alarms.push(alarm);
        } else if alarms.len() == ALARMS_MAX {
            alarms.push(format!("more than {ALARMS_MAX} alarms: the server's log has the others"));
        }
    }

    /// Has the pending rows encoded, as soon as the part before them is encoded.
    async fn flush(&mut self, last: Seq) -> Result<(), Error> {
        self.store().await?;
        let has_trees = self.settings.has_trees;
        if has_trees && is_about_people(K::STREAM) && self.salts.is_none() {
            self.salts = Some(self.archive.salts(self.hour, self.settings.new_key).await?);
        }
        let key = self.salts.as_ref().map(|salts| salts.key.clone());
        let batches = std::mem::take(&mut self.pending);
        let rows = std::mem::take(&mut self.pending_rows) as u64;
        self.pending_bytes = 0;
        let range = PartRange { hour: self.hour, first: self.pending_first, last };
        invariant!(I3, range.first <= range.last, "a part of frames {}..={}", range.first, range.last);
        self.encoding = Some(tokio::task::spawn_blocking(move || {
            let fingerprints = K::fingerprints(&batches)?;
            let hashed = if has_trees { Hashed::With(key.as_ref()) } else { Hashed::Without };
            let encoded = K::encode(batches, range, hashed)?;
            let expected = (rows, (range.first.get(), range.last.get()));
            let found = (encoded.part.rows(), encoded.part.frames());
            invariant!(I1, found == expected, "a part holds rows and frames {found:?} of {expected:?}");
            Ok((encoded, fingerprints))
        }));
        Ok(())
    }

    /// Waits for the part that is being encoded, and has it stored as soon as the part before it is stored.
    async fn store(&mut self) -> Result<(), Error> {
        let Some(encoding) = self.encoding.take() else { return Ok(()) };
        let encoded = encoding.await.map_err(|error| self.failed(&error))?;
        let (encoded, fingerprints) = encoded.map_err(|error| self.failed(&error))?;
        self.collect().await?;
        let trees = self.trees.take().expect("no part is being stored");
        let stored = store_part::<K>(self.archive.clone(), self.hour, encoded, fingerprints, trees);
        self.storing = Some(tokio::spawn(stored));
        Ok(())
    }

    /// Waits for the part that is being stored, and adds it to the manifest.
    async fn collect(&mut self) -> Result<(), Error> {
        let Some(storing) = self.storing.take() else { return Ok(()) };
        let StoredPart { part, fingerprints, trees } = storing.await.map_err(|error| self.failed(&error))??;
        self.trees = Some(trees);
        if let Some(fingerprints) = fingerprints
            && let Some(filter) = self.gatherer.add(&part, fingerprints).await?
        {
            filter.store(&self.archive).await?;
        }
        self.manifest.rows += part.rows();
        self.manifest.parts.push(part);
        Ok(())
    }

    /// Ends the hour after the last frame taken: its manifest, and the writers' chains at its end.
    pub(super) async fn finish(mut self) -> Result<(Manifest<K::Part>, Chain), Error> {
        self.finish_pending().await?;
        self.store().await?;
        self.collect().await?;
        if self.settings.has_trees {
            self.manifest.trees = Some(self.store_trees().await?);
        }
        // Before the manifest: an hour that exists has its filters, unless an earlier version sealed it.
        if let Some(filter) = self.gatherer.finish().await? {
            filter.store(&self.archive).await?;
        }
        let manifest = &self.manifest;
        invariant!(
            I1,
            manifest.first_seq + manifest.frames + manifest.repeats + self.lost == self.next.get(),
            "frames {}..{} are {} frames, {} repeats and {} that were lost",
            manifest.first_seq,
            self.next,
            manifest.frames,
            manifest.repeats,
            self.lost
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

    async fn finish_pending(&mut self) -> Result<(), Error> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let last = Seq::new(self.next.get() - self.lost).expect("it was read").previous();
        self.flush(last).await
    }

    /// Puts the nodes of the hour's trees, and tells what the manifest says of them.
    async fn store_trees(&mut self) -> Result<Trees, Error> {
        let trees = self.trees.take().expect("no part is being stored").finish();
        let nodes = trees.file(K::STREAM, self.hour);
        let told =
            trees.told(self.salts.take().map(|salts| salts.file), nodes.as_ref().map(|nodes| nodes.file.clone()));
        if let Some(nodes) = nodes {
            self.archive.put_content(&nodes.path, nodes.bytes).await?;
        }
        Ok(told)
    }

    fn failed(&self, error: &dyn std::error::Error) -> Error {
        Error::Part { hour: self.hour, reason: error.to_string() }
    }
}

/// Frames that are decoded together: a frame of one kind of text inflates to hundreds of times what it takes in the
/// log.
fn take_some(frames: &mut Peekable<impl Iterator<Item = Logged>>) -> Vec<Logged> {
    let (mut some, mut bytes) = (Vec::new(), 0);
    while let Some(next) =
        frames.next_if(|next| some.is_empty() || bytes + next.frame.inflated_bytes() <= DECODED_BYTES)
    {
        bytes += next.frame.inflated_bytes();
        some.push(next);
    }
    some
}

fn decode<K: Kind>(logged: &Logged, epoch: Epoch) -> Result<(Seq, RecordBatch), Error> {
    let failed = |source| Error::Frame { seq: logged.seq, source };
    let batch = logged.decode().map_err(failed)?;
    let first = Position::new(epoch, logged.seq, 0);
    let positioned = K::rows_of(logged, &batch, first);
    positioned.map(|batch| (logged.seq, batch)).map_err(|error| failed(frame::Error::Malformed(error.to_string())))
}

/// Puts the files of a part, while its leaves are put into the trees.
async fn store_part<K: Kind>(
    archive: Archive,
    hour: Hour,
    encoded: EncodedPart<K::Part>,
    fingerprints: Option<Fingerprints>,
    mut trees: Growing,
) -> Result<StoredPart<K>, Error> {
    let EncodedPart { part, files, leaves } = encoded;
    let grown = tokio::task::spawn_blocking(move || trees.add(leaves).map(|()| trees));
    for file in files {
        archive.put_content(&file.path, file.bytes).await?;
    }
    let grown = grown.await.map_err(|error| error.to_string()).flatten();
    let trees = grown.map_err(|reason| Error::Part { hour, reason })?;
    Ok(StoredPart { part, fingerprints, trees })
}
