//! The narrow waist between the catalog's operations and sqlx: both databases offer the same few calls, so that each
//! operation, its SQL and its decoding are written once.

use std::{borrow::Cow, fmt, future::Future, sync::Arc};

use bytes::Bytes;
use clicktrail_log::{
    position::{Position, Seq},
    time::{Hour, Timestamp},
};
use sqlx::{
    PgTransaction, Row as _, SqliteTransaction,
    postgres::PgRow,
    sqlite::{SqliteError, SqliteRow},
};

use crate::{contract::Catalog, error::Error, migration::Migration, model::Making};

/// What only one writing transaction at a time may change. SQLite has one writer anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// The registry.
    Registry,
    /// Hours, segments, hot partials: whatever decides which frames are counted where.
    Counts,
    /// Generations and their units, so that workers do not wait for sealing.
    Units,
    /// Live pointers, which move to what units made: counts and units together.
    Pointers,
    /// Terms, drafts and documents: whatever decides who is billed how much under which number.
    Invoices,
    /// The tables themselves.
    Migrations,
}

/// A database that can start transactions.
pub(crate) trait Backend: Send + Sync + fmt::Debug {
    /// A transaction.
    type Session: Session;
    /// The migrations of this database, in order.
    const MIGRATIONS: &'static [Migration];

    /// The making of the catalog that this handle writes to.
    fn made_in(&self) -> Making;

    /// The same database, for one that begins under `making`.
    fn under(&self, making: Making) -> Arc<dyn Catalog>;

    /// A transaction that sees one instant and changes nothing; it ends when it is dropped.
    fn read(&self) -> impl Future<Output = Result<Self::Session, Error>> + Send;

    /// A transaction that holds `lock` until it ends, so that what it has checked stays true while it writes. It sees
    /// everything that earlier holders committed.
    fn write(&self, lock: Lock) -> impl Future<Output = Result<Self::Session, Error>> + Send;
}

/// One open transaction. Dropping it undoes it.
pub(crate) trait Session: Send + Sized {
    /// Runs one statement and returns how many rows it changed.
    fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> impl Future<Output = Result<u64, Error>> + Send;

    /// All rows of a query. If there may be many, the query itself limits them.
    fn fetch<T: Send>(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        decode: fn(&dyn Fields) -> Result<T, Error>,
    ) -> impl Future<Output = Result<Vec<T>, Error>> + Send;

    /// Runs several statements without arguments: a migration.
    fn run_script(&mut self, sql: &'static str) -> impl Future<Output = Result<(), Error>> + Send;

    /// Makes the transaction durable.
    fn commit(self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// An argument of a statement, `$1` being the first.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arg<'a> {
    Int(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

impl From<i64> for Arg<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Arg<'_> {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

/// A count of rows or bytes.
impl From<u64> for Arg<'_> {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).expect("a count of rows or bytes fits sixty-three bits"))
    }
}

impl From<Seq> for Arg<'_> {
    fn from(seq: Seq) -> Self {
        Self::Int(seq.as_i64())
    }
}

/// Positions are above 0, which stands for none.
impl From<Option<Position>> for Arg<'_> {
    fn from(position: Option<Position>) -> Self {
        Self::Int(position.map_or(0, Position::as_i64))
    }
}

impl From<Hour> for Arg<'_> {
    fn from(hour: Hour) -> Self {
        Self::Int(hour.as_i64())
    }
}

impl From<Timestamp> for Arg<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.micros())
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a Bytes> for Arg<'a> {
    fn from(value: &'a Bytes) -> Self {
        Self::Blob(value)
    }
}

/// A row, by column name. The three types are all that the catalog stores.
pub(crate) trait Fields {
    fn int(&self, column: &str) -> Result<i64, sqlx::Error>;
    fn text(&self, column: &str) -> Result<String, sqlx::Error>;
    fn blob(&self, column: &str) -> Result<Bytes, sqlx::Error>;
}

// sqlx has a concrete type for each database and no trait that covers both, so these macros write the code for each.

macro_rules! bound {
    ($sql:expr, $args:expr) => {
        $args.iter().fold(sqlx::query($sql), |query, arg| match *arg {
            Arg::Int(value) => query.bind(value),
            Arg::Text(value) => query.bind(value),
            Arg::Blob(value) => query.bind(value),
        })
    };
}

macro_rules! impl_fields {
    ($row:ty) => {
        impl Fields for $row {
            fn int(&self, column: &str) -> Result<i64, sqlx::Error> {
                self.try_get(column)
            }

            fn text(&self, column: &str) -> Result<String, sqlx::Error> {
                self.try_get(column)
            }

            fn blob(&self, column: &str) -> Result<Bytes, sqlx::Error> {
                self.try_get::<Vec<u8>, _>(column).map(Bytes::from)
            }
        }
    };
}

macro_rules! impl_session {
    ($transaction:ty) => {
        impl Session for $transaction {
            async fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, Error> {
                Ok(bound!(sql, args).execute(&mut **self).await?.rows_affected())
            }

            async fn fetch<T: Send>(
                &mut self,
                sql: &'static str,
                args: &[Arg<'_>],
                decode: fn(&dyn Fields) -> Result<T, Error>,
            ) -> Result<Vec<T>, Error> {
                bound!(sql, args).fetch_all(&mut **self).await?.iter().map(|row| decode(row)).collect()
            }

            async fn run_script(&mut self, sql: &'static str) -> Result<(), Error> {
                sqlx::raw_sql(sql).execute(&mut **self).await?;
                Ok(())
            }

            async fn commit(self) -> Result<(), Error> {
                Ok(self.commit().await?)
            }
        }
    };
}

impl_fields!(SqliteRow);
impl_fields!(PgRow);
impl_session!(SqliteTransaction<'static>);
impl_session!(PgTransaction<'static>);

/// Decides whether trying again may help.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if is_unavailable(&error) { Self::Unavailable(error) } else { Self::Database(error) }
    }
}

fn is_unavailable(error: &sqlx::Error) -> bool {
    // `sqlx::Error` may grow: only what is known to pass by itself is worth another try.
    match error {
        sqlx::Error::Io(_)
        // A connection that is cut while it is set up: sqlx reads the end of the stream as a wrong answer.
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(cause) => match cause.try_downcast_ref::<SqliteError>() {
            Some(_) => is_busy_sqlite(cause.code()),
            None => is_unavailable_postgres(cause.code()),
        },
        _ => false,
    }
}

/// SQLITE_BUSY (5) and SQLITE_LOCKED (6), whatever the extended code in the higher bytes.
fn is_busy_sqlite(code: Option<Cow<'_, str>>) -> bool {
    code.and_then(|code| code.parse::<i64>().ok()).is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

/// Codes from PostgreSQL's appendix A.
fn is_unavailable_postgres(code: Option<Cow<'_, str>>) -> bool {
    const PASSING: [&str; 10] = [
        "25006", // read_only_sql_transaction: connected to a standby during a fail-over
        "25P03", // idle_in_transaction_session_timeout
        "40001", // serialization_failure
        "40P01", // deadlock_detected
        "53300", // too_many_connections
        "55P03", // lock_not_available: our lock_timeout
        "57014", // query_canceled: a statement_timeout, or an operator
        "57P01", // admin_shutdown
        "57P02", // crash_shutdown
        "57P03", // cannot_connect_now
    ];
    code.is_some_and(|code| code.starts_with("08") || PASSING.contains(&code.as_ref()))
}
