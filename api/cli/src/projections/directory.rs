//! The directory of the user's projections: `NAME.sql` with `NAME.toml`. Other files are left alone.

use std::{collections::BTreeSet, fs::File, io::Read as _, path::Path};

use anyhow::{Context as _, ensure};
use clicktrail_projections::{Error, Projection, counters};

use crate::global::Global;

/// More than these are taken for a wrong directory.
const PROJECTIONS_MAX: usize = 256;
/// Bytes of one file. What is longer is refused where it is read as SQL or TOML.
const FILE_BYTES_MAX: u64 = 128 << 10;

/// A projection of the directory, or why it is none.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) name: String,
    pub(super) projection: Result<Projection, Error>,
}

/// Reads all projections of a directory, by name.
pub(super) async fn load(directory: &Path) -> anyhow::Result<Vec<Loaded>> {
    let mut loaded = Vec::new();
    for name in names(directory)? {
        let projection = projection(directory, &name).await?;
        loaded.push(Loaded { name, projection });
    }
    Ok(loaded)
}

/// Reads one projection of a directory.
pub(super) async fn load_one(directory: &Path, name: &str) -> anyhow::Result<Projection> {
    let names = names(directory)?;
    ensure!(
        names.contains(name),
        "there is no projection {name} in {}: it has {}",
        directory.display(),
        if names.is_empty() { "none".to_owned() } else { names.into_iter().collect::<Vec<_>>().join(", ") }
    );
    Ok(projection(directory, name).await??)
}

/// The projection of a name: counters, or one of the directory that is configured.
pub(crate) async fn named(global: &Global, name: &str) -> anyhow::Result<Projection> {
    if name == counters::NAME {
        return Ok(Projection::counters());
    }
    let directory = global.projections()?;
    let directory = directory
        .with_context(|| format!("{name} is no built-in projection: name the directory of yours by --projections"))?;
    load_one(&directory, name).await
}

/// Reads a file of SQL.
pub(super) fn text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
    read.with_context(|| format!("read {}", path.display()))?;
    Ok(text)
}

async fn projection(directory: &Path, name: &str) -> anyhow::Result<Result<Projection, Error>> {
    let path = |suffix: &str| directory.join(format!("{name}.{suffix}"));
    for (suffix, what) in [("toml", "names its columns"), ("sql", "selects them")] {
        if !path(suffix).is_file() {
            return Ok(Err(Error::Refused(format!(
                "{name}.{suffix} is missing, which {what}: see docs/projections.md"
            ))));
        }
    }
    Ok(Projection::from_files(name, &text(&path("toml"))?, &text(&path("sql"))?).await)
}

fn names(directory: &Path) -> anyhow::Result<BTreeSet<String>> {
    let read = || format!("read the projections in {}", directory.display());
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(directory).with_context(read)? {
        let path = entry.with_context(read)?.path();
        let is_ours = path.extension().is_some_and(|suffix| suffix == "sql" || suffix == "toml");
        if !is_ours || path.is_dir() {
            continue;
        }
        let name = path.file_stem().and_then(|stem| stem.to_str());
        let name = name.with_context(|| format!("{} has no name that is Unicode", path.display()))?;
        names.insert(name.to_owned());
        ensure!(names.len() <= PROJECTIONS_MAX, "{} has more than {PROJECTIONS_MAX} projections", directory.display());
    }
    Ok(names)
}
