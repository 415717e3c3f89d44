//! `clicktrail doctor`: what this installation can promise, measured where it runs.

#![expect(clippy::disallowed_methods, reason = "the machine is measured")]

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clicktrail_log::{causes::causes, log::Durability};
use object_store::{ObjectStoreExt as _, path::Path};
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output,
};

/// Writes that are timed.
const FSYNCS: usize = 200;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

/// One line of the examination.
struct Finding {
    what: &'static str,
    good: bool,
    detail: String,
}

pub(super) async fn run(global: &Global, _arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open().await?;
    let mut findings = vec![fsync(&instance)?, durability(&instance).await?, clock(&instance)];
    findings.extend(archive(&instance).await);
    findings.push(catalog(&instance).await);
    let good = findings.iter().all(|finding| finding.good);
    match global.output {
        Format::Json => {
            let findings = findings
                .iter()
                .map(|finding| json!({"check": finding.what, "ok": finding.good, "detail": finding.detail}));
            output::json(&findings.collect());
        }
        Format::Table => {
            for Finding { what, good, detail } in &findings {
                output::line(&format!("{}  {what:<12} {detail}", if *good { "ok  " } else { "WARN" }));
            }
        }
    }
    Ok(if good { Exit::Ok } else { Exit::Differences })
}

fn fsync(instance: &Installation) -> anyhow::Result<Finding> {
    let path = instance.places.data.join("doctor.tmp");
    let mut file = std::fs::File::create(&path).with_context(|| format!("write {}", path.display()))?;
    let mut times = Vec::with_capacity(FSYNCS);
    for _ in 0..FSYNCS {
        let started = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    std::fs::remove_file(&path)?;
    times.sort_unstable();
    let (p50, p99) = (times[FSYNCS / 2], times[FSYNCS * 99 / 100]);
    let detail = format!(
        "4 KiB write and fsync in {}: p50 {:.2} ms, p99 {:.2} ms",
        instance.places.data.display(),
        ms(p50),
        ms(p99)
    );
    // A disk that answers faster than flash can write does not write.
    let good = p50 > Duration::from_micros(20);
    let detail = if good {
        detail
    } else {
        format!("{detail}: too fast for a real disk, a power loss may take acknowledged events")
    };
    Ok(Finding { what: "fsync", good, detail })
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

async fn durability(instance: &Installation) -> anyhow::Result<Finding> {
    let durability = instance.clicks.durability().await?;
    let good = match durability {
        Durability::Fsync | Durability::Replicated(_) => true,
        Durability::Weak(_) => false,
    };
    Ok(Finding { what: "durability", good, detail: format!("an acknowledgement means {durability}") })
}

fn clock(instance: &Installation) -> Finding {
    let now = instance.clock.now();
    // Before this was written, or far beyond: such a clock names wrong hours.
    let good = (1_790_000_000_000_000..4_102_444_800_000_000).contains(&now.micros());
    Finding { what: "clock", good, detail: format!("it is {now}") }
}

async fn archive(instance: &Installation) -> Vec<Finding> {
    let path = Path::from("doctor/probe");
    let store = instance.archive.object_store();
    let content = bytes::Bytes::from(instance.clock.now().to_string());
    let _ = store.delete(&path).await;
    let started = Instant::now();
    let round_trip = async {
        instance.archive.create(&path, content.clone()).await?;
        instance.archive.get(&path).await
    };
    let trip = match round_trip.await {
        Ok(back) if back == content => {
            Finding { what: "archive", good: true, detail: format!("put and get in {:.1} ms", ms(started.elapsed())) }
        }
        Ok(_) => Finding { what: "archive", good: false, detail: "what came back is not what was put".to_owned() },
        Err(error) => Finding { what: "archive", good: false, detail: causes(&error) },
    };
    let again = instance.archive.create(&path, bytes::Bytes::from_static(b"another")).await;
    let honoured = matches!(again, Err(clicktrail_log::archive::Error::Conflict(_)));
    let detail = match honoured {
        true => "a manifest cannot be overwritten".to_owned(),
        false => "the store lets a create-only put overwrite: two archivers could change a sealed hour".to_owned(),
    };
    let _ = store.delete(&path).await;
    vec![trip, Finding { what: "create-only", good: honoured, detail }]
}

async fn catalog(instance: &Installation) -> Finding {
    let started = Instant::now();
    match instance.catalog.last_hour().await {
        Ok(last) => {
            let last =
                last.map_or_else(|| "no hour is sealed yet".to_owned(), |last| format!("sealed up to {}", last.hour));
            Finding {
                what: "catalog",
                good: true,
                detail: format!("answers in {:.1} ms, {last}", ms(started.elapsed())),
            }
        }
        Err(error) => Finding { what: "catalog", good: false, detail: causes(&error) },
    }
}
