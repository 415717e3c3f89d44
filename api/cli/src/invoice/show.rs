//! `clicktrail invoice show`

use clicktrail_billing::chain;
use clicktrail_catalog::invoicing;
use clicktrail_invoices::{Adjustment, Bill, Counts, Document, Draft, money};
use serde_json::{Value, json};

use super::named;
use crate::{
    exit::Exit,
    global::{Format, Global},
    output::{self, count},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The draft, as `invoice list` names it, or an issued document, as INV-00000012
    draft: String,
    /// An earlier revision [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    revision: Option<u32>,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    if let Some(number) = chain::number(&arguments.draft)
        && let Some(link) = chain::link(&instance.archive, instance.catalog.as_ref(), &number).await?
    {
        return issued(&link.document, global);
    }
    let stored = named::revision(&instance, &arguments.draft, arguments.revision).await?;
    let draft = named::text(&instance, &stored).await?;
    match global.output {
        Format::Json => {
            let canonical: Value = serde_json::from_slice(&draft.canonical())?;
            output::json(&json!({
                "draft": stored.revision.id,
                "revision": stored.revision.revision,
                "state": stored.state.as_str(),
                "document": canonical,
            }));
        }
        Format::Table if output::is_csv() => lines(&draft.bill).print(),
        Format::Table => print(&stored, &draft),
    }
    Ok(Exit::Ok)
}

/// A document that was issued.
fn issued(document: &Document, global: &Global) -> anyhow::Result<Exit> {
    let draft = &document.draft;
    match global.output {
        Format::Json => output::json(&serde_json::from_slice::<Value>(&document.canonical())?),
        Format::Table if output::is_csv() => lines(&draft.bill).print(),
        Format::Table => {
            let (kind, customer) = (kind(draft), &draft.terms.customer.name);
            let due = match draft.bill.total > 0 {
                true => format!(", due {}", document.due_on),
                false => String::new(),
            };
            output::line(&format!("{} of {}{due}: {kind} for {customer}", document.name(), document.issued_on));
            if let Some(original) = &draft.original {
                let hours = count(draft.hours.len(), "hour");
                output::line(&format!("corrects {} for {}, in {hours}", original.name(), original.reason));
            }
            print_bill(draft);
        }
    }
    Ok(Exit::Ok)
}

fn print(stored: &invoicing::Draft, draft: &Draft) {
    let terms = &draft.terms;
    output::line(&format!("{} ({}): {} for {}", stored.revision, stored.state, kind(draft), terms.customer.name));
    print_bill(draft);
}

/// The period, the lines, and what is owed.
fn print_bill(draft: &Draft) {
    let (terms, pins) = (&draft.terms, &draft.pins);
    let (from, to) = (output::minute(pins.period.from), output::minute(pins.period.to));
    output::line(&format!("{} from {from} to {to}", pins.period));
    output::line("");
    lines(&draft.bill).print();
    output::line("");
    for (name, amount) in totals(&draft.bill) {
        output::line(&format!("{name:<48}{amount:>16} {}", draft.bill.currency));
    }
    output::line("");
    let rounding = output::amount(draft.bill.rounding_micros);
    let due = match draft.bill.total > 0 {
        true => format!(", due in {}", count(terms.payment_days, "day")),
        false => String::new(),
    };
    output::line(&format!("rounding of the lines {rounding}, {}{due}", count(draft.bill.lines.len(), "line")));
    output::line(&format!("terms version {}", pins.terms_version));
    output::line(&format!("basis {}", pins.basis));
}

fn kind(draft: &Draft) -> String {
    draft.kind.to_string().replace('_', " ")
}

/// One of the counts of a line.
pub(super) type Count = fn(&Counts) -> i64;

/// Why clicks are not billed: the words, and their order, of every table, file and page. Those of them that are shown.
pub(super) fn categories(is_shown: impl Fn(Count) -> bool) -> Vec<(&'static str, Count)> {
    let all: [(&str, Count); 4] = [
        ("givt", |counts| counts.givt),
        ("sivt", |counts| counts.sivt),
        ("duplicate", |counts| counts.duplicate),
        ("policy", |counts| counts.policy),
    ];
    all.into_iter().filter(|(_, of)| is_shown(*of)).collect()
}

/// The lines: what was counted, and what it costs. People see no column of zeros.
pub(super) fn lines(bill: &Bill) -> output::Table {
    let shown = categories(|of| output::is_csv() || bill.lines.iter().any(|line| of(&line.counts) != 0));
    let mut header = vec!["campaign", "gross"];
    header.extend(shown.iter().map(|(name, _)| *name));
    header.extend(["billable", "price", "amount"]);
    let mut table = output::Table::new(&header);
    for line in &bill.lines {
        let counts = &line.counts;
        let mut row = vec![line.campaign_id.clone(), counts.gross.to_string()];
        row.extend(shown.iter().map(|(_, of)| of(counts).to_string()));
        row.extend([counts.billable.to_string(), line.price.to_string(), money::show(bill.currency, line.amount)]);
        table.push(row);
    }
    table
}

/// What stands below the lines.
fn totals(bill: &Bill) -> Vec<(String, String)> {
    let show = |minor: i128| money::show(bill.currency, minor);
    let mut rows: Vec<(String, String)> =
        bill.adjustments.iter().map(|found| (adjustment(found), show(found.amount))).collect();
    rows.push(("subtotal".to_owned(), show(bill.subtotal)));
    for tax in &bill.tax {
        rows.push((format!("tax {} {} on {}", tax.category, tax.rate, show(tax.base)), show(tax.amount)));
    }
    rows.push(("total".to_owned(), show(bill.total)));
    rows
}

/// An adjustment in words: `discount 5% of campaign spring`.
pub(super) fn adjustment(found: &Adjustment) -> String {
    let rate = found.rate.map_or(String::new(), |rate| format!(" {rate}"));
    let of = found.campaign_id.as_ref().map_or("the account".to_owned(), |id| format!("campaign {id}"));
    format!("{}{rate} of {of}", found.kind)
}
