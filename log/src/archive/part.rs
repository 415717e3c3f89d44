//! One part: the rows of some frames as two Parquet files, and how they are read.
//!
//! The same rows always give the same bytes. Positions and times are stored as differences, most texts in a dictionary,
//! and `event_id` has a bloom filter, for engines that look one up.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, TimestampMicrosecondArray},
    compute::{max, min},
    datatypes::{Schema, SchemaRef, TimestampMicrosecondType},
};
use bytes::Bytes;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    },
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::SortingColumn,
        properties::{EnabledStatistics, WriterProperties, WriterVersion},
    },
    schema::types::ColumnPath,
};

use crate::{
    archive::{batches::Batches, columns, sort},
    frame, invariant,
    position::Position,
    schema,
    time::Timestamp,
};

const _: () = assert!(PEOPLE_DICTIONARY_BYTES >= 230_000 * (32 + 4), "so many ids of 32 characters fit, with lengths");
const _: () = assert!(READ_BATCH_ROWS <= frame::ROWS_MAX, "a reader gets no more rows at once than from a frame");

/// What Parquet's `created_by` says. It is part of the bytes, so it changes only with the layout.
const CREATED_BY: &str = "clicktrail part 2";
/// Rows of a batch that a reader gets.
pub const READ_BATCH_ROWS: usize = 16_384;
/// The order of rows, as Parquet's `sorting_columns` states it.
const SORTED_BY: [&str; 5] = ["advertiser_id", "campaign_id", "ad_id", "event_time", schema::POSITION];

/// How large the dictionary of people's ids may get: enough for some 230,000 ids of 32 characters, each of which an
/// hour's part repeats several times. When it is full, the remaining ids are written as they are.
const PEOPLE_DICTIONARY_BYTES: usize = 8 << 20;
/// Columns without statistics: each part holds the whole range of their values, so the least and the greatest would
/// tell no reader which part to skip.
const WITHOUT_STATISTICS: [&str; 11] = [
    "placement_id",
    "user_id",
    "session_id",
    "ip",
    "user_agent",
    "page_url",
    "os",
    "browser",
    "city",
    "click_event_id",
    "extra",
];

/// The two files of a part, and what a manifest says of its rows.
#[derive(Debug)]
pub struct Encoded {
    /// The core file.
    pub core: Bytes,
    /// The personal file.
    pub personal: Bytes,
    /// Rows in each.
    pub rows: u64,
    /// The earliest event time, microseconds UTC.
    pub event_time_min: i64,
    /// The latest event time, microseconds UTC.
    pub event_time_max: i64,
}

/// Puts `position` and `logged_at` in front of the rows of a frame of events.
///
/// # Errors
/// If the rows are not those of the event schema.
pub fn with_position(
    batch: &RecordBatch,
    first: Position,
    logged_at: Timestamp,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    positioned(schema::read(), batch, first, logged_at)
}

/// The same of any log: `read` has `position`, `logged_at` and the columns of the rows, in this order.
///
/// # Errors
/// If the rows are not those of `read`.
pub fn positioned(
    read: SchemaRef,
    batch: &RecordBatch,
    first: Position,
    logged_at: Timestamp,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let rows = batch.num_rows();
    let last = first.as_i64() + i64::try_from(rows).expect("a frame has at most 65,536 rows");
    let positions = Int64Array::from_iter_values(first.as_i64()..last);
    let logged = TimestampMicrosecondArray::from_value(logged_at.micros(), rows).with_timezone("UTC");
    let mut columns: Vec<ArrayRef> = vec![Arc::new(positions), Arc::new(logged)];
    columns.extend(batch.columns().iter().cloned());
    RecordBatch::try_new(read, columns)
}

/// Sorts the rows of [`schema::read`] columns and writes both files, on two threads.
///
/// # Errors
/// If the rows are not those of the read schema.
pub fn encode(batches: &[RecordBatch]) -> Result<Encoded, ParquetError> {
    encode_beside(batches, &sort::order(batches).rows, &|| {})
}

/// The same of rows whose order is known; each of the threads does `first` before it writes.
pub(super) fn encode_beside(
    batches: &[RecordBatch],
    order: &[(usize, usize)],
    first: &(dyn Fn() + Sync),
) -> Result<Encoded, ParquetError> {
    let mut times = (i64::MAX, i64::MIN);
    for batch in batches {
        let column = batch.column_by_name("event_time").expect("a read batch has event times");
        let column = column.as_primitive::<TimestampMicrosecondType>();
        times = (times.0.min(min(column).unwrap_or(times.0)), times.1.max(max(column).unwrap_or(times.1)));
    }
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    invariant!(I1, order.len() == rows, "{rows} rows are written as {}", order.len());
    invariant!(I3, rows == 0 || times.0 <= times.1, "event times from {} to {}", times.0, times.1);
    let files = [schema::core(), schema::personal()].map(|schema| (Arc::clone(&schema), properties(&schema)));
    let files = columns::write(batches, order, files.into(), first)?;
    let [core, personal] = files.try_into().expect("two files were asked for");
    Ok(Encoded { core, personal, rows: order.len() as u64, event_time_min: times.0, event_time_max: times.1 })
}

/// Writes rows that are in order as one file of a part.
pub(super) fn encode_again(rows: &RecordBatch) -> Result<Bytes, ParquetError> {
    let order: Vec<(usize, usize)> = (0..rows.num_rows()).map(|row| (0, row)).collect();
    let schema = Arc::new(Schema::new(rows.schema().fields().clone()));
    let file = (Arc::clone(&schema), properties(&schema));
    let mut files = columns::write(std::slice::from_ref(rows), &order, vec![file], &|| {})?;
    Ok(files.pop().expect("one file was asked for"))
}

fn properties(schema: &SchemaRef) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(64));
    for field in schema.fields() {
        let name = field.name().as_str();
        let path = || ColumnPath::from(name);
        if WITHOUT_STATISTICS.contains(&name) {
            builder = builder.set_column_statistics_enabled(path(), EnabledStatistics::None);
        }
        match name {
            "position" | "logged_at" | "event_time" | "captured_at" => {
                builder = builder
                    .set_column_dictionary_enabled(path(), false)
                    .set_column_encoding(path(), Encoding::DELTA_BINARY_PACKED);
            }
            // No dictionary: no two ids are equal. The default coding of such texts (DELTA_BYTE_ARRAY) writes how much
            // of its beginning an id shares with the one before; UUIDv7 of the same minute share a lot.
            "event_id" => {
                builder =
                    builder.set_column_dictionary_enabled(path(), false).set_column_bloom_filter_enabled(path(), true);
            }
            // These ids repeat, so a large dictionary pays. An id that no longer fits it is random text, which shares
            // nothing with the one before: only lengths are stored as differences.
            "user_id" | "session_id" => {
                builder = builder
                    .set_column_dictionary_page_size_limit(path(), PEOPLE_DICTIONARY_BYTES)
                    .set_column_encoding(path(), Encoding::DELTA_LENGTH_BYTE_ARRAY);
            }
            // No two are equal, and nothing in them is like anything else.
            "salt" | "leaf" => builder = builder.set_column_dictionary_enabled(path(), false),
            // Once its dictionary is full, plain text: URLs share beginnings and middles, and compression finds both.
            "page_url" => builder = builder.set_column_encoding(path(), Encoding::PLAIN),
            _ => {}
        }
    }
    let sorting = SORTED_BY.iter().filter_map(|name| schema.index_of(name).ok()).map(|index| SortingColumn {
        column_idx: i32::try_from(index).expect("a schema has few columns"),
        descending: false,
        nulls_first: false,
    });
    // Only the core file has all five columns, so only the core file states the order.
    let sorting: Vec<_> = sorting.collect();
    builder.set_sorting_columns((sorting.len() == SORTED_BY.len()).then_some(sorting)).build()
}

/// Reads the named columns of a file, or all of them for `None`; they come in the order of the file.
///
/// # Errors
/// If the bytes are not a Parquet file, lack a column, or are a part with a column of another type than parts have.
/// What has no positions is no part: a segment has sums under names that events have.
pub fn read(bytes: Bytes, columns: Option<&[&str]>) -> Result<Batches, ParquetError> {
    let mut is_part = false;
    let batches = Batches::open(|| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
        is_part = builder.schema().index_of(schema::POSITION).is_ok();
        build(builder, columns)
    })?;
    if is_part { batches.of_stream() } else { Ok(batches) }
}

/// The same of a file that is no part: its columns are whatever a user's projection made them.
///
/// # Errors
/// If the bytes are not a Parquet file, or lack a column.
pub fn read_any(bytes: Bytes, columns: Option<&[&str]>) -> Result<Batches, ParquetError> {
    Batches::open(|| build(ParquetRecordBatchReaderBuilder::try_new(bytes)?, columns))
}

/// The same, with the types of `schema`, which has all columns of the file: for a reader that wants texts as views,
/// say, because those are faster.
///
/// # Errors
/// As [`read`]; also if a column cannot be read as its type.
pub fn read_as(bytes: Bytes, schema: SchemaRef, columns: Option<&[&str]>) -> Result<Batches, ParquetError> {
    let options = ArrowReaderOptions::new().with_schema(schema);
    Batches::open(|| build(ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options)?, columns))
}

/// Reads those columns of a file that are wanted, of which it may lack some; they come in the order of the file.
///
/// # Errors
/// As [`read`], but for a column that it lacks.
pub fn read_those(bytes: Bytes, wanted: impl Fn(&&str) -> bool) -> Result<Batches, ParquetError> {
    let those = Batches::open(|| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
        let schema = Arc::clone(builder.schema());
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).filter(wanted).collect();
        build(builder, Some(&names))
    });
    those?.of_stream()
}

fn build(
    builder: ParquetRecordBatchReaderBuilder<Bytes>,
    columns: Option<&[&str]>,
) -> Result<ParquetRecordBatchReader, ParquetError> {
    let builder = builder.with_batch_size(READ_BATCH_ROWS);
    let Some(columns) = columns else { return builder.build() };
    let indices: Vec<usize> = columns.iter().map(|name| builder.schema().index_of(name)).collect::<Result<_, _>>()?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), indices);
    builder.with_projection(mask).build()
}
