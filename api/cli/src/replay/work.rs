//! `clicktrail replay work`

use std::{sync::Arc, time::Duration};

use clicktrail_catalog::generations::{Generation, GenerationId, GenerationState};
use clicktrail_log::time::Timestamp;
use clicktrail_replay::work::{Ended, Event};
use serde_json::json;
use tokio::sync::watch;

use super::{
    summary::{find, unknown},
    working::{Working, stop_on_signal},
};
use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output,
};

/// Pause of a worker that waits for builds.
const FOLLOW_PAUSE: Duration = Duration::from_secs(2);
/// Builds that are listed at a time.
const PAGE: u32 = 1_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only of this build: its id, or the beginning of it
    #[arg(long, value_name = "ID")]
    generation: Option<String>,
    /// Wait for builds, until interrupted
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    working: Working,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_existing().await?;
    let (stop, mut heard) = stop_on_signal()?;
    let mut total = Total::default();
    let ended = tokio::select! {
        ended = take_all(&instance, &arguments, stop, &mut total) => ended?,
        _ = &mut heard => Some(Exit::Partial),
    };
    heard.abort();
    if let Some(exit) = ended {
        return Ok(exit);
    }
    match global.output {
        Format::Json => output::json(&json!({"done": total.done, "reused": total.reused, "failed": total.failed})),
        Format::Table => {
            let done = output::count(total.done, "hour");
            output::line(&format!("{done} built, {} of them used again; {} failed", total.reused, total.failed));
        }
    }
    Ok(if total.failed == 0 { Exit::Ok } else { Exit::Partial })
}

/// Works on builds one after the other, until there is none, or for ever.
#[expect(clippy::disallowed_methods, reason = "a worker that waits for builds looks again after a pause")]
async fn take_all(
    instance: &Installation,
    arguments: &Arguments,
    mut stop: watch::Receiver<bool>,
    total: &mut Total,
) -> anyhow::Result<Option<Exit>> {
    let worker = arguments.working.worker(instance, false);
    loop {
        let builds = match arguments.generation.as_deref() {
            Some(named) => match find(instance.catalog.as_ref(), Some(named)).await? {
                Some(generation) => vec![generation],
                None => return Ok(Some(unknown(Some(named)))),
            },
            None => building(instance).await?,
        };
        for generation in &builds {
            total.add(worker.run(generation, stop.clone(), Arc::new(tell)).await?);
        }
        if !arguments.follow || *stop.borrow() {
            return Ok(None);
        }
        tokio::select! {
            () = tokio::time::sleep(FOLLOW_PAUSE) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

/// What a worker did.
#[derive(Debug, Default)]
struct Total {
    done: u64,
    reused: u64,
    failed: usize,
}

impl Total {
    fn add(&mut self, ended: Ended) {
        self.done += ended.done;
        self.reused += ended.reused;
        self.failed += ended.failed.len();
    }
}

fn tell(event: Event) {
    match event {
        Event::Done { .. } => {}
        Event::Retried(hour, why) => output::note(&format!("{hour} failed, and is tried again: {why}")),
        Event::Failed(hour, why) => output::note(&format!("clicktrail: {hour} failed: {why}")),
        Event::Lost(hour) => output::note(&format!("{hour} is another worker's now, because the lease had ended")),
        Event::Dropped(hour) => output::note(&format!("{hour} is dropped, because the build was given up")),
    }
}

/// All builds that are not over, the oldest first.
async fn building(instance: &Installation) -> anyhow::Result<Vec<Generation>> {
    let (mut found, mut after): (Vec<Generation>, Option<(Timestamp, GenerationId)>) = (Vec::new(), None);
    loop {
        let page = instance.catalog.list_generations(after.as_ref().map(|(at, id)| (*at, id)), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.created_at, last.id.clone()));
        found.extend(page.into_iter().filter(|generation| generation.state == GenerationState::Building));
    }
    found.reverse();
    Ok(found)
}
