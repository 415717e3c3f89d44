//! How many and how much in the three tiers, and how much of it was judged.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use arrow::array::RecordBatch;
use clicktrail_catalog::{Segment, generations::Generation};
use clicktrail_log::{
    position::{Epoch, Position, Seq},
    time::Hour,
};
use clicktrail_projections::counters::{
    self, hot,
    query::Question,
    tiers::{self, Counted},
};
use clicktrail_replay::{segment, standing::Side};
use clicktrail_verdicts::{coverage::Coverage, kinds::Kinds};

use crate::{counters::Answer, error::Error, moment::At, service::Service};

/// Segments and partials by the kinds of which all events were judged.
struct ByCoverage {
    coverage: Coverage,
    /// The frames of each sealed hour.
    hours: HashMap<Hour, Range<Position>>,
    /// The epoch of frames that are not sealed.
    epoch: Epoch,
    /// The end of the verdicts that the answer counts; `None` if it counts those of the live judge alone.
    before: Option<Position>,
    counted: BTreeMap<Kinds, Counted>,
}

impl ByCoverage {
    fn of(&mut self, frames: &Range<Position>) -> &mut Counted {
        let judged = self.coverage.of(frames, self.before);
        let fresh = || Counted { judged, ..Counted::default() };
        self.counted.entry(judged).or_insert_with(fresh)
    }

    /// A promoted segment counts what was judged before a position, by whatever stage.
    fn add_promoted(&mut self, live: &Segment, knows_before: Option<Position>) {
        let before = self.before;
        self.before = knows_before.or(before);
        self.add_segment(live);
        self.before = before;
    }

    fn add_segment(&mut self, live: &Segment) {
        // A quiet hour's segment has no rows to read.
        if live.rows > 0 {
            let nowhere = Position::new(self.epoch, Seq::ZERO, 0);
            let frames = self.hours.get(&live.hour).cloned().unwrap_or(nowhere..nowhere.plus_rows(1));
            self.of(&frames).segments.push(segment::file(live));
        }
    }

    fn add_open(&mut self, (first, last): (Seq, Seq), rows: Vec<RecordBatch>) {
        let frame = |seq: Seq| Position::new(self.epoch, seq, 0);
        self.of(&(frame(first)..frame(last.next()))).partials.extend(rows);
    }
}

impl Service {
    /// The numbers that count, in tiers: live segments, and what is counted since.
    ///
    /// # Errors
    /// As catalog, archive and engine report.
    pub async fn tiers(&self, question: &Question) -> Result<Answer, Error> {
        let tail = self.tail().await;
        let (first, last) = (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2));
        let snapshot = self.catalog.snapshot(counters::NAME, first, last).await?;
        let mut sources = self.by_coverage(None).await?;
        for (live, pointer) in snapshot.segments.iter().zip(&snapshot.pointers) {
            sources.add_promoted(live, pointer.knows_before);
        }
        for partial in &snapshot.partials {
            let rows = hot::decode_for_questions(&partial.payload)?;
            sources.add_open((partial.first_seq, partial.last_seq), rows);
        }
        let counted = sources.counted.into_values().collect();
        let rows = tiers::ask(question, &self.archive, counted, self.limits).await?;
        Ok(Answer { rows, basis: self.basis(tail, snapshot.marks).await? })
    }

    /// The same with the verdicts and clicks up to `at`, as [`Service::counters_as_of`] does it.
    ///
    /// # Errors
    /// As there.
    pub async fn tiers_as_of(&self, question: &Question, at: At) -> Result<Answer, Error> {
        let tail = self.tail().await;
        let bounds = self.bounds(at, &tail).await?;
        let found = self.as_of().sources(bounds.verdicts_before, bounds.clicks_before).await?;
        let mut sources = self.by_coverage(Some(bounds.verdicts_before)).await?;
        found.segments.iter().for_each(|segment| sources.add_segment(segment));
        let marks = &found.marks;
        if marks.counted_through > marks.sealed_through() {
            let frames = (marks.sealed_through().next(), marks.counted_through);
            sources.add_open(frames, hot::for_questions(&found.rows)?);
        }
        let counted = sources.counted.into_values().collect();
        let rows = tiers::ask(question, &self.archive, counted, self.limits).await?;
        Ok(Answer { rows, basis: self.basis(tail, found.marks).await?.pinned(bounds) })
    }

    /// The tiers of what a generation would count from, or of what counted before it.
    ///
    /// # Errors
    /// As [`Service::counters_of`].
    pub async fn tiers_of(&self, question: &Question, generation: &Generation, side: Side) -> Result<Answer, Error> {
        let (segments, basis) = self.side(generation, side).await?;
        let mut sources = self.by_coverage(None).await?;
        for (segment, knows_before) in &segments {
            sources.add_promoted(segment, *knows_before);
        }
        let counted = sources.counted.into_values().collect();
        let rows = tiers::ask(question, &self.archive, counted, self.limits).await?;
        Ok(Answer { rows, basis })
    }

    async fn by_coverage(&self, before: Option<Position>) -> Result<ByCoverage, Error> {
        let frames = |epoch: Epoch, first: Seq, end: Seq| Position::new(epoch, first, 0)..Position::new(epoch, end, 0);
        let epoch = self.clicks.info().await.map_err(clicktrail_replay::Error::from)?.epoch;
        let mut hours = HashMap::new();
        for hour in self.sealed_hours().await? {
            let epoch = Epoch::new(i64::from(hour.epoch)).unwrap_or(epoch);
            hours.insert(hour.hour, frames(epoch, hour.first_seq, hour.last_seq.next()));
        }
        let coverage = Coverage::read(&self.archive).await?;
        Ok(ByCoverage { coverage, hours, epoch, before, counted: BTreeMap::new() })
    }
}
