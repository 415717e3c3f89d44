//! `clicktrail demo`: the whole job on simulated clicks, in one process, with nothing set up.

mod invoice;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clicktrail_log::{
    archive::verify::Verifier,
    time::{Hour, Timestamp},
};
use clicktrail_projections::{
    counters::query::{Dimension, Granularity, Question},
    zone::{Range, Zone},
};
use clicktrail_simulate::Config;

use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    made_up,
    output::{self, count},
    simulate,
};

/// A Monday, so that the first week is whole.
const START: &str = "2026-01-05T00:00:00Z";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Number of events
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// Number of hours that they are spread over; a week, which can be billed, has 168
    #[arg(long, default_value_t = 168, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    hours: u32,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let mut global = global.clone();
    // Not where the configuration file keeps its data.
    let data = global.data.take().unwrap_or_else(|| PathBuf::from("clicktrail-demo"));
    let shown = data.display().to_string();
    global.data = Some(data);
    made_up::check(&global.places()?)?;
    let start = Timestamp::parse_rfc3339(START).expect("a constant time");
    let config = Config::new(arguments.events, arguments.hours, 1, start);

    output::note(&format!(
        "1. {} simulated events over {} go into the log at {shown};",
        arguments.events,
        count(arguments.hours, "hour")
    ));
    output::note("   every hour is sealed into Parquet as it passes and compared with what was counted live");
    let written = Box::pin(simulate::write(&global, &config)).await?;
    simulate::print(&written);

    output::note("\n2. the archive is read back: chain of hours, every part's size and digest");
    let instance = global.open().await?;
    let mut verifier = Verifier::new(instance.archive.clone(), false);
    for hour in verifier.hours(&BTreeMap::new()).await? {
        verifier.check(hour, None).await?;
    }
    let report = verifier.finish();
    output::line(&format!(
        "{}, {}, {}, {}: {}",
        count(report.hours, "hour"),
        count(report.parts, "part"),
        count(report.rows, "event"),
        count(report.bytes, "byte"),
        count(report.problems.len(), "problem")
    ));

    let hours = instance.catalog.list_hours(Hour::from_i64(0), 3).await?;
    output::note("\n3. the first sealed hours");
    for hour in hours {
        output::line(&format!(
            "{}  frames {}..={}  {}  {}",
            hour.hour,
            hour.first_seq,
            hour.last_seq,
            count(hour.rows, "event"),
            count(hour.bytes, "byte")
        ));
    }

    output::note("\n4. counters by advertiser: gross clicks, billable clicks, what is owed");
    let question = Question {
        range: Range::everything(),
        advertiser: None,
        dimensions: vec![Dimension::Advertiser],
        granularity: Granularity::Total,
        zone: Zone::utc(),
    };
    output::rows(&instance.questions().counters(&question).await?.rows, global.output)?;
    Box::pin(bill(&instance, &shown, start, arguments.hours)).await?;
    if global.output == Format::Table {
        output::note(&format!(
            "\nTry next:\n  \
             clicktrail --data {shown} counters --by campaign,device --granularity day --timezone Europe/Berlin\n  \
             clicktrail --data {shown} verdicts stats       # what the judge found, by rule and hour\n  \
             clicktrail --data {shown} log hours\n  clicktrail --data {shown} log verify --deep\n  \
             clicktrail --data {shown} serve        # then: curl -i http://127.0.0.1:8080/c/AD_ID (see: ads list)"
        ));
    }
    Ok(if report.problems.is_empty() { Exit::Ok } else { Exit::Differences })
}

/// Issues one invoice, if a whole week was simulated.
async fn bill(instance: &Installation, shown: &str, start: Timestamp, hours: u32) -> anyhow::Result<()> {
    let terms = invoice::terms()?;
    let end = Hour::from_i64(start.hour().as_i64() + i64::from(hours)).start();
    let Some(week) = invoice::week(&terms, start, end)? else {
        output::note("\n5. no invoice: no whole week was simulated (--hours 168)");
        return Ok(());
    };
    output::note(&format!("\n5. the week {week} of {} is billed to {}", terms.advertiser_id, terms.customer.name));
    let document = invoice::issue(instance, &terms, week).await?;
    let name = invoice::name(&document);
    let bytes = invoice::pdf(instance, &document).await?;
    let file = Path::new(shown).join(format!("{name}.pdf"));
    std::fs::write(&file, bytes).with_context(|| format!("write {}", file.display()))?;
    output::line(&format!("{name}: {} {}", invoice::total(&document), document.facts.about.currency));
    output::note(&format!("open it:  xdg-open {}", file.display()));
    output::note(&format!("prove it: clicktrail --data {shown} invoice regenerate {name} --from-raw"));
    output::note(&format!(
        "prove it to somebody who has a key, and not this directory:\n  \
         clicktrail evidence keygen --name clicks.example.com/log --out evidence.key > evidence.pub\n  \
         clicktrail --data {shown} log sign --evidence-key evidence.key\n  \
         clicktrail --data {shown} invoice export {name} --format json --out .\n  \
         clicktrail --data {shown} evidence export --invoice {name} --out evidence.zip\n  \
         clicktrail-verify evidence.zip --key evidence.pub --document {name}.json"
    ));
    Ok(())
}
