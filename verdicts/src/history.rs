//! Reading what was ruled, wherever it lies: sealed hours from the archive, the rest from the verdict log.
//!
//! Every part is compared with its manifest before a row of it counts, and a frame that its writer had logged before
//! counts once, so an answer as of a position of the verdict log is the same whatever was sealed or trimmed meanwhile.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arrow::{
    array::{BooleanArray, RecordBatch},
    compute::filter_record_batch,
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use clicktrail_log::{
    archive::{self, Archive, kind::Kind as _, part},
    chain::{Admission, Chain},
    log::{self, Log, Logged, ReadLimit},
    position::{Epoch, Position, Seq},
    schema::{LOGGED_AT, POSITION},
    time::{Hour, Timestamp},
};

use crate::{
    archive::{Part, Verdicts},
    frames,
    rulings::{Rulings, Stages},
    schema::{self, OUTLINE, Outline, Outlines},
    verdict::Verdict,
};

mod hours;

use hours::{Hours, Place, Tail, touches};

/// Verdicts that [`History::about`] answers with. More: [`Error::TooMany`], and nothing is returned.
const ABOUT_MAX: usize = 1 << 20;
/// Places in the log at which the writers' chains are remembered for those who follow it. One more: the first of them
/// is forgotten, and whoever is there has the headers since the last sealed hour read again.
const CHECKPOINTS_MAX: usize = 8;

/// Why a question about verdicts has no answer, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The verdict log could not be read.
    #[error("read the verdict log")]
    Log(#[from] log::Error),
    /// The archive could not be read, or is not what its manifests say.
    #[error("read the archive of verdicts")]
    Archive(#[from] archive::Error),
    /// A frame of the log cannot be read: it is not skipped, a person must act.
    #[error("frame {seq} of the verdict log cannot be read")]
    Frame {
        /// The frame.
        seq: Seq,
        /// Why.
        #[source]
        source: frames::Error,
    },
    /// The verdict log does not reach that far: ask for an earlier position.
    #[error("the verdict log ends at {end}, before {asked}")]
    Ahead {
        /// The position asked for.
        asked: Position,
        /// One past the last verdict.
        end: Position,
    },
    /// Ask about fewer positions.
    #[error("more than {ABOUT_MAX} verdicts are about these positions")]
    TooMany,
}

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Log(error) => error.is_transient(),
            Self::Archive(error) => error.is_transient(),
            Self::Frame { .. } | Self::Ahead { .. } | Self::TooMany => false,
        }
    }
}

/// A verdict and its place in the verdict log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruled {
    /// Where it stands in the verdict log.
    pub position: Position,
    /// When the log took it.
    pub logged_at: Timestamp,
    /// The verdict.
    pub verdict: Verdict,
}

/// What decides about an event, and its place in the verdict log: a [`Ruled`] without the reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlined {
    /// Where the verdict stands in the verdict log.
    pub position: Position,
    /// What it says.
    pub outline: Outline,
}

impl From<&Ruled> for Outlined {
    fn from(ruled: &Ruled) -> Self {
        Self { position: ruled.position, outline: Outline::of(&ruled.verdict) }
    }
}

/// Consecutive verdicts, as a follower of the log gets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<R = Ruled> {
    /// In the order of the log; none at its end, or where all frames were repeats.
    pub ruled: Vec<R>,
    /// The frame to go on from.
    pub next: Seq,
}

/// The verdict log and its archive as one. Clones share what they have learnt of the archive.
#[derive(Debug, Clone)]
pub struct History {
    log: Arc<dyn Log>,
    archive: Archive,
    hours: Arc<Hours>,
    checkpoints: Arc<Mutex<BTreeMap<Seq, Chain>>>,
}

impl History {
    /// The history in `log`, which is the verdict stream, and `archive`.
    pub fn new(log: Arc<dyn Log>, archive: Archive) -> Self {
        Self { log, archive: archive.clone(), hours: Arc::new(Hours::new(archive)), checkpoints: Arc::default() }
    }

    /// One past the last verdict: what "as of now" means.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub async fn end(&self) -> Result<Position, Error> {
        let info = self.log.info().await?;
        Ok(Position::new(info.epoch, info.last.next(), 0))
    }

    /// The last sealed hour of verdicts: where sealing resumes.
    ///
    /// # Errors
    /// [`Error::Archive`].
    pub async fn last_sealed(&self) -> Result<Option<Hour>, Error> {
        self.hours.follow().await?;
        Ok(self.hours.last().await)
    }

    /// Every verdict about `targets` (half-open) that stands before `before` in the verdict log, in its order.
    ///
    /// # Errors
    /// See [`Error`]. What cannot be read is never left out.
    pub async fn about(&self, targets: Range<Position>, before: Position) -> Result<Vec<Ruled>, Error> {
        let mut found = Vec::new();
        let asked = targets.clone();
        self.visit(&targets, before, None, &mut |batch| {
            if found.len() <= ABOUT_MAX {
                found.extend(Ruled::rows(&select(batch, &asked, before)?)?);
            }
            Ok(())
        })
        .await?;
        if found.len() > ABOUT_MAX {
            return Err(Error::TooMany);
        }
        found.sort_unstable_by_key(|ruled| ruled.position);
        Ok(found)
    }

    /// What stands about `targets` (half-open) by the verdicts of `stages` that stand before `before` in the verdict
    /// log. Reads the few columns that decide it, of the parts that are about these positions.
    ///
    /// # Errors
    /// See [`Error`]. What cannot be read is never left out.
    pub async fn rulings(&self, targets: Range<Position>, before: Position, stages: Stages) -> Result<Rulings, Error> {
        let mut rulings = Rulings::new(targets.clone(), before, stages);
        self.visit(&targets, before, Outlined::columns().as_deref(), &mut |batch| {
            for Outlined { position, outline } in Outlined::rows(batch)? {
                rulings.add(position, &outline);
            }
            Ok(())
        })
        .await?;
        Ok(rulings)
    }

    /// The verdicts of the frames from `from` on, archived or not, and the frame to go on from. A page is the rest of
    /// one archived part, or what one reading of the log brings within `limit`; at the end of the log it waits.
    ///
    /// # Errors
    /// See [`Error`]; [`log::Error::Gap`] if the log never had the frames before `from`.
    pub async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Page, Error> {
        self.read_as(from, limit).await
    }

    /// [`History::read`] without the reasons, which are most of what there is to read. That they are no reasons, or a
    /// score no score, is not noticed here.
    ///
    /// # Errors
    /// As [`History::read`].
    pub async fn read_outlines(&self, from: Seq, limit: ReadLimit) -> Result<Page<Outlined>, Error> {
        self.read_as(from, limit).await
    }

    async fn read_as<R: Row>(&self, from: Seq, limit: ReadLimit) -> Result<Page<R>, Error> {
        let mut next = from.max(Seq::FIRST);
        if !self.hours.is_loaded().await {
            self.hours.follow().await?;
        }
        let mut followed = false;
        loop {
            let tail = match self.hours.place(next).await {
                Place::Tail(tail) => tail,
                Place::Sealed(hour) => {
                    let manifest = self.hours.manifest(hour).await?;
                    match manifest.parts.iter().find(|part| part.last_seq >= next.get()) {
                        Some(part) => return self.read_part(part, next).await,
                        None => next = manifest.last_seq().next(),
                    }
                    continue;
                }
            };
            match self.read_tail(tail.clone(), next, limit).await {
                // Sealed and trimmed since the last look at the archive.
                Err(Error::Log(log::Error::Trimmed { .. })) if !followed => {
                    self.hours.follow().await?;
                    followed = true;
                }
                page => return page.map_err(|error| lost(error, &tail)),
            }
        }
    }

    async fn read_part<R: Row>(&self, part: &Part, from: Seq) -> Result<Page<R>, Error> {
        let mut ruled = Vec::new();
        self.visit_part(part, R::columns().as_deref(), &mut |batch| {
            let rows = R::rows(batch)?;
            ruled.extend(rows.into_iter().filter(|row| row.position().seq() >= from));
            Ok(())
        })
        .await?;
        ruled.sort_unstable_by_key(Row::position);
        let last = Seq::new(part.last_seq).expect("a manifest's frames are checked when it is read");
        Ok(Page { ruled, next: last.next() })
    }

    async fn read_tail<R: Row>(&self, tail: Tail, from: Seq, limit: ReadLimit) -> Result<Page<R>, Error> {
        let epoch = match tail.epoch {
            Some(epoch) => epoch,
            None => self.log.info().await?.epoch,
        };
        let mut chain = self.chain_at(tail, from).await?;
        let frames = self.log.read(from, limit).await?;
        let next = frames.last().map_or(from, |last| last.seq.next());
        let fresh = admit(&mut chain, frames);
        self.remember(next, chain);
        let mut ruled = Vec::new();
        for (seq, batch) in decode(fresh, epoch).await? {
            ruled.extend(R::rows(&batch).map_err(|error| unreadable(seq, error))?);
        }
        Ok(Page { ruled, next })
    }

    /// The writers' chains before frame `from`, which is not sealed.
    async fn chain_at(&self, tail: Tail, from: Seq) -> Result<Chain, Error> {
        let (mut next, mut chain) = (tail.next, tail.chain);
        let checkpoint = {
            let checkpoints = self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner);
            checkpoints.range(..=from).next_back().map(|(seq, chain)| (*seq, chain.clone()))
        };
        if let Some(remembered) = checkpoint.filter(|(seq, _)| *seq >= next) {
            (next, chain) = remembered;
        }
        while next < from {
            let frames = self.log.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
            let Some(last) = frames.last().map(|last| last.seq) else { break };
            admit(&mut chain, frames.into_iter().filter(|logged| logged.seq < from));
            next = last.next();
        }
        Ok(chain)
    }

    fn remember(&self, next: Seq, chain: Chain) {
        let mut checkpoints = self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner);
        checkpoints.insert(next, chain);
        while checkpoints.len() > CHECKPOINTS_MAX {
            checkpoints.pop_first();
        }
    }

    /// Shows `take` every batch that may hold verdicts about `targets` before `before`, with `position` among its
    /// columns: those named, or all of [`schema::read`]. Rows about other targets and later ones may be among them.
    async fn visit(
        &self,
        targets: &Range<Position>,
        before: Position,
        columns: Option<&[&str]>,
        take: &mut (impl FnMut(&RecordBatch) -> Result<(), schema::Error> + Send),
    ) -> Result<(), Error> {
        self.hours.follow().await?;
        let (hours, tail) = self.hours.touching(targets, before).await;
        for hour in hours {
            let manifest = self.hours.manifest(hour).await?;
            let begins = |part: &&Part| {
                let first = Seq::new(part.first_seq).expect("a manifest's frames are checked when it is read");
                Position::new(manifest.epoch(), first, 0) < before
            };
            let touching = |part: &&Part| touches((part.target_min, part.target_max), targets);
            for part in manifest.parts.iter().filter(begins).filter(touching) {
                self.visit_part(part, columns, take).await?;
            }
        }
        self.visit_tail(tail.clone(), before, take).await.map_err(|error| lost(error, &tail))
    }

    async fn visit_part(
        &self,
        part: &Part,
        columns: Option<&[&str]>,
        take: &mut (impl FnMut(&RecordBatch) -> Result<(), schema::Error> + Send),
    ) -> Result<(), Error> {
        let bytes = self.archive.get_file(&part.file).await?;
        let damaged = |error: &dyn std::fmt::Display| archive::Error::Damaged {
            key: part.file.key.clone(),
            reason: error.to_string(),
        };
        for batch in part::read(bytes, columns).map_err(|error| damaged(&error))? {
            let batch = batch.map_err(|error| damaged(&error))?;
            take(&batch).map_err(|error| damaged(&error))?;
        }
        Ok(())
    }

    async fn visit_tail(
        &self,
        tail: Tail,
        before: Position,
        take: &mut (impl FnMut(&RecordBatch) -> Result<(), schema::Error> + Send),
    ) -> Result<(), Error> {
        let (mut next, mut chain) = (tail.next, tail.chain);
        if tail.epoch.is_some_and(|epoch| before <= Position::new(epoch, next, 0)) {
            return Ok(());
        }
        let info = self.log.info().await?;
        if let Some(archived) = tail.epoch.filter(|epoch| *epoch != info.epoch) {
            let (log, archive) = (info.epoch.get(), archived.get());
            let reason = format!("the verdict log is in epoch {log}, its archive ends in epoch {archive}");
            return Err(log::Error::Fatal(reason).into());
        }
        let end = Position::new(info.epoch, info.last.next(), 0);
        if before > end {
            return Err(Error::Ahead { asked: before, end });
        }
        while Position::new(info.epoch, next, 0) < before {
            let frames = self.log.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
            let Some(last) = frames.last().map(|last| last.seq) else {
                let reason = format!("frame {next} is not there yet, though the log ends at {end}");
                return Err(log::Error::Unavailable(reason).into());
            };
            next = last.next();
            let asked = frames.into_iter().filter(|logged| Position::new(info.epoch, logged.seq, 0) < before);
            let fresh = admit(&mut chain, asked);
            for (seq, batch) in decode(fresh, info.epoch).await? {
                take(&batch).map_err(|error| unreadable(seq, error))?;
            }
        }
        Ok(())
    }
}

/// Frames that the log no longer has and no manifest names are missing from the archive: says which manifest.
fn lost(error: Error, tail: &Tail) -> Error {
    match (error, tail.next_manifest) {
        (Error::Log(log::Error::Trimmed { .. }), Some(key)) => archive::Error::Missing(key.path().to_string()).into(),
        (error, _) => error,
    }
}

/// The frames that count.
fn admit(chain: &mut Chain, frames: impl IntoIterator<Item = Logged>) -> Vec<Logged> {
    let counts = |logged: &Logged| match chain.admit(&logged.frame.header) {
        // What is wrong with a chain is raised once, when its hour is sealed.
        Admission::Fresh | Admission::Broken(_) => true,
        Admission::Repeat => false,
    };
    frames.into_iter().filter(counts).collect()
}

/// Frames as batches of [`schema::read`] columns, off the threads that serve others.
async fn decode(frames: Vec<Logged>, epoch: Epoch) -> Result<Vec<(Seq, RecordBatch)>, Error> {
    if frames.is_empty() {
        return Ok(Vec::new());
    }
    let decoded = tokio::task::spawn_blocking(move || {
        frames.iter().map(|logged| decode_one(logged, epoch)).collect::<Result<Vec<_>, _>>()
    });
    decoded.await.map_err(|error| log::Error::Unavailable(format!("decode frames: {error}")))?
}

fn decode_one(logged: &Logged, epoch: Epoch) -> Result<(Seq, RecordBatch), Error> {
    let failed = |source: frames::Error| Error::Frame { seq: logged.seq, source };
    let batch = logged.frame.decode().map_err(|error| failed(error.into()))?;
    let first = Position::new(epoch, logged.seq, 0);
    let rows = Verdicts::rows(&batch, first, logged.logged_at);
    let rows = rows.map_err(|error| failed(schema::Error::Columns(error.to_string()).into()))?;
    Ok((logged.seq, rows))
}

fn unreadable(seq: Seq, error: schema::Error) -> Error {
    Error::Frame { seq, source: error.into() }
}

fn position_of(row: usize, value: i64) -> Result<Position, schema::Error> {
    let failed = || schema::Error::Row { row, reason: format!("{POSITION} {value} is no position") };
    Position::from_i64(value).ok_or_else(failed)
}

/// The rows about `targets` that stand before `before`.
fn select(batch: &RecordBatch, targets: &Range<Position>, before: Position) -> Result<RecordBatch, schema::Error> {
    let about = schema::primitive::<Int64Type>(batch, "target")?;
    let positions = schema::primitive::<Int64Type>(batch, POSITION)?;
    let range = targets.start.as_i64()..targets.end.as_i64();
    let rows = about.values().iter().zip(positions.values());
    let wanted: Vec<bool> =
        rows.map(|(target, position)| range.contains(target) && *position < before.as_i64()).collect();
    filter_record_batch(batch, &BooleanArray::from(wanted)).map_err(|error| schema::Error::Columns(error.to_string()))
}

/// What a reader wants of a verdict.
trait Row: Sized + Send {
    /// The columns that it is made of; `None` for all of [`schema::read`].
    fn columns() -> Option<Vec<&'static str>>;

    /// The rows of a batch that has these columns.
    fn rows(batch: &RecordBatch) -> Result<Vec<Self>, schema::Error>;

    /// Where it stands in the verdict log.
    fn position(&self) -> Position;
}

impl Row for Ruled {
    fn columns() -> Option<Vec<&'static str>> {
        None
    }

    fn rows(batch: &RecordBatch) -> Result<Vec<Self>, schema::Error> {
        let logged = schema::primitive::<TimestampMicrosecondType>(batch, LOGGED_AT)?;
        let verdicts = schema::from_batch(batch)?;
        let places = positions(batch)?.zip(logged.values());
        let ruled = places.zip(verdicts).map(|((position, logged_at), verdict)| {
            Ok(Self { position: position?, logged_at: Timestamp::from_micros(*logged_at), verdict })
        });
        ruled.collect()
    }

    fn position(&self) -> Position {
        self.position
    }
}

impl Row for Outlined {
    fn columns() -> Option<Vec<&'static str>> {
        Some([POSITION].into_iter().chain(OUTLINE).collect())
    }

    fn rows(batch: &RecordBatch) -> Result<Vec<Self>, schema::Error> {
        let outlines = Outlines::of(batch)?;
        let rows = positions(batch)?.enumerate();
        rows.map(|(row, position)| Ok(Self { position: position?, outline: outlines.row(row)? })).collect()
    }

    fn position(&self) -> Position {
        self.position
    }
}

fn positions(batch: &RecordBatch) -> Result<impl Iterator<Item = Result<Position, schema::Error>>, schema::Error> {
    let positions = schema::primitive::<Int64Type>(batch, POSITION)?.values().iter().enumerate();
    Ok(positions.map(|(row, position)| position_of(row, *position)))
}

#[cfg(test)]
mod tests;
