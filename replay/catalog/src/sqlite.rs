//! The embedded catalog: one SQLite file.

#![expect(
    clippy::disallowed_methods,
    reason = "another process may hold the file while it opens: it is tried again until a deadline"
)]

use std::{path::Path, sync::Arc, time::Duration};

use clicktrail_log::sqlite::{ReadOnly, one_writer};
use sqlx::{
    ConnectOptions as _, SqlitePool, SqliteTransaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    contract::Catalog,
    error::Error,
    making, migrate,
    migration::{Migration, SQLITE},
    model::Making,
    session::{Backend, Lock},
    sqlite::{
        aside::Aside,
        limits::{READERS_MAX, WAIT_MAX},
    },
};

mod aside;
mod limits;

/// Pause before a file that is locked is opened again.
const OPEN_PAUSE: Duration = Duration::from_millis(20);
const _: () = assert!(OPEN_PAUSE.as_millis() < WAIT_MAX.as_millis(), "a locked file is tried more than once");

/// The catalog in a SQLite file.
///
/// The file is in WAL mode with `synchronous=FULL`: a commit is fsynced, and readers do not wait for the writer. One
/// connection writes. It takes the write lock before it reads anything, so that what it has checked stays true.
#[derive(Debug)]
pub struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
    making: Making,
    /// Set if the file is only read.
    aside: Option<Arc<Aside>>,
}

impl Sqlite {
    /// Opens the catalog in the file `path`, which is there, for reading: nothing of it or beside it is changed. What a
    /// question must follow in the verdict log before it is answered goes into a copy at `aside`; anything else that
    /// would be written is refused.
    ///
    /// # Errors
    /// As [`Sqlite::open`].
    pub async fn open_reading(path: &Path, aside: &Path) -> Result<(Self, ReadOnly), Error> {
        let how = ReadOnly::of(path).map_err(sqlx::Error::Io)?;
        let options = how.options.clone().busy_timeout(WAIT_MAX).disable_statement_logging();
        let readers = SqlitePoolOptions::new().max_connections(READERS_MAX).acquire_timeout(WAIT_MAX);
        let readers = readers.idle_timeout(None).max_lifetime(None).connect_with(options).await?;
        if how.stays_open {
            std::mem::forget(readers.clone());
        }
        let aside = Some(Arc::new(Aside::new(readers.clone(), aside)));
        let mut catalog = Self { writer: readers.clone(), readers, making: Making(0), aside };
        if !migrate::is_current(&catalog).await? {
            // Of an earlier version: its tables are brought up to date in the copy.
            migrate::run(&catalog).await?;
        }
        catalog.making = making::opened(&catalog).await?;
        Ok((catalog, how))
    }

    /// Opens the catalog in the file `path`, creates it if it does not exist, and brings its tables up to date. The
    /// folder has to exist.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if another version of this program made the file; [`Error::Database`] if it is no SQLite
    /// file, or cannot be created; [`Error::Unavailable`] if another process keeps it locked.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let begun = tokio::time::Instant::now();
        loop {
            match Self::open_once(path).await {
                // SQLite does not wait for another program that turns the same new file to WAL: it fails at once.
                Err(error) if error.is_transient() && begun.elapsed() < WAIT_MAX => {
                    tokio::time::sleep(OPEN_PAUSE).await;
                }
                opened => return opened,
            }
        }
    }

    async fn open_once(path: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(WAIT_MAX).disable_statement_logging();
        let writer = one_writer()
            .acquire_timeout(WAIT_MAX)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(
                options
                    .clone()
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full),
            )
            .await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(WAIT_MAX)
            .connect_lazy_with(options.pragma("query_only", "ON"));
        let mut catalog = Self { writer, readers, making: Making(0), aside: None };
        migrate::run(&catalog).await?;
        catalog.making = making::opened(&catalog).await?;
        Ok(catalog)
    }
}

impl Backend for Sqlite {
    type Session = SqliteTransaction<'static>;
    const MIGRATIONS: &'static [Migration] = SQLITE;

    fn made_in(&self) -> Making {
        self.making
    }

    fn under(&self, making: Making) -> Arc<dyn Catalog> {
        let (writer, readers, aside) = (self.writer.clone(), self.readers.clone(), self.aside.clone());
        Arc::new(Self { writer, readers, making, aside })
    }

    async fn read(&self) -> Result<Self::Session, Error> {
        let readers = self.aside.as_ref().map_or(&self.readers, |aside| aside.readers());
        Ok(readers.begin_with("BEGIN DEFERRED").await?)
    }

    async fn write(&self, lock: Lock) -> Result<Self::Session, Error> {
        let writer = match &self.aside {
            None => &self.writer,
            Some(aside) => aside.writer(lock).await?,
        };
        Ok(writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}
