//! What a tick takes at once.

use bytes::Bytes;
use clicktrail_log::{frame::Frame, time::Timestamp};

use super::*;

fn logged(seq: u64, rows: usize) -> Logged {
    let header = frame::Header {
        format: frame::FORMAT_VERSION,
        schema_id: String::new(),
        rows: u32::try_from(rows).unwrap(),
        writer: uuid::Uuid::from_u128(1),
        writer_epoch: 1,
        number: seq,
        payload_digest: frame::Digest::of(b""),
        previous: frame::Digest::of(b""),
        first_captured: Timestamp::from_micros(0),
        last_captured: Timestamp::from_micros(0),
    };
    let frame = Frame { header, payload: Bytes::new() };
    Logged::new(Seq::new(seq).unwrap(), Timestamp::from_micros(0), frame)
}

/// A tick of more rows of counts than a payload holds could be written and never read.
#[test]
fn a_tick_takes_no_more_rows_than_a_payload_holds_and_at_least_one_frame() {
    let full = |count: u64| (1..=count).map(|seq| logged(seq, frame::ROWS_MAX)).collect::<Vec<_>>();
    assert_eq!(at_once(&full(2)), 2);
    assert_eq!(at_once(&full(40)), TICK_ROWS_MAX / frame::ROWS_MAX);
    assert_eq!(at_once(&[logged(1, 2 * TICK_ROWS_MAX), logged(2, 1)]), 1);
    assert_eq!(at_once(&(1..=9_000).map(|seq| logged(seq, 1)).collect::<Vec<_>>()), 9_000);
}
