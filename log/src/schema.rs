//! The columns of the click log: their order, their types, and the digest that names a version of them.
//!
//! Columns are only ever added. Every published schema is kept under `log/schemas/` for ever, and [`check_additive`]
//! reports a column list that removes, renames, retypes or loosens a published column.

use std::sync::{Arc, LazyLock};

use arrow::{
    array::{ArrayRef, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder},
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{event::Event, invariant};

/// `position`, which readers add in front of the logged columns.
pub const POSITION: &str = "position";
/// `logged_at`, which readers add in front of the logged columns.
pub const LOGGED_AT: &str = "logged_at";
/// The columns that are archived under `personal/`, separately from those that billing needs.
pub const PERSONAL: [&str; 4] = ["ip", "user_agent", "session_id", "page_url"];

/// Microseconds, UTC: the type of every time column.
pub fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn text(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Utf8, nullable)
}

static EVENTS: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        text("event_id", false),
        text("kind", false),
        Field::new("event_time", timestamp_type(), false),
        Field::new("captured_at", timestamp_type(), false),
        text("advertiser_id", false),
        text("campaign_id", false),
        text("ad_id", false),
        text("publisher_id", true),
        text("placement_id", true),
        text("user_id", true),
        text("session_id", true),
        text("ip", true),
        text("user_agent", true),
        text("page_url", true),
        text("device_type", true),
        text("os", true),
        text("browser", true),
        text("country", true),
        text("city", true),
        Field::new("price_micros", DataType::Int64, false),
        text("currency", false),
        text("click_event_id", true),
        Field::new("value_micros", DataType::Int64, true),
        text("extra", true),
    ]))
});

static READ: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![Field::new(POSITION, DataType::Int64, false), Field::new(LOGGED_AT, timestamp_type(), false)];
    fields.extend(EVENTS.fields().iter().map(|field| field.as_ref().clone()));
    Arc::new(Schema::new(fields))
});

static CORE: LazyLock<SchemaRef> = LazyLock::new(|| {
    let core = select(|name| !PERSONAL.contains(&name));
    let personal = READ.fields().len() - core.fields().len();
    invariant!(I11, personal == PERSONAL.len(), "{personal} columns are kept apart, {} are personal", PERSONAL.len());
    core
});

static PERSONAL_SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| select(|name| name == POSITION || PERSONAL.contains(&name)));

fn select(keep: impl Fn(&str) -> bool) -> SchemaRef {
    let fields: Vec<_> = READ.fields().iter().filter(|field| keep(field.name())).cloned().collect();
    Arc::new(Schema::new(fields))
}

/// The 24 columns of a frame.
pub fn events() -> SchemaRef {
    Arc::clone(&EVENTS)
}

/// What a reader of the log sees: `position`, `logged_at`, then the columns of [`events`].
pub fn read() -> SchemaRef {
    Arc::clone(&READ)
}

/// What billing needs: [`read`] without the personal columns.
pub fn core() -> SchemaRef {
    Arc::clone(&CORE)
}

/// `position` and the personal columns.
pub fn personal() -> SchemaRef {
    Arc::clone(&PERSONAL_SCHEMA)
}

/// One column, as a published schema lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its Arrow type in Arrow's own notation.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Whether it may be absent.
    pub nullable: bool,
}

/// The columns of a schema in order.
pub fn columns(schema: &Schema) -> Vec<Column> {
    let column = |field: &Arc<Field>| Column {
        name: field.name().clone(),
        data_type: field.data_type().to_string(),
        nullable: field.is_nullable(),
    };
    schema.fields().iter().map(column).collect()
}

/// The name of a version of a schema: the first 16 hexadecimal digits of the SHA-256 of its columns, one
/// `name<TAB>type<TAB>nullable` line each.
pub fn id(schema: &Schema) -> String {
    id_of_columns(&columns(schema))
}

/// How a schema breaks a promise made to readers of an older one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// A published column is gone, or has another name.
    #[error("column {0:?} was published and is gone (removed or renamed)")]
    Removed(String),
    /// A published column changed its type.
    #[error("column {name:?} was published as {published} and is now {now}")]
    Retyped {
        /// The column.
        name: String,
        /// Its published type.
        published: String,
        /// Its type now.
        now: String,
    },
    /// A published column changed between required and optional.
    #[error("column {0:?} changed between required and optional")]
    Nullability(String),
    /// A new column that old hours cannot fill with nulls.
    #[error("new column {0:?} must be nullable: old hours read as null in it")]
    NewRequired(String),
}

/// Compares a column list with one that was published. Returns every way in which it does more than add columns.
pub fn check_additive(published: &[Column], now: &[Column]) -> Vec<Break> {
    let mut breaks = Vec::new();
    for old in published {
        match now.iter().find(|column| column.name == old.name) {
            None => breaks.push(Break::Removed(old.name.clone())),
            Some(new) if new.data_type != old.data_type => breaks.push(Break::Retyped {
                name: old.name.clone(),
                published: old.data_type.clone(),
                now: new.data_type.clone(),
            }),
            Some(new) if new.nullable != old.nullable => breaks.push(Break::Nullability(old.name.clone())),
            Some(_) => {}
        }
    }
    for new in now {
        if !new.nullable && !published.iter().any(|column| column.name == new.name) {
            breaks.push(Break::NewRequired(new.name.clone()));
        }
    }
    breaks
}

/// The published versions of the event schema, oldest first: `(id, columns)`. Each stays readable for ever.
pub fn published() -> Vec<(String, Vec<Column>)> {
    published_in(&[include_str!("../schemas/events-1.json")])
}

/// The same for another stream, from its documents. They are compiled into the program, so a document that is not a
/// column list is a bug, and panics.
pub fn published_in(documents: &[&str]) -> Vec<(String, Vec<Column>)> {
    let read = |text: &&str| {
        let columns: Vec<Column> = serde_json::from_str(text).expect("published schemas are valid JSON");
        (id_of_columns(&columns), columns)
    };
    documents.iter().map(read).collect()
}

fn id_of_columns(columns: &[Column]) -> String {
    let mut hash = Sha256::new();
    for column in columns {
        hash.update(format!("{}\t{}\t{}\n", column.name, column.data_type, column.nullable));
    }
    hex::encode(&hash.finalize()[..8])
}

/// How many bytes a value of each of `publisher_id` to `city` usually takes.
const OPTIONAL_BYTES: [usize; 12] = [12, 12, 12, 12, 14, 112, 40, 8, 8, 8, 2, 12];

/// Turns events into a batch of [`events`] columns.
#[derive(Debug)]
pub struct EventsBuilder {
    rows: usize,
    text_bytes: usize,
    event_id: StringBuilder,
    kind: StringBuilder,
    event_time: TimestampMicrosecondBuilder,
    captured_at: TimestampMicrosecondBuilder,
    advertiser_id: StringBuilder,
    campaign_id: StringBuilder,
    ad_id: StringBuilder,
    /// `publisher_id` to `city`, in schema order.
    optional: [StringBuilder; 12],
    price_micros: Int64Builder,
    currency: StringBuilder,
    click_event_id: StringBuilder,
    value_micros: Int64Builder,
    extra: StringBuilder,
}

impl EventsBuilder {
    /// A builder with room for `rows` events.
    pub fn with_capacity(rows: usize) -> Self {
        let text = |bytes_each: usize| StringBuilder::with_capacity(rows, rows * bytes_each);
        let time = || TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC");
        Self {
            rows: 0,
            text_bytes: 0,
            event_id: text(36),
            kind: text(10),
            event_time: time(),
            captured_at: time(),
            advertiser_id: text(12),
            campaign_id: text(12),
            ad_id: text(12),
            optional: OPTIONAL_BYTES.map(text),
            price_micros: Int64Builder::with_capacity(rows),
            currency: text(3),
            click_event_id: text(0),
            value_micros: Int64Builder::with_capacity(rows),
            extra: text(0),
        }
    }

    /// Events so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of all texts so far: what decides whether the batch still fits a frame.
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Appends one event.
    pub fn push(&mut self, event: &Event<'_>) {
        self.rows += 1;
        self.text_bytes += event.text_bytes();
        self.event_id.append_value(&event.event_id);
        self.kind.append_value(event.kind.as_str());
        self.event_time.append_value(event.event_time.micros());
        self.captured_at.append_value(event.captured_at.micros());
        self.advertiser_id.append_value(&event.advertiser_id);
        self.campaign_id.append_value(&event.campaign_id);
        self.ad_id.append_value(&event.ad_id);
        for (builder, value) in self.optional.iter_mut().zip(event.optional_texts()) {
            builder.append_option(value.as_deref());
        }
        self.price_micros.append_value(event.price_micros);
        self.currency.append_value(&event.currency);
        self.click_event_id.append_option(event.click_event_id.as_deref());
        self.value_micros.append_option(event.value_micros);
        self.extra.append_option(event.extra.as_deref());
    }

    /// The events so far as one batch; the builder is empty afterwards.
    pub fn finish(&mut self) -> RecordBatch {
        let rows = std::mem::take(&mut self.rows);
        self.text_bytes = 0;
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.event_id.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.event_time.finish()),
            Arc::new(self.captured_at.finish()),
            Arc::new(self.advertiser_id.finish()),
            Arc::new(self.campaign_id.finish()),
            Arc::new(self.ad_id.finish()),
        ];
        columns.extend(self.optional.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        columns.push(Arc::new(self.price_micros.finish()));
        columns.push(Arc::new(self.currency.finish()));
        columns.push(Arc::new(self.click_event_id.finish()));
        columns.push(Arc::new(self.value_micros.finish()));
        columns.push(Arc::new(self.extra.finish()));
        let batch = RecordBatch::try_new(events(), columns).expect("the builder makes the columns of the event schema");
        invariant!(I2, batch.num_rows() == rows, "{rows} events became {} rows", batch.num_rows());
        batch
    }
}

#[cfg(test)]
mod tests;
