//! Which frames a log ever took, by writer, epoch, number and digest: kept after a trim, so that no frame is appended
//! twice, however late it is sent again.

use sqlx::{Row as _, SqliteConnection};

use super::{AppendError, as_i64};
use crate::{
    frame::{Digest, Header},
    invariant,
    log::Error,
    position::Seq,
};

/// What a log knows of a frame that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Nobody used its number.
    Unused,
    /// Its number was used, by other frames only.
    Other,
    /// It is there.
    Same(Seq),
}

pub(super) async fn find(tx: &mut SqliteConnection, header: &Header, digest: &Digest) -> Result<Known, AppendError> {
    let first = "SELECT seq, header_digest FROM identities WHERE writer = $1 AND writer_epoch = $2 AND number = $3";
    let found = sqlx::query(first)
        .bind(header.writer.as_bytes().as_slice())
        .bind(i64::from(header.writer_epoch))
        .bind(as_i64(header.number))
        .fetch_optional(&mut *tx)
        .await
        .map_err(AppendError::Before)?;
    let Some(row) = found else { return Ok(Known::Unused) };
    if row.get::<&[u8], _>(1) == digest.0 {
        return same(row.get(0));
    }
    let other = "SELECT seq FROM forks WHERE writer = $1 AND writer_epoch = $2 AND number = $3 AND header_digest = $4";
    let found = sqlx::query_scalar(other)
        .bind(header.writer.as_bytes().as_slice())
        .bind(i64::from(header.writer_epoch))
        .bind(as_i64(header.number))
        .bind(digest.0.as_slice())
        .fetch_optional(tx)
        .await
        .map_err(AppendError::Before)?;
    found.map_or(Ok(Known::Other), same)
}

fn same(seq: i64) -> Result<Known, AppendError> {
    let seq = Seq::from_i64(seq);
    seq.map(Known::Same).ok_or_else(|| AppendError::Log(Error::Fatal("an identity without a sequence".into())))
}

/// Remembers a frame that is being appended. `is_first` if nobody used its number before.
pub(super) async fn remember(
    tx: &mut SqliteConnection,
    seq: Seq,
    header: &Header,
    digest: &Digest,
    is_first: bool,
) -> Result<(), sqlx::Error> {
    let insert = match is_first {
        true => "INSERT INTO identities (writer, writer_epoch, number, seq, header_digest) VALUES ($1, $2, $3, $4, $5)",
        false => "INSERT INTO forks (writer, writer_epoch, number, seq, header_digest) VALUES ($1, $2, $3, $4, $5)",
    };
    let inserted = sqlx::query(insert)
        .bind(header.writer.as_bytes().as_slice())
        .bind(i64::from(header.writer_epoch))
        .bind(as_i64(header.number))
        .bind(seq.as_i64())
        .bind(digest.0.as_slice())
        .execute(tx)
        .await?
        .rows_affected();
    invariant!(I1, inserted == 1, "frame {seq} is remembered {inserted} times");
    Ok(())
}
