//! `clicktrail invoice diff`

use anyhow::ensure;
use clicktrail_invoices::{
    Currency,
    difference::{self, Difference, Row},
    money,
};
use serde_json::{Value, json};

use super::named;
use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The draft, as `invoice list` names it
    draft: String,
    /// The revision of before [default: the last but one]
    #[arg(long, value_name = "NUMBER")]
    from: Option<u32>,
    /// The revision of after [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    to: Option<u32>,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let id = &arguments.draft;
    let after = named::revision(&instance, id, arguments.to).await?;
    let number = arguments.from.unwrap_or(after.revision.revision.saturating_sub(1));
    ensure!(number > 0, "{id} has one revision: there is nothing to compare");
    let before = named::revision(&instance, id, Some(number)).await?;
    let found =
        difference::between(&named::text(&instance, &before).await?.bill, &named::text(&instance, &after).await?.bill)?;
    let currency = found.currency;
    match global.output {
        Format::Json => output::json(&json!({
            "draft": id,
            "from": before.revision.revision,
            "to": after.revision.revision,
            "basis_before": before.facts.basis,
            "basis_after": after.facts.basis,
            "terms_version_before": before.facts.terms_version,
            "terms_version_after": after.facts.terms_version,
            "lines": as_json(&found, currency),
            "total_before": money::show(currency, found.total.0),
            "total_after": money::show(currency, found.total.1),
        })),
        Format::Table => {
            table(&found).print();
            if !output::is_csv() {
                let show = |minor: i128| money::show(currency, minor);
                let (before, after) = (show(found.total.0), show(found.total.1));
                output::line(&format!("total {before} {currency}, then {after} {currency}"));
            }
        }
    }
    Ok(match found.rows.is_empty() {
        true => Exit::Ok,
        false => Exit::Differences,
    })
}

pub(super) fn table(found: &Difference) -> output::Table {
    let mut table = output::Table::new(&["row", "before", "after", "what"]);
    let show = |amount: Option<i128>| amount.map_or("-".to_owned(), |minor| money::show(found.currency, minor));
    for changed in &found.rows {
        table.push(vec![row(&changed.row), show(changed.before), show(changed.after), changed.cause()]);
    }
    table
}

/// A row of a bill in words.
fn row(row: &Row) -> String {
    match row {
        Row::Line { campaign_id, .. } => campaign_id.clone(),
        Row::Adjustment { campaign_id, kind, rate, .. } => {
            let rate = rate.map_or(String::new(), |rate| format!(" {rate}"));
            let of = campaign_id.as_ref().map_or("the account".to_owned(), |id| format!("campaign {id}"));
            format!("{kind}{rate} of {of}")
        }
        Row::Tax { category, rate } => format!("tax {category} {rate}"),
    }
}

/// The rows that differ.
pub(super) fn as_json(found: &Difference, currency: Currency) -> Value {
    let show = |amount: Option<i128>| amount.map(|minor| money::show(currency, minor));
    let rows = found.rows.iter().map(|changed| {
        let counts: serde_json::Map<String, Value> =
            changed.counts.named().into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect();
        json!({
            "row": row(&changed.row),
            "before": show(changed.before),
            "after": show(changed.after),
            "counts": counts,
            "spend_micros": changed.counts.spend_micros.to_string(),
        })
    });
    rows.collect()
}
