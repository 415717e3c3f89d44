use std::sync::Arc;

use arrow::{
    array::{Int64Array, RecordBatch},
    datatypes::{DataType, Field, Schema},
};

use super::*;
use crate::{frame::Writer, time::Timestamp};

fn headers(writer: Uuid, epoch: u32, count: i64) -> Vec<Header> {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    let mut frames = Writer::new(writer, epoch);
    let mut next = |n| {
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from(vec![n]))]).unwrap();
        let at = Timestamp::from_micros(n);
        frames.seal(&batch, (at, at)).unwrap().header
    };
    (0..count).map(&mut next).collect()
}

#[test]
fn repeat_is_dropped_however_late() {
    let mut chain = Chain::default();
    let frames = headers(Uuid::from_u128(1), 1, 50);
    for frame in &frames {
        assert_eq!(chain.admit(frame), Admission::Fresh);
    }
    let restarted = headers(Uuid::from_u128(1), 2, 1);
    assert_eq!(chain.admit(&restarted[0]), Admission::Fresh);
    for frame in &frames {
        assert_eq!(chain.admit(frame), Admission::Repeat);
    }
}

#[test]
fn skipped_frame_raises_the_alarm() {
    let mut chain = Chain::default();
    let frames = headers(Uuid::from_u128(1), 1, 3);
    chain.admit(&frames[0]);
    let admission = chain.admit(&frames[2]);
    assert!(matches!(admission, Admission::Broken(Alarm::Skipped { last: 1, found: 3, .. })), "{admission:?}");
}

#[test]
fn reissued_frame_raises_the_alarm() {
    let mut chain = Chain::default();
    let frames = headers(Uuid::from_u128(1), 1, 2);
    let mut other = frames[0].clone();
    other.payload_digest = Digest::of(b"other");
    chain.admit(&other);
    let admission = chain.admit(&frames[1]);
    assert!(matches!(admission, Admission::Broken(Alarm::PreviousDiffers { number: 2, .. })), "{admission:?}");
}

#[test]
fn writer_goes_on_where_its_last_frame_stands() {
    let id = Uuid::from_u128(1);
    let whole = headers(id, 1, 3);
    let mut chain = Chain::default();
    for header in &whole[..2] {
        chain.admit(header);
    }
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    let batch = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![2]))]).unwrap();
    let at = Timestamp::from_micros(2);
    let next = chain.writer(id).seal(&batch, (at, at)).unwrap().header;
    assert_eq!(next, whole[2]);
    assert_eq!(chain.admit(&next), Admission::Fresh);
    assert_eq!(chain.writer(Uuid::from_u128(2)).id(), Uuid::from_u128(2));
}

#[test]
fn writers_do_not_disturb_each_other_and_state_survives_storage() {
    let mut chain = Chain::default();
    let (one, two) = (headers(Uuid::from_u128(1), 1, 4), headers(Uuid::from_u128(2), 1, 4));
    for (a, b) in one.iter().zip(&two) {
        assert_eq!(chain.admit(a), Admission::Fresh);
        chain = Chain::from_stored(&chain.to_stored()).unwrap();
        assert_eq!(chain.admit(b), Admission::Fresh);
    }
    assert_eq!(chain.last_of(Uuid::from_u128(2)), Some((1, 4)));
}
