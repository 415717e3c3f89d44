//! The columns of the projection: what it groups by, counts and sums.

use std::sync::{Arc, LazyLock};

use clicktrail_log::schema;
use datafusion::arrow::{
    array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, new_null_array},
    compute::cast,
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
};

use crate::error::Error;

/// The grouping columns, in the order of the rows.
pub const KEYS: [&str; 8] =
    ["advertiser_id", "campaign_id", "ad_id", "publisher_id", "minute", "country", "device_type", "currency"];
/// What is counted: first what every segment has, then what came with a later version.
pub const COUNTS: [&str; 18] = [
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
    "impressions_givt",
    "impressions_sivt",
    "impressions_duplicate",
    "impressions_policy",
    "conversions_givt",
    "conversions_sivt",
    "conversions_duplicate",
    "conversions_policy",
];
/// What is summed, in millionths of the row's currency; in the same order.
pub const SUMS: [&str; 6] = [
    "spend_micros",
    "value_micros",
    "general_invalid_spend_micros",
    "other_invalid_spend_micros",
    "general_invalid_value_micros",
    "other_invalid_value_micros",
];
/// How many of [`COUNTS`] and [`SUMS`] the first version had. Segments and hot partials of that version are read with
/// zeros in the others: nothing was ruled about what these count, because nobody judged it.
pub(super) const FIRST_COUNTS: usize = 10;
pub(super) const FIRST_SUMS: usize = 2;

const _: () = assert!(FIRST_COUNTS <= COUNTS.len() && FIRST_SUMS <= SUMS.len(), "columns are only added");

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| with(&COUNTS, &SUMS));
static FIRST_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| with(&COUNTS[..FIRST_COUNTS], &SUMS[..FIRST_SUMS]));

fn with(counts: &[&str], sums: &[&str]) -> SchemaRef {
    let key = |name: &&str| match *name {
        "minute" => Field::new("minute", schema::timestamp_type(), false),
        "publisher_id" | "country" | "device_type" => Field::new(*name, DataType::Utf8, true),
        other => Field::new(other, DataType::Utf8, false),
    };
    let mut fields: Vec<Field> = KEYS.iter().map(key).collect();
    fields.extend(counts.iter().map(|name| Field::new(*name, DataType::Int64, false)));
    fields.extend(sums.iter().map(|name| Field::new(*name, DataType::Decimal128(38, 0), false)));
    Arc::new(Schema::new(fields))
}

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

/// The columns that the first version had.
pub(crate) fn first_schema() -> SchemaRef {
    Arc::clone(&FIRST_SCHEMA)
}

/// The columns of the projection as questions see them: what an earlier version did not count is null.
pub(crate) fn question_schema() -> SchemaRef {
    let added = |name: &str| COUNTS[FIRST_COUNTS..].contains(&name) || SUMS[FIRST_SUMS..].contains(&name);
    let field = |field: &Arc<Field>| match added(field.name()) {
        true => field.as_ref().clone().with_nullable(true),
        false => field.as_ref().clone(),
    };
    Arc::new(Schema::new(SCHEMA.fields().iter().map(field).collect::<Vec<_>>()))
}

/// What stands in a column that an earlier version did not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Nothing was ruled about what nobody judged: so far as it is added to what was counted since.
    Zero,
    /// Nobody knows.
    Null,
}

/// Rows with the columns of `wanted`, in its order.
///
/// # Errors
/// If `rows` lacks a column that every version has.
pub(crate) fn complete(rows: &RecordBatch, wanted: &SchemaRef, missing: Missing) -> Result<RecordBatch, ArrowError> {
    let column = |field: &Arc<Field>| -> Result<ArrayRef, ArrowError> {
        let name = field.name().as_str();
        match rows.column_by_name(name) {
            Some(column) => Ok(Arc::clone(column)),
            None if COUNTS[FIRST_COUNTS..].contains(&name) || SUMS[FIRST_SUMS..].contains(&name) => Ok(match missing {
                Missing::Zero => new_zero(field.data_type(), rows.num_rows()),
                Missing::Null => new_null_array(field.data_type(), rows.num_rows()),
            }),
            None => Err(ArrowError::SchemaError(format!("there is no column {name}"))),
        }
    };
    RecordBatch::try_new(Arc::clone(wanted), wanted.fields().iter().map(column).collect::<Result<_, _>>()?)
}

fn new_zero(data_type: &DataType, rows: usize) -> ArrayRef {
    match data_type {
        DataType::Decimal128(_, _) => {
            let zeros = Decimal128Array::from(vec![0; rows]);
            Arc::new(zeros.with_precision_and_scale(38, 0).expect("sums have 38 digits"))
        }
        _ => Arc::new(Int64Array::from(vec![0; rows])),
    }
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
