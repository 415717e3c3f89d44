//! `clicktrail accounts seller`

use std::path::PathBuf;

use anyhow::Context as _;
use clicktrail_billing::records::terms;
use clicktrail_invoices::Seller;
use serde_json::{Value, json};

use super::add;
use crate::{
    ads::Who,
    exit::Exit,
    global::{Format, Global},
    output,
};

/// Later than any day on which somebody bills.
const LAST_DAY: &str = "9999-12-31";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// File of the seller (see docs/invoices.md) [default: show what is stored]
    #[arg(value_name = "FILE.toml")]
    file: Option<PathBuf>,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let Some(file) = arguments.file else { return show(global).await };
    let actor = global.actor(arguments.who.actor)?;
    let seller = Seller::from_toml(&add::read(&file)?, &file.display().to_string())?;
    let instance = global.open().await?;
    let (valid_from, text, digest) = (seller.valid_from.to_string(), seller.canonical(), seller.digest().to_string());
    let stored = instance.catalog.put_seller(&valid_from, &text, &digest, &actor, instance.clock.now()).await?;
    let kept = terms::keep(&instance.archive, instance.catalog.as_ref()).await;
    kept.context("keep in the archive what the catalog has stored: the same command again does")?;
    match global.output {
        Format::Json => output::json(&json!({
            "version": stored.version,
            "is_new": stored.is_new,
            "valid_from": valid_from,
            "missing": seller.missing(),
        })),
        Format::Table => {
            let verb = if stored.is_new { "bills" } else { "is the same; it bills" };
            output::line(&format!("{}, version {}, {verb} from {valid_from}", seller.party.name, stored.version));
        }
    }
    let missing = seller.missing();
    if !missing.is_empty() {
        output::note(&format!("nothing can be invoiced yet: the seller lacks {}", missing.join(", ")));
    }
    Ok(Exit::Ok)
}

async fn show(global: &Global) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let found = instance.catalog.seller_at(LAST_DAY).await?;
    let stored = found.context("it is not known who bills: say so with `accounts seller FILE`")?;
    let seller = Seller::from_canonical(&stored.text)?;
    match global.output {
        Format::Json => output::json(&json!({
            "version": stored.version,
            "seller": serde_json::from_str::<Value>(&stored.text)?,
            "missing": seller.missing(),
        })),
        Format::Table => {
            let party = &seller.party;
            output::line(&format!("{}, version {}, bills from {}", party.name, stored.version, stored.valid_from));
            let address = &party.address;
            let city = format!("{} {}", address.postcode, address.city);
            for line in address.lines.iter().chain([&city, &address.country]) {
                output::line(&format!("  {}", line.trim()));
            }
            let ids = [("tax id", &party.tax_id), ("registration", &party.registration), ("IBAN", &party.iban)];
            for (name, value) in ids.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
                output::line(&format!("  {name} {value}"));
            }
        }
    }
    Ok(Exit::Ok)
}
