//! `clicktrail projections list|check|query`

mod check;
pub(super) mod directory;
mod list;
mod query;
mod shown;

use crate::{exit::Exit, global::Global};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List counters, and the projections of the directory that --projections names
    List,
    /// Check projections: that they can be repeated and added up, and that their columns are those that they name
    Check(check::Arguments),
    /// Compute a projection over a range of event times, and print its rows
    ///
    /// It counts what `counters` counts: sealed hours with the judge's live verdicts, and what was counted since.
    /// What it computed of a sealed hour stays in the archive, where the next question finds it.
    Query(query::Arguments),
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List => list::run(global).await,
        Command::Check(arguments) => check::run(global, arguments).await,
        Command::Query(arguments) => Box::pin(query::run(global, arguments)).await,
    }
}
