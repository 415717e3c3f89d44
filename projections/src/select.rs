//! A person's read-only SQL over archived hours: `clicks`, `personal` and `rulings`.

use std::{fmt, sync::Arc};

use clicktrail_log::{
    archive::{Archive, Manifest},
    schema,
};
use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    catalog::TableProvider,
    execution::context::SQLOptions,
    prelude::SessionContext,
};

use crate::{clicks::CheckedFiles, counters, error::Error, lint, session};

/// Rows of an answer. More: an error, because they are all in memory.
const ROWS_MAX: usize = 10_000_000;

/// Sealed hours as tables.
pub struct Hours {
    session: SessionContext,
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
        let session = session::session(limits)?;
        let files = |schema: SchemaRef, half: fn(&clicktrail_log::archive::manifest::Part) -> _| {
            let files = hours.iter().flat_map(|hour| &hour.parts).map(half).collect();
            Arc::new(CheckedFiles::new(archive.clone(), files, schema, limits.threads)) as Arc<dyn TableProvider>
        };
        session.register_table("clicks", files(schema::core(), |part| part.core.clone()))?;
        session.register_table("personal", files(schema::personal(), |part| part.personal.clone()))?;
        session.register_table("rulings", counters::rulings(vec![rulings])?)?;
        Ok(Self { session })
    }

    /// The rows of a SELECT.
    ///
    /// # Errors
    /// [`Error::Refused`] for SQL that would change something, or nests too deep; otherwise as the engine or the
    /// archive report.
    pub async fn select(&self, sql: &str) -> Result<Vec<RecordBatch>, Error> {
        lint::of_question(sql)?;
        let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        let plan = self.session.state().create_logical_plan(sql).await?;
        options.verify_plan(&plan).map_err(|error| Error::Refused(error.strip_backtrace()))?;
        let frame = self.session.execute_logical_plan(plan).await?;
        let batches = frame.limit(0, Some(ROWS_MAX + 1))?.collect().await?;
        if batches.iter().map(RecordBatch::num_rows).sum::<usize>() > ROWS_MAX {
            return Err(Error::Refused(format!("more than {ROWS_MAX} rows")));
        }
        Ok(batches)
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
