//! The command line, and which file runs each command.

use std::{
    io::{ErrorKind, Write as _},
    process::ExitCode,
};

use anyhow::ensure;
use clap::{Parser, Subcommand};

use crate::{
    accounts, ads, audit, catalog, correction, counters, demo, doctor, evidence,
    exit::Exit,
    global::{Format, Global, NoDataDirectory, Requested},
    import, invoice, log, methodology, output, period, personal, projections, reading, reconcile, rejected, replay,
    retention, schema, serve, simulate, verdicts, witness,
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
    /// Writes to ./clicktrail-demo, or to --data or CLICKTRAIL_DATA if one of them is given. It takes a new or empty
    /// directory, or one that holds nothing but made-up events, and no other log, archive or catalog.
    Demo(demo::Arguments),
    /// Take events over HTTP, judge and count them live, and seal hours as they pass
    Serve(serve::Arguments),
    /// Log a file of past events in order of event time; importing it again logs no event twice
    Import(import::Arguments),
    /// Make up realistic events, in --data or on a running server
    ///
    /// In --data it takes a new or empty directory, or one that holds nothing but made-up events, and no other log,
    /// archive or catalog. What is sent to a server (--url) cannot be taken back: never name one with real events.
    Simulate(simulate::Arguments),
    /// Registered ads: who pays for a click, how much, and where it leads
    #[command(subcommand)]
    Ads(ads::Command),
    /// The click log and its sealed hours
    #[command(subcommand)]
    Log(log::Command),
    /// Count clicks and money by dimension and time
    Counters(counters::Arguments),
    /// Count by other keys and measures: SQL files of your own, which are checked first
    #[command(subcommand)]
    Projections(projections::Command),
    /// What was ruled about clicks and why; judge again, or rule by SQL or by hand
    #[command(subcommand)]
    Verdicts(verdicts::Command),
    /// Describe what is counted, filtered, adjusted and kept, and under which digests, as Markdown
    Methodology(methodology::Arguments),
    /// Build what counts again, from exact inputs and beside it: plan, build, resume, list, help
    #[command(subcommand)]
    Replay(replay::Command),
    /// Correct facts, however old: events that were missing, and clicks that should not stand
    #[command(subcommand)]
    Correction(correction::Command),
    /// Who is billed and how: accounts with their terms, and who bills
    #[command(subcommand)]
    Accounts(accounts::Command),
    /// Months and weeks that are billed, and whether they can be
    #[command(subcommand)]
    Period(period::Command),
    /// Invoices: draft, review, approve
    #[command(subcommand)]
    Invoice(invoice::Command),
    /// Hold a partner's own list of clicks against ours: who has which, why, and what each reason is in money
    ///
    /// Exits with 0 if both sides agree, 2 if they differ, 4 if the list cannot be read whole.
    Reconcile(reconcile::Arguments),
    /// What others can check without us: keys, and files that prove an invoice
    #[command(subcommand)]
    Evidence(evidence::Command),
    /// Sign checkpoints of other logs, as long as each continues the one before
    ///
    /// Needs no data directory but its own state. Prints its verifier key and the address that it listens on.
    Witness(witness::Arguments),
    /// Events that failed validation, with their original bytes
    #[command(subcommand)]
    Rejected(rejected::Command),
    /// Erase somebody: what is about people goes, what was counted and proved stays
    #[command(subcommand)]
    Personal(personal::Command),
    /// What is kept for how long
    #[command(subcommand)]
    Retention(retention::Command),
    /// The columns of events and verdicts, and their published versions
    #[command(subcommand)]
    Schema(schema::Command),
    /// Check what this installation can promise: fsync, durability, clock, archive, catalog
    Doctor(doctor::Arguments),
    /// Who changed what, when and why
    #[command(subcommand)]
    Audit(audit::Command),
    /// The catalog of hours, segments and ads
    #[command(subcommand)]
    Catalog(catalog::Command),
}

impl Command {
    /// Whether all that it prints is one table.
    const fn answers_with_a_table(&self) -> bool {
        match self {
            Self::Counters(_) | Self::Reconcile(_) | Self::Audit(audit::Command::Log(_)) => true,
            Self::Ads(command) => matches!(command, ads::Command::List),
            Self::Log(command) => matches!(command, log::Command::Hours { .. }),
            Self::Projections(command) => {
                matches!(command, projections::Command::List | projections::Command::Query(_))
            }
            Self::Verdicts(command) => matches!(command, verdicts::Command::Stats(_) | verdicts::Command::Stale),
            Self::Correction(command) => matches!(command, correction::Command::List),
            Self::Accounts(command) => command.answers_with_a_table(),
            Self::Period(command) => command.answers_with_a_table(),
            Self::Invoice(command) => command.answers_with_a_table(),
            Self::Rejected(command) => matches!(command, rejected::Command::List { .. }),
            Self::Replay(command) => command.answers_with_a_table(),
            Self::Personal(command) => command.answers_with_a_table(),
            Self::Retention(command) => command.answers_with_a_table(),
            Self::Catalog(command) => matches!(command, catalog::Command::Reconciliations),
            Self::Demo(_)
            | Self::Serve(_)
            | Self::Import(_)
            | Self::Simulate(_)
            | Self::Methodology(_)
            | Self::Evidence(_)
            | Self::Witness(_)
            | Self::Schema(_)
            | Self::Doctor(_) => false,
        }
    }

    /// Whether what it prints are rows without an end.
    const fn answers_with_a_stream(&self) -> bool {
        matches!(self, Self::Log(log::Command::Cat { .. }))
    }
}

/// Runs the command that the process was started with.
pub async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // Help and version are answers; clap's own 2 for a mistake means something else here.
            let lost = help_is_lost(&usage);
            return ExitCode::from(u8::from(lost || usage.use_stderr()));
        }
    };
    let code = match run(cli).await {
        Ok(exit) => exit.code(),
        Err(error) => {
            output::error(&error);
            let incomplete = error.is::<NoDataDirectory>();
            if incomplete { Exit::InputIncomplete.code() } else { 1 }
        }
    };
    let disturbed = reading::disturbed();
    if let Some(disturbed) = &disturbed {
        output::note(&format!("clicktrail: {disturbed}"));
    }
    match output::finish() {
        Ok(()) => ExitCode::from(if disturbed.is_some() { 1 } else { code }),
        // Whatever the command found, nobody can read it.
        Err(error) => {
            output::error(&error.into());
            ExitCode::from(1)
        }
    }
}

/// Prints what clap has to say, and tells whether it could not be written.
fn help_is_lost(usage: &clap::Error) -> bool {
    match usage.print().and_then(|()| std::io::stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            output::error(&anyhow::Error::from(error).context("write to stdout"));
            true
        }
        Ok(()) | Err(_) => false,
    }
}

async fn run(cli: Cli) -> anyhow::Result<Exit> {
    let Cli { mut global, command } = cli;
    match global.requested {
        Requested::Table => global.output = Format::Table,
        Requested::Json => global.output = Format::Json,
        Requested::Csv => {
            ensure!(command.answers_with_a_table(), "this command has no table to print as CSV: use --output json");
            output::tables_are_csv();
        }
        Requested::Ndjson | Requested::Arrow => {
            ensure!(command.answers_with_a_stream(), "this command has no stream of rows to print: use --output json");
        }
    }
    output::tracing(matches!(command, Command::Serve(_) | Command::Witness(_)));
    match command {
        Command::Demo(arguments) => Box::pin(demo::run(&global, arguments)).await,
        Command::Serve(arguments) => Box::pin(serve::run(&global, arguments)).await,
        Command::Import(arguments) => Box::pin(import::run(&global, arguments)).await,
        Command::Simulate(arguments) => Box::pin(simulate::run(&global, arguments)).await,
        Command::Ads(command) => Box::pin(ads::run(&global, command)).await,
        Command::Log(command) => Box::pin(log::run(&global, command)).await,
        Command::Counters(arguments) => Box::pin(counters::run(&global, arguments)).await,
        Command::Projections(command) => Box::pin(projections::run(&global, command)).await,
        Command::Verdicts(command) => Box::pin(verdicts::run(&global, command)).await,
        Command::Methodology(arguments) => methodology::run(&global, &arguments),
        Command::Replay(command) => Box::pin(replay::run(&global, command)).await,
        Command::Correction(command) => Box::pin(correction::run(&global, command)).await,
        Command::Accounts(command) => Box::pin(accounts::run(&global, command)).await,
        Command::Period(command) => Box::pin(period::run(&global, command)).await,
        Command::Invoice(command) => Box::pin(invoice::run(&global, command)).await,
        Command::Reconcile(arguments) => Box::pin(reconcile::run(&global, arguments)).await,
        Command::Rejected(command) => Box::pin(rejected::run(&global, command)).await,
        Command::Personal(command) => Box::pin(personal::run(&global, command)).await,
        Command::Retention(command) => Box::pin(retention::run(&global, command)).await,
        Command::Evidence(command) => Box::pin(evidence::run(&global, command)).await,
        Command::Witness(arguments) => Box::pin(witness::run(arguments)).await,
        Command::Schema(command) => schema::run(&global, &command),
        Command::Doctor(arguments) => Box::pin(doctor::run(&global, arguments)).await,
        Command::Audit(command) => Box::pin(audit::run(&global, command)).await,
        Command::Catalog(command) => Box::pin(catalog::run(&global, command)).await,
    }
}
