//! The catalog made again from the object store: what it mirrors is forgotten and read back from manifests.

use clicktrail_log::{
    archive::{Archive, keys::ManifestKey},
    log::Stream,
    time::{Clock, Hour},
};
use clicktrail_projections::session;

use crate::{Error, catalog::Catalog, sealing};

/// What a rebuild found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Hours registered.
    pub hours: u64,
    /// Events in them.
    pub rows: u64,
}

/// Forgets what the catalog mirrors and registers every sealed hour again, in order. A segment that stands with its
/// receipt is used as it is; any other is built. `progress` is told after each hour: hours done, hours in all.
///
/// # Errors
/// See [`Error`]. The catalog then holds the hours up to the one that failed; the same call begins again.
pub async fn catalog(
    archive: &Archive,
    catalog: &dyn Catalog,
    clock: &dyn Clock,
    limits: session::Limits,
    actor: &str,
    mut progress: impl FnMut(u64, u64),
) -> Result<Rebuilt, Error> {
    let hours: Vec<Hour> = archive.sealed_hours(Stream::Clicks).await?;
    catalog.forget_derived(actor, clock.now()).await?;
    let mut rebuilt = Rebuilt::default();
    for hour in &hours {
        let key = ManifestKey { stream: Stream::Clicks, hour: *hour };
        let missing = || clicktrail_log::archive::Error::Missing(key.path().to_string());
        let manifest = archive.manifest(key).await?.ok_or_else(missing)?;
        rebuilt.rows += manifest.rows;
        sealing::register(archive, catalog, manifest, limits, clock.now()).await?;
        rebuilt.hours += 1;
        progress(rebuilt.hours, hours.len() as u64);
    }
    Ok(rebuilt)
}
