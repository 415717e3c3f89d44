//! `clicktrail replay plan`

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Context as _;
use clicktrail_projections::counters;
use clicktrail_replay::plan::{self, Fate, Plan, rate};
use serde_json::{Value, json};

use super::{
    estimate::{self, Sampling},
    generation::is_candidate,
    invoiced,
    question::{self, Question, range},
    trail::Said,
    working,
};
use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    question: Question,
    /// Write the plan to this file, for `replay build --plan`
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Read every part that a build would read, and compare it with its digest; else only its size is looked at
    #[arg(long)]
    deep: bool,
    #[command(flatten)]
    sampling: Sampling,
    #[command(flatten)]
    said: Said,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let by = arguments.said.by(global)?;
    let instance = global.open_recorded().await?;
    let plan = match arguments.question.plan(global, &instance).await? {
        Ok(plan) => plan,
        Err(refused) => return refuse(refused),
    };
    if arguments.deep
        && let Err(refused) = question::planner(&instance).read_parts(&plan).await
    {
        return refuse(refused);
    }
    if let Some(file) = &arguments.save {
        std::fs::write(file, plan.document.to_bytes()).with_context(|| format!("write {}", file.display()))?;
    }
    let cost = Cost::of(&plan, &instance).await?;
    let money = arguments.sampling.of(&plan, &instance).await?;
    let invoiced = match plan.document.projection.as_str() {
        counters::NAME => invoiced::periods(&instance, plan.document.hours.iter().map(|hour| hour.hour)).await?,
        _ => BTreeMap::new(),
    };
    match global.output {
        Format::Json => {
            let mut planned = as_json(&plan, &cost);
            let periods = invoiced
                .iter()
                .map(|((period, zone), accounts)| json!({"period": period, "zone": zone, "accounts": accounts}));
            planned["invoiced_periods"] = periods.collect();
            planned["estimate"] = money.as_ref().map_or(Value::Null, estimate::document);
            output::json(&planned);
        }
        Format::Table => {
            tell(&plan, &cost);
            money.as_ref().inspect(|money| estimate::print(money));
            for ((period, zone), accounts) in &invoiced {
                let accounts = output::count(accounts, "account");
                output::note(&format!(
                    "{period} in {zone} is invoiced for {accounts}: to change it takes `replay promote --notes`"
                ));
            }
            tell_next(arguments.save.as_deref());
        }
    }
    let detail = format!("generation {} of {}, {}", plan.id(), plan.document.projection, span(&plan));
    by.write(&instance, "plan", Exit::Ok, detail).await?;
    Ok(Exit::Ok)
}

/// The first and the last hour.
fn span(plan: &Plan) -> String {
    let hours = (plan.document.hours.first(), plan.document.hours.last());
    if let (Some(first), Some(last)) = hours { range(first.hour, last.hour) } else { String::new() }
}

/// Says why there is no plan: what is missing is named, and nothing is skipped.
pub(super) fn refuse(refused: plan::Error) -> anyhow::Result<Exit> {
    match refused {
        plan::Error::Incomplete(problems) => {
            for problem in &problems {
                output::note(&format!("clicktrail: {} {}", problem.hour, problem.what));
            }
            output::note("nothing was planned: every hour of the range must be there, whole and judged");
            Ok(Exit::InputIncomplete)
        }
        plan::Error::Nothing(what) => {
            output::note(&format!("clicktrail: {what}: nothing was planned"));
            Ok(Exit::InputIncomplete)
        }
        plan::Error::NothingStale => {
            output::note(&format!("{refused}: there is nothing to build"));
            Ok(Exit::Ok)
        }
        plan::Error::Replay(cause) => Err(cause.into()),
    }
}

/// What a build would take.
#[derive(Debug)]
struct Cost {
    seconds: Option<u64>,
    parallel: usize,
    segment_bytes: u64,
}

impl Cost {
    async fn of(plan: &Plan, instance: &Installation) -> anyhow::Result<Self> {
        let rate = rate::measured(instance.catalog.as_ref(), &working::is_here).await?;
        let (_, rows, _) = plan.of(Fate::Built);
        let parallel = working::parallel(None);
        let segment_bytes = plan.segment_bytes(instance.catalog.as_ref()).await?;
        Ok(Self { seconds: rate.map(|rate| rate.seconds(rows, parallel)), parallel, segment_bytes })
    }
}

fn as_json(plan: &Plan, cost: &Cost) -> Value {
    let document = &plan.document;
    let hours = |fate: Fate| {
        let (hours, rows, bytes) = plan.of(fate);
        json!({"hours": hours, "rows": rows, "bytes": bytes})
    };
    let named = |fate: Fate| {
        let hours = document.hours.iter().zip(&plan.fates).filter(move |(_, found)| **found == fate);
        hours.map(|(hour, _)| hour.hour.to_string()).collect::<Vec<_>>()
    };
    let other: Vec<Value> =
        plan.other_code().into_iter().map(|(code, hours)| json!({"code_digest": code, "hours": hours})).collect();
    json!({
        "generation": plan.id().as_str(),
        "projection": document.projection,
        "code_digest": document.code_digest,
        "is_candidate": is_candidate(&document.projection, &document.sql),
        "live_with_other_code": other,
        "from": document.hours.first().map(|hour| hour.hour.to_string()),
        "to_inclusive": document.hours.last().map(|hour| hour.hour.to_string()),
        "clicks_before": document.clicks_before.map(|before| before.to_string()),
        "verdicts_before": document.verdicts_before.to_string(),
        "reused": hours(Fate::Reused),
        "to_build": hours(Fate::Built),
        "hours_to_build": named(Fate::Built),
        "missing": [],
        "hours_behind": plan.behind,
        "segment_bytes": cost.segment_bytes,
        "seconds": cost.seconds,
    })
}

fn tell(plan: &Plan, cost: &Cost) {
    let document = &plan.document;
    let line = |name: &str, text: &str| output::line(&format!("  {name:<10} {text}"));
    output::line(&format!("Generation {} of {}: {}", plan.id(), document.projection, span(plan)));
    line("code", &code(plan));
    let of = match document.clicks_before {
        Some(before) => format!("those before {before}"),
        None => "all".to_owned(),
    };
    line("clicks", &of);
    line("verdicts", &format!("those before {}", document.verdicts_before));
    let ((reused, ..), (built, rows, bytes)) = (plan.of(Fate::Reused), plan.of(Fate::Built));
    let all = output::count(document.hours.len(), "hour");
    line("hours", &format!("{all}: {reused} as an earlier build left them, {built} to build, 0 missing"));
    if plan.behind > 0 {
        line("", &format!("{} left out, because they are behind that click", output::count(plan.behind, "hour")));
    }
    line("to read", &format!("{}, {}", output::count(rows, "event"), size(bytes)));
    let disk = match document.hours.iter().any(|hour| hour.base.is_some()) {
        true => format!("{} of segments, as far as what counts now tells", size(cost.segment_bytes)),
        false => "not known yet: nothing counts from segments of it".to_owned(),
    };
    line("disk", &disk);
    let time = match cost.seconds {
        Some(seconds) => {
            let at_once = output::count(cost.parallel, "hour");
            format!("about {} with {at_once} at a time, by the last build here", output::count(seconds, "second"))
        }
        None => "not measured yet: no build was made here".to_owned(),
    };
    line("time", if built == 0 { "next to none" } else { time.as_str() });
}

fn tell_next(saved: Option<&std::path::Path>) {
    match saved {
        Some(file) => {
            output::note(&format!("saved: build it with `clicktrail replay build --plan {}`", file.display()))
        }
        None => {
            output::note("nothing that counts was changed; `clicktrail replay build` with the same options builds it")
        }
    }
}

fn code(plan: &Plan) -> String {
    let (document, other) = (&plan.document, plan.other_code());
    let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
    let own = match document.projection.as_str() {
        counters::NAME if document.sql.is_empty() => "this program's",
        counters::NAME => "the candidate's",
        _ => "its definition's",
    };
    let own = format!("{own} {}", short(&document.code_digest));
    let new = document.hours.iter().filter(|hour| hour.base.is_none()).count();
    if other.is_empty() {
        return match (new, document.hours.len() - new) {
            (0, _) => format!("{own}, with which these hours count"),
            (_, 0) => format!("{own}; nothing counts yet"),
            (new, _) => format!("{own}, with which the others count; {} from nothing yet", output::count(new, "hour")),
        };
    }
    let name = &document.projection;
    let own = if name == counters::NAME { own } else { format!("{own}: {name} was changed since it was promoted") };
    let other = other.iter().map(|(code, hours)| format!("{} with {}", output::count(hours, "hour"), short(code)));
    format!("{own}; what counts now has {}", other.collect::<Vec<_>>().join(" and "))
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        1_000_000.. => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}
