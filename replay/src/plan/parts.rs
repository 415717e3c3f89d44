//! Whether the parts are there that a build would read, so that a plan does not promise what an hour cannot give.

use clicktrail_log::{
    archive::{Archive, Manifest, manifest::Part},
    causes::causes,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::error::{Error, Problem};
use crate::error::Error as ReplayError;

/// Parts that are looked at side by side.
const LOOKS_MAX: usize = 16;
/// Parts that are read side by side: each is held in memory for as long as it is compared.
const READS_MAX: usize = 2;

/// How closely parts are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Whether each is there and has its size: one request each.
    Size,
    /// Whether its bytes have their digest: it is read whole.
    Digest,
}

/// What is wrong with the parts of some hours.
pub(super) async fn check<'m>(
    archive: &Archive,
    manifests: impl Iterator<Item = &'m Manifest>,
    look: Look,
) -> Result<(), Error> {
    let at_once = match look {
        Look::Size => LOOKS_MAX,
        Look::Digest => READS_MAX,
    };
    let parts = manifests.flat_map(|manifest| manifest.parts.iter().map(move |part| (manifest, part)));
    let checked = stream::iter(parts).map(|(manifest, part)| problem(archive, manifest, part, look)).buffered(at_once);
    let problems: Vec<Problem> = checked.try_filter_map(async |problem| Ok(problem)).try_collect().await?;
    if problems.is_empty() { Ok(()) } else { Err(Error::Incomplete(problems)) }
}

async fn problem(archive: &Archive, manifest: &Manifest, part: &Part, look: Look) -> Result<Option<Problem>, Error> {
    let failed = |cause| Error::Replay(ReplayError::Archive(cause));
    if look == Look::Size && archive.holds_file(&part.core).await.map_err(failed)? {
        return Ok(None);
    }
    match archive.get_file(&part.core).await {
        Ok(_) => Ok(None),
        Err(cause) if cause.is_transient() => Err(failed(cause)),
        Err(cause) => Ok(Some(Problem {
            hour: manifest.hour(),
            what: format!("has a part that cannot be used: {}", causes(&cause)),
        })),
    }
}
