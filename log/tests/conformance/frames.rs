//! Frames to append, and how to read them back.

use std::{cell::Cell, sync::Arc, time::Duration};

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch},
    datatypes::{DataType, Field, Schema},
};
use clicktrail_log::{
    chain::{Admission, Chain},
    frame::{Frame, Writer},
    log::{Error, Log, Logged, ReadLimit},
    position::Seq,
    time::Timestamp,
};
use uuid::Uuid;

pub(crate) fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap()
}

/// A writer whose id is `id`, in its first epoch.
pub(crate) fn writer(id: u128) -> Writer {
    Writer::new(Uuid::from_u128(id), 1)
}

/// The next frame of a writer, with one row that holds `value`.
pub(crate) fn frame(writer: &mut Writer, value: i64) -> Frame {
    frame_at(writer, value, Timestamp::from_micros(1_800_000_000_000_000))
}

/// The same with a row that was captured at `at`.
pub(crate) fn frame_at(writer: &mut Writer, value: i64, at: Timestamp) -> Frame {
    sealed(writer, vec![vec![value]], at)
}

/// `count` frames of a new writer, rows 0, 1, 2, …
pub(crate) fn frames(id: u128, count: i64) -> Vec<Frame> {
    let mut writer = writer(id);
    (0..count).map(|value| frame(&mut writer, value)).collect()
}

/// What is random in a test: `CLICKTRAIL_TEST_SEED`, or always the same. The output of a failed test shows it once.
#[allow(clippy::print_stdout, reason = "the output of a failed test, and only that, is shown")]
fn seed() -> u64 {
    thread_local!(static SHOWN: Cell<bool> = const { Cell::new(false) });
    let seed =
        std::env::var("CLICKTRAIL_TEST_SEED").map(|text| text.parse().expect("CLICKTRAIL_TEST_SEED is a number"));
    let seed = seed.unwrap_or(0x9e37_79b9_7f4a_7c15_u64);
    if !SHOWN.replace(true) {
        println!("CLICKTRAIL_TEST_SEED={seed}");
    }
    // All bits zero would stay zero.
    seed.max(1)
}

/// The next frame of a writer, of about `bytes` bytes that do not compress.
pub(crate) fn large_frame(writer: &mut Writer, bytes: usize) -> Frame {
    const COLUMNS: usize = 16;
    let mut state = seed();
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.cast_signed()
    };
    let rows = bytes / COLUMNS / size_of::<i64>();
    let columns = (0..COLUMNS).map(|_| (0..rows).map(|_| next()).collect()).collect();
    sealed(writer, columns, Timestamp::from_micros(1_800_000_000_000_000))
}

fn sealed(writer: &mut Writer, columns: Vec<Vec<i64>>, at: Timestamp) -> Frame {
    let field = |number| Field::new(format!("value_{number}"), DataType::Int64, false);
    let schema = Arc::new(Schema::new((0..columns.len()).map(field).collect::<Vec<_>>()));
    let arrays = columns.into_iter().map(|values| Arc::new(Int64Array::from(values)) as ArrayRef).collect();
    let batch = RecordBatch::try_new(schema, arrays).unwrap();
    writer.seal(&batch, (at, at.plus_micros(7))).unwrap()
}

/// A batch without waiting.
pub(crate) async fn read_now(log: &dyn Log, from: Seq) -> Result<Vec<Logged>, Error> {
    log.read(from, ReadLimit::waiting(Duration::ZERO)).await
}

/// Everything from `from` to the tail, each frame decoded.
pub(crate) async fn read_all(log: &dyn Log, from: Seq) -> Result<Vec<Logged>, Error> {
    let mut all: Vec<Logged> = Vec::new();
    let mut next = from;
    loop {
        let batch = read_now(log, next).await?;
        let Some(last) = batch.last() else { return Ok(all) };
        next = last.seq.next();
        for logged in &batch {
            logged.decode().map_err(|error| Error::Corrupt { seq: logged.seq, reason: error.to_string() })?;
        }
        all.extend(batch);
    }
}

/// Appends until the outcome is known, as a writer without a spool does.
pub(crate) async fn append_surely(log: &dyn Log, frame: &Frame) {
    for _ in 0..400 {
        match log.append(frame).await {
            Ok(_) => return,
            Err(error) if error.is_transient() => tokio::time::sleep(Duration::from_millis(25)).await,
            Err(error) => panic!("append: {error}"),
        }
    }
    panic!("the log did not take the frame in ten seconds");
}

/// Asserts that the log holds exactly these frames of one writer, in order, at 1, 2, 3, …
pub(crate) async fn assert_holds(log: &dyn Log, sent: &[Frame]) {
    let stored = read_all(log, Seq::FIRST).await.unwrap();
    let mut chain = Chain::default();
    for (logged, number) in stored.iter().zip(1..) {
        assert_eq!(logged.seq, seq(number));
        assert_eq!(chain.admit(&logged.frame.header), Admission::Fresh, "frame {number}");
    }
    let stored: Vec<&Frame> = stored.iter().map(|logged| &logged.frame).collect();
    assert_eq!(stored.len(), sent.len(), "frames in the log");
    assert!(
        stored.iter().zip(sent).all(|(stored, sent)| *stored == sent),
        "a frame differs from the one that was sent"
    );
}
