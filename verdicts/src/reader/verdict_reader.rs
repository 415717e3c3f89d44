//! Questions about verdicts: about some events, what stands, and one page after the other.

use std::{ops::Range, sync::Arc, time::Duration};

use arrow::{
    array::{BooleanArray, RecordBatch},
    compute::filter_record_batch,
    datatypes::Int64Type,
};
use clicktrail_log::{
    archive::{self, Archive, part},
    chain::Chain,
    frame::Digest,
    invariant,
    log::{self, Log, ReadLimit},
    position::{Position, Seq},
    schema::POSITION,
    time::Hour,
};

use super::{
    checkpoints::Checkpoints,
    error::{ABOUT_MAX, Error},
    hours::Hours,
    ruled::{Form, Outlined, Page, Ruled},
    sealed_run::{FrameSource, Tail, touches},
    tail::{admit, decode, unreadable},
};
use crate::{
    archive::Part,
    rulings::{Rulings, Stages},
    schema,
};

/// Reads the verdict log and its archive as one. Clones share what they have learnt of the archive.
#[derive(Debug, Clone)]
pub struct VerdictReader {
    log: Arc<dyn Log>,
    archive: Archive,
    hours: Arc<Hours>,
    checkpoints: Arc<Checkpoints>,
    about_max: usize,
}

impl VerdictReader {
    /// A reader of `log`, which is the verdict stream, and its `archive`.
    pub fn new(log: Arc<dyn Log>, archive: Archive) -> Self {
        let hours = Arc::new(Hours::new(archive.clone()));
        Self { log, archive, hours, checkpoints: Arc::default(), about_max: ABOUT_MAX }
    }

    /// The same that answers with fewer verdicts at a time.
    #[must_use]
    pub fn answering_at_most(self, about_max: usize) -> Self {
        Self { about_max: about_max.min(ABOUT_MAX), ..self }
    }

    /// One past the last verdict: what "as of now" means.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub async fn end(&self) -> Result<Position, Error> {
        let info = self.log.info().await?;
        Ok(Position::new(info.epoch, info.last.next(), 0))
    }

    /// The address of the first verdict of a frame, which may be of an earlier epoch than the log.
    ///
    /// # Errors
    /// [`Error::Log`], [`Error::Archive`].
    pub async fn address(&self, seq: Seq) -> Result<Position, Error> {
        self.hours.follow().await?;
        let epoch = match self.hours.epoch_of(seq).await {
            Some(epoch) => epoch,
            None => self.log.info().await?.epoch,
        };
        Ok(Position::new(epoch, seq, 0))
    }

    /// The digest of a frame's header; `None` if the log does not hold the frame.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub async fn digest_of(&self, seq: Seq) -> Result<Option<Digest>, Error> {
        Ok(log::digest_of(self.log.as_ref(), seq).await?)
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
            if found.len() <= self.about_max {
                found.extend(Ruled::from_batch(&select(batch, &asked, before)?)?);
            }
            Ok(())
        })
        .await?;
        if found.len() > self.about_max {
            return Err(Error::TooMany);
        }
        found.sort_unstable_by_key(|ruled| ruled.position);
        let is_once = found.windows(2).all(|pair| pair[0].position < pair[1].position);
        invariant!(I1, is_once, "a verdict is in the answer twice");
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
            for Outlined { position, outline } in Outlined::from_batch(batch)? {
                rulings.add(position, &outline);
            }
            Ok(())
        })
        .await?;
        Ok(rulings)
    }

    /// The verdicts of the frames from `from` on, archived or not, and the frame to go on from. A page is the rest of
    /// one archived part, or what one reading of the log brings within `limit`. At the end of the log it waits as
    /// `limit` says.
    ///
    /// # Errors
    /// See [`Error`]; [`log::Error::Gap`] if the log never had the frames before `from`.
    pub async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Page, Error> {
        self.read_as(from, limit).await
    }

    /// [`VerdictReader::read`] without the reasons, which are most of what there is to read. Damage in columns that are
    /// not read here, such as reasons and scores, goes unnoticed.
    ///
    /// # Errors
    /// As [`VerdictReader::read`].
    pub async fn read_outlines(&self, from: Seq, limit: ReadLimit) -> Result<Page<Outlined>, Error> {
        self.read_as(from, limit).await
    }

    async fn read_as<F: Form>(&self, from: Seq, limit: ReadLimit) -> Result<Page<F>, Error> {
        let mut next = from.max(Seq::FIRST);
        if !self.hours.is_loaded().await {
            self.hours.follow().await?;
        }
        let mut followed = false;
        loop {
            let tail = match self.hours.source_of(next).await {
                FrameSource::Log(tail) => tail,
                FrameSource::Archive(hour) => {
                    let manifest = self.hours.manifest(hour).await?;
                    match manifest.parts.iter().find(|part| part.last_seq >= next.get()) {
                        Some(part) => return self.read_part(part, next).await,
                        None => next = manifest.last_seq().next(),
                    }
                    continue;
                }
            };
            match self.read_tail(tail.clone(), next, limit).await {
                // The frame was sealed and trimmed since the last look at the archive: look again, once.
                Err(Error::Log(log::Error::Trimmed { .. })) if !followed => {
                    self.hours.follow().await?;
                    followed = true;
                }
                page => return page.map_err(|error| lost(error, &tail)),
            }
        }
    }

    async fn read_part<F: Form>(&self, part: &Part, from: Seq) -> Result<Page<F>, Error> {
        let mut ruled = Vec::new();
        self.visit_part(part, F::columns().as_deref(), &mut |batch| {
            let rows = F::from_batch(batch)?;
            ruled.extend(rows.into_iter().filter(|row| row.position().seq() >= from));
            Ok(())
        })
        .await?;
        ruled.sort_unstable_by_key(Form::position);
        let last = Seq::new(part.last_seq).expect("a manifest's frames are checked when it is read");
        Ok(Page { ruled, next: last.next() })
    }

    async fn read_tail<F: Form>(&self, tail: Tail, from: Seq, limit: ReadLimit) -> Result<Page<F>, Error> {
        let epoch = self.log.info().await?.epoch;
        let mut chain = self.chain_at(tail, from).await?;
        let frames = self.log.read(from, limit).await?;
        let next = frames.last().map_or(from, |last| last.seq.next());
        invariant!(I1, next >= from, "reading from frame {from} led back to {next}");
        let fresh = admit(&mut chain, frames);
        self.checkpoints.add(next, chain);
        let mut ruled = Vec::new();
        for (seq, batch) in decode(fresh, epoch).await? {
            ruled.extend(F::from_batch(&batch).map_err(|error| unreadable(seq, error))?);
        }
        Ok(Page { ruled, next })
    }

    /// The writers' chains before frame `from`, which is not sealed.
    async fn chain_at(&self, tail: Tail, from: Seq) -> Result<Chain, Error> {
        let (mut next, mut chain) = (tail.next, tail.chain);
        if let Some(remembered) = self.checkpoints.last_until(from).filter(|(seq, _)| *seq >= next) {
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

    /// Gives `take` every batch that may hold verdicts about `targets` from before `before`. The batches have the named
    /// columns, or all of [`schema::read`]. They may also hold rows about other targets, and later rows.
    pub(super) async fn visit(
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
        if let Some(archived) = tail.epoch.filter(|epoch| *epoch > info.epoch) {
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

/// Where the log no longer has frames that no manifest names, the manifest is what is missing: makes the error say so.
fn lost(error: Error, tail: &Tail) -> Error {
    match (error, tail.next_manifest) {
        (Error::Log(log::Error::Trimmed { .. }), Some(key)) => archive::Error::Missing(key.path().to_string()).into(),
        (error, _) => error,
    }
}

/// The rows about `targets` that stand before `before` in the verdict log.
fn select(batch: &RecordBatch, targets: &Range<Position>, before: Position) -> Result<RecordBatch, schema::Error> {
    let about = schema::primitive::<Int64Type>(batch, "target")?;
    let positions = schema::primitive::<Int64Type>(batch, POSITION)?;
    let range = targets.start.as_i64()..targets.end.as_i64();
    let rows = about.values().iter().zip(positions.values());
    let wanted: Vec<bool> =
        rows.map(|(target, position)| range.contains(target) && *position < before.as_i64()).collect();
    filter_record_batch(batch, &BooleanArray::from(wanted)).map_err(|error| schema::Error::Columns(error.to_string()))
}
