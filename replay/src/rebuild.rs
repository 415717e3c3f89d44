//! Makes the catalog again from the object store: forgets what mirrors it, and reads that back from manifests.

use std::collections::BTreeMap;

use clicktrail_catalog::Catalog;
use clicktrail_log::{
    archive::{self, Archive, Manifest, clicks::Clicks, keys::ManifestKey},
    invariant,
    log::Stream,
    time::{Clock, Hour},
};
use clicktrail_projections::session;
use clicktrail_verdicts::reader::VerdictReader;

use crate::{error::Error, register};

/// Hours of the catalog that are read at a time.
const PAGE_HOURS: u32 = 1_000;
const _: () = assert!(PAGE_HOURS > 0, "an empty page would end the comparison");

/// What a rebuild found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Hours registered.
    pub hours: u64,
    /// Events in them.
    pub rows: u64,
}

/// Reads every manifest, in order, and compares them with what the catalog still remembers: a rebuild must not make an
/// hour disappear because somebody lost its manifest.
///
/// # Errors
/// [`Error::Incomplete`] naming the first hour that is missing, out of the chain, or another than the catalog knows.
async fn check(archive: &Archive, catalog: &dyn Catalog) -> Result<Vec<Manifest>, Error> {
    let mut manifests: Vec<Manifest> = Vec::new();
    for hour in archive.sealed_hours(Stream::Clicks).await? {
        let key = ManifestKey { stream: Stream::Clicks, hour };
        let missing = || archive::Error::Missing(key.path().to_string());
        let manifest = archive.manifest::<Clicks>(hour).await?.ok_or_else(missing)?;
        if let Some(previous) = manifests.last() {
            let follows = previous.hour().next() == hour && manifest.previous == Some(previous.digest().to_string());
            let hole = || Error::Incomplete(format!("the archive has a hole between {} and {hour}", previous.hour));
            follows.then_some(()).ok_or_else(hole)?;
        }
        manifests.push(manifest);
    }
    let known: BTreeMap<Hour, String> =
        manifests.iter().map(|manifest| (manifest.hour(), manifest.digest().to_string())).collect();
    let mut from = Hour::from_i64(i64::MIN / 2);
    loop {
        let page = catalog.list_hours(from, PAGE_HOURS).await?;
        let Some(last) = page.last().map(|hour| hour.hour) else { return Ok(manifests) };
        if let Some(lost) = page.iter().find(|hour| known.get(&hour.hour) != Some(&hour.manifest_digest)) {
            let lost = lost.hour;
            return Err(Error::Incomplete(format!("the archive does not hold {lost} as the catalog remembers it")));
        }
        from = last.next();
    }
}

/// Forgets what the catalog mirrors, and registers every sealed hour again, in order. A segment that stands with its
/// receipt is used as it is. Any other is built, with the live verdicts about its clicks. After each hour `progress` is
/// told how many hours are done, and how many there are.
///
/// # Errors
/// [`Error::Incomplete`] if the chain of hours has a hole, or the archive does not hold an hour that the catalog
/// remembers: then nothing was changed. After any other error the catalog holds the hours before the one that failed;
/// the same call begins again.
pub async fn catalog(
    archive: &Archive,
    history: &VerdictReader,
    catalog: &dyn Catalog,
    clock: &dyn Clock,
    limits: session::Limits,
    actor: &str,
    mut progress: impl FnMut(u64, u64),
) -> Result<Rebuilt, Error> {
    let manifests = check(archive, catalog).await?;
    let hours = manifests.len() as u64;
    catalog.forget_derived(actor, clock.now()).await?;
    let mut rebuilt = Rebuilt::default();
    for manifest in manifests {
        let digest = manifest.digest();
        rebuilt.rows += manifest.rows;
        let sealed = register::register(archive, Some(history), catalog, manifest, limits, clock.now()).await?;
        let (hour, counts) = (sealed.manifest.hour(), sealed.manifest.digest());
        invariant!(I3, counts == digest, "{hour} came back from manifest {counts}, it was read from {digest}");
        rebuilt.hours += 1;
        progress(rebuilt.hours, hours);
    }
    Ok(rebuilt)
}
