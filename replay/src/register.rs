//! Makes a sealed hour count: its segment is compared with the hot partials that it replaces, and registered as live.
//!
//! The process may die between any two steps, and the steps are done again: the segment gets the same bytes, and the
//! catalog takes the identical hour twice.

use clicktrail_catalog::{Catalog, HotPartial, Outcome, Reconciliation, Registered, SealedHour, Segment};
use clicktrail_log::{
    archive::{Archive, Manifest},
    frame::Digest,
    invariant,
    position::Seq,
    time::Timestamp,
};
use clicktrail_projections::{Projection, counters, segment::Writer, session};
use clicktrail_verdicts::reader::VerdictReader;

use crate::{error::Error, rulings::HourRulings, segment};

/// An hour that now counts from the archive.
#[derive(Debug)]
pub struct Sealed {
    /// The manifest.
    pub manifest: Manifest,
    /// The live segment.
    pub segment: Segment,
    /// How it compared with the hot partials that it replaced.
    pub reconciliation: Reconciliation,
}

/// Makes a sealed hour count. Its segment comes from an earlier build, or is built with the live verdicts about the
/// hour; it is compared with the hot partials and registered in their place. The judge must have passed the hour,
/// unless there is no judge.
///
/// # Errors
/// See [`Error`]. The same call may be made again.
pub async fn register(
    archive: &Archive,
    history: Option<&VerdictReader>,
    catalog: &dyn Catalog,
    manifest: Manifest,
    limits: session::Limits,
    now: Timestamp,
) -> Result<Sealed, Error> {
    let (hour, segment) = project(archive, history, &manifest, limits).await?;
    let partials = catalog.partials(hour.hour).await?;
    let merged = merge(&partials, limits).await?;
    let ranges = ranges(&partials);
    let compare = |found: &[HotPartial]| compare(found, &ranges, &merged, &hour, &segment, now);
    let reconciliation = catalog.seal(&hour, &segment, &compare).await?;
    let of_it = (reconciliation.hour, reconciliation.projection.as_str()) == (hour.hour, counters::NAME);
    invariant!(I8, of_it, "{} was sealed with the comparison of {}", hour.hour, reconciliation.hour);
    Ok(Sealed { manifest, segment, reconciliation })
}

/// What is registered of a sealed hour, which the judge has passed: all of it is in the archive.
async fn project(
    archive: &Archive,
    history: Option<&VerdictReader>,
    manifest: &Manifest,
    limits: session::Limits,
) -> Result<(SealedHour, Segment), Error> {
    let rulings = match history {
        Some(history) => HourRulings::live(history, manifest).await?,
        None => HourRulings::none(),
    };
    let segment = segment::reuse_or_build(archive, &Projection::counters(), manifest, &rulings, limits).await?;
    let hour = sealed_hour(manifest);
    let made_of_it =
        segment.hour == hour.hour && segment.input_digest == segment::input_digest(manifest, &rulings).to_string();
    invariant!(I6, made_of_it, "segment {} is not made of manifest {}", segment.key, hour.manifest_digest);
    Ok((hour, segment))
}

/// The same hour for a rebuild, which registers all of them at once: nothing is registered yet, and nothing compared.
pub(crate) async fn beside(
    archive: &Archive,
    history: &VerdictReader,
    manifest: &Manifest,
    limits: session::Limits,
    now: Timestamp,
) -> Result<Registered, Error> {
    let (hour, segment) = project(archive, Some(history), manifest, limits).await?;
    let reconciliation = compare(&[], &[], &merge(&[], limits).await?, &hour, &segment, now);
    Ok(Registered { hour, segment, reconciliation })
}

/// A manifest as the catalog keeps it.
pub fn sealed_hour(manifest: &Manifest) -> SealedHour {
    let size = |part: &clicktrail_log::archive::manifest::Part| part.core.bytes + part.personal.bytes;
    SealedHour {
        hour: manifest.hour(),
        first_seq: manifest.first_seq(),
        last_seq: manifest.last_seq(),
        epoch: manifest.epoch,
        rows: manifest.rows,
        parts: u32::try_from(manifest.parts.len()).expect("an hour has few parts"),
        bytes: manifest.parts.iter().map(size).sum(),
        manifest_digest: manifest.digest().to_string(),
    }
}

/// What hot partials add up to: digest and rows of the segment that would hold their sums.
struct Merged {
    digest: String,
    rows: u64,
    /// Whether an earlier version counted some of them, which did not count all that is counted today.
    has_earlier: bool,
}

async fn merge(partials: &[HotPartial], limits: session::Limits) -> Result<Merged, Error> {
    let (mut rows, mut has_earlier) = (Vec::new(), false);
    for partial in partials {
        rows.extend(counters::hot::decode(&partial.payload)?);
        has_earlier |= counters::hot::is_of_earlier_version(&partial.payload)?;
    }
    let mut writer = Writer::new(&counters::schema())?;
    for batch in counters::merge(rows, limits).await? {
        writer.push(batch)?;
    }
    let (bytes, rows) = writer.finish()?;
    Ok(Merged { digest: Digest::of(&bytes).to_string(), rows, has_earlier })
}

fn ranges(partials: &[HotPartial]) -> Vec<(Seq, Seq)> {
    partials.iter().map(|partial| (partial.first_seq, partial.last_seq)).collect()
}

/// The same rows give the same segment bytes, so one comparison of digests compares all of them. `merged_ranges` are
/// the frames of the partials that were merged; those that the transaction found may be others.
fn compare(
    found: &[HotPartial],
    merged_ranges: &[(Seq, Seq)],
    merged: &Merged,
    hour: &SealedHour,
    segment: &Segment,
    now: Timestamp,
) -> Reconciliation {
    let found = ranges(found);
    let mut next = hour.first_seq;
    let contiguous = found.iter().all(|(first, last)| {
        let follows = *first == next;
        next = last.next();
        follows
    });
    let covers = contiguous && next == hour.last_seq.next();
    let (outcome, detail) = if !covers || found != merged_ranges {
        (
            Outcome::Incomplete,
            format!("{} hot partials do not cover frames {}..={}", found.len(), hour.first_seq, hour.last_seq),
        )
    } else if merged.digest == segment.output_digest {
        (Outcome::Equal, String::new())
    } else if merged.has_earlier {
        (Outcome::Incomplete, "an earlier version counted some of the frames, and did not count all columns".to_owned())
    } else {
        let detail = format!(
            "the hot partials add up to {} rows with digest {}, the segment has {} rows with digest {}",
            merged.rows, merged.digest, segment.rows, segment.output_digest,
        );
        (Outcome::Different, detail)
    };
    Reconciliation {
        projection: segment.projection.clone(),
        hour: hour.hour,
        outcome,
        sealed_rows: segment.rows,
        hot_rows: merged.rows,
        detail,
        compared_at: now,
    }
}
