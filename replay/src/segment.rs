//! From a sealed hour to its segment and receipt, in the archive. Done again, it gives the same bytes.

use bytes::Bytes;
use clicktrail_catalog::Segment;
use clicktrail_log::{
    archive::{
        Archive, Manifest,
        keys::{ReceiptKey, SegmentKey},
        manifest,
    },
    frame::Digest,
    time::Hour,
};
use clicktrail_projections::{counters, segment::Writer, session};
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};

use crate::{error::Error, rulings::HourRulings};

/// What a build was made of and what came out: what `verify` repeats. Version 1; field order is the document's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// 1.
    pub version: u32,
    /// Which projection.
    pub projection: String,
    /// Which hour.
    pub hour: String,
    /// SHA-256 over the manifest's digest and that of the rulings.
    pub input_digest: String,
    /// SHA-256 of the projection's version, SQL and columns.
    pub code_digest: String,
    /// SHA-256 of the segment.
    pub output_digest: String,
    /// The segment.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
}

/// Names what an hour's segment is computed from: the hour, and what stands about its clicks. Not by when that was ruled:
/// the same rulings give the same segment, which is then there already.
pub fn input_digest(manifest: &Manifest, rulings: &HourRulings) -> Digest {
    Digest::of(format!("{}\n{}\n", manifest.digest(), rulings.digest()).as_bytes())
}

/// Projects one sealed hour, and puts segment and receipt into the archive.
///
/// # Errors
/// A part that is missing or damaged, by name; an archive out of reach; the engine's limits.
pub async fn build(
    archive: &Archive,
    manifest: &Manifest,
    rulings: &HourRulings,
    limits: session::Limits,
) -> Result<Segment, Error> {
    let (bytes, rows) = project(archive, manifest, rulings, limits).await?;
    let hour = manifest.hour();
    let output = Digest::of(&bytes);
    let (input, code) = (input_digest(manifest, rulings), counters::code_digest());
    let path = SegmentKey::new(counters::NAME, hour, &output).path();
    let receipt = Receipt {
        version: 1,
        projection: counters::NAME.to_owned(),
        hour: hour.to_string(),
        input_digest: input.to_string(),
        code_digest: code.to_string(),
        output_digest: output.to_string(),
        key: path.to_string(),
        bytes: bytes.len() as u64,
        rows,
    };
    archive.put_content(&path, bytes).await?;
    let document = serde_json::to_vec_pretty(&receipt).expect("a receipt holds only text and integers");
    archive.create(&ReceiptKey::new(counters::NAME, hour, &input, &code).path(), document.into()).await?;
    Ok(live_segment(receipt, hour, rulings))
}

/// The segment of an hour, from an earlier build or a new one.
///
/// # Errors
/// As [`build`].
pub async fn reuse_or_build(
    archive: &Archive,
    manifest: &Manifest,
    rulings: &HourRulings,
    limits: session::Limits,
) -> Result<Segment, Error> {
    match reuse(archive, manifest, rulings).await? {
        Some(segment) => Ok(segment),
        None => build(archive, manifest, rulings, limits).await,
    }
}

/// The segment of an hour as an earlier build left it, if it is there and undamaged: nothing is computed.
///
/// # Errors
/// [`Error::Archive`] if the archive is out of reach; a receipt or segment that is damaged is built again instead.
pub async fn reuse(archive: &Archive, manifest: &Manifest, rulings: &HourRulings) -> Result<Option<Segment>, Error> {
    let hour = manifest.hour();
    let (input, code) = (input_digest(manifest, rulings), counters::code_digest());
    let key = ReceiptKey::new(counters::NAME, hour, &input, &code).path();
    let receipt: Receipt = match archive.get(&key).await {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(receipt) => receipt,
            Err(_) => return Ok(None),
        },
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => return Ok(None),
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

/// The segment of an hour's clicks with the rulings that stand about them, and its rows.
async fn project(
    archive: &Archive,
    manifest: &Manifest,
    rulings: &HourRulings,
    limits: session::Limits,
) -> Result<(Bytes, u64), Error> {
    let mut writer = Writer::new(&counters::schema())?;
    // A quiet hour needs no engine.
    if manifest.rows > 0 {
        let table = counters::rulings(vec![rulings.rows()])?;
        let mut rows = counters::project_hour(archive, manifest, table, limits).await?;
        while let Some(batch) = rows.try_next().await? {
            writer.push(batch)?;
        }
    }
    Ok(writer.finish()?)
}
