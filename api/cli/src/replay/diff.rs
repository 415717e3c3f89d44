//! `clicktrail replay diff`

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use clicktrail_catalog::generations::Generation;
use clicktrail_log::time::Hour;
use clicktrail_projections::{Projection, counters, session};
use clicktrail_replay::{
    codes::Codes,
    diff::{
        Cause, Changed, Comparison, Diff, Question, Sides,
        events::{self, EventBehind},
        sides::{Against, sides},
    },
};
use serde_json::{Value, json};

use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output::{self, Table},
    progress,
    replay::generation,
};

/// So many events are shown.
const EVENTS_MAX: usize = 1_000;
/// So many groups are shown behind a build; JSON and `diff` have all of them.
const GROUPS_SHOWN: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A generation, held against what counted when it was planned; `ID:live` against what counts now, `ID:ID` against
    /// another
    #[arg(value_name = "ID[:live|:ID]")]
    which: String,
    /// Group by advertiser, campaign, or another column of the key, and by `hour`, that of the log; the currency is
    /// always added [default: advertiser, or the first column of the key]
    #[arg(long = "by", value_delimiter = ',', value_name = "COLUMNS")]
    by: Vec<String>,
    /// Only of this advertiser, if the key has advertisers
    #[arg(long, value_name = "ID")]
    advertiser: Option<String>,
    /// Show the rows that differ too, at most --limit of them
    #[arg(long)]
    rows: bool,
    /// Show the events behind these rows too, at most 1,000 of them
    #[arg(long)]
    events: bool,
    /// How many rows are shown, or looked behind
    #[arg(long, default_value_t = 100, value_name = "ROWS")]
    limit: usize,
}

/// How the answer is grouped.
#[derive(Debug)]
struct By {
    /// By hour of the log: it comes first.
    hour: bool,
    /// Columns of the key.
    columns: Vec<String>,
}

impl By {
    fn of(arguments: &Arguments, projection: &Projection) -> Self {
        let mut asked = arguments.by.clone();
        if asked.is_empty() {
            asked.extend(projection.key().first().map(|field| field.name().clone()));
        }
        let mut columns: Vec<String> = asked.iter().filter(|name| *name != "hour").map(|name| column(name)).collect();
        let currency = "currency".to_owned();
        let has_currency = projection.key().iter().any(|field| *field.name() == currency);
        if has_currency && !columns.contains(&currency) {
            columns.push(currency);
        }
        Self { hour: asked.iter().any(|name| name == "hour"), columns }
    }

    /// The names of a group's values.
    fn names(&self) -> Vec<&str> {
        let hour = self.hour.then_some("hour");
        hour.into_iter().chain(self.columns.iter().map(String::as_str)).collect()
    }
}

/// The column that people mean.
fn column(name: &str) -> String {
    match name {
        "advertiser" | "campaign" => format!("{name}_id"),
        other => other.to_owned(),
    }
}

/// What a build would change of what counts, as it is said when it is done.
pub(super) struct Change {
    diff: Diff,
    arguments: Arguments,
    by: By,
}

impl Change {
    /// For programs.
    pub(super) fn document(&self) -> Value {
        document(&self.diff, &self.by, &[])
    }

    /// For people: the groups whose spend changes most.
    pub(super) fn print(&self) {
        let mut diff = self.diff.clone();
        let spend = diff.layout.measures.iter().position(|name| name == "spend_micros");
        let moved = |causes: &BTreeMap<Cause, Vec<i128>>| -> u128 {
            let change = |deltas: &Vec<i128>| spend.map_or(0, |at| deltas[at].unsigned_abs());
            causes.values().map(change).sum()
        };
        let mut order: Vec<u128> = diff.groups.values().map(&moved).collect();
        order.sort_unstable_by(|a, b| b.cmp(a));
        if let Some(least) = order.get(GROUPS_SHOWN) {
            let all = diff.groups.len();
            diff.groups.retain(|_, causes| moved(causes) > *least);
            output::note(&format!("{} of {all} groups are shown: those whose spend changes most", diff.groups.len()));
        }
        print(&diff, &self.arguments, &self.by, &[]);
    }
}

/// Holds a generation that was just built against what counts. That it cannot be compared is said, and is no failure of
/// the build.
pub(super) async fn after_build(
    instance: &Installation,
    generation: &Generation,
    advertiser: Option<&str>,
) -> Option<Change> {
    let arguments = Arguments {
        which: format!("{}:live", generation.id),
        by: Vec::new(),
        advertiser: advertiser.map(str::to_owned),
        rows: false,
        events: false,
        limit: 0,
    };
    match differences(instance, generation, &Against::Live, &arguments).await {
        Ok((_, diff, by)) => Some(Change { diff, arguments, by }),
        Err(cause) => {
            output::note(&format!("it could not be compared with what counts: {cause:#}"));
            None
        }
    }
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let (id, against) = arguments.which.split_once(':').unwrap_or((&arguments.which, ""));
    let generation = generation::named(&instance, id).await?;
    let against = match against {
        "" => Against::Planned,
        "live" => Against::Live,
        other => Against::Other(Box::new(generation::named(&instance, other).await?)),
    };
    if let Against::Other(other) = &against {
        ensure!(
            other.projection == generation.projection,
            "{} is of {}, not of {}",
            other.id,
            other.projection,
            generation.projection
        );
    }
    let (sides, diff, by) = differences(&instance, &generation, &against, &arguments).await?;
    let events = match arguments.events {
        true => behind(&instance, &sides, &diff).await?,
        false => Vec::new(),
    };
    match global.output {
        Format::Json => output::json(&document(&diff, &by, &events)),
        Format::Table => print(&diff, &arguments, &by, &events),
    }
    Ok(if diff.counts.all() == 0 { Exit::Ok } else { Exit::Differences })
}

/// Rows are found by their keys, so another key has no row in common.
fn check_keys(codes: &Codes, projection: &Projection, sides: &[Sides]) -> anyhow::Result<()> {
    let key = |of: &Projection| of.key().iter().map(|field| field.name().clone()).collect::<Vec<_>>().join(", ");
    for (hour, before) in sides.iter().filter_map(|side| Some((side.hour, side.before.as_ref()?))) {
        let Some(other) = codes.get(&before.code_digest).map(key) else { continue };
        ensure!(
            other == key(projection),
            "{hour} counts by the key {other}, and the build is by {}: there is no row to compare",
            key(projection)
        );
    }
    Ok(())
}

async fn differences(
    instance: &Installation,
    generation: &Generation,
    against: &Against,
    arguments: &Arguments,
) -> anyhow::Result<(Vec<Sides>, Diff, By)> {
    let sides = sides(instance.catalog.as_ref(), generation, against).await?;
    let codes = generation::codes(instance, generation).await?;
    let projection = codes.get(&generation.code_digest);
    let projection =
        projection.with_context(|| format!("this program does not know the code {}", generation.code_digest))?;
    ensure!(
        !arguments.events || projection.name() == counters::NAME,
        "the events behind a row are found for counters alone: leave --events out"
    );
    check_keys(&codes, projection, &sides)?;
    let by = By::of(arguments, projection);
    let diff = compare(instance, projection, &sides, arguments, &by).await?;
    Ok((sides, diff, by))
}

async fn compare(
    instance: &Installation,
    projection: &Projection,
    sides: &[Sides],
    arguments: &Arguments,
    by: &By,
) -> anyhow::Result<Diff> {
    let history = instance.rulings();
    let comparison =
        Comparison { archive: &instance.archive, history: &history, projection, limits: session::Limits::default() };
    let question = Question {
        by: by.columns.clone(),
        by_hour: by.hour,
        only: arguments.advertiser.clone().map(|advertiser| ("advertiser_id".to_owned(), advertiser)),
        rows_max: if arguments.rows || arguments.events { arguments.limit } else { 0 },
    };
    let bar = progress::bar(sides.len() as u64, "compare");
    let diff = comparison.run(sides, &question, |done| bar.set_position(done)).await;
    bar.finish_and_clear();
    Ok(diff?)
}

/// The events behind the rows that were kept.
async fn behind(instance: &Installation, sides: &[Sides], diff: &Diff) -> anyhow::Result<Vec<(Hour, EventBehind)>> {
    let history = instance.rulings();
    let mut by_hour: BTreeMap<Hour, Vec<&Changed>> = BTreeMap::new();
    for changed in &diff.rows {
        by_hour.entry(changed.hour).or_default().push(changed);
    }
    let mut all = Vec::new();
    for (hour, changed) in by_hour {
        let Some(side) = sides.iter().find(|side| side.hour == hour) else { bail!("no side of {hour}") };
        let limits = session::Limits::default();
        let events = events::behind(&instance.archive, &history, side, &changed, limits).await?;
        all.extend(events.into_iter().map(|event| (hour, event)));
        if all.len() > EVENTS_MAX {
            output::note(&format!(
                "the first {EVENTS_MAX} events are shown: a smaller --limit shows those of fewer rows"
            ));
            all.truncate(EVENTS_MAX);
            break;
        }
    }
    Ok(all)
}

/// Money before counts, as people look for it.
fn measures(diff: &Diff) -> Vec<usize> {
    let mut order: Vec<usize> = (0..diff.layout.measures.len()).collect();
    order.sort_by_key(|at| !diff.layout.measures[*at].ends_with("_micros"));
    order
}

fn shown(name: &str, value: i128) -> String {
    let text = if name.ends_with("_micros") { output::amount(value) } else { value.to_string() };
    if value > 0 { format!("+{text}") } else { text }
}

fn print(diff: &Diff, arguments: &Arguments, by: &By, events: &[(Hour, EventBehind)]) {
    if !diff.groups.is_empty() {
        let mut header: Vec<&str> = by.names().into_iter().map(|name| name.trim_end_matches("_id")).collect();
        header.extend(["cause", "measure", "change"]);
        let mut table = Table::new(&header);
        for (group, causes) in &diff.groups {
            for (cause, deltas) in causes {
                for at in measures(diff).into_iter().filter(|at| deltas[*at] != 0) {
                    let name = &diff.layout.measures[at];
                    let mut row: Vec<String> = group.iter().map(|value| value.clone().unwrap_or_default()).collect();
                    row.extend([
                        cause.to_string(),
                        name.trim_end_matches("_micros").to_owned(),
                        shown(name, deltas[at]),
                    ]);
                    table.push(row);
                }
            }
        }
        table.print();
    }
    if output::is_csv() {
        return;
    }
    if arguments.rows {
        print_rows(diff);
    }
    if arguments.events {
        print_events(events);
    }
    output::note(&summary(diff));
}

fn summary(diff: &Diff) -> String {
    let compared = output::count(diff.compared, "hour");
    if diff.counts.all() == 0 {
        return format!("{compared} compared: every row is the same");
    }
    let counts = diff.counts;
    format!(
        "{} of {compared} differ: {} added, {} removed, {} changed",
        diff.hours.len(),
        output::count(counts.added, "row"),
        counts.removed,
        counts.changed
    )
}

/// One line for each measure of a row that differs.
fn print_rows(diff: &Diff) {
    let mut table = Table::new(&["hour", "cause", "row", "measure", "before", "after"]);
    for Changed { hour, cause, row } in &diff.rows {
        let key = row.key.iter().map(|value| value.as_deref().unwrap_or("-")).collect::<Vec<_>>().join(" ");
        let deltas = row.deltas();
        for at in measures(diff).into_iter().filter(|at| deltas[*at] != 0) {
            let name = &diff.layout.measures[at];
            let value = |side: &Option<Vec<i128>>| match side {
                None => "-".to_owned(),
                Some(values) if name.ends_with("_micros") => output::amount(values[at]),
                Some(values) => values[at].to_string(),
            };
            let measure = name.trim_end_matches("_micros").to_owned();
            let cells = [hour.to_string(), cause.to_string(), key.clone(), measure];
            table.push(cells.into_iter().chain([value(&row.before), value(&row.after)]).collect());
        }
    }
    table.print();
    if diff.counts.all() > diff.rows.len() as u64 {
        output::note(&format!(
            "the first {} of {} are shown",
            diff.rows.len(),
            output::count(diff.counts.all(), "row")
        ));
    }
}

fn print_events(events: &[(Hour, EventBehind)]) {
    let mut table = Table::new(&["position", "kind", "event_time", "event", "price", "before", "after"]);
    let ruled = |category: &Option<String>| category.clone().unwrap_or_else(|| "-".to_owned());
    for (_, event) in events {
        table.push(vec![
            event.position.to_string(),
            event.kind.clone(),
            event.event_time.to_string(),
            event.event_id.clone(),
            format!("{} {}", output::amount(event.price_micros), event.currency),
            ruled(&event.before),
            ruled(&event.after),
        ]);
    }
    table.print();
}

fn document(diff: &Diff, by: &By, events: &[(Hour, EventBehind)]) -> Value {
    let named = |values: &[i128]| -> Value {
        let member = |(name, value): (&String, &i128)| (name.clone(), Value::String(value.to_string()));
        Value::Object(diff.layout.measures.iter().zip(values).map(member).collect())
    };
    let names = by.names();
    let (names, named) = (&names, &named);
    let groups = diff.groups.iter().flat_map(|(group, causes)| {
        causes.iter().map(move |(cause, deltas)| {
            let mut object: serde_json::Map<String, Value> =
                names.iter().zip(group).map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            object.insert("cause".to_owned(), json!(cause.as_str()));
            object.insert("change".to_owned(), named(deltas));
            Value::Object(object)
        })
    });
    let hours = diff.hours.iter().flat_map(|(hour, causes)| {
        causes.iter().map(move |(cause, counts)| {
            json!({"hour": hour.to_string(), "cause": cause.as_str(), "added": counts.added,
                "removed": counts.removed, "changed": counts.changed})
        })
    });
    let rows = diff.rows.iter().map(|Changed { hour, cause, row }| {
        let key: serde_json::Map<String, Value> =
            diff.layout.keys.iter().zip(&row.key).map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({"hour": hour.to_string(), "cause": cause.as_str(), "key": key,
            "before": row.before.as_deref().map(named), "after": row.after.as_deref().map(named)})
    });
    let events = events.iter().map(|(hour, event)| {
        json!({"hour": hour.to_string(), "position": event.position.to_string(), "event_id": event.event_id,
            "kind": event.kind, "event_time": event.event_time.to_string(), "advertiser_id": event.advertiser_id,
            "campaign_id": event.campaign_id, "ad_id": event.ad_id, "price_micros": event.price_micros,
            "currency": event.currency, "before": event.before, "after": event.after})
    });
    json!({
        "compared_hours": diff.compared,
        "rows": {"added": diff.counts.added, "removed": diff.counts.removed, "changed": diff.counts.changed},
        "groups": groups.collect::<Vec<_>>(),
        "hours": hours.collect::<Vec<_>>(),
        "changes": rows.collect::<Vec<_>>(),
        "events": events.collect::<Vec<_>>(),
    })
}
