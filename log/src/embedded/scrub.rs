//! What was trimmed leaves the file. SQLite only marks deleted rows as free, and keeps pages in its write-ahead log
//! until something else is written over them.

use sqlx::{Row as _, SqlitePool};

use crate::log::Error;

/// Writes what is kept into pages of its own, and empties the write-ahead log.
pub(super) async fn scrub(write: &SqlitePool) -> Result<(), Error> {
    sqlx::raw_sql("VACUUM").execute(write).await.map_err(unavailable)?;
    let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(write).await.map_err(unavailable)?;
    let is_busy: i64 = emptied.try_get(0).map_err(unavailable)?;
    match is_busy {
        0 => Ok(()),
        _ => Err(Error::Unavailable("somebody reads the log, so what was trimmed is still in its file".into())),
    }
}

fn unavailable(error: sqlx::Error) -> Error {
    Error::Unavailable(error.to_string())
}
