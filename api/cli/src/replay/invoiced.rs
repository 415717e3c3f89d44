//! Issued periods that a build touches: neither promotion nor rollback changes them behind their customers' backs.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_billing::touched::{Looking, Touched};
use clicktrail_catalog::{generations::Generation, invoicing::AccountPeriod};
use clicktrail_log::time::Hour;
use serde_json::{Value, json};

use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    invoice::{correct, patience},
    output::{self, amount, count},
};

/// So many accounts are shown.
const SHOWN_MAX: usize = 10;

fn looking(instance: &Installation) -> Looking<'_> {
    Looking {
        archive: &instance.archive,
        catalog: instance.catalog.as_ref(),
        threads: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
    }
}

/// Accounts with an invoice whose counts a promotion would change.
pub(super) async fn changed(instance: &Installation, generation: &Generation) -> anyhow::Result<Touched> {
    Ok(looking(instance).by(generation).await?)
}

/// Accounts with an invoice whose counts a rollback would change.
pub(super) async fn undone(instance: &Installation, generation: &Generation) -> anyhow::Result<Touched> {
    Ok(looking(instance).by_rollback(generation).await?)
}

/// No account with an invoice.
pub(super) fn nothing() -> Touched {
    Touched::new()
}

/// Issued periods that hours may hold events of, by name and zone, with their documents.
pub(super) async fn periods(
    instance: &Installation,
    hours: impl Iterator<Item = Hour>,
) -> anyhow::Result<BTreeMap<(String, String), usize>> {
    Ok(looking(instance).periods(hours).await?)
}

/// Names the accounts, and what helps: then it is `done`.
pub(super) fn refuse(invoiced: &Touched, done: &str, global: &Global) {
    if global.output == Format::Json {
        let accounts = invoiced.iter().map(|(about, counts)| {
            json!({
                "period": about.period,
                "advertiser_id": about.advertiser_id,
                "currency": about.currency,
                "billable": counts.billable,
                "spend_micros": counts.spend_micros.to_string(),
            })
        });
        let gate = json!({"gate": "invoiced", "accounts": accounts.collect::<Vec<Value>>()});
        output::json(&json!({"refused": [gate]}));
    }
    for (about, counts) in invoiced.iter().take(SHOWN_MAX) {
        output::note(&format!(
            "refused by gate invoiced: {about} is invoiced, and would change by {:+} billable clicks, {} {}",
            counts.billable,
            amount(counts.spend_micros),
            about.currency
        ));
    }
    if invoiced.len() > SHOWN_MAX {
        output::note(&format!("and {} more: --output json names all", invoiced.len() - SHOWN_MAX));
    }
    output::note(&format!("with --notes it is {done}, and credit and debit notes are drafted for what was issued"));
}

/// Says what is left to do for what was issued.
pub(super) fn tell(invoiced: &Touched) {
    let periods: BTreeSet<&str> = invoiced.keys().map(|about| about.period.as_str()).collect();
    for period in periods {
        output::note(&format!("{period} is invoiced, and counts otherwise now: `clicktrail invoice correct {period}`"));
    }
}

/// Drafts the notes that a promotion or a rollback takes. It is done whatever becomes of them: `invoice correct` does
/// the rest.
pub(super) async fn draft(
    global: &Global,
    instance: &Installation,
    patience: patience::Arguments,
    actor: &str,
    invoiced: &Touched,
) -> anyhow::Result<Exit> {
    let correcting = correct::correcting(instance, patience, actor.to_owned());
    let periods: BTreeSet<&str> = invoiced.keys().map(|about| about.period.as_str()).collect();
    let mut exit = Exit::Ok;
    for period in periods {
        let wanted = |about: &AccountPeriod| invoiced.contains_key(about);
        let corrected = correcting.period(period, &correct::now(), wanted).await?;
        output::note(&format!("notes for {period}:"));
        match global.output {
            // What was promoted or rolled back is the one JSON document of the command.
            Format::Json => correct::tell(&corrected),
            Format::Table => correct::print(&corrected, global),
        }
        if correct::exit(&corrected) != Exit::Ok {
            output::note(&format!("`clicktrail invoice correct {period}` drafts what is missing"));
            exit = Exit::Partial;
        }
    }
    output::note(&format!("{} with notes to approve and issue", count(invoiced.len(), "account")));
    Ok(exit)
}
