//! The events behind rows of counters that differ, with what stands about each of them on both sides.

use std::sync::Arc;

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, RecordBatch, StringArray},
    compute::cast,
    datatypes::{DataType, Field, Int64Type, Schema, TimestampMicrosecondType},
};
use clicktrail_catalog::generations::LivePointer;
use clicktrail_log::{
    archive::{Archive, Manifest},
    position::Position,
    time::{Hour, Timestamp},
};
use clicktrail_projections::{counters, select::Hours, session};
use clicktrail_verdicts::reader::VerdictReader;

use crate::{
    diff::{
        answer::{Changed, Sides},
        stored::manifest_of,
    },
    error::Error,
    rulings::HourRulings,
};

/// An event of a row that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBehind {
    /// Its address in the log.
    pub position: Position,
    /// Its id.
    pub event_id: String,
    /// `click`, `probe` …
    pub kind: String,
    /// When it happened.
    pub event_time: Timestamp,
    /// Whom it bills.
    pub advertiser_id: String,
    /// Of which campaign.
    pub campaign_id: String,
    /// On which ad.
    pub ad_id: String,
    /// What it charges if it is billable.
    pub price_micros: i64,
    /// ISO 4217.
    pub currency: String,
    /// The category that stood about it; `None`: nothing spoke against it.
    pub before: Option<String>,
    /// The category that stands about it.
    pub after: Option<String>,
}

/// The events of one hour behind `changed` rows of that hour, by position.
///
/// # Errors
/// As archive, verdict log and engine report.
pub async fn behind(
    archive: &Archive,
    history: &VerdictReader,
    sides: &Sides,
    changed: &[&Changed],
    limits: session::Limits,
) -> Result<Vec<EventBehind>, Error> {
    let manifest = manifest_of(archive, sides.hour).await?;
    let before = rulings(history, &manifest, sides.before.as_ref()).await?;
    let after = rulings(history, &manifest, sides.after.as_ref()).await?;
    let hours = Hours::open(archive, std::slice::from_ref(&manifest), after.rows(), limits)?;
    let rows = before.rows();
    hours.add("ruled_before", rows.schema(), vec![rows])?;
    let keys = keys(changed, sides.hour)?;
    hours.add("changed", keys.schema(), vec![keys])?;
    let mut events = Vec::new();
    for batch in hours.select(counters::BEHIND_SQL).await? {
        read(&batch, &mut events)?;
    }
    Ok(events)
}

async fn rulings(
    history: &VerdictReader,
    manifest: &Manifest,
    side: Option<&LivePointer>,
) -> Result<HourRulings, Error> {
    match side {
        None => Ok(HourRulings::none()),
        Some(LivePointer { knows_before: Some(before), .. }) => HourRulings::as_of(history, manifest, *before).await,
        Some(LivePointer { knows_before: None, .. }) => HourRulings::live(history, manifest).await,
    }
}

/// The keys of the rows, with the types of the columns of counters.
fn keys(changed: &[&Changed], hour: Hour) -> Result<RecordBatch, Error> {
    let schema = counters::schema();
    let wrong = |cause: arrow::error::ArrowError| {
        Error::Incomplete(format!("rows of {hour} have keys of another kind: {cause}"))
    };
    let mut seen: Vec<&Vec<Option<String>>> = changed.iter().map(|one| &one.row.key).collect();
    seen.sort();
    seen.dedup();
    let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for (at, name) in counters::KEYS.iter().enumerate() {
        let texts: StringArray = seen.iter().map(|key| key.get(at).cloned().flatten()).collect();
        let wanted = schema.field_with_name(name).map_err(wrong)?.data_type().clone();
        fields.push(Field::new(*name, wanted.clone(), true));
        columns.push(cast(&texts, &wanted).map_err(wrong)?);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(wrong)
}

fn read(batch: &RecordBatch, events: &mut Vec<EventBehind>) -> Result<(), Error> {
    let wrong = |name: &str| Error::Incomplete(format!("events have no column {name}"));
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| wrong(name));
    let texts = |name: &str| cast(column(name)?, &DataType::Utf8).map_err(|_| wrong(name));
    let names =
        ["event_id", "kind", "advertiser_id", "campaign_id", "ad_id", "currency", "before_category", "after_category"];
    let texts = names.iter().map(|name| texts(name)).collect::<Result<Vec<_>, _>>()?;
    let text = |at: usize, row: usize| {
        let column = texts[at].as_string::<i32>();
        (!column.is_null(row)).then(|| column.value(row).to_owned())
    };
    let positions = column("position")?.as_primitive::<Int64Type>();
    let prices = column("price_micros")?.as_primitive::<Int64Type>();
    let times = column("event_time")?.as_primitive::<TimestampMicrosecondType>();
    for row in 0..batch.num_rows() {
        let named = |at: usize| text(at, row).unwrap_or_default();
        events.push(EventBehind {
            position: Position::from_i64(positions.value(row)).ok_or_else(|| wrong("position"))?,
            event_id: named(0),
            kind: named(1),
            event_time: Timestamp::from_micros(times.value(row)),
            advertiser_id: named(2),
            campaign_id: named(3),
            ad_id: named(4),
            price_micros: prices.value(row),
            currency: named(5),
            before: text(6, row),
            after: text(7, row),
        });
    }
    Ok(())
}
