//! `clicktrail correction add`

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail, ensure};
use arrow::{array::AsArray as _, datatypes::Int64Type};
use clicktrail_catalog::{
    self as catalog,
    corrections::{CorrectionItem, CorrectionState, ITEMS_MAX, ItemsAdded},
};
use clicktrail_log::{archive::locate, event::Kind, position::Position};
use clicktrail_replay::correction::document::NewRuling;
use clicktrail_server::Registry;
use clicktrail_verdicts::{kinds::JUDGED, verdict::Category};
use serde_json::json;

use super::{
    event,
    named::{REASON_CHARS_MAX, named},
};
use crate::{
    ads::Who,
    audit,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output,
    patience::Patience,
    rejected::price::Prices,
};

/// Bytes of a line.
const LINE_BYTES_MAX: usize = 64 << 10;

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["events", "invalid", "valid", "sql"])))]
pub(crate) struct Arguments {
    /// The correction
    id: String,
    /// Events that were missing, one JSON object a line, as POST /v1/events takes them, but of any age; adding them
    /// again adds none twice
    #[arg(long, value_name = "FILE.ndjson")]
    events: Option<PathBuf>,
    /// Events that should not be billed, by their positions, as `log cat` prints them
    #[arg(long, value_name = "POSITION", num_args = 1..)]
    invalid: Vec<Position>,
    /// Events that should be billed, by their positions
    #[arg(long, value_name = "POSITION", num_args = 1..)]
    valid: Vec<Position>,
    /// A SELECT of `position` and `reason`, and optionally `category` and `decision`, as `verdicts query` takes it
    #[arg(long, value_name = "SELECT")]
    sql: Option<String>,
    #[command(flatten)]
    patience: Patience,
    /// Category of an invalid event: givt, sivt, duplicate or policy
    #[arg(long, default_value = "policy")]
    category: Category,
    /// Why, in a sentence; kept with the rulings [default: the correction's]
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let actor = global.actor(arguments.who.actor.clone())?;
    let instance = global.open_existing().await?;
    let correction = named(&instance, &arguments.id).await?;
    if correction.state != CorrectionState::Open {
        output::note(&format!("refused: correction {} is {}: it takes nothing more", correction.id, correction.state));
        return Ok(Exit::GateRefused);
    }
    let reason = arguments.reason.clone().unwrap_or_else(|| correction.reason.clone());
    let length = reason.chars().count();
    let fits = (1..=REASON_CHARS_MAX).contains(&length);
    ensure!(fits, "--reason has {length} characters: use 1 to {}", REASON_CHARS_MAX);
    let items = match (&arguments.events, &arguments.sql) {
        (Some(file), _) => of_file(&instance, file).await?,
        (None, Some(sql)) => of_sql(&instance, sql, arguments.patience).await?,
        (None, None) => {
            let invalid = arguments.invalid.iter().map(|position| (*position, Some(arguments.category)));
            let valid = arguments.valid.iter().map(|position| (*position, None));
            of_positions(&instance, invalid.chain(valid), &reason).await?
        }
    };
    let ItemsAdded { new, known } = match instance.catalog.add_correction_items(&correction.id, &items).await {
        Ok(added) => added,
        Err(catalog::Error::Conflict(what)) => {
            output::note(&format!("refused: {what}"));
            return Ok(Exit::GateRefused);
        }
        Err(cause) => return Err(cause.into()),
    };
    let detail = format!("{}: {new} new, {known} known", correction.id);
    audit::write(&instance, &actor, "correction_add", &reason, detail).await?;
    match global.output {
        Format::Json => output::json(&json!({"correction": correction.id, "new": new, "known": known})),
        Format::Table => {
            output::line(&format!("correction {}: {} added, {known} known", correction.id, output::count(new, "item")));
        }
    }
    output::note(&format!("nothing counts yet; next: clicktrail correction preview {}", correction.id));
    Ok(Exit::Ok)
}

async fn of_file(instance: &Installation, path: &Path) -> anyhow::Result<Vec<CorrectionItem>> {
    let ads = Registry::load(Arc::clone(&instance.catalog)).await?.current();
    let (mut prices, now) = (Prices::new(instance.catalog.as_ref()), instance.clock.now());
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let (mut reader, mut items, mut number) = (BufReader::new(file), Vec::new(), 0_u64);
    loop {
        number += 1;
        let place = || format!("{}, line {number}", path.display());
        let mut bytes = Vec::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        if reader.by_ref().take(limit).read_until(b'\n', &mut bytes).with_context(place)? == 0 {
            return Ok(items);
        }
        ensure!(bytes.len() <= LINE_BYTES_MAX, "{}: it is longer than {LINE_BYTES_MAX} bytes", place());
        let line = std::str::from_utf8(&bytes).with_context(place)?;
        let line = if number == 1 { line.trim_start_matches('\u{feff}') } else { line };
        if line.trim().is_empty() {
            continue;
        }
        ensure!((items.len() as u64) < ITEMS_MAX, "{}: a correction has at most {ITEMS_MAX} items", place());
        let staged = event::staged(line, &ads, &mut prices, now).await.with_context(place)?;
        items.push(CorrectionItem::from(&staged));
    }
}

async fn of_positions(
    instance: &Installation,
    rulings: impl Iterator<Item = (Position, Option<Category>)>,
    reason: &str,
) -> anyhow::Result<Vec<CorrectionItem>> {
    let mut items = Vec::new();
    for (position, category) in rulings {
        let located = locate::locate(instance.clicks.as_ref(), &instance.archive, position).await?;
        let Some(located) = located else { bail!("there is no event at {position}") };
        let column = |name: &str| located.event.column_by_name(name).context("events have their columns");
        let text = |name: &str| anyhow::Ok(column(name)?.as_string::<i32>().value(0).to_owned());
        let kind: Option<Kind> = text("kind")?.parse().ok();
        let Some(kind) = kind.filter(|kind| JUDGED.holds(*kind)) else {
            bail!("the event at {position} is never billed: rule about clicks, impressions and conversions")
        };
        is_sealed(instance, position).await?;
        let is_click = kind == Kind::Click;
        let price = column("price_micros")?.as_primitive::<Int64Type>().value(0);
        items.push(CorrectionItem::from(&NewRuling {
            position,
            event_id: text("event_id")?,
            advertiser_id: text("advertiser_id")?,
            price_micros: if is_click { price } else { 0 },
            currency: text("currency")?,
            is_click,
            category: category.map(|category| category.as_str().to_owned()),
            reason: reason.to_owned(),
        }));
    }
    Ok(items)
}

async fn is_sealed(instance: &Installation, position: Position) -> anyhow::Result<()> {
    let hour = instance.catalog.hour_of(position.seq()).await?;
    ensure!(hour.is_some(), "the event at {position} is in an hour that is still open: correct it once that is sealed");
    Ok(())
}

async fn of_sql(instance: &Installation, sql: &str, patience: Patience) -> anyhow::Result<Vec<CorrectionItem>> {
    let questions = instance.questions();
    let selection = patience.wait(questions.select(sql, |_| true)).await?.context("no hour is sealed yet")?;
    if selection.ruled_by_hand > 0 {
        let left = output::count(selection.ruled_by_hand, "event");
        output::note(&format!("{left} left out, because a person ruled about them: name their positions"));
    }
    let rows = selection.events.into_iter().filter(clicktrail_query::selection::Selected::changes);
    let ruling = |row: clicktrail_query::selection::Selected| {
        CorrectionItem::from(&NewRuling {
            position: row.position,
            event_id: row.event_id,
            advertiser_id: row.advertiser_id,
            is_click: row.price_micros > 0,
            price_micros: row.price_micros,
            currency: row.currency,
            category: row.ruling.1.map(|category| category.as_str().to_owned()),
            reason: row.reason,
        })
    };
    Ok(rows.map(ruling).collect())
}
