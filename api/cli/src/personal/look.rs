//! Where somebody is stored, and how often: nothing is changed.

use std::time::Duration;

use anyhow::Context as _;
use clicktrail_catalog::AuditFilter;
use clicktrail_log::{
    archive::{
        clicks::Clicks,
        erasure::{Person, Request, chooses, chooses_rejected},
        kind::Kind as _,
        redaction::Chooses,
        rejected::RejectedEvents,
    },
    log::{Log as _, ReadLimit, Stream},
    position::{Position, Seq},
    rejected::unsealed,
};

use crate::{
    installation::Installation,
    output::{self, count},
    personal::progress::spools,
};

/// Rows of the audit trail that are read at a time.
const PAGE_ROWS: u32 = 1_000;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Sealed hours that hold something.
    pub(super) hours: u64,
    /// Events of these.
    pub(super) archived: u64,
    /// Events that are in the log alone.
    pub(super) unsealed: u64,
    /// Rejected events.
    pub(super) rejected: u64,
    /// Frames on the spools of this data directory, which are looked at once they are sealed.
    pub(super) spooled: u64,
}

pub(super) async fn look(instance: &Installation, person: &Person) -> anyhow::Result<Found> {
    let request = Request::about(person, instance.clock.now())?;
    let (mut found, mut sealed) = (Found::default(), Seq::ZERO);
    let chooses = chooses(vec![request.clone()]);
    for hour in instance.archive.sealed_hours(Stream::Clicks).await? {
        let manifest = instance.archive.manifest::<Clicks>(hour).await?.context("a sealed hour has no manifest")?;
        sealed = manifest.last_seq();
        let held = instance.archive.holds_about(&manifest, &chooses).await?;
        found.archived += held.found;
        found.hours += u64::from(held.found > 0);
    }
    found.unsealed = not_sealed(instance, sealed, &chooses).await?;
    found.rejected = rejected(instance, &chooses_rejected(vec![request])).await?;
    for spool in spools(instance).await? {
        let info = spool.info().await?;
        found.spooled += info.last.next().get().saturating_sub(info.first.get());
    }
    Ok(found)
}

/// In sealed hours, and in the log behind them.
async fn rejected(instance: &Installation, chooses: &Chooses) -> anyhow::Result<u64> {
    let (mut found, mut sealed) = (0, Seq::ZERO);
    for hour in instance.archive.sealed_hours(Stream::Rejected).await? {
        let manifest = instance.archive.manifest::<RejectedEvents>(hour).await?;
        let manifest = manifest.context("a sealed hour has no manifest")?;
        sealed = manifest.last_seq();
        found += instance.archive.rejected_about(&manifest, chooses).await?;
    }
    Ok(found + unsealed::look(instance.rejected.as_ref(), sealed, chooses).await?)
}

async fn not_sealed(instance: &Installation, sealed: Seq, chooses: &Chooses) -> anyhow::Result<u64> {
    let info = instance.clicks.info().await?;
    let (mut next, mut found) = (info.first.max(sealed.next()), 0);
    while next <= info.last {
        let frames = instance.clicks.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
        let Some(last) = frames.last().map(|frame| frame.seq) else { break };
        for logged in &frames {
            let rows = logged.frame.decode().with_context(|| format!("frame {} of the log", logged.seq))?;
            let rows = Clicks::rows(&rows, Position::new(info.epoch, logged.seq, 0), logged.logged_at)?;
            found += chooses.of(&rows).iter().filter(|chosen| **chosen).count() as u64;
        }
        next = last.next();
    }
    Ok(found)
}

/// Says how many bundles with personal columns were handed out: they are files of others now.
pub(super) async fn tell_of_bundles(instance: &Installation) -> anyhow::Result<()> {
    let action = Some("export_evidence".to_owned());
    let mut filter = AuditFilter { after: 0, from: None, to: None, actor: None, action };
    let mut handed_out = 0_u64;
    loop {
        let page = instance.catalog.audit_log(&filter, PAGE_ROWS).await?;
        let Some(last) = page.last() else { break };
        filter.after = last.number;
        handed_out += page.len() as u64;
    }
    if handed_out > 0 {
        let bundles = count(handed_out, "bundle");
        output::note(&format!(
            "{bundles} with personal columns left this installation (`audit log --action export_evidence`): they are \
             files that nobody here can erase"
        ));
    }
    Ok(())
}
