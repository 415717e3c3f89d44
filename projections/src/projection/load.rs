//! From text to a projection: the SQL is looked at before anything is computed with it.

use std::sync::Arc;

use datafusion::{arrow::datatypes::Field, datasource::MemTable};

use super::{
    definition::{Declared, Projection},
    file,
};
use crate::{
    counters,
    error::Error,
    lint::{self, CLICKS, Expected, RULINGS},
    session,
};

impl Projection {
    /// Other SQL for the columns of counters, which may be tried and compared before it is released. Its code digest is
    /// the one that counters have once this text is theirs, so that what it built is then used again.
    ///
    /// # Errors
    /// [`Error::Refused`] if the SQL fails the lint, or gives other columns.
    pub async fn candidate_of_counters(sql: &str) -> Result<Self, Error> {
        if sql == counters::SQL {
            return Ok(Self::counters());
        }
        let candidate = Self::with_columns_of_counters(sql);
        let key: Vec<String> = candidate.key().iter().map(|field| field.name().clone()).collect();
        let (time, unit, measures) = (candidate.time(), candidate.unit(), candidate.measures());
        for found in key_of(sql, &Expected { key: &key, time, unit, measures }).await? {
            let schema = candidate.schema();
            let wanted = schema.field_with_name(found.name())?;
            if wanted.data_type() != found.data_type() || found.is_nullable() && !wanted.is_nullable() {
                let (name, wanted, found) = (found.name(), described(wanted), described(&found));
                return Err(Error::Refused(format!("column {name}: counters have {wanted}, this is {found}")));
            }
        }
        Ok(candidate)
    }

    /// A user's projection: the text of `NAME.toml`, which names its columns, and that of `NAME.sql`.
    ///
    /// # Errors
    /// [`Error::Refused`] naming the field, or the place in the SQL, and what to do instead.
    pub async fn from_files(name: &str, toml: &str, sql: &str) -> Result<Self, Error> {
        file::projection_name(name)?;
        let in_file = |suffix: &'static str| {
            move |error| match error {
                Error::Refused(what) => Error::Refused(format!("{name}.{suffix}: {what}")),
                error @ (Error::Archive(_) | Error::Query(_) | Error::Segment(_) | Error::Argument(_)) => error,
            }
        };
        let declared = file::read(toml).map_err(in_file("toml"))?;
        let Declared { key, time, unit, measures } = &declared;
        let fields = key_of(sql, &Expected { key, time, unit: *unit, measures }).await.map_err(in_file("sql"))?;
        Ok(Self::of_user(name, sql, declared, fields))
    }
}

/// A column as a message has it.
fn described(field: &Field) -> String {
    let never = if field.is_nullable() { "which may be null" } else { "which is never null" };
    format!("{}, {never}", field.data_type())
}

/// Reads SQL against what is said of its columns, and tells those of the key.
///
/// # Errors
/// [`Error::Refused`] naming the place, and what to do instead.
async fn key_of(sql: &str, expected: &Expected<'_>) -> Result<Vec<Field>, Error> {
    let session = session::session(session::Limits::default())?;
    let tables = [(CLICKS, clicktrail_log::schema::core()), (RULINGS, counters::rulings_schema())];
    for (name, schema) in tables {
        session.register_table(name, Arc::new(MemTable::try_new(schema, vec![vec![]])?))?;
    }
    lint::projection(&session, sql, expected).await
}
