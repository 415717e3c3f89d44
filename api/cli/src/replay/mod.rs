//! `clicktrail replay plan|build|resume|abort|status|list|show|work`

use crate::{exit::Exit, global::Global};

mod abort;
mod build;
mod list;
mod plan;
mod progress;
mod question;
mod resume;
mod show;
mod status;
mod summary;
mod work;
mod working;

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
}

impl Command {
    /// Whether all that it prints is one table.
    pub(super) const fn answers_with_a_table(&self) -> bool {
        match self {
            Self::List(_) => true,
            Self::Plan(_)
            | Self::Build(_)
            | Self::Resume(_)
            | Self::Abort(_)
            | Self::Status(_)
            | Self::Show(_)
            | Self::Work(_) => false,
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
    }
}
