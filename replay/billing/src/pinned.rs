//! What `replay gc` must leave alone: the segments that documents, and drafts that may become some, were summed from.

use clicktrail_catalog::Catalog;
use clicktrail_log::{
    archive::{Archive, keys::ReceiptKey},
    frame::Digest,
};
use clicktrail_projections::counters;
use clicktrail_replay::gc::Pinned;

use crate::{compose, error::Error};

/// Everything that is pinned.
///
/// # Errors
/// [`Error::Incomplete`] or [`Error::Archive`] naming a basis that is missing or damaged: as long as it is, nobody
/// knows what it pins, and nothing may be removed.
pub async fn pinned(archive: &Archive, catalog: &dyn Catalog) -> Result<Pinned, Error> {
    let mut pinned = Pinned::default();
    for text in catalog.bases_in_use().await? {
        let digest: Digest =
            text.parse().map_err(|_| Error::Contradiction(format!("{text:?} is no digest of a basis")))?;
        let basis = compose::basis(archive, &digest).await?;
        for read in basis.segments() {
            pinned.receipts.insert(ReceiptKey::new(counters::NAME, read.hour, &read.input_digest, &read.code_digest));
            pinned.segments.insert(read.file().key);
        }
    }
    Ok(pinned)
}
