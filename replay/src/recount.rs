//! Computes the bill again from archive and logs, and holds it against what counts: hour by hour, advertiser by
//! advertiser. It is the code that sealing and counting run, but nothing is written.

use std::{collections::BTreeMap, sync::Arc};

use clicktrail_catalog::{Became, Catalog, KnownFrame, SealedHour, Segment, Snapshot};
use clicktrail_log::{
    archive::{
        self, Archive, Manifest,
        clicks::Clicks,
        keys::{ReceiptKey, remedy},
    },
    causes::causes,
    frame::Digest,
    log::{self, Log, Stream},
    position::Position,
    time::Hour,
};
use clicktrail_projections::{
    Projection,
    counters::{self, query},
    session,
    zone::{Range, Zone},
};
use clicktrail_verdicts::reader::VerdictReader;
use futures::{StreamExt as _, stream};

use crate::{
    belongs,
    error::Error,
    open_range::OpenRange,
    promotions,
    receipt::Receipt,
    rulings::HourRulings,
    segment,
    sums::{Owed, Sums},
};

/// So many hours are computed side by side. Each takes what sealing takes.
const HOURS_AT_ONCE: usize = 2;
/// All hours of a catalog are listed at once: a century has fewer.
const HOURS_MAX: u32 = 1_000_000;

/// Which counts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A sealed hour and its live segment.
    Hour(Hour),
    /// The frames behind the last sealed hour and their hot partials.
    Open,
    /// Everything together, and what `counters` answers.
    Whole,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A count or sum differs.
    Difference {
        /// Where.
        part: Part,
        /// Whose, and in which currency.
        owed: Owed,
        /// Which column.
        column: &'static str,
        /// From archive and logs.
        recomputed: i128,
        /// What counts.
        counted: i128,
    },
    /// A segment has other counts or sums because other code made it than this program's. What this program gives is
    /// not what should count: whoever promoted it, or ran that version, knows why.
    OtherCode {
        /// Where.
        part: Part,
        /// The code's digest.
        code_digest: String,
        /// How many counts and sums differ from what this program gives.
        values: usize,
    },
    /// Something cannot be read, or is not what its receipt or the catalog says.
    Problem {
        /// Where.
        part: Part,
        /// What, and how.
        reason: String,
    },
}

/// What was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recounted {
    /// Sealed hours.
    pub hours: u64,
    /// Sealed hours that are left out: the judge has not passed them, and they count for nothing.
    pub unjudged: u64,
    /// What is not as it should be, in order.
    pub findings: Vec<Finding>,
    /// Why the open range could not be compared; `None` if it was.
    pub open_uncounted: Option<String>,
}

/// What a recount reads.
#[derive(Debug, Clone)]
pub struct Recount {
    /// The click log.
    pub clicks: Arc<dyn Log>,
    /// The archive.
    pub archive: Archive,
    /// The verdicts.
    pub history: VerdictReader,
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
    /// What projecting may use.
    pub limits: session::Limits,
}

/// One hour of archive, catalog or both.
struct Known {
    hour: Hour,
    registered: Option<SealedHour>,
    live: Option<Segment>,
    /// The verdicts that its live segment knows; `None`: those of the live judge.
    knows_before: Option<Position>,
}

impl Recount {
    /// Compares everything. After each hour `progress` is told how many are done, and how many there are.
    ///
    /// # Errors
    /// If catalog, archive or verdict log cannot be reached. What is missing or damaged there is a finding.
    pub async fn run(&self, mut progress: impl FnMut(u64, u64)) -> Result<Recounted, Error> {
        let (first, last) = (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2));
        let snapshot = self.catalog.snapshot(counters::NAME, first, last).await?;
        let known = self.known_hours(&snapshot).await?;
        let (mut found, mut whole, all) = (Recounted::default(), Sums::default(), known.len() as u64);
        let mut hours = stream::iter(known.iter().map(|known| self.hour(known, &snapshot))).buffered(HOURS_AT_ONCE);
        while let Some(hour) = hours.next().await {
            match hour? {
                Some((sums, findings)) => {
                    whole.add_all(&sums);
                    found.findings.extend(findings);
                    found.hours += 1;
                }
                None => found.unjudged += 1,
            }
            progress(found.hours + found.unjudged, all);
        }
        match self.open(&snapshot).await {
            Ok((sums, findings)) => {
                whole.add_all(&sums);
                found.findings.extend(findings);
                let answered = self.answered(&snapshot).await;
                found.findings.extend(compared(Part::Whole, &whole, answered));
            }
            Err(cause) => found.open_uncounted = Some(causes(&cause)),
        }
        found.findings.extend(self.foreign(&snapshot).await?);
        let lost = |hole| Finding::Problem { part: Part::Whole, reason: format!("the catalog has lost {hole}") };
        found.findings.extend(snapshot.marks.holes.iter().map(lost));
        if let Some(number) = promotions::unknown(&self.archive, self.catalog.as_ref()).await? {
            let reason =
                format!("the archive has promotion {number}, which the catalog does not know: it is an older copy");
            found.findings.push(Finding::Problem { part: Part::Whole, reason });
        }
        Ok(found)
    }

    /// Frames that the catalog knows and the logs hold otherwise.
    async fn foreign(&self, snapshot: &Snapshot) -> Result<Vec<Finding>, Error> {
        let mut known: Vec<KnownFrame> = snapshot.partials.iter().filter_map(KnownFrame::counted).collect();
        let others = self.catalog.known_frames().await?;
        known.extend(others.into_iter().filter(|frame| frame.became != Became::Counted));
        let mut findings = Vec::new();
        for frame in known {
            let held = match frame.stream {
                Stream::Verdicts => self.history.digest_of(frame.seq).await.map_err(Error::from),
                // Of the last two the catalog knows no frame.
                Stream::Clicks | Stream::Rejected | Stream::Invoices => {
                    log::digest_of(self.clicks.as_ref(), frame.seq).await.map_err(Error::from)
                }
            };
            match held.and_then(|held| belongs::compare(&frame, held)) {
                Ok(()) => {}
                // The range that could not be counted again says so.
                Err(cause) if cause.is_transient() => break,
                Err(cause) => findings.push(Finding::Problem { part: Part::Open, reason: causes(&cause) }),
            }
        }
        Ok(findings)
    }

    /// Every hour that archive or catalog knows, in order.
    async fn known_hours(&self, snapshot: &Snapshot) -> Result<Vec<Known>, Error> {
        let mut known: BTreeMap<Hour, Known> = BTreeMap::new();
        let new = |hour: Hour| Known { hour, registered: None, live: None, knows_before: None };
        for hour in self.archive.sealed_hours(Stream::Clicks).await? {
            known.insert(hour, new(hour));
        }
        for registered in self.catalog.list_hours(Hour::from_i64(i64::MIN / 2), HOURS_MAX).await? {
            let last = snapshot.marks.last_hour.as_ref().map(|last| last.hour);
            // What was sealed since the snapshot is among its hot partials.
            if last.is_some_and(|last| registered.hour <= last) {
                let hour = registered.hour;
                known.entry(hour).or_insert_with(|| new(hour)).registered = Some(registered);
            }
        }
        for (live, pointer) in snapshot.segments.iter().zip(&snapshot.pointers) {
            let of_hour = known.entry(live.hour).or_insert_with(|| new(live.hour));
            (of_hour.live, of_hour.knows_before) = (Some(live.clone()), pointer.knows_before);
        }
        Ok(known.into_values().collect())
    }

    /// Computes an hour again; `None` if it counts for nothing yet, because the judge has not passed it.
    async fn hour(&self, known: &Known, snapshot: &Snapshot) -> Result<Option<(Sums, Vec<Finding>)>, Error> {
        let part = Part::Hour(known.hour);
        let problem = |reason: String| Finding::Problem { part, reason };
        let manifest = match self.archive.manifest::<Clicks>(known.hour).await {
            Ok(Some(manifest)) => manifest,
            Ok(None) => {
                let gone = problem("is counted, and the archive has no manifest of it".to_owned());
                return Ok(Some((Sums::default(), vec![gone])));
            }
            Err(cause) if cause.is_transient() => return Err(cause.into()),
            Err(cause) => return Ok(Some((Sums::default(), vec![problem(causes(&cause))]))),
        };
        if known.registered.is_none() && known.live.is_none() && !self.must_count(&manifest, snapshot).await? {
            return Ok(None);
        }
        let mut findings = Vec::new();
        if known.registered.as_ref().is_none_or(|hour| hour.manifest_digest != manifest.digest().to_string()) {
            findings.push(problem("is not registered as its manifest says".to_owned()));
        }
        match self.recompute(&manifest, known.knows_before).await {
            Ok((sums, input, output)) => {
                let live = known.live.as_ref();
                let (checked, counting) = self.check_segment(part, live, sums, (input, output)).await?;
                findings.extend(checked);
                Ok(Some((counting, findings)))
            }
            Err(cause) if cause.is_transient() => Err(cause),
            Err(cause) => {
                findings.push(problem(causes(&cause)));
                Ok(Some((Sums::default(), findings)))
            }
        }
    }

    /// Whether an hour that is not registered should be: the judge has passed it, and it is not counted live.
    async fn must_count(&self, manifest: &Manifest, snapshot: &Snapshot) -> Result<bool, Error> {
        let marks = &snapshot.marks;
        if manifest.first_seq() > marks.sealed_through() && manifest.last_seq() <= marks.counted_through {
            return Ok(false);
        }
        let is_judged = manifest.last_seq() <= marks.judged.clicks_through;
        // If the mark was lost with the catalog, a receipt proves it.
        Ok(is_judged || self.archive.holds_any(&ReceiptKey::prefix(counters::NAME, manifest.hour())).await?)
    }

    /// The sums of an hour, the digest of what they are made of, and that of the segment that holds them.
    async fn recompute(
        &self,
        manifest: &Manifest,
        knows_before: Option<Position>,
    ) -> Result<(Sums, Digest, Digest), Error> {
        let rulings = match knows_before {
            None => HourRulings::live(&self.history, manifest).await?,
            Some(before) => HourRulings::as_of(&self.history, manifest, before).await?,
        };
        let mut sums = Sums::default();
        let mut add = |batch: &arrow::array::RecordBatch| sums.add(batch);
        let (bytes, _) =
            segment::project(&self.archive, &Projection::counters(), manifest, &rulings, self.limits, &mut add).await?;
        Ok((sums, segment::input_digest(manifest, &rulings), Digest::of(&bytes)))
    }

    /// Holds a live segment against what the hour gives: its file, its receipt, and its numbers. Returns with that what
    /// the hour adds to everything.
    async fn check_segment(
        &self,
        part: Part,
        live: Option<&Segment>,
        sums: Sums,
        (input, output): (Digest, Digest),
    ) -> Result<(Vec<Finding>, Sums), Error> {
        let Some(live) = live else { return Ok((compared(part, &sums, Ok(Sums::default())), sums)) };
        let mut findings = Vec::new();
        let mut problem = |reason: String| findings.push(Finding::Problem { part, reason });
        if live.input_digest != input.to_string() {
            problem(format!("segment {} is made of other clicks or rulings than there are now", live.key));
        }
        if let Some(reason) = self.contradiction(live).await? {
            problem(reason);
        }
        let counted = self.segment_sums(live).await;
        let is_readable = counted.is_ok();
        // Another version of the projection writes other bytes for the same numbers.
        let is_same_code = live.code_digest == counters::code_digest().to_string();
        if let (Ok(counted), false) = (&counted, is_same_code) {
            let values = sums.differences(counted).len();
            if values > 0 {
                findings.push(Finding::OtherCode { part, code_digest: live.code_digest.clone(), values });
            }
            return Ok((findings, counted.clone()));
        }
        let differences = compared(part, &sums, counted);
        if is_readable && differences.is_empty() && is_same_code && live.output_digest != output.to_string() {
            problem(format!("segment {} has other rows than the archive gives, though no advertiser's sums", live.key));
        }
        findings.extend(differences);
        Ok((findings, sums))
    }

    /// How a segment contradicts its receipt.
    async fn contradiction(&self, live: &Segment) -> Result<Option<String>, Error> {
        let (Ok(input), Ok(code)) = (live.input_digest.parse::<Digest>(), live.code_digest.parse::<Digest>()) else {
            return Ok(Some(format!("segment {} is registered with digests that are none", live.key)));
        };
        let key = ReceiptKey::new(&live.projection, live.hour, &input, &code).path();
        let receipt = match self.archive.get(&key).await {
            Ok(bytes) => Receipt::from_bytes(&bytes),
            Err(missing @ archive::Error::Missing(_)) => {
                return Ok(Some(format!("segment {} has no receipt: {missing}", live.key)));
            }
            Err(cause) => return Err(cause.into()),
        };
        let is_its = receipt.is_ok_and(|receipt| {
            receipt.is_of(&live.projection, live.hour, &input, &code)
                && (&receipt.output_digest, &receipt.key) == (&live.output_digest, &live.key)
                && (receipt.bytes, receipt.rows) == (live.bytes, live.rows)
        });
        let remedy = remedy(key.as_ref());
        Ok((!is_its).then(|| format!("segment {} is not what its receipt {key} says: {remedy}", live.key)))
    }

    /// What questions read from a segment.
    async fn segment_sums(&self, live: &Segment) -> Result<Sums, Error> {
        // A question does not read a segment without rows.
        if live.rows == 0 {
            self.archive.get_file(&segment::file(live)).await?;
            return Ok(Sums::default());
        }
        let bytes = self.archive.get_file(&segment::file(live)).await?;
        let unreadable = |error: &dyn std::fmt::Display| archive::Error::Damaged {
            key: live.key.clone(),
            reason: error.to_string(),
        };
        let mut sums = Sums::default();
        for rows in archive::part::read(bytes, None).map_err(|error| unreadable(&error))? {
            sums.add(&rows.map_err(|error| unreadable(&error))?)?;
        }
        Ok(sums)
    }

    /// Counts the open range again, and holds it against its hot partials.
    async fn open(&self, snapshot: &Snapshot) -> Result<(Sums, Vec<Finding>), Error> {
        let through = snapshot.marks.counted_through;
        let mut sums = Sums::default();
        if through > snapshot.marks.sealed_through() {
            let last = snapshot.marks.last_hour.as_ref().map(|last| last.hour);
            let mut open = OpenRange::behind(&self.clicks, &self.archive, last).await?;
            open.count(&self.clicks, &self.history, through).await?;
            for partial in open.partials() {
                for rows in counters::hot::decode(&partial.payload)? {
                    sums.add(&rows)?;
                }
            }
        }
        let mut counted = Sums::default();
        for partial in &snapshot.partials {
            for rows in counters::hot::decode_for_questions(&partial.payload)? {
                counted.add(&rows)?;
            }
        }
        let findings = compared(Part::Open, &sums, Ok(counted));
        Ok((sums, findings))
    }

    /// What `counters` answers for everything.
    async fn answered(&self, snapshot: &Snapshot) -> Result<Sums, Error> {
        let files = snapshot.segments.iter().filter(|live| live.rows > 0).map(segment::file).collect();
        let mut partials = Vec::new();
        for partial in &snapshot.partials {
            partials.extend(counters::hot::decode(&partial.payload)?);
        }
        self.ask(files, partials).await
    }

    async fn ask(
        &self,
        segments: Vec<archive::manifest::File>,
        partials: Vec<arrow::array::RecordBatch>,
    ) -> Result<Sums, Error> {
        let question = query::Question {
            range: Range::everything(),
            advertiser: None,
            dimensions: vec![query::Dimension::Advertiser],
            granularity: query::Granularity::Total,
            zone: Zone::utc(),
        };
        let sources = query::Sources { archive: self.archive.clone(), segments, partials };
        let mut sums = Sums::default();
        for rows in query::ask(&question, sources, self.limits).await? {
            sums.add(&rows)?;
        }
        Ok(sums)
    }
}

/// What differs. Counts that cannot be read are one finding, not as many as there are advertisers.
fn compared(part: Part, recomputed: &Sums, counted: Result<Sums, Error>) -> Vec<Finding> {
    let counted = match counted {
        Ok(counted) => counted,
        Err(cause) => return vec![Finding::Problem { part, reason: causes(&cause) }],
    };
    let differences = recomputed.differences(&counted).into_iter();
    let found = differences.map(|(owed, column, recomputed, counted)| Finding::Difference {
        part,
        owed: owed.clone(),
        column,
        recomputed,
        counted,
    });
    found.collect()
}
