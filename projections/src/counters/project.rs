//! The same SQL over any table of clicks, and over partial counters.

use std::sync::Arc;

use datafusion::{
    arrow::array::RecordBatch, catalog::TableProvider, datasource::MemTable, execution::SendableRecordBatchStream,
};
use futures::TryStreamExt as _;

use super::{
    code::{MERGE_SQL, SQL},
    schema::{normalize, schema},
};
use crate::{error::Error, lint, session};

/// Counts the clicks of a table. The stream is in the order of [`KEYS`](super::KEYS), of [`schema`](super::schema())
/// columns.
///
/// # Errors
/// [`Error::Refused`] if the SQL fails the lint; otherwise as the engine or the archive report.
pub async fn project(
    clicks: Arc<dyn TableProvider>,
    rulings: Arc<dyn TableProvider>,
    limits: session::Limits,
) -> Result<SendableRecordBatchStream, Error> {
    let session = session::session(limits)?;
    session.register_table("clicks", clicks)?;
    session.register_table("rulings", rulings)?;
    let frame = session.sql(SQL).await?;
    lint::check(frame.logical_plan())?;
    Ok(frame.execute_stream().await?)
}

/// Adds up partial counters: rows of [`schema`](super::schema()) columns in the order of [`KEYS`](super::KEYS), one per
/// key.
///
/// # Errors
/// As the engine reports.
pub async fn merge(partials: Vec<RecordBatch>, limits: session::Limits) -> Result<Vec<RecordBatch>, Error> {
    let session = session::session(limits)?;
    session.register_table("partials", Arc::new(MemTable::try_new(schema(), vec![partials])?))?;
    let stream = session.sql(MERGE_SQL).await?.execute_stream().await?;
    stream.map_err(Error::from).and_then(async |batch| normalize(&batch)).try_collect().await
}
