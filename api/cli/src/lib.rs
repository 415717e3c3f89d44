//! The `clicktrail` command: one file per subcommand. Results go to stdout, all else to stderr.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clicktrail_log::time::SystemClock;
use clicktrail_verdicts::ruleset::Ruleset;

use installation::{Installation, Places};

mod ads;
mod catalog;
mod config;
mod counters;
mod demo;
mod doctor;
mod import;
pub mod installation;
mod log;
mod output;
mod progress;
mod rejected;
mod schema;
mod serve;
mod simulate;
mod verdicts;

/// Exit codes are a contract: 0 ok, 1 error, 2 differences found, 3 gate refused, 4 input incomplete, 5 partial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Ok,
    /// Done, and what was checked is not as it should be.
    Differences,
    /// Something that the command needs is not there.
    InputIncomplete,
}

impl Exit {
    const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Differences => 2,
            Self::InputIncomplete => 4,
        }
    }
}

/// Keeps every click, counts it once, and can prove both.
///
/// Everything lives in --data unless a log, archive or catalog elsewhere is named. Start with `clicktrail demo`.
#[derive(Debug, Parser)]
#[command(name = "clicktrail", version, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Directory of the embedded log, archive and catalog [default: ./clicktrail-data]
    #[arg(long, global = true, env = "CLICKTRAIL_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Log on NATS JetStream instead: nats://HOST:PORT
    #[arg(long, global = true, env = "CLICKTRAIL_NATS", value_name = "URL")]
    nats: Option<String>,
    /// The NATS server's monitoring address, which tells whether it fsyncs: http://HOST:8222
    #[arg(long, global = true, env = "CLICKTRAIL_NATS_MONITOR", value_name = "URL")]
    nats_monitor: Option<String>,
    /// Goes in front of the stream names CLICKS, VERDICTS and REJECTED
    #[arg(long, global = true, env = "CLICKTRAIL_STREAM_PREFIX", value_name = "TEXT")]
    stream_prefix: Option<String>,
    /// Archive on S3 instead: s3://BUCKET (credentials and endpoint from AWS_* variables)
    #[arg(long, global = true, env = "CLICKTRAIL_ARCHIVE", value_name = "URL")]
    archive: Option<String>,
    /// Catalog on PostgreSQL instead: postgres://USER@HOST/DATABASE
    #[arg(long, global = true, env = "CLICKTRAIL_CATALOG", value_name = "URL", hide_env_values = true)]
    catalog: Option<String>,
    /// The judge's rules [default: those that come with the program; see `verdicts rules`]
    #[arg(long, global = true, env = "CLICKTRAIL_RULESET", value_name = "FILE.toml")]
    ruleset: Option<PathBuf>,
    /// Configuration file; flags and environment go before it [default: ./clicktrail.toml if there is one]
    #[arg(long, global = true, env = "CLICKTRAIL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value = "table")]
    output: Format,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs: one JSON document.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole job on simulated clicks: log, seal, count, reconcile
    Demo(demo::Arguments),
    /// Take clicks over HTTP, count them live, seal hours as they pass
    Serve(serve::Arguments),
    /// Log a file of past events in event-time order; doing it again logs nothing twice
    Import(import::Arguments),
    /// Make realistic events, into --data or over HTTP
    Simulate(simulate::Arguments),
    /// The ad registry: whom a click bills and where it leads
    #[command(subcommand)]
    Ads(ads::Command),
    /// The click log and its sealed hours
    #[command(subcommand)]
    Log(log::Command),
    /// Counters by any dimension and time bucket
    Counters(counters::Arguments),
    /// What was ruled about clicks: judge again, ask, rule by hand, and see why
    #[command(subcommand)]
    Verdicts(verdicts::Command),
    /// Events that failed validation, with their original bytes
    #[command(subcommand)]
    Rejected(rejected::Command),
    /// The event schema and its published versions
    #[command(subcommand)]
    Schema(schema::Command),
    /// Check what this installation can promise: fsync, durability, clock, archive
    Doctor(doctor::Arguments),
    /// The catalog of hours, segments and ads
    #[command(subcommand)]
    Catalog(catalog::Command),
}

/// A command that reads was pointed at nothing: its input is incomplete.
#[derive(Debug, thiserror::Error)]
#[error("there is no data directory {0}: name it with --data")]
struct NoDataDirectory(String);

impl Global {
    fn places(&self) -> anyhow::Result<Places> {
        let file = config::load(self.config.as_deref())?;
        let data = self.data.clone().or(file.data).unwrap_or_else(|| PathBuf::from("clicktrail-data"));
        Ok(Places {
            data,
            nats: self.nats.clone().or(file.nats),
            nats_monitor: self.nats_monitor.clone().or(file.nats_monitor),
            stream_prefix: self.stream_prefix.clone().or(file.stream_prefix).unwrap_or_default(),
            archive: self.archive.clone().or(file.archive),
            catalog: self.catalog.clone().or(file.catalog),
        })
    }

    /// The judge's rules.
    fn rules(&self) -> anyhow::Result<Arc<Ruleset>> {
        let file = self.ruleset.clone().or(config::load(self.config.as_deref())?.ruleset);
        let rules = match &file {
            Some(path) => Ruleset::load(path).with_context(|| format!("read ruleset {}", path.display()))?,
            None => Ruleset::shipped(),
        };
        Ok(Arc::new(rules))
    }

    /// Opens an installation that is there, for commands that only read: a mistyped directory is not made.
    async fn open_existing(&self) -> anyhow::Result<Installation> {
        let places = self.places()?;
        let data = &places.data;
        if !data.is_dir() {
            return Err(NoDataDirectory(data.display().to_string()).into());
        }
        Installation::open(places, Arc::new(SystemClock)).await
    }

    async fn open(&self) -> anyhow::Result<Installation> {
        Installation::open(self.places()?, Arc::new(SystemClock)).await
    }
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
        Command::Rejected(command) => Box::pin(rejected::run(&global, command)).await,
        Command::Schema(command) => schema::run(&global, &command),
        Command::Doctor(arguments) => Box::pin(doctor::run(&global, arguments)).await,
        Command::Catalog(command) => Box::pin(catalog::run(&global, command)).await,
    }
}
