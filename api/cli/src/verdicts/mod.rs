//! `clicktrail verdicts judge|query|add|revoke|show|rules|stats|stale`

use clicktrail_log::position::Position;

use crate::{exit::Exit, global::Global};
use range::Range;

mod hand;
mod judge;
mod query;
mod range;
mod rules;
mod show;
mod stats;
mod words;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Judge sealed hours again, under --ruleset; appends verdicts only where a ruling changes
    Judge(judge::Arguments),
    /// Rule by SQL: SELECT position, reason (and category, decision) FROM clicks, personal, rulings
    Query(query::Arguments),
    /// Rule about one event by hand: a person's word stands over all others
    Add(hand::Add),
    /// Take a ruling by hand back: what stood without it stands again
    Revoke(hand::Revoke),
    /// Everything about one event: what it is, where it is stored, every verdict with its evidence, and what stands
    Show {
        /// Its position, as `log cat` prints it
        position: Position,
    },
    /// The rules that the judge applies, with their sources
    Rules,
    /// What the rules found, by rule and hour of the events
    Stats(Range),
    /// Sealed hours that a later verdict concerns than their numbers know
    Stale,
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Judge(arguments) => Box::pin(judge::run(global, arguments)).await,
        Command::Query(arguments) => Box::pin(query::run(global, arguments)).await,
        Command::Add(arguments) => Box::pin(hand::add(global, arguments)).await,
        Command::Revoke(arguments) => Box::pin(hand::revoke(global, arguments)).await,
        Command::Show { position } => Box::pin(show::run(global, position)).await,
        Command::Rules => rules::run(global),
        Command::Stats(range) => Box::pin(stats::run(global, range)).await,
        Command::Stale => Box::pin(stats::stale(global)).await,
    }
}
