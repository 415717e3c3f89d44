//! `clicktrail rejected list|show|retry`

pub(crate) mod price;

use std::time::Duration;

use anyhow::{Context as _, bail};
use arrow::{
    array::AsArray as _,
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use clicktrail_capture::{self as capture, Ads, Limits};
use clicktrail_log::{
    chain::{Admission, Chain},
    frame::{Digest, Writer},
    log::{Condition, Error, ReadLimit},
    position::{Position, Seq},
    rejected::forget,
    schema::EventsBuilder,
    time::Timestamp,
};
use clicktrail_replay::reader;
use clicktrail_server::Registry;
use serde_json::{Value, json};

use crate::{
    audit, behind,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    made_up, output,
    reading::Need,
    rejected::price::Prices,
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List rejected events, oldest first
    List {
        /// Only events with this reason code
        #[arg(long)]
        code: Option<String>,
        /// List at most this many
        #[arg(long, default_value_t = 1_000)]
        limit: usize,
    },
    /// Print one rejected event whole, with its original bytes
    Show {
        /// Its position in the rejected log, as `list` prints it
        position: Position,
    },
    /// Validate rejected events again, and log those that pass now; a second retry logs nothing twice
    ///
    /// An event that passes is billed as any other, but for clicks on paused ads, which never pass. Lines of imported
    /// files are not retried.
    Retry {
        /// Log nothing: only count what passes, also what an earlier retry has logged
        #[arg(long)]
        dry_run: bool,
        /// Only events with this reason code
        #[arg(long)]
        code: Option<String>,
    },
}

/// One rejected event as read from its log.
pub(crate) struct Entry {
    pub(crate) position: Position,
    pub(crate) rejected_at: Timestamp,
    pub(crate) source: String,
    item: i64,
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) original: Vec<u8>,
}

pub(crate) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    let instance = match &command {
        Command::List { .. } | Command::Show { .. } => global.open_for(Need::Nothing).await?,
        Command::Retry { .. } => global.open_existing().await?,
    };
    match command {
        Command::List { code, limit } => {
            let entries = read(&instance, code.as_deref(), limit).await?;
            list(global, &entries);
            Ok(Exit::Ok)
        }
        Command::Show { position } => show(global, &instance, position).await,
        Command::Retry { dry_run, code } => retry(global, &instance, code.as_deref(), dry_run).await,
    }
}

/// Reads the rejected log from its beginning, each frame once.
async fn read(instance: &Installation, code: Option<&str>, limit: usize) -> anyhow::Result<Vec<Entry>> {
    let info = instance.rejected.info().await?;
    let (mut next, mut entries, mut chain) = (info.first, Vec::new(), Chain::default());
    while next <= info.last && entries.len() < limit {
        let frames = instance.rejected.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
        let Some(last) = frames.last().map(|frame| frame.seq) else { break };
        for frame in frames.into_iter().filter(|frame| chain.admit(&frame.frame.header) != Admission::Repeat) {
            let batch = frame.frame.decode().with_context(|| format!("frame {} of the rejected log", frame.seq))?;
            let found = of_batch(&batch, forget::position(info.epoch, &frame))?;
            entries.extend(found.into_iter().filter(|entry| code.is_none_or(|code| code == entry.code)));
        }
        next = last.next();
    }
    entries.truncate(limit);
    Ok(entries)
}

pub(crate) fn of_batch(batch: &arrow::array::RecordBatch, first: Position) -> anyhow::Result<Vec<Entry>> {
    let column = |name: &str| batch.column_by_name(name).with_context(|| format!("a rejected frame without {name}"));
    let times = column("rejected_at")?.as_primitive::<TimestampMicrosecondType>();
    let items = column("item")?.as_primitive::<Int64Type>();
    let text = |name: &str| column(name).map(|column| column.as_string::<i32>());
    let (sources, codes, details) = (text("source")?, text("code")?, text("detail")?);
    let originals = column("original")?.as_binary::<i32>();
    let entry = |row: usize| {
        Ok(Entry {
            position: first.plus_rows(u16::try_from(row)?),
            rejected_at: Timestamp::from_micros(times.value(row)),
            source: sources.value(row).to_owned(),
            item: items.value(row),
            code: codes.value(row).to_owned(),
            detail: details.value(row).to_owned(),
            original: originals.value(row).to_owned(),
        })
    };
    (0..batch.num_rows()).map(entry).collect()
}

impl Entry {
    fn to_json(&self) -> Value {
        json!({
            "position": self.position.to_string(),
            "rejected_at": self.rejected_at.to_string(),
            "source": self.source,
            "item": self.item,
            "code": self.code,
            "detail": self.detail,
            "original": String::from_utf8_lossy(&self.original),
        })
    }
}

fn list(global: &Global, entries: &[Entry]) {
    if global.output == Format::Json {
        output::json(&entries.iter().map(Entry::to_json).collect());
        return;
    }
    let mut table = output::Table::new(&["position", "rejected_at", "source", "item", "code", "detail"]);
    for entry in entries {
        let chars = if output::is_csv() { usize::MAX } else { 24 };
        let source = entry.source.chars().take(chars).collect();
        let (at, item) = (entry.rejected_at.to_string(), entry.item.to_string());
        table.push(vec![entry.position.to_string(), at, source, item, entry.code.clone(), entry.detail.clone()]);
    }
    table.print();
}

/// The rejected event that is known by a position. Where something was erased, frames were written again, and it may
/// stand elsewhere.
async fn at(instance: &Installation, position: Position) -> anyhow::Result<Option<Entry>> {
    let limit = ReadLimit { frames: 1, bytes: 1, wait: Duration::ZERO };
    let info = instance.rejected.info().await?;
    let is_possible = position.epoch() == info.epoch && position.seq() > Seq::ZERO;
    let frames = match instance.rejected.read(position.seq(), limit).await {
        Ok(frames) => frames,
        Err(Error::Gap { .. } | Error::Trimmed { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let mut found = None;
    if let Some(frame) = frames.into_iter().next().filter(|_| is_possible) {
        let entries = of_batch(&frame.frame.decode()?, forget::position(info.epoch, &frame))?;
        found = entries.into_iter().find(|entry| entry.position == position);
    }
    if found.is_none() && is_possible && info.first > Seq::FIRST {
        found = read(instance, None, usize::MAX).await?.into_iter().find(|entry| entry.position == position);
    }
    Ok(found)
}

async fn show(global: &Global, instance: &Installation, position: Position) -> anyhow::Result<Exit> {
    let Some(entry) = at(instance, position).await? else { bail!("nothing was rejected at {position}") };
    match global.output {
        Format::Json => output::json(&entry.to_json()),
        Format::Table => {
            output::line(&format!("position     {}\nrejected at  {}", entry.position, entry.rejected_at));
            output::line(&format!("source       {}, item {}", entry.source, entry.item));
            output::line(&format!("reason       {}: {}", entry.code, entry.detail));
            output::line(&format!("\n{}", String::from_utf8_lossy(&entry.original)));
        }
    }
    Ok(Exit::Ok)
}

async fn retry(global: &Global, instance: &Installation, code: Option<&str>, dry_run: bool) -> anyhow::Result<Exit> {
    let actor = global.actor(None)?;
    behind::check(instance).await?;
    let entries = read(instance, code, usize::MAX).await?;
    if !dry_run {
        made_up::end(&instance.places.data)?;
    }
    let ads = Registry::load(std::sync::Arc::clone(&instance.catalog)).await?.current();
    let writers = known_writers(instance).await?;
    let mut prices = Prices::new(instance.catalog.as_ref());
    let (mut logged, mut known, mut rejected, mut foreign, mut repriced) = (0_u64, 0_u64, 0_u64, 0_u64, 0_u64);
    for entry in &entries {
        // Only what came as an event of the API can be read again; an import's lines need its mapping.
        if !entry.source.starts_with("http") {
            foreign += 1;
            continue;
        }
        // A click in a pause bills nobody, also when the pause is over.
        let is_paused = entry.code == capture::reason::AD_PAUSED;
        let retried = if is_paused { None } else { validate(entry, &ads, &mut prices).await? };
        let Some((batch, is_repriced)) = retried else {
            rejected += 1;
            continue;
        };
        if dry_run {
            logged += 1;
            repriced += u64::from(is_repriced);
            continue;
        }
        let digest = Digest::of(format!("retry of rejected {}", entry.position).as_bytes());
        let identity =
            uuid::Builder::from_custom_bytes(*digest.0.first_chunk().expect("a digest has 32 bytes")).into_uuid();
        // What would be logged now may differ from what an earlier retry logged.
        if writers.as_ref().is_some_and(|writers| writers.last_of(identity).is_some()) {
            known += 1;
            continue;
        }
        let frame = Writer::new(identity, 1).seal(&batch, (entry.rejected_at, entry.rejected_at))?;
        match instance.clicks.append_if(&frame, Condition::NumberUnused).await {
            Ok(appended) if !appended.duplicate => {
                logged += 1;
                repriced += u64::from(is_repriced);
            }
            Ok(_) | Err(Error::Conflict(_)) => known += 1,
            Err(error) => return Err(error.into()),
        }
    }
    if !dry_run {
        let detail = format!("{logged} logged, {known} logged before, {rejected} rejected again");
        audit::write(instance, &actor, "rejected_retry", "", detail).await?;
    }
    let verb = if dry_run { "would be logged" } else { "logged" };
    match global.output {
        Format::Json => output::json(&json!({
            "dry_run": dry_run, "read": entries.len(), "logged": logged, "logged_before": known,
            "rejected_again": rejected, "not_retryable": foreign, "at_an_earlier_price": repriced,
        })),
        Format::Table => output::line(&format!(
            "{}: {logged} {verb}, {known} were logged by an earlier retry, {rejected} are still rejected, \
             {foreign} came from imported files and cannot be retried",
            output::count(entries.len(), "rejected event")
        )),
    }
    if repriced > 0 {
        output::note(&format!(
            "{repriced} of these clicks cost what their ads cost when they were clicked, which is not today's price \
             (see `ads history`)"
        ));
    }
    Ok(Exit::Ok)
}

/// The writers of a broker's log, which knows a number only for a while; the embedded log knows them all.
async fn known_writers(instance: &Installation) -> anyhow::Result<Option<Chain>> {
    if instance.is_embedded() {
        return Ok(None);
    }
    let (log, archive) = (&instance.clicks, &instance.archive);
    Ok(Some(reader::writers_at_tail(log, archive, instance.catalog.as_ref()).await?))
}

/// The event as it would be logged now, and whether it takes another price than today's. It is as old as its rejection,
/// so no bound on its age applies; an id that it lacks is made of its position, so that a second retry makes the same
/// event.
async fn validate(
    entry: &Entry,
    ads: &Ads,
    prices: &mut Prices<'_>,
) -> anyhow::Result<Option<(arrow::array::RecordBatch, bool)>> {
    let limits = Limits { age_max: None, ..Limits::default() };
    let context = capture::Context { captured_at: entry.rejected_at, ads, limits: &limits };
    let Ok(mut draft) = capture::parse::draft(&entry.original) else { return Ok(None) };
    draft.event_id.get_or_insert_with(|| format!("rejected-{}", entry.position).into());
    let is_repriced = prices.fill(&mut draft, entry.rejected_at).await?;
    let Ok(event) = capture::validate::event(draft, &context) else { return Ok(None) };
    let mut builder = EventsBuilder::with_capacity(1);
    builder.push(&event);
    Ok(Some((builder.finish(), is_repriced)))
}
