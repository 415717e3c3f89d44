//! The columns of the projection: what it groups by, counts and sums.

use std::sync::{Arc, LazyLock};

use clicktrail_log::schema;
use datafusion::arrow::{
    array::{ArrayRef, RecordBatch},
    compute::cast,
    datatypes::{DataType, Field, Schema, SchemaRef},
};

use crate::error::Error;

/// The grouping columns, in the order of the rows.
pub const KEYS: [&str; 8] =
    ["advertiser_id", "campaign_id", "ad_id", "publisher_id", "minute", "country", "device_type", "currency"];
/// What is counted.
pub const COUNTS: [&str; 10] = [
    "impressions",
    "clicks",
    "billable_clicks",
    "invalid_givt",
    "invalid_sivt",
    "invalid_duplicate",
    "invalid_policy",
    "conversions",
    "probes",
    "prefetches",
];
/// What is summed, in millionths of the row's currency.
pub const SUMS: [&str; 2] = ["spend_micros", "value_micros"];

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let key = |name: &&str| match *name {
        "minute" => Field::new("minute", schema::timestamp_type(), false),
        "publisher_id" | "country" | "device_type" => Field::new(*name, DataType::Utf8, true),
        other => Field::new(other, DataType::Utf8, false),
    };
    let mut fields: Vec<Field> = KEYS.iter().map(key).collect();
    fields.extend(COUNTS.map(|name| Field::new(name, DataType::Int64, false)));
    fields.extend(SUMS.map(|name| Field::new(name, DataType::Decimal128(38, 0), false)));
    Arc::new(Schema::new(fields))
});

/// [`schema`] with texts as dictionaries.
pub(super) static CODED: LazyLock<SchemaRef> = LazyLock::new(|| {
    let dictionary = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
    let coded = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => field.as_ref().clone().with_data_type(dictionary.clone()),
        _ => field.as_ref().clone(),
    };
    Arc::new(Schema::new(SCHEMA.fields().iter().map(coded).collect::<Vec<_>>()))
});

/// The columns of the projection, of its segments and of hot partials.
pub fn schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// The engine's types (views, wider decimals) as those of [`schema()`].
///
/// # Errors
/// If a value does not fit: a sum beyond 38 digits.
pub fn normalize(batch: &RecordBatch) -> Result<RecordBatch, Error> {
    conform(batch.columns(), &SCHEMA)
}

/// The engine's types as those of a schema.
pub(super) fn conform(columns: &[ArrayRef], schema: &SchemaRef) -> Result<RecordBatch, Error> {
    let columns = schema.fields().iter().zip(columns).map(|(field, column)| cast(column, field.data_type()));
    Ok(RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_, _>>()?)?)
}
