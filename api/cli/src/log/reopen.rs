//! `clicktrail log reopen`: what a clock that ran ahead sealed before its time.
//!
//! Such hours are quiet: nothing can have been logged in them. While they stand, what is logged now waits until their
//! time has come, and is sealed behind them. So they are taken back, from the last one on; the catalog forgets them
//! first. Hours with frames stand for good, and so do hours that were signed.

use anyhow::{Context as _, bail};
use clicktrail_evidence::{hash::Hash, tlog::Entry};
use clicktrail_log::{
    archive::{
        Archive, Manifest, clicks::Clicks, invoices::Invoices, keys::ManifestKey, kind::Kind, rejected::RejectedEvents,
        transparency,
    },
    log::Stream,
    time::{Hour, Timestamp},
};
use clicktrail_verdicts::archive::Verdicts;
use serde_json::json;

use crate::{
    ads::Who,
    audit,
    exit::Exit,
    global::{Format, Global},
    installation::{Installation, WriteLock},
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(global: &Global, instance: Installation, arguments: Arguments) -> anyhow::Result<Exit> {
    let actor = global.actor(arguments.who.actor)?;
    let _lock = WriteLock::take(&instance.places.data)?;
    let now = match instance.clicks.now().await? {
        Some(logs) => logs,
        None => instance.clock.now(),
    };
    let clicks = early::<Clicks>(&instance.archive, now).await?;
    let verdicts = early::<Verdicts>(&instance.archive, now).await?;
    let invoices = early::<Invoices>(&instance.archive, now).await?;
    let rejected = early::<RejectedEvents>(&instance.archive, now).await?;
    // Hours that the catalog alone remembers were taken back by a run that died.
    let first = now.hour().next();
    instance.catalog.reopen(first).await.context("forget hours that are still to come")?;
    let taken = [
        (Stream::Clicks, take_back(&instance.archive, clicks).await?),
        (Stream::Verdicts, take_back(&instance.archive, verdicts).await?),
        (Stream::Invoices, take_back(&instance.archive, invoices).await?),
        (Stream::Rejected, take_back(&instance.archive, rejected).await?),
    ];
    let all: u64 = taken.iter().map(|(_, hours)| hours).sum();
    if all > 0 {
        let detail = taken.map(|(stream, hours)| format!("{} of {stream}", output::count(hours, "hour"))).join(", ");
        audit::write(&instance, &actor, "log_reopen", "", format!("{detail}, from {first} on")).await?;
    }
    match global.output {
        Format::Json => {
            let hours = taken.map(|(stream, hours)| json!({"stream": stream.as_str(), "hours": hours}));
            output::json(&hours.into_iter().collect());
        }
        Format::Table if all == 0 => output::line("no hour is sealed that is still to come"),
        Format::Table => taken.iter().for_each(|(stream, hours)| {
            output::line(&format!("{} of {stream} reopened", output::count(*hours, "hour")))
        }),
    }
    Ok(Exit::Ok)
}

/// The hours of a stream that were sealed although they have not begun, the last one first.
async fn early<K: Kind>(archive: &Archive, now: Timestamp) -> anyhow::Result<Vec<Manifest<K::Part>>> {
    let hours = archive.sealed_hours(K::STREAM).await?;
    let mut found = Vec::new();
    for hour in hours.into_iter().rev().take_while(|hour: &Hour| hour.start() > now) {
        let key = ManifestKey { stream: K::STREAM, hour };
        let manifest = archive.manifest::<K>(hour).await?.with_context(|| format!("{} is gone", key.path()))?;
        if !manifest.is_empty() {
            bail!("{} of {} is still to come and holds frames: it stands, with all before it", hour, K::STREAM);
        }
        found.push(manifest);
    }
    let entry = |manifest: &Manifest<K::Part>| Entry {
        stream: manifest.stream.clone(),
        hour: manifest.hour.clone(),
        manifest: Hash(manifest.digest().0),
    };
    let entries: Vec<Entry> = found.iter().map(entry).collect();
    let reader = transparency::Reader::new(archive.clone());
    if let (false, Some(newest)) = (entries.is_empty(), reader.newest().await?) {
        let signed = reader.find(&entries, newest.checkpoint.size).await?;
        if let Some(entry) = signed.keys().next() {
            bail!("{} of {} is signed: who saw that would find it gone, so it stands", entry.hour, entry.stream);
        }
    }
    Ok(found)
}

async fn take_back<P: clicktrail_log::archive::entry::Entry>(
    archive: &Archive,
    manifests: Vec<Manifest<P>>,
) -> anyhow::Result<u64> {
    for manifest in &manifests {
        archive.take_back(manifest).await?;
    }
    Ok(manifests.len() as u64)
}
