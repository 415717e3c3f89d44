//! The catalog for servers: a PostgreSQL database that several processes share.

use std::{sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions as _, Executor as _, PgPool, PgTransaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    contract::Catalog,
    error::Error,
    making, migrate,
    migration::{Migration, POSTGRES},
    model::Making,
    session::{Backend, Lock},
};

/// How long to wait for a connection; then the call is [`Error::Unavailable`].
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(10);

/// So many transactions of this process at once; more wait for one of them.
const CONNECTIONS_MAX: u32 = 16;

/// What every connection begins with.
///
/// - `lock_timeout`: a writer that hangs makes nobody wait for ever; after so long a call is [`Error::Unavailable`].
/// - `idle_in_transaction_session_timeout`: a process that vanished with its machine holds its lock no longer than
///   this. It is far longer than comparing an hour takes.
/// - `synchronous_commit`: a database where it is `off` acknowledges what a power loss takes back, so it is set to
///   `on`. Stronger settings stay as they are.
const SET_UP: &str = "
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '60s';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';";

/// The catalog in a PostgreSQL database.
///
/// Writers of one kind run one after the other: each takes an advisory lock that lasts as long as its transaction, so
/// that what it checked stays true. Readers see one instant and wait for nobody.
#[derive(Debug)]
pub struct Postgres {
    pool: PgPool,
    making: Making,
}

impl Postgres {
    /// Connects to the database in `url`, as in `postgres://user:password@host/database`, and brings its tables up to
    /// date. The database has to exist, and the user has to be allowed to create tables in it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the server does not answer; [`Error::Corrupt`] if another version of this program
    /// made the tables; [`Error::Database`] for a wrong URL, password or privilege.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let mut catalog = Self::connected(url).await?;
        migrate::run(&catalog).await?;
        catalog.making = making::opened(&catalog).await?;
        Ok(catalog)
    }

    /// Connects to a catalog that is there, for reading: its tables are not changed, and have to be of this version.
    ///
    /// # Errors
    /// As [`Postgres::connect`]; [`Error::Refused`] if there are no tables, or they are of an earlier version.
    pub async fn connect_reading(url: &str) -> Result<Self, Error> {
        let mut catalog = Self::connected(url).await?;
        let is_current = migrate::is_current(&catalog).await.map_err(|error| match error {
            // Nobody has written into this database yet.
            Error::Database(_) => Error::Refused("to be read: the database has none of its tables".to_owned()),
            other => other,
        });
        if !is_current? {
            let what = "to be read: its tables are of an earlier version, and the next server or command that writes \
                        brings them up to date";
            return Err(Error::Refused(what.to_owned()));
        }
        catalog.making = making::opened(&catalog).await?;
        Ok(catalog)
    }

    async fn connected(url: &str) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse()?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(CONNECT_WAIT_MAX)
            .after_connect(|connection, _| Box::pin(async move { connection.execute(SET_UP).await.map(|_| ()) }))
            .connect_with(options.application_name("clicktrail").disable_statement_logging())
            .await?;
        Ok(Self { pool, making: Making(0) })
    }
}

impl Backend for Postgres {
    type Session = PgTransaction<'static>;
    const MIGRATIONS: &'static [Migration] = POSTGRES;

    fn made_in(&self) -> Making {
        self.making
    }

    fn under(&self, making: Making) -> Arc<dyn Catalog> {
        Arc::new(Self { pool: self.pool.clone(), making })
    }

    async fn read(&self) -> Result<Self::Session, Error> {
        Ok(self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
    }

    async fn write(&self, lock: Lock) -> Result<Self::Session, Error> {
        // Read committed: the statements after the lock see what its earlier holders committed.
        let mut session = self.pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        for key in lock_keys(lock) {
            sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(key).execute(&mut *session).await?;
        }
        Ok(session)
    }
}

/// All programs of a database share the numbers of advisory locks. Eight letters make a number that others hardly use.
const REGISTRY: i64 = i64::from_be_bytes(*b"clickads");
const COUNTS: i64 = i64::from_be_bytes(*b"clickcnt");
const UNITS: i64 = i64::from_be_bytes(*b"clickunt");
const INVOICES: i64 = i64::from_be_bytes(*b"clickinv");
const MIGRATIONS: i64 = i64::from_be_bytes(*b"clickmig");

/// Who takes two takes them in one order, so that nobody waits for one that waits for the other.
const fn lock_keys(lock: Lock) -> &'static [i64] {
    match lock {
        Lock::Registry => &[REGISTRY],
        Lock::Counts => &[COUNTS],
        Lock::Units => &[UNITS],
        Lock::Pointers => &[COUNTS, UNITS],
        Lock::Invoices => &[INVOICES],
        Lock::Migrations => &[MIGRATIONS],
    }
}

const _: () = {
    let keys = [REGISTRY, COUNTS, UNITS, INVOICES, MIGRATIONS];
    let mut one = 0;
    while one < keys.len() {
        let mut other = one + 1;
        while other < keys.len() {
            assert!(keys[one] != keys[other], "locks that share a number exclude each other");
            other += 1;
        }
        one += 1;
    }
};
