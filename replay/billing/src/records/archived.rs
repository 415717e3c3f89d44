//! Records in the archive: put once, and compared with their names when they are read.

use bytes::Bytes;
use clicktrail_catalog::invoicing::{DocumentNumber, DocumentRecord, REVISION_UNKNOWN};
use clicktrail_log::{
    archive::{self, Archive, keys::IssuedKey},
    causes::causes,
};

use super::document;
use crate::error::Error;

fn key(number: &DocumentNumber) -> IssuedKey {
    IssuedKey { series: number.series.clone(), number: number.number }
}

/// Puts the record of a document into the archive. One that says more of the same document stays.
///
/// # Errors
/// [`Error::Contradiction`] if another document has that number there: then the catalog is another's, or an older copy
/// in which other drafts were issued.
pub async fn put(archive: &Archive, record: &DocumentRecord) -> Result<(), Error> {
    let key = key(&record.document.number);
    match archive.put_issued(&key, Bytes::from(document::to_bytes(record))).await {
        Err(archive::Error::Conflict(_))
            if is_of_log(record) && is_same_document(&read(archive, &key).await?, record) =>
        {
            Ok(())
        }
        Err(archive::Error::Conflict(path)) => Err(Error::Contradiction(format!(
            "the archive has another document as {} ({path}): this catalog is an older copy, and issued from it would be \
             what was issued already; `clicktrail catalog rebuild` brings it up to date",
            record.document.number
        ))),
        put => Ok(put?),
    }
}

/// Whether it was put together from a log entry: nobody knows any more which revision of its draft it was.
fn is_of_log(record: &DocumentRecord) -> bool {
    record.document.draft.revision == REVISION_UNKNOWN
}

fn is_same_document(one: &DocumentRecord, other: &DocumentRecord) -> bool {
    one.document.digest == other.document.digest
}

/// A record by its key.
///
/// # Errors
/// That it is missing or damaged, by name; archive out of reach.
pub(crate) async fn read(archive: &Archive, key: &IssuedKey) -> Result<DocumentRecord, Error> {
    let path = key.path();
    let bytes = archive.get(&path).await?;
    let damaged = |reason: String| archive::Error::Damaged { key: path.to_string(), reason };
    let record = document::from_bytes(&bytes).map_err(|cause| damaged(causes(&cause)))?;
    let number = &record.document.number;
    if (number.series.as_str(), number.number) != (key.series.as_str(), key.number) {
        return Err(damaged(format!("it is the record of {number}")).into());
    }
    Ok(record)
}
