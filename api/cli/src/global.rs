//! What every command takes, and the installation that it names.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use clicktrail_log::time::SystemClock;
use clicktrail_verdicts::ruleset::Ruleset;

use crate::{
    config,
    installation::{Installation, Places},
};

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Data directory: log, archive and catalog, unless they are elsewhere [default: ./clicktrail-data]
    #[arg(long, global = true, env = "CLICKTRAIL_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Keep the log on NATS JetStream: nats://HOST:PORT
    #[arg(long, global = true, env = "CLICKTRAIL_NATS", value_name = "URL")]
    pub(crate) nats: Option<String>,
    /// Monitoring address of the NATS server, which says whether it fsyncs: http://HOST:8222
    #[arg(long, global = true, env = "CLICKTRAIL_NATS_MONITOR", value_name = "URL")]
    pub(crate) nats_monitor: Option<String>,
    /// Prefix of the stream names CLICKS, VERDICTS and REJECTED
    #[arg(long, global = true, env = "CLICKTRAIL_STREAM_PREFIX", value_name = "TEXT")]
    pub(crate) stream_prefix: Option<String>,
    /// Keep the archive on S3: s3://BUCKET (credentials and endpoint come from AWS_* variables)
    #[arg(long, global = true, env = "CLICKTRAIL_ARCHIVE", value_name = "URL")]
    pub(crate) archive: Option<String>,
    /// Keep the catalog on PostgreSQL: postgres://USER@HOST/DATABASE
    #[arg(long, global = true, env = "CLICKTRAIL_CATALOG", value_name = "URL", hide_env_values = true)]
    pub(crate) catalog: Option<String>,
    /// Ruleset of the judge [default: the one in the program; see `verdicts rules`]
    #[arg(long, global = true, env = "CLICKTRAIL_RULESET", value_name = "FILE.toml")]
    pub(crate) ruleset: Option<PathBuf>,
    /// Configuration file; flags and the environment take precedence over it [default: ./clicktrail.toml, if it exists]
    #[arg(long, global = true, env = "CLICKTRAIL_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Format of the results
    #[arg(long, global = true, value_enum, default_value = "table")]
    pub(crate) output: Format,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs: one JSON document.
    Json,
}

/// A command that reads was pointed at nothing: its input is incomplete.
#[derive(Debug, thiserror::Error)]
#[error("there is no data directory {0}: name it with --data")]
pub(crate) struct NoDataDirectory(String);

impl Global {
    /// Where everything is: flags first, then the environment, then the configuration file.
    pub(crate) fn places(&self) -> anyhow::Result<Places> {
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

    /// Who acts, for the audit: who is named, else as configured, else the user of the operating system.
    pub(crate) fn actor(&self, named: Option<String>) -> anyhow::Result<String> {
        config::actor(named, config::load(self.config.as_deref())?.actor)
    }

    /// The judge's rules.
    pub(crate) fn rules(&self) -> anyhow::Result<Arc<Ruleset>> {
        let file = self.ruleset.clone().or(config::load(self.config.as_deref())?.ruleset);
        let rules = match &file {
            Some(path) => Ruleset::load(path).with_context(|| format!("read ruleset {}", path.display()))?,
            None => Ruleset::shipped(),
        };
        Ok(Arc::new(rules))
    }

    /// Opens an installation that is there, for commands that only read: a mistyped directory is not made.
    pub(crate) async fn open_existing(&self) -> anyhow::Result<Installation> {
        let places = self.places()?;
        let data = &places.data;
        if !data.is_dir() {
            return Err(NoDataDirectory(data.display().to_string()).into());
        }
        Installation::open(places, Arc::new(SystemClock)).await
    }

    /// Opens an installation, and makes what is not there.
    pub(crate) async fn open(&self) -> anyhow::Result<Installation> {
        Installation::open(self.places()?, Arc::new(SystemClock)).await
    }
}
