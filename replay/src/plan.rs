//! What a build would read, and what of it is there already. Nothing is written.
//!
//! A plan pins its input: the digest of each hour's manifest, how far verdicts are known, and the code. [`document`] is
//! its stored form, `hours` finds what is wrong with the hours, `reuse` which of them an earlier build has done,
//! `note` notes these, `parts` says whether there is what the others are built from, and [`rate`] how long that takes.

pub mod document;
mod error;
mod hours;
mod note;
mod parts;
pub mod rate;
mod request;
mod reuse;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use clicktrail_catalog::{
    Catalog,
    generations::{FoundSegment, Generation, GenerationId, GenerationState, LivePointer, NewUnit},
};
use clicktrail_log::{
    archive::{Archive, Manifest},
    invariant,
    position::Position,
    time::{Hour, Timestamp},
};
use clicktrail_projections::Projection;
use clicktrail_verdicts::reader::VerdictReader;

pub use error::{Error, Problem};
pub use request::Request;
pub use reuse::Fate;

use crate::{as_of, diff::manifest_of, error::Error as ReplayError};
use document::{Base, Document, HourInput, VERSION};

/// So many live segments tell how large the new ones get.
const SAMPLE_HOURS: usize = 20;

/// A plan, and what is there already of what it builds.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is built from what.
    pub document: Document,
    /// What becomes of each hour, in the same order.
    pub fates: Vec<Fate>,
    /// The segments of those that are reused, in the same order.
    pub found: Vec<FoundSegment>,
    /// Hours of the range without a click before the position that was asked for: they are left out.
    pub behind: u64,
}

/// What a plan is made from.
#[derive(Debug, Clone)]
pub struct Planner {
    /// The archive.
    pub archive: Archive,
    /// The verdicts.
    pub history: VerdictReader,
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
}

impl Planner {
    /// Makes a plan.
    ///
    /// # Errors
    /// [`Error::Incomplete`] naming every hour that is missing, not judged, not as the catalog knows it, or that would
    /// be built from a part that is not there.
    pub async fn plan(&self, request: &Request) -> Result<Plan, Error> {
        let end = self.history.end().await.map_err(ReplayError::from)?;
        let verdicts_before = request.verdicts_before.unwrap_or(end);
        if verdicts_before > end {
            return Err(Error::Nothing(format!(
                "the verdict log ends before {end}: there is no verdict to know later"
            )));
        }
        let (name, catalog) = (request.projection.name(), self.catalog.as_ref());
        let found = hours::Hours::find(catalog, &self.archive, request).await?;
        // What counts and what it does not know, as of one instant: somebody may promote or roll back meanwhile.
        let standing = as_of::followed(&self.history, catalog, name, found.range(), end).await?;
        let stale: BTreeSet<Hour> = standing.stale.iter().map(|stale| stale.hour).collect();
        let ruled_before: BTreeMap<Hour, i64> =
            standing.segments.iter().map(|segment| (segment.hour, segment.verdicts_before)).collect();
        let live: BTreeMap<Hour, LivePointer> =
            standing.pointers.into_iter().map(|pointer| (pointer.hour, pointer)).collect();
        let wanted = |hour: Hour| !request.stale_only || stale.contains(&hour);
        let manifests = found.manifests(&self.archive, &wanted).await?;
        let all = manifests.len() as u64;
        let manifests: Vec<Manifest> =
            manifests.into_iter().filter(|manifest| has_clicks_before(manifest, request.clicks_before)).collect();
        if manifests.is_empty() {
            return Err(nothing(request, all));
        }
        let behind = all - manifests.len() as u64;
        let cut = reuse::cut(catalog, &live).await?;
        let look = reuse::Look {
            archive: &self.archive,
            history: &self.history,
            projection: &request.projection,
            clicks_before: request.clicks_before,
            verdicts_before,
            end,
            stale: &stale,
            live: &live,
            ruled_before: &ruled_before,
            cut: &cut,
        };
        let segments = look.segments(&manifests).await?;
        let fate = |segment: &Option<_>| if segment.is_some() { Fate::Reused } else { Fate::Built };
        let fates: Vec<Fate> = segments.iter().map(fate).collect();
        invariant!(I6, fates.len() == manifests.len(), "{} fates of {} hours", fates.len(), manifests.len());
        let built = manifests.iter().zip(&fates).filter(|(_, fate)| **fate == Fate::Built);
        parts::check(&self.archive, built.map(|(manifest, _)| manifest), parts::Look::Size).await?;
        let found = segments.into_iter().flatten().collect();
        Ok(Plan { document: document(request, verdicts_before, &manifests, &live), fates, found, behind })
    }

    /// Reads every part that a build of a plan would read, and compares it with its digest. It takes as long as reading
    /// them does.
    ///
    /// # Errors
    /// [`Error::Incomplete`] naming every hour with a part that is missing or damaged.
    pub async fn read_parts(&self, plan: &Plan) -> Result<(), Error> {
        let mut manifests = Vec::new();
        let hours = plan.document.hours.iter().zip(&plan.fates).filter(|(_, fate)| **fate == Fate::Built);
        for (hour, _) in hours {
            manifests.push(manifest_of(&self.archive, hour.hour).await?);
        }
        parts::check(&self.archive, manifests.iter(), parts::Look::Digest).await
    }

    /// The plan of a document, made again from what is there now.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub async fn again(&self, planned: &Document, projection: Projection) -> Result<Plan, Error> {
        let (first, last) = (planned.hours.first(), planned.hours.last());
        let request = Request {
            projection,
            sql: planned.sql.clone(),
            from: first.map(|hour| hour.hour),
            to_inclusive: last.map(|hour| hour.hour),
            stale_only: false,
            clicks_before: planned.clicks_before,
            verdicts_before: Some(planned.verdicts_before),
        };
        let mut plan = self.plan(&request).await?;
        // A plan of stale hours has holes.
        let is_planned = |hour: Hour| planned.hours.binary_search_by_key(&hour, |hour| hour.hour).is_ok();
        let mut fates = std::mem::take(&mut plan.fates).into_iter();
        plan.document.hours.retain(|hour| {
            let fate = fates.next().expect("every hour has a fate");
            plan.fates.extend(is_planned(hour.hour).then_some(fate));
            is_planned(hour.hour)
        });
        plan.found.retain(|found| is_planned(found.hour));
        Ok(plan)
    }
}

fn has_clicks_before(manifest: &Manifest, before: Option<Position>) -> bool {
    before.is_none_or(|before| Position::new(manifest.epoch(), manifest.first_seq(), 0) < before)
}

fn nothing(request: &Request, hours: u64) -> Error {
    match (hours, request.stale_only) {
        (0, true) => Error::NothingStale,
        (0, false) => Error::Nothing("no hour of the range is sealed".to_owned()),
        (_, _) => Error::Nothing("no hour of the range has a click before that position".to_owned()),
    }
}

fn document(
    request: &Request,
    verdicts_before: Position,
    manifests: &[Manifest],
    live: &BTreeMap<Hour, LivePointer>,
) -> Document {
    let input = |manifest: &Manifest| HourInput {
        hour: manifest.hour(),
        manifest_digest: manifest.digest().to_string(),
        rows: manifest.rows,
        bytes: manifest.parts.iter().map(|part| part.core.bytes).sum(),
        base: live.get(&manifest.hour()).map(Base::of),
    };
    Document {
        version: VERSION,
        projection: request.projection.name().to_owned(),
        code_digest: request.projection.code_digest().to_string(),
        sql: request.sql.clone(),
        clicks_before: request.clicks_before,
        verdicts_before,
        hours: manifests.iter().map(input).collect(),
    }
}

impl Plan {
    /// The name of the generation that it is built as.
    pub fn id(&self) -> GenerationId {
        self.document.id()
    }

    /// Notes in a generation of this plan, once it is stored, which hours are done because they are reused: those that
    /// the catalog has the control totals of, and those whose segments are read here, because they were sealed and
    /// never built. Returns how many. Workers look at the others, and at every hour if this was not done.
    ///
    /// # Errors
    /// As catalog and archive report. A segment that is damaged is no error: a worker builds its hour.
    pub async fn note_reused(
        &self,
        archive: &Archive,
        catalog: &dyn Catalog,
        now: Timestamp,
    ) -> Result<u64, ReplayError> {
        note::reused(&self.document, &self.found, archive, catalog, now).await
    }

    /// Hours of one fate, and their events and bytes.
    pub fn of(&self, fate: Fate) -> (u64, u64, u64) {
        let hours = self.document.hours.iter().zip(&self.fates).filter(|(_, found)| **found == fate);
        hours.fold((0, 0, 0), |(hours, rows, bytes), (hour, _)| (hours + 1, rows + hour.rows, bytes + hour.bytes))
    }

    /// How many hours count with which other code.
    pub fn other_code(&self) -> BTreeMap<&str, u64> {
        let mut found = BTreeMap::new();
        let bases = self.document.hours.iter().filter_map(|hour| hour.base.as_ref());
        for base in bases.filter(|base| base.code_digest != self.document.code_digest) {
            *found.entry(base.code_digest.as_str()).or_default() += 1;
        }
        found
    }

    /// About how many bytes of segments the hours to build give, as some of their live segments tell.
    ///
    /// # Errors
    /// As the catalog reports.
    pub async fn segment_bytes(&self, catalog: &dyn Catalog) -> Result<u64, ReplayError> {
        let hours = self.document.hours.iter().zip(&self.fates);
        let built: Vec<&HourInput> =
            hours.filter(|(hour, fate)| **fate == Fate::Built && hour.rows > 0).map(|(hour, _)| hour).collect();
        let (mut events, mut bytes) = (0_u64, 0_u64);
        for hour in built.iter().step_by(built.len().div_ceil(SAMPLE_HOURS).max(1)) {
            if let Some(live) = catalog.live_segment(&self.document.projection, hour.hour).await? {
                (events, bytes) = (events + hour.rows, bytes + live.bytes);
            }
        }
        let all: u64 = built.iter().map(|hour| hour.rows).sum();
        let estimate = u128::from(bytes) * u128::from(all) / u128::from(events.max(1));
        Ok(u64::try_from(estimate).unwrap_or(u64::MAX))
    }

    /// What the catalog gets.
    pub fn generation(&self, actor: &str, now: Timestamp) -> (Generation, Vec<NewUnit>) {
        generation(&self.document, actor, now)
    }
}

/// A plan as the catalog keeps it.
pub fn generation(document: &Document, actor: &str, now: Timestamp) -> (Generation, Vec<NewUnit>) {
    let (Some(first), Some(last)) = (document.hours.first(), document.hours.last()) else {
        unreachable!("a plan has hours");
    };
    let generation = Generation {
        id: document.id(),
        projection: document.projection.clone(),
        code_digest: document.code_digest.clone(),
        sql: document.sql.clone(),
        from: first.hour,
        to_inclusive: last.hour,
        clicks_before: document.clicks_before,
        verdicts_before: document.verdicts_before,
        plan: String::from_utf8(document.to_bytes()).expect("JSON is UTF-8"),
        state: GenerationState::Building,
        created_at: now,
        created_by: actor.to_owned(),
        changed_at: now,
    };
    let unit = |hour: &HourInput| NewUnit {
        hour: hour.hour,
        manifest_digest: hour.manifest_digest.clone(),
        rows: hour.rows,
        bytes: hour.bytes,
        base: hour.base.as_ref().map(|base| base.pointer(hour.hour)),
    };
    (generation, document.hours.iter().map(unit).collect())
}
