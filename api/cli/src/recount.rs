//! `clicktrail log verify --counters`: the bill, computed again and held against what counts.

use std::sync::Arc;

use clicktrail_projections::session;
use clicktrail_replay::recount::{Finding, Part, Recount, Recounted};
use serde_json::{Value, json};

use crate::{exit::Exit, installation::Installation, output, progress};

/// Compares everything.
pub(super) async fn run(instance: &Installation) -> anyhow::Result<Recounted> {
    let recount = Recount {
        clicks: Arc::clone(&instance.clicks),
        archive: instance.archive.clone(),
        history: instance.rulings(),
        catalog: Arc::clone(&instance.catalog),
        limits: session::Limits::default(),
    };
    let bar = progress::bar(0, "recount");
    let recounted = recount.run(|done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    let recounted = recounted.await;
    bar.finish_and_clear();
    Ok(recounted?)
}

/// How the command ends.
pub(super) fn exit(recounted: &Recounted) -> Exit {
    match (recounted.findings.is_empty(), &recounted.open_uncounted) {
        (false, _) => Exit::Differences,
        (true, Some(_)) => Exit::InputIncomplete,
        (true, None) => Exit::Ok,
    }
}

fn name(part: Part) -> String {
    match part {
        Part::Hour(hour) => hour.to_string(),
        Part::Open => "open".to_owned(),
        Part::Whole => "all".to_owned(),
    }
}

/// For programs.
pub(super) fn document(recounted: &Recounted) -> Value {
    let finding = |finding: &Finding| match finding {
        Finding::Difference { part, owed: (advertiser, currency), column, recomputed, counted } => json!({
            "part": name(*part),
            "advertiser_id": advertiser,
            "currency": currency,
            "column": column,
            // As text: sums may be larger than the numbers of a JSON reader.
            "recomputed": recomputed.to_string(),
            "counted": counted.to_string(),
        }),
        Finding::OtherCode { part, code_digest, values } => {
            json!({"part": name(*part), "code_digest": code_digest, "values": values})
        }
        Finding::Problem { part, reason } => json!({"part": name(*part), "reason": reason}),
    };
    json!({
        "hours": recounted.hours,
        "unjudged_hours": recounted.unjudged,
        "open_uncounted": recounted.open_uncounted,
        "findings": recounted.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

/// For people.
pub(super) fn print(recounted: &Recounted) {
    for finding in &recounted.findings {
        match finding {
            Finding::Difference { part, owed: (advertiser, currency), column, recomputed, counted } => {
                let (part, column) = (name(*part), column.replace("_micros", " (millionths)"));
                output::line(&format!(
                    "DIFFERENCE {part}  {advertiser} {currency} {column}: recomputed {recomputed}, counted {counted}"
                ));
            }
            Finding::OtherCode { part, code_digest, values } => output::line(&format!(
                "OTHER CODE {}  the segment was made by code {}: what this program gives differs in {}",
                name(*part),
                code_digest.get(..16).unwrap_or(code_digest),
                output::count(*values, "value"),
            )),
            Finding::Problem { part, reason } => output::line(&format!("PROBLEM {}  {reason}", name(*part))),
        }
    }
    let hours = output::count(recounted.hours, "hour");
    let verdict = match recounted.findings.len() {
        0 => ", and what was counted since: what counts is what archive and logs give".to_owned(),
        count => format!(": {}", output::count(count, "difference")),
    };
    output::line(&format!("{hours} computed again{verdict}"));
    if recounted.unjudged > 0 {
        let hours = output::count(recounted.unjudged, "sealed hour");
        output::line(&format!("{hours} left out: not registered yet"));
    }
    if let Some(why) = &recounted.open_uncounted {
        output::note(&format!("events behind the last sealed hour were not compared: {why}"));
    }
}
