//! `clicktrail retention`: what is kept for how long, and what is older.

mod apply;
mod kept;
mod show;

pub(crate) use kept::Kept;

use crate::{exit::Exit, global::Global};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show for each purpose how long it is kept, and the oldest that there is
    ///
    /// Exit code 2: something is older than it may get.
    Show(Kept),
    /// Erase personal columns that are older than they may get: whole months, in UTC
    Apply(apply::Arguments),
}

impl Command {
    /// Whether all that it prints is one table.
    pub(super) const fn answers_with_a_table(&self) -> bool {
        matches!(self, Self::Show(_))
    }
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Show(kept) => Box::pin(show::run(global, kept)).await,
        Command::Apply(arguments) => Box::pin(apply::run(global, arguments)).await,
    }
}
