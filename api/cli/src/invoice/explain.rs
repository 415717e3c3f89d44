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
    let instance = global.open_answering().await?;
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
    let with_prices = explained.sum_of_clicks.is_some();
    let mut names = vec!["hour", "ad", "gross", "givt", "dup", "sivt", "policy", "billable", "spend"];
    if with_prices {
        names.push("prices");
    }
    let mut table = output::Table::new(&names);
    for part in &explained.parts {
        let mut row = vec![part.hour.to_string(), part.ad_id.clone()];
        row.extend(texts(&part.counts));
        if with_prices {
            let prices = part.prices.iter().map(|(price, clicks)| format!("{clicks}x{}", amount(i128::from(*price))));
            row.push(prices.collect::<Vec<_>>().join(" "));
        }
        table.push(row);
    }
    table.print();
    if with_prices {
        clicks(explained);
    }
    let sum = &explained.sum;
    let spend = amount(sum.spend_micros);
    output::line(&format!("{} clicks, {} billable, {spend} {currency} before rounding", sum.gross, sum.billable));
}

fn texts(counts: &Counts) -> Vec<String> {
    let Counts { gross, givt, sivt, duplicate, policy, billable, spend_micros } = counts;
    let mut texts: Vec<String> =
        [gross, givt, duplicate, sivt, policy, billable].into_iter().map(ToString::to_string).collect();
    texts.push(amount(*spend_micros));
    texts
}

fn ruling(click: &Shown) -> String {
    let word =
        |category: Option<clicktrail_verdicts::verdict::Category>| category.map_or("billable", |one| one.as_str());
    match click.before {
        Some(before) => format!("{}, was {}", word(click.category), word(before)),
        None => word(click.category).to_owned(),
    }
}

fn clicks(explained: &Explained) {
    let mut table = output::Table::new(&["position", "event", "time", "ad", "price", "ruling"]);
    for click in &explained.clicks {
        table.push(vec![
            click.position.to_string(),
            click.event_id.clone(),
            click.event_time.to_string(),
            click.ad_id.clone(),
            amount(i128::from(click.price_micros)),
            ruling(click),
        ]);
    }
    table.print();
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
