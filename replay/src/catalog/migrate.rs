//! Brings a database to the tables that this program expects, and refuses one that is not what it says.
//!
//! The scripts are `migrations/<database>/<number>_<name>.sql`, compiled in. To add one: write the file for both
//! databases under the next number and the same name, and add a line to both lists below. A script that was ever
//! released is never edited: the digest recorded in `schema_migrations` would no longer fit, and the catalog would
//! not open.

use sha2::{Digest as _, Sha256};

use super::{
    Error, rows,
    session::{Arg, Backend, Lock, Session},
};

/// One script.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    number: i64,
    name: &'static str,
    sql: &'static str,
}

impl Migration {
    fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.sql))
    }
}

macro_rules! migrations {
    ($database:literal: $($number:literal $name:literal from $file:literal,)+) => {
        &[$(Migration {
            number: $number,
            name: $name,
            sql: include_str!(concat!("../../../migrations/", $database, "/", $file)),
        }),+]
    };
}

pub(super) const SQLITE: &[Migration] = migrations! { "sqlite":
    1 "registry" from "0001_registry.sql",
    2 "hours" from "0002_hours.sql",
    3 "hot_partials" from "0003_hot_partials.sql",
    4 "verdicts" from "0004_verdicts.sql",
};

pub(super) const POSTGRES: &[Migration] = migrations! { "postgres":
    1 "registry" from "0001_registry.sql",
    2 "hours" from "0002_hours.sql",
    3 "hot_partials" from "0003_hot_partials.sql",
    4 "verdicts" from "0004_verdicts.sql",
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
pub(super) async fn run(backend: &impl Backend) -> Result<(), Error> {
    while apply_next(backend).await? {}
    Ok(())
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
    use std::{fs, path::Path};

    use super::*;

    /// Every file is compiled in under its own number and name, so none is forgotten and the trees are the same.
    #[test]
    fn both_databases_have_the_same_migrations_and_every_file_is_listed() {
        for (database, listed) in [("sqlite", SQLITE), ("postgres", POSTGRES)] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(database);
            let mut files: Vec<_> = fs::read_dir(folder)
                .unwrap()
                .map(|entry| (entry.as_ref().unwrap().file_name().into_string().unwrap(), entry.unwrap().path()))
                .collect();
            files.sort();
            let expected: Vec<_> =
                listed.iter().map(|migration| format!("{:04}_{}.sql", migration.number, migration.name)).collect();
            assert_eq!(files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), expected, "{database}");
            for ((_, path), migration) in files.iter().zip(listed) {
                assert_eq!(fs::read_to_string(path).unwrap(), migration.sql, "{}", path.display());
                assert!(migration.sql.starts_with("-- "), "{} begins with a comment that says why", path.display());
            }
        }
        let names = |list: &[Migration]| list.iter().map(|one| (one.number, one.name)).collect::<Vec<_>>();
        assert_eq!(names(SQLITE), names(POSTGRES));
        assert_eq!(names(SQLITE).iter().map(|one| one.0).collect::<Vec<_>>(), (1..=4).collect::<Vec<_>>());
    }

    #[test]
    fn a_hole_in_the_applied_migrations_is_refused() {
        let row = |one: &Migration| (one.number, one.name.to_owned(), one.digest());
        assert_eq!(pending(&[row(&SQLITE[0])], SQLITE).unwrap().unwrap().number, 2);
        let error = pending(&[row(&SQLITE[1])], SQLITE).unwrap_err().to_string();
        assert_eq!(error, "the catalog holds migration 0002_hours in place of 0001_registry");
    }
}
