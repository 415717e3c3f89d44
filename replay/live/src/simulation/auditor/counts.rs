//! What the catalog counts, and what was logged, added up for each advertiser.
//!
//! What cannot have changed since the last look is not added up again: a run of a month has thousands of looks.

use std::collections::{BTreeMap, HashMap};

use arrow::{
    array::{Array as _, AsArray as _, RecordBatch},
    datatypes::{Decimal128Type, Int64Type},
};
use bytes::Bytes;
use clicktrail_catalog::{SealedHour, Snapshot};
use clicktrail_log::{position::Seq, time::Hour};
use clicktrail_projections::counters;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{super::clients::PRICE, object, texts};
use crate::simulation::world::World;

/// Clicks, those that are billed, and what they cost, by advertiser.
pub(super) type Totals = BTreeMap<String, (i64, i64, i128)>;

/// So many sealed hours are added up again at every look; those before whenever another hour was sealed.
const HOURS_AGAIN: i64 = 24;

/// A click of the log, each once.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) seq: Seq,
    pub(super) advertiser: String,
    pub(super) is_billable: bool,
}

/// What was logged.
#[derive(Debug, Default)]
pub(super) struct Expected {
    rows: Vec<Row>,
    /// So many rows from the first on, and what they add up to.
    added: (usize, Totals),
}

impl Expected {
    pub(super) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// What the rows of frames up to `through` add up to. It goes back only when a catalog was put back.
    fn through(&mut self, through: Seq) -> &Totals {
        let end = self.rows.partition_point(|row| row.seq <= through);
        if end < self.added.0 {
            self.added = Default::default();
        }
        let (added, totals) = &mut self.added;
        for row in &self.rows[*added..end] {
            let billable = i64::from(row.is_billable);
            add_one(totals, &row.advertiser, (1, billable, i128::from(PRICE) * i128::from(billable)));
        }
        *added = end;
        totals
    }
}

/// The hours that need not be added up again before the next one is sealed.
#[derive(Debug)]
struct Settled {
    last: Option<SealedHour>,
    before: Hour,
    totals: Totals,
}

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    segments: HashMap<String, Totals>,
    /// Of the partials that there were at the last look, by their bytes.
    partials: HashMap<Bytes, Totals>,
    settled: Option<Settled>,
}

impl Counts {
    /// What the catalog holds of every hour that has to be added up.
    pub(super) fn look(&mut self, world: &World) -> Snapshot {
        if let Some(settled) = self.settled.take() {
            let snapshot = snapshot(world, settled.before);
            if snapshot.marks.last_hour == settled.last {
                self.settled = Some(settled);
                return snapshot;
            }
        }
        snapshot(world, Hour::from_i64(i64::MIN / 2))
    }

    /// What counts is what was logged up to where counting stands: each advertiser's own clicks, each event once.
    pub(super) fn check(&mut self, world: &World, snapshot: &Snapshot, expected: &mut Expected) -> Result<(), String> {
        if self.settled.is_none() {
            self.settle(world, snapshot)?;
        }
        let settled = self.settled.as_ref().expect("it was just settled");
        let mut counted = settled.totals.clone();
        for segment in snapshot.segments.iter().filter(|segment| segment.hour >= settled.before && segment.rows > 0) {
            add(&mut counted, segment_of(&mut self.segments, world, &segment.key)?);
        }
        let mut partials = HashMap::new();
        for partial in &snapshot.partials {
            let totals = match self.partials.remove(&partial.payload) {
                Some(totals) => totals,
                None => partial_of(&partial.payload)?,
            };
            add(&mut counted, &totals);
            partials.insert(partial.payload.clone(), totals);
        }
        self.partials = partials;
        let through = snapshot.marks.counted_through;
        let expected = expected.through(through);
        if counted == *expected {
            return Ok(());
        }
        Err(format!("up to frame {through} {counted:?} is counted, and {expected:?} was logged"))
    }

    /// Adds up all hours but the last, of a snapshot that holds all.
    fn settle(&mut self, world: &World, snapshot: &Snapshot) -> Result<(), String> {
        let last = snapshot.marks.last_hour.clone();
        let before = last.as_ref().map_or(Hour::from_i64(i64::MIN / 2), |last| {
            Hour::from_i64(last.hour.as_i64().saturating_sub(HOURS_AGAIN))
        });
        let mut totals = Totals::new();
        for segment in snapshot.segments.iter().filter(|segment| segment.hour < before && segment.rows > 0) {
            add(&mut totals, segment_of(&mut self.segments, world, &segment.key)?);
        }
        self.settled = Some(Settled { last, before, totals });
        Ok(())
    }
}

/// All hours from `from` on, and how far everything goes.
fn snapshot(world: &World, from: Hour) -> Snapshot {
    let last = Hour::from_i64(i64::MAX / 2);
    world.bridge.wait(world.catalog().snapshot(counters::NAME, from, last)).expect("nothing stands between")
}

/// The rows of a segment, which is read once.
fn segment_of<'s>(known: &'s mut HashMap<String, Totals>, world: &World, key: &str) -> Result<&'s Totals, String> {
    if !known.contains_key(key) {
        let path = Path::from(key);
        let Some(bytes) = object(&world.objects, &path) else { return Err(format!("there is no {path}")) };
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
        let mut totals = Totals::new();
        reader.for_each(|batch| add_rows(&mut totals, &batch.unwrap()));
        known.insert(key.to_owned(), totals);
    }
    Ok(&known[key])
}

fn partial_of(payload: &[u8]) -> Result<Totals, String> {
    let rows = counters::hot::decode(payload).map_err(|error| error.to_string())?;
    let mut totals = Totals::new();
    rows.iter().for_each(|batch| add_rows(&mut totals, batch));
    Ok(totals)
}

fn add_rows(totals: &mut Totals, batch: &RecordBatch) {
    let int = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>();
    let spend = batch.column_by_name("spend_micros").unwrap().as_primitive::<Decimal128Type>();
    let (clicks, billable) = (int("clicks"), int("billable_clicks"));
    for (row, advertiser) in texts(batch, "advertiser_id").into_iter().enumerate() {
        add_one(totals, &advertiser, (clicks.value(row), billable.value(row), spend.value(row)));
    }
    assert_eq!(spend.null_count(), 0);
}

fn add(totals: &mut Totals, more: &Totals) {
    more.iter().for_each(|(advertiser, counts)| add_one(totals, advertiser, *counts));
}

fn add_one(totals: &mut Totals, advertiser: &str, (clicks, billable, spend): (i64, i64, i128)) {
    if !totals.contains_key(advertiser) {
        totals.insert(advertiser.to_owned(), (0, 0, 0));
    }
    let total = totals.get_mut(advertiser).expect("it was just inserted");
    total.0 += clicks;
    total.1 += billable;
    total.2 += spend;
}
