//! Brings a database to the tables that this program expects, and refuses one that is not what it says.

use crate::{
    error::Error,
    migration::Migration,
    rows,
    session::{Arg, Backend, Lock, Session},
};

/// BIGINT is an integer to both databases.
const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS schema_migrations (
        number BIGINT NOT NULL,
        name   TEXT   NOT NULL,
        sha256 TEXT   NOT NULL,
        CONSTRAINT schema_migrations_pk PRIMARY KEY (number)
    )";

const APPLIED: &str = "SELECT number, name, sha256 FROM schema_migrations ORDER BY number";

const RECORD: &str = "INSERT INTO schema_migrations (number, name, sha256) VALUES ($1, $2, $3)";

/// Applies what is missing, each script in a transaction of its own. Of two programs that start at once, one waits.
///
/// # Errors
/// [`Error::Corrupt`] if what was applied differs from this program's scripts, or goes beyond them.
pub(crate) async fn run(backend: &impl Backend) -> Result<(), Error> {
    while apply_next(backend).await? {}
    Ok(())
}

/// Whether all scripts are applied. Nothing is written.
///
/// # Errors
/// As [`run`]; also if this is no catalog.
pub(crate) async fn is_current<B: Backend>(backend: &B) -> Result<bool, Error> {
    let applied = backend.read().await?.fetch(APPLIED, &[], rows::migration).await?;
    Ok(pending(&applied, B::MIGRATIONS)?.is_none())
}

/// Whether there was one to apply.
async fn apply_next<B: Backend>(backend: &B) -> Result<bool, Error> {
    let mut session = backend.write(Lock::Migrations).await?;
    session.execute(CREATE, &[]).await?;
    let applied = session.fetch(APPLIED, &[], rows::migration).await?;
    let Some(next) = pending(&applied, B::MIGRATIONS)? else { return Ok(false) };
    session.run_script(next.sql).await?;
    let digest = next.digest();
    session.execute(RECORD, &[next.number.into(), next.name.into(), Arg::from(&digest)]).await?;
    session.commit().await?;
    tracing::info!(number = next.number, name = next.name, "applied a migration to the catalog");
    Ok(true)
}

/// The first of `known` that is not among `applied`, which has to be the beginning of `known`.
fn pending<'k>(applied: &[(i64, String, String)], known: &'k [Migration]) -> Result<Option<&'k Migration>, Error> {
    for (index, (number, name, digest)) in applied.iter().enumerate() {
        let Some(expected) = known.get(index) else {
            return Err(Error::Corrupt(format!(
                "migration {number:04}_{name}, which this program does not know: a newer one was here"
            )));
        };
        if (*number, name.as_str()) != (expected.number, expected.name) {
            let (wanted, title) = (expected.number, expected.name);
            return Err(Error::Corrupt(format!("migration {number:04}_{name} in place of {wanted:04}_{title}")));
        }
        if *digest != expected.digest() {
            return Err(Error::Corrupt(format!(
                "migration {number:04}_{name} with other content than this program's: SHA-256 {digest}"
            )));
        }
    }
    Ok(known.get(applied.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::SQLITE;

    #[test]
    fn a_hole_in_the_applied_migrations_is_refused() {
        let row = |one: &Migration| (one.number, one.name.to_owned(), one.digest());
        assert_eq!(pending(&[row(&SQLITE[0])], SQLITE).unwrap().unwrap().number, 2);
        let error = pending(&[row(&SQLITE[1])], SQLITE).unwrap_err().to_string();
        assert_eq!(error, "the catalog holds migration 0002_hours in place of 0001_registry");
    }
}
