//! `clicktrail accounts list`

use clicktrail_catalog::invoicing::{self, TERMS_PAGE_MAX};
use clicktrail_invoices::Terms;
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

pub(super) async fn run(global: &Global) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let mut all: Vec<(invoicing::Terms, Terms)> = Vec::new();
    loop {
        let after = all.last().map_or("", |(stored, _)| stored.advertiser_id.as_str()).to_owned();
        let page = instance.catalog.list_accounts(&after, TERMS_PAGE_MAX).await?;
        if page.is_empty() {
            break;
        }
        for stored in page {
            let terms = Terms::from_canonical(&stored.text)?;
            all.push((stored, terms));
        }
    }
    match global.output {
        Format::Json => {
            let rows = all.iter().map(|(stored, terms)| {
                json!({
                    "advertiser_id": terms.advertiser_id,
                    "name": terms.customer.name,
                    "currency": terms.currency.code(),
                    "zone": terms.zone,
                    "cycle": terms.cycle.as_str(),
                    "series": terms.series,
                    "version": stored.version,
                    "valid_from": stored.valid_from,
                    "missing": terms.missing(),
                })
            });
            output::json(&rows.collect());
        }
        Format::Table => {
            let header = ["advertiser", "name", "cur", "zone", "cycle", "ver", "from", "missing"];
            // Nobody needs a column that says the same everywhere.
            let is_any_missing = all.iter().any(|(_, terms)| !terms.missing().is_empty());
            let shown = if is_any_missing { header.len() } else { header.len() - 1 };
            let mut table = output::Table::new(&header[..shown]);
            for (stored, terms) in &all {
                let mut row = vec![
                    terms.advertiser_id.clone(),
                    terms.customer.name.clone(),
                    terms.currency.code().to_owned(),
                    terms.zone.clone(),
                    terms.cycle.as_str().to_owned(),
                    stored.version.to_string(),
                    stored.valid_from.clone(),
                    terms.missing().len().to_string(),
                ];
                row.truncate(shown);
                table.push(row);
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}
