//! A catalog file that is only read, and the copy that takes what reading must write: how far the verdict log was
//! followed, and tables that an earlier version did not have.

use std::path::{Path, PathBuf};

use sqlx::{
    ConnectOptions as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::OnceCell;

use super::limits::{READERS_MAX, WAIT_MAX};
use crate::{error::Error, session::Lock};

/// The file, and its copy once there is one.
#[derive(Debug)]
pub(super) struct Aside {
    original: SqlitePool,
    path: PathBuf,
    copy: OnceCell<SqlitePool>,
}

impl Aside {
    pub(super) fn new(original: SqlitePool, path: &Path) -> Self {
        Self { original, path: path.to_owned(), copy: OnceCell::new() }
    }

    /// Who reads: of the file, until there is a copy.
    pub(super) fn readers(&self) -> &SqlitePool {
        self.copy.get().unwrap_or(&self.original)
    }

    /// Who writes into the copy, which is made if there is none.
    ///
    /// # Errors
    /// [`Error::Refused`] if it is not reading that would write.
    pub(super) async fn writer(&self, lock: Lock) -> Result<&SqlitePool, Error> {
        match lock {
            Lock::Counts | Lock::Migrations => self.copy.get_or_try_init(|| self.copied()).await,
            Lock::Registry | Lock::Units | Lock::Pointers | Lock::Invoices => {
                Err(Error::Refused("to be written: it was opened for reading alone".to_owned()))
            }
        }
    }

    async fn copied(&self) -> Result<SqlitePool, Error> {
        let path = self.path.to_string_lossy();
        sqlx::query("VACUUM INTO $1").bind(path.as_ref()).execute(&self.original).await?;
        // It is gone with the process: nothing of it has to outlive a power loss.
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Off)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(READERS_MAX).acquire_timeout(WAIT_MAX);
        Ok(pool.connect_with(options.busy_timeout(WAIT_MAX)).await?)
    }
}
