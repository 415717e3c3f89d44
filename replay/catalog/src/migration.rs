//! The scripts that make the catalog's tables: `migrations/<database>/<number>_<name>.sql`, compiled in.
//!
//! To add one, write the file for both databases under the next number and the same name, and add a line to both lists
//! below. Never edit a script that was released: its digest is recorded in `schema_migrations`, and a catalog with
//! another one does not open.

use sha2::{Digest as _, Sha256};

/// One script.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    /// Its place in the order, from 1.
    pub(crate) number: i64,
    /// What it makes.
    pub(crate) name: &'static str,
    /// What is run.
    pub(crate) sql: &'static str,
}

impl Migration {
    /// SHA-256 of the script, hexadecimal.
    pub(crate) fn digest(&self) -> String {
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

pub(crate) const SQLITE: &[Migration] = migrations! { "sqlite":
    1 "registry" from "0001_registry.sql",
    2 "hours" from "0002_hours.sql",
    3 "hot_partials" from "0003_hot_partials.sql",
    4 "verdicts" from "0004_verdicts.sql",
    5 "generation" from "0005_generation.sql",
    6 "ad_changes" from "0006_ad_changes.sql",
    7 "audit_trail" from "0007_audit_trail.sql",
    8 "generations" from "0008_generations.sql",
    9 "corrections" from "0009_corrections.sql",
    10 "digests" from "0010_digests.sql",
    11 "invoices" from "0011_invoices.sql",
};

pub(crate) const POSTGRES: &[Migration] = migrations! { "postgres":
    1 "registry" from "0001_registry.sql",
    2 "hours" from "0002_hours.sql",
    3 "hot_partials" from "0003_hot_partials.sql",
    4 "verdicts" from "0004_verdicts.sql",
    5 "generation" from "0005_generation.sql",
    6 "ad_changes" from "0006_ad_changes.sql",
    7 "audit_trail" from "0007_audit_trail.sql",
    8 "generations" from "0008_generations.sql",
    9 "corrections" from "0009_corrections.sql",
    10 "digests" from "0010_digests.sql",
    11 "invoices" from "0011_invoices.sql",
};

/// Whether the scripts are numbered from 1 without a hole, which is the order in which they are applied.
const fn numbered(list: &[Migration]) -> bool {
    let (mut index, mut number) = (0, 1);
    while index < list.len() {
        if list[index].number != number {
            return false;
        }
        (index, number) = (index + 1, number + 1);
    }
    true
}

const _: () = assert!(numbered(SQLITE) && numbered(POSTGRES), "migrations are numbered 1, 2, 3 …");
const _: () = assert!(SQLITE.len() == POSTGRES.len(), "every migration is for both databases");

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// Every file is compiled in under its own number and name, so none is forgotten and the trees are the same.
    #[test]
    fn both_databases_have_the_same_migrations_and_every_file_is_listed() {
        for (database, listed) in [("sqlite", SQLITE), ("postgres", POSTGRES)] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(database);
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
    }
}
