//! The `counters` projection: minute × advertiser × campaign × ad × publisher × country × device × currency.
//!
//! Live ticks and sealed hours run the same SQL, `counters.sql`. Counts are 64-bit, sums are DECIMAL(38,0) of
//! millionths: at 8.6 G clicks a day, 64-bit micros would overflow within weeks.

use std::sync::{Arc, LazyLock};

use clicktrail_log::{frame::Digest, schema};
use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch},
        compute::cast,
        datatypes::{DataType, Field, Schema, SchemaRef},
    },
    catalog::{TableProvider, view::ViewTable},
    common::DFSchema,
    datasource::MemTable,
    execution::SendableRecordBatchStream,
    logical_expr::{EmptyRelation, LogicalPlan},
};
use futures::TryStreamExt as _;

use crate::{Error, lint, segment, session};

pub mod hot;
pub mod query;
mod sealed;

pub use sealed::{Counts, project as project_hour};

/// In keys, tables and commands.
pub const NAME: &str = "counters";
/// Part of the code digest: raise it when the meaning changes and the SQL does not.
pub const VERSION: u32 = 1;
/// The projection itself.
pub const SQL: &str = include_str!("counters.sql");
const MERGE_SQL: &str = include_str!("merge.sql");

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

static RULINGS: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("position", DataType::Int64, false),
        // givt, sivt, duplicate or policy: why the click is invalid. A position ruled valid has no row.
        Field::new("category", DataType::Utf8, false),
    ]))
});

/// [`schema`] with texts as dictionaries.
static CODED: LazyLock<SchemaRef> = LazyLock::new(|| {
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

/// The columns of the `rulings` table.
pub fn rulings_schema() -> SchemaRef {
    Arc::clone(&RULINGS)
}

/// Rulings that touch nothing: a view of no rows, which the planner sees through, so that nothing is joined.
pub fn no_rulings() -> Arc<dyn TableProvider> {
    let schema = DFSchema::try_from(rulings_schema()).expect("the columns have different names");
    let none = EmptyRelation { produce_one_row: false, schema: Arc::new(schema) };
    Arc::new(ViewTable::new(LogicalPlan::EmptyRelation(none), None))
}

/// Rulings in memory, in [`rulings_schema`] columns: at most one a position.
///
/// # Errors
/// If they are of other columns.
pub fn rulings(rows: Vec<RecordBatch>) -> Result<Arc<dyn TableProvider>, Error> {
    if rows.iter().all(|batch| batch.num_rows() == 0) {
        return Ok(no_rulings());
    }
    Ok(Arc::new(MemTable::try_new(rulings_schema(), vec![rows])?))
}

/// Names the code: SHA-256 of the version, the SQL, the output columns, the segment's layout, the engine's version, which
/// fixes that of Parquet, and that of Zstandard.
pub fn code_digest() -> Digest {
    let (engine, columns) = (datafusion::DATAFUSION_VERSION, schema::columns(&SCHEMA));
    let layout = segment::CREATED_BY;
    let zstd = zstd::zstd_safe::version_number();
    Digest::of(format!("{NAME} {VERSION}\n{SQL}\n{columns:?}\n{layout}\nDataFusion {engine}\nzstd {zstd}").as_bytes())
}

/// Counts the clicks of a table. The stream is in the order of [`KEYS`], of [`schema`] columns.
///
/// # Errors
/// [`Error::Refused`] if the SQL fails the lint; otherwise as the engine or the archive report.
pub async fn project(
    clicks: Arc<dyn TableProvider>,
    rulings: Arc<dyn TableProvider>,
    limits: session::Limits,
) -> Result<SendableRecordBatchStream, Error> {
    let session = session::session(limits)?;
    session.register_table("clicks", clicks)?;
    session.register_table("rulings", rulings)?;
    let frame = session.sql(SQL).await?;
    lint::check(frame.logical_plan())?;
    Ok(frame.execute_stream().await?)
}

/// Counts the rows of frames, all in memory: one tick.
///
/// # Errors
/// As [`project`].
pub async fn project_frames(
    batches: &[RecordBatch],
    rulings: Arc<dyn TableProvider>,
    limits: session::Limits,
) -> Result<Vec<RecordBatch>, Error> {
    let clicks = Arc::new(crate::clicks::of_frames(batches)?);
    let stream = project(clicks, rulings, limits).await?;
    stream.map_err(Error::from).and_then(async |batch| normalize(&batch)).try_collect().await
}

/// Adds up partial counters: rows of [`schema`] columns in the order of [`KEYS`], one per key.
///
/// # Errors
/// As the engine reports.
pub async fn merge(partials: Vec<RecordBatch>, limits: session::Limits) -> Result<Vec<RecordBatch>, Error> {
    let session = session::session(limits)?;
    session.register_table("partials", Arc::new(MemTable::try_new(schema(), vec![partials])?))?;
    let stream = session.sql(MERGE_SQL).await?.execute_stream().await?;
    stream.map_err(Error::from).and_then(async |batch| normalize(&batch)).try_collect().await
}

/// The engine's types (views, wider decimals) as those of [`schema`].
///
/// # Errors
/// If a value does not fit: a sum beyond 38 digits.
pub fn normalize(batch: &RecordBatch) -> Result<RecordBatch, Error> {
    conform(batch.columns(), &SCHEMA)
}

fn conform(columns: &[ArrayRef], schema: &SchemaRef) -> Result<RecordBatch, Error> {
    let columns = schema.fields().iter().zip(columns).map(|(field, column)| cast(column, field.data_type()));
    Ok(RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_, _>>()?)?)
}

#[cfg(test)]
mod tests;
