use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use arrow::array::RecordBatch;
use uuid::Uuid;

use super::*;
use crate::{
    embedded::EmbeddedLog,
    frame::{self, Writer},
    log::Stream,
    testing::{clicks, clock},
};

/// A log that counts what it gives, damages a frame while a test says so, and can be away.
#[derive(Debug)]
struct Counting {
    log: EmbeddedLog,
    given: AtomicU64,
    /// The number of the frame that is damaged; 0 for none.
    damaged: AtomicU64,
    away: AtomicBool,
}

#[async_trait]
impl Log for Counting {
    async fn append(&self, frame: &Frame) -> Result<Appended, Error> {
        self.log.append(frame).await
    }

    async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        let mut frames = self.log.read(from, limit).await?;
        self.given.fetch_add(frames.len() as u64, Ordering::SeqCst);
        for logged in &mut frames {
            if logged.seq.get() == self.damaged.load(Ordering::SeqCst) {
                let mut payload = logged.frame.payload.to_vec();
                payload[9] ^= 1;
                logged.frame.payload = payload.into();
            }
        }
        Ok(frames)
    }

    async fn info(&self) -> Result<Info, Error> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::Unavailable("away".into()));
        }
        self.log.info().await
    }

    async fn trim(&self, first_kept: Seq) -> Result<(), Error> {
        self.log.trim(first_kept).await
    }

    async fn durability(&self) -> Result<Durability, Error> {
        self.log.durability().await
    }
}

struct Bed {
    counting: Arc<Counting>,
    recent: Arc<Recent>,
    log: RecentLog,
    _directory: tempfile::TempDir,
}

fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap()
}

impl Bed {
    /// `frames` frames of 20 clicks.
    async fn new(frames: u64, bytes_max: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(&directory.path().join("log"), Stream::Clicks, clock()).await.unwrap();
        let mut writer = Writer::new(Uuid::from_u128(1), 1);
        for number in 0..frames {
            let at = Timestamp::from_micros(7);
            let frame = writer.seal(&clicks(number * 20..number * 20 + 20, 0), (at, at)).unwrap();
            log.append(&frame).await.unwrap();
        }
        let (given, damaged, away) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let counting = Arc::new(Counting { log, given, damaged, away });
        let recent = Arc::new(Recent::new(bytes_max));
        let log = RecentLog::new(Arc::clone(&counting) as Arc<dyn Log>, Arc::clone(&recent));
        Self { counting, recent, log, _directory: directory }
    }

    fn given(&self) -> u64 {
        self.counting.given.load(Ordering::SeqCst)
    }

    /// Reads and decodes some frames, so many at a time.
    async fn rows(&self, frames: std::ops::RangeInclusive<u64>, at_once: usize) -> Vec<RecordBatch> {
        let (mut next, mut rows) = (*frames.start(), Vec::new());
        while next <= *frames.end() {
            let limit = ReadLimit { frames: at_once, ..ReadLimit::waiting(Duration::ZERO) };
            let read = self.log.read(seq(next), limit).await.unwrap();
            assert!(!read.is_empty() && read.len() <= at_once, "{} frames from {next}", read.len());
            for logged in read.into_iter().filter(|logged| logged.seq.get() <= *frames.end()) {
                assert_eq!(logged.seq.get(), next);
                rows.push(logged.decode().unwrap());
                next += 1;
            }
        }
        rows
    }

    /// The frames up to `last` that cannot be decoded, and why.
    async fn errors(&self, last: u64) -> Vec<(u64, String)> {
        let (mut next, mut errors) = (Seq::FIRST, Vec::new());
        while next <= seq(last) {
            for logged in self.log.read(next, ReadLimit::waiting(Duration::ZERO)).await.unwrap() {
                next = logged.seq.next();
                errors.extend(logged.decode().err().map(|error| (logged.seq.get(), error.to_string())));
            }
        }
        errors
    }

    async fn bytes_of_a_frame(&self) -> usize {
        self.rows(1..=1, 1).await;
        self.recent.bytes()
    }
}

fn expected(frames: std::ops::RangeInclusive<u64>) -> Vec<RecordBatch> {
    frames.map(|number| clicks((number - 1) * 20..number * 20, 0)).collect()
}

#[tokio::test]
async fn readers_of_one_process_fetch_and_decode_each_frame_once() {
    let bed = Bed::new(30, BYTES_MAX).await;
    for at_once in [7, 256, 1] {
        assert_eq!(bed.rows(1..=30, at_once).await, expected(1..=30));
        assert_eq!((bed.recent.decoded(), bed.given()), (30, 30), "{at_once} at once");
    }
}

#[tokio::test]
async fn readers_side_by_side_decode_each_frame_once() {
    let bed = Bed::new(30, BYTES_MAX).await;
    for number in 1..=30 {
        for _ in 0..3 {
            assert_eq!(bed.rows(number..=number, 1).await, expected(number..=number));
        }
    }
    assert_eq!((bed.recent.decoded(), bed.given()), (30, 30));
}

#[tokio::test]
async fn without_room_every_reader_decodes_and_reads_the_same() {
    for bytes_max in [0, 1] {
        let bed = Bed::new(10, bytes_max).await;
        for _ in 0..3 {
            assert_eq!(bed.rows(1..=10, 4).await, expected(1..=10));
        }
        assert_eq!((bed.recent.decoded(), bed.recent.bytes()), (30, 0));
    }
}

#[tokio::test]
async fn bytes_that_are_held_stay_within_the_bound() {
    let frame = Bed::new(1, BYTES_MAX).await.bytes_of_a_frame().await;
    let bed = Bed::new(20, frame * 5).await;
    for number in 1..=20 {
        bed.rows(number..=number, 1).await;
        assert!(bed.recent.bytes() <= frame * 5, "{} bytes of {}", bed.recent.bytes(), frame * 5);
    }
    assert!(bed.recent.bytes() > frame * 3, "{} bytes", bed.recent.bytes());
    // The last ones are held, in the order in which roles come to them.
    let before = bed.recent.decoded();
    assert_eq!(bed.rows(18..=20, 3).await, expected(18..=20));
    assert_eq!(bed.recent.decoded(), before);
}

#[tokio::test]
async fn reader_far_behind_drags_out_nothing_that_others_need() {
    let frame = Bed::new(1, BYTES_MAX).await.bytes_of_a_frame().await;
    let bed = Bed::new(20, frame * 4).await;
    bed.rows(18..=20, 3).await;
    assert_eq!(bed.rows(1..=10, 10).await, expected(1..=10));
    let before = (bed.recent.decoded(), bed.given());
    assert_eq!(bed.rows(18..=20, 3).await, expected(18..=20));
    assert_eq!((bed.recent.decoded(), bed.given()), before);
}

#[tokio::test]
async fn reader_that_comes_up_to_what_is_held_fetches_no_further() {
    let bed = Bed::new(20, BYTES_MAX).await;
    bed.rows(11..=20, 10).await;
    assert_eq!(bed.given(), 10);
    assert_eq!(bed.rows(1..=20, 256).await, expected(1..=20));
    assert_eq!((bed.recent.decoded(), bed.given()), (20, 20));
}

#[tokio::test]
async fn damaged_frame_is_the_same_error_for_every_reader_until_it_is_mended() {
    let bed = Bed::new(5, BYTES_MAX).await;
    bed.counting.damaged.store(3, Ordering::SeqCst);
    for _ in 0..3 {
        let errors = bed.errors(5).await;
        let [(3, error)] = errors.as_slice() else { panic!("{errors:?}") };
        let alone = bed.counting.read(seq(3), ReadLimit::waiting(Duration::ZERO)).await.unwrap();
        assert_eq!(*error, alone[0].frame.decode().unwrap_err().to_string());
    }
    assert_eq!(bed.recent.decoded(), 4, "those around it are shared");
    bed.counting.damaged.store(0, Ordering::SeqCst);
    assert_eq!(bed.rows(1..=5, 5).await, expected(1..=5));
    assert_eq!(bed.recent.decoded(), 5);
}

/// Whoever changes a frame that was read gets rows of what it became, or an error.
#[tokio::test]
async fn rows_are_given_for_the_very_frame_alone() {
    let bed = Bed::new(2, BYTES_MAX).await;
    bed.rows(1..=2, 2).await;
    let read = bed.log.read(seq(1), ReadLimit::waiting(Duration::ZERO)).await.unwrap();
    let mut changed = read[0].clone();
    changed.frame = read[1].frame.clone();
    assert_eq!(changed.decode().unwrap(), expected(2..=2)[0]);
    changed.frame.payload = read[0].frame.payload.clone();
    assert!(matches!(changed.decode(), Err(frame::Error::DigestMismatch { .. })));
    assert_eq!(read[0].decode().unwrap(), expected(1..=1)[0]);
}

#[tokio::test]
async fn what_was_trimmed_or_is_away_is_not_given_from_memory() {
    let bed = Bed::new(10, BYTES_MAX).await;
    bed.rows(1..=10, 10).await;
    // Another process trims.
    bed.counting.trim(seq(4)).await.unwrap();
    let trimmed = bed.log.read(seq(3), ReadLimit::waiting(Duration::ZERO)).await;
    assert!(matches!(trimmed, Err(Error::Trimmed { first, .. }) if first == seq(4)), "{trimmed:?}");
    let before = bed.recent.bytes();
    bed.log.trim(seq(6)).await.unwrap();
    assert!(bed.recent.bytes() < before);
    assert_eq!(bed.rows(6..=10, 9).await, expected(6..=10));
    bed.counting.away.store(true, Ordering::SeqCst);
    let away = bed.log.read(seq(7), ReadLimit::waiting(Duration::ZERO)).await;
    assert!(matches!(away, Err(Error::Unavailable(_))), "{away:?}");
}

/// Somebody was erased: what is about people must not stay in memory for as long as nothing else comes.
#[tokio::test]
async fn what_another_process_trimmed_leaves_memory_with_the_next_look_at_the_log() {
    let bed = Bed::new(10, BYTES_MAX).await;
    let frame = bed.bytes_of_a_frame().await;
    bed.rows(1..=10, 10).await;
    bed.counting.trim(seq(8)).await.unwrap();
    assert_eq!(bed.log.info().await.unwrap().first, seq(8));
    assert!(bed.recent.bytes() < frame * 4, "{} bytes of 3 frames of {frame}", bed.recent.bytes());
    assert_eq!(bed.rows(8..=10, 3).await, expected(8..=10));
    bed.counting.trim(seq(11)).await.unwrap();
    let trimmed = bed.log.read(seq(9), ReadLimit::waiting(Duration::ZERO)).await;
    assert!(matches!(trimmed, Err(Error::Trimmed { .. })), "{trimmed:?}");
    assert_eq!(bed.recent.bytes(), 0);
}

/// A role had fetched it before, and decodes it after.
#[tokio::test]
async fn frame_that_is_decoded_after_it_was_trimmed_is_not_held() {
    let bed = Bed::new(4, BYTES_MAX).await;
    let fetched = bed.log.read(seq(1), ReadLimit::waiting(Duration::ZERO)).await.unwrap();
    bed.log.trim(seq(4)).await.unwrap();
    for (logged, rows) in fetched.iter().zip(expected(1..=4)) {
        assert_eq!(logged.decode().unwrap(), rows);
    }
    let held = bed.recent.next_held(Seq::FIRST);
    assert_eq!(held, Some(seq(4)), "what the log has no more is held");
}

#[tokio::test]
async fn new_epoch_begins_with_nothing_held() {
    let bed = Bed::new(3, BYTES_MAX).await;
    bed.rows(1..=3, 3).await;
    let refused = bed.log.begin_epoch(Epoch::FIRST, seq(2)).await;
    assert!(matches!(refused, Err(Error::Fatal(_))), "{refused:?}");
    assert_eq!(bed.recent.bytes(), 0);
}

/// A role at the tail waits for the log alone, whatever others do meanwhile.
#[tokio::test]
async fn no_reader_waits_for_another() {
    let bed = Bed::new(3, BYTES_MAX).await;
    let begin = Instant::now();
    let at_the_tail = bed.log.read(seq(4), ReadLimit::waiting(Duration::from_secs(3_600)));
    let others = async {
        assert_eq!(bed.rows(1..=3, 1).await, expected(1..=3));
        let at = Timestamp::from_micros(7);
        let frame = Writer::new(Uuid::from_u128(2), 1).seal(&clicks(60..80, 0), (at, at)).unwrap();
        bed.log.append(&frame).await.unwrap();
    };
    let (woken, ()) = tokio::join!(at_the_tail, others);
    assert_eq!(woken.unwrap()[0].decode().unwrap(), expected(4..=4)[0]);
    assert!(begin.elapsed() < Duration::from_secs(60));
}
