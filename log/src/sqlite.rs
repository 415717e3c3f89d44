//! The one connection through which a SQLite file is written.

use sqlx::{Connection as _, sqlite::SqlitePoolOptions};

/// A pool of one writing connection, which is replaced when a transaction could not be ended.
///
/// On a full disk SQLite undoes the whole transaction by itself; sqlx's own ROLLBACK then fails, and sqlx (0.9) takes
/// the connection for one inside a transaction for ever: nothing could be written again although there is room.
pub fn one_writer() -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(1).after_release(|connection, _| {
        Box::pin(async move {
            // A dropped transaction's ROLLBACK is only queued: the answer to a ping comes behind it.
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    })
}
