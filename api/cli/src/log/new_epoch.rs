//! `clicktrail log new-epoch`: the way on where a log was lost, or only an older copy of it is left.
//!
//! What is left is sealed, and the hour is closed with the last frame that anybody knows of. Behind it the log begins
//! anew: with numbers that were never used, and with another epoch in every address. So the chain of manifests goes on,
//! and nothing is counted twice. What was lost stays an alarm of the manifest.
//!
//! The process may die between any two steps: the command goes on where it was, or finds nothing left to do, and
//! servers take in what it left.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail, ensure};
use clicktrail_log::{
    archive::{
        clicks::Clicks,
        invoices::Invoices,
        keys::ManifestKey,
        kind::Kind,
        rejected::RejectedEvents,
        seal::{Cursor, Sealer},
        verify::Verifier,
    },
    log::{Info, Stream},
    position::{Epoch, Seq},
};
use clicktrail_projections::session;
use clicktrail_replay::rebuild::Rebuild;
use clicktrail_verdicts::archive::Verdicts;
use serde_json::json;

use crate::{
    ads::Who,
    audit,
    behind::{self, Known},
    exit::Exit,
    global::{Format, Global},
    installation::{Installation, WriteLock},
    output, progress,
};

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 1_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Why: it stands in the manifest that ends the epoch, and in the audit trail
    #[arg(long, default_value = "the log was lost", value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    who: Who,
}

/// A log that began anew.
#[derive(Debug)]
struct Begun {
    stream: Stream,
    epoch: Epoch,
    /// Its first frame.
    first: Seq,
    /// The last frame that the older log held, or the archive.
    held: Seq,
}

impl Begun {
    /// How many frames were lost that somebody knew of.
    fn lost(&self) -> u64 {
        self.first.previous().get().saturating_sub(self.held.get())
    }
}

pub(super) async fn run(global: &Global, instance: Installation, arguments: Arguments) -> anyhow::Result<Exit> {
    let length = arguments.reason.chars().count();
    ensure!((1..=REASON_CHARS_MAX).contains(&length), "--reason has {length} characters: use 1 to {REASON_CHARS_MAX}");
    let (actor, rules) = (global.actor(arguments.who.actor)?, global.rules()?);
    let _lock = WriteLock::take(&instance.places.data)?;
    behind::check_same_logs(&instance).await?;
    // All that is known, before anything begins: verdicts know of clicks.
    let mut lost = Vec::new();
    for stream in behind::KNOWN {
        let Some(known) = behind::reach(&instance, stream).await? else { continue };
        let info = instance.log(stream).info().await?;
        if behind::is_behind(&info, &known) {
            lost.push((stream, info, known));
        }
    }
    if lost.is_empty() {
        output::note("every log goes as far as archive, catalog and verdicts know: no epoch was begun");
        return Ok(Exit::Ok);
    }
    let mut begun = Vec::new();
    for (stream, info, known) in &lost {
        begun.push(begin(&instance, *stream, info, known, &arguments.reason).await?);
    }
    drop(instance);
    // Its logs are those of before.
    let instance = global.open_existing().await?;
    let detail: Vec<String> = begun.iter().map(sentence).collect();
    audit::write(&instance, &actor, "log_new_epoch", &arguments.reason, detail.join("; ")).await?;
    let kept = begun.iter().find(|begun| begun.stream == Stream::Verdicts).map(|begun| begun.held);
    rebuild(&instance, &actor, true, kept).await?;
    let mut judging = instance.judging(rules);
    while judging.tick(Duration::ZERO).await.context("judge what is left of the clicks")? {}
    rebuild(&instance, &actor, false, None).await?;
    print(global, &begun);
    Ok(Exit::Ok)
}

async fn begin(
    instance: &Installation,
    stream: Stream,
    info: &Info,
    known: &Known,
    why: &str,
) -> anyhow::Result<Begun> {
    let begun = match stream {
        Stream::Clicks => begin_of::<Clicks>(instance, info, known, why).await,
        Stream::Verdicts => begin_of::<Verdicts>(instance, info, known, why).await,
        Stream::Invoices => begin_of::<Invoices>(instance, info, known, why).await,
        Stream::Rejected => begin_of::<RejectedEvents>(instance, info, known, why).await,
    };
    begun.with_context(|| format!("begin a new epoch of the log of {stream}"))
}

async fn begin_of<K: Kind>(instance: &Installation, info: &Info, known: &Known, why: &str) -> anyhow::Result<Begun> {
    let (log, archive) = (instance.log(K::STREAM), &instance.archive);
    let sealer = Sealer::<K>::of(Arc::clone(log), archive.clone());
    let mut cursor = sealer.stand(archive.sealed_hours(K::STREAM).await?.pop()).await?;
    let now = instance.clock.now();
    if info.last >= cursor.next_seq() {
        while let Some((_, after)) = sealer.seal_next(&cursor, now).await? {
            cursor = after;
        }
    }
    let held = info.last.max(cursor.next_seq().previous());
    let last = known.last.max(held);
    if !is_closed::<K>(instance, &cursor, last).await? {
        (_, cursor) = sealer.close(&cursor, last, why, now).await?;
    }
    check_sealed::<K>(instance, info).await?;
    let after = cursor.epoch().map_or(info.epoch, |sealed| sealed.max(info.epoch)).get();
    let epoch = Epoch::new(i64::from(after) + 1).context("no epoch is left: there are 127")?;
    log.begin_epoch(epoch, cursor.next_seq()).await?;
    Ok(Begun { stream: K::STREAM, epoch, first: cursor.next_seq(), held })
}

/// Whether an earlier run came so far, and died before the log began anew.
async fn is_closed<K: Kind>(instance: &Installation, cursor: &Cursor, last: Seq) -> anyhow::Result<bool> {
    let Some(sealed) = instance.archive.sealed_hours(K::STREAM).await?.pop() else { return Ok(false) };
    let manifest = instance.archive.manifest::<K>(sealed).await?;
    Ok(cursor.next_seq() > last && manifest.is_some_and(|manifest| manifest.ends_epoch()))
}

/// Reads every hour back that the log still holds frames of: they leave it now.
async fn check_sealed<K: Kind>(instance: &Installation, info: &Info) -> anyhow::Result<()> {
    if info.first > info.last {
        return Ok(());
    }
    for hour in instance.archive.sealed_hours(K::STREAM).await?.into_iter().rev() {
        let key = ManifestKey { stream: K::STREAM, hour };
        let manifest = instance.archive.manifest::<K>(hour).await?;
        let manifest = manifest.with_context(|| format!("{} is gone", key.path()))?;
        if manifest.last_seq() < info.first {
            break;
        }
        let mut verifier = Verifier::<K>::of(instance.archive.clone(), true);
        verifier.check_alone(hour, None).await?;
        if let Some(problem) = verifier.finish().problems.first() {
            bail!("{} does not read back, so the log keeps its frames: {}", problem.key, problem.reason);
        }
    }
    Ok(())
}

async fn rebuild(
    instance: &Installation,
    actor: &str,
    trusts_log: bool,
    verdicts_kept: Option<Seq>,
) -> anyhow::Result<()> {
    let rebuild = Rebuild {
        clicks: Arc::clone(&instance.clicks),
        archive: instance.archive.clone(),
        history: instance.rulings(),
        catalog: Arc::clone(&instance.catalog),
        limits: session::Limits::default(),
        trusts_log,
        verdicts_kept,
    };
    let bar = progress::bar(0, "count again");
    let rebuilt = rebuild.run(instance.clock.as_ref(), actor, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    let rebuilt = rebuilt.await;
    bar.finish_and_clear();
    rebuilt.context("the epoch has begun, but the catalog was not made again: run `clicktrail catalog rebuild`")?;
    Ok(())
}

fn sentence(begun: &Begun) -> String {
    let Begun { stream, epoch, first, held } = begun;
    let lost = match begun.lost() {
        0 => "no frame is known to be lost".to_owned(),
        lost => format!("{} lost, from {} on", output::count(lost, "frame"), held.next()),
    };
    format!("the log of {stream} begins epoch {} with frame {first}; {lost}", epoch.get())
}

fn print(global: &Global, begun: &[Begun]) {
    match global.output {
        Format::Json => {
            let one = |begun: &Begun| {
                json!({
                    "stream": begun.stream.as_str(),
                    "epoch": begun.epoch.get(),
                    "first_seq": begun.first.get(),
                    "lost_frames": begun.lost(),
                })
            };
            output::json(&begun.iter().map(one).collect());
        }
        Format::Table => begun.iter().for_each(|begun| output::line(&sentence(begun))),
    }
}
