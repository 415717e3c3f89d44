//! The file of one segment: row groups of the same size, and what stands around them.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch},
        datatypes::SchemaRef,
        error::ArrowError,
    },
    parquet::{
        arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata},
        basic::{Compression, ZstdLevel},
        file::{
            properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion},
            writer::SerializedFileWriter,
        },
        schema::types::ColumnPath,
    },
};

use super::{chunk, column};
use crate::error::Error;

/// What Parquet's `created_by` says: part of the bytes, so it changes only with the layout.
pub(crate) const CREATED_BY: &str = "clicktrail segment 3";
/// The columns whose least and greatest values are kept, for readers that look for an advertiser or a time. Those of
/// sums and counts find nobody anything.
const WITH_STATISTICS: [&str; 2] = ["advertiser_id", "minute"];

/// How rows are cut: part of the layout.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Rows of a row group; the last one has fewer. A writer holds one in memory.
    group_rows: usize,
    /// Rows of a data page; a row group's last one has fewer.
    page_rows: usize,
}

const SIZES: Sizes = Sizes { group_rows: 1 << 18, page_rows: 1 << 15 };

/// Writes the rows of one segment.
#[derive(Debug)]
pub struct Writer {
    sizes: Sizes,
    file: SerializedFileWriter<Vec<u8>>,
    /// Of the row group that is not written yet.
    columns: Vec<column::Column>,
    zstd: chunk::Zstd,
    rows: u64,
}

impl Writer {
    /// A writer of rows of `schema`.
    ///
    /// # Errors
    /// If it has columns of other types than text, 64-bit integers, microseconds and decimals of 38 digits.
    pub fn new(schema: &SchemaRef) -> Result<Self, Error> {
        Self::with_sizes(schema, SIZES)
    }

    fn with_sizes(schema: &SchemaRef, sizes: Sizes) -> Result<Self, Error> {
        let mut properties = properties().build();
        add_encoded_arrow_schema_to_metadata(schema, &mut properties);
        let root = ArrowSchemaConverter::new().convert(schema)?.root_schema_ptr();
        let file = SerializedFileWriter::new(Vec::new(), root, Arc::new(properties))?;
        let columns = schema.fields().iter().map(column::Column::new).collect::<Result<_, _>>()?;
        Ok(Self { sizes, file, columns, zstd: chunk::Zstd::new()?, rows: 0 })
    }

    /// Appends rows, which come in the segment's order; texts may be dictionaries.
    ///
    /// # Errors
    /// If they are not of the schema.
    pub fn push(&mut self, batch: RecordBatch) -> Result<(), Error> {
        if batch.num_columns() != self.columns.len() {
            let columns = format!("{} columns for {}", batch.num_columns(), self.columns.len());
            return Err(Error::from(ArrowError::InvalidArgumentError(columns)));
        }
        let accepted = self.columns.iter().zip(batch.columns()).map(|(column, rows)| column.accept(rows));
        let accepted: Vec<ArrayRef> = accepted.collect::<Result<_, _>>()?;
        let mut done = 0;
        while done < batch.num_rows() {
            let rows = (batch.num_rows() - done).min(self.sizes.group_rows - self.group_rows());
            for (column, all) in self.columns.iter_mut().zip(&accepted) {
                column.push(&all.slice(done, rows));
            }
            done += rows;
            if self.group_rows() == self.sizes.group_rows {
                self.write_group()?;
            }
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    fn group_rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.codes().len())
    }

    fn write_group(&mut self) -> Result<(), Error> {
        let descriptors = self.file.schema_descr().columns().to_vec();
        let properties = Arc::clone(self.file.properties());
        let mut group = self.file.next_row_group()?;
        for (column, descriptor) in self.columns.iter_mut().zip(&descriptors) {
            let (bytes, close) = chunk::encode(column, descriptor, &properties, self.sizes.page_rows, &mut self.zstd)?;
            group.append_column(&bytes, close)?;
            column.clear();
        }
        group.close()?;
        Ok(())
    }

    /// The bytes and the number of rows.
    ///
    /// # Errors
    /// If Parquet cannot be finished.
    pub fn finish(mut self) -> Result<(Bytes, u64), Error> {
        if self.group_rows() > 0 {
            self.write_group()?;
        }
        Ok((self.file.into_inner()?.into(), self.rows))
    }
}

fn properties() -> WriterPropertiesBuilder {
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_statistics_truncate_length(Some(64));
    for column in WITH_STATISTICS {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(column), EnabledStatistics::Chunk);
    }
    properties
}

#[cfg(test)]
mod tests;
