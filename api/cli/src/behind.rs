//! Refuses to write into a log that is behind what archive and catalog know of it.
//!
//! An older log, put back beside a newer archive or catalog, would give new events the numbers of old ones, which are
//! counted already: the new ones would be counted nowhere. So whoever writes looks first.

#![expect(clippy::disallowed_methods, reason = "a broker's new leader may have to catch up")]

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use clicktrail_log::{
    archive::{Manifest, clicks::Clicks, entry::Entry, invoices::Invoices, kind::Kind},
    causes::causes,
    log::{Log, ReadLimit, Stream},
    position::Seq,
};
use clicktrail_replay::belongs;
use clicktrail_verdicts::archive::Verdicts;
use tracing::warn;

use crate::installation::Installation;

/// How often a log that seems to be behind is asked again.
const TRIES: usize = 10;
/// The pause before each of those.
const PAUSE: Duration = Duration::from_millis(200);

/// The furthest that somebody knows a log to have come, and who that is.
#[derive(Debug, Clone)]
struct Known {
    last: Seq,
    by: String,
}

/// Checks the logs that archive and catalog know of. Of issued documents the archive alone knows.
///
/// # Errors
/// Says which log is behind, and what to do.
pub(crate) async fn check(instance: &Installation) -> anyhow::Result<()> {
    let catalog = &instance.catalog;
    let judged = catalog.judged().await.context("read the catalog")?;
    let known = |last: Seq, by: &str| Known { last, by: by.to_owned() };
    let clicks = last_manifest::<Clicks>(instance).await?;
    let mut of_clicks = vec![
        known(judged.clicks_through, "the judge's mark in the catalog"),
        known(catalog.counted_through().await?, "what the catalog has counted"),
    ];
    of_clicks.extend(clicks.as_ref().map(sealed));
    check_reaches(Stream::Clicks, &instance.clicks, of_clicks).await?;
    let verdicts = last_manifest::<Verdicts>(instance).await?;
    let mut of_verdicts = vec![
        known(judged.verdicts_through, "the judge's mark in the catalog"),
        known(catalog.followed_through().await?, "what the catalog has followed"),
    ];
    of_verdicts.extend(verdicts.as_ref().map(sealed));
    check_reaches(Stream::Verdicts, &instance.verdicts, of_verdicts).await?;
    let invoices = last_manifest::<Invoices>(instance).await?;
    check_reaches(Stream::Invoices, &instance.invoices, invoices.as_ref().map(sealed).into_iter().collect()).await?;
    belongs::check(&instance.clicks, &instance.rulings(), catalog.as_ref()).await?;
    check_same(Stream::Clicks, &instance.clicks, clicks.as_ref()).await?;
    check_same(Stream::Verdicts, &instance.verdicts, verdicts.as_ref()).await?;
    check_same(Stream::Invoices, &instance.invoices, invoices.as_ref()).await
}

/// The last manifest of a stream. Capture may start while the archive is away: then the catalog has to do.
async fn last_manifest<K: Kind>(instance: &Installation) -> anyhow::Result<Option<Manifest<K::Part>>> {
    let find = async {
        let Some(hour) = instance.archive.sealed_hours(K::STREAM).await?.pop() else { return Ok(None) };
        instance.archive.manifest::<K>(hour).await
    };
    match find.await {
        Err(cause) if cause.is_transient() => {
            warn!(cause = %causes(&cause), "the archive cannot be asked whether the log is behind it");
            Ok(None)
        }
        found => found.context("read the last manifest"),
    }
}

fn sealed<P: Entry>(manifest: &Manifest<P>) -> Known {
    Known { last: manifest.last_seq(), by: format!("the manifest of {}", manifest.hour) }
}

async fn check_reaches(stream: Stream, log: &Arc<dyn Log>, known: Vec<Known>) -> anyhow::Result<()> {
    let Some(known) = known.into_iter().max_by_key(|known| known.last) else { return Ok(()) };
    let mut last = log.info().await?.last;
    for _ in 0..TRIES {
        if last >= known.last {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
        last = log.info().await?.last;
    }
    bail!(
        "the log of {stream} ends at frame {last}, but {} goes to frame {}: this log is an older copy, or belongs to \
         another installation. What is logged now would get numbers that are taken, and would not be counted. Put the newer \
         log back; if it is lost, keep this archive and start with an empty data directory (on a broker: another \
         --stream-prefix, archive and catalog). Nothing was changed",
        known.by,
        known.last
    )
}

/// Checks that the last sealed frame, if the log still has it, is the one that was sealed.
async fn check_same<P: Entry>(
    stream: Stream,
    log: &Arc<dyn Log>,
    manifest: Option<&Manifest<P>>,
) -> anyhow::Result<()> {
    // Version 1 did not remember a repeat that came last.
    let Some(manifest) = manifest.filter(|manifest| manifest.remembers_repeats()) else { return Ok(()) };
    let (last, info) = (manifest.last_seq(), log.info().await?);
    if last < info.first || info.epoch != manifest.epoch() {
        return Ok(());
    }
    let limit = ReadLimit { frames: 1, bytes: 1, wait: Duration::ZERO };
    let frames = log.read(last, limit).await?;
    let chain = manifest.chain_after().context("a writer's digest in the last manifest is not readable")?;
    if frames.iter().all(|logged| chain.remembers(&logged.frame.header)) {
        return Ok(());
    }
    bail!(
        "frame {last} of the log of {stream} is not the one that was sealed with {}: this log was put back from an \
         older copy and went on, or belongs to another installation. Put the right log back. Nothing was changed",
        manifest.hour
    )
}
