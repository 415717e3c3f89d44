//! A person's read-only SQL over archived hours: `clicks`, `personal` and `rulings`.

use std::{fmt, sync::Arc};

use clicktrail_log::{
    archive::{Archive, Manifest},
    outside, schema,
};
use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    catalog::TableProvider,
    error::DataFusionError,
    execution::context::SQLOptions,
    prelude::SessionContext,
};

use futures::TryStreamExt as _;

use crate::{clicks::CheckedFiles, counters, error::Error, lint, session};

/// Rows of an answer. More: an error, because they are all in memory.
const ROWS_MAX: usize = 10_000_000;
/// Bytes of an answer, for the same reason.
const ANSWER_BYTES_MAX: usize = 1 << 30;

/// Sealed hours as tables.
pub struct Hours {
    session: SessionContext,
    memory_bytes: usize,
}

impl fmt::Debug for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sealed hours as tables")
    }
}

impl Hours {
    /// The core columns of `hours` as `clicks`, the personal ones as `personal` (same positions), and what stands about
    /// them as `rulings`: rows of [`counters::rulings_schema`] columns.
    ///
    /// # Errors
    /// If the rulings have other columns, or the engine does not start.
    pub fn open(
        archive: &Archive,
        hours: &[Manifest],
        rulings: RecordBatch,
        limits: session::Limits,
    ) -> Result<Self, Error> {
        let session = session::for_questions(limits)?;
        let files = |schema: SchemaRef, half: fn(&clicktrail_log::archive::manifest::Part) -> _| {
            let files = hours.iter().flat_map(|hour| &hour.parts).map(half).collect();
            Arc::new(CheckedFiles::new(archive.clone(), files, schema, limits.threads)) as Arc<dyn TableProvider>
        };
        session.register_table("clicks", files(schema::core(), |part| part.core.clone()))?;
        session.register_table("personal", files(schema::personal(), |part| part.personal.clone()))?;
        session.register_table("rulings", counters::rulings(vec![rulings])?)?;
        Ok(Self { session, memory_bytes: limits.memory_bytes })
    }

    /// The rows of a SELECT. It may go on for as long as the caller waits: whoever drops it stops it.
    ///
    /// # Errors
    /// [`Error::Refused`] for SQL that would change something, nests too deep, names too many tables, or needs more
    /// memory or disk than a question may have; otherwise as the engine or the archive report.
    pub async fn select(&self, sql: &str) -> Result<Vec<RecordBatch>, Error> {
        // Arrow panics where texts are longer than its offsets go.
        let answer = outside::caught_while(self.run(sql)).await;
        let answer = answer.unwrap_or_else(|said| Err(Error::Refused(format!("the engine cannot answer it: {said}"))));
        answer.map_err(|error| self.in_plain_words(error))
    }

    async fn run(&self, sql: &str) -> Result<Vec<RecordBatch>, Error> {
        lint::of_question(sql)?;
        let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        let state = self.session.state();
        let statement = state.sql_to_statement(sql, &state.config().options().sql_parser.dialect)?;
        lint::of_asked(&statement)?;
        let plan = state.statement_to_plan(statement).await?;
        options.verify_plan(&plan).map_err(|error| Error::Refused(error.strip_backtrace()))?;
        let frame = self.session.execute_logical_plan(plan).await?;
        let mut answer = frame.limit(0, Some(ROWS_MAX + 1))?.execute_stream().await?;
        let (mut batches, mut rows, mut bytes) = (Vec::new(), 0, 0);
        while let Some(batch) = answer.try_next().await? {
            rows += batch.num_rows();
            for column in batch.columns() {
                bytes += column.to_data().get_slice_memory_size()?;
            }
            if rows > ROWS_MAX || bytes > ANSWER_BYTES_MAX {
                let (most, mib) = (ROWS_MAX, ANSWER_BYTES_MAX >> 20);
                return Err(Error::Refused(format!("it answers more than {most} rows or {mib} MiB: ask for less")));
            }
            batches.push(batch);
        }
        Ok(batches)
    }

    /// What the engine says of its limits, as people understand it.
    fn in_plain_words(&self, error: Error) -> Error {
        let Error::Query(cause) = error else { return error };
        let mib = self.memory_bytes >> 20;
        match cause.find_root() {
            DataFusionError::ResourcesExhausted(_) => Error::Refused(format!(
                "it needs more than {mib} MiB of memory, or more disk than a question may have: join tables ON their \
                 positions, ask about fewer hours, or select fewer columns"
            )),
            _ => Error::Query(cause),
        }
    }

    /// Makes rows a table of the session.
    ///
    /// # Errors
    /// If the batches are not of one schema.
    pub fn add(&self, name: &str, schema: SchemaRef, rows: Vec<RecordBatch>) -> Result<(), Error> {
        let table = datafusion::datasource::MemTable::try_new(schema, vec![rows])?;
        self.session.register_table(name, Arc::new(table))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
