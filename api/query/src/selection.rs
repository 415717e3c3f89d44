//! A person's SQL that names events to rule about: what it selects, and what ruling so would change.

use std::collections::{BTreeMap, BTreeSet};

use arrow::{
    array::{Array as _, AsArray as _, RecordBatch},
    datatypes::{DataType, Int64Type},
};
use clicktrail_log::{
    archive::{self, Manifest, clicks::Clicks, keys::ManifestKey},
    log::Stream,
    position::{Position, Seq},
    schema,
    time::Hour,
};
use clicktrail_projections::select::Hours;
use clicktrail_verdicts::{
    kinds::JUDGED,
    rulings::Stages,
    verdict::{Category, Decision},
};

use crate::{error::Error, service::Service};

/// Adds to what a person selected what is known about the positions.
const WITH_EVENTS: &str = include_str!("selection.sql");

/// One position that was selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The event.
    pub position: Position,
    /// Why it is to be ruled so.
    pub reason: String,
    /// What it is to be.
    pub ruling: (Decision, Option<Category>),
    /// Its id.
    pub event_id: String,
    /// Whom it bills.
    pub advertiser_id: String,
    /// What it charges if it is billable: 0 for all but clicks.
    pub price_micros: i64,
    /// ISO 4217.
    pub currency: String,
    /// The category that stands about it; `None` if it is billable.
    pub standing: Option<String>,
}

impl Selected {
    /// Whether ruling so would change anything.
    pub fn changes(&self) -> bool {
        self.standing.as_deref() != self.ruling.1.map(Category::as_str)
    }

    /// What the change does to the spend.
    pub fn spend_micros(&self) -> i128 {
        let price = i128::from(self.price_micros);
        match (&self.standing, self.ruling.1) {
            (None, Some(_)) => -price,
            (Some(_), None) => price,
            (Some(_), Some(_)) | (None, None) => 0,
        }
    }
}

/// What the SQL selected.
#[derive(Debug)]
pub struct Selection {
    /// Events that may be ruled about, by position.
    pub events: Vec<Selected>,
    /// How many more there were, about which a person's word stands: no query rules over it.
    pub ruled_by_hand: usize,
    /// How many more there were whose personal columns were erased, if the SQL asks for such columns: what is null
    /// because it was erased says nothing.
    pub erased: usize,
}

impl Service {
    /// Runs a SELECT of `position` and `reason`, and if need be `category` and `decision`, over the tables clicks,
    /// personal and rulings of the sealed hours that `holds`. `None` if no hour does.
    ///
    /// # Errors
    /// [`Error::Selection`] if the SQL names events otherwise; as log, archive and engine report.
    pub async fn select(&self, sql: &str, holds: impl Fn(Hour) -> bool) -> Result<Option<Selection>, Error> {
        let manifests = self.manifests(holds).await?;
        let (Some(first), Some(last)) = (manifests.first(), manifests.last()) else { return Ok(None) };
        let frame = |manifest: &Manifest, seq: Seq| Position::new(manifest.epoch(), seq, 0);
        let targets = frame(first, first.first_seq())..frame(last, last.last_seq().next());
        let rulings = self.history.rulings(targets, self.history.end().await?, Stages::All).await?;
        let hours = Hours::open(&self.archive, &manifests, rulings.to_batch(), self.limits)?;
        let mut events = selected(&hours, sql).await?;
        let all = events.len();
        events.retain(|row| !rulings.get(row.position).is_some_and(|standing| standing.rank.is_by_hand()));
        let ruled_by_hand = all - events.len();
        if asks_for_people(sql) {
            let mut gone = BTreeSet::new();
            for manifest in &manifests {
                gone.extend(self.archive.erased_positions(manifest).await?);
            }
            events.retain(|row| !gone.contains(&row.position));
        }
        let erased = all - ruled_by_hand - events.len();
        Ok(Some(Selection { ruled_by_hand, erased, events }))
    }

    /// The sealed hours that `holds`, by archive and catalog: also one whose manifest was lost, so that whoever reads
    /// it is told and nothing is skipped. Hours follow each other, so all between two sealed ones are.
    ///
    /// # Errors
    /// As archive and catalog report.
    pub async fn hours(&self, holds: impl Fn(Hour) -> bool) -> Result<Vec<Hour>, Error> {
        Ok(self.known_hours(holds).await?.into_keys().collect())
    }

    /// The same, with the digest of each manifest that the catalog knows.
    async fn known_hours(&self, holds: impl Fn(Hour) -> bool) -> Result<BTreeMap<Hour, Option<String>>, Error> {
        let listed = self.archive.sealed_hours(Stream::Clicks).await?;
        let mut known: BTreeMap<Hour, Option<String>> = listed.into_iter().map(|hour| (hour, None)).collect();
        let registered = self.sealed_hours().await?.into_iter();
        known.extend(registered.map(|hour| (hour.hour, Some(hour.manifest_digest))));
        let (Some((first, _)), Some((last, _))) = (known.first_key_value(), known.last_key_value()) else {
            return Ok(known);
        };
        let all = (first.as_i64()..=last.as_i64()).map(Hour::from_i64).filter(|hour| holds(*hour));
        Ok(all.map(|hour| (hour, known.get(&hour).cloned().flatten())).collect())
    }

    async fn manifests(&self, holds: impl Fn(Hour) -> bool) -> Result<Vec<Manifest>, Error> {
        let mut manifests = Vec::new();
        for (hour, digest) in self.known_hours(holds).await? {
            let key = ManifestKey { stream: Stream::Clicks, hour }.path().to_string();
            let found = self.archive.manifest::<Clicks>(hour).await?;
            let manifest = found.ok_or_else(|| archive::Error::Missing(key.clone()))?;
            if digest.is_some_and(|digest| digest != manifest.digest().to_string()) {
                let reason = "it is another than the one that the catalog knows".to_owned();
                return Err(archive::Error::Damaged { key, reason }.into());
            }
            manifests.push(manifest);
        }
        Ok(manifests)
    }
}

/// Whether SQL names what is about people: the table, or a column of it.
pub fn asks_for_people(sql: &str) -> bool {
    let is_inside = |char: char| char.is_alphanumeric() || char == '_';
    let people = schema::PERSONAL.into_iter().chain(["personal", "user_id", "extra"]);
    let people: Vec<&str> = people.collect();
    sql.split(|char| !is_inside(char)).any(|word| people.contains(&word.to_ascii_lowercase().as_str()))
}

/// What the SQL selects, with the events that it is about.
async fn selected(hours: &Hours, sql: &str) -> Result<Vec<Selected>, Error> {
    let batches = hours.select(sql).await?;
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    for name in ["position", "reason"] {
        column(first, name).map_err(|_| Error::Selection(format!("the SQL must select a column `{name}`")))?;
    }
    let has = |name: &str| first.column_by_name(name).is_some();
    let optional = |name: &str| if has(name) { name.to_owned() } else { format!("CAST(NULL AS VARCHAR) AS {name}") };
    hours.add("raw", first.schema(), batches.clone())?;
    let plain = format!(
        "SELECT CAST(position AS BIGINT) AS position, CAST(reason AS VARCHAR) AS reason, {}, {} FROM raw",
        optional("category"),
        optional("decision"),
    );
    let plain = hours.select(&plain).await?;
    let Some(schema) = plain.first().map(RecordBatch::schema) else { return Ok(Vec::new()) };
    hours.add("selected", schema, plain)?;
    let mut rows = Vec::new();
    for batch in hours.select(WITH_EVENTS).await? {
        for row in 0..batch.num_rows() {
            rows.push(read(&batch, row)?);
        }
    }
    match rows.windows(2).find(|pair| pair[0].position == pair[1].position) {
        Some(pair) => Err(Error::Selection(format!("the SQL selects position {} twice", pair[0].position))),
        None => Ok(rows),
    }
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b arrow::array::ArrayRef, Error> {
    batch.column_by_name(name).ok_or_else(|| Error::Selection(format!("the rows have no column `{name}`")))
}

fn text(batch: &RecordBatch, name: &str, row: usize) -> Result<Option<String>, Error> {
    let texts = arrow::compute::cast(column(batch, name)?, &DataType::Utf8)
        .map_err(|error| Error::Selection(format!("column `{name}` is not text: {error}")))?;
    let texts = texts.as_string::<i32>();
    Ok((!texts.is_null(row)).then(|| texts.value(row).to_owned()))
}

fn read(batch: &RecordBatch, row: usize) -> Result<Selected, Error> {
    let wrong = |what: String| Error::Selection(what);
    let number = |name: &str| -> Option<i64> {
        let column = batch.column_by_name(name)?.as_primitive::<Int64Type>();
        (!column.is_null(row)).then(|| column.value(row))
    };
    let raw = number("position").ok_or_else(|| wrong("the SQL selects a position that is null".to_owned()))?;
    let position = Position::from_i64(raw).ok_or_else(|| wrong(format!("{raw} is not a position")))?;
    let of_event =
        |text: Option<String>| text.ok_or_else(|| wrong(format!("there is no event at {position} in these hours")));
    let event_id = of_event(text(batch, "event_id", row)?)?;
    let kind = of_event(text(batch, "kind", row)?)?;
    if !kind.parse().is_ok_and(|kind| JUDGED.holds(kind)) {
        return Err(wrong(format!(
            "the event at {position} is of kind {kind}, which is never billed: rule about clicks, impressions and \
             conversions"
        )));
    }
    let reason = text(batch, "reason", row)?.filter(|reason| !reason.is_empty());
    let reason = reason.ok_or_else(|| wrong(format!("the SQL gives no reason for {position}")))?;
    let decision = text(batch, "decision", row)?.map_or(Ok(Decision::Invalid), |decision| decision.parse());
    let decision = decision.map_err(|error| wrong(error.to_string()))?;
    let category = text(batch, "category", row)?.map_or(Ok(Category::Policy), |category| category.parse());
    let category = category.map_err(|error| wrong(error.to_string()))?;
    let invalid = decision == Decision::Invalid;
    Ok(Selected {
        position,
        reason,
        ruling: (decision, invalid.then_some(category)),
        event_id,
        advertiser_id: of_event(text(batch, "advertiser_id", row)?)?,
        price_micros: if kind == "click" { number("price_micros").unwrap_or(0) } else { 0 },
        currency: of_event(text(batch, "currency", row)?)?,
        standing: text(batch, "standing", row)?,
    })
}
