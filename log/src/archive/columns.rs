//! Writes the columns of Parquet files; each column is a task for the next thread that is free.
//!
//! A thread gathers a column from the batches in the order of the rows, encodes and compresses it, and drops what it
//! gathered before it takes the next column: so there is never a sorted copy of all rows. Columns do not know of each
//! other, so the bytes of a file do not depend on the threads.

#![expect(clippy::disallowed_methods, reason = "the columns of a part are shared out between two threads")]

use std::sync::{Mutex, PoisonError};

use arrow::{
    array::{Array, RecordBatch},
    compute::interleave,
    datatypes::{FieldRef, SchemaRef},
};
use bytes::Bytes;
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves},
    },
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
};

use crate::invariant;

/// How many threads write the columns of a part.
const THREADS: usize = 2;

/// A column of a file that is still to be written.
struct ColumnTask {
    /// Which of the files.
    file: usize,
    /// Which column of the file.
    column: usize,
    field: FieldRef,
    /// Which column of the batches.
    source: usize,
    writer: ArrowColumnWriter,
}

/// A file that is written in memory.
type FileWriter = SerializedFileWriter<Vec<u8>>;

/// A column that is written: which file, which column of it, and its bytes.
type Written = (usize, usize, ArrowColumnChunk);

/// Writes one file for each schema, with one row group. The columns of a schema are among those of the batches; the
/// rows come in the order of `order`, which names each by its batch and its number there. Each of the threads does
/// `first` before its first column.
pub(super) fn write(
    batches: &[RecordBatch],
    order: &[(usize, usize)],
    files: Vec<(SchemaRef, WriterProperties)>,
    first: &(dyn Fn() + Sync),
) -> Result<Vec<Bytes>, ParquetError> {
    let (writers, tasks) = prepare(batches, files)?;
    let tasks = Mutex::new(tasks);
    let work = || -> Result<Vec<Written>, ParquetError> {
        first();
        let mut written = Vec::new();
        loop {
            let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(task) = next else { return Ok(written) };
            let (file, column) = (task.file, task.column);
            written.push((file, column, write_column(batches, order, task)?));
        }
    };
    let mut written = std::thread::scope(|scope| {
        let others: Vec<_> = (1..THREADS).map(|_| scope.spawn(work)).collect();
        let mut written = work()?;
        for other in others {
            written.extend(other.join().expect("writing Parquet does not panic")?);
        }
        Ok::<_, ParquetError>(written)
    })?;
    written.sort_unstable_by_key(|(file, column, _)| (*file, *column));
    let mut written = written.into_iter().peekable();
    let mut files = Vec::with_capacity(writers.len());
    for (index, mut writer) in writers.into_iter().enumerate() {
        let mut group = writer.next_row_group()?;
        while let Some((_, _, column)) = written.next_if(|(file, _, _)| *file == index) {
            column.append_to_row_group(&mut group)?;
        }
        let rows = group.close()?.num_rows();
        invariant!(I1, usize::try_from(rows) == Ok(order.len()), "{} rows became {rows} of file {index}", order.len());
        files.push(Bytes::from(writer.into_inner()?));
    }
    invariant!(I6, written.next().is_none(), "a column was written for none of {} files", files.len());
    Ok(files)
}

/// The writers of the files, and a task for each column. Tasks are taken from the end, and the largest columns are
/// there: they are begun first, so that the threads end at about the same time.
fn prepare(
    batches: &[RecordBatch],
    files: Vec<(SchemaRef, WriterProperties)>,
) -> Result<(Vec<FileWriter>, Vec<ColumnTask>), ParquetError> {
    let (mut writers, mut tasks) = (Vec::with_capacity(files.len()), Vec::new());
    for (file, (schema, properties)) in files.into_iter().enumerate() {
        let writer = ArrowWriter::try_new(Vec::new(), SchemaRef::clone(&schema), Some(properties))?;
        let (writer, factory) = writer.into_serialized_writer()?;
        writers.push(writer);
        let columns = schema.fields().iter().zip(factory.create_column_writers(0)?);
        for (column, (field, writer)) in columns.enumerate() {
            let source = batches.first().map_or(Ok(0), |batch| batch.schema().index_of(field.name()))?;
            tasks.push(ColumnTask { file, column, field: FieldRef::clone(field), source, writer });
        }
    }
    tasks.sort_by_cached_key(|task| {
        batches
            .iter()
            .map(|batch| batch.column(task.source).to_data().get_slice_memory_size().unwrap_or(0))
            .sum::<usize>()
    });
    Ok((writers, tasks))
}

fn write_column(
    batches: &[RecordBatch],
    order: &[(usize, usize)],
    task: ColumnTask,
) -> Result<ArrowColumnChunk, ParquetError> {
    let arrays: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(task.source).as_ref()).collect();
    let gathered = interleave(&arrays, order)?;
    let mut writer = task.writer;
    for leaf in compute_leaves(&task.field, &gathered)? {
        writer.write(&leaf)?;
    }
    writer.close()
}
