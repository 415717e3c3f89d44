//! The one connection through which a SQLite file is written.

use sqlx::{Connection as _, sqlite::SqlitePoolOptions};

/// A pool of one writing connection, which is replaced when a transaction could not be ended.
///
/// On a full disk SQLite undoes the whole transaction by itself. sqlx's own ROLLBACK then fails, and sqlx (0.9)
/// believes for ever that the connection is inside a transaction: nothing could be written again, although there is
/// room.
pub fn one_writer() -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(1).after_release(|connection, _| {
        Box::pin(async move {
            // The ROLLBACK of a dropped transaction is only queued; the answer to a ping comes after it.
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    })
}
