//! Tables of archived files, and the `clicks` table of frames that were just logged.
//!
//! A file is read whole and compared with its digest before a row of it is counted, so a damaged one is an error that
//! names it, never a wrong number.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use clicktrail_log::{
    archive::{Archive, manifest, part},
    position::Position,
    schema::{self, POSITION},
};
use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    catalog::{Session, TableProvider},
    datasource::{MemTable, TableType},
    error::{DataFusionError, Result as DataFusionResult},
    execution::TaskContext,
    logical_expr::Expr,
    parquet::{
        arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
        errors::ParquetError,
    },
    physical_plan::{
        ExecutionPlan, SendableRecordBatchStream,
        stream::RecordBatchStreamAdapter,
        streaming::{PartitionStream, StreamingTableExec},
    },
    prelude::{SessionContext, col, lit},
};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::{
    counters::schema::{self as counters, Missing},
    error::Error,
};

/// Files of one schema in an archive, each checked against its size and digest before it is read.
#[derive(Debug)]
pub struct CheckedFiles {
    archive: Archive,
    files: Vec<manifest::File>,
    schema: SchemaRef,
    /// How many are read side by side.
    threads: usize,
    /// Whether a file may have been written before columns were added.
    may_be_earlier: bool,
}

impl CheckedFiles {
    /// The table of files of one schema, such as core files of parts.
    pub fn new(archive: Archive, files: Vec<manifest::File>, schema: SchemaRef, threads: usize) -> Self {
        Self { archive, files, schema, threads, may_be_earlier: false }
    }

    /// The table of segments of counters. Those of an earlier version have nulls in the columns that it did not count.
    pub fn segments(archive: Archive, files: Vec<manifest::File>, threads: usize) -> Self {
        Self { archive, files, schema: counters::question_schema(), threads, may_be_earlier: true }
    }
}

/// The rows of frames as a `clicks` table: what [`part::with_position`] gives, without the personal columns.
///
/// # Errors
/// If the batches are not of the read schema.
pub fn of_frames(batches: &[RecordBatch]) -> Result<MemTable, Error> {
    let core = schema::core();
    let keep: Vec<usize> =
        core.fields().iter().map(|field| schema::read().index_of(field.name())).collect::<Result<_, _>>()?;
    let projected: Vec<RecordBatch> = batches.iter().map(|batch| batch.project(&keep)).collect::<Result<_, _>>()?;
    Ok(MemTable::try_new(core, vec![projected])?)
}

/// The `clicks` table of a sealed hour, without what stands at a position or behind it.
///
/// # Errors
/// As the engine reports.
pub fn of_hour_before(
    archive: &Archive,
    hour: &manifest::Manifest,
    before: Position,
    threads: usize,
) -> Result<Arc<dyn TableProvider>, Error> {
    let files = hour.parts.iter().map(|part| part.core.clone()).collect();
    let clicks = CheckedFiles::new(archive.clone(), files, schema::core(), threads);
    let clicks = SessionContext::new().read_table(Arc::new(clicks))?;
    Ok(clicks.filter(col(POSITION).lt(lit(before.as_i64())))?.into_view())
}

#[async_trait]
impl TableProvider for CheckedFiles {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let projected = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let share = self.files.len().div_ceil(self.threads.max(1)).max(1);
        let partition = |files: &[manifest::File]| {
            let stream = Partition {
                archive: self.archive.clone(),
                files: files.to_vec(),
                file_schema: Arc::clone(&self.schema),
                schema: Arc::clone(&projected),
                may_be_earlier: self.may_be_earlier,
            };
            Arc::new(stream) as Arc<dyn PartitionStream>
        };
        let mut partitions: Vec<_> = self.files.chunks(share).map(partition).collect();
        if partitions.is_empty() {
            partitions.push(partition(&[]));
        }
        Ok(Arc::new(StreamingTableExec::try_new(projected, partitions, None, None, false, limit)?))
    }
}

struct Partition {
    archive: Archive,
    files: Vec<manifest::File>,
    /// All columns of each file.
    file_schema: SchemaRef,
    /// The columns that the query wants, in its order.
    schema: SchemaRef,
    may_be_earlier: bool,
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} files", self.files.len())
    }
}

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (archive, file_schema, schema) =
            (self.archive.clone(), Arc::clone(&self.file_schema), Arc::clone(&self.schema));
        let may_be_earlier = self.may_be_earlier;
        let batches = futures::stream::iter(self.files.clone())
            .then(move |file| {
                let (file_schema, schema) = (Arc::clone(&file_schema), Arc::clone(&schema));
                open(archive.clone(), file, file_schema, schema, may_be_earlier)
            })
            .map_ok(futures::stream::iter)
            .try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

/// The batches of one file, in the columns and order of `schema`.
async fn open(
    archive: Archive,
    file: manifest::File,
    file_schema: SchemaRef,
    schema: SchemaRef,
    may_be_earlier: bool,
) -> DataFusionResult<impl Iterator<Item = DataFusionResult<RecordBatch>>> {
    let bytes = archive.get_file(&file).await.map_err(|error| DataFusionError::External(Box::new(error)))?;
    let damaged = move |error: &dyn fmt::Display| {
        let error = clicktrail_log::archive::Error::Damaged { key: file.key.clone(), reason: error.to_string() };
        DataFusionError::External(Box::new(error))
    };
    let file_schema = match may_be_earlier {
        true if is_earlier(&bytes).map_err(|error| damaged(&error))? => counters::first_schema(),
        true => counters::schema(),
        false => file_schema,
    };
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| file_schema.index_of(name).is_ok()).collect();
    // A file of a part has more columns where something was erased.
    let is_of_part = file_schema.index_of(POSITION).is_ok();
    let reader = part::read_as(bytes.clone(), file_schema, Some(&names)).or_else(|error| match is_of_part {
        true => part::read(bytes, Some(&names)),
        false => Err(error),
    });
    let reader = reader.map_err(|error| damaged(&error))?;
    Ok(reader.map(move |batch| {
        let batch = batch.map_err(|error| damaged(&error))?;
        if may_be_earlier {
            return Ok(counters::complete(&batch, &schema, Missing::Null)?);
        }
        let order: Vec<usize> =
            schema.fields().iter().map(|field| batch.schema().index_of(field.name())).collect::<Result<_, _>>()?;
        Ok(batch.project(&order)?)
    }))
}

/// Whether a segment has only the columns of the first version.
fn is_earlier(bytes: &Bytes) -> Result<bool, ParquetError> {
    let metadata = ArrowReaderMetadata::load(bytes, ArrowReaderOptions::default())?;
    let names = |schema: &SchemaRef| schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    Ok(names(metadata.schema()) == names(&counters::first_schema()))
}
