//! `clicktrail log hours|cat|tail|verify|sign|checkpoint|consistency|new-epoch|reopen`

mod checkpoint;
mod consistency;
mod fault;
mod first_hour;
mod known_hours;
mod new_epoch;
mod reopen;
mod rows;
mod sign;
mod signed;
mod stream;
mod verify;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use arrow::array::RecordBatch;
use clicktrail_catalog as catalog;
use clicktrail_evidence::note::VerifierKey;
use clicktrail_log::{
    archive::{clicks::Clicks, part},
    log::ReadLimit,
    position::{Position, Seq},
    time::Hour,
};
use clicktrail_projections::zone;
use serde_json::{Value, json};

use crate::{
    basis,
    exit::Exit,
    global::{Format, Global, Requested},
    installation::Installation,
    output,
    reading::Need,
    signing,
};

pub(super) use known_hours::known_hours;

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
        /// Check that what was signed is signed by one of these verifier keys, or of files that hold them
        #[arg(long = "key", value_name = "VKEY or FILE", value_parser = signing::verifier)]
        keys: Vec<VerifierKey>,
    },
    /// Sign what was sealed, once: `serve --evidence-key` does it as hours are sealed
    ///
    /// Each hour is read back from the archive and becomes an entry of an append-only log; its root is signed. Exit 2
    /// names an hour that does not read back, 5 a witness that did not sign.
    Sign(sign::Arguments),
    /// Print the newest signed checkpoint over all sealed hours, as a C2SP signed note
    Checkpoint(checkpoint::Arguments),
    /// Go on behind a log that was lost, or of which only an older copy is left: seal what is left, and begin anew
    ///
    /// Stop all servers first. It begins a new epoch of each log that ends before what archive, catalog and verdicts
    /// know of it: behind the last known frame, so that no address is given out twice. What was lost stays an alarm of
    /// the archive.
    NewEpoch(new_epoch::Arguments),
    /// Take quiet hours back that a clock which ran ahead sealed before their time
    ///
    /// Stop all servers first, and mend the clock. What is logged meanwhile is counted, and would be sealed only behind
    /// these hours. Hours that hold events, or were signed, stand.
    Reopen(reopen::Arguments),
    /// Prove that the log of sealed hours at one checkpoint begins with that of an earlier one
    Consistency(consistency::Arguments),
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    let instance = match &command {
        Command::Hours { .. } | Command::Verify { counters: true, .. } => global.open_reading().await?,
        Command::Sign(_) | Command::NewEpoch(_) | Command::Reopen(_) => global.open_existing().await?,
        Command::Tail { no_follow: false, .. } => global.open_existing().await?,
        Command::Cat { stream, .. } if stream.is_followed() => global.open_existing().await?,
        Command::Cat { .. }
        | Command::Tail { no_follow: true, .. }
        | Command::Verify { .. }
        | Command::Checkpoint(_)
        | Command::Consistency(_) => global.open_for(Need::Nothing).await?,
    };
    match command {
        Command::Hours { from, without_quiet } => hours(global, &instance, from, without_quiet).await,
        Command::Cat { hour: None, stream, personal, limit } => {
            stream::run(global, &instance, &stream, personal, limit).await
        }
        Command::Cat { hour: Some(hour), personal, limit, .. } => cat(global, &instance, hour, personal, limit).await,
        Command::Tail { frames, no_follow } => tail(&instance, frames, !no_follow).await,
        Command::Verify { deep, counters, keys } => verify::run(global, &instance, deep, counters, &keys).await,
        Command::Sign(arguments) => sign::run(global, &instance, &arguments).await,
        Command::Checkpoint(arguments) => checkpoint::run(global, &instance, &arguments).await,
        Command::Reopen(arguments) => Box::pin(reopen::run(global, instance, arguments)).await,
        Command::NewEpoch(arguments) => Box::pin(new_epoch::run(global, instance, arguments)).await,
        Command::Consistency(arguments) => consistency::run(global, &instance, &arguments).await,
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
