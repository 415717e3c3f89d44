//! Processes: each has one role, dies and is started again until the run ends.

use std::sync::{Arc, LazyLock};

use clicktrail_log::{archive::Archive, log::Log, recent::RecentLog, time::Clock};
use clicktrail_projections::session;
use clicktrail_verdicts::{judge::Judge, reader::VerdictReader, ruleset::Ruleset};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    capture::Capture,
    catalog::Gated,
    dice::Dice,
    gate::{Gate, Process, pause},
    objects::Objects,
    place::Place,
    planted::Planted,
    world::{Skewed, World},
};
use crate::{counting::Projector, judging::Judging, sealing::Archiver};

pub(super) static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(|| Arc::new(Ruleset::shipped()));

/// What a process does.
#[derive(Debug, Clone)]
pub(super) enum Role {
    Capture(Arc<Capture>),
    Judge,
    Projector,
    Archiver(Arc<Skewed>),
}

/// A process that is started again whenever it dies.
#[derive(Debug)]
pub(super) struct Service {
    name: &'static str,
    lane: u64,
    role: Role,
}

/// Ends what runs in a process with it.
struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Service {
    pub(super) fn new(name: &'static str, lane: u64, role: Role) -> Self {
        Self { name, lane, role }
    }

    pub(super) fn start(self, world: &Arc<World>, dice: Dice) {
        tokio::spawn(self.keep(Arc::clone(world), dice));
    }

    async fn keep(self, world: Arc<World>, mut dice: Dice) {
        for start in 1_u32.. {
            pause(&world.journal, self.lane, dice.between(1, 50)).await;
            let process = world.process(self.name);
            let name = format!("{} {start}", self.name);
            let (journal, toxics) = (Arc::clone(&world.journal), Arc::clone(&world.toxics));
            let gate = Arc::new(Gate::new(name, self.lane, Arc::clone(&process), journal, toxics, dice.fork()));
            gate.note("starts");
            let mut running = Running(tokio::spawn(run(Arc::clone(&world), self.role.clone(), Arc::clone(&gate))));
            tokio::select! {
                biased;
                () = process.died() => gate.note("died"),
                ended = &mut running.0 => self.ended(&world, ended, &process),
            }
            drop(running);
            if let Role::Capture(capture) = &self.role {
                capture.stopped();
            }
            world.gone(&process);
            pause(&world.journal, self.lane, dice.between(10, 3_000)).await;
        }
    }

    /// A role that ends before its time.
    fn ended(&self, world: &World, ended: Result<(), tokio::task::JoinError>, process: &Process) {
        process.die();
        match ended {
            // What its log refused for good: the server is restarted.
            Ok(()) if matches!(self.role, Role::Capture(_)) => world.journal.note(&format!("{} stops", self.name)),
            Ok(()) => world.journal.broken(format!("{} ended before its time", self.name)),
            Err(error) if error.is_panic() => {
                let panic = error.into_panic();
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                world.journal.broken(format!("{} panicked: {}", self.name, text.unwrap_or_default()));
            }
            Err(_) => {}
        }
    }
}

async fn run(world: Arc<World>, role: Role, gate: Arc<Gate>) {
    let mut clicks = world.through(&world.clicks, Place::Clicks, &gate);
    // What only one role does wrong.
    let is_planted = match world.planted {
        Some(Planted::SealedBeforeTail) => matches!(role, Role::Archiver(_)),
        Some(Planted::StrangersId) => matches!(role, Role::Judge),
        Some(_) | None => true,
    };
    clicks.planted = world.planted.filter(|_| is_planted);
    let clicks: Arc<dyn Log> = match &world.recent {
        Some(recent) => Arc::new(RecentLog::new(Arc::new(clicks), Arc::clone(recent))),
        None => Arc::new(clicks),
    };
    let verdicts: Arc<dyn Log> = Arc::new(world.through(&world.verdicts, Place::Verdicts, &gate));
    let objects = Objects { inner: Arc::clone(&world.objects), gate: Arc::clone(&gate) };
    let archive = Archive::from_store(Arc::new(objects));
    let catalog = Gated::new(world.catalog(), world.bridge.clone(), Arc::clone(&gate), world.planted);
    let catalog = Arc::new(catalog);
    let limits = session::Limits { threads: 1, ..session::Limits::default() };
    let history = VerdictReader::new(Arc::clone(&verdicts), archive.clone());
    let stop = CancellationToken::new();
    match role {
        Role::Capture(capture) => capture.run(&world, &gate).await,
        Role::Judge => {
            let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
            let judge = Judge::new(Arc::clone(&clicks), verdicts, archive, Arc::clone(&RULES), clock);
            Box::pin(Judging::new(judge, clicks, catalog).run(stop)).await;
        }
        Role::Projector => {
            let projector = Projector::new(clicks, archive, catalog, limits).behind_judge(history);
            Box::pin(projector.run(stop)).await;
        }
        Role::Archiver(clock) => {
            let archiver = Archiver::new(clicks, archive, catalog, clock, limits).behind_judge(verdicts, history);
            Box::pin(archiver.run(stop)).await;
        }
    }
}
