//! `clicktrail.toml`: what flags and environment did not say.

#![expect(clippy::disallowed_methods, reason = "the environment is read here, where it is no setting of a flag")]

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

/// The file's fields are those of the global flags, and who acts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) data: Option<PathBuf>,
    pub(super) nats: Option<String>,
    pub(super) nats_monitor: Option<String>,
    pub(super) stream_prefix: Option<String>,
    pub(super) replicas: Option<usize>,
    pub(super) archive: Option<String>,
    pub(super) catalog: Option<String>,
    pub(super) ruleset: Option<PathBuf>,
    pub(super) projections: Option<PathBuf>,
    /// Months before the current one for which personal columns are kept; the role archive erases older ones only if it
    /// says so.
    pub(super) personal_months: Option<u32>,
    /// Who changes ads, where `--actor` and `CLICKTRAIL_ACTOR` name nobody.
    pub(super) actor: Option<String>,
}

/// Characters of a name.
const ACTOR_CHARS_MAX: usize = 256;

/// Who acts, for the audit: who is named, else who is configured, else the user of the operating system. Commands
/// without `--actor` take `CLICKTRAIL_ACTOR` too.
///
/// # Errors
/// If the name is empty, too long, or holds a control character.
pub(super) fn actor(named: Option<String>, file: Option<String>) -> anyhow::Result<String> {
    let given = std::env::var("CLICKTRAIL_ACTOR").ok().filter(|name| !name.is_empty());
    let actor = named.or(given).or(file).unwrap_or_else(user);
    let length = actor.chars().count();
    ensure!(
        (1..=ACTOR_CHARS_MAX).contains(&length) && !actor.chars().any(char::is_control),
        "actor {actor:?} must have 1 to {ACTOR_CHARS_MAX} characters, none of them a control character"
    );
    Ok(actor)
}

/// The user of the operating system: a service or a container may have none by name.
fn user() -> String {
    let named =
        ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    named.unwrap_or_else(|| match std::fs::metadata("/proc/self") {
        Ok(process) => format!("uid {}", process.uid()),
        Err(_) => "unknown".to_owned(),
    })
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
