//! `clicktrail counters`

use std::collections::BTreeSet;

use anyhow::{anyhow, bail};
use clicktrail_catalog::generations::Generation;
use clicktrail_log::{causes::causes, position::Position, time::Hour};
use clicktrail_projections::{
    counters::query,
    zone::{Range, Unit, Zone},
};
use clicktrail_query::{
    Error, Service,
    moment::{At, Moment},
};
use clicktrail_replay::{self as replaying, standing::Side};

use crate::{basis, exit::Exit, global::Global, installation::Installation, output, replay, tiers};

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
    #[command(flatten)]
    past: Past,
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

/// As of when is counted. Without any of it you get the billed totals, which know the judge's live verdicts alone, and
/// what was promoted.
#[derive(Debug, clap::Args)]
struct Past {
    /// Count with every verdict up to this one, by this program's code: a position in the verdict log, as `verdicts`
    /// prints it; or those logged before a time, as in 2026-11-22T14:00 of --timezone; or `latest`. Without it you get
    /// the billed totals, which know the judge's live verdicts alone, and what was promoted
    #[arg(long, visible_alias = "as-of", value_name = "POSITION or TIME")]
    verdicts_as_of: Option<String>,
    /// Count clicks up to this one alone: a position in the click log, as `log cat` prints it. Verdicts are those of
    /// --verdicts-as-of, else the latest
    #[arg(long, value_name = "POSITION")]
    clicks_as_of: Option<Position>,
    /// Count the hours of this generation alone, from what it built (see `replay list`): the same bytes whatever was
    /// ruled, promoted or released since. `ID:before`: from what counted when it was planned
    #[arg(
        long,
        value_name = "ID[:before]",
        conflicts_with_all = ["verdicts_as_of", "clicks_as_of", "complete"]
    )]
    generation: Option<String>,
}

/// What is asked of.
enum Of {
    /// What counts now.
    Now,
    /// Both logs up to a place.
    At(At),
    /// A generation, or what it replaced.
    Generation(Box<Generation>, Side),
}

impl Past {
    async fn read(self, zone: &Zone, instance: &Installation) -> anyhow::Result<Of> {
        if let Some(named) = &self.generation {
            let (id, side) = match named.split_once(':') {
                None => (named.as_str(), Side::Built),
                Some((id, "before")) => (id, Side::Before),
                Some((_, other)) => bail!("--generation is ID or ID:before, not ID:{other}"),
            };
            return Ok(Of::Generation(Box::new(replay::named(instance, id).await?), side));
        }
        if self.verdicts_as_of.is_none() && self.clicks_as_of.is_none() {
            return Ok(Of::Now);
        }
        let parsed = self.verdicts_as_of.as_deref().map_or(Ok(Moment::Latest), |text| Moment::parse(text, zone));
        let verdicts = parsed.map_err(|what| anyhow!("--verdicts-as-of: {what}"))?;
        Ok(Of::At(At { verdicts, clicks: self.clicks_as_of }))
    }
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let zone = arguments.timezone;
    let range = match &arguments.month {
        Some(month) => Range::month(month, &zone)?,
        None => Range::parse(arguments.from.as_deref(), arguments.to.as_deref(), &zone, Unit::Minute)?,
    };
    let instance = global.open_reading().await?;
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
    let of = arguments.past.read(&question.zone, &instance).await?;
    let stale = if matches!(of, Of::Now) { tell_stale(&service).await? } else { Vec::new() };
    let answer = match (arguments.tiers, &of) {
        (true, Of::Now) => service.tiers(&question).await?,
        (true, Of::At(at)) => service.tiers_as_of(&question, *at).await?,
        (true, Of::Generation(generation, side)) => service.tiers_of(&question, generation, *side).await?,
        (false, Of::Now) => service.counters(&question).await?,
        (false, Of::At(at)) => service.counters_as_of(&question, *at).await?,
        (false, Of::Generation(generation, side)) => service.counters_of(&question, generation, *side).await?,
    };
    if let Of::Generation(generation, _) = &of {
        let Generation { id, from, to_inclusive, .. } = generation.as_ref();
        output::note(&format!("hours {from} to {to_inclusive} of generation {id}, and nothing else, are counted"));
    }
    if let Some(advertiser) = question.advertiser.filter(|_| answer.rows.iter().all(|rows| rows.num_rows() == 0)) {
        output::note(&format!("nothing was counted of advertiser {advertiser:?} in this range"));
    }
    let mut basis = match answer.basis.is_open() {
        true => basis::with_spool(answer.basis, &instance).await?,
        false => answer.basis,
    };
    arguments.basis.look(&mut basis, &instance).await?;
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
        Err(Error::Replay(replaying::Error::Verdicts(cause))) => {
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
