//! `clicktrail counters`

use std::{collections::BTreeSet, str::FromStr, sync::Arc};

use anyhow::{Context as _, ensure};
use clicktrail_log::{
    position::{ParseError, Position},
    time::{Hour, Timestamp},
};
use clicktrail_projections::{
    counters::{self, query},
    session,
};
use clicktrail_replay::{
    as_of::{self, AsOf},
    segment, stale,
};

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
    /// With the verdicts up to this one: a position in the verdict log as `verdicts` prints it, or `latest`. Without it,
    /// the numbers that count: live verdicts, and later ones once their hours are projected again
    #[arg(long, value_name = "POSITION")]
    as_of: Option<Moment>,
    /// IANA zone of the buckets, as in Europe/Berlin
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    timezone: String,
}

/// A place in the verdict log.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// After the last verdict.
    Latest,
    /// After this verdict.
    After(Position),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "latest" => Ok(Self::Latest),
            _ => text.parse().map(Self::After).map_err(|error: ParseError| format!("{error}, or use `latest`")),
        }
    }
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
    let batches = match arguments.as_of {
        None => {
            let batches = ask(&instance, &question).await?;
            tell_stale(&instance).await?;
            batches
        }
        Some(moment) => ask_as_of(&instance, &question, moment).await?,
    };
    output::rows(&batches, global.output)?;
    Ok(Exit::Ok)
}

/// Says that there are hours whose numbers do not know every verdict.
async fn tell_stale(instance: &Instance) -> anyhow::Result<()> {
    stale::follow(&instance.rulings(), instance.catalog.as_ref()).await?;
    let stale = as_of::stale_hours(instance.catalog.as_ref()).await?;
    if let (Some(first), Some(last)) = (stale.keys().next(), stale.keys().next_back()) {
        let hours = match stale.len() {
            1 => format!("{first} is stale"),
            hours => format!("{hours} hours from {first} to {last} are stale"),
        };
        output::note(&format!(
            "{hours}: later verdicts concern what was sealed (see `verdicts stale`); these numbers count without them, --as-of latest with them"
        ));
    }
    Ok(())
}

async fn ask_as_of(
    instance: &Instance,
    question: &query::Question,
    moment: Moment,
) -> anyhow::Result<Vec<arrow::array::RecordBatch>> {
    let history = instance.rulings();
    let end = history.end().await?;
    let before = match moment {
        Moment::Latest => end,
        Moment::After(verdict) => {
            ensure!(verdict < end, "there is no verdict {verdict} yet: the log of verdicts ends before {end}");
            verdict.plus_rows(1)
        }
    };
    let limits = session::Limits::default();
    let as_of = AsOf {
        clicks: Arc::clone(&instance.clicks),
        archive: instance.archive.clone(),
        catalog: Arc::clone(&instance.catalog),
        history,
        limits,
    };
    let sources = as_of.sources(before).await?;
    let segments = sources.segments.iter().map(segment::file).collect();
    let sources = query::Sources { archive: instance.archive.clone(), segments, partials: sources.rows };
    query::ask(question, sources, limits).await.context("count")
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
