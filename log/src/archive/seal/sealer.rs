//! Seals one hour after the other.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use clicktrail_evidence::salt::HourKey;

use crate::{
    archive::{
        clicks::Clicks,
        keys::ManifestKey,
        kind::Kind,
        manifest::Manifest,
        seal::{
            cursor::Cursor,
            error::Error,
            hour::{Building, Settings},
        },
        store::{self, Archive},
        trees::salts::NewKey,
    },
    frame, invariant,
    log::{Log, Logged, ReadLimit},
    position::{Epoch, Seq},
    time::{Hour, Timestamp},
};

/// How long past an hour's end it stays open for frames that are on their way.
pub const GRACE: Duration = Duration::from_secs(5);

/// How far ahead of the present a frame may be logged. One that is logged later says nothing about the hours: the log's
/// clock was wrong, and it is sealed with the frames around it.
const AHEAD_MAX: Duration = Duration::from_secs(600);

/// Seals hours of one log, one after the other.
#[derive(Debug)]
pub struct Sealer<K: Kind = Clicks> {
    log: Arc<dyn Log>,
    archive: Archive,
    settings: Settings,
    kind: PhantomData<K>,
}

/// A part ends with the frame that brings its rows to so many Arrow bytes. Half a million ordinary rows take most of
/// it. With the largest frame behind it, a part stays far below the 2 GiB of text that a column can hold, and three
/// parts in the making take less than what an hour may (I14).
const PART_BYTES: usize = 224 << 20;
const _: () =
    assert!(PART_BYTES + frame::INFLATED_BYTES_MAX < i32::MAX as usize, "texts of a part have offsets of 31 bits");

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
        let settings = Settings {
            part_rows: K::PART_ROWS,
            part_bytes: PART_BYTES,
            has_trees: true,
            new_key: |_| HourKey::random(),
        };
        Self { log, archive, settings, kind: PhantomData }
    }

    /// The same with smaller parts, for tests of hours that have several.
    #[must_use]
    pub fn with_part_rows(mut self, rows: usize) -> Self {
        self.settings.part_rows = rows.max(1);
        self
    }

    /// The same by the Arrow bytes of their rows.
    #[must_use]
    pub fn with_part_bytes(mut self, bytes: usize) -> Self {
        self.settings.part_bytes = bytes.max(1);
        self
    }

    /// The same with keys that can be foreseen, for tests that compare what several archives hold.
    #[must_use]
    pub fn with_keys(mut self, new_key: NewKey) -> Self {
        self.settings.new_key = new_key;
        self
    }

    /// The same as programs sealed before manifests had trees: for tests of what these left, and for measuring what
    /// trees cost.
    #[must_use]
    pub fn without_trees(mut self) -> Self {
        self.settings.has_trees = false;
        self
    }

    /// Finds where sealing stands, from the last sealed hour (`None`: nothing is sealed yet). It reads that hour's
    /// manifest and none of its frames.
    ///
    /// # Errors
    /// As [`Sealer::seal_next`]; [`store::Error::Missing`] if `last` has no manifest.
    pub async fn resume(&self, last: Option<Hour>) -> Result<Cursor, Error> {
        let cursor = self.stand(last).await?;
        if cursor.hour.is_some() {
            self.epoch_behind(cursor.epoch).await?;
        }
        Ok(cursor)
    }

    /// The same whatever epoch the log is in: it may be an older copy.
    ///
    /// # Errors
    /// As [`Sealer::resume`].
    pub async fn stand(&self, last: Option<Hour>) -> Result<Cursor, Error> {
        let Some(hour) = last else {
            // What left the log before it was archived is not missed.
            let next = if K::IS_CUT { self.log.info().await?.first } else { Seq::FIRST };
            return Ok(Cursor { next, ..Cursor::start() });
        };
        let key = ManifestKey { stream: K::STREAM, hour };
        let manifest = self.archive.manifest::<K>(hour).await?;
        let manifest = manifest.ok_or_else(|| store::Error::Missing(key.path().to_string()))?;
        let chain = manifest.chain_after().ok_or_else(|| store::Error::Damaged {
            key: key.path().to_string(),
            reason: "a writer's digest is not readable".into(),
        })?;
        Ok(Cursor::after(&manifest, chain))
    }

    /// The epoch of the log, which may be a later one than that of the last sealed hour.
    async fn epoch_behind(&self, archived: Option<Epoch>) -> Result<Epoch, Error> {
        let epoch = self.log.info().await?.epoch;
        match archived.filter(|archived| *archived > epoch) {
            Some(archived) => Err(Error::Epoch { log: epoch.get(), archive: archived.get() }),
            None => Ok(epoch),
        }
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
        let Some(hour) = self.hour_of(cursor, now).await? else { return Ok(None) };
        let grace = i64::try_from(GRACE.as_micros()).expect("a few seconds");
        if now < hour.end_exclusive().plus_micros(grace) {
            return Ok(None);
        }
        // The hour was sealed before a crash, or by another archiver: its cut stands, and is never computed again.
        if let Some(manifest) = self.archive.manifest::<K>(hour).await? {
            return Self::adopt(manifest, cursor).map(Some);
        }
        let epoch = self.epoch_behind(cursor.epoch).await?;
        let ends = |frame: &Logged| frame.logged_at >= hour.end_exclusive() && frame.logged_at <= latest(now);
        let mut building = Building::<K>::new(hour, epoch, cursor, self.archive.clone(), self.settings);
        loop {
            let frames = self.log.read(building.next(), ReadLimit::waiting(Duration::ZERO)).await?;
            let whole = frames.is_empty();
            let before = frames.iter().position(ends).unwrap_or(frames.len());
            let past_end = before < frames.len();
            building.take(frames.into_iter().take(before).collect()).await?;
            if whole || past_end {
                break;
            }
        }
        self.put(building, cursor).await.map(Some)
    }

    /// Seals all that the log holds behind the cursor, and ends the hour with the frame `last`, although the log has
    /// lost those before it, or never comes to it: a new epoch begins behind it. The manifest says `why` in an alarm.
    /// What comes in the rest of the hour belongs to the next.
    ///
    /// # Errors
    /// As [`Sealer::seal_next`].
    pub async fn close(
        &self,
        cursor: &Cursor,
        last: Seq,
        why: &str,
        now: Timestamp,
    ) -> Result<(Manifest<K::Part>, Cursor), Error> {
        let info = self.log.info().await?;
        let is_held = info.last >= cursor.next;
        if is_held {
            self.epoch_behind(cursor.epoch).await?;
        }
        let hour = match (cursor.hour, is_held) {
            (Some(hour), _) => hour,
            (None, true) => self.hour_of(cursor, now).await?.unwrap_or(now.hour()),
            (None, false) => now.hour(),
        };
        if let Some(manifest) = self.archive.manifest::<K>(hour).await? {
            return Self::adopt(manifest, cursor);
        }
        let epoch = cursor.epoch.unwrap_or(info.epoch).max(info.epoch);
        let mut building = Building::<K>::new(hour, epoch, cursor, self.archive.clone(), self.settings);
        while building.next() <= info.last {
            let frames = self.log.read(building.next(), ReadLimit::waiting(Duration::ZERO)).await?;
            building.take(frames.into_iter().filter(|frame| frame.seq <= info.last).collect()).await?;
        }
        building.lose_through(last.max(building.next().previous()), why);
        self.put(building, cursor).await
    }

    /// Makes the hour exist.
    async fn put(&self, building: Building<K>, cursor: &Cursor) -> Result<(Manifest<K::Part>, Cursor), Error> {
        let (manifest, chain) = building.finish().await?;
        let (hour, previous) = (manifest.hour(), cursor.previous.map(|digest| digest.to_string()));
        invariant!(
            I4,
            cursor.hour.is_none_or(|next| next == hour)
                && manifest.first_seq() == cursor.next
                && manifest.previous == previous,
            "{} from frame {} is about to follow where {:?} begins with frame {}",
            manifest.hour,
            manifest.first_seq,
            cursor.hour,
            cursor.next
        );
        let key = ManifestKey { stream: K::STREAM, hour };
        self.archive.create(&key.path(), manifest.to_bytes().into()).await?;
        let after = Cursor::after(&manifest, chain);
        Ok((manifest, after))
    }

    /// Goes on after an hour that is sealed already, if its manifest follows where the cursor stands.
    fn adopt(manifest: Manifest<K::Part>, cursor: &Cursor) -> Result<(Manifest<K::Part>, Cursor), Error> {
        let key = ManifestKey { stream: K::STREAM, hour: manifest.hour() }.path().to_string();
        let chain = manifest.chain_after().filter(|_| manifest.first_seq() == cursor.next);
        let chain = chain.filter(|_| manifest.previous == cursor.previous.map(|digest| digest.to_string()));
        let chain = chain.ok_or(store::Error::Conflict(key))?;
        let after = Cursor::after(&manifest, chain);
        Ok((manifest, after))
    }

    /// The hour that comes next: at the very beginning, that of the first frame which is not logged in the future.
    async fn hour_of(&self, cursor: &Cursor, now: Timestamp) -> Result<Option<Hour>, Error> {
        if cursor.hour.is_some() {
            return Ok(cursor.hour);
        }
        let first = self.log.read(cursor.next, ReadLimit::waiting(Duration::ZERO)).await?;
        let sane = first.iter().map(|frame| frame.logged_at).find(|logged_at| *logged_at <= latest(now));
        Ok(sane.map(Timestamp::hour))
    }
}

/// Behind this no frame can be logged yet, unless by a wrong clock.
pub fn latest(now: Timestamp) -> Timestamp {
    now.plus_micros(i64::try_from(AHEAD_MAX.as_micros()).expect("a few minutes"))
}
