//! A month that is billed: drafted, drafted again after one hour changed, issued with its pages.
//!
//! Every hour has clicks of thousands of advertisers, so a draft adds up millions of rows of counters.

use std::{process::Command, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use clicktrail_billing::{
    counted::Origin,
    drafting::{Drafting, outcome::Outcome},
    issue::Issuing,
    kept,
    making::Paper,
    paper::Typeset,
    ready::{Checking, Patience},
    regenerate::Regenerating,
};
use clicktrail_catalog::invoicing::{Document, Draft, DraftFilter, NewTerms};
use clicktrail_invoices::{Cycle, Period, Seller, Terms};
use clicktrail_log::{
    embedded::EmbeddedLog,
    log::{Log, Stream},
    time::{Clock, Hour, ManualClock, Timestamp},
};
use clicktrail_rendering::{Fonts, Template};
use serde::Deserialize;

use crate::{
    hour::{self, ADVERTISERS, World},
    memory,
    replay::bed::Bed,
    sizes::Sizes,
    table::{Table, Target, float, gib, millis, note, rate},
    took::Round,
};

pub(crate) const ACCOUNT: &str = include_str!("../../../../examples/accounts/acme.toml");
pub(crate) const SELLER: &str = include_str!("../../../../examples/accounts/seller.toml");
const ZONE: &str = "UTC";
const ACTOR: &str = "bench";
const THREADS: usize = 2;
const DUCKDB: &str = include_str!("bill.py");
/// DuckDB's fastest of so many is told: its first reads the files from the disk.
const ROUNDS: usize = 3;
/// Rows of accounts that are stored in one transaction.
const CHUNK: usize = 1_000;
const GIB: f64 = 1_073_741_824.0;

pub(crate) async fn run(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let period = Period::at(Cycle::Month, ZONE, hour::first().start())?;
    let hours = u32::try_from(period.to.hour().as_i64() - hour::first().as_i64())?;
    let name = format!("bill, {hours} hours of {}, {ADVERTISERS} advertisers", sizes.bill_events);
    let bed = Bed::sealed(hours, sizes.bill_events, World::Market).await?;
    accounts(&bed, period.to).await?;

    memory::forget_peak()?;
    let before = memory::peak_bytes()?;
    let (outcome, took) = draft(&bed, &period).await?;
    table.judge(format!("{name}: drafted"), took.as_secs_f64(), Target::AtMost(30.0), millis);
    table.say(format!("{name}: drafts"), outcome.drafted.len().to_string());
    let peak = memory::peak_bytes()?;
    table.judge(format!("{name}: resident memory"), float(peak), Target::AtMost(GIB), gib);
    table.say(format!("{name}: … before it"), gib(float(before)));

    let (_, took) = draft(&bed, &period).await?;
    table.say(format!("{name}: drafted again, nothing changed"), millis(took.as_secs_f64()));
    bed.count_wrongly(Some(Hour::from_i64(hour::first().as_i64() + i64::from(hours) / 2))).await?;
    let (outcome, took) = draft(&bed, &period).await?;
    let revised = outcome.drafted.iter().filter(|drafted| drafted.revision.revision > 1).count();
    ensure!(revised > 0, "an hour changed, and no draft");
    table.judge(format!("{name}: drafted again, one hour changed"), took.as_secs_f64(), Target::AtMost(2.0), millis);
    Box::pin(documents(&bed, sizes, &period, &name, table)).await
}

/// Accounts of every advertiser, and who bills them.
async fn accounts(bed: &Bed, now: Timestamp) -> anyhow::Result<()> {
    let catalog = &bed.opened.catalog;
    let seller = Seller::from_toml(SELLER, "seller.toml")?;
    let (from, text, digest) = (seller.valid_from.to_string(), seller.canonical(), seller.digest().to_string());
    catalog.put_seller(&from, &text, &digest, ACTOR, now).await?;
    let mut terms = Terms::from_toml(ACCOUNT, "acme.toml")?;
    ZONE.clone_into(&mut terms.zone);
    let mut rows = Vec::new();
    for advertiser in 1..=ADVERTISERS {
        terms.advertiser_id = format!("advertiser-{advertiser:03}");
        rows.push(NewTerms {
            advertiser_id: terms.advertiser_id.clone(),
            valid_from: terms.valid_from.to_string(),
            text: terms.canonical(),
            digest: terms.digest().to_string(),
        });
    }
    for chunk in rows.chunks(CHUNK) {
        catalog.put_terms(chunk, ACTOR, now).await?;
    }
    Ok(())
}

async fn draft(bed: &Bed, period: &Period) -> anyhow::Result<(Outcome, Duration)> {
    let opened = &bed.opened;
    let checking = Checking {
        archive: opened.archive.clone(),
        catalog: Arc::clone(&opened.catalog),
        history: opened.history.clone(),
        patience: Patience { lateness: Duration::ZERO, ahead: Duration::ZERO, allow_stale: true },
    };
    let now = period.to.plus_micros(1);
    let drafting = Drafting { checking, threads: THREADS, actor: ACTOR.to_owned(), now };
    let round = Round::begin()?;
    let outcome = drafting.draft(period.name, None).await?;
    let took = round.end()?;
    note(&format!("  drafted in {:.2} s, {:.2} s of CPU", took.time.as_secs_f64(), took.cpu.as_secs_f64()));
    let lacks = outcome.zones.iter().flat_map(|zone| &zone.lacks).map(ToString::to_string).collect::<Vec<_>>();
    ensure!(!outcome.drafted.is_empty() && lacks.is_empty(), "the month cannot be drafted: {lacks:?}");
    Ok((outcome, took.time))
}

/// Issues some of the drafts, with all forms, and computes one document again from its clicks.
async fn documents(bed: &Bed, sizes: &Sizes, period: &Period, name: &str, table: &mut Table) -> anyhow::Result<()> {
    let opened = &bed.opened;
    let (catalog, now) = (&opened.catalog, period.to.plus_micros(1));
    let filter = DraftFilter { period: Some(period.name.to_string()), ..DraftFilter::default() };
    let wanted = u32::try_from(sizes.bill_documents)?;
    let drafts: Vec<Draft> = catalog.drafts(&filter, "", wanted).await?;
    let revisions: Vec<_> = drafts.iter().map(|draft| draft.revision.clone()).collect();
    for chunk in revisions.chunks(CHUNK) {
        catalog.approve(chunk, ACTOR, now).await?;
    }
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(now));
    let invoices = EmbeddedLog::open(&bed.home().join("invoices.sqlite"), Stream::Invoices, Arc::clone(&clock)).await?;
    let paper: Arc<dyn Paper> = Arc::new(Typeset::new(Template::builtin(), Fonts::builtin()));
    let issuing = Issuing {
        archive: opened.archive.clone(),
        catalog: Arc::clone(catalog),
        log: Arc::new(invoices) as Arc<dyn Log>,
        paper: Arc::clone(&paper),
        clock,
        actor: ACTOR.to_owned(),
        threads: THREADS,
        allow_overlap: false,
    };
    let count = drafts.len();
    let approved = catalog.drafts(&filter, "", wanted).await?;
    let round = Round::begin()?;
    let outcome = issuing.issue(approved, |_| ()).await;
    let took = round.end()?;
    ensure!(outcome.failed.is_none() && outcome.issued.len() == count, "not all were issued: {:?}", outcome.failed);
    let each = took.time.as_secs_f64() / float(count as u64);
    table.say(format!("{name}: a document issued with all its forms"), millis(each));
    table.say(format!("{name}: … of CPU"), millis(took.cpu.as_secs_f64() / float(count as u64)));
    let (all, target) = (each * f64::from(ADVERTISERS), Target::AtMost(300.0));
    let pace = format!("{name}: {ADVERTISERS} documents with their pages, at the pace of {count}");
    table.judge(pace, all, target, millis);
    // Not one whose hour counts by other code: from raw clicks it would be another.
    let is_plain = |issued: &&Document| issued.draft.revision == 1;
    let issued = outcome.issued.iter().find(is_plain).context("no document has what was drafted first")?;
    let ours = again(bed, &paper, issued, name, table).await?;
    beside(bed, period, issued, ours, name, table).await
}

/// Computes a document again, and gives the seconds that it takes from raw clicks.
async fn again(
    bed: &Bed,
    paper: &Arc<dyn Paper>,
    issued: &Document,
    name: &str,
    table: &mut Table,
) -> anyhow::Result<f64> {
    let opened = &bed.opened;
    let rows: u64 = bed.manifests.iter().map(|manifest| manifest.rows).sum();
    let mut last = 0.0;
    for (what, origin) in [("from its segments", Origin::Segments), ("from raw clicks", Origin::Raw(&opened.history))] {
        let regenerating =
            Regenerating { archive: &opened.archive, catalog: opened.catalog.as_ref(), paper: paper.as_ref(), origin };
        let round = Round::begin()?;
        let again = regenerating.run(&issued.number, None).await?.context("it was issued")?;
        let took = round.end()?;
        ensure!(again.findings.is_empty(), "{what} it is another: {:?}", again.findings);
        let seconds = took.time.as_secs_f64();
        let told = format!("{} ({})", millis(seconds), rate(float(rows) / seconds));
        table.say(format!("{name}: one invoice again {what}"), told);
        last = seconds;
    }
    Ok(last)
}

/// What `bill.py` prints.
#[derive(Debug, Deserialize)]
struct Theirs {
    version: String,
    seconds: Vec<f64>,
    /// Campaign, clicks, and what they cost.
    rows: Vec<(String, i64, String)>,
}

/// DuckDB sums the same clicks from the same raw files: its sums are those of the invoice.
async fn beside(
    bed: &Bed,
    period: &Period,
    issued: &Document,
    ours: f64,
    name: &str,
    table: &mut Table,
) -> anyhow::Result<()> {
    let Ok(python) = std::env::var("CLICKTRAIL_TEST_PYTHON") else {
        table.say(format!("{name}: DuckDB, the same sums of the same files"), "not installed: use `make bench`");
        return Ok(());
    };
    let advertiser = &issued.facts.about.advertiser_id;
    let job = serde_json::json!({
        "files": bed.files().concat(),
        "advertiser": advertiser,
        "from": period.from.micros(),
        "to": period.to.micros(),
        "threads": THREADS,
        "rounds": ROUNDS,
    });
    let output = Command::new(python).args(["-c", DUCKDB, &job.to_string()]).output().context("run DuckDB")?;
    ensure!(output.status.success(), "DuckDB: {}", String::from_utf8_lossy(&output.stderr));
    let theirs: Theirs = serde_json::from_slice(&output.stdout).context("read what DuckDB measured")?;
    let record = bed.opened.catalog.document(&issued.number).await?.context("it was issued")?;
    let document = kept::document(&bed.opened.archive, &record.document, &record.artefacts).await?;
    let lines = document.draft.bill.lines.iter();
    let lines: Vec<(String, i64, String)> =
        lines.map(|line| (line.campaign_id.clone(), line.counts.gross, line.counts.spend_micros.to_string())).collect();
    ensure!(lines == theirs.rows, "{advertiser}: the invoice has {lines:?}, DuckDB {:?}", theirs.rows);
    let fastest = theirs.seconds.iter().copied().fold(f64::INFINITY, f64::min);
    let what = format!("{name}: DuckDB {}, the same sums of the same files", theirs.version);
    table.say(what, format!("{}, {:.2} of ours", millis(fastest), fastest / ours));
    Ok(())
}
