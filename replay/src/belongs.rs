//! Whether the logs are those that the catalog counted, judged and followed: a file, a stream or a catalog of another
//! copy has other frames under the same numbers.

use std::sync::Arc;

use clicktrail_catalog::{Catalog, JudgedFrames, KnownFrame, Mark};
use clicktrail_log::{
    frame::Digest,
    log::{self, Log, Stream},
};
use clicktrail_verdicts::reader::VerdictReader;

use crate::error::Error;

/// Compares the frames that the catalog knows with those of the logs. A frame that a log does not hold, because it was
/// trimmed or the log ends before it, is not compared.
///
/// # Errors
/// [`Error::Foreign`] naming the first frame that is another; otherwise as logs and catalog report.
pub async fn check(clicks: &Arc<dyn Log>, verdicts: &VerdictReader, catalog: &dyn Catalog) -> Result<(), Error> {
    check_clicks(clicks, catalog).await?;
    for known in catalog.known_frames().await?.iter().filter(|known| known.stream == Stream::Verdicts) {
        compare(known, verdicts.digest_of(known.seq).await?)?;
    }
    Ok(())
}

/// The same for the clicks alone.
///
/// # Errors
/// As [`check`].
pub async fn check_clicks(clicks: &Arc<dyn Log>, catalog: &dyn Catalog) -> Result<(), Error> {
    for known in catalog.known_frames().await?.iter().filter(|known| known.stream == Stream::Clicks) {
        compare(known, log::digest_of(clicks.as_ref(), known.seq).await?)?;
    }
    Ok(())
}

/// Compares a frame with what the log holds in its place.
pub(crate) fn compare(known: &KnownFrame, held: Option<Digest>) -> Result<(), Error> {
    match held.filter(|held| *held != known.digest) {
        Some(held) => Err(Error::Foreign { known: *known, held }),
        None => Ok(()),
    }
}

/// The digests of the last frames of a mark, as far as the logs hold them.
///
/// # Errors
/// As the logs report.
pub async fn judged_frames(
    clicks: &Arc<dyn Log>,
    verdicts: &VerdictReader,
    mark: &Mark,
) -> Result<JudgedFrames, Error> {
    Ok(JudgedFrames {
        clicks: log::digest_of(clicks.as_ref(), mark.clicks_through).await?,
        verdicts: verdicts.digest_of(mark.verdicts_through).await?,
    })
}
