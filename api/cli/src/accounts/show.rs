//! `clicktrail accounts show`

use anyhow::{Context as _, ensure};
use clicktrail_catalog::invoicing;
use clicktrail_invoices::{Terms, money};
use serde_json::{Value, json};

use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

/// Versions that are read at a time.
const PAGE: u32 = 500;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Whose account
    advertiser_id: String,
    /// The terms that apply on this day: 2026-03-01 [default: the newest]
    #[arg(long, value_name = "DATE", conflicts_with = "version")]
    at: Option<String>,
    /// This version of the terms
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let id = &arguments.advertiser_id;
    let mut versions: Vec<invoicing::Terms> = Vec::new();
    loop {
        let after = versions.last().map_or(0, |last| last.version);
        let page = instance.catalog.terms_of(id, after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        versions.extend(page);
    }
    ensure!(!versions.is_empty(), "there is no account {id:?}: `accounts list` shows them");
    let wanted = match (&arguments.at, arguments.version) {
        (Some(date), _) => {
            let found = instance.catalog.terms_at(id, date).await?;
            found.with_context(|| format!("no terms of {id:?} are valid on {date}"))?
        }
        (None, Some(version)) => {
            let found = versions.iter().find(|terms| terms.version == version).cloned();
            found.with_context(|| format!("there is no version {version} of the terms of {id:?}"))?
        }
        (None, None) => versions.last().cloned().expect("there is a version"),
    };
    let terms = Terms::from_canonical(&wanted.text)?;
    match global.output {
        Format::Json => {
            let version = |stored: &invoicing::Terms| {
                json!({
                    "version": stored.version,
                    "valid_from": stored.valid_from,
                    "digest": stored.digest,
                    "created_at": stored.created_at.to_string(),
                    "created_by": stored.created_by,
                })
            };
            output::json(&json!({
                "advertiser_id": id,
                "version": wanted.version,
                "terms": serde_json::from_str::<Value>(&wanted.text)?,
                "missing": terms.missing(),
                "versions": versions.iter().map(version).collect::<Vec<_>>(),
            }));
        }
        Format::Table => {
            fields(&terms, wanted.version).print();
            output::line("");
            let mut table = output::Table::new(&["version", "valid_from", "stored_at", "by"]);
            for stored in &versions {
                table.push(vec![
                    stored.version.to_string(),
                    stored.valid_from.clone(),
                    stored.created_at.to_string(),
                    stored.created_by.clone(),
                ]);
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}

fn fields(terms: &Terms, version: u32) -> output::Table {
    let mut table = output::Table::new(&["field", "value"]);
    let mut push = |name: &str, value: String| {
        if !value.is_empty() {
            table.push(vec![name.to_owned(), value]);
        }
    };
    let (customer, tax) = (&terms.customer, &terms.tax);
    let address = &customer.address;
    push("advertiser", terms.advertiser_id.clone());
    push("version", format!("{version}, valid from {}", terms.valid_from));
    push("name", customer.name.clone());
    push("address", address.lines.join(", "));
    push("city", format!("{} {} {}", address.postcode, address.city, address.country).trim().to_owned());
    push("tax id", customer.tax_id.clone().unwrap_or_default());
    push("email", customer.email.clone().unwrap_or_default());
    push("reference", terms.reference.clone().unwrap_or_default());
    push("currency", terms.currency.code().to_owned());
    push("zone", terms.zone.clone());
    push("cycle", terms.cycle.as_str().to_owned());
    push("series", format!("{}, notes {}", terms.series, terms.note_series));
    push("due", format!("{} days after issue", terms.payment_days));
    push("tax", format!("{} {}", tax.category, tax.rate));
    push("exemption", tax.exemption_reason.clone().unwrap_or_default());
    let of = |campaign: &Option<String>| campaign.as_ref().map_or("account".to_owned(), |id| format!("campaign {id}"));
    let amount = |minor: i128| format!("{} {}", money::show(terms.currency, minor), terms.currency);
    for discount in &terms.discounts {
        push("discount", format!("{} of {}", discount.rate, of(&discount.campaign)));
    }
    for minimum in &terms.minimums {
        push("minimum", format!("{} of {}", amount(minimum.amount), of(&minimum.campaign)));
    }
    for cap in &terms.caps {
        push("cap", format!("{} of {}", amount(cap.amount), of(&cap.campaign)));
    }
    for missing in terms.missing() {
        push("missing", missing);
    }
    table
}
