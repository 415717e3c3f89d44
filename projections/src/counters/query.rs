//! People's questions to the counters: which dimensions, which time buckets, which zone.
//!
//! Amounts of different currencies are never added: the currency is always among the dimensions.

use std::{str::FromStr, sync::Arc};

use clicktrail_log::{
    archive::{Archive, manifest},
    time::Timestamp,
};
use datafusion::{arrow::array::RecordBatch, datasource::MemTable, prelude::SessionContext, scalar::ScalarValue};

use crate::{
    clicks::CheckedFiles,
    counters::{
        bucket, exact,
        schema::{COUNTS, FIRST_COUNTS, FIRST_SUMS, SUMS, schema},
    },
    error::Error,
    session,
    zone::{Range, Zone},
};

pub use crate::counters::bucket::Granularity;

/// A column to group by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// Who pays.
    Advertiser,
    /// The campaign.
    Campaign,
    /// The ad.
    Ad,
    /// Where it was shown.
    Publisher,
    /// Declared country.
    Country,
    /// Declared device type.
    Device,
    /// ISO 4217; always present in an answer.
    Currency,
}

impl Dimension {
    /// All of them, in the order of an answer's columns.
    pub const ALL: [Self; 7] =
        [Self::Advertiser, Self::Campaign, Self::Ad, Self::Publisher, Self::Country, Self::Device, Self::Currency];

    /// The word in commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Advertiser => "advertiser",
            Self::Campaign => "campaign",
            Self::Ad => "ad",
            Self::Publisher => "publisher",
            Self::Country => "country",
            Self::Device => "device",
            Self::Currency => "currency",
        }
    }

    /// The column.
    pub const fn column(self) -> &'static str {
        match self {
            Self::Advertiser => "advertiser_id",
            Self::Campaign => "campaign_id",
            Self::Ad => "ad_id",
            Self::Publisher => "publisher_id",
            Self::Country => "country",
            Self::Device => "device_type",
            Self::Currency => "currency",
        }
    }
}

impl FromStr for Dimension {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|dimension| dimension.as_str() == text || dimension.column() == text);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Error::Argument(format!("{text:?} is not a dimension: use {names}"))
        })
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Event times, in whole minutes.
    pub range: Range,
    /// Only of this advertiser.
    pub advertiser: Option<String>,
    /// What to group by; the currency is added.
    pub dimensions: Vec<Dimension>,
    /// Time buckets.
    pub granularity: Granularity,
    /// Zone of the buckets.
    pub zone: Zone,
}

/// What counters are read from: checked segments, and the decoded rows of hot partials.
#[derive(Debug)]
pub struct Sources {
    /// Where the segments are.
    pub archive: Archive,
    /// The live segment files.
    pub segments: Vec<manifest::File>,
    /// Rows of [`schema`](crate::counters::schema()) columns.
    pub partials: Vec<RecordBatch>,
}

/// Answers a question: one row a bucket and group, in that order, with the counts and sums that every version has. There
/// is always a batch, so that an answer without rows has columns too.
///
/// # Errors
/// [`Error::Argument`] if a bucket of the zone cannot be told from whole minutes, or a sum is too large; otherwise as
/// the archive or the engine report.
pub async fn ask(question: &Question, sources: Sources, limits: session::Limits) -> Result<Vec<RecordBatch>, Error> {
    let session = session::session(limits)?;
    let segments = CheckedFiles::segments(sources.archive, sources.segments, limits.threads);
    session.register_table("segments", Arc::new(segments))?;
    session.register_table("partials", Arc::new(MemTable::try_new(schema(), vec![sources.partials])?))?;
    // What came with a later version is asked for by its own name: see `tiers`.
    let measures = COUNTS[..FIRST_COUNTS].iter().chain(&SUMS[..FIRST_SUMS]);
    let measures = measures.map(|name| format!("{}({name}) AS {name}", exact::FUNCTION)).collect();
    answer(&session, question, measures, "SELECT * FROM segments UNION ALL SELECT * FROM partials").await
}

/// The `measures` of the rows that `from` selects.
pub(super) async fn answer(
    session: &SessionContext,
    question: &Question,
    measures: Vec<String>,
    from: &str,
) -> Result<Vec<RecordBatch>, Error> {
    session.register_udaf(exact::function());
    session.register_udf(bucket::function(&question.zone, question.granularity));
    let mut answer = session.sql(&sql(question, measures, from)).await?;
    if let Some(advertiser) = &question.advertiser {
        answer = answer.with_param_values(vec![("advertiser", ScalarValue::from(advertiser.as_str()))])?;
    }
    let columns = Arc::clone(answer.schema().inner());
    let mut rows = answer.collect().await?;
    if rows.is_empty() {
        rows.push(RecordBatch::new_empty(columns));
    }
    Ok(rows)
}

fn sql(question: &Question, measures: Vec<String>, from: &str) -> String {
    let mut groups: Vec<&str> = question.dimensions.iter().map(|dimension| dimension.column()).collect();
    if !groups.contains(&"currency") {
        groups.push("currency");
    }
    let bucket =
        (question.granularity != Granularity::Total).then(|| format!("{}(minute) AS bucket", bucket::FUNCTION));
    let mut select: Vec<String> = bucket.into_iter().collect();
    select.extend(groups.iter().map(|column| (*column).to_owned()));
    let keys: Vec<String> = (1..=select.len()).map(|index| index.to_string()).collect();
    select.extend(measures);
    let advertiser = question.advertiser.as_ref().map_or("", |_| " AND advertiser_id = $advertiser");
    format!(
        "SELECT {} FROM ({from}) WHERE {}{advertiser} GROUP BY {keys} ORDER BY {keys}",
        select.join(", "),
        within(&question.range),
        keys = keys.join(", "),
    )
}

/// The condition that a minute is in a range.
fn within(range: &Range) -> String {
    let compared = |operator: &str, time: Option<Timestamp>| match time {
        Some(time) => format!("minute {operator} to_timestamp_micros({})", time.micros()),
        None => "TRUE".to_owned(),
    };
    let piece = |(from, to)| format!("({} AND {})", compared(">=", from), compared("<", to));
    let pieces: Vec<String> = range.pieces().map(piece).collect();
    format!("({})", pieces.join(" OR "))
}
