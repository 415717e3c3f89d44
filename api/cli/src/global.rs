//! What every command takes, and the installation that it names.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use clicktrail_log::time::SystemClock;
use clicktrail_verdicts::ruleset::Ruleset;

use crate::{
    config,
    installation::{Installation, Places, is_installation},
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
    /// On how many servers of the broker every stream is stored: 1, 3 or 5; a stream that has fewer is refused
    /// [default: 1]
    #[arg(long, global = true, env = "CLICKTRAIL_REPLICAS", value_name = "NUMBER", value_parser = replicas)]
    pub(crate) replicas: Option<usize>,
    /// Keep the archive elsewhere: s3://BUCKET (credentials and endpoint come from AWS_* variables), or a directory
    #[arg(long, global = true, env = "CLICKTRAIL_ARCHIVE", value_name = "URL or DIR")]
    pub(crate) archive: Option<String>,
    /// Keep the catalog on PostgreSQL: postgres://USER@HOST/DATABASE
    #[arg(long, global = true, env = "CLICKTRAIL_CATALOG", value_name = "URL", hide_env_values = true)]
    pub(crate) catalog: Option<String>,
    /// Ruleset of the judge: `default` or `scored`, which ship, or a file [default: default; see `verdicts rules`]
    #[arg(long, global = true, env = "CLICKTRAIL_RULESET", value_name = "NAME or FILE.toml")]
    pub(crate) ruleset: Option<PathBuf>,
    /// Directory of projections of your own: NAME.sql with NAME.toml each (see `projections check`)
    #[arg(long, global = true, env = "CLICKTRAIL_PROJECTIONS", value_name = "DIR")]
    pub(crate) projections: Option<PathBuf>,
    /// Configuration file; flags and the environment take precedence over it [default: ./clicktrail.toml, if it exists]
    #[arg(long, global = true, env = "CLICKTRAIL_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Format of the results; csv where they are a table, ndjson and arrow where they are a stream of rows
    #[arg(long = "output", global = true, value_enum, default_value = "table", value_name = "FORMAT")]
    pub(crate) requested: Requested,
    /// What commands do for it.
    #[arg(skip)]
    pub(crate) output: Format,
}

/// The formats that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Requested {
    /// For people.
    Table,
    /// For programs: one JSON document.
    Json,
    /// For spreadsheets: RFC 4180.
    Csv,
    /// For pipes: one JSON object a line.
    Ndjson,
    /// For engines: one Arrow IPC stream.
    Arrow,
}

/// How a command prints its results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// As lines and tables; `output` makes CSV of a table if that is asked for.
    #[default]
    Table,
    /// As one JSON document.
    Json,
}

/// A command that needs what is there was pointed at nothing: its input is incomplete.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoDataDirectory {
    /// It is not there.
    #[error("there is no data directory {0}: name it with --data")]
    Missing(String),
    /// It is there, and is something else.
    #[error("{0} is not a clicktrail directory, and nothing was made in it: name one with --data")]
    Another(String),
}

/// On so many servers a stream can be stored.
const REPLICAS: [usize; 3] = [1, 3, 5];

/// Reads how many servers are to store a stream: a majority of them has to be left to go on.
fn replicas(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| REPLICAS.contains(number)).ok_or_else(|| "use 1, 3 or 5".to_owned())
}

impl Global {
    /// Where everything is: flags first, then the environment, then the configuration file.
    pub(crate) fn places(&self) -> anyhow::Result<Places> {
        let file = config::load(self.config.as_deref())?;
        let replicas = self.replicas.or(file.replicas);
        ensure!(replicas.is_none_or(|number| REPLICAS.contains(&number)), "replicas = {replicas:?}: use 1, 3 or 5");
        let data = self.data.clone().or(file.data).unwrap_or_else(|| PathBuf::from("clicktrail-data"));
        Ok(Places {
            data,
            nats: self.nats.clone().or(file.nats),
            nats_monitor: self.nats_monitor.clone().or(file.nats_monitor),
            stream_prefix: self.stream_prefix.clone().or(file.stream_prefix).unwrap_or_default(),
            replicas,
            archive: self.archive.clone().or(file.archive),
            catalog: self.catalog.clone().or(file.catalog),
        })
    }

    /// The directory of the user's projections, if there is one.
    pub(crate) fn projections(&self) -> anyhow::Result<Option<PathBuf>> {
        Ok(self.projections.clone().or(config::load(self.config.as_deref())?.projections))
    }

    /// Who acts, for the audit: who is named, else as configured, else the user of the operating system.
    pub(crate) fn actor(&self, named: Option<String>) -> anyhow::Result<String> {
        config::actor(named, config::load(self.config.as_deref())?.actor)
    }

    /// The judge's rules.
    pub(crate) fn rules(&self) -> anyhow::Result<Arc<Ruleset>> {
        let file = self.ruleset.clone().or(config::load(self.config.as_deref())?.ruleset);
        let Some(path) = file else {
            return Ok(Arc::new(Ruleset::shipped()));
        };
        // A file of that name is `./scored`.
        if let Some(shipped) = path.to_str().and_then(Ruleset::named) {
            return Ok(Arc::new(shipped));
        }
        let known = || {
            let names: Vec<_> = Ruleset::names().collect();
            format!("read ruleset {} (those that ship are {})", path.display(), names.join(" and "))
        };
        Ok(Arc::new(Ruleset::load(&path).with_context(known)?))
    }

    /// Where everything is of an installation that is there: a mistyped directory is not made.
    pub(crate) fn existing(&self) -> anyhow::Result<Places> {
        let places = self.places()?;
        let data = &places.data;
        if !places.is_elsewhere() && !is_installation(data) {
            let name = data.display().to_string();
            let nothing = if data.is_dir() { NoDataDirectory::Another(name) } else { NoDataDirectory::Missing(name) };
            return Err(nothing.into());
        }
        Ok(places)
    }

    /// Opens an installation that is there, for commands that write.
    pub(crate) async fn open_existing(&self) -> anyhow::Result<Installation> {
        Installation::open(self.existing()?, Arc::new(SystemClock)).await
    }

    /// Opens an installation, and makes what is not there.
    pub(crate) async fn open(&self) -> anyhow::Result<Installation> {
        Installation::open(self.places()?, Arc::new(SystemClock)).await
    }
}
