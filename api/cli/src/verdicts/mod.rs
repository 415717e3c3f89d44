//! `clicktrail verdicts judge|query|add|revoke|show|rules|stats|stale`

use clicktrail_log::position::Position;

use crate::{exit::Exit, global::Global};
pub(crate) use range::Range;
pub(crate) use words::sum;

mod bill;
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
    /// Judge sealed hours again by --ruleset, and append a verdict where a ruling changes
    ///
    /// Billed totals stay as they are, also of an hour that is sealed later: see `verdicts stale` for the hours, and
    /// `counters --as-of latest`.
    Judge(judge::Arguments),
    /// Rule about the events that a SELECT names; without --apply only say what would change
    ///
    /// Billed totals stay as they are, also of an hour that is sealed later: see `verdicts stale` for the hours, and
    /// `counters --as-of latest`.
    Query(query::Arguments),
    /// Rule about one click or conversion by hand; this overrules judge and queries, also later ones
    ///
    /// Billed totals stay as they are, also of an hour that is sealed later: see `verdicts stale` for the hours, and
    /// `counters --as-of latest`.
    Add(hand::Add),
    /// Take a ruling by hand back; what stands without rulings by hand stands again
    ///
    /// Billed totals stay as they are, also of an hour that is sealed later: see `verdicts stale` for the hours, and
    /// `counters --as-of latest`.
    Revoke(hand::Revoke),
    /// Show one event: its columns, where it is stored, every verdict with its evidence, and the ruling
    Show {
        /// Its position, as `log cat` prints it
        position: Position,
    },
    /// List the rules that the judge applies (with their sources in --output json)
    Rules,
    /// Count what the rules found, by rule and by hour of the events
    Stats(Range),
    /// List sealed hours that have verdicts newer than their totals
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
