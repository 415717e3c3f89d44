//! The Parquet file of a part: its order, encodings and bytes.

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use bytes::Bytes;
use clicktrail_log::schema::{LOGGED_AT, POSITION};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::SortingColumn,
        properties::{EnabledStatistics, WriterProperties, WriterVersion},
    },
    schema::types::ColumnPath,
};

use crate::schema;

/// What Parquet's `created_by` says: part of the bytes, so it changes only with the layout.
const CREATED_BY: &str = "clicktrail verdict part 1";
/// The order of rows, as Parquet's `sorting_columns` states it.
pub(super) const SORTED_BY: [&str; 2] = ["target", POSITION];
/// Rows of a Parquet row group, at most: a part has one.
pub(super) const ROW_GROUP_ROWS: usize = 1 << 20;

/// Writes the rows, which are sorted already.
pub(super) fn write(sorted: &RecordBatch) -> Result<Bytes, ParquetError> {
    let mut writer = ArrowWriter::try_new(Vec::new(), schema::read(), Some(properties(&schema::read())))?;
    writer.write(sorted)?;
    writer.into_inner().map(Bytes::from)
}

fn properties(columns: &SchemaRef) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(64));
    for name in [POSITION, LOGGED_AT, "target", "decided_at"] {
        builder = builder
            .set_column_dictionary_enabled(ColumnPath::from(name), false)
            .set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
    }
    let sorting = SORTED_BY.iter().map(|name| SortingColumn {
        column_idx: columns.index_of(name).ok().and_then(|index| i32::try_from(index).ok()).expect("a column of ours"),
        descending: false,
        nulls_first: false,
    });
    builder
        .set_column_dictionary_enabled(ColumnPath::from("event_id"), false)
        .set_sorting_columns(Some(sorting.collect()))
        .build()
}
