//! Refuses to write into a log that is behind what archive and catalog know of it.
//!
//! An older log, put back beside a newer archive or catalog, would give new events the numbers of old ones, which are
//! counted already: the new ones would be counted nowhere. So whoever writes looks first. `log new-epoch` is the way on
//! where the newer log is lost.

#![expect(clippy::disallowed_methods, reason = "a broker's new leader may have to catch up")]

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use clicktrail_log::{
    archive::{Manifest, clicks::Clicks, entry::Entry, invoices::Invoices, kind::Kind, rejected::RejectedEvents},
    causes::causes,
    log::{Info, Log, ReadLimit, Stream},
    position::{Epoch, Seq},
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
pub(crate) struct Known {
    pub(crate) last: Seq,
    pub(crate) by: String,
    /// The epoch that its archive is in.
    pub(crate) epoch: Option<Epoch>,
}

/// Checks the logs that archive, catalog and verdicts know of.
///
/// # Errors
/// Says which log is behind, and what to do.
pub(crate) async fn check(instance: &Installation) -> anyhow::Result<()> {
    for stream in KNOWN {
        if let Some(known) = reach(instance, stream).await? {
            check_reaches(stream, instance.log(stream), known).await?;
        }
    }
    check_same_logs(instance).await
}

/// The logs that others know of.
pub(crate) const KNOWN: [Stream; 4] = [Stream::Verdicts, Stream::Clicks, Stream::Invoices, Stream::Rejected];

/// Checks that the logs hold the frames that catalog and archive know, as far as they hold them.
///
/// # Errors
/// Names the log that has another.
pub(crate) async fn check_same_logs(instance: &Installation) -> anyhow::Result<()> {
    belongs::check(&instance.clicks, &instance.rulings(), instance.catalog.as_ref()).await?;
    let clicks = last_manifest::<Clicks>(instance).await?;
    check_same(Stream::Clicks, &instance.clicks, clicks.as_ref()).await?;
    let verdicts = last_manifest::<Verdicts>(instance).await?;
    check_same(Stream::Verdicts, &instance.verdicts, verdicts.as_ref()).await?;
    let invoices = last_manifest::<Invoices>(instance).await?;
    check_same(Stream::Invoices, &instance.invoices, invoices.as_ref()).await?;
    let rejected = last_manifest::<RejectedEvents>(instance).await?;
    check_same(Stream::Rejected, &instance.rejected, rejected.as_ref()).await
}

/// The furthest that anybody knows a log to have come; `None` if nobody knows of it.
///
/// # Errors
/// As catalog, archive and logs report.
pub(crate) async fn reach(instance: &Installation, stream: Stream) -> anyhow::Result<Option<Known>> {
    let catalog = &instance.catalog;
    let known = |last: Seq, by: &str| Known { last, by: by.to_owned(), epoch: None };
    let judged = catalog.judged().await.context("read the catalog")?;
    let (mut all, sealed) = match stream {
        Stream::Clicks => {
            let all = vec![
                known(judged.clicks_through, "the judge's mark in the catalog"),
                known(catalog.counted_through().await?, "what the catalog has counted"),
                known(newest_target(instance, judged.verdicts_through).await?, "a verdict"),
            ];
            (all, last_manifest::<Clicks>(instance).await?.as_ref().map(sealed))
        }
        Stream::Verdicts => {
            let all = vec![
                known(judged.verdicts_through, "the judge's mark in the catalog"),
                known(catalog.followed_through().await?, "what the catalog has followed"),
            ];
            (all, last_manifest::<Verdicts>(instance).await?.as_ref().map(sealed))
        }
        Stream::Invoices => {
            // A damaged row says nothing: what was issued is held against the archive elsewhere.
            let logged = catalog.last_logged().await.ok().flatten();
            let all = logged.into_iter().map(|logged| known(logged.seq(), "the catalog")).collect();
            (all, last_manifest::<Invoices>(instance).await?.as_ref().map(sealed))
        }
        // No catalog counts what was rejected.
        Stream::Rejected => (Vec::new(), last_manifest::<RejectedEvents>(instance).await?.as_ref().map(sealed)),
    };
    let epoch = sealed.as_ref().and_then(|sealed| sealed.epoch);
    all.extend(sealed);
    Ok(all.into_iter().max_by_key(|known| known.last).map(|known| Known { epoch, ..known }))
}

/// The last click frame that a verdict is about, of the verdicts that the log holds from `from` on: live ones stand in
/// the order of what they are about.
async fn newest_target(instance: &Installation, from: Seq) -> anyhow::Result<Seq> {
    let (history, info) = (instance.rulings(), instance.verdicts.info().await?);
    let (mut next, mut newest) = (from.max(info.first), Seq::ZERO);
    while next <= info.last {
        let page = history.read_outlines(next, ReadLimit::waiting(Duration::ZERO)).await?;
        newest = page.ruled.iter().map(|ruled| ruled.outline.target.seq()).fold(newest, Seq::max);
        if page.next == next {
            break;
        }
        next = page.next;
    }
    Ok(newest)
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
    let by = format!("the manifest of {}", manifest.hour);
    Known { last: manifest.last_seq(), by, epoch: Some(manifest.epoch()) }
}

/// Whether a log ends before what is known of it, or is in an epoch that is over.
pub(crate) fn is_behind(info: &Info, known: &Known) -> bool {
    info.last < known.last || known.epoch.is_some_and(|epoch| info.epoch < epoch)
}

async fn check_reaches(stream: Stream, log: &Arc<dyn Log>, known: Known) -> anyhow::Result<()> {
    let mut info = log.info().await?;
    for _ in 0..TRIES {
        if !is_behind(&info, &known) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
        info = log.info().await?;
    }
    bail!(
        "the log of {stream} ends at frame {}, but {} goes to frame {}: this log is an older copy, or is new because the \
         log was lost, or belongs to another installation. What is logged now would get numbers that are taken, and would \
         not be counted. Put the newer log back; if it is lost, `clicktrail log new-epoch` goes on behind frame {}. \
         Nothing was changed",
        info.last,
        known.by,
        known.last,
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
    if !(info.first..=info.last).contains(&last) || info.epoch != manifest.epoch() {
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
