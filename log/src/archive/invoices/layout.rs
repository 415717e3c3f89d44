//! The Parquet file of a part: its order, encodings and bytes.

use arrow::array::RecordBatch;
use bytes::Bytes;
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

use crate::{
    invoices::schema,
    schema::{LOGGED_AT, POSITION},
};

/// What Parquet's `created_by` says: part of the bytes, so it changes only with the layout.
const CREATED_BY: &str = "clicktrail invoice part 1";
/// The order of rows, as Parquet's `sorting_columns` states it.
pub(super) const SORTED_BY: [&str; 3] = ["series", "number", POSITION];
/// Columns that are stored as differences.
const DIFFERENCES: [&str; 6] = [POSITION, LOGGED_AT, "number", "period_from", "period_to", "issued_at"];
/// Columns of which no two rows have the same value: a dictionary of them would be the column again.
const UNLIKE: [&str; 2] = ["document", "artefacts"];
/// Rows of a Parquet row group, at most: a part has one.
pub(super) const ROW_GROUP_ROWS: usize = 1 << 20;

/// Writes the rows, which are sorted already.
pub(super) fn write(sorted: &RecordBatch) -> Result<Bytes, ParquetError> {
    let mut writer = ArrowWriter::try_new(Vec::new(), schema::read(), Some(properties()))?;
    writer.write(sorted)?;
    writer.into_inner().map(Bytes::from)
}

fn properties() -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(64));
    for name in DIFFERENCES {
        builder = builder
            .set_column_dictionary_enabled(ColumnPath::from(name), false)
            .set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in UNLIKE {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    let index = |name: &str| schema::read().index_of(name).ok().and_then(|index| i32::try_from(index).ok());
    let sorting = SORTED_BY.iter().map(|name| SortingColumn {
        column_idx: index(name).expect("a column of ours"),
        descending: false,
        nulls_first: false,
    });
    builder.set_sorting_columns(Some(sorting.collect())).build()
}
