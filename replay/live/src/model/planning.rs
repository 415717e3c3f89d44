//! A plan, and what counts for a bill, at every point of a promotion, a rollback or a rebuild: what is used again was
//! made of what was asked for.

use clicktrail_catalog::generations::GenerationId;
use clicktrail_log::archive::clicks::Clicks;
use clicktrail_projections::Projection;
use clicktrail_replay::{
    as_of,
    plan::{Plan, Planner, Request},
    rulings::HourRulings,
};

use super::{promoting::sealed, *};

/// What happens while somebody plans.
#[derive(Debug, Clone, Copy)]
enum Moving {
    RollBack,
    RollBackAndForward,
    Rebuild,
}

impl Moving {
    async fn make(self, world: &World, id: &GenerationId) {
        match self {
            Self::RollBack => world.roll_back(id).await,
            Self::RollBackAndForward => {
                world.roll_back(id).await;
                world.promote(id).await;
            }
            Self::Rebuild => world.rebuild().await,
        }
    }
}

impl World {
    async fn plan(&self) -> Plan {
        let (archive, history) = (self.archive.clone(), self.history());
        let planner = Planner { archive, history, catalog: Arc::clone(&self.catalog) };
        let request = Request {
            projection: Projection::counters(),
            sql: String::new(),
            from: None,
            to_inclusive: None,
            stale_only: false,
            clicks_before: None,
            verdicts_before: None,
        };
        planner.plan(&request).await.unwrap()
    }

    /// Every hour that a plan uses again is one of its manifest and of all rulings that its plan knows.
    async fn check_plan(&self, plan: &Plan) {
        for found in &plan.found {
            let manifest = self.archive.manifest::<Clicks>(found.hour).await.unwrap().unwrap();
            let before = plan.document.verdicts_before;
            let rulings = HourRulings::as_of(&self.history(), &manifest, before).await.unwrap();
            let input = segment::input_digest(&manifest, &rulings).to_string();
            assert_eq!(found.input_digest, input, "{} is used again without what was ruled", found.hour);
        }
    }
}

/// Two promotions, of which the second knows a ruling that the first does not.
async fn promoted_twice() -> (tempfile::TempDir, GenerationId) {
    let (directory, world) = sealed().await;
    let first = world.build(1).await;
    world.promote(&first).await;
    world.rule_again().await;
    let second = world.build(2).await;
    world.promote(&second).await;
    assert_eq!(world.stale_hours().await, 0);
    world.keep().await;
    drop(world);
    // SQLite closes its files some time after the drop.
    tokio::time::sleep(Duration::from_millis(500)).await;
    (directory, second)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plan_uses_nothing_again_that_lacks_a_ruling_whatever_is_moved_meanwhile() {
    let (directory, second) = promoted_twice().await;
    let prepared = Prepared { directory };
    for moving in [Moving::RollBack, Moving::RollBackAndForward, Moving::Rebuild] {
        let mut steps = 0;
        loop {
            let directory = prepared.copy();
            let (planner, other) = (World::open(directory.path()).await, World::open(directory.path()).await);
            let (plan, (), paused) = Box::pin(interleave(planner.plan(), steps, moving.make(&other, &second))).await;
            planner.check_plan(&plan).await;
            if !paused {
                break;
            }
            steps += 1;
        }
        assert!(steps > 5, "a plan has {steps} steps: nothing was interleaved");
    }
}

/// Drafting asks which hours are stale: after a rebuild, which follows no verdict, none would be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hours_are_stale_whenever_the_catalog_is_rebuilt() {
    let (directory, second) = promoted_twice().await;
    let world = World::open(directory.path()).await;
    world.roll_back(&second).await;
    world.keep().await;
    drop(world);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let prepared = Prepared { directory };
    let mut steps = 0;
    loop {
        let directory = prepared.copy();
        let (asker, other) = (World::open(directory.path()).await, World::open(directory.path()).await);
        let (history, all) = (asker.history(), (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2)));
        let end = history.end().await.unwrap();
        let asked = as_of::followed(&history, asker.catalog.as_ref(), counters::NAME, all, end);
        let (snapshot, (), paused) = Box::pin(interleave(asked, steps, other.rebuild())).await;
        let stale: Vec<Hour> = snapshot.unwrap().stale.iter().map(|stale| stale.hour).collect();
        assert_eq!(stale, [start().hour()], "rebuilt after {steps} steps");
        if !paused {
            break;
        }
        steps += 1;
    }
    assert!(steps > 2, "a question has {steps} steps: nothing was interleaved");
}
