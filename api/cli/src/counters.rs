//! `clicktrail counters`

use std::collections::BTreeSet;

use clicktrail_log::time::Timestamp;
use clicktrail_projections::counters::query;
use clicktrail_query::{Service, counters::Moment};

use crate::{basis, exit::Exit, global::Global, output};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Event time from, inclusive, in whole minutes: 2026-11-22T14:00:00Z, or 2026-11-22 for its midnight in UTC (also
    /// with another --timezone)
    #[arg(long, value_parser = instant)]
    from: Option<Timestamp>,
    /// Event time to, exclusive, written as --from is
    #[arg(long, value_parser = instant)]
    to: Option<Timestamp>,
    /// Dimensions, separated by commas: advertiser, campaign, ad, publisher, country, device; currency is always added
    #[arg(long = "by", alias = "group-by", value_delimiter = ',', default_value = "advertiser")]
    dimensions: Vec<query::Dimension>,
    /// Width of a time bucket: minute, 5m, hour, day or total
    #[arg(long, default_value = "total")]
    granularity: query::Granularity,
    /// Count with every verdict up to this one: a position in the verdict log, as `verdicts` prints it, or `latest`.
    /// Without it you get the billed totals, which know the judge's live verdicts alone
    #[arg(long, value_name = "POSITION")]
    as_of: Option<Moment>,
    /// Time zone of the buckets, by its IANA name: Europe/Berlin
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    timezone: String,
    #[command(flatten)]
    basis: basis::Arguments,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let midnight = format!("{text}T00:00:00Z");
    let parsed = Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_rfc3339(&midnight));
    parsed.ok_or_else(|| "use a date, as in 2026-11-22, or RFC 3339, as in 2026-11-22T14:00:00Z".to_owned())
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_answering().await?;
    arguments.basis.wait(&instance).await?;
    let service = instance.questions();
    let mut seen = BTreeSet::new();
    let dimensions = arguments.dimensions.into_iter().filter(|dimension| seen.insert(*dimension)).collect();
    let question = query::Question {
        from: arguments.from,
        to: arguments.to,
        dimensions,
        granularity: arguments.granularity,
        zone: arguments.timezone,
    };
    let answer = match arguments.as_of {
        None => {
            let answer = service.counters(&question).await?;
            tell_stale(&service).await?;
            answer
        }
        Some(moment) => service.counters_as_of(&question, moment).await?,
    };
    let basis = basis::with_spool(answer.basis, &instance).await?;
    arguments.basis.print(&answer.rows, &basis, global)
}

/// Says that there are hours whose numbers do not know every verdict.
async fn tell_stale(service: &Service) -> anyhow::Result<()> {
    let stale = match service.stale_hours().await {
        Err(cause) if cause.is_transient() => {
            output::note("the verdict log cannot be reached, so nobody knows which hours are stale");
            return Ok(());
        }
        found => found?,
    };
    if let (Some(first), Some(last)) = (stale.keys().next(), stale.keys().next_back()) {
        let hours = match stale.len() {
            1 => format!("{first} is stale"),
            hours => format!("{hours} hours from {first} to {last} are stale"),
        };
        output::note(&format!(
            "{hours}: these totals do not count newer verdicts (see `verdicts stale`; --as-of latest counts them)"
        ));
    }
    Ok(())
}
