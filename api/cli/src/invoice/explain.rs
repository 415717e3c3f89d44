//! `clicktrail invoice explain`

use anyhow::{Context as _, bail};
use clicktrail_billing::{
    chain::{self, Link},
    explain::{CLICKS_MAX, Explained, Explaining, Shown},
};
use clicktrail_invoices::{Counts, Line, money};
use serde_json::{Value, json};

use super::show;
use crate::{
    exit::Exit,
    global::{Format, Global},
    output::{self, amount, count},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The document, as INV-00000012
    number: String,
    /// One line: its place, from 1, or its campaign [default: all lines, in short]
    #[arg(long, value_name = "LINE")]
    line: Option<String>,
    /// Show the very clicks of the line
    #[arg(long, requires = "line")]
    clicks: bool,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let Some(number) = chain::number(&arguments.number) else {
        bail!("{:?} is no document: write it as INV-00000012", arguments.number);
    };
    let link = chain::link(&instance.archive, instance.catalog.as_ref(), &number).await?;
    let link = link.with_context(|| format!("no document {} was issued", arguments.number))?;
    let history = instance.rulings();
    let explaining = Explaining { archive: &instance.archive, catalog: instance.catalog.as_ref(), history: &history };
    let lines = &link.document.draft.bill.lines;
    let chosen: Vec<&Line> = match &arguments.line {
        None => lines.iter().collect(),
        Some(text) => vec![line(lines, text).with_context(|| {
            format!("{} has no line {text:?}: it has {}", arguments.number, count(lines.len(), "line"))
        })?],
    };
    if arguments.line.is_none() && global.output == Format::Table {
        show::lines(&link.document.draft.bill).print();
    }
    let (mut all, mut exit) = (Vec::new(), Exit::Ok);
    for line in chosen {
        let explained = match explaining.line(&link, &line.campaign_id, arguments.clicks).await {
            Err(clicktrail_billing::Error::Contradiction(what)) => {
                output::note(&format!("clicktrail: {what}"));
                return Ok(Exit::Differences);
            }
            explained => explained?,
        };
        let differences = differences(line, &explained);
        if global.output == Format::Table && arguments.line.is_some() {
            print(&link, line, &explained);
        }
        for difference in &differences {
            output::note(&format!("campaign {:?}: {difference}", line.campaign_id));
            exit = Exit::Differences;
        }
        all.push(as_json(line, &explained, &differences));
    }
    match global.output {
        Format::Json => output::json(&json!({"document": chain::name(&number), "lines": all})),
        Format::Table if arguments.line.is_none() && exit == Exit::Ok => {
            output::note("each line is what its hours add up to: --line shows them, --clicks the clicks");
        }
        Format::Table => {}
    }
    Ok(exit)
}

fn line<'l>(lines: &'l [Line], text: &str) -> Option<&'l Line> {
    let by_campaign = lines.iter().find(|line| line.campaign_id == text);
    by_campaign.or_else(|| lines.get(text.parse::<usize>().ok()?.checked_sub(1)?))
}

/// What does not add up to the line.
fn differences(line: &Line, explained: &Explained) -> Vec<String> {
    let mut found = Vec::new();
    let sums = [("its hours", Some(explained.sum)), ("its clicks", explained.sum_of_clicks)];
    for (what, sum) in sums {
        let Some(sum) = sum.filter(|sum| *sum != line.counts) else { continue };
        let (of_line, of_sum) = (line.counts.named(), sum.named());
        for ((name, said), (_, counted)) in of_line.into_iter().zip(of_sum).filter(|(said, sum)| said.1 != sum.1) {
            found.push(format!("the line says {name} {said}, {what} add up to {counted}"));
        }
        if sum.spend_micros != line.counts.spend_micros {
            let (said, counted) = (amount(line.counts.spend_micros), amount(sum.spend_micros));
            found.push(format!("the line is made of {said}, {what} add up to {counted}"));
        }
    }
    found
}

fn print(link: &Link, line: &Line, explained: &Explained) {
    let currency = link.document.draft.bill.currency;
    output::line(&format!(
        "{} of {}: {} {currency}",
        line.campaign_id,
        link.document.name(),
        money::show(currency, line.amount)
    ));
    let with_clicks = explained.sum_of_clicks.is_some();
    let shown = show::categories(|of| explained.parts.iter().any(|part| of(&part.counts) != 0));
    let mut names = vec!["hour", "ad", "gross"];
    names.extend(shown.iter().map(|(name, _)| *name));
    names.extend(["billable", "spend"]);
    let mut table = output::Table::new(&names);
    for part in &explained.parts {
        let mut row = vec![part.hour.to_string(), part.ad_id.clone(), part.counts.gross.to_string()];
        row.extend(shown.iter().map(|(_, of)| of(&part.counts).to_string()));
        row.extend([part.counts.billable.to_string(), amount(part.counts.spend_micros)]);
        table.push(row);
    }
    table.print();
    if with_clicks {
        prices(explained);
        clicks(explained);
    }
    let sum = &explained.sum;
    let spend = amount(sum.spend_micros);
    match link.document.draft.kind.is_note() {
        false => output::line(&format!(
            "{} clicks, {} billable, {spend} {currency} before rounding",
            sum.gross, sum.billable
        )),
        true => {
            let moved = with_clicks.then(|| format!("{} moved: ", count(explained.clicks_all, "click")));
            output::line(&format!(
                "{}{:+} clicks, {:+} billable, {spend} {currency} before rounding",
                moved.unwrap_or_default(),
                sum.gross,
                sum.billable
            ));
        }
    }
}

/// Which prices were paid, and how often.
fn prices(explained: &Explained) {
    let mut table = output::Table::new(&["hour", "ad", "price", "clicks"]);
    for part in &explained.parts {
        for (price, clicks) in &part.prices {
            let price = amount(i128::from(*price));
            table.push(vec![part.hour.to_string(), part.ad_id.clone(), price, clicks.to_string()]);
        }
    }
    output::line("");
    table.print();
}

fn ruling(click: &Shown) -> String {
    let word =
        |category: Option<clicktrail_verdicts::verdict::Category>| category.map_or("billable", |one| one.as_str());
    match click.before {
        // Its ruling is the same: it is taken back with all of its invoice.
        Some(before) if before == click.category => format!("{}, taken back", word(before)),
        Some(before) => format!("{}, was {}", word(click.category), word(before)),
        None => word(click.category).to_owned(),
    }
}

fn clicks(explained: &Explained) {
    let mut table = output::Table::new(&["position", "time", "ad", "price", "ruling"]);
    for click in &explained.clicks {
        table.push(vec![
            click.position.to_string(),
            output::second(click.event_time),
            click.ad_id.clone(),
            amount(i128::from(click.price_micros)),
            ruling(click),
        ]);
    }
    output::line("");
    table.print();
    output::note("--output json names each click by its event's id, too");
    if explained.clicks_all > explained.clicks.len() as u64 {
        output::note(&format!("the first {CLICKS_MAX} of {}", count(explained.clicks_all, "click")));
    }
}

fn as_json(line: &Line, explained: &Explained, differences: &[String]) -> Value {
    let counts = |counts: &Counts| {
        let mut named: serde_json::Map<String, Value> =
            counts.named().into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect();
        named.insert("spend_micros".to_owned(), json!(counts.spend_micros.to_string()));
        named
    };
    let parts = explained.parts.iter().map(|part| {
        let prices = part.prices.iter().map(|(price, clicks)| json!({"price_micros": price, "clicks": clicks}));
        json!({
            "hour": part.hour.to_string(),
            "ad_id": part.ad_id,
            "counts": counts(&part.counts),
            "prices": prices.collect::<Vec<_>>(),
        })
    });
    let clicks = explained.clicks.iter().map(|click| {
        json!({
            "position": click.position.to_string(),
            "event_id": click.event_id,
            "event_time": click.event_time.to_string(),
            "ad_id": click.ad_id,
            "price_micros": click.price_micros,
            "ruling": ruling(click),
        })
    });
    json!({
        "campaign_id": line.campaign_id,
        "counts": counts(&line.counts),
        "sum": counts(&explained.sum),
        "sum_of_clicks": explained.sum_of_clicks.as_ref().map(counts),
        "parts": parts.collect::<Vec<_>>(),
        "clicks": clicks.collect::<Vec<_>>(),
        "differences": differences,
    })
}
