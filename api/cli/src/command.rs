//! The command line, and which file runs each command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    ads, catalog, counters, demo, doctor,
    exit::Exit,
    global::{Global, NoDataDirectory},
    import, log, methodology, output, rejected, schema, serve, simulate, verdicts,
};

/// Keeps every click, counts it once, and can prove both.
///
/// Everything lives in --data unless a log, archive or catalog elsewhere is named. Start with `clicktrail demo`.
#[derive(Debug, Parser)]
#[command(name = "clicktrail", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole job on simulated clicks: log, judge, count, seal, compare
    ///
    /// Writes to ./clicktrail-demo, or to --data or CLICKTRAIL_DATA if one of them is given. What is logged cannot be
    /// taken back: never name a directory with real events.
    Demo(demo::Arguments),
    /// Take events over HTTP, judge and count them live, and seal hours as they pass
    Serve(serve::Arguments),
    /// Log a file of past events in order of event time; importing it again logs no event twice
    Import(import::Arguments),
    /// Make up realistic events, in --data or on a running server
    ///
    /// What is logged cannot be taken back: never name a directory or a server with real events.
    Simulate(simulate::Arguments),
    /// Registered ads: who pays for a click, how much, and where it leads
    #[command(subcommand)]
    Ads(ads::Command),
    /// The click log and its sealed hours
    #[command(subcommand)]
    Log(log::Command),
    /// Count clicks and money by dimension and time
    Counters(counters::Arguments),
    /// What was ruled about clicks and why; judge again, or rule by SQL or by hand
    #[command(subcommand)]
    Verdicts(verdicts::Command),
    /// Describe what is counted, filtered, adjusted and kept, and under which digests, as Markdown
    Methodology(methodology::Arguments),
    /// Events that failed validation, with their original bytes
    #[command(subcommand)]
    Rejected(rejected::Command),
    /// The columns of events and verdicts, and their published versions
    #[command(subcommand)]
    Schema(schema::Command),
    /// Check what this installation can promise: fsync, durability, clock, archive, catalog
    Doctor(doctor::Arguments),
    /// The catalog of hours, segments and ads
    #[command(subcommand)]
    Catalog(catalog::Command),
}

/// Runs the command that the process was started with.
pub async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            let _ = usage.print();
            // Help and version are answers; clap's own 2 for a mistake means something else here.
            return ExitCode::from(u8::from(usage.use_stderr()));
        }
    };
    match run(cli).await {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            output::error(&error);
            let incomplete = error.is::<NoDataDirectory>();
            ExitCode::from(if incomplete { Exit::InputIncomplete.code() } else { 1 })
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<Exit> {
    let Cli { global, command } = cli;
    output::tracing(matches!(command, Command::Serve(_)));
    match command {
        Command::Demo(arguments) => Box::pin(demo::run(&global, arguments)).await,
        Command::Serve(arguments) => Box::pin(serve::run(&global, arguments)).await,
        Command::Import(arguments) => Box::pin(import::run(&global, arguments)).await,
        Command::Simulate(arguments) => Box::pin(simulate::run(&global, arguments)).await,
        Command::Ads(command) => Box::pin(ads::run(&global, command)).await,
        Command::Log(command) => Box::pin(log::run(&global, command)).await,
        Command::Counters(arguments) => Box::pin(counters::run(&global, arguments)).await,
        Command::Verdicts(command) => Box::pin(verdicts::run(&global, command)).await,
        Command::Methodology(arguments) => methodology::run(&global, &arguments),
        Command::Rejected(command) => Box::pin(rejected::run(&global, command)).await,
        Command::Schema(command) => schema::run(&global, &command),
        Command::Doctor(arguments) => Box::pin(doctor::run(&global, arguments)).await,
        Command::Catalog(command) => Box::pin(catalog::run(&global, command)).await,
    }
}
