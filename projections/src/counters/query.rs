//! People's questions to the counters: which dimensions, which time buckets, which zone.
//!
//! Amounts of different currencies are never added: the currency is always among the dimensions.

use std::{fmt::Write as _, str::FromStr, sync::Arc};

use clicktrail_log::{
    archive::{Archive, manifest},
    time::Timestamp,
};
use datafusion::{
    arrow::array::{RecordBatch, timezone::Tz},
    datasource::MemTable,
};

use crate::{
    clicks::CheckedFiles,
    counters::schema::{COUNTS, FIRST_COUNTS, FIRST_SUMS, SUMS, schema},
    error::Error,
    session,
};

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

/// The width of a time bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// One minute.
    Minute,
    /// Five minutes.
    FiveMinutes,
    /// One hour of the zone.
    Hour,
    /// One calendar day of the zone.
    Day,
    /// The whole range as one bucket, without a time column.
    Total,
}

impl FromStr for Granularity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "minute" => Ok(Self::Minute),
            "5m" => Ok(Self::FiveMinutes),
            "hour" => Ok(Self::Hour),
            "day" => Ok(Self::Day),
            "total" => Ok(Self::Total),
            _ => Err(Error::Argument(format!("{text:?} is not a granularity: use minute, 5m, hour, day or total"))),
        }
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Event time from, inclusive; `None` for the beginning.
    pub from: Option<Timestamp>,
    /// Event time to, exclusive; `None` for the end.
    pub to: Option<Timestamp>,
    /// What to group by; the currency is added.
    pub dimensions: Vec<Dimension>,
    /// Time buckets.
    pub granularity: Granularity,
    /// IANA zone of the buckets, as in `Europe/Berlin`.
    pub zone: String,
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

/// Answers a question: one row a bucket and group, in that order, with the counts and sums that every version has.
///
/// # Errors
/// [`Error::Argument`] if the zone is not known; otherwise as the archive or the engine report.
pub async fn ask(question: &Question, sources: Sources, limits: session::Limits) -> Result<Vec<RecordBatch>, Error> {
    let session = session::session(limits)?;
    let segments = CheckedFiles::segments(sources.archive, sources.segments, limits.threads);
    session.register_table("segments", Arc::new(segments))?;
    session.register_table("partials", Arc::new(MemTable::try_new(schema(), vec![sources.partials])?))?;
    // What came with a later version is asked for by its own name: see `tiers`.
    let measures = COUNTS[..FIRST_COUNTS].iter().chain(&SUMS[..FIRST_SUMS]);
    let measures = measures.map(|name| format!("SUM({name}) AS {name}")).collect();
    let sql = sql(question, measures, "SELECT * FROM segments UNION ALL SELECT * FROM partials")?;
    Ok(session.sql(&sql).await?.collect().await?)
}

/// The `measures` of the rows that `from` selects.
pub(super) fn sql(question: &Question, measures: Vec<String>, from: &str) -> Result<String, Error> {
    let bucket = bucket(question)?;
    let mut groups: Vec<&str> = question.dimensions.iter().map(|dimension| dimension.column()).collect();
    if !groups.contains(&"currency") {
        groups.push("currency");
    }
    let mut select: Vec<String> = bucket.iter().map(|bucket| format!("{bucket} AS bucket")).collect();
    select.extend(groups.iter().map(|column| (*column).to_owned()));
    let keys: Vec<String> = (1..=select.len()).map(|index| index.to_string()).collect();
    select.extend(measures);
    let mut conditions = String::from("TRUE");
    let mut condition = |operator: &str, time: Timestamp| {
        write!(conditions, " AND minute {operator} to_timestamp_micros({})", time.micros()).expect("text takes text");
    };
    if let Some(from) = question.from {
        condition(">=", from);
    }
    if let Some(to) = question.to {
        condition("<", to);
    }
    Ok(format!(
        "SELECT {} FROM ({from}) WHERE {conditions} GROUP BY {keys} ORDER BY {keys}",
        select.join(", "),
        keys = keys.join(", "),
    ))
}

/// The expression of the time bucket; `None` for a total.
fn bucket(question: &Question) -> Result<Option<String>, Error> {
    let zone = &question.zone;
    let known = zone.parse::<Tz>().is_ok();
    // The zone stands inside SQL text: only what names a zone may pass.
    let plain = zone.chars().all(|c| c.is_ascii_alphanumeric() || "/_+-:".contains(c));
    if !known || !plain {
        return Err(Error::Argument(format!("{zone:?} is not a time zone: use an IANA name, as in Europe/Berlin")));
    }
    let local = format!("arrow_cast(minute, 'Timestamp(Microsecond, Some(\"{zone}\"))')");
    Ok(match question.granularity {
        Granularity::Minute => Some(local),
        Granularity::FiveMinutes => {
            Some(local.replace("(minute,", "(date_bin(INTERVAL '5 minutes', minute, to_timestamp_micros(0)),"))
        }
        Granularity::Hour => Some(format!("date_trunc('hour', {local})")),
        Granularity::Day => Some(format!("date_trunc('day', {local})")),
        Granularity::Total => None,
    })
}
