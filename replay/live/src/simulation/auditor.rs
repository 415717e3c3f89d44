//! Counts everything again by itself, and compares: after every step of a run.
//!
//! It knows two things only: what clients were told, and the frames that the logs hold. It tells repeated frames by
//! their bytes, and repeated events by advertiser, ad and id. Nothing of it goes through the code that it checks, but
//! for the formats of frames, segments and hot partials.

mod counts;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::{
    array::{AsArray as _, RecordBatch},
    compute::cast,
    datatypes::DataType,
};
use bytes::Bytes;
use clicktrail_catalog::{Outcome, SealedHour, Snapshot};
use clicktrail_log::{
    archive::keys::ManifestKey,
    frame::{Digest, Frame},
    log::{Logged, Stream},
    position::{Position, Seq},
    time::Hour,
};
use clicktrail_verdicts::{frames, verdict::Stage};
use futures::FutureExt as _;
use object_store::{ObjectStoreExt as _, memory::InMemory, path::Path};

use self::counts::{Counts, Expected, Row};
use super::{capture::Capture, world::World};

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Auditor {
    /// How many frames of the clicks and of the verdicts.
    seen: [usize; 2],
    /// How many acknowledgements.
    heard: usize,
    frames: BTreeSet<Digest>,
    expected: Expected,
    events: BTreeSet<[String; 3]>,
    /// The attempts that the log holds, and those that it has yet to hold.
    logged: BTreeSet<usize>,
    awaited: BTreeSet<usize>,
    /// Of frames on spools, which attempts they hold.
    spooled: HashMap<Digest, Vec<usize>>,
    ruled: BTreeSet<Position>,
    verdict_frames: BTreeSet<Digest>,
    hours: BTreeMap<Hour, (SealedHour, Bytes)>,
    counts: Counts,
    /// What the catalog held at the last look.
    snapshot: Option<Snapshot>,
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = cast(batch.column_by_name(name).unwrap(), &DataType::Utf8).unwrap();
    column.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()).collect()
}

/// The attempts whose rows a frame holds.
fn attempts(batch: &RecordBatch) -> Vec<usize> {
    texts(batch, "placement_id").iter().map(|text| text.parse().unwrap()).collect()
}

impl Auditor {
    /// Looks at everything; the first thing that does not hold.
    pub(super) fn audit(&mut self, world: &World, captures: &[&Capture]) -> Result<(), String> {
        self.read_clicks(&world.clicks.frames(self.seen[0]))?;
        self.read_verdicts(&world.verdicts.frames(self.seen[1]))?;
        self.acknowledged(world, captures)?;
        let snapshot = self.counts.look(world);
        self.sealed(world, &snapshot)?;
        self.counts.check(world, &snapshot, &mut self.expected)?;
        self.snapshot = Some(snapshot);
        Ok(())
    }

    /// Takes frames of the click log in. A frame that is there already, byte for byte, holds nothing new.
    fn read_clicks(&mut self, frames: &[Logged]) -> Result<(), String> {
        self.seen[0] += frames.len();
        for logged in frames {
            if !self.frames.insert(logged.frame.header.digest()) {
                continue;
            }
            let batch = logged.frame.decode().map_err(|error| format!("frame {}: {error}", logged.seq))?;
            let [advertisers, ads, ids] = ["advertiser_id", "ad_id", "event_id"].map(|name| texts(&batch, name));
            for (row, attempt) in attempts(&batch).into_iter().enumerate() {
                if !self.logged.insert(attempt) {
                    return Err(format!("attempt {attempt} is logged twice, again in frame {}", logged.seq));
                }
                let event = [&advertisers[row], &ads[row], &ids[row]].map(String::clone);
                let is_billable = self.events.insert(event);
                self.expected.push(Row { seq: logged.seq, advertiser: advertisers[row].clone(), is_billable });
            }
        }
        Ok(())
    }

    /// No event gets a second live verdict.
    fn read_verdicts(&mut self, frames: &[Logged]) -> Result<(), String> {
        self.seen[1] += frames.len();
        for logged in frames {
            if !self.verdict_frames.insert(logged.frame.header.digest()) {
                continue;
            }
            let verdicts = frames::from_frame(&logged.frame).map_err(|error| error.to_string())?;
            for verdict in verdicts.iter().filter(|verdict| verdict.stage == Stage::Live) {
                if !self.ruled.insert(verdict.target) {
                    return Err(format!("{} has a second live verdict, in frame {}", verdict.target, logged.seq));
                }
            }
        }
        Ok(())
    }

    /// What was acknowledged is in the log, or on a spool.
    fn acknowledged(&mut self, world: &World, captures: &[&Capture]) -> Result<(), String> {
        let acknowledged = world.ledger.acknowledged(self.heard);
        self.heard += acknowledged.len();
        self.awaited.extend(acknowledged);
        self.awaited.retain(|attempt| !self.logged.contains(attempt));
        if self.awaited.is_empty() {
            return Ok(());
        }
        let held: Vec<Frame> =
            captures.iter().flat_map(|capture| capture.spool().held()).map(|logged| logged.frame).collect();
        let mut spooled = BTreeSet::new();
        for frame in held {
            let digest = frame.header.digest();
            let found = self.spooled.entry(digest).or_insert_with(|| attempts(&frame.decode().unwrap()));
            spooled.extend(found.iter().copied());
        }
        match self.awaited.iter().find(|attempt| !spooled.contains(attempt)) {
            Some(attempt) => Err(format!("attempt {attempt} was acknowledged, and is neither logged nor spooled")),
            None => Ok(()),
        }
    }

    /// Sealed hours follow each other, never change, and were counted live as they were sealed.
    fn sealed(&mut self, world: &World, snapshot: &Snapshot) -> Result<(), String> {
        let catalog = world.catalog();
        // From the last hour that was there before: of a catalog that was put back, hours that were known come again.
        let before = self.snapshot.as_ref().and_then(|before| before.marks.last_hour.as_ref());
        let from = before.map_or(Hour::from_i64(i64::MIN / 2), |last| last.hour);
        let hours = world.bridge.wait(catalog.list_hours(from, 10_000)).map_err(|error| error.to_string())?;
        for hour in hours {
            let path = ManifestKey { stream: Stream::Clicks, hour: hour.hour }.path();
            let Some(manifest) = object(&world.objects, &path) else { return Err(format!("there is no {path}")) };
            if let Some(known) = self.hours.get(&hour.hour) {
                if *known != (hour.clone(), manifest) {
                    return Err(format!("{} was sealed, and changed", hour.hour));
                }
                continue;
            }
            if let Some((last, _)) = self.hours.values().next_back()
                && (last.hour.next(), last.last_seq.next()) != (hour.hour, hour.first_seq)
            {
                return Err(format!("{} does not follow {}", hour.hour, last.hour));
            }
            self.is_cut_right(world, &hour)?;
            self.hours.insert(hour.hour, (hour, manifest));
        }
        if snapshot.marks.holes.is_empty() {
            let compared =
                world.bridge.wait(catalog.reconciliations(from, 10_000)).map_err(|error| error.to_string())?;
            match compared.iter().find(|compared| compared.outcome == Outcome::Different) {
                Some(compared) => {
                    Err(format!("{} differs from what was counted live: {}", compared.hour, compared.detail))
                }
                None => Ok(()),
            }
        } else {
            Err(format!("the catalog lacks {:?}", snapshot.marks.holes))
        }
    }

    /// Where all clocks agree and none runs back, nothing that was logged in an hour stands behind its end.
    fn is_cut_right(&self, world: &World, hour: &SealedHour) -> Result<(), String> {
        let behind = usize::try_from(hour.last_seq.get()).unwrap();
        let is_behind = |logged: &Logged| logged.logged_at < hour.hour.end_exclusive();
        match world.clicks.frames(behind).first().filter(|next| world.toxics.apart == 0 && is_behind(next)) {
            Some(next) => Err(format!("{} was sealed without frame {}, which was logged in it", hour.hour, next.seq)),
            None => Ok(()),
        }
    }

    /// After the end: whatever was acknowledged is logged, and everything that was logged is judged, counted and
    /// sealed.
    pub(super) fn is_at_rest(&self, world: &World) -> Result<(), String> {
        let Some(snapshot) = &self.snapshot else { return Err("nobody has looked yet".to_owned()) };
        let last = world.clicks.last();
        let attempts = world.ledger.attempts();
        if let Some(open) = attempts.iter().position(|attempt| attempt.is_open) {
            return Err(format!("attempt {open} has no answer"));
        }
        let mut acknowledged = attempts.iter().enumerate().filter(|(_, attempt)| attempt.is_acknowledged);
        if let Some((missing, _)) = acknowledged.find(|(attempt, _)| !self.logged.contains(attempt)) {
            return Err(format!("attempt {missing} was acknowledged and is not logged"));
        }
        let marks = &snapshot.marks;
        if (marks.judged.clicks_through, marks.counted_through) != (last, last) {
            return Err(format!("the log ends at {last}, judging and counting stand at {marks:?}"));
        }
        if marks.followed != world.verdicts.last() {
            return Err(format!("verdicts end at {}, followed up to {}", world.verdicts.last(), marks.followed));
        }
        let sealed = marks.last_hour.as_ref().map(|last| last.hour.next());
        if last > Seq::ZERO && sealed != Some(world.now().hour()) {
            return Err(format!("it is {}, and {sealed:?} is the next hour to be sealed", world.now()));
        }
        Ok(())
    }

    /// How much there was to look at: clicks, those that are billed, and sealed hours.
    pub(super) fn size(&self) -> [usize; 3] {
        [
            self.expected.rows().len(),
            self.expected.rows().iter().filter(|row| row.is_billable).count(),
            self.hours.len(),
        ]
    }
}

fn object(objects: &InMemory, path: &Path) -> Option<Bytes> {
    let got = objects.get(path).now_or_never().expect("it is in memory").ok()?;
    got.bytes().now_or_never().expect("it is in memory").ok()
}
