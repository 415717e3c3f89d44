//! `clicktrail log hours|cat|tail|verify`

mod first_hour;
mod rows;
mod stream;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, ensure};
use arrow::array::RecordBatch;
use clicktrail_catalog as catalog;
use clicktrail_log::{
    archive::{
        clicks::Clicks,
        kind::Kind,
        part,
        verify::{Problem, Report, Verifier},
    },
    causes::causes,
    log::ReadLimit,
    position::{Position, Seq},
    time::Hour,
};
use clicktrail_projections::{counters, zone};
use clicktrail_replay::recount::Recounted;
use clicktrail_verdicts::{archive::Verdicts, coverage::Coverage};
use serde_json::{Value, json};

use crate::{
    basis,
    exit::Exit,
    global::{Format, Global, Requested},
    installation::Installation,
    output, progress, recount,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List sealed hours
    Hours {
        /// From this hour (UTC) on, inclusive: 2026-11-22T14, or 2026-11-22 for its first hour
        #[arg(long, value_parser = first_hour::parse)]
        from: Option<Hour>,
        /// Leave out hours without events
        #[arg(long)]
        without_quiet: bool,
    },
    /// Print events, one JSON object a line: of a sealed hour, or from any place of history on and then as they come
    ///
    /// HOUR prints a sealed hour as its parts hold it. Without HOUR the rows come in the order of the log, each once:
    /// sealed hours from the archive, then the log. Every row has its position, so whoever stops goes on with --after.
    /// With --output arrow it is one Arrow IPC stream.
    Cat {
        /// The hour (UTC), as in 2026-11-22T14
        #[arg(value_parser = zone::hour, conflicts_with_all = ["from", "after", "to", "follow", "stream"])]
        hour: Option<Hour>,
        #[command(flatten)]
        stream: stream::Arguments,
        /// Print the personal columns too: address, user agent, session and page
        #[arg(long)]
        personal: bool,
        /// Print at most this many rows
        #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
        limit: u64,
    },
    /// Print events as they are logged, one JSON object a line, until interrupted
    Tail {
        /// Begin this many frames before the end of the log
        #[arg(long, default_value_t = 0)]
        frames: u64,
        /// Stop at the end instead of waiting for more
        #[arg(long)]
        no_follow: bool,
    },
    /// Read the archive back, and check the chain of hours and the size and digest of every part
    Verify {
        /// Check every row too: its position, its order, its target, and that both files of a part have the same rows
        #[arg(long)]
        deep: bool,
        /// Compute the bill again from archive and logs too, and compare it with what `counters` answers: hour by hour,
        /// advertiser by advertiser. Nothing is written
        #[arg(long)]
        counters: bool,
    },
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    let instance = global.open_existing().await?;
    match command {
        Command::Hours { from, without_quiet } => hours(global, &instance, from, without_quiet).await,
        Command::Cat { hour: None, stream, personal, limit } => {
            stream::run(global, &instance, &stream, personal, limit).await
        }
        Command::Cat { hour: Some(hour), personal, limit, .. } => cat(global, &instance, hour, personal, limit).await,
        Command::Tail { frames, no_follow } => tail(&instance, frames, !no_follow).await,
        Command::Verify { deep, counters } => verify(global, &instance, deep, counters).await,
    }
}

/// Every hour that the catalog knows, a page at a time.
pub(super) async fn known_hours(
    instance: &Installation,
    from: Option<Hour>,
) -> Result<Vec<catalog::SealedHour>, catalog::Error> {
    let mut from = from.unwrap_or(Hour::from_i64(i64::MIN / 2));
    let mut hours = Vec::new();
    loop {
        let page = instance.catalog.list_hours(from, 1_000).await?;
        let Some(last) = page.last() else { return Ok(hours) };
        from = last.hour.next();
        hours.extend(page);
    }
}

async fn hours(
    global: &Global,
    instance: &Installation,
    from: Option<Hour>,
    without_quiet: bool,
) -> anyhow::Result<Exit> {
    let hours = known_hours(instance, from).await?;
    basis::tell(&basis::present(instance).await?);
    let hours = hours.iter().filter(|hour| hour.rows > 0 || !without_quiet);
    match global.output {
        Format::Json => {
            let object = |hour: &catalog::SealedHour| {
                json!({
                    "hour": hour.hour.to_string(),
                    "epoch": hour.epoch,
                    "first_seq": hour.first_seq.get(),
                    "last_seq": hour.last_seq.get(),
                    "rows": hour.rows,
                    "parts": hour.parts,
                    "bytes": hour.bytes,
                    "manifest_digest": hour.manifest_digest,
                })
            };
            output::json(&Value::Array(hours.map(object).collect()));
        }
        Format::Table => {
            let mut table =
                output::Table::new(&["hour", "first_seq", "last_seq", "rows", "parts", "bytes", "manifest"]);
            for hour in hours {
                table.push(vec![
                    hour.hour.to_string(),
                    hour.first_seq.to_string(),
                    hour.last_seq.to_string(),
                    hour.rows.to_string(),
                    hour.parts.to_string(),
                    hour.bytes.to_string(),
                    if output::is_csv() {
                        hour.manifest_digest.clone()
                    } else {
                        hour.manifest_digest.chars().take(12).collect()
                    },
                ]);
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}

async fn cat(global: &Global, instance: &Installation, hour: Hour, personal: bool, limit: u64) -> anyhow::Result<Exit> {
    ensure!(
        global.requested != Requested::Arrow,
        "an Arrow stream is of a range: use --from {hour} --to {}",
        hour.next()
    );
    let Some(manifest) = instance.archive.manifest::<Clicks>(hour).await? else {
        output::note(&format!("clicktrail: {hour} is not sealed"));
        return Ok(Exit::InputIncomplete);
    };
    let mut left = limit;
    for part in &manifest.parts {
        let core = part::read(instance.archive.get_file(&part.core).await?, None)?;
        let mut others = match personal {
            true => Some(part::read(instance.archive.get_file(&part.personal).await?, None)?),
            false => None,
        };
        for batch in core {
            let other = others.as_mut().and_then(Iterator::next).transpose()?;
            if !print_events(&batch?, other.as_ref(), &mut left)? {
                return Ok(Exit::Ok);
            }
        }
    }
    Ok(Exit::Ok)
}

/// Whether more may follow.
fn print_events(batch: &RecordBatch, personal: Option<&RecordBatch>, left: &mut u64) -> anyhow::Result<bool> {
    let mut events = rows::objects(batch)?;
    if let Some(personal) = personal {
        for (event, fields) in events.iter_mut().zip(rows::objects(personal)?) {
            event.extend(fields);
        }
    }
    for event in events {
        if *left == 0 || !output::is_taken() {
            return Ok(false);
        }
        *left -= 1;
        output::line(&Value::Object(event).to_string());
    }
    Ok(true)
}

async fn tail(instance: &Installation, frames: u64, follow: bool) -> anyhow::Result<Exit> {
    let info = instance.clicks.info().await?;
    let first = info.last.get().saturating_sub(frames).saturating_add(1).max(info.first.get());
    let mut next = Seq::new(first).context("the log's range is out of bounds")?;
    let wait = if follow { Duration::from_secs(1) } else { Duration::ZERO };
    loop {
        let logged = instance.clicks.read(next, ReadLimit::waiting(wait)).await?;
        if logged.is_empty() && !follow {
            return Ok(Exit::Ok);
        }
        for frame in logged {
            let batch = frame.frame.decode().with_context(|| format!("frame {}", frame.seq))?;
            let position = Position::new(info.epoch, frame.seq, 0);
            let events = part::with_position(&batch, position, frame.logged_at)?;
            if !print_events(&events, None, &mut u64::MAX.clone())? {
                return Ok(Exit::Ok);
            }
            next = frame.seq.next();
        }
    }
}

async fn verify(global: &Global, instance: &Installation, deep: bool, recounts: bool) -> anyhow::Result<Exit> {
    let catalog = verify_catalog(instance).await?;
    let remembered = &catalog.remembered;
    let clicks = Verifier::<Clicks>::of(instance.archive.clone(), deep);
    let clicks = verify_hours(clicks, remembered, "verify clicks").await?;
    // No catalog remembers hours of verdicts: their chain has to speak for itself.
    let verdicts = Verifier::<Verdicts>::of(instance.archive.clone(), deep);
    let verdicts = verify_hours(verdicts, &BTreeMap::new(), "verify verdicts").await?;
    let recounted = match recounts && catalog.is_readable {
        true => Some(recount::run(instance).await?),
        // Nothing can be held against a catalog that cannot be read.
        false => None,
    };
    print_report(global, &clicks, &verdicts, recounted.as_ref());
    let verified = match (clicks.problems.len() + verdicts.problems.len(), clicks.hours + verdicts.hours) {
        (1.., _) => Exit::Differences,
        // Checked nothing is never a success.
        (0, 0) => Exit::InputIncomplete,
        (0, 1..) => Exit::Ok,
    };
    let recounted = match &recounted {
        None => Exit::Ok,
        // What is counted nowhere was compared with nothing.
        Some(recounted) => match recount::exit(recounted) {
            Exit::Ok => {
                let basis = basis::present(instance).await?;
                basis::tell(&basis);
                if basis.is_complete() { Exit::Ok } else { Exit::InputIncomplete }
            }
            exit => exit,
        },
    };
    let found = [catalog.exit, verify_coverage(instance).await?, verified, recounted];
    let worst = [Exit::Differences, Exit::InputIncomplete].into_iter().find(|exit| found.contains(exit));
    Ok(worst.unwrap_or(Exit::Ok))
}

/// What was found of the catalog.
struct CatalogChecked {
    /// The digests of manifests that it remembers.
    remembered: BTreeMap<Hour, String>,
    is_readable: bool,
    exit: Exit,
}

/// Reads all of the catalog, and names what cannot be read and what is lost.
async fn verify_catalog(instance: &Installation) -> anyhow::Result<CatalogChecked> {
    let catalog = &instance.catalog;
    let (mut remembered, mut problems) = (BTreeMap::new(), catalog.lost().await?);
    let all = async {
        let hours = known_hours(instance, None).await?;
        remembered.extend(hours.into_iter().map(|hour| (hour.hour, hour.manifest_digest)));
        let (first, last) = (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2));
        catalog.snapshot(counters::NAME, first, last).await?;
        catalog.reconciliations(first, u32::MAX).await?;
        Ok::<_, catalog::Error>(())
    };
    let read = all.await;
    let is_readable = read.is_ok();
    match read {
        Ok(()) => {}
        Err(damaged @ (catalog::Error::Damaged(_) | catalog::Error::Corrupt(_))) => problems.push(causes(&damaged)),
        Err(other) => return Err(other.into()),
    }
    for problem in &problems {
        output::note(&format!("PROBLEM catalog: {problem}"));
    }
    let exit = if problems.is_empty() { Exit::Ok } else { Exit::Differences };
    Ok(CatalogChecked { remembered, is_readable, exit })
}

/// Whether the document that says what was judged can be read: without it judging stands still.
async fn verify_coverage(instance: &Installation) -> anyhow::Result<Exit> {
    let problems = Coverage::problems(&instance.archive).await.context("read what was judged")?;
    for problem in &problems {
        output::note(&format!("PROBLEM {}", causes(problem)));
    }
    Ok(if problems.is_empty() { Exit::Ok } else { Exit::Differences })
}

async fn verify_hours<K: Kind>(
    mut verifier: Verifier<K>,
    remembered: &BTreeMap<Hour, String>,
    what: &'static str,
) -> anyhow::Result<Report> {
    let hours = verifier.hours(remembered).await?;
    let bar = progress::bar(hours.len() as u64, what);
    for hour in &hours {
        verifier.check(*hour, remembered.get(hour).map(String::as_str)).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(verifier.finish())
}

/// Counts of clicks stand where they always stood; problems of both streams are one list.
fn print_report(global: &Global, clicks: &Report, verdicts: &Report, recounted: Option<&Recounted>) {
    let problems: Vec<&Problem> = clicks.problems.iter().chain(&verdicts.problems).collect();
    if global.output == Format::Json {
        let counts = |report: &Report| {
            json!({
                "hours": report.hours,
                "parts": report.parts,
                "rows": report.rows,
                "bytes": report.bytes,
            })
        };
        let problem = |problem: &&Problem| {
            json!({
                "hour": problem.hour.to_string(),
                "key": problem.key,
                "reason": problem.reason,
            })
        };
        let mut report = counts(clicks);
        report["verdicts"] = counts(verdicts);
        report["problems"] = problems.iter().map(problem).collect();
        if let Some(recounted) = recounted {
            report["counters"] = recount::document(recounted);
        }
        output::json(&report);
        return;
    }
    for problem in &problems {
        output::line(&format!("PROBLEM {}  {}: {}", problem.hour, problem.key, problem.reason));
    }
    print_counts(clicks, "event");
    if verdicts.hours > 0 || !verdicts.problems.is_empty() {
        print_counts(verdicts, "verdict");
    }
    if let Some(recounted) = recounted {
        recount::print(recounted);
    }
}

fn print_counts(report: &Report, what: &str) {
    let verdict = match (report.problems.len(), report.hours) {
        (0, 0) => "nothing is sealed yet: nothing was checked".to_owned(),
        (0, _) => "all of it is as it was sealed".to_owned(),
        (count, _) => output::count(count, "problem"),
    };
    let (hours, parts) = (output::count(report.hours, "hour"), output::count(report.parts, "part"));
    let (rows, bytes) = (output::count(report.rows, what), report.bytes);
    output::line(&format!("{hours}, {parts}, {rows}, {bytes} bytes read: {verdict}"));
}
