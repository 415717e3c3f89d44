//! `clicktrail verdicts query`

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context as _;
use clicktrail_query::selection::{Selected, Selection, asks_for_people};
use clicktrail_verdicts::{
    hand::{self, Attribution},
    verdict::{Stage, Verdict},
};
use serde_json::json;

use crate::{
    audit,
    exit::Exit,
    global::{Format, Global},
    output::{self, amount},
    verdicts::{
        bill,
        range::Range,
        words::{now, sum},
    },
};

/// Characters of a query in the audit trail.
const SQL_CHARS: usize = 1_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A SELECT of `position` and `reason`, and optionally `category` (default: policy) and `decision` (default:
    /// invalid), from the tables clicks, personal and rulings (their columns are in docs/events.md)
    sql: String,
    #[command(flatten)]
    range: Range,
    /// Append the verdicts; without it the command only says what would change
    #[arg(long, requires = "actor")]
    apply: bool,
    /// Who decides; kept with each verdict
    #[arg(long)]
    actor: Option<String>,
    /// A note for people; kept with each verdict
    #[arg(long)]
    note: Option<String>,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let range = arguments.range.hours()?;
    let installation = match arguments.apply {
        true => global.open_existing().await?,
        false => global.open_reading().await?,
    };
    let service = installation.questions();
    let Some(selection) = service.select(&arguments.sql, |hour| range.holds(hour)).await? else {
        output::note("clicktrail: no sealed hour is in this range: nothing was asked");
        return Ok(Exit::InputIncomplete);
    };
    let changes: Vec<&Selected> = selection.events.iter().filter(|row| row.changes()).collect();
    print(global, &selection, &changes, arguments.apply);
    if !arguments.apply || changes.is_empty() {
        return Ok(Exit::Ok);
    }
    let actor = arguments.actor.context("--apply needs --actor")?;
    let verdict = |row: &&Selected| {
        let word = Attribution { actor: actor.clone(), reason: row.reason.clone(), note: arguments.note.clone() };
        hand::verdict(row.position, row.event_id.clone(), row.ruling, Stage::Query, &word, now(&installation))
    };
    let verdicts: Vec<Verdict> = changes.iter().map(verdict).collect();
    hand::append(Arc::clone(&installation.verdicts), installation.archive.clone(), &verdicts).await?;
    let detail = format!("{}: {}", output::count(changes.len(), "ruling"), asked(&arguments.sql));
    let note = arguments.note.as_deref().unwrap_or("");
    audit::write(&installation, &actor, "verdicts_query", note, detail).await?;
    bill::say(&installation, changes.iter().map(|row| row.position.seq()).collect(), changes.len(), "latest").await?;
    Ok(Exit::Ok)
}

/// The query as the audit trail keeps it. A trail is never erased, so texts that may name somebody are left out of it.
fn asked(sql: &str) -> String {
    let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = match asks_for_people(&sql) {
        true => {
            sql.split('\'').enumerate().map(|(part, text)| if part % 2 == 0 { text } else { "…" }).collect::<Vec<_>>()
        }
        false => sql.split('\'').collect(),
    };
    shown.join("'").chars().take(SQL_CHARS).collect()
}

fn print(global: &Global, selection: &Selection, changes: &[&Selected], apply: bool) {
    let Selection { events: selected, ruled_by_hand: kept, erased } = selection;
    let mut effects: BTreeMap<(&str, &str, &str), (u64, i128)> = BTreeMap::new();
    for row in changes {
        let effect = effects.entry((&row.advertiser_id, &row.currency, &row.reason)).or_default();
        effect.0 += 1;
        effect.1 += row.spend_micros();
    }
    if global.output == Format::Json {
        let effect = |((advertiser, currency, reason), (changes, spend)): (&(&str, &str, &str), &(u64, i128))| {
            json!({
                "advertiser_id": advertiser,
                "currency": currency,
                "reason": reason,
                "changes": changes,
                "spend_micros": sum(*spend),
            })
        };
        output::json(&json!({
            "selected": selected.len() + kept + erased,
            "erased": erased,
            "ruled_by_hand": kept,
            "changes": changes.len(),
            "appended": if apply { changes.len() } else { 0 },
            "effects": effects.iter().map(effect).collect::<Vec<_>>(),
        }));
        return;
    }
    output::line(&format!(
        "{} selected, {kept} of them ruled by hand; {} {}",
        output::count(selected.len() + kept + erased, "event"),
        output::count(changes.len(), "ruling"),
        if apply { "changed" } else { "would change" },
    ));
    if !effects.is_empty() {
        let mut table = output::Table::new(&["advertiser", "reason", "changes", "spend", "currency"]);
        for ((advertiser, currency, reason), (changes, spend)) in &effects {
            let spend = amount(*spend);
            let cells = [advertiser, reason].map(|text| (*text).to_owned());
            table.push(cells.into_iter().chain([changes.to_string(), spend, (*currency).to_owned()]).collect());
        }
        table.print();
    }
    if *erased > 0 {
        let erased = output::count(*erased, "event");
        output::note(&format!(
            "{erased} without personal columns, which were erased: a query about these does not rule on them"
        ));
    }
    if !apply {
        output::note("nothing was appended: pass --apply --actor NAME to append these verdicts");
        output::note(
            "applying it would not change billed totals either: see `clicktrail verdicts stale`, and `counters --as-of`",
        );
    }
}
