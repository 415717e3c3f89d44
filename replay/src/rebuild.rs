//! Makes the catalog again from archive and logs: built beside what is there, which it replaces in one transaction.
//!
//! Until then nobody sees anything of it, and a rebuild that fails or dies leaves the catalog as it was. Roles go on
//! meanwhile, here and elsewhere: what they seal and count is taken in before the end, and after it each of them is
//! refused once and begins again from the new state.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use clicktrail_catalog::{
    self as catalog, Catalog, Forget, JudgedFrames, Marks, Mended, Registered, Replacement, Segment,
    generations::PromotionRecord,
};
use clicktrail_log::{
    archive::{self, Archive, Manifest, clicks::Clicks, identities, keys::ManifestKey},
    causes::causes,
    log::{Log, Stream},
    position::{Position, Seq},
    time::{Clock, Hour},
};
use clicktrail_projections::{counters, session};
use clicktrail_verdicts::{coverage::Coverage, judge::Mark, reader::VerdictReader};
use futures::{StreamExt as _, stream};
use tokio_util::task::AbortOnDropHandle;

use crate::{belongs, budget::Budget, error::Error, open_range::OpenRange, promotions, proven, register, segment};

/// Hours of the catalog that are read at a time.
const PAGE_HOURS: u32 = 1_000;
const _: () = assert!(PAGE_HOURS > 0, "an empty page would end the comparison");

/// How often the end is tried while roles go on sealing and counting. Each lap has less to take in than the one before.
const LAPS_MAX: usize = 50;

/// Memory for the hours that are built side by side.
const MEMORY_BYTES: u64 = 1 << 30;

/// What a rebuild found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Hours registered.
    pub hours: u64,
    /// Promotions that the catalog had lost, from the archive.
    pub promotions: u64,
    /// Events in them.
    pub rows: u64,
    /// Sealed hours that are not registered, because the judge has not passed them. The archiver does it once the judge
    /// has.
    pub unjudged: u64,
    /// Why the frames behind these hours could not be counted; `None` if they were.
    pub open_uncounted: Option<String>,
    /// What was lost or damaged of the catalog before.
    pub mended: Mended,
}

/// What a rebuild reads, and what it replaces.
#[derive(Debug, Clone)]
pub struct Rebuild {
    /// The click log.
    pub clicks: Arc<dyn Log>,
    /// The archive.
    pub archive: Archive,
    /// The verdicts.
    pub history: VerdictReader,
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
    /// What projecting may use.
    pub limits: session::Limits,
    /// Whether this log is the right one although the catalog knows other frames: then what it knows of frames that no
    /// sealed hour holds is forgotten.
    pub trusts_log: bool,
    /// The last frame of verdicts that was not lost, if some were: hours that knew later ones are judged again.
    pub verdicts_kept: Option<Seq>,
}

/// What stands beside the catalog so far.
#[derive(Debug, Default)]
struct Beside {
    /// Every hour of the archive, in order.
    manifests: Vec<Manifest>,
    /// Those of them that the judge has passed.
    hours: Vec<Registered>,
    open: Option<OpenRange>,
    /// Those that the catalog has lost.
    promotions: Vec<PromotionRecord>,
}

impl Rebuild {
    /// Makes the catalog again: every sealed hour that the judge has passed, and behind them the frames that it has
    /// passed. A segment that stands with its receipt is used as it is. Any other is built, with the live verdicts
    /// about its clicks. An hour that was promoted, and not back, goes on counting from what was promoted. After each
    /// hour `progress` is told how many hours are done, and how many there are.
    ///
    /// Rows of the catalog that are damaged are taken out first: nothing was answered from them.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if the chain of hours has a hole, or the archive does not hold an hour that the catalog
    /// remembers, or a segment that was promoted; [`Error::Foreign`] if a log is not the one that the catalog knows.
    /// After any error the catalog is as it was, without the rows that were damaged.
    pub async fn run(
        &self,
        clock: &dyn Clock,
        actor: &str,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Rebuilt, Error> {
        let forget = if self.trusts_log { Forget::OpenFrames } else { Forget::Damaged };
        let mut mended = self.catalog.mend(forget, promotions::kept(&self.archive).await?, clock.now()).await?;
        let catalog = self.catalog.begin().await?;
        // A log that cannot be reached is not compared, and not counted either.
        match belongs::check(&self.clicks, &self.history, catalog.as_ref()).await {
            Err(cause) if cause.is_transient() => {}
            checked => checked?,
        }
        let making = catalog.making().await?;
        let receipts_prove = self.receipts_prove(catalog.as_ref()).await?;
        let mut beside = Beside { manifests: check(&self.archive, catalog.as_ref()).await?, ..Beside::default() };
        self.mend_archive(&beside.manifests, &mut mended).await?;
        beside.promotions = promotions::lost(&self.archive, catalog.as_ref()).await?;
        self.check_promoted(catalog.as_ref(), &beside.promotions).await?;
        for _ in 0..LAPS_MAX {
            let seen = catalog.marks(counters::NAME).await?;
            if seen.making != making {
                break;
            }
            self.follow(&mut beside.manifests).await?;
            let judged =
                proven::mark(&self.archive, &self.history, &beside.manifests, seen.judged, receipts_prove).await?;
            self.build_hours(&mut beside, judged, clock, &mut progress).await?;
            let open_uncounted =
                self.count_open(&mut beside, judged).await.err().map(|cause| causes(&cause).to_string());
            let frames = belongs::judged_frames(&self.clicks, &self.history, &judged).await.unwrap_or_default();
            let replacement = replacement(&beside, seen, (judged, frames), open_uncounted.is_none());
            match catalog.replace(&replacement, actor, clock.now()).await {
                Ok(_) => {
                    promotions::keep(&self.archive, catalog.as_ref()).await?;
                    return Ok(rebuilt(&beside, open_uncounted, mended));
                }
                // Something was sealed or counted meanwhile: it is taken in.
                Err(catalog::Error::Conflict(_)) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        let moved = "other processes went on changing it, or rebuilt it: stop them, then try again";
        Err(catalog::Error::Conflict(moved.to_owned()).into())
    }

    /// The last hour whose receipt proves that the judge has passed it; `None`: every one does. Where verdicts were
    /// lost it must not know one of them.
    async fn receipts_prove(&self, catalog: &dyn Catalog) -> Result<Option<Hour>, Error> {
        let Some(kept) = self.verdicts_kept else { return Ok(None) };
        for hour in self.archive.sealed_hours(Stream::Clicks).await?.into_iter().rev() {
            let Some(segment) = catalog.sealed_segment(counters::NAME, hour).await? else { continue };
            let knows_before = Position::from_i64(segment.verdicts_before).map_or(Seq::ZERO, Position::seq);
            if knows_before <= kept.next() {
                return Ok(Some(hour));
            }
        }
        Ok(Some(Hour::from_i64(i64::MIN / 2)))
    }

    /// What was promoted stands, so its segments have to be there. Nothing else may count in their place.
    async fn check_promoted(&self, catalog: &dyn Catalog, lost: &[PromotionRecord]) -> Result<(), Error> {
        let (first, last) = (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2));
        let mut projections: BTreeSet<String> = BTreeSet::from([counters::NAME.to_owned()]);
        projections.extend(self.archive.promotions().await?.into_iter().map(|key| key.projection));
        for projection in projections {
            let known = catalog.standing_segments(&projection, first, last).await?;
            for standing in promotions::standing(known, lost, &projection).into_values() {
                self.check_held(&standing).await?;
            }
        }
        Ok(())
    }

    /// Whether the archive holds a segment that was promoted.
    async fn check_held(&self, standing: &Segment) -> Result<(), Error> {
        match self.archive.get_file(&segment::file(standing)).await {
            Ok(_) => Ok(()),
            Err(cause) if cause.is_transient() => Err(cause.into()),
            Err(cause) => {
                let (hour, key, why) = (standing.hour, &standing.key, causes(&cause));
                Err(Error::Incomplete(format!(
                    "{hour} counts from segment {key}, which was promoted, and the archive does not hold it: {why}"
                )))
            }
        }
    }

    /// Makes again what the archive holds beside segments and receipts, and is derived.
    async fn mend_archive(&self, manifests: &[Manifest], mended: &mut Mended) -> Result<(), Error> {
        mended.taken_out.extend(Coverage::mend(&self.archive).await?);
        for manifest in manifests {
            for (key, failed) in identities::mend(&self.archive, manifest).await? {
                match failed {
                    None => mended.taken_out.push(format!("identity filter {key}")),
                    Some(cause) => mended.lost.push(format!("identity filter {key}: {}", causes(&cause))),
                }
            }
        }
        Ok(())
    }

    /// Takes in the hours that were sealed since.
    async fn follow(&self, manifests: &mut Vec<Manifest>) -> Result<(), Error> {
        while let Some(last) = manifests.last() {
            let Some(next) = self.archive.manifest::<Clicks>(last.hour().next()).await? else { break };
            check_follows(last, &next)?;
            manifests.push(next);
        }
        Ok(())
    }

    async fn build_hours(
        &self,
        beside: &mut Beside,
        judged: Mark,
        clock: &dyn Clock,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<(), Error> {
        let all = beside.manifests.len() as u64;
        let passed = |manifest: &&Manifest| manifest.last_seq() <= judged.clicks_through;
        let todo: Vec<Manifest> = beside.manifests[beside.hours.len()..].iter().take_while(passed).cloned().collect();
        let budget = Budget::new(MEMORY_BYTES);
        let build = |manifest: Manifest| {
            let (rebuild, budget, now) = (self.clone(), budget.clone(), clock.now());
            AbortOnDropHandle::new(tokio::spawn(async move {
                let _share = budget.share(manifest.parts.iter().map(|part| part.core.bytes).sum()).await;
                register::beside(&rebuild.archive, &rebuild.history, &manifest, rebuild.limits, now).await
            }))
        };
        let mut built = stream::iter(todo).map(build).buffered(self.limits.threads + 1);
        while let Some(hour) = built.next().await {
            beside.hours.push(hour.map_err(|stopped| Error::Incomplete(format!("an hour was not built: {stopped}")))??);
            // What was counted behind the hour before is counted again behind this one.
            beside.open = None;
            progress(beside.hours.len() as u64, all);
        }
        Ok(())
    }

    async fn count_open(&self, beside: &mut Beside, judged: Mark) -> Result<(), Error> {
        let open = match &mut beside.open {
            Some(open) => open,
            none => {
                let last = beside.hours.last().map(|last| last.hour.hour);
                none.insert(OpenRange::behind(&self.clicks, &self.archive, last).await?)
            }
        };
        let counted = open.count(&self.clicks, &self.history, judged.clicks_through, self.limits).await;
        if counted.is_err() {
            beside.open = None;
        }
        counted
    }
}

fn replacement(
    beside: &Beside,
    seen: Marks,
    (judged, judged_frames): (Mark, JudgedFrames),
    is_open_counted: bool,
) -> Replacement {
    let partials = beside.open.as_ref().filter(|_| is_open_counted).map(|open| open.partials().to_vec());
    let promotions = beside.promotions.clone();
    Replacement { seen, hours: beside.hours.clone(), partials, judged, judged_frames, promotions }
}

fn rebuilt(beside: &Beside, open_uncounted: Option<String>, mended: Mended) -> Rebuilt {
    Rebuilt {
        hours: beside.hours.len() as u64,
        promotions: beside.promotions.len() as u64,
        rows: beside.hours.iter().map(|registered| registered.hour.rows).sum(),
        unjudged: (beside.manifests.len() - beside.hours.len()) as u64,
        open_uncounted,
        mended,
    }
}

/// Reads every manifest, in order, and compares them with what the catalog still remembers: a rebuild must not make an
/// hour disappear because somebody lost its manifest.
///
/// # Errors
/// [`Error::Incomplete`] naming the first hour that is missing, out of the chain, or another than the catalog knows.
async fn check(archive: &Archive, catalog: &dyn Catalog) -> Result<Vec<Manifest>, Error> {
    let mut manifests: Vec<Manifest> = Vec::new();
    for hour in archive.sealed_hours(Stream::Clicks).await? {
        let key = ManifestKey { stream: Stream::Clicks, hour };
        let missing = || archive::Error::Missing(key.path().to_string());
        let manifest = archive.manifest::<Clicks>(hour).await?.ok_or_else(missing)?;
        match manifests.last() {
            Some(previous) => check_follows(previous, &manifest)?,
            None if manifest.previous.is_some() => {
                return Err(Error::Incomplete(format!("the archive does not hold the hours before {hour}")));
            }
            None => {}
        }
        manifests.push(manifest);
    }
    let known: BTreeMap<Hour, String> =
        manifests.iter().map(|manifest| (manifest.hour(), manifest.digest().to_string())).collect();
    let mut from = Hour::from_i64(i64::MIN / 2);
    loop {
        let page = catalog.list_hours(from, PAGE_HOURS).await?;
        let Some(last) = page.last().map(|hour| hour.hour) else { return Ok(manifests) };
        // An hour that was sealed since the archive was listed is taken in later.
        let listed = |hour: Hour| manifests.last().is_some_and(|last| hour <= last.hour());
        for hour in &page {
            let holds = match listed(hour.hour) {
                true => known.get(&hour.hour).cloned(),
                false => archive.manifest::<Clicks>(hour.hour).await?.map(|manifest| manifest.digest().to_string()),
            };
            if holds.as_ref() != Some(&hour.manifest_digest) {
                let lost = hour.hour;
                return Err(Error::Incomplete(format!("the archive does not hold {lost} as the catalog remembers it")));
            }
        }
        from = last.next();
    }
}

fn check_follows(previous: &Manifest, manifest: &Manifest) -> Result<(), Error> {
    let follows = previous.hour().next() == manifest.hour() && manifest.previous == Some(previous.digest().to_string());
    let hole = || Error::Incomplete(format!("the archive has a hole between {} and {}", previous.hour, manifest.hour));
    follows.then_some(()).ok_or_else(hole)
}
