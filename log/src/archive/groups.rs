//! The row groups of a Parquet file, for whoever holds two files of one layout against each other: a column whose
//! stored bytes are the same has the same values, and need not be decoded.

use std::ops::Range;

use arrow::datatypes::{DataType, SchemaRef};
use bytes::Bytes;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
        },
    },
    errors::ParquetError,
    file::metadata::ColumnChunkMetaData,
};

use super::{
    batches::{self, Batches},
    part::READ_BATCH_ROWS,
};

/// A file whose footer was read.
#[derive(Debug, Clone)]
pub struct Groups {
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
}

/// One column of one row group.
struct Stored<'g> {
    chunk: &'g ColumnChunkMetaData,
    /// Bytes of its dictionary, which comes first.
    pages_after: i64,
    bytes: &'g [u8],
}

impl Groups {
    /// Reads the footer.
    ///
    /// # Errors
    /// If the bytes are not a Parquet file.
    pub fn open(bytes: Bytes) -> Result<Self, ParquetError> {
        let metadata = batches::footer(&bytes, ArrowReaderOptions::default())?;
        Ok(Self { bytes, metadata })
    }

    /// How many row groups there are.
    pub fn count(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// The columns of the file.
    pub fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// The rows of a row group.
    pub fn rows(&self, group: usize) -> Option<usize> {
        let groups = self.metadata.metadata().row_groups();
        groups.get(group).and_then(|group| usize::try_from(group.num_rows()).ok())
    }

    /// Whether a column has the same values, in the same order, in the same row group of both files, as far as that
    /// shows without decoding it: `false` may be a column that is written in another way.
    pub fn is_same(&self, other: &Self, group: usize, column: &str) -> bool {
        let (Some(here), Some(there)) = (self.stored(group, column), other.stored(group, column)) else {
            return false;
        };
        let (one, two) = (here.chunk, there.chunk);
        self.data_type(column) == other.data_type(column)
            && one.column_descr() == two.column_descr()
            && (one.compression(), one.num_values()) == (two.compression(), two.num_values())
            && here.pages_after == there.pages_after
            && here.bytes == there.bytes
    }

    /// Reads the named columns of some row groups; they come in the order of the file.
    ///
    /// # Errors
    /// If a column is not there.
    pub fn read(&self, groups: Range<usize>, columns: &[&str]) -> Result<Batches, ParquetError> {
        Batches::open(|| self.builder(groups, columns)?.build())
    }

    /// Reads the named columns of some rows of one row group, given as ascending ranges that do not touch.
    ///
    /// # Errors
    /// If a column is not there.
    pub fn read_rows(&self, group: usize, rows: &[Range<usize>], columns: &[&str]) -> Result<Batches, ParquetError> {
        let mut selectors = Vec::with_capacity(2 * rows.len());
        let mut done = 0;
        for range in rows {
            if range.start > done {
                selectors.push(RowSelector::skip(range.start - done));
            }
            selectors.push(RowSelector::select(range.len()));
            done = range.end;
        }
        let selection = RowSelection::from(selectors);
        Batches::open(|| self.builder(group..group + 1, columns)?.with_row_selection(selection).build())
    }

    fn builder(
        &self,
        groups: Range<usize>,
        columns: &[&str],
    ) -> Result<ParquetRecordBatchReaderBuilder<Bytes>, ParquetError> {
        let metadata = self.metadata.clone();
        let indices: Vec<usize> = columns.iter().map(|name| self.schema().index_of(name)).collect::<Result<_, _>>()?;
        let mask = ProjectionMask::roots(metadata.parquet_schema(), indices);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), metadata);
        Ok(builder.with_batch_size(READ_BATCH_ROWS).with_row_groups(groups.collect()).with_projection(mask))
    }

    fn data_type(&self, column: &str) -> Option<&DataType> {
        self.schema().field_with_name(column).ok().map(|field| field.data_type())
    }

    /// A flat column as it is stored.
    fn stored(&self, group: usize, column: &str) -> Option<Stored<'_>> {
        let group = self.metadata.metadata().row_groups().get(group)?;
        let chunk = group.columns().iter().find(|chunk| chunk.column_path().parts() == [column])?;
        let pages = chunk.data_page_offset();
        let start = chunk.dictionary_page_offset().unwrap_or(pages);
        let (from, length) = (usize::try_from(start).ok()?, usize::try_from(chunk.compressed_size()).ok()?);
        let bytes = self.bytes.get(from..from.checked_add(length)?)?;
        Some(Stored { chunk, pages_after: pages.checked_sub(start)?, bytes })
    }
}
