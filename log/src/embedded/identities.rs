//! Which frames a log ever took, by writer, epoch, number and digest: kept after a trim, so that no frame is appended
//! twice, however late it is sent again.

use sqlx::{Row as _, SqliteConnection};

use crate::{
    frame::{Digest, Header},
    invariant,
    position::Seq,
};

/// What a log knows of a frame that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Nobody used its number.
    Unused,
    /// Its number was used, by other frames only.
    Other,
    /// It is there, at this sequence.
    Same(i64),
}

fn number_of(header: &Header) -> i64 {
    i64::try_from(header.number).expect("a frame number counts appends and never nears 2^63")
}

pub(super) async fn find(tx: &mut SqliteConnection, header: &Header, digest: &Digest) -> Result<Known, sqlx::Error> {
    let first = "SELECT seq, header_digest FROM identities WHERE writer = $1 AND writer_epoch = $2 AND number = $3";
    let found = sqlx::query(first)
        .bind(header.writer.as_bytes().as_slice())
        .bind(i64::from(header.writer_epoch))
        .bind(number_of(header))
        .fetch_optional(&mut *tx)
        .await?;
    let Some(row) = found else { return Ok(Known::Unused) };
    if row.get::<&[u8], _>(1) == digest.0 {
        return Ok(Known::Same(row.get(0)));
    }
    let other = "SELECT seq FROM forks WHERE writer = $1 AND writer_epoch = $2 AND number = $3 AND header_digest = $4";
    let found = sqlx::query_scalar(other)
        .bind(header.writer.as_bytes().as_slice())
        .bind(i64::from(header.writer_epoch))
        .bind(number_of(header))
        .bind(digest.0.as_slice())
        .fetch_optional(tx)
        .await?;
    Ok(found.map_or(Known::Other, Known::Same))
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
        .bind(number_of(header))
        .bind(seq.as_i64())
        .bind(digest.0.as_slice())
        .execute(tx)
        .await?
        .rows_affected();
    invariant!(I1, inserted == 1, "frame {seq} is remembered {inserted} times");
    Ok(())
}
