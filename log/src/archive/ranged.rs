//! Some rows of a Parquet file, read without the rest: of a large file in a remote store only the pages that hold them.
//!
//! What is read so is not compared with the file's digest. Whoever uses it has another proof that the rows are right.

use std::{ops::Range, sync::Arc};

use arrow::{array::RecordBatch, compute::concat_batches};
use bytes::Bytes;
use futures::{FutureExt as _, TryStreamExt as _, future::BoxFuture};
use object_store::path::Path;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderOptions, RowSelection},
        async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder},
    },
    errors::ParquetError,
    file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
};

use super::{
    batches::decoded_while,
    bloom::Filter,
    entry::File,
    part::READ_BATCH_ROWS,
    store::{Archive, Error},
};

/// How much of the end of a file is read at first: its footer and where its pages are, in one request.
const FOOTER_BYTES: usize = 64 << 10;

/// A file of which ranges are read.
struct Ranged {
    archive: Archive,
    path: Path,
    bytes: u64,
}

impl AsyncFileReader for Ranged {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        let read = async move {
            let mut read = self.get_byte_ranges(vec![range]).await?;
            read.pop().ok_or_else(|| ParquetError::General("nothing was read".into()))
        };
        read.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        let failed = |error: Error| ParquetError::External(Box::new(error));
        async move { self.archive.get_ranges(&self.path, &ranges).await.map_err(failed) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        let bytes = self.bytes;
        let read = async move {
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            reader.with_prefetch_hint(Some(FOOTER_BYTES)).load_and_finish(self, bytes).await.map(Arc::new)
        };
        read.boxed()
    }
}

/// The named columns of some rows of a file, or all columns for `None`, as one batch. `ranges` are ascending and
/// disjoint rows of the file.
///
/// # Errors
/// [`Error::Missing`], [`Error::Unavailable`]; [`Error::Damaged`] if these rows cannot be read.
pub async fn rows(
    archive: &Archive,
    file: &File,
    ranges: &[Range<usize>],
    columns: Option<&[&str]>,
) -> Result<RecordBatch, Error> {
    let found = decoded_while(read(archive, file, ranges, columns)).await.map_err(|error| failed(error, file));
    match found {
        Err(missing @ Error::Missing(_)) => match archive.in_place_of(file).await? {
            Some(left) => {
                decoded_while(read(archive, &left, ranges, columns)).await.map_err(|error| failed(error, &left))
            }
            None => Err(missing),
        },
        read => read,
    }
}

/// Whether a row of a file may have this text in a column: its Bloom filter says so, or it has none. Footer and a few
/// bytes of the filter are read.
///
/// # Errors
/// As [`rows`].
pub async fn may_hold(archive: &Archive, file: &File, column: &str, text: &str) -> Result<bool, Error> {
    let found = decoded_while(ask_filter(archive, file, column, text)).await.map_err(|error| failed(error, file));
    match found {
        Err(missing @ Error::Missing(_)) => match archive.in_place_of(file).await? {
            Some(left) => {
                decoded_while(ask_filter(archive, &left, column, text)).await.map_err(|error| failed(error, &left))
            }
            None => Err(missing),
        },
        read => read,
    }
}

async fn ask_filter(archive: &Archive, file: &File, column: &str, text: &str) -> Result<bool, ParquetError> {
    let mut ranged = Ranged { archive: archive.clone(), path: Path::from(file.key.as_str()), bytes: file.bytes };
    let metadata = ranged.get_metadata(None).await?;
    for group in metadata.row_groups() {
        let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == column);
        let chunk = chunk.ok_or_else(|| ParquetError::General(format!("it lacks the column {column}")))?;
        let unsigned = |number: i64| u64::try_from(number).ok();
        let begin = chunk.bloom_filter_offset().and_then(unsigned);
        let bytes = chunk.bloom_filter_length().and_then(|bytes| u64::try_from(bytes).ok());
        let filter = begin.zip(bytes).and_then(|(begin, bytes)| Filter::new(begin, bytes));
        let Some(filter) = filter.filter(|filter| filter.end() <= file.bytes) else { return Ok(true) };
        let read = ranged.get_byte_ranges(filter.ranges(text).to_vec()).await?;
        let answer = match read.as_slice() {
            [head, block] => filter.may_hold(head, block, text),
            _ => None,
        };
        if answer.unwrap_or(true) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn read(
    archive: &Archive,
    file: &File,
    ranges: &[Range<usize>],
    columns: Option<&[&str]>,
) -> Result<RecordBatch, ParquetError> {
    let ranged = Ranged { archive: archive.clone(), path: Path::from(file.key.as_str()), bytes: file.bytes };
    let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
    let builder = ParquetRecordBatchStreamBuilder::new_with_options(ranged, options).await?;
    let total = builder.metadata().file_metadata().num_rows();
    let total = usize::try_from(total).map_err(|_| ParquetError::General(format!("it has {total} rows")))?;
    if ranges.last().is_some_and(|range| range.end > total) {
        return Err(ParquetError::General(format!("it has only {total} rows")));
    }
    let mask = match columns {
        None => ProjectionMask::all(),
        Some(columns) => {
            let indices = columns.iter().map(|name| builder.schema().index_of(name)).collect::<Result<Vec<_>, _>>()?;
            ProjectionMask::roots(builder.parquet_schema(), indices)
        }
    };
    let selection = RowSelection::from_consecutive_ranges(ranges.iter().cloned(), total);
    let builder = builder.with_batch_size(READ_BATCH_ROWS).with_projection(mask).with_row_selection(selection);
    let stream = builder.build()?;
    let schema = Arc::clone(stream.schema());
    let batches: Vec<RecordBatch> = stream.try_collect().await?;
    let rows = concat_batches(&schema, &batches)?;
    let expected: usize = ranges.iter().map(ExactSizeIterator::len).sum();
    match rows.num_rows() == expected {
        true => Ok(rows),
        false => Err(ParquetError::General(format!("{expected} rows were read as {}", rows.num_rows()))),
    }
}

/// What the store said, if it was the store.
fn failed(error: ParquetError, file: &File) -> Error {
    let damaged = |reason: String| Error::Damaged { key: file.key.clone(), reason };
    match error {
        ParquetError::External(source) => match source.downcast::<Error>() {
            Ok(stored) => *stored,
            Err(other) => damaged(format!("its rows cannot be read: {other}")),
        },
        other => damaged(format!("its rows cannot be read: {other}")),
    }
}
