//! What an answer stands on, for people and programs: one line on stderr if it is not complete, exit 4 for who asks.

#![expect(clippy::disallowed_methods, reason = "whoever asks for a complete answer waits for live counting")]

use std::{sync::Arc, time::Duration};

use anyhow::bail;
use arrow::array::RecordBatch;
use clicktrail_log::{
    archive::keys::ManifestKey,
    causes::causes,
    embedded::EmbeddedLog,
    log::{Log as _, Stream},
    position::Seq,
};
use clicktrail_query::{
    basis::{Basis, Missing},
    pinned::{Bounds, Pinned},
};
use clicktrail_replay::{promotions, standing::Side};
use serde_json::{Value, json};
use tracing::{error, info};

use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output,
};

/// How long a complete answer waits for live counting in all.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Without any progress for so long, nobody is counting.
const STANDSTILL: Duration = Duration::from_secs(3);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(200);
const _: () = assert!(LOOK.as_millis() < STANDSTILL.as_millis(), "counting that goes on is seen to go on");

/// What a command takes whose answer may be incomplete.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Arguments {
    /// Demand a complete answer: exit 4 if anything is missing that was logged by now. While a server counts, wait for
    /// it, up to 30 seconds
    #[arg(long)]
    complete: bool,
    /// With --output json: print one object with `complete`, `basis` and `rows` instead of the rows alone
    #[arg(long)]
    basis: bool,
}

impl Arguments {
    /// If a complete answer is demanded, lets live counting come to the end of the log as it is now.
    pub(super) async fn wait(self, instance: &Installation) -> anyhow::Result<()> {
        if !self.complete {
            return Ok(());
        }
        let Ok(info) = instance.clicks.info().await else { return Ok(()) };
        let (begun, mut counted) = (tokio::time::Instant::now(), None);
        let mut moved = begun;
        while begun.elapsed() < WAIT_MAX && moved.elapsed() < STANDSTILL {
            let through = instance.catalog.counted_through().await?;
            if through >= info.last {
                break;
            }
            if counted != Some(through) {
                (counted, moved) = (Some(through), tokio::time::Instant::now());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// If a complete answer is demanded, looks for hours that the archive has lost.
    pub(super) async fn look(self, basis: &mut Basis, instance: &Installation) -> anyhow::Result<()> {
        if self.complete {
            instance.questions().add_hole(basis).await?;
        }
        Ok(())
    }

    /// Prints rows with what they stand on, and says how the command ends.
    pub(super) fn print(self, rows: &[RecordBatch], basis: &Basis, global: &Global) -> anyhow::Result<Exit> {
        self.print_with(rows, basis, global, |rows| output::rows(rows, Format::Table))
    }

    /// The same with a table of the caller's own.
    pub(super) fn print_with(
        self,
        rows: &[RecordBatch],
        basis: &Basis,
        global: &Global,
        table: impl FnOnce(&[RecordBatch]) -> anyhow::Result<()>,
    ) -> anyhow::Result<Exit> {
        match global.output {
            Format::Json if self.basis => {
                let mut all: Vec<Value> = Vec::new();
                for batch in rows {
                    all.extend(output::objects(batch)?.into_iter().map(Value::Object));
                }
                output::json(&json!({"complete": basis.is_complete(), "basis": document(basis), "rows": all}));
            }
            Format::Json => output::rows(rows, global.output)?,
            Format::Table => table(rows)?,
        }
        Ok(self.tell(basis))
    }

    /// Says what is missing, if anything is.
    pub(super) fn tell(self, basis: &Basis) -> Exit {
        tell(basis);
        if self.complete && !basis.is_complete() { Exit::InputIncomplete } else { Exit::Ok }
    }
}

/// Says what is missing, if anything is.
pub(super) fn tell(basis: &Basis) {
    if let Some(sentence) = basis.sentence() {
        output::note(&sentence);
    }
}

/// What an answer of this installation stands on now, for answers that are not counters.
pub(super) async fn present(instance: &Installation) -> anyhow::Result<Basis> {
    with_spool(instance.questions().present_basis().await?, instance).await
}

/// The same with what lies on this machine's spool: acknowledged, and not in the log yet.
pub(super) async fn with_spool(mut basis: Basis, instance: &Installation) -> anyhow::Result<Basis> {
    let path = instance.places.data.join(format!("spool-{}.sqlite", Stream::Clicks));
    if instance.is_embedded() || !path.is_file() {
        return Ok(basis);
    }
    let opened = EmbeddedLog::open_reading(&path, Stream::Clicks, Arc::clone(&instance.clock)).await?;
    let Some((spool, _)) = opened else { return Ok(basis) };
    let info = spool.info().await?;
    let waiting = info.last.next().get().saturating_sub(info.first.get());
    basis.missing.extend((waiting > 0).then_some(Missing::Spooled(waiting)));
    Ok(basis)
}

/// Refuses a catalog that is new where the archive is not: it was deleted, or it is another's. A server on it would
/// answer every link with 404, and count nothing of what is sealed.
pub(super) async fn check_catalog(instance: &Installation) -> anyhow::Result<()> {
    let catalog = &instance.catalog;
    for lost in catalog.lost().await? {
        error!("{lost}");
    }
    // It also puts the record of a promotion into the archive whose process died before it could.
    if let Err(cause) = promotions::keep(&instance.archive, catalog.as_ref()).await {
        error!("what was promoted: {}", causes(&cause));
    }
    let is_new = catalog.last_hour().await?.is_none() && catalog.counted_through().await? == Seq::ZERO;
    let has_ads = catalog.ads_version().await? > 0;
    // An archive that cannot be reached says nothing: then sealing tells.
    if is_new && !has_ads && matches!(instance.archive.holds_any(&ManifestKey::prefix(Stream::Clicks)).await, Ok(true))
    {
        bail!(
            "the catalog is empty, but the archive has sealed hours: restore the catalog, or register the ads again \
             (`ads import`) and run `catalog rebuild`"
        );
    }
    if !is_new && !has_ads {
        info!("no ad is registered: links are answered with 404, and only events that bring their price are taken");
    }
    Ok(())
}

fn pinned(pinned: &Pinned) -> Value {
    match pinned {
        Pinned::AsOf(Bounds { verdicts_before, clicks_before }) => json!({
            "verdicts_before": verdicts_before.to_string(),
            "clicks_before": clicks_before.map(|before| before.to_string()),
        }),
        Pinned::Generation { id, side, hours: (from, to_inclusive) } => json!({
            "generation": id.as_str(),
            "side": match side {
                Side::Built => "built",
                Side::Before => "before",
            },
            "from": from.to_string(),
            "to_inclusive": to_inclusive.to_string(),
        }),
    }
}

fn document(basis: &Basis) -> Value {
    let marks = &basis.marks;
    let missing = |missing: &Missing| json!({"code": missing.code(), "detail": missing.to_string()});
    let mut document = json!({
        "making": marks.making.get(),
        "sealed_hours_through": marks.last_hour.as_ref().map(|last| last.hour.to_string()),
        "counted_through": marks.counted_through.get(),
        "judged_through": marks.judged.clicks_through.get(),
        "logged_through": basis.logged_through.map(|last| last.get()),
        "missing": basis.missing.iter().map(missing).collect::<Vec<_>>(),
        "as_of": basis.pinned.as_ref().map(pinned),
        "stale_hours": basis.stale.iter().map(|hour| hour.to_string()).collect::<Vec<_>>(),
    });
    if let Some(from) = &basis.hours_from {
        document["hours_from"] = json!({
            "live": from.live,
            "computed": from.computed,
            "live_of_other_code": from.other_code,
        });
    }
    document
}
