//! `clicktrail counters`

use std::collections::BTreeSet;

use anyhow::Context as _;
use clicktrail_log::time::{Hour, Timestamp};
use clicktrail_projections::{
    counters::{self, query},
    session,
};
use clicktrail_replay::segment;

use super::{Exit, Global, output};
use crate::instance::Instance;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Event time from, inclusive: 2026-11-22 or 2026-11-22T14:00:00Z
    #[arg(long, value_parser = instant)]
    from: Option<Timestamp>,
    /// Event time to, exclusive
    #[arg(long, value_parser = instant)]
    to: Option<Timestamp>,
    /// Dimensions, comma-separated: advertiser, campaign, ad, publisher, country, device (currency is always among them)
    #[arg(long = "by", alias = "group-by", value_delimiter = ',', default_value = "advertiser")]
    dimensions: Vec<query::Dimension>,
    /// Width of a time bucket: minute, 5m, hour, day or total
    #[arg(long, default_value = "total")]
    granularity: query::Granularity,
    /// IANA zone of the buckets, as in Europe/Berlin
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    timezone: String,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let midnight = format!("{text}T00:00:00Z");
    let parsed = Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_rfc3339(&midnight));
    parsed.ok_or_else(|| "use a date, as in 2026-11-22, or RFC 3339, as in 2026-11-22T14:00:00Z".to_owned())
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_existing().await?;
    let mut seen = BTreeSet::new();
    let dimensions = arguments.dimensions.into_iter().filter(|dimension| seen.insert(*dimension)).collect();
    let question = query::Question {
        from: arguments.from,
        to: arguments.to,
        dimensions,
        granularity: arguments.granularity,
        zone: arguments.timezone,
    };
    let batches = ask(&instance, &question).await?;
    output::rows(&batches, global.output)?;
    Ok(Exit::Ok)
}

/// Answers from the live segments and what is counted since.
pub(super) async fn ask(
    instance: &Instance,
    question: &query::Question,
) -> anyhow::Result<Vec<arrow::array::RecordBatch>> {
    let (first, last) = (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2));
    let snapshot = instance.catalog.snapshot(counters::NAME, first, last).await?;
    let mut partials = Vec::new();
    for partial in &snapshot.partials {
        partials.extend(counters::hot::decode(&partial.payload)?);
    }
    // A quiet hour's segment has no rows to read.
    let segments = snapshot.segments.iter().filter(|segment| segment.rows > 0).map(segment::file).collect();
    let sources = query::Sources { archive: instance.archive.clone(), segments, partials };
    query::ask(question, sources, session::Limits::default()).await.context("count")
}
