//! Makes a sealed hour count: its segment is compared with the hot partials that it replaces, and registered as live.
//!
//! The process may die between any two steps, and the steps are done again: the segment gets the same bytes, and the
//! catalog takes the identical hour twice.

use arrow::array::RecordBatch;
use clicktrail_catalog::{Catalog, HotPartial, Outcome, Reconciliation, Registered, SealedHour, Segment};
use clicktrail_log::{
    archive::{Archive, Manifest},
    frame::Digest,
    invariant,
    position::Seq,
    time::{Hour, Timestamp},
};
use clicktrail_projections::{
    Projection,
    counters::{self, Fingerprint},
    segment::Writer,
    session,
};
use clicktrail_verdicts::reader::VerdictReader;

use crate::{
    error::Error,
    rulings::HourRulings,
    segment::{self, Source},
};

/// Rows of hot partials that are merged to say how they differ from a segment.
const MERGED_BYTES_MAX: usize = 256 << 20;

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
    let rulings = rulings(history, &manifest).await?;
    let hour = sealed_hour(&manifest);
    let is_counted = !catalog.partials(hour.hour, Seq::ZERO, 1).await?.is_empty();
    // Nobody could choose keys by it: it was not known before the hour was sealed.
    let salt = manifest.digest();
    let mut sealed = Fingerprint::new(salt);
    // Nobody asks what a segment adds up to if there is nothing to hold against it.
    let seen = is_counted.then_some(&mut sealed);
    let segment = project(archive, &manifest, &rulings, limits, seen).await?;
    let counted = match is_counted {
        true => Counted::of(catalog, &sealed, &segment, limits).await?,
        false => Counted::NOTHING,
    };
    let compare = |found: &[(Seq, Seq)]| compare(found, &counted, &hour, &segment, now);
    let reconciliation = catalog.seal(&hour, &segment, &compare).await?;
    let of_it = (reconciliation.hour, reconciliation.projection.as_str()) == (hour.hour, counters::NAME);
    invariant!(I8, of_it, "{} was sealed with the comparison of {}", hour.hour, reconciliation.hour);
    Ok(Sealed { manifest, segment, reconciliation })
}

async fn rulings(history: Option<&VerdictReader>, manifest: &Manifest) -> Result<HourRulings, Error> {
    match history {
        Some(history) => HourRulings::live(history, manifest).await,
        None => Ok(HourRulings::none()),
    }
}

/// The segment of a sealed hour, which the judge has passed: all of it is in the archive. Its rows are added to
/// `sealed`.
async fn project(
    archive: &Archive,
    manifest: &Manifest,
    rulings: &HourRulings,
    limits: session::Limits,
    sealed: Option<&mut Fingerprint>,
) -> Result<Segment, Error> {
    let projection = Projection::counters();
    let source = Source { archive, projection: &projection, manifest, rulings, clicks_before: None };
    let segment = match sealed {
        Some(sealed) => source.segment_seen(limits, &mut |rows| Ok(sealed.add(&counters::normalize(rows)?)?)).await?,
        None => source.segment(limits).await?,
    };
    let of_hour = segment.hour == manifest.hour();
    let made_of_it = of_hour && segment.input_digest == segment::input_digest(manifest, rulings).to_string();
    invariant!(I6, made_of_it, "segment {} is not made of manifest {}", segment.key, manifest.digest());
    Ok(segment)
}

/// The same hour for a rebuild, which registers all of them at once: nothing is registered yet, and nothing compared.
pub(crate) async fn beside(
    archive: &Archive,
    history: &VerdictReader,
    manifest: &Manifest,
    limits: session::Limits,
    now: Timestamp,
) -> Result<Registered, Error> {
    let segment = project(archive, manifest, &rulings(Some(history), manifest).await?, limits, None).await?;
    let hour = sealed_hour(manifest);
    let reconciliation = compare(&[], &Counted::NOTHING, &hour, &segment, now);
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

/// The hot partials of an hour, held against its segment.
struct Counted {
    /// Their frames.
    ranges: Vec<(Seq, Seq)>,
    /// Rows of the segment that would hold their sums.
    rows: u64,
    result: Sums,
}

/// How what hot partials add up to compares with a segment.
enum Sums {
    Equal,
    /// They differ; for people, how.
    Different(String),
    /// They differ, and an earlier version counted some of them, which did not count all that is counted today.
    OfEarlierVersion,
}

impl Counted {
    /// No hot partials, as of a quiet hour.
    const NOTHING: Self = Self { ranges: Vec::new(), rows: 0, result: Sums::Equal };

    /// Adds up one partial after the other, and holds none of them: an hour may have more rows than fit into memory.
    /// Only if the sums differ they are merged, for those who want to know by how much.
    async fn of(
        catalog: &dyn Catalog,
        sealed: &Fingerprint,
        segment: &Segment,
        limits: session::Limits,
    ) -> Result<Self, Error> {
        let mut hot = sealed.of_no_rows();
        let mut counted = Self::NOTHING;
        while let Some(partial) = next(catalog, segment.hour, counted.ranges.last()).await? {
            for rows in counters::hot::decode(&partial.payload)? {
                counted.rows += rows.num_rows() as u64;
                hot.add(&rows)?;
            }
            counted.ranges.push(partial.range());
        }
        if hot == *sealed {
            // The same sums of the same keys are as many rows.
            counted.rows = segment.rows;
            return Ok(counted);
        }
        let sealed = format!("the segment has {} rows with digest {}", segment.rows, segment.output_digest);
        let how = match merge(catalog, segment.hour, limits).await? {
            Some((digest, rows)) => {
                counted.rows = rows;
                format!("the hot partials add up to {rows} rows with digest {digest}, {sealed}")
            }
            None => format!("the hot partials have {} rows, which add up to something else: {sealed}", counted.rows),
        };
        counted.result = match is_of_earlier_version(catalog, segment.hour).await? {
            true => Sums::OfEarlierVersion,
            false => Sums::Different(how),
        };
        Ok(counted)
    }
}

/// Whether an earlier version counted some of an hour's frames.
async fn is_of_earlier_version(catalog: &dyn Catalog, hour: Hour) -> Result<bool, Error> {
    let mut before = None;
    while let Some(partial) = next(catalog, hour, before.as_ref()).await? {
        before = Some(partial.range());
        if counters::hot::is_of_earlier_version(&partial.payload)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The hot partial of an hour behind the frames of another one.
async fn next(catalog: &dyn Catalog, hour: Hour, before: Option<&(Seq, Seq)>) -> Result<Option<HotPartial>, Error> {
    let from = before.map_or(Seq::ZERO, |(_, last)| last.next());
    Ok(catalog.partials(hour, from, 1).await?.pop())
}

/// Digest and rows of the segment that would hold the sums of an hour's partials; `None` if they are too many to be
/// merged for no more than a message.
async fn merge(catalog: &dyn Catalog, hour: Hour, limits: session::Limits) -> Result<Option<(Digest, u64)>, Error> {
    let (mut rows, mut bytes, mut before): (Vec<RecordBatch>, _, _) = (Vec::new(), 0, None);
    while let Some(partial) = next(catalog, hour, before.as_ref()).await? {
        before = Some(partial.range());
        let more = counters::hot::decode(&partial.payload)?;
        bytes += more.iter().map(RecordBatch::get_array_memory_size).sum::<usize>();
        if bytes > MERGED_BYTES_MAX {
            return Ok(None);
        }
        rows.extend(more);
    }
    let mut writer = Writer::new(&counters::schema())?;
    for batch in counters::merge(rows, limits).await? {
        writer.push(batch)?;
    }
    let (bytes, rows) = writer.finish()?;
    Ok(Some((Digest::of(&bytes), rows)))
}

/// Whether the partials that the transaction `found` are those that were `counted`, are all of the hour, and add up to
/// its segment.
fn compare(
    found: &[(Seq, Seq)],
    counted: &Counted,
    hour: &SealedHour,
    segment: &Segment,
    now: Timestamp,
) -> Reconciliation {
    let mut next = hour.first_seq;
    let contiguous = found.iter().all(|(first, last)| {
        let follows = *first == next;
        next = last.next();
        follows
    });
    let covers = contiguous && next == hour.last_seq.next();
    let (outcome, detail) = if !covers || found != counted.ranges {
        let (count, first, last) = (found.len(), hour.first_seq, hour.last_seq);
        (Outcome::Incomplete, format!("{count} hot partials do not cover frames {first}..={last}"))
    } else {
        match &counted.result {
            Sums::Equal => (Outcome::Equal, String::new()),
            Sums::Different(how) => (Outcome::Different, how.clone()),
            Sums::OfEarlierVersion => (
                Outcome::Incomplete,
                "an earlier version counted some of the frames, and did not count all columns".to_owned(),
            ),
        }
    };
    Reconciliation {
        projection: segment.projection.clone(),
        hour: hour.hour,
        outcome,
        sealed_rows: segment.rows,
        hot_rows: counted.rows,
        detail,
        compared_at: now,
    }
}
