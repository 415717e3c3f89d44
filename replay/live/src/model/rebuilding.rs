//! What a rebuild registers, and what becomes of roles that began before it.

use clicktrail_log::{
    archive::seal::{Cursor, Sealer},
    log::ReadLimit,
};

use super::*;

impl World {
    /// Logs the clicks of an hour, each in a frame of its own; `writer` goes on from hour to hour.
    async fn log_hour(&self, writer: &mut frame::Writer, hour: i64) {
        for click in 0..CLICKS {
            self.log_click(writer, hour, hour * CLICKS + click, click * HOUR / 8).await;
        }
    }

    async fn log_click(&self, writer: &mut frame::Writer, hour: i64, number: i64, after: i64) {
        let at = start().plus_micros(hour * HOUR + after);
        self.clock.set(at);
        let mut events = EventsBuilder::with_capacity(1);
        events.push(&event(number, at));
        self.clicks.append(&writer.seal(&events.finish(), (at, at)).unwrap()).await.unwrap();
    }

    /// Writes the manifests of all hours that are over, and registers none.
    async fn seal_manifests(&self) {
        let sealer = Sealer::new(Arc::clone(&self.clicks), self.archive.clone());
        let mut cursor = Cursor::start();
        while let Some((_, after)) = sealer.seal_next(&cursor, self.clock.now()).await.unwrap() {
            cursor = after;
        }
    }

    pub(super) fn live_rebuild(&self) -> Rebuild {
        Rebuild {
            clicks: Arc::clone(&self.clicks),
            archive: self.archive.clone(),
            history: self.history(),
            catalog: Arc::clone(&self.catalog),
            limits: self.limits,
            verdicts_kept: None,
            trusts_log: false,
        }
    }

    async fn live_verdicts(&self) -> usize {
        let page = self.history().read_outlines(Seq::FIRST, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
        page.ruled.iter().filter(|ruled| ruled.outline.stage == Stage::Live).count()
    }
}

pub(super) fn lose_catalog(directory: &Path) {
    for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _ = fs::remove_file(directory.join(name));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rebuild_registers_no_hour_that_the_judge_has_not_passed() {
    for catalog_is_lost in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let world = World::open(directory.path()).await;
        let mut writer = frame::Writer::new(Uuid::from_u128(1), 1);
        world.log_hour(&mut writer, 0).await;
        world.judge_and_count().await;
        for hour in 1..HOURS {
            world.log_hour(&mut writer, hour).await;
        }
        world.seal().await;
        world.seal_manifests().await;
        let world = match catalog_is_lost {
            false => world,
            true => {
                drop(world);
                lose_catalog(directory.path());
                let world = World::open(directory.path()).await;
                world.clock.set(start().plus_micros((HOURS - 1) * HOUR + HOUR / 2));
                world
            }
        };
        let rebuilt = world.live_rebuild().run(world.clock.as_ref(), "ann", |_, _| {}).await.unwrap();
        assert_eq!((rebuilt.hours, rebuilt.unjudged, rebuilt.open_uncounted), (1, 2, None));
        let marks = world.snapshot().await.marks;
        assert_eq!(marks.last_hour.map(|last| last.hour), Some(start().hour()), "unjudged clicks are billed (I7)");
        assert_eq!(marks.counted_through.get(), CLICKS.unsigned_abs());
        // Once the judge has passed them, they are registered as ever.
        world.judge_and_count().await;
        world.seal().await;
        assert_eq!(world.plain().await, PLAIN);
    }
}

/// A verdict stands in the log about a click of the open hour, behind everything that receipts prove.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn judge_whose_mark_was_lost_with_the_catalog_repeats_no_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::open(directory.path()).await;
    let mut writer = frame::Writer::new(Uuid::from_u128(1), 1);
    for hour in 0..HOURS {
        world.log_hour(&mut writer, hour).await;
    }
    for again in 0..2 {
        world.log_click(&mut writer, HOURS - 1, ALL - 1, HOUR / 2 + again).await;
        world.judge_and_count().await;
    }
    world.seal().await;
    let (before, verdicts) = (world.plain().await, world.live_verdicts().await);
    assert!(verdicts > 0, "the same click again is found");
    drop(world);
    lose_catalog(directory.path());
    let world = World::open(directory.path()).await;
    let rebuilt = world.live_rebuild().run(world.clock.as_ref(), "ann", |_, _| {}).await.unwrap();
    assert_eq!((rebuilt.hours, rebuilt.unjudged), (HOURS.unsigned_abs() - 1, 0));
    let marks = world.snapshot().await.marks;
    assert!(marks.judged.clicks_through > marks.sealed_through(), "{marks:?}");
    world.judge_and_count().await;
    assert_eq!((world.plain().await, world.live_verdicts().await), (before, verdicts));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn role_that_began_before_a_rebuild_is_refused_once_and_goes_on() {
    let prepared = Prepared::new().await;
    let directory = prepared.copy();
    let (world, other) = (World::open(directory.path()).await, World::open(directory.path()).await);
    let (clicks, catalog) = (Arc::clone(&world.clicks), Arc::clone(&world.catalog));
    let projector = Projector::new(clicks, world.archive.clone(), catalog, world.limits);
    let mut projector = projector.behind_judge(world.history());
    assert_eq!(projector.tick(Duration::ZERO).await.unwrap(), 0, "it has found its place");
    let (clicks, catalog) = (Arc::clone(&world.clicks), Arc::clone(&world.catalog));
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let archiver = Archiver::new(clicks, world.archive.clone(), catalog, clock, world.limits);
    let mut archiver = archiver.behind_judge(Arc::clone(&world.verdicts), world.history());
    assert!(archiver.seal_next(world.clock.now()).await.unwrap().is_some());

    let mut writer = frame::Writer::new(Uuid::from_u128(2), 1);
    other.log_click(&mut writer, HOURS - 1, ALL, HOUR / 2).await;
    other.rebuild().await;
    let rules = Arc::new(Ruleset::shipped());
    let (clicks, verdicts) = (Arc::clone(&other.clicks), Arc::clone(&other.verdicts));
    let clock = Arc::clone(&other.clock) as Arc<dyn Clock>;
    let judge = Judge::new(Arc::clone(&clicks), verdicts, other.archive.clone(), rules, clock);
    let mut judging = Judging::new(judge, clicks, Arc::clone(&other.catalog));
    while judging.tick(Duration::ZERO).await.unwrap() {}

    let refused = projector.tick(Duration::ZERO).await.unwrap_err();
    assert!(refused.is_transient() && format!("{refused:?}").contains("rebuilt"), "{refused:?}");
    assert_eq!(projector.tick(Duration::ZERO).await.unwrap(), 1);
    let refused = archiver.seal_next(world.clock.now()).await.unwrap_err();
    assert!(refused.is_transient() && format!("{refused:?}").contains("rebuilt"), "{refused:?}");
    while archiver.seal_next(world.clock.now()).await.unwrap().is_some() {}
    assert_eq!(world.snapshot().await.segments.len(), usize::try_from(HOURS).unwrap() - 1);
    assert_eq!(world.plain().await, (ALL + 1, ALL + 1, i128::from(ALL + 1) * 1_000_000));
}
