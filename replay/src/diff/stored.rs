//! What stands in the archive about an hour: its manifest, and the receipt of what it counts from.

use clicktrail_catalog::generations::LivePointer;
use clicktrail_log::{
    archive::{
        self, Archive, Manifest,
        clicks::Clicks,
        keys::{ManifestKey, ReceiptKey},
    },
    frame::Digest,
    log::Stream,
    time::Hour,
};

use crate::{error::Error, receipt::Receipt};

/// The receipt of what an hour counts from.
///
/// # Errors
/// [`Error::Incomplete`], by name, if it is not there or not its own; as the archive reports.
pub(crate) async fn receipt_of(archive: &Archive, projection: &str, side: &LivePointer) -> Result<Receipt, Error> {
    let digest = |text: &str| {
        text.parse::<Digest>()
            .map_err(|_| Error::Incomplete(format!("{} is registered with {text:?}, which is no digest", side.hour)))
    };
    let (input, code) = (digest(&side.input_digest)?, digest(&side.code_digest)?);
    let key = ReceiptKey::new(projection, side.hour, &input, &code).path();
    let receipt = Receipt::from_bytes(&archive.get(&key).await?);
    let is_its = |receipt: &Receipt| {
        receipt.is_of(projection, side.hour, &input, &code) && receipt.output_digest == side.output_digest
    };
    let wrong = || Error::Incomplete(format!("{key} is not the receipt of what {} counts from", side.hour));
    receipt.ok().filter(is_its).ok_or_else(wrong)
}

/// The manifest of a sealed hour.
///
/// # Errors
/// By name, if it is missing or damaged.
pub(crate) async fn manifest_of(archive: &Archive, hour: Hour) -> Result<Manifest, Error> {
    let key = ManifestKey { stream: Stream::Clicks, hour };
    let missing = || archive::Error::Missing(key.path().to_string());
    Ok(archive.manifest::<Clicks>(hour).await?.ok_or_else(missing)?)
}
