//! `clicktrail retention show`: for each purpose the oldest that is there, looked up and not assumed.

use std::time::Duration;

use anyhow::Context as _;
use clicktrail_log::{
    archive::{rejected::RedactedRejected, retention},
    log::{ReadLimit, Stream},
    time::Hour,
};
use serde_json::json;

use super::kept::Kept;
use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output,
};

/// One purpose.
struct Purpose {
    what: &'static str,
    place: &'static str,
    kept: String,
    /// The oldest, if there is any.
    oldest: Option<String>,
    /// Where that stands.
    at: String,
    /// How many hours are older than they may get.
    due: u64,
}

impl Purpose {
    fn new(what: &'static str, place: &'static str, kept: &str) -> Self {
        Self { what, place, kept: kept.to_owned(), oldest: None, at: String::new(), due: 0 }
    }
}

const FOR_EVER: &str = "for ever";
const IN_LOG: &str = "7 days after their hour";

pub(super) async fn run(global: &Global, kept: Kept) -> anyhow::Result<Exit> {
    let (months, instance) = (kept.months(global)?, global.open_reading().await?);
    let mut all = vec![archived(&instance, Stream::Clicks, "clicks, without people").await?];
    all.push(personal(&instance, months).await?);
    all.push(archived(&instance, Stream::Verdicts, "verdicts").await?);
    all.push(archived(&instance, Stream::Invoices, "issued documents").await?);
    all.push(archived(&instance, Stream::Rejected, "rejected events, without what arrived").await?);
    all.push(originals(&instance, months).await?);
    all.push(logged(&instance, Stream::Clicks, "frames of clicks", IN_LOG).await?);
    all.push(logged(&instance, Stream::Rejected, "frames of rejected events", IN_LOG).await?);
    all.push(requests(&instance).await?);
    match global.output {
        Format::Json => {
            let purpose = |purpose: &Purpose| {
                let Purpose { what, place, kept, oldest, at, due } = purpose;
                json!({"what": what, "place": place, "kept": kept, "oldest": oldest, "at": at, "hours_due": due})
            };
            output::json(&all.iter().map(purpose).collect());
        }
        Format::Table => {
            let mut table = output::Table::new(&["what", "place", "kept", "oldest", "at", "hours_due"]);
            for Purpose { what, place, kept, oldest, at, due } in &all {
                let oldest = oldest.clone().unwrap_or_else(|| "none".to_owned());
                let cells = [(*what).to_owned(), (*place).to_owned(), kept.clone(), oldest, at.clone()];
                table.push(cells.into_iter().chain([due.to_string()]).collect());
            }
            table.print();
        }
    }
    let due: u64 = all.iter().map(|purpose| purpose.due).sum();
    if due > 0 {
        output::note("some personal columns are older than they may get: see `clicktrail retention apply`");
    }
    Ok(if due > 0 { Exit::Differences } else { Exit::Ok })
}

async fn archived(instance: &Installation, stream: Stream, what: &'static str) -> anyhow::Result<Purpose> {
    let hours = instance.archive.sealed_hours(stream).await?;
    Ok(Purpose { oldest: hours.first().map(Hour::to_string), ..Purpose::new(what, "archive", FOR_EVER) })
}

async fn personal(instance: &Installation, months: u32) -> anyhow::Result<Purpose> {
    let before = retention::keep_from(instance.clock.now(), months);
    let due = instance.archive.hours_with_people(before, usize::MAX).await?;
    let oldest = match due.first() {
        Some(oldest) => Some(oldest.clone()),
        None => instance.archive.hours_with_people(Hour::from_i64(i64::MAX), 1).await?.pop(),
    };
    let kept = format!("{months} months and the current one");
    let mut purpose = Purpose { due: due.len() as u64, ..Purpose::new("personal columns", "archive", &kept) };
    if let Some(oldest) = oldest {
        let gone = instance.archive.erased_positions(&oldest).await?;
        purpose.oldest = Some(oldest.hour.clone());
        purpose.at = format!("{} of {} events of the hour", oldest.rows - gone.len() as u64, oldest.rows);
    }
    Ok(purpose)
}

/// What arrived and was rejected may name anybody: it is kept as long as personal columns are.
async fn originals(instance: &Installation, months: u32) -> anyhow::Result<Purpose> {
    let before = retention::keep_from(instance.clock.now(), months);
    let due = instance.archive.hours_with_originals(before, usize::MAX).await?;
    let oldest = match due.first() {
        Some(oldest) => Some(oldest.clone()),
        None => instance.archive.hours_with_originals(Hour::from_i64(i64::MAX), 1).await?.pop(),
    };
    let kept = format!("{months} months and the current one");
    let mut purpose =
        Purpose { due: due.len() as u64, ..Purpose::new("what arrived and was rejected", "archive", &kept) };
    if let Some(oldest) = oldest {
        let left = instance.archive.redaction_in::<RedactedRejected>(oldest.hour()).await?;
        purpose.oldest = Some(oldest.hour.clone());
        let rows = oldest.rows - left.map_or(0, |left| left.rows);
        purpose.at = format!("{rows} of {} events of the hour", oldest.rows);
    }
    Ok(purpose)
}

async fn logged(
    instance: &Installation,
    stream: Stream,
    what: &'static str,
    kept: &'static str,
) -> anyhow::Result<Purpose> {
    let (log, mut purpose) = (instance.log(stream), Purpose::new(what, "log", kept));
    let info = log.info().await?;
    if info.first > info.last {
        return Ok(purpose);
    }
    let limit = ReadLimit { frames: 1, bytes: 1, wait: Duration::ZERO };
    let frame = log.read(info.first, limit).await?.pop().context("the log's first frame is not there")?;
    (purpose.oldest, purpose.at) = (Some(frame.logged_at.to_string()), format!("frame {}", info.first));
    Ok(purpose)
}

async fn requests(instance: &Installation) -> anyhow::Result<Purpose> {
    let open = instance.archive.erasures().await?;
    let mut purpose = Purpose::new("requests to erase", "archive", "until they are done");
    purpose.oldest = open.first().map(|request| request.asked_at().to_string());
    Ok(purpose)
}
