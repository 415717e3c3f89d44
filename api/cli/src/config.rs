//! `clicktrail.toml`: what flags and environment did not say.

#![expect(clippy::disallowed_methods, reason = "the environment is read here, where it is no setting of a flag")]

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

/// The file's fields are those of the global flags.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) data: Option<PathBuf>,
    pub(super) nats: Option<String>,
    pub(super) nats_monitor: Option<String>,
    pub(super) stream_prefix: Option<String>,
    pub(super) archive: Option<String>,
    pub(super) catalog: Option<String>,
    pub(super) ruleset: Option<PathBuf>,
}

/// Who acts, for the audit.
pub(super) fn actor() -> String {
    std::env::var("USER").unwrap_or_else(|_| "cli".to_owned())
}

/// Reads the named file, or `./clicktrail.toml` if there is one.
pub(super) fn load(path: Option<&Path>) -> anyhow::Result<File> {
    let default = Path::new("clicktrail.toml");
    let path = match path {
        Some(path) => path,
        None if default.exists() => default,
        None => return Ok(File::default()),
    };
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("read {}", path.display()))
}
