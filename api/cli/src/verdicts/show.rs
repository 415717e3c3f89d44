//! `clicktrail verdicts show`

use anyhow::Context as _;
use clicktrail_log::{
    archive::locate::{Located, Storage},
    position::Position,
};
use clicktrail_query::explain::Explained;
use clicktrail_verdicts::{
    reader::Ruled,
    verdict::{Evidence, Reason},
};
use serde_json::{Map, Value, json};

use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
    verdicts::words::{UNRULED, ruling},
};

pub(super) async fn run(global: &Global, position: Position) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let service = instance.questions();
    let Some(Explained { located, verdicts: ruled, ruling: stands }) = service.explain(position).await? else {
        output::note(&format!("clicktrail: there is no event at {position}"));
        return Ok(Exit::InputIncomplete);
    };
    let mut event = output::objects(&located.event)?.pop().context("an event is one row")?;
    event.insert("position".to_owned(), json!(position.to_string()));
    event.retain(|_, value| !value.is_null());
    let stands = stands.map_or_else(|| UNRULED.to_owned(), |(decision, category)| ruling(decision, category));
    match global.output {
        Format::Json => output::json(&json!({
            "event": event,
            "stored": stored(&located),
            "verdicts": ruled.iter().map(to_json).collect::<Vec<_>>(),
            "ruling": stands,
        })),
        Format::Table => print(&event, &located, &ruled, &stands),
    }
    Ok(Exit::Ok)
}

fn stored(located: &Located) -> Value {
    match &located.storage {
        Storage::Sealed { hour, core, personal } => {
            json!({"hour": hour.to_string(), "core": core, "personal": personal})
        }
        Storage::Logged => json!("log"),
    }
}

fn to_json(ruled: &Ruled) -> Value {
    let verdict = &ruled.verdict;
    json!({
        "position": ruled.position.to_string(),
        "logged_at": ruled.logged_at.to_string(),
        "decision": verdict.decision.as_str(),
        "category": verdict.category.map(|category| category.as_str()),
        "score_permille": verdict.score_permille,
        "reasons": verdict.reasons.iter().map(reason).collect::<Vec<_>>(),
        "stage": verdict.stage.as_str(),
        "ruleset": verdict.ruleset,
        "decided_at": verdict.decided_at.to_string(),
        "actor": verdict.actor,
        "note": verdict.note,
    })
}

fn reason(reason: &Reason) -> Value {
    let value = |evidence: &Evidence| match evidence {
        Evidence::Number(number) => json!(number),
        Evidence::Text(text) => json!(text),
        Evidence::Position(position) => json!(position.to_string()),
    };
    let evidence: Map<String, Value> =
        reason.evidence.iter().map(|(name, evidence)| (name.clone(), value(evidence))).collect();
    json!({
        "rule": reason.rule,
        "weight_permille": reason.weight_permille,
        "decides": reason.decides,
        "evidence": evidence,
    })
}

fn print(event: &Map<String, Value>, located: &Located, ruled: &[Ruled], stands: &str) {
    output::line("event");
    let width = event.keys().map(String::len).max().unwrap_or(0);
    for (name, value) in event {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        output::line(&format!("  {name:<width$}  {value}"));
    }
    output::line("stored");
    match &located.storage {
        Storage::Sealed { hour, core, personal } => {
            output::line(&format!("  in the sealed hour {hour}"));
            output::line(&format!("  {core}"));
            output::line(&format!("  {personal}"));
        }
        Storage::Logged => output::line("  in the log; its hour is not sealed yet"),
    }
    output::line(&format!("verdicts: {}", ruled.len()));
    for ruled in ruled {
        let verdict = &ruled.verdict;
        let ruleset = match verdict.ruleset.get(..12) {
            Some(digest) => format!(", ruleset {digest}"),
            None => String::new(),
        };
        output::line(&format!(
            "  {}  {}  {} by {} at {}{ruleset}, score {}",
            ruled.position,
            ruling(verdict.decision, verdict.category),
            verdict.stage,
            verdict.actor,
            verdict.decided_at,
            verdict.score_permille,
        ));
        for reason in &verdict.reasons {
            let evidence: Vec<String> =
                reason.evidence.iter().map(|(name, value)| format!("{name} {}", shown(value))).collect();
            let weight = if reason.decides { "decides".to_owned() } else { format!("+{}", reason.weight_permille) };
            let line = format!("    {} {weight}  {}", reason.rule, evidence.join(", "));
            output::line(line.trim_end());
        }
        if let Some(note) = &verdict.note {
            output::line(&format!("    note: {note}"));
        }
    }
    output::line(&format!("ruling: {stands}"));
}

fn shown(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Number(number) => number.to_string(),
        Evidence::Text(text) => format!("{text:?}"),
        Evidence::Position(position) => position.to_string(),
    }
}
