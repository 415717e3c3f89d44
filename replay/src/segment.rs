//! From a sealed hour to its segment and [`Receipt`], in the archive. Done again, it gives the same bytes (I6).

use arrow::array::RecordBatch;
use bytes::Bytes;
use clicktrail_catalog::Segment;
use clicktrail_log::{
    archive::{
        self, Archive, Manifest,
        keys::{ReceiptKey, SegmentKey},
        manifest, part,
    },
    frame::Digest,
    invariant,
    position::Position,
    time::Hour,
};
use clicktrail_projections::{Projection, clicks, counters, projection, session};
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

/// The same where only clicks before a position are counted: the position is part of the name if it cuts the hour.
pub fn input_digest_before(manifest: &Manifest, rulings: &HourRulings, clicks_before: Option<Position>) -> Digest {
    match clicks_before {
        None => input_digest(manifest, rulings),
        Some(before) => {
            let text = format!("{}\n{}\nclicks before {before}\n", manifest.digest(), rulings.digest());
            Digest::of(text.as_bytes())
        }
    }
}

/// Everything that decides the bytes of a segment, and where they go.
#[derive(Debug, Clone, Copy)]
pub struct Source<'s> {
    /// Where parts are, and segments go.
    pub archive: &'s Archive,
    /// The code.
    pub projection: &'s Projection,
    /// The hour.
    pub manifest: &'s Manifest,
    /// What was ruled about its clicks.
    pub rulings: &'s HourRulings,
    /// Clicks before this position are counted, if it cuts the hour.
    pub clicks_before: Option<Position>,
}

/// Sees the rows of a segment before they are written.
pub(crate) type Seen<'f> = &'f mut (dyn FnMut(&RecordBatch) -> Result<(), Error> + Send);

impl Source<'_> {
    /// Names what is read.
    pub fn input_digest(&self) -> Digest {
        input_digest_before(self.manifest, self.rulings, self.clicks_before)
    }

    /// Projects the hour, and puts segment and receipt into the archive: the receipt last, so that a receipt without
    /// its segment means damage. Returns the segment's bytes too, so that nobody has to read them for another look.
    ///
    /// # Errors
    /// See [`build`].
    pub(crate) async fn build(&self, limits: session::Limits, seen: Seen<'_>) -> Result<(Segment, Bytes), Error> {
        let (bytes, rows) = self.project(limits, seen).await?;
        let (hour, manifest, name) = (self.manifest.hour(), self.manifest, self.projection.name());
        // No row is without an event; and every event is in a row of counters, of its minute and key.
        let is_all = self.projection.is_built_in() && self.clicks_before.is_none();
        let counted = rows <= manifest.rows && (!is_all || (rows == 0) == (manifest.rows == 0));
        invariant!(
            I1,
            counted || !self.projection.is_built_in(),
            "{hour} has {} events, its segment {rows} rows",
            manifest.rows
        );
        if !counted {
            let events = manifest.rows;
            let reason = format!("{name} gives {rows} rows for {events} events of {hour}: a row must count events");
            return Err(clicktrail_projections::Error::Refused(reason).into());
        }
        let output = Digest::of(&bytes);
        let (input, code) = (self.input_digest(), self.projection.code_digest());
        let path = SegmentKey::new(name, hour, &output).path();
        let receipt = Receipt {
            version: receipt::VERSION,
            projection: name.to_owned(),
            hour: hour.to_string(),
            input_digest: input.to_string(),
            code_digest: code.to_string(),
            output_digest: output.to_string(),
            key: path.to_string(),
            bytes: bytes.len() as u64,
            rows,
        };
        let is_of = receipt.is_of(name, hour, &input, &code);
        invariant!(I6, is_of, "the receipt of {hour} is not that of its own build: {receipt:?}");
        self.archive.put_content(&path, bytes.clone()).await?;
        put_receipt(self.archive, &receipt, &ReceiptKey::new(name, hour, &input, &code)).await?;
        Ok((live_segment(receipt, hour, self.rulings), bytes))
    }

    /// The segment as an earlier build left it, and its bytes, if segment and receipt are there and undamaged. Nothing
    /// is computed.
    ///
    /// # Errors
    /// See [`reuse`].
    pub(crate) async fn reuse(&self) -> Result<Option<(Segment, Bytes)>, Error> {
        let hour = self.manifest.hour();
        let receipt = receipt_of(self.archive, self.projection, hour, &self.input_digest()).await?;
        let Some(receipt) = receipt else { return Ok(None) };
        let segment = live_segment(receipt, hour, self.rulings);
        match self.archive.get_file(&file(&segment)).await {
            Ok(bytes) => Ok(Some((segment, bytes))),
            Err(error) if error.is_transient() => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    /// The segment, from an earlier build or a new one.
    ///
    /// # Errors
    /// As [`build`].
    pub(crate) async fn segment(&self, limits: session::Limits) -> Result<Segment, Error> {
        let (segment, _) = match self.reuse().await? {
            Some(found) => found,
            None => self.build(limits, &mut |_| Ok(())).await?,
        };
        Ok(segment)
    }

    /// The same of counters, and `seen` is shown all of its rows.
    ///
    /// # Errors
    /// As [`build`].
    pub(crate) async fn segment_seen(&self, limits: session::Limits, seen: Seen<'_>) -> Result<Segment, Error> {
        let Some((segment, bytes)) = self.reuse().await? else { return Ok(self.build(limits, seen).await?.0) };
        let damaged = |error: &dyn std::fmt::Display| archive::Error::Damaged {
            key: segment.key.clone(),
            reason: error.to_string(),
        };
        if segment.rows > 0 {
            for rows in part::read(bytes, None).map_err(|error| damaged(&error))? {
                seen(&rows.map_err(|error| damaged(&error))?)?;
            }
        }
        Ok(segment)
    }

    /// The bytes of the segment and its rows, which `seen` is shown batch by batch.
    pub(crate) async fn project(&self, limits: session::Limits, seen: Seen<'_>) -> Result<(Bytes, u64), Error> {
        let mut writer = self.projection.writer()?;
        // A quiet hour needs no engine.
        if self.manifest.rows > 0 {
            let mut rows = self.rows(limits).await?;
            while let Some(batch) = rows.try_next().await? {
                seen(&batch)?;
                writer.push(batch)?;
            }
        }
        Ok(writer.finish()?)
    }

    async fn rows(&self, limits: session::Limits) -> Result<projection::Rows, Error> {
        let rulings = [self.rulings.rows()];
        let Some(before) = self.clicks_before else {
            return Ok(self.projection.project_hour(self.archive, self.manifest, &rulings, limits).await?);
        };
        let clicks = clicks::of_hour_before(self.archive, self.manifest, before, limits.threads)?;
        let rulings = counters::rulings(rulings.to_vec())?;
        Ok(self.projection.project(clicks, rulings, limits).await?)
    }
}

/// Projects one sealed hour, and puts segment and receipt into the archive.
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
    let source = Source { archive, projection, manifest, rulings, clicks_before: None };
    Ok(source.build(limits, &mut |_| Ok(())).await?.0)
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
    Source { archive, projection, manifest, rulings, clicks_before: None }.segment(limits).await
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
    let found = Source { archive, projection, manifest, rulings, clicks_before: None }.reuse().await?;
    Ok(found.map(|(segment, _)| segment))
}

/// The receipt of a build, if there is one that is undamaged.
///
/// # Errors
/// [`Error::Archive`] if the archive is out of reach.
pub(crate) async fn receipt_of(
    archive: &Archive,
    projection: &Projection,
    hour: Hour,
    input: &Digest,
) -> Result<Option<Receipt>, Error> {
    let code = projection.code_digest();
    let key = ReceiptKey::new(projection.name(), hour, input, &code).path();
    let document = match archive.get(&key).await {
        Ok(document) => document,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    let receipt = Receipt::from_bytes(&document).ok();
    Ok(receipt.filter(|receipt| receipt.is_of(projection.name(), hour, input, &code)))
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
    seen: Seen<'_>,
) -> Result<(Bytes, u64), Error> {
    Source { archive, projection, manifest, rulings, clicks_before: None }.project(limits, seen).await
}

#[cfg(test)]
pub(crate) mod tests;
