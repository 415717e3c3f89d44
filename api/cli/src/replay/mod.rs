//! `clicktrail replay plan|build|resume|abort|status|list|show|work|diff|promote|rollback|verify|gc|stale|log`

use crate::{exit::Exit, global::Global};

mod abort;
mod build;
mod diff;
mod estimate;
mod gc;
pub(crate) mod generation;
mod invoiced;
mod list;
mod log;
mod plan;
mod progress;
mod promote;
mod question;
mod recount_hours;
mod resume;
mod rollback;
mod show;
mod stale;
mod status;
mod summary;
pub(crate) mod trail;
mod verify;
mod work;
mod working;

pub(super) use generation::named;
pub(super) use recount_hours::{promote_stale, unsettled};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Say what a build would read, compute and use again; nothing is changed
    Plan(plan::Arguments),
    /// Build the segments of a plan beside what counts; nothing counts from them
    ///
    /// It may be interrupted or killed at any time: `replay resume` goes on. A server, other builds and any number of
    /// `replay work` may run at the same time.
    Build(build::Arguments),
    /// Go on with a build that was interrupted or failed
    Resume(resume::Arguments),
    /// Give a build up
    Abort(abort::Arguments),
    /// Say how far a build is
    Status(status::Arguments),
    /// List builds, the newest first
    List(list::Arguments),
    /// Show a build: what it reads, and what became of each hour
    Show(show::Arguments),
    /// Help with builds: take hours of all of them, or of one
    ///
    /// On any machine that reaches the same log, archive and catalog.
    Work(work::Arguments),
    /// Compare what a build made with what counts: money and counts, by cause
    ///
    /// Exit code 2 says that there are differences.
    Diff(diff::Arguments),
    /// Let every hour of a build count, in one step
    ///
    /// Refused, with exit code 3 and the name of the gate, if what counts moved since it was planned, its input is
    /// another, an advertiser with clicks would have none, a bill changes by more than --max-delta, or one is issued.
    Promote(promote::Arguments),
    /// Let every hour of a build count as before its promotion, in one step
    Rollback(rollback::Arguments),
    /// Compute hours again and compare: what counts, or what a build made
    ///
    /// Exit code 0 only if something was compared and all of it is the same.
    Verify(verify::Arguments),
    /// Build every hour that has newer verdicts than what counts, and promote it if little money moves: for a schedule
    ///
    /// Exit code 3 says that it was built and left for a person, with each advertiser whose spend moves too much.
    Stale(stale::Arguments),
    /// Remove segments and receipts that nothing needs; all of them can be built again
    Gc(gc::Arguments),
    /// List what was promoted and rolled back, when, by whom and why
    Log,
}

impl Command {
    /// Whether all that it prints is one table.
    pub(super) const fn answers_with_a_table(&self) -> bool {
        match self {
            Self::List(_) | Self::Diff(_) | Self::Log => true,
            Self::Plan(_)
            | Self::Build(_)
            | Self::Resume(_)
            | Self::Abort(_)
            | Self::Status(_)
            | Self::Show(_)
            | Self::Work(_)
            | Self::Promote(_)
            | Self::Rollback(_)
            | Self::Verify(_)
            | Self::Stale(_)
            | Self::Gc(_) => false,
        }
    }
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Plan(arguments) => Box::pin(plan::run(global, arguments)).await,
        Command::Build(arguments) => Box::pin(build::run(global, arguments)).await,
        Command::Resume(arguments) => Box::pin(resume::run(global, arguments)).await,
        Command::Abort(arguments) => Box::pin(abort::run(global, arguments)).await,
        Command::Status(arguments) => Box::pin(status::run(global, arguments)).await,
        Command::List(arguments) => Box::pin(list::run(global, arguments)).await,
        Command::Show(arguments) => Box::pin(show::run(global, arguments)).await,
        Command::Work(arguments) => Box::pin(work::run(global, arguments)).await,
        Command::Diff(arguments) => Box::pin(diff::run(global, arguments)).await,
        Command::Promote(arguments) => Box::pin(promote::run(global, arguments)).await,
        Command::Rollback(arguments) => Box::pin(rollback::run(global, arguments)).await,
        Command::Verify(arguments) => Box::pin(verify::run(global, arguments)).await,
        Command::Stale(arguments) => Box::pin(stale::run(global, arguments)).await,
        Command::Gc(arguments) => Box::pin(gc::run(global, arguments)).await,
        Command::Log => Box::pin(log::run(global)).await,
    }
}
