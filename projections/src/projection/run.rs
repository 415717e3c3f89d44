//! Running a projection: over any table of clicks, over a sealed hour, and over partial results.

use std::sync::Arc;

use clicktrail_log::archive::{Archive, Manifest};
use datafusion::{
    arrow::array::RecordBatch,
    catalog::TableProvider,
    dataframe::DataFrame,
    datasource::MemTable,
    logical_expr::{Expr, ident},
};
use futures::{StreamExt as _, TryStreamExt as _};

use super::{
    definition::{Measure, Projection, Rows},
    ordered,
};
use crate::{
    clicks::CheckedFiles,
    counters,
    error::Error,
    lint::{CLICKS, RULINGS},
    session,
};

impl Projection {
    /// Projects a sealed hour. The built-in code takes its own way through the parts; any other is run by the engine
    /// over the parts as one table, within the limits.
    ///
    /// # Errors
    /// [`Error::Archive`] naming a part that is missing or damaged; [`Error::Refused`] if the rows are not those of a
    /// projection; otherwise as the engine reports.
    pub async fn project_hour(
        &self,
        archive: &Archive,
        hour: &Manifest,
        rulings: &[RecordBatch],
        limits: session::Limits,
    ) -> Result<Rows, Error> {
        if self.is_built_in() {
            return counters::project_hour(archive, hour, rulings, limits).await;
        }
        let files = hour.parts.iter().map(|part| part.core.clone()).collect();
        let core = clicktrail_log::schema::core();
        let clicks = CheckedFiles::new(archive.clone(), files, core, limits.threads);
        self.project(Arc::new(clicks), counters::rulings(rulings.to_vec())?, limits).await
    }

    /// Projects any table of clicks. `rulings` has [`rulings_schema`](counters::rulings_schema) columns and at most one
    /// row a position.
    ///
    /// # Errors
    /// As [`project_hour`](Self::project_hour).
    pub async fn project(
        &self,
        clicks: Arc<dyn TableProvider>,
        rulings: Arc<dyn TableProvider>,
        limits: session::Limits,
    ) -> Result<Rows, Error> {
        let session = session::session(limits)?;
        session.register_table(CLICKS, clicks)?;
        session.register_table(RULINGS, rulings)?;
        let frame = session.sql(self.sql()).await?;
        self.in_order(frame).await
    }

    /// Adds up partial results: rows of the projection's columns, in the order of the key, one a key.
    ///
    /// # Errors
    /// [`Error::Refused`] if a sum does not fit its column; otherwise as the engine reports.
    pub async fn merge(&self, partials: Vec<RecordBatch>, limits: session::Limits) -> Result<Vec<RecordBatch>, Error> {
        let session = session::session(limits)?;
        let partials = session.read_table(Arc::new(MemTable::try_new(self.schema(), vec![partials])?))?;
        let key = self.key().iter().map(|field| ident(field.name())).collect();
        let sum = counters::exact::function();
        let added = |measure: &Measure| sum.call(vec![ident(&measure.name)]).alias(&measure.name);
        let added = self.measures().iter().map(added).collect();
        self.in_order(partials.aggregate(key, added)?).await?.try_collect().await
    }

    /// Projects the rows of frames, all in memory: one tick. `rulings` as in [`project_hour`](Self::project_hour).
    ///
    /// # Errors
    /// As [`project`](Self::project).
    pub async fn project_frames(
        &self,
        batches: &[RecordBatch],
        rulings: &[RecordBatch],
        limits: session::Limits,
    ) -> Result<Vec<RecordBatch>, Error> {
        if self.is_built_in() {
            return counters::project_frames(batches, rulings).await;
        }
        let clicks = Arc::new(crate::clicks::of_frames(batches)?);
        self.project(clicks, counters::rulings(rulings.to_vec())?, limits).await?.try_collect().await
    }

    /// The rows of a query as those of the projection: its columns, in the order of its key.
    async fn in_order(&self, frame: DataFrame) -> Result<Rows, Error> {
        let columns: Vec<Expr> = self.schema().fields().iter().map(|field| ident(field.name())).collect();
        let order = self.key().iter().map(|field| ident(field.name()).sort(true, true)).collect();
        let stream = frame.select(columns)?.sort(order)?.execute_stream().await?;
        ordered::checked(self, stream.map_err(Error::from).boxed())
    }
}
