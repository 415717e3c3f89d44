//! `clicktrail verdicts judge|query|add|revoke|show|rules|stats|stale`

use clicktrail_log::{
    position::Position,
    time::{Hour, Timestamp},
};
use clicktrail_verdicts::verdict::{Category, Decision};

use super::{Exit, Format, Global, output, progress};

mod hand;
mod judge;
mod query;
mod rules;
mod show;
mod stats;

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

/// A range of sealed hours.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Range {
    /// From this hour on, as in 2026-11-22T14, or this day
    #[arg(long, value_parser = hour)]
    from: Option<Hour>,
    /// Up to this hour, exclusive
    #[arg(long, value_parser = hour)]
    to: Option<Hour>,
}

impl Range {
    fn holds(&self, hour: Hour) -> bool {
        self.from.is_none_or(|from| hour >= from) && self.to.is_none_or(|to| hour < to)
    }
}

/// `2026-11-22T14`, or `2026-11-22` for its first hour.
fn hour(text: &str) -> Result<Hour, String> {
    let parsed = Hour::parse(text).or_else(|| Hour::parse(&format!("{text}T00")));
    parsed.ok_or_else(|| "use an hour, as in 2026-11-22T14, or a day, as in 2026-11-22".to_owned())
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

/// `invalid (givt)` or `valid`.
fn ruling(decision: Decision, category: Option<Category>) -> String {
    match category {
        Some(category) => format!("{decision} ({category})"),
        None => decision.to_string(),
    }
}

/// What stands where nothing was ever ruled.
const UNRULED: &str = "valid: nothing was ruled";

/// Now, by the machine's clock.
fn now(instance: &crate::installation::Installation) -> Timestamp {
    instance.clock.now()
}
