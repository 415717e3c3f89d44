//! The Parquet file of a part: its encodings and bytes.

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
    rejected::{KNOWN_AS, erased::PEOPLE, read},
    schema::{LOGGED_AT, POSITION},
};

/// What Parquet's `created_by` says: part of the bytes, so it changes only with the layout.
const CREATED_BY: &str = "clicktrail rejected part 1";
/// Columns that are stored as differences.
const DIFFERENCES: [&str; 5] = [POSITION, LOGGED_AT, "rejected_at", "item", KNOWN_AS];
/// Rows of a Parquet row group, at most: a part has one.
pub(super) const ROW_GROUP_ROWS: usize = 1 << 20;

/// Writes rows that are in the order of the log.
pub(super) fn write<'b>(batches: impl IntoIterator<Item = &'b RecordBatch>) -> Result<Bytes, ParquetError> {
    let mut writer = ArrowWriter::try_new(Vec::new(), read(), Some(properties()))?;
    for batch in batches {
        writer.write(batch)?;
    }
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
    // What arrived is repeated nowhere in the file: neither in a dictionary nor among its statistics.
    for name in PEOPLE {
        builder = builder
            .set_column_dictionary_enabled(ColumnPath::from(name), false)
            .set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::None);
    }
    let index = read().index_of(POSITION).ok().and_then(|index| i32::try_from(index).ok());
    let sorting = SortingColumn { column_idx: index.expect("a column of ours"), descending: false, nulls_first: false };
    builder.set_sorting_columns(Some(vec![sorting])).build()
}
