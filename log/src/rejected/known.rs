//! The rows of a frame, with the position by which each is known.
//!
//! Programs before the log was archived erased somebody by appending frames again and trimming the old ones. Whatever
//! refers to a rejected event does so by its position, so such a copy says where its rows stood first, in the identity
//! of its writer.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray},
    error::ArrowError,
};
use uuid::Uuid;

use super::columns::read;
use crate::{
    log::Logged,
    position::{Position, Seq},
    time::Timestamp,
};

/// How the identities of copies begin. A byte that says how often the frame was copied follows.
const MAGIC: [u8; 5] = *b"ctrej";
/// Where the frame stands that the copy is of: five bytes, at the end.
const ORIGIN: usize = 11;

/// The rows of a frame as they are read; `first` is the position of the first.
///
/// # Errors
/// If they are no rejected events.
pub fn rows(logged: &Logged, batch: &RecordBatch, first: Position) -> Result<RecordBatch, ArrowError> {
    let origin = origin(logged.frame.header.writer);
    let known_as = origin.map(|origin| Position::new(first.epoch(), origin, 0));
    positioned(batch, first, logged.logged_at, known_as)
}

/// The same where the first is known as `known_as`, if not by where it stands.
pub(crate) fn positioned(
    batch: &RecordBatch,
    first: Position,
    logged_at: Timestamp,
    known_as: Option<Position>,
) -> Result<RecordBatch, ArrowError> {
    let rows = batch.num_rows();
    let count = i64::try_from(rows).expect("a frame has at most 65,536 rows");
    let from = |first: Position| first.as_i64()..first.as_i64() + count;
    let known_as = match known_as {
        Some(known_as) => Int64Array::from_iter_values(from(known_as)),
        None => Int64Array::new_null(rows),
    };
    let logged = TimestampMicrosecondArray::from_value(logged_at.micros(), rows).with_timezone("UTC");
    let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(from(first))), Arc::new(logged)];
    columns.extend(batch.columns().iter().cloned());
    columns.push(Arc::new(known_as));
    RecordBatch::try_new(read(), columns)
}

/// The frame that a frame of this writer was first; `None` if it is no copy.
fn origin(writer: Uuid) -> Option<Seq> {
    let bytes = writer.as_bytes();
    let (times, mut seq) = (bytes[MAGIC.len()], [0; 8]);
    seq[3..].copy_from_slice(&bytes[ORIGIN..]);
    let origin = Seq::new(u64::from_be_bytes(seq))?;
    (identity(times, origin) == writer).then_some(origin)
}

/// The writer of a copy.
pub(crate) fn identity(times: u8, origin: Seq) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..MAGIC.len()].copy_from_slice(&MAGIC);
    bytes[MAGIC.len()] = times;
    bytes[ORIGIN..].copy_from_slice(&origin.get().to_be_bytes()[3..]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_says_what_it_is_of_and_no_other_writer_does() {
        for (times, seq) in [(1, 1), (255, 7), (3, Seq::MAX.get())] {
            let seq = Seq::new(seq).unwrap();
            assert_eq!(origin(identity(times, seq)), Some(seq));
        }
        assert_eq!(origin(Uuid::from_u128(3)), None);
    }
}
