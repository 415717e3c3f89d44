//! `clicktrail rejected list|show|retry`

pub(crate) mod price;
mod read;

use std::sync::Arc;

use anyhow::bail;
use clicktrail_capture::{self as capture, Ads, Limits};
use clicktrail_log::{
    chain::Chain,
    frame::{Digest, Writer},
    log::{Condition, Error},
    position::Position,
    schema::EventsBuilder,
};
use clicktrail_replay::{history::Start, reader};
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

pub(crate) use read::{Entries, Entry};

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

/// The first so many events, with this code if one is asked for.
async fn read(instance: &Installation, code: Option<&str>, limit: usize) -> anyhow::Result<Vec<Entry>> {
    let (mut all, mut entries) = (Entries::open(instance, Start::Beginning).await?, Vec::new());
    while entries.len() < limit
        && let Some(found) = all.next().await?
    {
        entries.extend(found.into_iter().filter(|entry| code.is_none_or(|code| code == entry.code)));
    }
    entries.truncate(limit);
    Ok(entries)
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

async fn show(global: &Global, instance: &Installation, position: Position) -> anyhow::Result<Exit> {
    let Some(entry) = read::at(instance, position).await? else { bail!("nothing was rejected at {position}") };
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

/// What became of events that were tried again.
#[derive(Debug, Default)]
struct Retried {
    read: u64,
    logged: u64,
    known: u64,
    rejected: u64,
    foreign: u64,
    repriced: u64,
}

/// Tries events again.
struct Retrying<'i> {
    instance: &'i Installation,
    ads: Arc<Ads>,
    prices: Prices<'i>,
    writers: Option<Chain>,
    dry_run: bool,
    retried: Retried,
}

impl Retrying<'_> {
    async fn one(&mut self, entry: &Entry) -> anyhow::Result<()> {
        self.retried.read += 1;
        // Only what came as an event of the API can be read again; an import's lines need its mapping.
        if !entry.source.starts_with("http") {
            self.retried.foreign += 1;
            return Ok(());
        }
        // A click in a pause bills nobody, also when the pause is over.
        let is_paused = entry.code == capture::reason::AD_PAUSED;
        let retried = if is_paused { None } else { validate(entry, &self.ads, &mut self.prices).await? };
        let Some((batch, is_repriced)) = retried else {
            self.retried.rejected += 1;
            return Ok(());
        };
        if self.dry_run {
            self.logs(is_repriced);
            return Ok(());
        }
        let digest = Digest::of(format!("retry of rejected {}", entry.position).as_bytes());
        let identity =
            uuid::Builder::from_custom_bytes(*digest.0.first_chunk().expect("a digest has 32 bytes")).into_uuid();
        // What would be logged now may differ from what an earlier retry logged.
        if self.writers.as_ref().is_some_and(|writers| writers.last_of(identity).is_some()) {
            self.retried.known += 1;
            return Ok(());
        }
        let frame = Writer::new(identity, 1).seal(&batch, (entry.rejected_at, entry.rejected_at))?;
        match self.instance.clicks.append_if(&frame, Condition::NumberUnused).await {
            Ok(appended) if !appended.duplicate => self.logs(is_repriced),
            Ok(_) | Err(Error::Conflict(_)) => self.retried.known += 1,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn logs(&mut self, is_repriced: bool) {
        self.retried.logged += 1;
        self.retried.repriced += u64::from(is_repriced);
    }
}

async fn retry(global: &Global, instance: &Installation, code: Option<&str>, dry_run: bool) -> anyhow::Result<Exit> {
    let actor = global.actor(None)?;
    behind::check(instance).await?;
    let mut all = Entries::open(instance, Start::Beginning).await?;
    if !dry_run {
        made_up::end(&instance.places.data)?;
    }
    let ads = Registry::load(Arc::clone(&instance.catalog)).await?.current();
    let (writers, prices) = (known_writers(instance).await?, Prices::new(instance.catalog.as_ref()));
    let mut retrying = Retrying { instance, ads, prices, writers, dry_run, retried: Retried::default() };
    while let Some(entries) = all.next().await? {
        for entry in entries.iter().filter(|entry| code.is_none_or(|code| code == entry.code)) {
            retrying.one(entry).await?;
        }
    }
    let Retried { read, logged, known, rejected, foreign, repriced } = retrying.retried;
    if !dry_run {
        let detail = format!("{logged} logged, {known} logged before, {rejected} rejected again");
        audit::write(instance, &actor, "rejected_retry", "", detail).await?;
    }
    let verb = if dry_run { "would be logged" } else { "logged" };
    match global.output {
        Format::Json => output::json(&json!({
            "dry_run": dry_run, "read": read, "logged": logged, "logged_before": known,
            "rejected_again": rejected, "not_retryable": foreign, "at_an_earlier_price": repriced,
        })),
        Format::Table => output::line(&format!(
            "{}: {logged} {verb}, {known} were logged by an earlier retry, {rejected} are still rejected, \
             {foreign} came from imported files and cannot be retried",
            output::count(read, "rejected event")
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
