//! What must hold before the live pointers move to a generation: its input is still what the archive holds, its
//! segments are there, nobody disappears from the bill, and no bill changes by more than somebody has allowed. Of
//! another projection than counters, whose bill it is is not known: `measures` has the sums that are compared instead,
//! and `limit` says by how much either may change.

mod bills;
mod limit;
mod measures;

use std::collections::BTreeMap;

use bills::Bills;
pub use bills::Totals;
use clicktrail_catalog::{
    Catalog,
    generations::{Generation, GenerationState, LivePointer, Unit},
};
use clicktrail_log::{
    archive::{Archive, keys::SegmentKey, manifest},
    causes::causes,
    invariant,
    time::Hour,
};
use clicktrail_projections::{Projection, counters};
use futures::{StreamExt as _, TryStreamExt as _, stream};
pub use limit::Permille;
use limit::exceeds;
pub use measures::{Measures, Of};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    diff::{manifest_of, receipt_of},
    error::Error,
    receipt::Receipt,
    sums::Owed,
};

/// Units that are listed at a time.
const PAGE_UNITS: u32 = 1_000;
/// Units whose segments are read side by side: so many are in memory.
const LOOKS_MAX: usize = 8;
const _: () = assert!(PAGE_UNITS > 0, "an empty page would end the list");

/// What keeps a generation from being promoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// It is not built, or was given up.
    State(GenerationState),
    /// It counts only clicks before a position: an answer to a question, not what is owed.
    Cut,
    /// An hour counts from something else than when the build was planned.
    Moved(Hour),
    /// The archive holds another hour than the one that was built.
    Input(Hour),
    /// A segment or receipt of the build is missing, damaged, or another.
    Segment(Hour, String),
    /// Somebody had clicks in the hours that change, and has none any more.
    Empty(Owed),
    /// A bill changes by more than the limit.
    Limit {
        /// Whose, in which currency.
        owed: Owed,
        /// The column: `spend_micros` or `billable_clicks`.
        what: &'static str,
        /// What it is now in the hours that change.
        before: i128,
        /// What it would be.
        after: i128,
        /// What was allowed.
        limit: Permille,
    },
    /// A sum of another projection changes by more than the limit.
    Sum {
        /// Which.
        of: Of,
        /// What it is now in the hours that change, in micros.
        before: i128,
        /// What it would be, in micros.
        after: i128,
        /// What was allowed.
        limit: Permille,
    },
}

/// What a promotion would change, and what keeps it from being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Hours that would count from another segment.
    pub hours: u64,
    /// What these count now, and what they would count; nothing of another projection than counters.
    pub totals: BTreeMap<Owed, (Totals, Totals)>,
    /// The same of another projection; `None` of counters.
    pub measures: Option<Measures>,
    /// What keeps it from being promoted; nothing: it may be.
    pub gates: Vec<Gate>,
}

impl Checked {
    /// What changes: whose or what it is, in which currency, and by how many micros.
    pub fn changes(&self) -> Vec<(String, String, i128)> {
        let mut changes = Vec::new();
        for ((advertiser, currency), (before, after)) in &self.totals {
            let change = after.spend_micros.saturating_sub(before.spend_micros);
            changes.push((advertiser.clone(), currency.clone(), change));
        }
        for (of, (before, after)) in self.measures.iter().flat_map(|measures| &measures.sums) {
            changes.push((of.to_string(), of.currency.clone(), after.saturating_sub(*before)));
        }
        changes.retain(|(_, _, change)| *change != 0);
        changes
    }
}

/// An hour that would count from another segment.
#[derive(Debug)]
struct Changing {
    /// What it counts from; `None` if it counts from nothing.
    before: Option<Read>,
    /// What it would count from.
    after: Read,
}

/// A segment that was read and is what its receipt says.
#[derive(Debug)]
struct Read {
    file: manifest::File,
    /// What it bills, of counters.
    bills: Bills,
}

/// What was found about a unit.
#[derive(Debug, Default)]
struct Look {
    gates: Vec<Gate>,
    changing: Option<Changing>,
}

/// What checking reads.
#[derive(Debug, Clone, Copy)]
pub struct Gates<'g> {
    /// Manifests, receipts and segments.
    pub archive: &'g Archive,
    /// Units and live pointers.
    pub catalog: &'g dyn Catalog,
}

impl Gates<'_> {
    /// Checks a generation. `limit` is how much of what the changing hours bill may change, for each advertiser and
    /// currency.
    ///
    /// # Errors
    /// If archive or catalog cannot be reached. What is missing or damaged there is a gate.
    pub async fn check(&self, generation: &Generation, limit: Option<Permille>) -> Result<Checked, Error> {
        let mut gates = Vec::new();
        match generation.state {
            GenerationState::Built => {}
            other @ (GenerationState::Building
            | GenerationState::Failed
            | GenerationState::Aborted
            | GenerationState::Promoted) => gates.push(Gate::State(other)),
        }
        if !gates.is_empty() {
            // Nothing else about it matters, and most of it follows from that.
            return Ok(Checked { hours: 0, totals: BTreeMap::new(), measures: None, gates });
        }
        gates.extend(generation.clicks_before.map(|_| Gate::Cut));
        let units = units(self.catalog, generation).await?;
        let live = self.catalog.live_pointers(&generation.projection, generation.from, generation.to_inclusive).await?;
        let live: BTreeMap<Hour, LivePointer> = live.into_iter().map(|pointer| (pointer.hour, pointer)).collect();
        let mut changing = Vec::new();
        let looks = units.iter().map(|unit| self.look(generation, unit, live.get(&unit.hour)));
        let mut looks = stream::iter(looks).buffered(LOOKS_MAX);
        // Added hour by hour: what each hour bills is as long as the list of advertisers.
        let (mut before, mut after) = (Bills::new(), Bills::new());
        while let Some(look) = looks.try_next().await? {
            gates.extend(look.gates);
            let Some(hour) = look.changing else { continue };
            let standing = hour.before.map(|read| {
                bills::add_all(&mut before, read.bills);
                read.file
            });
            bills::add_all(&mut after, hour.after.bills);
            changing.push((standing, hour.after.file));
        }
        match generation.projection.as_str() {
            counters::NAME => {
                let totals = check_bills(before, after, limit, &mut gates);
                Ok(Checked { hours: changing.len() as u64, totals, measures: None, gates })
            }
            _ => self.check_measures(generation, changing, limit, gates).await,
        }
    }

    /// The gates about the sums of another projection.
    async fn check_measures(
        &self,
        generation: &Generation,
        changing: Vec<(Option<manifest::File>, manifest::File)>,
        limit: Option<Permille>,
        mut gates: Vec<Gate>,
    ) -> Result<Checked, Error> {
        let projection = Projection::from_text(&generation.projection, &generation.sql).await?;
        let (mut measures, hours) = (Measures::of(&projection), changing.len() as u64);
        for (before, after) in &changing {
            let Some(before) = before else {
                measures.new_hours += 1;
                continue;
            };
            match measures.add(&projection, self.archive, before, after).await {
                Err(cause) if !cause.is_transient() => {
                    let hour = SegmentKey::parse(&after.key).expect("a segment has its key").hour;
                    gates.push(Gate::Segment(hour, causes(&cause)));
                }
                other => other?,
            }
        }
        for (of, (before, after)) in &measures.sums {
            if let Some(limit) = limit.filter(|limit| exceeds(*before, *after, *limit)) {
                gates.push(Gate::Sum { of: of.clone(), before: *before, after: *after, limit });
            }
        }
        Ok(Checked { hours, totals: BTreeMap::new(), measures: Some(measures), gates })
    }

    /// What keeps a unit from counting, and the segments of its hour before and after, if it would change.
    async fn look(&self, generation: &Generation, unit: &Unit, standing: Option<&LivePointer>) -> Result<Look, Error> {
        let mut look = Look::default();
        if standing != unit.base.as_ref() {
            look.gates.push(Gate::Moved(unit.hour));
        }
        match manifest_of(self.archive, unit.hour).await {
            Ok(manifest) if manifest.digest().to_string() == unit.manifest_digest => {}
            Ok(_) => look.gates.push(Gate::Input(unit.hour)),
            Err(cause) if cause.is_transient() => return Err(cause),
            Err(_) => look.gates.push(Gate::Input(unit.hour)),
        }
        let Some(pointer) = pointer(generation, unit) else { return Ok(look) };
        let Some(after) = self.read(generation, &pointer, &mut look).await? else { return Ok(look) };
        invariant!(I6, after.file.sha256 == pointer.output_digest, "{} was read for another segment", after.file.key);
        if standing.is_some_and(|standing| standing.output_digest == after.file.sha256) {
            return Ok(look);
        }
        let before = match standing {
            Some(standing) => self.read(generation, standing, &mut look).await?,
            None => None,
        };
        look.changing = Some(Changing { before, after });
        Ok(look)
    }

    /// The segment of a pointer, if it is in the archive with its receipt; else that is a gate. It is read in a task of
    /// its own, because that keeps a core busy.
    async fn read(
        &self,
        generation: &Generation,
        pointer: &LivePointer,
        look: &mut Look,
    ) -> Result<Option<Read>, Error> {
        let found = match receipt_of(self.archive, &generation.projection, pointer).await {
            Ok(receipt) => {
                let (archive, key) = (self.archive.clone(), receipt.key.clone());
                let is_billed = generation.projection == counters::NAME;
                let reading = tokio::spawn(async move { read(&archive, &receipt, is_billed).await });
                let stopped = |cause| Error::Incomplete(format!("reading {key} stopped: {cause}"));
                AbortOnDropHandle::new(reading).await.map_err(stopped)?
            }
            Err(cause) => Err(cause),
        };
        match found {
            Ok(read) => Ok(Some(read)),
            Err(cause) if cause.is_transient() => Err(cause),
            Err(cause) => {
                look.gates.push(Gate::Segment(pointer.hour, causes(&cause)));
                Ok(None)
            }
        }
    }
}

/// The gates about who is billed how much; what the hours that change bill, before and after.
fn check_bills(
    before: Bills,
    after: Bills,
    limit: Option<Permille>,
    gates: &mut Vec<Gate>,
) -> BTreeMap<Owed, (Totals, Totals)> {
    let mut totals: BTreeMap<Owed, (Totals, Totals)> = BTreeMap::new();
    for (owed, before) in before {
        totals.entry(owed).or_default().0 = before;
    }
    for (owed, after) in after {
        totals.entry(owed).or_default().1 = after;
    }
    for (owed, (before, after)) in &totals {
        if before.clicks > 0 && after.clicks == 0 {
            gates.push(Gate::Empty(owed.clone()));
        }
        // A price may be nothing, and clicks that are billed are counted all the same.
        let billed = [
            ("spend_micros", before.spend_micros, after.spend_micros),
            ("billable_clicks", before.billable_clicks, after.billable_clicks),
        ];
        for (what, before, after) in billed {
            if let Some(limit) = limit.filter(|limit| exceeds(before, after, *limit)) {
                gates.push(Gate::Limit { owed: owed.clone(), what, before, after, limit });
            }
        }
    }
    totals
}

/// Reads the segment of a receipt and compares it with its digest; `is_billed`: also adds up what it bills.
async fn read(archive: &Archive, receipt: &Receipt, is_billed: bool) -> Result<Read, Error> {
    let file = manifest::File { key: receipt.key.clone(), bytes: receipt.bytes, sha256: receipt.output_digest.clone() };
    let bytes = archive.get_file(&file).await?;
    let bills = match is_billed && receipt.rows > 0 {
        true => bills::of_segment(&file.key, bytes)?,
        false => Bills::new(),
    };
    Ok(Read { file, bills })
}

/// What an hour would count from; `None` if its unit is not done.
pub fn pointer(generation: &Generation, unit: &Unit) -> Option<LivePointer> {
    let segment = &unit.output.as_ref()?.segment;
    Some(LivePointer {
        hour: unit.hour,
        input_digest: segment.input_digest.clone(),
        code_digest: segment.code_digest.clone(),
        output_digest: segment.output_digest.clone(),
        generation: Some(generation.id.clone()),
        knows_before: Some(generation.verdicts_before),
    })
}

/// All units of a generation, by hour.
///
/// # Errors
/// As the catalog reports.
pub async fn units(catalog: &dyn Catalog, generation: &Generation) -> Result<Vec<Unit>, Error> {
    let mut all = Vec::new();
    let mut from = generation.from;
    loop {
        let page = catalog.units(&generation.id, from, PAGE_UNITS).await?;
        let Some(last) = page.last() else { return Ok(all) };
        from = last.hour.next();
        all.extend(page);
    }
}
