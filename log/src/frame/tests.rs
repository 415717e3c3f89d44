use proptest::prelude::*;

use super::*;
use crate::testing::clicks;

fn frame() -> Frame {
    let at = Timestamp::from_micros(0);
    Writer::new(Uuid::from_u128(1), 1).seal(&clicks(0..20, 0), (at, at)).unwrap()
}

#[test]
fn rows_survive_the_frame() {
    assert_eq!(frame().decode().unwrap(), clicks(0..20, 0));
}

#[test]
fn flipped_bit_is_a_digest_mismatch() {
    let whole = frame();
    for at in (0..whole.payload.len()).step_by(7) {
        let mut bytes = whole.payload.to_vec();
        bytes[at] ^= 4;
        let damaged = Frame { payload: bytes.into(), ..whole.clone() };
        assert!(matches!(damaged.decode(), Err(Error::DigestMismatch { .. })), "byte {at}");
    }
}

#[test]
fn later_format_is_refused_by_its_number() {
    let mut later = frame();
    later.header.format = 2;
    assert!(matches!(later.decode(), Err(Error::UnknownFormat(2))));
}

#[test]
fn wrong_row_count_or_schema_is_malformed() {
    let mut other = frame();
    other.header.rows = 19;
    assert!(matches!(other.decode(), Err(Error::Malformed(_))));
    let mut other = frame();
    other.header.schema_id = "0123456789abcdef".into();
    assert!(matches!(other.decode(), Err(Error::Malformed(_))));
}

proptest! {
    /// A writer gone wrong can send any bytes under a digest that fits them.
    #[test]
    fn no_payload_panics(at in 0_usize..6_000, bytes in proptest::collection::vec(any::<u8>(), 1..40), inflated: bool) {
        let whole = frame();
        let length = whole.payload.first_chunk::<4>().map(|length| u32::from_le_bytes(*length) as usize).unwrap();
        let mut stream = block::decompress(&whole.payload[4..], length).unwrap();
        let mut payload = whole.payload.to_vec();
        let target = if inflated { &mut stream } else { &mut payload };
        let at = at % target.len();
        let end = (at + bytes.len()).min(target.len());
        target[at..end].copy_from_slice(&bytes[..end - at]);
        let payload: Bytes = if inflated { block::compress_prepend_size(&stream).into() } else { payload.into() };
        let header = Header { payload_digest: Digest::of(&payload), ..whole.header };
        let _ = Frame { header, payload }.decode();
    }
}
