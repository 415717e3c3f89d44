//! Sealed hours that count from other code, as before a fix: all that a build needs, in one directory.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use clicktrail_catalog::{
    JudgedFrames,
    generations::{Generation, GenerationId, NewUnit},
};
use clicktrail_live::sealing::Archiver;
use clicktrail_log::{
    archive::{
        Manifest,
        seal::{Cursor, Sealer},
    },
    log::Log,
    position::Seq,
    time::{Clock, Hour, ManualClock, SystemClock},
};
use clicktrail_projections::{Projection, counters, session};
use clicktrail_replay::{
    gates::Gates,
    plan::{Plan, Planner, Request},
};
use clicktrail_verdicts::judge::Mark;
use tempfile::TempDir;

use super::working::{self, Opened};
use crate::{hour, hour::World, table::note};

/// Who does everything.
const ACTOR: &str = "bench";

/// Sealed hours.
pub(crate) struct Bed {
    home: TempDir,
    pub(crate) opened: Opened,
    pub(crate) manifests: Vec<Manifest>,
    /// Files of the archive that stay when everything is to be built again.
    kept: BTreeSet<PathBuf>,
}

impl Bed {
    /// Makes hours whose counters bill probes as clicks: what is built from them with the right code differs.
    pub(super) async fn make(hours: u32, events: u64, world: World) -> anyhow::Result<Self> {
        let mut bed = Self::sealed(hours, events, world).await?;
        bed.remove_built()?;
        bed.count_wrongly(None).await?;
        bed.kept = files(&bed.home().join("archive"))?;
        Ok(bed)
    }

    /// Makes hours that count as they should.
    pub(crate) async fn sealed(hours: u32, events: u64, world: World) -> anyhow::Result<Self> {
        note(&format!("make {hours} hours of {events} events"));
        let home = tempfile::tempdir()?;
        hour::fill(home.path(), events, hours, world).await?;
        let opened = Opened::open(home.path()).await?;
        let mut bed = Self { home, opened, manifests: Vec::new(), kept: BTreeSet::new() };
        bed.seal(hours).await?;
        Ok(bed)
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Files of each hour's parts.
    pub(crate) fn files(&self) -> Vec<Vec<PathBuf>> {
        let archive = self.home().join("archive");
        let of = |manifest: &Manifest| manifest.parts.iter().map(|part| archive.join(&part.core.key)).collect();
        self.manifests.iter().map(of).collect()
    }

    pub(super) fn events(&self) -> u64 {
        self.manifests.iter().map(|manifest| manifest.rows).sum()
    }

    /// Seals and registers every hour, and says that the judge has passed all of them.
    async fn seal(&mut self, hours: u32) -> anyhow::Result<()> {
        let end = Hour::from_i64(hour::first().as_i64() + i64::from(hours)).next().start();
        let clock = Arc::new(ManualClock::new(end));
        let log: Arc<dyn Log> = Arc::new(hour::log(self.home(), Arc::clone(&clock)).await?);
        let sealer = Sealer::new(Arc::clone(&log), self.opened.archive.clone());
        let mut cursor = Cursor::start();
        for _ in 0..hours {
            let sealed = sealer.seal_next(&cursor, end).await?;
            let (manifest, after) = sealed.context("an hour that is over was not sealed")?;
            cursor = after;
            self.manifests.push(manifest);
        }
        self.kept = files(&self.home().join("archive"))?;
        let (archive, catalog) = (self.opened.archive.clone(), Arc::clone(&self.opened.catalog));
        let mut archiver = Archiver::new(log, archive, catalog, clock, session::Limits::default());
        for _ in 0..hours {
            archiver.seal_next(end).await?.context("an hour that is sealed was not registered")?;
        }
        drop(archiver);
        let before = self.opened.catalog.judged().await?;
        let after = Mark { clicks_through: cursor.next_seq().previous(), verdicts_through: Seq::ZERO };
        self.opened.catalog.put_judged(&before, &after, JudgedFrames { clicks: None, verdicts: None }).await?;
        // No build reads it, and it takes four times the space of the archive.
        std::fs::remove_file(self.home().join("clicks.sqlite"))?;
        Ok(())
    }

    /// Lets all hours, or one, count from code that bills probes as clicks.
    pub(crate) async fn count_wrongly(&self, hour: Option<Hour>) -> anyhow::Result<()> {
        let sql = counters::SQL
            .replace("(WHERE c.kind = 'click') AS clicks", "(WHERE c.kind IN ('click', 'probe')) AS clicks")
            .replace(
                "(WHERE c.kind = 'click' AND r.category IS NULL) AS billable",
                "(WHERE c.kind IN ('click', 'probe') AND r.category IS NULL) AS billable",
            );
        ensure!(sql.matches("'probe')").count() == 3, "the counters say otherwise what a click is");
        let projection = Projection::candidate_of_counters(&sql).await?;
        let plan = self.plan(projection, sql, (hour, hour)).await?;
        let (generation, units) = plan.generation(ACTOR, SystemClock.now());
        self.opened.catalog.put_generation(&generation, &units).await?;
        working::work(&self.opened, &generation, working::PARALLEL, working::THREADS).await?;
        self.opened.catalog.promote(&generation.id, ACTOR, "", SystemClock.now()).await?;
        Ok(())
    }

    async fn plan(
        &self,
        projection: Projection,
        sql: String,
        (from, to_inclusive): (Option<Hour>, Option<Hour>),
    ) -> anyhow::Result<Plan> {
        let Opened { archive, catalog, history } = &self.opened;
        let planner = Planner { archive: archive.clone(), history: history.clone(), catalog: Arc::clone(catalog) };
        let request = Request {
            projection,
            sql,
            from,
            to_inclusive,
            stale_only: false,
            clicks_before: None,
            verdicts_before: None,
        };
        Ok(planner.plan(&request).await?)
    }

    /// Plans to build all hours with this program's code, as `replay plan counters` does.
    pub(super) async fn plan_counters(&self) -> anyhow::Result<(Generation, Vec<NewUnit>)> {
        let plan = self.plan(Projection::counters(), String::new(), (None, None)).await?;
        Ok(plan.generation(ACTOR, SystemClock.now()))
    }

    /// Plans all hours but the first, stores the plan, and notes what is reused of earlier builds, as `replay build`
    /// does: the generation, and how many hours are done.
    pub(super) async fn put_another(&self) -> anyhow::Result<(Generation, u64)> {
        let second = self.manifests.first().context("a bed has hours")?.hour().next();
        let plan = self.plan(Projection::counters(), String::new(), (Some(second), None)).await?;
        let (generation, units) = plan.generation(ACTOR, SystemClock.now());
        self.opened.catalog.put_generation(&generation, &units).await?;
        let Opened { archive, catalog, .. } = &self.opened;
        let noted = plan.note_reused(archive, catalog.as_ref(), SystemClock.now()).await?;
        Ok((generation, noted))
    }

    /// Stores a plan whose every hour waits, also if the same was built before.
    pub(super) async fn put(&self, generation: &Generation, units: &[NewUnit]) -> anyhow::Result<()> {
        let catalog = &self.opened.catalog;
        if catalog.generation(&generation.id).await?.is_some() {
            catalog.drop_generation(&generation.id, ACTOR, SystemClock.now()).await?;
        }
        catalog.put_generation(generation, units).await?;
        Ok(())
    }

    /// Asks the gates, as `replay promote` does before it moves anything.
    pub(super) async fn ask_gates(&self, id: &GenerationId) -> anyhow::Result<()> {
        let Opened { archive, catalog, .. } = &self.opened;
        let generation = catalog.generation(id).await?.context("the generation is there")?;
        let gates = Gates { archive, catalog: catalog.as_ref() };
        let checked = gates.check(&generation, None).await?;
        ensure!(checked.gates.is_empty(), "it may not be promoted: {:?}", checked.gates);
        Ok(())
    }

    pub(super) async fn promote(&self, generation: &Generation) -> anyhow::Result<()> {
        self.opened.catalog.promote(&generation.id, ACTOR, "", SystemClock.now()).await?;
        Ok(())
    }

    /// Removes what was built since the hours were made.
    pub(super) fn remove_built(&self) -> anyhow::Result<()> {
        self.remove(|_| true)
    }

    /// Removes what was built of one hour, so that only this one is to be computed.
    pub(super) fn remove_built_of(&self, hour: Hour) -> anyhow::Result<()> {
        let hour = hour.to_string();
        self.remove(|path| path.to_string_lossy().contains(&hour))
    }

    fn remove(&self, which: impl Fn(&Path) -> bool) -> anyhow::Result<()> {
        let mut removed = 0;
        for file in files(&self.home().join("archive"))?.difference(&self.kept).filter(|file| which(file)) {
            std::fs::remove_file(file)?;
            removed += 1;
        }
        ensure!(removed > 0, "nothing was built that could be removed");
        Ok(())
    }
}

/// All files below a directory.
fn files(directory: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in std::fs::read_dir(&next).with_context(|| format!("list {}", next.display()))? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => directories.push(entry.path()),
                false => _ = found.insert(entry.path()),
            }
        }
    }
    Ok(found)
}
