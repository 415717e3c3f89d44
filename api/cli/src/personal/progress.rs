//! Goes on with all open requests, and says what they wait for.

use std::sync::Arc;

use clicktrail_live::sealing::erasing::Erasing;
use clicktrail_log::{
    embedded::EmbeddedLog,
    log::{Log as _, Stream},
};
use clicktrail_projections::session;
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output::{self, count},
};

/// What became of the requests.
#[derive(Debug)]
pub(super) struct Done {
    requests: Vec<Erasing>,
    /// Frames on the spools of this data directory.
    spooled: u64,
}

/// Does what can be done now. What is left on files of drained spools goes too.
pub(super) async fn go_on(instance: &Installation, actor: &str) -> anyhow::Result<Done> {
    let archiver = instance.archiver(session::Limits::default());
    let requests = archiver.erase(instance.clock.now(), actor).await?;
    let mut spooled = 0;
    for spool in spools(instance).await? {
        let info = spool.info().await?;
        spooled += info.last.next().get().saturating_sub(info.first.get());
        spool.scrub().await?;
    }
    Ok(Done { requests, spooled })
}

/// The spools of this data directory.
pub(super) async fn spools(instance: &Installation) -> anyhow::Result<Vec<EmbeddedLog>> {
    let mut found = Vec::new();
    for stream in [Stream::Clicks, Stream::Rejected] {
        let path = instance.places.data.join(format!("spool-{stream}.sqlite"));
        if path.is_file() {
            found.push(Box::pin(EmbeddedLog::open(&path, stream, Arc::clone(&instance.clock))).await?);
        }
    }
    Ok(found)
}

pub(super) fn exit(done: &Done) -> Exit {
    let is_open = done.requests.iter().any(|request| !request.is_done);
    if is_open { Exit::Partial } else { Exit::Ok }
}

/// What a request waits for.
fn waits(request: &Erasing) -> Vec<String> {
    let Erasing { progress, is_logged, is_rejected_left, .. } = request;
    let mut waits = Vec::new();
    if !progress.is_sealed {
        waits.push("events of hours that are not sealed, judged and counted yet".to_owned());
    } else if *is_logged {
        waits.push("frames that the log still holds".to_owned());
    }
    if *is_rejected_left {
        waits.push("rejected events of hours that are not sealed yet".to_owned());
    }
    if progress.left_alone > 0 {
        let files = count(progress.left_alone, "file");
        waits.push(format!("{files} that somebody may be about to name, for an hour"));
    }
    if !request.is_done && waits.is_empty() {
        waits.push(format!("events that spools may bring until {}", progress.request.until()));
    }
    waits
}

pub(super) fn print(global: &Global, done: &Done) -> anyhow::Result<()> {
    let Done { requests, spooled } = done;
    if global.output == Format::Json {
        let request = |erasing: &Erasing| {
            let progress = &erasing.progress;
            json!({
                "request": progress.request.id.to_string(), "kind": progress.request.kind.as_str(),
                "digest": progress.request.digest(), "erased": progress.rows, "hours": progress.hours,
                "rejected": erasing.rejected, "done": erasing.is_done, "waits_for": waits(erasing),
            })
        };
        output::json(&json!({
            "requests": requests.iter().map(request).collect::<Vec<_>>(), "spooled_frames": spooled,
        }));
        return Ok(());
    }
    if requests.is_empty() {
        output::line("no request is open");
    }
    for erasing in requests {
        let (progress, rejected) = (&erasing.progress, erasing.rejected);
        let state = match waits(erasing).as_slice() {
            [] => "done".to_owned(),
            waits => format!("open, waits for {}", waits.join(", and for ")),
        };
        output::line(&format!(
            "request {}: {} of {} and {} erased; {state}",
            progress.request.id,
            count(progress.rows, "event"),
            count(progress.hours, "hour"),
            count(rejected, "rejected event"),
        ));
    }
    if *spooled > 0 {
        let frames = count(spooled, "frame");
        output::note(&format!("{frames} on this directory's spools: what they hold is erased once it is sealed"));
    }
    Ok(())
}
