//! `clicktrail counters`

use std::collections::BTreeSet;

use clicktrail_log::{causes::causes, time::Hour};
use clicktrail_projections::{
    counters::query,
    zone::{Range, Unit, Zone},
};
use clicktrail_query::{Error, Service, counters::Moment};
use clicktrail_replay as replay;

use crate::{basis, exit::Exit, global::Global, output, tiers};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Event time from, inclusive: 2026-11-22 is a day of --timezone, 2026-11-22T14:00 a time of its clocks, and
    /// 2026-11-22T14:00:00Z that instant; whole minutes
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Event time to, exclusive, written as --from is
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Event times of a calendar month of --timezone: 2026-11
    #[arg(long, value_name = "MONTH", conflicts_with_all = ["from", "to"])]
    month: Option<String>,
    /// Only of this advertiser
    #[arg(long, value_name = "ID")]
    advertiser: Option<String>,
    /// Dimensions, separated by commas: advertiser, campaign, ad, publisher, country, device; currency is always added
    #[arg(long = "by", alias = "group-by", value_delimiter = ',', default_value = "advertiser")]
    dimensions: Vec<query::Dimension>,
    /// Width of a time bucket: minute, 5m, hour, day, week, month or total
    #[arg(long, default_value = "total")]
    granularity: query::Granularity,
    /// Count with every verdict up to this one: a position in the verdict log, as `verdicts` prints it, or `latest`.
    /// Without it you get the billed totals, which know the judge's live verdicts alone
    #[arg(long, value_name = "POSITION")]
    as_of: Option<Moment>,
    /// Gross, net and total net of impressions, clicks, conversions, spend and value: net is without general invalid
    /// traffic and duplicates, total net also without sophisticated and by policy. Nothing that nobody judged is in net
    #[arg(long)]
    tiers: bool,
    /// Time zone of buckets and dates, by its IANA name, as in Europe/Berlin, or as an offset, as in +02:00
    #[arg(long, default_value = "UTC", value_name = "ZONE", allow_hyphen_values = true)]
    timezone: Zone,
    #[command(flatten)]
    basis: basis::Arguments,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let zone = arguments.timezone;
    let range = match &arguments.month {
        Some(month) => Range::month(month, &zone)?,
        None => Range::parse(arguments.from.as_deref(), arguments.to.as_deref(), &zone, Unit::Minute)?,
    };
    let instance = global.open_answering().await?;
    arguments.basis.wait(&instance).await?;
    let service = instance.questions();
    let mut seen = BTreeSet::new();
    let dimensions = arguments.dimensions.into_iter().filter(|dimension| seen.insert(*dimension)).collect();
    let question = query::Question {
        range,
        advertiser: arguments.advertiser,
        dimensions,
        granularity: arguments.granularity,
        zone,
    };
    let stale = if arguments.as_of.is_none() { tell_stale(&service).await? } else { Vec::new() };
    let answer = match (arguments.tiers, arguments.as_of) {
        (true, None) => service.tiers(&question).await?,
        (true, Some(moment)) => service.tiers_as_of(&question, moment).await?,
        (false, None) => service.counters(&question).await?,
        (false, Some(moment)) => service.counters_as_of(&question, moment).await?,
    };
    if let Some(advertiser) = question.advertiser.filter(|_| answer.rows.iter().all(|rows| rows.num_rows() == 0)) {
        output::note(&format!("nothing was counted of advertiser {advertiser:?} in this range"));
    }
    let mut basis = basis::with_spool(answer.basis, &instance).await?;
    basis.hold_against(question.range.end(), instance.clock.now());
    basis.stale = stale;
    if arguments.tiers {
        return arguments.basis.print_with(&answer.rows, &basis, global, tiers::print);
    }
    arguments.basis.print(&answer.rows, &basis, global)
}

/// Says that there are hours whose numbers do not know every verdict.
async fn tell_stale(service: &Service) -> anyhow::Result<Vec<Hour>> {
    let stale = match service.stale_hours().await {
        Err(cause) if cause.is_transient() => {
            output::note("the verdict log cannot be reached, so nobody knows which hours are stale");
            return Ok(Vec::new());
        }
        // These totals are counted without it: what cannot be read of past verdicts is said, and refused by --as-of.
        Err(Error::Replay(replay::Error::Verdicts(cause))) => {
            output::note(&format!(
                "nobody knows which hours are stale; these totals are counted without it: {}",
                causes(&cause)
            ));
            return Ok(Vec::new());
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
    Ok(stale.into_keys().collect())
}
