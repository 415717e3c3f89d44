//! A projection's output for one hour, as bytes. The same rows give the same bytes, however they were batched.

use bytes::Bytes;
use datafusion::{
    arrow::{
        array::RecordBatch,
        compute::{BatchCoalescer, cast},
        datatypes::SchemaRef,
    },
    parquet::{
        arrow::ArrowWriter,
        basic::{Compression, ZstdLevel},
        file::properties::{EnabledStatistics, WriterProperties, WriterVersion},
        schema::types::ColumnPath,
    },
};

use crate::Error;

/// What Parquet's `created_by` says: part of the bytes, so it changes only with the layout.
pub(crate) const CREATED_BY: &str = "clicktrail segment 2";
/// The columns whose least and greatest values are kept, for readers that look for an advertiser or a time. Those of
/// sums and counts find nobody anything, and compare every value that is written.
const WITH_STATISTICS: [&str; 2] = ["advertiser_id", "minute"];
/// Rows are handed to Parquet in batches of exactly this size: page boundaries depend on it.
const BATCH_ROWS: usize = 8_192;

/// Writes the rows of one segment.
#[derive(Debug)]
pub struct Writer {
    schema: SchemaRef,
    parquet: ArrowWriter<Vec<u8>>,
    coalescer: BatchCoalescer,
    rows: u64,
}

impl Writer {
    /// A writer of rows of `schema`.
    ///
    /// # Errors
    /// If Parquet cannot hold the schema.
    pub fn new(schema: &SchemaRef) -> Result<Self, Error> {
        let mut properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(1 << 18))
            .set_statistics_enabled(EnabledStatistics::None)
            .set_statistics_truncate_length(Some(64));
        for column in WITH_STATISTICS {
            properties = properties.set_column_statistics_enabled(ColumnPath::from(column), EnabledStatistics::Chunk);
        }
        let parquet = ArrowWriter::try_new(Vec::new(), SchemaRef::clone(schema), Some(properties.build()))?;
        let coalescer = BatchCoalescer::new(SchemaRef::clone(schema), BATCH_ROWS);
        Ok(Self { schema: SchemaRef::clone(schema), parquet, coalescer, rows: 0 })
    }

    /// Appends rows, which come in the segment's order; texts may be dictionaries.
    ///
    /// # Errors
    /// If they are not of the schema.
    pub fn push(&mut self, batch: RecordBatch) -> Result<(), Error> {
        self.rows += batch.num_rows() as u64;
        let columns = self.schema.fields().iter().zip(batch.columns());
        let columns = columns.map(|(field, column)| cast(column, field.data_type())).collect::<Result<_, _>>()?;
        let batch = RecordBatch::try_new(SchemaRef::clone(&self.schema), columns)?;
        self.coalescer.push_batch(batch)?;
        self.drain()
    }

    fn drain(&mut self) -> Result<(), Error> {
        while let Some(batch) = self.coalescer.next_completed_batch() {
            self.parquet.write(&batch)?;
        }
        Ok(())
    }

    /// The bytes and the number of rows.
    ///
    /// # Errors
    /// If Parquet cannot be finished.
    pub fn finish(mut self) -> Result<(Bytes, u64), Error> {
        self.coalescer.finish_buffered_batch()?;
        self.drain()?;
        Ok((self.parquet.into_inner()?.into(), self.rows))
    }
}
