//! Whether the log of sealed hours still goes on from where documents stand. A basis pins the head that was signed when
//! it was made, so it remembers what an archive that was put back to an earlier state does not: another tree would be
//! signed over the entries that are gone, and nobody could tell it from a fork.

use clicktrail_log::archive::{
    Archive,
    keys::invoices::{Input, InputKey},
    transparency::{self, Kept, Reader},
};

use crate::{basis::Checkpoint, compose, error::Error};

/// So many bases are looked at, those that were written last: whoever rolls a log back loses its end.
const BASES_MAX: usize = 64;

/// Why the log of sealed hours is not the one on which documents stand, in words; `None` if it is, or none stands on
/// any. Bases that cannot be read are others' to name.
///
/// # Errors
/// As the archive reports.
pub async fn contradiction(archive: &Archive) -> Result<Option<String>, Error> {
    let mut reader = Reader::new(archive.clone());
    let newest = reader.newest().await.map_err(of_log)?;
    let mut listed = archive.list(&Input::Basis.prefix()).await?;
    listed.sort_by_key(|listed| std::cmp::Reverse(listed.modified));
    for listed in listed.iter().take(BASES_MAX) {
        let Some(digest) = InputKey::parse(listed.path.as_ref()).map(|key| key.digest) else { continue };
        let Ok(basis) = compose::basis(archive, &digest).await else { continue };
        let Some(stands) = basis.checkpoint() else { continue };
        if let Some(reason) = differs(&mut reader, newest.as_ref(), stands).await? {
            return Ok(Some(format!("{}: {reason}", listed.path)));
        }
    }
    Ok(None)
}

/// What a head that was pinned says against the log as it is.
async fn differs(reader: &mut Reader, newest: Option<&Kept>, stands: &Checkpoint) -> Result<Option<String>, Error> {
    let put_back = "the archive was put back to an earlier state; put back what was signed since, or begin a log with \
                    a key of another name";
    let Some(newest) = newest else {
        let size = stands.size;
        return Ok(Some(format!("documents stand on {size} entries that were signed, and nothing is: {put_back}")));
    };
    let now = &newest.checkpoint;
    // A log of another name was begun on purpose: it goes on from nothing.
    if stands.origin != now.origin {
        return Ok(None);
    }
    if stands.size > now.size {
        let (was, is) = (stands.size, now.size);
        return Ok(Some(format!("documents stand on {was} entries that were signed, and {is} are: {put_back}")));
    }
    let root = reader.root(stands.size, now.size).await.map_err(of_log)?;
    Ok((root.0 != stands.root.0).then(|| {
        let size = stands.size;
        format!("documents stand on another tree of {size} entries than the log has: two histories were signed")
    }))
}

fn of_log(error: transparency::Error) -> Error {
    match error {
        transparency::Error::Store(error) => error.into(),
        other => Error::Contradiction(other.to_string()),
    }
}
