//! Counters as of two positions: with the verdicts before one in the verdict log, and the clicks before one in the
//! click log.
//!
//! All hours are counted by this program's code, so that an answer never mixes two, whatever was promoted since. An
//! hour counts from its live segment if that was made by it, of the whole hour, and knows just those verdicts: one
//! that was sealed knows those of the live judge, one that was promoted all verdicts before a position. Any other hour
//! is projected with the rulings as they stood. That segment stays in the archive under the digest of its input, where
//! the next such question finds it; it counts for nothing else.

use std::{collections::BTreeMap, slice, sync::Arc, time::Duration};

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::Int64Type,
};
use clicktrail_catalog::{self as catalog, Catalog, Marks, SealedHour, Segment, Snapshot, StaleHour};
use clicktrail_log::{
    archive::{self, Archive, clicks::Clicks, keys::ManifestKey},
    log::{self, Log, ReadLimit, Stream},
    position::{Position, Seq},
    schema::POSITION,
    time::Hour,
};
use clicktrail_projections::{Projection, counters, session};
use clicktrail_verdicts::{reader::VerdictReader, rulings::Stages};

use crate::{error::Error, reader::Reader, rulings::HourRulings, segment::Source, stale, unit};

/// Hours that are listed at a time.
const PAGE_HOURS: u32 = 1_000;
const _: () = assert!(PAGE_HOURS > 0, "an empty page would end the list");

/// How often the catalog is looked at again that was rebuilt between two looks. Nobody rebuilds so often.
const LOOKS_MAX: usize = 5;

/// What an answer is counted from.
#[derive(Debug)]
pub struct Sources {
    /// A segment of every sealed hour that has rows.
    pub segments: Vec<Segment>,
    /// Rows of the counters' columns for the frames that are counted and not sealed.
    pub rows: Vec<RecordBatch>,
    /// How many hours do not count from their live segment.
    pub projected: u64,
    /// How far everything goes that was counted.
    pub marks: Marks,
}

/// Everything that a question as of a position needs.
#[derive(Debug, Clone)]
pub struct AsOf {
    /// The click log.
    pub clicks: Arc<dyn Log>,
    /// The archive.
    pub archive: Archive,
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
    /// The verdicts.
    pub history: VerdictReader,
    /// What projecting may use.
    pub limits: session::Limits,
}

impl AsOf {
    /// Counts every hour with the verdicts before `before`, and of it the clicks before `clicks_before` (`None`: all).
    ///
    /// # Errors
    /// As log, archive and catalog report.
    pub async fn sources(&self, before: Position, clicks_before: Option<Position>) -> Result<Sources, Error> {
        let all = (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2));
        let snapshot = followed(&self.history, self.catalog.as_ref(), counters::NAME, all, before).await?;
        let ruled: BTreeMap<Hour, StaleHour> = snapshot.ruled.into_iter().map(|hour| (hour.hour, hour)).collect();
        let reaches = self.reaches(clicks_before).await?;
        let code = counters::code_digest().to_string();
        let mut sources = Sources { segments: Vec::new(), rows: Vec::new(), projected: 0, marks: snapshot.marks };
        for (live, pointer) in snapshot.segments.into_iter().zip(snapshot.pointers) {
            let touched = ruled.get(&live.hour).is_some_and(|hour| tells_apart(hour, pointer.knows_before, before));
            let reach =
                reaches.as_ref().map_or(Reach::Whole, |all| all.get(&live.hour).copied().unwrap_or(Reach::None));
            let is_another = reach == Reach::Cut || live.code_digest != code;
            let segment = match touched || is_another || live.verdicts_before > before.as_i64() {
                _ if reach == Reach::None => continue,
                true => {
                    sources.projected += 1;
                    self.projected(live.hour, before, clicks_before).await?
                }
                false => live,
            };
            if segment.rows > 0 {
                sources.segments.push(segment);
            }
        }
        sources.rows = self.open_rows(&sources.marks, before, clicks_before).await?;
        Ok(sources)
    }

    /// How much of each sealed hour lies before a click, of those that it leaves anything of; `None`: all of all.
    async fn reaches(&self, clicks_before: Option<Position>) -> Result<Option<BTreeMap<Hour, Reach>>, Error> {
        let Some(before) = clicks_before else { return Ok(None) };
        let (mut reaches, mut from) = (BTreeMap::new(), Hour::from_i64(i64::MIN / 2));
        loop {
            let page = self.catalog.list_hours(from, PAGE_HOURS).await?;
            let Some(last) = page.last() else { return Ok(Some(reaches)) };
            from = last.hour.next();
            for hour in &page {
                match Reach::of(hour, before) {
                    Reach::None => return Ok(Some(reaches)),
                    reach => reaches.insert(hour.hour, reach),
                };
            }
        }
    }

    async fn projected(&self, hour: Hour, before: Position, clicks_before: Option<Position>) -> Result<Segment, Error> {
        let key = ManifestKey { stream: Stream::Clicks, hour };
        let missing = || archive::Error::Missing(key.path().to_string());
        let manifest = self.archive.manifest::<Clicks>(hour).await?.ok_or_else(missing)?;
        let rulings = HourRulings::as_of(&self.history, &manifest, before).await?;
        let projection = Projection::counters();
        let clicks_before = clicks_before.and_then(|before| unit::cut(&manifest, before));
        let source = Source {
            archive: &self.archive,
            projection: &projection,
            manifest: &manifest,
            rulings: &rulings,
            clicks_before,
        };
        source.segment(self.limits).await
    }

    async fn open_rows(
        &self,
        marks: &Marks,
        before: Position,
        clicks_before: Option<Position>,
    ) -> Result<Vec<RecordBatch>, Error> {
        let bounds = Bounds { verdicts: before, clicks: clicks_before };
        self.project_open(&Projection::counters(), marks, bounds, Stages::All).await
    }

    /// Projects the frames again that were counted live, behind the last sealed hour. Both ends come from the snapshot:
    /// what was sealed since is not among its segments, and would be counted nowhere.
    pub(crate) async fn project_open(
        &self,
        projection: &Projection,
        marks: &Marks,
        bounds: Bounds,
        stages: Stages,
    ) -> Result<Vec<RecordBatch>, Error> {
        let through = bounds.through(marks.counted_through);
        if through <= marks.sealed_through() {
            return Ok(Vec::new());
        }
        let last_sealed = marks.last_hour.as_ref().map(|last| last.hour);
        let mut reader = Reader::behind_hour(&self.clicks, &self.archive, last_sealed).await?;
        let frame = |seq: Seq| Position::new(reader.epoch(), seq, 0);
        let targets = frame(reader.next())..frame(through.next());
        let rulings = self.history.rulings(targets, bounds.verdicts, stages).await?.to_batch();
        let mut counted = Vec::new();
        while reader.next() <= through {
            let mut frames = self.clicks.read(reader.next(), ReadLimit::waiting(Duration::ZERO)).await?;
            frames.retain(|frame| frame.seq <= through);
            if frames.is_empty() {
                let reason = format!("frame {} is not there yet, though frame {through} was counted", reader.next());
                return Err(log::Error::Unavailable(reason).into());
            }
            let rows = bounds.cut(reader.admit(&frames)?)?;
            counted.extend(projection.project_frames(&rows, slice::from_ref(&rulings), self.limits).await?);
        }
        Ok(counted)
    }
}

/// How much of an hour is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// All of it.
    Whole,
    /// Its first clicks.
    Cut,
    /// Nothing.
    None,
}

impl Reach {
    fn of(hour: &SealedHour, before: Position) -> Self {
        let at = (before.epoch().get(), before.seq(), before.row());
        let first = (hour.epoch, hour.first_seq, 0);
        let end = (hour.epoch, hour.last_seq.next(), 0);
        match (at >= end, at > first) {
            (true, _) => Self::Whole,
            (false, true) => Self::Cut,
            (false, false) => Self::None,
        }
    }
}

/// Up to where frames that are not sealed are counted, and with which verdicts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Verdicts before this position.
    pub(crate) verdicts: Position,
    /// Clicks before this position; `None`: all that are counted.
    pub(crate) clicks: Option<Position>,
}

impl Bounds {
    /// The last frame that has a click within the bounds, of those up to `counted`.
    fn through(&self, counted: Seq) -> Seq {
        let last = self.clicks.map(|before| if before.row() == 0 { before.seq().previous() } else { before.seq() });
        last.map_or(counted, |last| last.min(counted))
    }

    /// Without the rows behind the last click.
    fn cut(&self, rows: Vec<RecordBatch>) -> Result<Vec<RecordBatch>, Error> {
        let Some(before) = self.clicks else { return Ok(rows) };
        let within = |batch: RecordBatch| {
            let column = batch.column_by_name(POSITION).and_then(|column| column.as_primitive_opt::<Int64Type>());
            let positions = column.ok_or_else(|| Error::Incomplete("rows of frames have no positions".to_owned()))?;
            // Rows of a frame come in the order of their positions.
            let count = positions.values().partition_point(|position| *position < before.as_i64());
            Ok(batch.slice(0, count))
        };
        rows.into_iter().map(within).collect()
    }
}

/// Whether a verdict about an hour may lie between what a segment knows and what a question asks for. Then the segment
/// does not answer it. A sealed one (`None`) knows no later ruling at all. Those of an hour are known by the first and
/// the last alone, so an hour may be projected for nothing, to the same answer.
fn tells_apart(ruled: &StaleHour, knows_before: Option<Position>, before: Position) -> bool {
    match knows_before {
        None => ruled.first < before,
        Some(known) => known != before && ruled.first < known.max(before) && ruled.last >= known.min(before),
    }
}

/// What a range of hours (both inclusive) counts from, with the stale hours and the open range: as of one instant, at
/// which every verdict before `before` was followed, and every one that a promoted segment knows. From two instants an
/// hour that was sealed, promoted or rolled back in between would be counted without what was ruled about it.
///
/// # Errors
/// As log, archive and catalog report.
pub async fn followed(
    history: &VerdictReader,
    catalog: &dyn Catalog,
    projection: &str,
    (from, to_inclusive): (Hour, Hour),
    before: Position,
) -> Result<Snapshot, Error> {
    for _ in 0..LOOKS_MAX {
        stale::follow(history, catalog).await?;
        let snapshot = catalog.snapshot(projection, from, to_inclusive).await?;
        // After a rebuild the verdict log is followed from its beginning.
        let known = snapshot.pointers.iter().filter_map(|pointer| pointer.knows_before).max();
        let needed = known.map_or(before, |known| known.max(before));
        // By its number, which goes on from epoch to epoch.
        let followed = Position::new(needed.epoch(), snapshot.marks.followed.next(), 0);
        if followed >= needed {
            return Ok(snapshot);
        }
    }
    Err(catalog::Error::Conflict("it was rebuilt again and again while a question was asked".to_owned()).into())
}

/// All hours of a projection that are stale.
///
/// # Errors
/// As the catalog reports.
pub async fn stale_hours(catalog: &dyn Catalog, projection: &str) -> Result<BTreeMap<Hour, StaleHour>, Error> {
    let mut all = BTreeMap::new();
    let mut from = Hour::from_i64(i64::MIN / 2);
    loop {
        let page = catalog.stale_hours(projection, from, PAGE_HOURS).await?;
        let Some(last) = page.last() else { return Ok(all) };
        from = last.hour.next();
        all.extend(page.into_iter().map(|hour| (hour.hour, hour)));
    }
}

#[cfg(test)]
mod tests {
    use clicktrail_log::position::Epoch;

    use super::*;

    #[test]
    fn a_click_cuts_the_hour_that_it_stands_in_and_leaves_out_the_later_ones() {
        let at = |frame: u64, row: u16| Position::new(Epoch::FIRST, Seq::new(frame).unwrap(), row);
        let hour = SealedHour {
            hour: Hour::from_i64(0),
            epoch: 1,
            first_seq: Seq::new(5).unwrap(),
            last_seq: Seq::new(7).unwrap(),
            rows: 9,
            parts: 1,
            bytes: 1,
            manifest_digest: String::new(),
        };
        for (before, expected) in [
            (at(4, 3), Reach::None),
            (at(5, 0), Reach::None),
            (at(5, 1), Reach::Cut),
            (at(7, 9), Reach::Cut),
            (at(8, 0), Reach::Whole),
        ] {
            assert_eq!(Reach::of(&hour, before), expected, "before {before}");
        }
        let through = |clicks| Bounds { verdicts: at(1, 0), clicks }.through(Seq::new(6).unwrap()).get();
        assert_eq!((through(None), through(Some(at(5, 0))), through(Some(at(5, 1)))), (6, 4, 5));
        assert_eq!(through(Some(at(9, 0))), 6, "no more than is counted");
    }

    #[test]
    fn segment_answers_if_no_verdict_lies_between_what_it_knows_and_the_question() {
        let verdict = |frame: u64| Position::new(Epoch::FIRST, Seq::new(frame).unwrap(), 0);
        let check = |(first, last): (u64, u64), knows: Option<u64>, before: u64, expected: bool| {
            let (first, last) = (verdict(first), verdict(last));
            let ruled = StaleHour { hour: Hour::from_i64(0), first, last, verdicts: 2 };
            let found = tells_apart(&ruled, knows.map(verdict), verdict(before));
            assert_eq!(found, expected, "verdicts {first} to {last}, known before {knows:?}, asked before {before}");
        };
        // Sealed: every later ruling before the question is missing.
        check((5, 5), None, 5, false);
        check((5, 5), None, 6, true);
        // Promoted, and asked about later: what came since is missing.
        check((5, 7), Some(8), 9, false);
        check((5, 7), Some(7), 9, true);
        check((5, 7), Some(7), 7, false);
        check((5, 7), Some(5), 9, true);
        // Promoted, and asked about earlier: it knows what was not known then.
        check((5, 7), Some(8), 5, true);
        check((5, 7), Some(8), 7, true);
        check((5, 7), Some(9), 8, false);
        check((5, 7), Some(4), 3, false);
    }
}
