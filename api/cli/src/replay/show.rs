//! `clicktrail replay show`

use clicktrail_catalog::generations::{ControlTotals, Unit};
use clicktrail_log::time::{Hour, Timestamp};
use serde_json::{Value, json};

use super::{
    status,
    summary::{self, Summary, find, unknown},
};
use crate::{
    exit::Exit,
    global::{Format, Global},
    output::{self, amount},
    verdicts::sum,
};

/// Units that are read at a time.
const PAGE_UNITS: u32 = 1_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which build: its id, or the beginning of it [default: the newest that is not over]
    id: Option<String>,
    /// Only hours that are not done
    #[arg(long)]
    open: bool,
    /// Print the plan as it is stored, and nothing else
    #[arg(long)]
    plan: bool,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let named = arguments.id.as_deref();
    let Some(generation) = find(instance.catalog.as_ref(), named).await? else { return Ok(unknown(named)) };
    if arguments.plan {
        output::line(generation.plan.trim_end());
        return Ok(Exit::Ok);
    }
    let summary = Summary::of(instance.catalog.as_ref(), &generation.id).await?;
    let now = instance.clock.now();
    let (mut units, mut from) = (Vec::new(), Hour::from_i64(i64::MIN / 2));
    loop {
        let page = instance.catalog.units(&generation.id, from, PAGE_UNITS).await?;
        let Some(last) = page.last() else { break };
        from = last.hour.next();
        units.extend(page.into_iter().filter(|unit| !arguments.open || unit.output.is_none()));
    }
    match global.output {
        Format::Json => {
            let mut shown = status::as_json(&generation, &summary);
            shown["units"] = units.iter().map(|unit| as_json(unit, now)).collect();
            output::json(&shown);
        }
        Format::Table => {
            status::tell(&generation, &summary);
            table(&units, now).print();
        }
    }
    Ok(Exit::Ok)
}

fn as_json(unit: &Unit, now: Timestamp) -> Value {
    let totals = |of: &ControlTotals| json!({"events": of.events, "billable": of.billable, "micros": sum(of.micros)});
    let output = unit.output.as_ref().map(|output| {
        json!({
            "segment": output.segment.key,
            "bytes": output.segment.bytes,
            "rows": output.segment.rows,
            "input_digest": output.segment.input_digest,
            "output_digest": output.segment.output_digest,
            "read": totals(&output.read),
            "written": totals(&output.written),
            "is_reused": output.is_reused,
        })
    });
    json!({
        "hour": unit.hour.to_string(),
        "state": summary::unit_state(unit, now),
        "manifest_digest": unit.manifest_digest,
        "rows": unit.rows,
        "bytes": unit.bytes,
        "attempt": unit.attempt,
        "worker": unit.worker,
        "milliseconds": unit.ended_at.micros().saturating_sub(unit.begun_at.micros()).max(0) / 1_000,
        "error": unit.error,
        "output": output,
    })
}

fn table(units: &[Unit], now: Timestamp) -> output::Table {
    let header = ["hour", "state", "events", "billable", "spend", "segment_rows", "attempt", "worker", "what"];
    let mut table = output::Table::new(&header);
    for unit in units {
        let of = |value: fn(&clicktrail_catalog::generations::UnitOutput) -> String| {
            unit.output.as_ref().map_or_else(String::new, value)
        };
        let what = match &unit.output {
            Some(output) if output.is_reused => "used again".to_owned(),
            Some(_) => String::new(),
            None => unit.error.clone(),
        };
        table.push(vec![
            unit.hour.to_string(),
            summary::unit_state(unit, now).to_owned(),
            unit.rows.to_string(),
            of(|output| output.written.billable.to_string()),
            of(|output| amount(output.written.micros)),
            of(|output| output.segment.rows.to_string()),
            unit.attempt.to_string(),
            unit.worker.clone(),
            what,
        ]);
    }
    table
}
