//! A store that does not answer once costs what it did not answer: nothing that was folded or passed is read again.

use std::{path::Path, sync::Arc, time::Duration};

use clicktrail_catalog::{Catalog, HotPartial};
use clicktrail_log::{
    archive::Archive,
    frame::Writer,
    log::{Log, ReadLimit},
    position::{Position, Seq},
    time::Clock,
};
use clicktrail_projections::session;
use clicktrail_replay::Error;
use clicktrail_verdicts::{judge::Judge, reader::VerdictReader};
use uuid::Uuid;

use super::{
    catalog::Gated,
    clients::{Click, batch},
    dice::Dice,
    fate::Fate,
    gate::{Gate, Process},
    objects::Objects,
    place::Place,
    roles::RULES,
    toxics::Toxics,
    world::{self, World},
};
use crate::{counting::Projector, judging::Judging};

/// Frames of the open hour that were judged and counted before, each of one click.
const BEFORE: u64 = 900;
/// Frames that come then, and once these are judged and counted.
const THEN: u64 = 300;
const AT_LAST: u64 = 20;
/// So far apart, in microseconds: all of them lie within the look-back, and in one hour.
const APART: i64 = 2_500_000;
/// Every so many clicks one comes again, which is a verdict.
const REPEATED: u64 = 30;
/// What the step that failed had read may be read again, and a few frames to see whether the logs are still the same.
const AGAIN_MAX: usize = 256 + 8;
const _: () = assert!((AGAIN_MAX as u64) < BEFORE, "the look-back is more than that");
/// In which ways an operation fails.
const FATES: [Fate; 3] = [Fate::Refused, Fate::LostRequest, Fate::LostAnswer];

/// What a process reaches through its gate.
struct Reached {
    clicks: Arc<dyn Log>,
    verdicts: Arc<dyn Log>,
    archive: Archive,
    catalog: Arc<dyn Catalog>,
}

impl Reached {
    fn by(world: &World) -> Self {
        let (journal, toxics) = (Arc::clone(&world.journal), Arc::clone(&world.toxics));
        let gate = Gate::new("role".to_owned(), 1, Arc::new(Process::default()), journal, toxics, Dice::new(1));
        let gate = Arc::new(gate);
        let objects = Objects { inner: Arc::clone(&world.objects), gate: Arc::clone(&gate) };
        Self {
            clicks: Arc::new(world.through(&world.clicks, Place::Clicks, &gate)),
            verdicts: Arc::new(world.through(&world.verdicts, Place::Verdicts, &gate)),
            archive: Archive::from_store(Arc::new(objects)),
            catalog: Arc::new(Gated::new(world.catalog(), world.bridge.clone(), gate, None)),
        }
    }

    fn history(&self) -> VerdictReader {
        VerdictReader::new(Arc::clone(&self.verdicts), self.archive.clone())
    }

    fn judging(self, world: &World) -> Judging {
        let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
        let judge = Judge::new(Arc::clone(&self.clicks), self.verdicts, self.archive, Arc::clone(&RULES), clock);
        Judging::new(judge, self.clicks, self.catalog)
    }

    fn projector(self) -> Projector {
        let (history, limits) = (self.history(), session::Limits { threads: 1, ..session::Limits::default() });
        Projector::new(self.clicks, self.archive, self.catalog, limits).behind_judge(history)
    }
}

/// Logs clicks, each in a frame.
fn log(world: &World, clicks: std::ops::Range<u64>) {
    let mut writer = Writer::new(Uuid::from_u128(clicks.start.into()), 1);
    for number in clicks {
        world.pass(APART);
        let id = if number % REPEATED == 0 { "again".to_owned() } else { format!("c-{number}") };
        let now = world.now();
        let click = Click { advertiser: "acme", ad: "ad-1", id, user: format!("u-{number}"), first: now };
        let frame = writer.seal(&batch(&click, 0, now), (now, now)).unwrap();
        world.clicks.append(&frame, None).unwrap();
    }
}

/// Judges until there is nothing left; how often it failed.
async fn judge(judging: &mut Judging) -> u32 {
    let mut failed = 0;
    loop {
        match judging.tick(Duration::ZERO).await {
            Ok(true) => {}
            Ok(false) => return failed,
            Err(error) => failed += expected(&error),
        }
    }
}

async fn count(projector: &mut Projector) -> u32 {
    let mut failed = 0;
    loop {
        match projector.tick(Duration::ZERO).await {
            Ok(0) => return failed,
            Ok(_) => {}
            Err(error) => failed += expected(&error),
        }
    }
}

fn expected(error: &Error) -> u32 {
    assert!(error.is_transient(), "{error:?}");
    1
}

/// What came of a run.
#[derive(Debug, PartialEq)]
struct Outcome {
    verdicts: Vec<Position>,
    partials: Vec<HotPartial>,
}

async fn outcome(world: &World) -> Outcome {
    let reached = Reached::by(world);
    let ruled = reached.history().read(Seq::FIRST, ReadLimit::waiting(Duration::ZERO)).await.unwrap().ruled;
    let verdicts = ruled.into_iter().map(|ruled| ruled.verdict.target).collect();
    let partials = reached.catalog.partials(world::start().hour(), Seq::ZERO, u32::MAX).await.unwrap();
    Outcome { verdicts, partials }
}

/// A world in which some frames were judged and counted, and others were logged then.
async fn prepared(directory: &Path) -> World {
    let world = World::new(Toxics::default(), None, None, directory);
    log(&world, 0..BEFORE);
    judge(&mut Reached::by(&world).judging(&world)).await;
    count(&mut Reached::by(&world).projector()).await;
    log(&world, BEFORE..BEFORE + THEN);
    world
}

/// A run over a copy of `world` in which one operation fails, if there is a plan; frames read, and what came of it.
/// `None` if the run ended before its time to fail had come.
async fn run<W: AsyncFn(&World) -> u32>(
    world: &World,
    work: &W,
    plan: Option<(usize, Fate)>,
) -> Option<(usize, Outcome)> {
    let directory = world::directory();
    let copied = world.copied(Toxics::default(), directory.path());
    if let Some((after, fate)) = plan {
        copied.toxics.plan(after, fate);
    }
    let failed = work(&copied).await;
    assert!(failed <= u32::from(plan.is_some()), "it failed {failed} times: {plan:?}");
    let (given, is_over) = (copied.clicks.given(), copied.toxics.is_planned());
    (!is_over).then_some(())?;
    Some((given, outcome(&copied).await))
}

/// Lets every operation of some work fail once, in every way.
fn check<W: AsyncFn(&World) -> u32>(prepare: impl AsyncFn(&World), work: W) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let directory = world::directory();
        let world = prepared(directory.path()).await;
        prepare(&world).await;
        let (least, expected) = run(&world, &work, None).await.expect("nothing was planned");
        let mut operations = 0;
        for fate in FATES {
            for after in 0.. {
                let Some((given, outcome)) = run(&world, &work, Some((after, fate))).await else { break };
                assert!(
                    given <= least + AGAIN_MAX,
                    "{fate:?} of operation {after}: {given} frames were read, and {least} if nothing fails"
                );
                assert!(outcome == expected, "{fate:?} of operation {after}: {outcome:?}");
                operations += 1;
            }
        }
        println!("{operations} operations failed; {least} frames are read if none does");
        assert!(operations > 60 && least > usize::try_from(BEFORE + THEN).unwrap(), "{operations} {least}");
    });
}

#[test]
fn judge_keeps_its_fold_whatever_fails_once() {
    check(
        async |_| {},
        async |world| {
            let mut judging = Reached::by(world).judging(world);
            let failed = judge(&mut judging).await;
            log(world, BEFORE + THEN..BEFORE + THEN + AT_LAST);
            failed + judge(&mut judging).await
        },
    );
}

#[test]
fn projector_keeps_its_place_whatever_fails_once() {
    let judged = async |world: &World| {
        judge(&mut Reached::by(world).judging(world)).await;
    };
    check(judged, async |world| {
        let mut projector = Reached::by(world).projector();
        count(&mut projector).await
    });
}
