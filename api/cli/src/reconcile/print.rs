//! The report as tables, as CSV of its rows, or as one JSON document.

use clicktrail_query::reconcile::{Key, Shown, Sum};
use serde_json::{Value, json};

use super::reconciled::Reconciled;
use crate::{
    global::{Format, Global},
    output::{self, amount, count},
};

/// So many rows are shown on a terminal; CSV has all of them.
const ROWS_SHOWN_MAX: usize = 20;
/// So many rows are in the JSON document, which is made whole in memory; CSV has all of them.
const ROWS_JSON_MAX: usize = 100_000;
/// CSV is written in pieces of about this size.
const CSV_BUFFER_BYTES: usize = 64 << 10;

pub(super) fn print(global: &Global, reconciled: &Reconciled) -> anyhow::Result<()> {
    match global.output {
        Format::Json => output::json(&as_json(reconciled)),
        Format::Table if output::is_csv() => csv(reconciled)?,
        Format::Table => tables(reconciled),
    }
    let read = &reconciled.read;
    for (line, code, detail) in &read.told {
        output::note(&format!("line {line} cannot be read: {code}: {detail}"));
    }
    if read.unreadable > 0 {
        let lines = count(read.unreadable, "line");
        output::note(&format!("{lines} of {} cannot be read and are in no sum", reconciled.file));
    }
    if read.clicks == 0 {
        output::note(&format!("{} has no click of {:?}: nothing was compared", reconciled.file, reconciled.advertiser));
    }
    if !reconciled.report.ids_are_known() {
        output::note(
            "none of the file's ids is one of ours: without event_id in the mapping, clicks are told apart by ad, time \
             and price",
        );
    }
    for offset in reconciled.report.offsets() {
        output::note(&format!(
            "many of the file's times are {offset} from ours: does the mapping name the zone that they are in?"
        ));
    }
    Ok(())
}

/// The cells of a line of the sums, as people read them.
pub(super) fn sum_cells((place, reason, detail, currency): &Key, sum: &Sum) -> [String; 8] {
    [
        place.as_str().to_owned(),
        reason.code().to_owned(),
        detail.clone(),
        currency.clone(),
        sum.clicks.to_string(),
        amount(sum.ours_micros),
        amount(sum.theirs_micros),
        amount(sum.difference_micros()),
    ]
}

pub(super) const SUM_HEADER: [&str; 8] =
    ["who has it", "reason", "detail", "currency", "clicks", "ours", "theirs", "difference"];

pub(super) const TOTAL_HEADER: [&str; 6] = ["currency", "our clicks", "ours", "their clicks", "theirs", "difference"];

/// What both sides ask for, a line for each currency.
pub(super) fn total_cells(reconciled: &Reconciled) -> Vec<[String; 6]> {
    let totals = reconciled.report.totals().iter();
    let cells = totals.map(|(currency, total)| {
        [
            currency.clone(),
            total.our_clicks.to_string(),
            amount(total.ours_micros),
            total.their_clicks.to_string(),
            amount(total.theirs_micros),
            amount(total.difference_micros()),
        ]
    });
    cells.collect()
}

pub(super) const ROW_HEADER: [&str; 14] = [
    "line",
    "event_id",
    "ad_id",
    "campaign_id",
    "their_time",
    "our_time",
    "position",
    "who_has_it",
    "reason",
    "detail",
    "their_price",
    "their_currency",
    "our_price",
    "our_currency",
];

/// The cells of a row. A price that is in no sum is empty.
pub(super) fn row_cells(row: &Shown<'_>) -> [String; 14] {
    let price = |price: Option<(i64, &str)>| price.map_or_else(String::new, |(micros, _)| amount(micros));
    let currency = |price: Option<(i64, &str)>| price.map_or_else(String::new, |(_, currency)| currency.to_owned());
    let text = |value: Option<String>| value.unwrap_or_default();
    [
        text(row.line.map(|line| line.to_string())),
        row.event_id.clone(),
        row.ad_id.to_owned(),
        row.campaign_id.to_owned(),
        text(row.their_time.map(|time| time.to_string())),
        text(row.our_time.map(|time| time.to_string())),
        text(row.position.map(|position| position.to_string())),
        row.reason.place().as_str().to_owned(),
        row.reason.code().to_owned(),
        row.detail.clone(),
        price(row.their_price),
        currency(row.their_price),
        price(row.our_price),
        currency(row.our_price),
    ]
}

fn tables(reconciled: &Reconciled) {
    let mut totals = output::Table::new(&TOTAL_HEADER);
    total_cells(reconciled).into_iter().for_each(|cells| totals.push(cells.to_vec()));
    totals.print();
    output::line("");
    let mut sums = output::Table::new(&SUM_HEADER);
    for (key, sum) in reconciled.report.sums() {
        sums.push(sum_cells(key, sum).iter().map(|cell| visible(cell)).collect());
    }
    sums.print();
    let mut rows = output::Table::new(&["line", "event", "reason", "detail", "theirs", "ours"]);
    for row in reconciled.report.rows(reconciled.all).take(ROWS_SHOWN_MAX) {
        let [line, event, ad, _, their_time, _, _, _, reason, detail, their, of_theirs, our, of_ours] = row_cells(&row);
        let price = |price: String, currency: String| format!("{price} {currency}").trim_end().to_owned();
        let (theirs, ours) = (price(their, of_theirs), price(our, of_ours));
        // A list without ids tells its clicks apart by ad and time.
        let event = if event.is_empty() { format!("{ad} {their_time}") } else { event };
        rows.push([line, event, reason, detail, theirs, ours].iter().map(|cell| visible(cell)).collect());
    }
    let all = reconciled.report.rows(reconciled.all).count();
    if all > 0 {
        output::line("");
        rows.print();
    }
    if all > ROWS_SHOWN_MAX {
        output::note(&format!("the first {ROWS_SHOWN_MAX} of {}: --output csv has all", count(all, "row")));
    }
}

/// Text of a file or of a client, as a terminal may have it: control characters by their codes.
fn visible(text: &str) -> String {
    let is_plain = |letter: &char| !letter.is_control();
    text.chars()
        .map(|letter| if is_plain(&letter) { letter.to_string() } else { letter.escape_unicode().to_string() })
        .collect()
}

fn csv(reconciled: &Reconciled) -> anyhow::Result<()> {
    let mut buffer = Vec::new();
    csv_record(&ROW_HEADER, &mut buffer)?;
    for row in reconciled.report.rows(reconciled.all) {
        csv_record(&row_cells(&row).each_ref().map(String::as_str), &mut buffer)?;
        if buffer.len() >= CSV_BUFFER_BYTES {
            output::bytes(&std::mem::take(&mut buffer));
        }
    }
    output::bytes(&buffer);
    Ok(())
}

fn csv_record(cells: &[&str], buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).buffer_capacity(1_024).from_writer(buffer);
    writer.write_record(cells)?;
    Ok(writer.flush()?)
}

fn as_json(reconciled: &Reconciled) -> Value {
    let Reconciled { report, read, .. } = reconciled;
    let totals = report.totals().iter().map(|(currency, total)| {
        json!({
            "currency": currency,
            "our_clicks": total.our_clicks, "ours_micros": total.ours_micros.to_string(),
            "their_clicks": total.their_clicks, "theirs_micros": total.theirs_micros.to_string(),
            "difference_micros": total.difference_micros().to_string(),
        })
    });
    let sums = report.sums().iter().map(|((place, reason, detail, currency), sum)| {
        json!({
            "who_has_it": place.as_str(), "reason": reason.code(), "detail": detail, "currency": currency,
            "clicks": sum.clicks, "ours_micros": sum.ours_micros.to_string(),
            "theirs_micros": sum.theirs_micros.to_string(),
            "difference_micros": sum.difference_micros().to_string(),
        })
    });
    let rows = report.rows(reconciled.all).take(ROWS_JSON_MAX).map(|row| row_as_json(&row));
    let unreadable = read.told.iter().map(|(line, code, detail)| json!({"line": line, "code": code, "detail": detail}));
    json!({
        "file": reconciled.file,
        "sha256": reconciled.file_digest.to_string(),
        "advertiser_id": reconciled.advertiser,
        "from": reconciled.from, "to": reconciled.to, "timezone": reconciled.zone,
        "tolerance_seconds": reconciled.tolerance_seconds,
        "clicks_read": read.clicks, "other_lines": read.others, "unreadable_lines": read.unreadable,
        "unreadable": unreadable.collect::<Vec<_>>(),
        "offsets": report.offsets(),
        "totals": totals.collect::<Vec<_>>(),
        "reasons": sums.collect::<Vec<_>>(),
        "differences": report.differences(),
        "rows_all": report.rows(reconciled.all).count(),
        "rows": rows.collect::<Vec<_>>(),
    })
}

fn row_as_json(row: &Shown<'_>) -> Value {
    let price = |price: Option<(i64, &str)>| {
        price.map(|(micros, currency)| json!({"micros": micros.to_string(), "currency": currency}))
    };
    json!({
        "line": row.line, "event_id": row.event_id, "ad_id": row.ad_id, "campaign_id": row.campaign_id,
        "their_time": row.their_time.map(|time| time.to_string()),
        "our_time": row.our_time.map(|time| time.to_string()),
        "position": row.position.map(|position| position.to_string()),
        "who_has_it": row.reason.place().as_str(), "reason": row.reason.code(), "detail": row.detail,
        "their_price": price(row.their_price), "our_price": price(row.our_price),
    })
}
