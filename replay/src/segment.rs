//! From a sealed hour to its segment and [`Receipt`], in the archive. Done again, it gives the same bytes (I6).

use arrow::array::RecordBatch;
use bytes::Bytes;
use clicktrail_catalog::Segment;
use clicktrail_log::{
    archive::{
        self, Archive, Manifest,
        keys::{ReceiptKey, SegmentKey},
        manifest,
    },
    frame::Digest,
    invariant,
    time::Hour,
};
use clicktrail_projections::{Projection, counters, session};
use futures::TryStreamExt as _;

use crate::{
    error::Error,
    receipt::{self, Receipt},
    rulings::HourRulings,
};

/// Names what an hour's segment is computed from: the manifest, and the rulings about the hour's clicks. When they were
/// ruled is not part of the name, so the same rulings find the segment that an earlier build left.
pub fn input_digest(manifest: &Manifest, rulings: &HourRulings) -> Digest {
    Digest::of(format!("{}\n{}\n", manifest.digest(), rulings.digest()).as_bytes())
}

/// Projects one sealed hour, and puts segment and receipt into the archive: the receipt last, so that a receipt without
/// its segment means damage.
///
/// # Errors
/// A part that is missing or damaged, by name; an archive out of reach; the engine's limits. A conflict if the receipt
/// of the same build names other bytes.
pub async fn build(
    archive: &Archive,
    projection: &Projection,
    manifest: &Manifest,
    rulings: &HourRulings,
    limits: session::Limits,
) -> Result<Segment, Error> {
    let (bytes, rows) = project(archive, projection, manifest, rulings, limits, &mut |_| Ok(())).await?;
    let hour = manifest.hour();
    // No row is without an event; and every event is in a row of counters, of its minute and key.
    let counted = rows <= manifest.rows && (!projection.is_built_in() || (rows == 0) == (manifest.rows == 0));
    invariant!(I1, counted, "{hour} has {} events, its segment {rows} rows", manifest.rows);
    let output = Digest::of(&bytes);
    let (input, code) = (input_digest(manifest, rulings), projection.code_digest());
    let path = SegmentKey::new(projection.name(), hour, &output).path();
    let receipt = Receipt {
        version: receipt::VERSION,
        projection: projection.name().to_owned(),
        hour: hour.to_string(),
        input_digest: input.to_string(),
        code_digest: code.to_string(),
        output_digest: output.to_string(),
        key: path.to_string(),
        bytes: bytes.len() as u64,
        rows,
    };
    let is_of = receipt.is_of(projection.name(), hour, &input, &code);
    invariant!(I6, is_of, "the receipt of {hour} is not that of its own build: {receipt:?}");
    archive.put_content(&path, bytes).await?;
    put_receipt(archive, &receipt, &ReceiptKey::new(projection.name(), hour, &input, &code)).await?;
    Ok(live_segment(receipt, hour, rulings))
}

/// Puts a receipt that may stand there already. One that is damaged, or says of the same segment what is not so, is
/// replaced; one that names other bytes for the same input and code is a conflict (I6), and a person must act.
async fn put_receipt(archive: &Archive, receipt: &Receipt, key: &ReceiptKey) -> Result<(), Error> {
    let (path, document) = (key.path(), Bytes::from(receipt.to_bytes()));
    let reads_back = Receipt::from_bytes(&document).is_ok_and(|read| read == *receipt);
    invariant!(I6, reads_back, "a receipt does not read back: {receipt:?}");
    let put = archive.create(&path, document.clone()).await;
    if matches!(put, Err(archive::Error::Conflict(_))) {
        let standing = Receipt::from_bytes(&archive.get(&path).await?);
        let contradicts =
            |standing: Receipt| standing.is_of_same_build(receipt) && standing.output_digest != receipt.output_digest;
        if !standing.is_ok_and(contradicts) {
            return Ok(archive.put_content(&path, document).await?);
        }
    }
    Ok(put?)
}

/// The segment of an hour, from an earlier build or a new one.
///
/// # Errors
/// As [`build`].
pub async fn reuse_or_build(
    archive: &Archive,
    projection: &Projection,
    manifest: &Manifest,
    rulings: &HourRulings,
    limits: session::Limits,
) -> Result<Segment, Error> {
    match reuse(archive, projection, manifest, rulings).await? {
        Some(segment) => Ok(segment),
        None => build(archive, projection, manifest, rulings, limits).await,
    }
}

/// The segment of an hour as an earlier build left it, if segment and receipt are there and undamaged. Nothing is
/// computed.
///
/// # Errors
/// [`Error::Archive`] if the archive is out of reach. Damage is no error: then there is nothing to be used again.
pub async fn reuse(
    archive: &Archive,
    projection: &Projection,
    manifest: &Manifest,
    rulings: &HourRulings,
) -> Result<Option<Segment>, Error> {
    let hour = manifest.hour();
    let (input, code) = (input_digest(manifest, rulings), projection.code_digest());
    let key = ReceiptKey::new(projection.name(), hour, &input, &code).path();
    let document = match archive.get(&key).await {
        Ok(document) => document,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    let receipt = Receipt::from_bytes(&document).ok();
    let Some(receipt) = receipt.filter(|receipt| receipt.is_of(projection.name(), hour, &input, &code)) else {
        return Ok(None);
    };
    let segment = live_segment(receipt, hour, rulings);
    match archive.get_file(&file(&segment)).await {
        Ok(_) => Ok(Some(segment)),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// A segment as a file that is checked when it is read.
pub fn file(segment: &Segment) -> manifest::File {
    manifest::File { key: segment.key.clone(), bytes: segment.bytes, sha256: segment.output_digest.clone() }
}

fn live_segment(receipt: Receipt, hour: Hour, rulings: &HourRulings) -> Segment {
    Segment {
        projection: receipt.projection,
        hour,
        key: receipt.key,
        bytes: receipt.bytes,
        rows: receipt.rows,
        input_digest: receipt.input_digest,
        code_digest: receipt.code_digest,
        output_digest: receipt.output_digest,
        verdicts_before: rulings.before(),
    }
}

/// The segment of an hour's clicks under the rulings about them, and its rows, which `seen` is shown batch by batch.
pub(crate) async fn project(
    archive: &Archive,
    projection: &Projection,
    manifest: &Manifest,
    rulings: &HourRulings,
    limits: session::Limits,
    seen: &mut (dyn FnMut(&RecordBatch) -> Result<(), Error> + Send),
) -> Result<(Bytes, u64), Error> {
    let mut writer = projection.writer()?;
    // A quiet hour needs no engine.
    if manifest.rows > 0 {
        let table = counters::rulings(vec![rulings.rows()])?;
        let mut rows = projection.project_hour(archive, manifest, table, limits).await?;
        while let Some(batch) = rows.try_next().await? {
            seen(&batch)?;
            writer.push(batch)?;
        }
    }
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests;
