//! `clicktrail invoice dispute open|close|list`

use clicktrail_catalog::invoicing::{AccountPeriod, Dispute, DisputeFilter, NewDispute};
use clicktrail_invoices::PeriodName;
use serde_json::{Value, json};

use crate::{
    ads::Who,
    exit::Exit,
    global::{Format, Global},
    output,
};

/// Disputes that are read at a time.
const PAGE: u32 = 1_000;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Note that a customer contests what it is billed for a period: no invoice of it is approved until that is closed
    Open {
        /// A month, as in 2026-03, or an ISO week, as in 2026-W10
        period: PeriodName,
        /// Whose account
        #[arg(long, value_name = "ID")]
        advertiser: String,
        /// In which currency
        #[arg(long, value_name = "CODE")]
        currency: String,
        /// What is contested
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// Note how a dispute ended
    Close {
        /// Its number
        number: i64,
        /// What was agreed
        #[arg(long, value_name = "TEXT")]
        resolution: String,
        #[command(flatten)]
        who: Who,
    },
    /// List disputes
    List {
        /// Only of this period
        period: Option<PeriodName>,
        /// Only those that are open
        #[arg(long)]
        open: bool,
    },
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Open { period, advertiser, currency, reason, who } => {
            let actor = global.actor(who.actor)?;
            let instance = global.open_existing().await?;
            let about = AccountPeriod { period: period.to_string(), advertiser_id: advertiser, currency };
            let dispute = NewDispute { about, document: None, reason };
            let number = instance.catalog.open_dispute(&dispute, &actor, instance.clock.now()).await?;
            match global.output {
                Format::Json => output::json(&json!({"dispute": number})),
                Format::Table => output::line(&format!("dispute {number} about {} is open", dispute.about)),
            }
        }
        Command::Close { number, resolution, who } => {
            let actor = global.actor(who.actor)?;
            let instance = global.open_existing().await?;
            let closed = instance.catalog.close_dispute(number, &resolution, &actor, instance.clock.now()).await?;
            match global.output {
                Format::Json => output::json(&as_json(&closed)),
                Format::Table => output::line(&format!("dispute {number} about {} is closed", closed.opened.about)),
            }
        }
        Command::List { period, open } => list(global, period, open).await?,
    }
    Ok(Exit::Ok)
}

async fn list(global: &Global, period: Option<PeriodName>, open: bool) -> anyhow::Result<()> {
    let instance = global.open_reading().await?;
    let filter =
        DisputeFilter { period: period.map(|name| name.to_string()), is_open: open, ..DisputeFilter::default() };
    let mut all: Vec<Dispute> = Vec::new();
    loop {
        let after = all.last().map_or(0, |last| last.number);
        let page = instance.catalog.disputes(&filter, after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    match global.output {
        Format::Json => output::json(&all.iter().map(as_json).collect()),
        Format::Table => {
            let mut table = output::Table::new(&["dispute", "about", "opened_by", "reason", "resolution"]);
            for dispute in all {
                let NewDispute { about, reason, .. } = dispute.opened;
                let resolution = dispute.closed.map_or_else(|| "open".to_owned(), |closed| closed.text);
                table.push(vec![dispute.number.to_string(), about.to_string(), dispute.opened_by, reason, resolution]);
            }
            table.print();
        }
    }
    Ok(())
}

fn as_json(dispute: &Dispute) -> Value {
    json!({
        "dispute": dispute.number,
        "period": dispute.opened.about.period,
        "advertiser_id": dispute.opened.about.advertiser_id,
        "currency": dispute.opened.about.currency,
        "document": dispute.opened.document.as_ref().map(ToString::to_string),
        "reason": dispute.opened.reason,
        "opened_at": dispute.opened_at.to_string(),
        "opened_by": dispute.opened_by,
        "resolution": dispute.closed.as_ref().map(|closed| &closed.text),
        "closed_at": dispute.closed.as_ref().map(|closed| closed.at.to_string()),
        "closed_by": dispute.closed.as_ref().map(|closed| &closed.by),
    })
}
