//! `clicktrail verdicts query`

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, bail, ensure};
use arrow::{
    array::{Array as _, AsArray as _, RecordBatch},
    datatypes::Int64Type,
};
use clicktrail_log::{
    archive::{Manifest, clicks::Clicks, keys::ManifestKey},
    log::Stream,
    position::{Position, Seq},
};
use clicktrail_projections::{select::Hours, session};
use clicktrail_verdicts::{
    hand::{self, Word},
    rulings::Stages,
    verdict::{Category, Decision, Stage, Verdict},
};
use serde_json::json;

use super::{Exit, Format, Global, Range, now, output};
use crate::{cli::output::amount, instance::Instance};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// A SELECT of `position` and `reason`, and if need be `category` (else policy) and `decision` (else invalid), from the
    /// tables clicks, personal and rulings
    sql: String,
    #[command(flatten)]
    range: Range,
    /// Append the verdicts; without it nothing is appended, and what would change is printed
    #[arg(long, requires = "actor")]
    apply: bool,
    /// Who decides: kept with each verdict
    #[arg(long)]
    actor: Option<String>,
    /// For people, kept with each verdict
    #[arg(long)]
    note: Option<String>,
}

/// Adds to what a person selected what is known about the positions.
const WITH_EVENTS: &str = "
    SELECT s.position, s.reason, s.category, s.decision, c.event_id, c.kind, c.advertiser_id, c.price_micros, c.currency,
        r.category AS standing
    FROM selected s LEFT JOIN clicks c ON c.position = s.position LEFT JOIN rulings r ON r.position = s.position
    ORDER BY s.position";

/// One position that was selected.
struct Selected {
    position: Position,
    reason: String,
    ruling: (Decision, Option<Category>),
    event_id: String,
    advertiser_id: String,
    price_micros: i64,
    currency: String,
    standing: Option<String>,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_existing().await?;
    let manifests = manifests(&instance, &arguments.range).await?;
    let (Some(first), Some(last)) = (manifests.first(), manifests.last()) else {
        output::note("clicktrail: no sealed hour is in this range: nothing was asked");
        return Ok(Exit::InputIncomplete);
    };
    let frame = |manifest: &Manifest, seq: Seq| Position::new(manifest.epoch(), seq, 0);
    let targets = frame(first, first.first_seq())..frame(last, last.last_seq().next());
    let history = instance.rulings();
    let rulings = history.rulings(targets, history.end().await?, Stages::All).await?;
    let hours = Hours::open(&instance.archive, &manifests, rulings.to_batch(), session::Limits::default())?;
    let selected = selected(&hours, &arguments.sql).await?;
    // A person's word stands over a query's.
    let by_hand = |position: &Position| rulings.get(*position).is_some_and(|standing| standing.rank.is_by_hand());
    let (kept, selected): (Vec<Selected>, Vec<Selected>) = selected.into_iter().partition(|row| by_hand(&row.position));
    let changes: Vec<&Selected> = selected.iter().filter(|row| row.changes()).collect();
    print(global, &selected, &changes, kept.len(), arguments.apply);
    if !arguments.apply || changes.is_empty() {
        return Ok(Exit::Ok);
    }
    let actor = arguments.actor.context("--apply needs --actor")?;
    let verdict = |row: &&Selected| {
        let word = Word { actor: actor.clone(), reason: row.reason.clone(), note: arguments.note.clone() };
        hand::verdict(row.position, row.event_id.clone(), row.ruling, Stage::Query, &word, now(&instance))
    };
    let verdicts: Vec<Verdict> = changes.iter().map(verdict).collect();
    hand::append(Arc::clone(&instance.verdicts), instance.archive.clone(), &verdicts).await?;
    Ok(Exit::Ok)
}

async fn manifests(instance: &Instance, range: &Range) -> anyhow::Result<Vec<Manifest>> {
    let mut manifests = Vec::new();
    for hour in instance.archive.sealed_hours(Stream::Clicks).await? {
        if range.holds(hour) {
            let key = ManifestKey { stream: Stream::Clicks, hour };
            let manifest = instance.archive.manifest::<Clicks>(hour).await?;
            manifests.push(manifest.with_context(|| format!("{} is missing from the archive", key.path()))?);
        }
    }
    Ok(manifests)
}

/// What the SQL selects, with the events that it is about.
async fn selected(hours: &Hours, sql: &str) -> anyhow::Result<Vec<Selected>> {
    let batches = hours.select(sql).await?;
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    for name in ["position", "reason"] {
        ensure!(first.column_by_name(name).is_some(), "the SQL selects no column `{name}`");
    }
    let has = |name: &str| first.column_by_name(name).is_some();
    let optional = |name: &str| if has(name) { name.to_owned() } else { format!("CAST(NULL AS VARCHAR) AS {name}") };
    hours.add("raw", first.schema(), batches.clone())?;
    let plain = format!(
        "SELECT CAST(position AS BIGINT) AS position, CAST(reason AS VARCHAR) AS reason, {}, {} FROM raw",
        optional("category"),
        optional("decision"),
    );
    let plain = hours.select(&plain).await?;
    let schema = plain.first().context("rows stay rows")?.schema();
    hours.add("selected", schema, plain)?;
    let mut rows = Vec::new();
    for batch in hours.select(WITH_EVENTS).await? {
        for row in 0..batch.num_rows() {
            rows.push(read(&batch, row)?);
        }
    }
    if let Some(pair) = rows.windows(2).find(|pair| pair[0].position == pair[1].position) {
        bail!("the SQL selects position {} twice", pair[0].position);
    }
    Ok(rows)
}

fn text(batch: &RecordBatch, name: &str, row: usize) -> anyhow::Result<Option<String>> {
    let column = batch.column_by_name(name).with_context(|| format!("a column {name}"))?;
    let column = arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8)?;
    let texts = column.as_string::<i32>();
    Ok((!texts.is_null(row)).then(|| texts.value(row).to_owned()))
}

fn read(batch: &RecordBatch, row: usize) -> anyhow::Result<Selected> {
    let number = |name: &str| {
        let column = batch.column_by_name(name)?.as_primitive::<Int64Type>();
        (!column.is_null(row)).then(|| column.value(row))
    };
    let raw = number("position").context("the SQL selects a position that is null")?;
    let position = Position::from_i64(raw).with_context(|| format!("{raw} is no position"))?;
    let place = |text: Option<String>| text.with_context(|| format!("there is no event at {position} in these hours"));
    let event_id = place(text(batch, "event_id", row)?)?;
    let kind = place(text(batch, "kind", row)?)?;
    ensure!(
        matches!(kind.as_str(), "click" | "conversion"),
        "the event at {position} is a {kind}, which is never billed: only clicks and conversions are ruled about"
    );
    let reason = text(batch, "reason", row)?.filter(|reason| !reason.is_empty());
    let reason = reason.with_context(|| format!("the SQL gives no reason for {position}"))?;
    let decision = text(batch, "decision", row)?.map_or(Ok(Decision::Invalid), |decision| decision.parse())?;
    let category = text(batch, "category", row)?.map_or(Ok(Category::Policy), |category| category.parse())?;
    let invalid = decision == Decision::Invalid;
    Ok(Selected {
        position,
        reason,
        ruling: (decision, invalid.then_some(category)),
        event_id,
        advertiser_id: place(text(batch, "advertiser_id", row)?)?,
        price_micros: if kind == "click" { number("price_micros").unwrap_or(0) } else { 0 },
        currency: place(text(batch, "currency", row)?)?,
        standing: text(batch, "standing", row)?,
    })
}

impl Selected {
    fn changes(&self) -> bool {
        self.standing.as_deref() != self.ruling.1.map(Category::as_str)
    }

    /// What the change does to the spend.
    fn spend_micros(&self) -> i128 {
        let price = i128::from(self.price_micros);
        match (&self.standing, self.ruling.1) {
            (None, Some(_)) => -price,
            (Some(_), None) => price,
            (Some(_), Some(_)) | (None, None) => 0,
        }
    }
}

fn print(global: &Global, selected: &[Selected], changes: &[&Selected], kept: usize, apply: bool) {
    let mut effects: BTreeMap<(&str, &str, &str), (u64, i128)> = BTreeMap::new();
    for row in changes {
        let effect = effects.entry((&row.advertiser_id, &row.currency, &row.reason)).or_default();
        effect.0 += 1;
        effect.1 += row.spend_micros();
    }
    let number = |sum: i128| i64::try_from(sum).map_or_else(|_| json!(sum.to_string()), |sum| json!(sum));
    if global.output == Format::Json {
        let effect = |((advertiser, currency, reason), (changes, spend)): (&(&str, &str, &str), &(u64, i128))| json!({"advertiser_id": advertiser, "currency": currency, "reason": reason, "changes": changes, "spend_micros": number(*spend)});
        output::json(&json!({
            "selected": selected.len() + kept,
            "ruled_by_hand": kept,
            "changes": changes.len(),
            "appended": if apply { changes.len() } else { 0 },
            "effects": effects.iter().map(effect).collect::<Vec<_>>(),
        }));
        return;
    }
    output::line(&format!(
        "{} events selected, {kept} of them ruled by hand; {} rulings {}",
        selected.len() + kept,
        changes.len(),
        if apply { "changed" } else { "would change" },
    ));
    if !effects.is_empty() {
        let mut table = output::Table::new(&["advertiser", "reason", "changes", "spend", "currency"]);
        for ((advertiser, currency, reason), (changes, spend)) in &effects {
            let spend = i64::try_from(*spend).map_or_else(|_| spend.to_string(), amount);
            let cells = [advertiser, reason].map(|text| (*text).to_owned());
            table.push(cells.into_iter().chain([changes.to_string(), spend, (*currency).to_owned()]).collect());
        }
        table.print();
    }
    if !apply {
        output::note("nothing was appended: --apply --actor NAME appends it");
    }
}
