//! A seeded simulation: servers, judges, projectors and archivers in one process on one thread, in virtual time, behind
//! stores that fail as stores fail. The same seed gives the same run, to the line.
//!
//! - `dice` are the numbers of a seed, `journal` what happened;
//! - `gate` decides what becomes of each operation on a store, by the `toxics` of the seed: `broker` (the logs),
//!   `objects` (the archive) and `catalog` (with `forward`) are these stores;
//! - `capture` and `roles` are the processes, which die anywhere and are started again; `clients` send clicks;
//! - `world` is what outlives them, and `drive` what happens to it;
//! - `auditor` counts everything again by itself after every step;
//! - `planted` are bugs that it has to find;
//! - `steady` lets one operation after the other fail once, and looks what is read again.
//!
//! `make simulate SEEDS=10000` runs as many seeds as one likes, `SEED=17` one of them with its journal.

mod auditor;
mod broker;
mod capture;
mod catalog;
mod clients;
mod dice;
mod drive;
mod errors;
mod fate;
mod forward;
mod gate;
mod journal;
mod ledger;
mod objects;
mod place;
mod planted;
mod roles;
mod steady;
mod tests;
mod toxics;
mod world;

use std::sync::Arc;

use clicktrail_log::recent::{self, Recent};

use self::{dice::Dice, drive::Course, planted::Planted, toxics::Toxics, world::World};

/// Hours of a run.
const HOURS: i64 = 3;

/// How a run ended.
#[derive(Debug)]
struct Ended {
    /// What did not hold.
    broken: Option<String>,
    /// What happened.
    lines: Vec<String>,
    /// What a person was to act on.
    errors: Vec<String>,
    /// Clicks, those that are billed, and sealed hours.
    size: [usize; 3],
}

/// What processes share of what they decoded: in a third of the seeds nothing, in a third all, and else the last few
/// frames. With a planted bug, nothing: what one of them spoils would be what all of them read.
fn recent(seed: u64, planted: Option<Planted>) -> Option<Arc<Recent>> {
    let bytes_max = [None, Some(50_000), Some(recent::BYTES_MAX)][usize::try_from(seed % 3).unwrap()];
    bytes_max.filter(|_| planted.is_none()).map(|bytes_max| Arc::new(Recent::new(bytes_max)))
}

/// Runs a seed.
fn run(seed: u64, hours: i64, planted: Option<Planted>, is_verbose: bool) -> Ended {
    let mut dice = Dice::new(seed);
    let toxics = Toxics::mixed(&mut dice);
    let toxics = if is_verbose { toxics.verbose() } else { toxics };
    let directory = world::directory();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let ended = runtime.block_on(async {
        let world = Arc::new(World::new(toxics, planted, recent(seed, planted), directory.path()));
        let _errors = tracing::subscriber::set_default(errors::Errors(Arc::clone(&world.journal)));
        let mut course = Course::begin(&world, dice);
        let broken = course.run(hours).await.err();
        Ended { broken, lines: world.journal.lines(), errors: world.journal.errors(), size: course.size() }
    });
    runtime.shutdown_background();
    ended
}
