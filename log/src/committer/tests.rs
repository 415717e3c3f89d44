use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, task::JoinHandle};
use uuid::Uuid;

use super::{Committer, Error, Sink, Stored};
use crate::{
    frame::{self, Frame, Writer},
    log,
    position::{Epoch, Seq},
    testing::clicks,
    time::Timestamp,
};

/// A sink that holds every frame until it is let go, and keeps what it got.
#[derive(Debug, Default)]
struct Gate {
    open: Notify,
    held: AtomicUsize,
    frames: std::sync::Mutex<Vec<Frame>>,
    free: bool,
    refuse: Option<&'static str>,
}

#[async_trait::async_trait]
impl Sink for Gate {
    async fn store(&self, frame: &Frame) -> Result<Stored, log::Error> {
        self.held.fetch_add(1, Ordering::SeqCst);
        if !self.free {
            self.open.notified().await;
        }
        if let Some(why) = self.refuse {
            return Err(log::Error::Fatal(why.into()));
        }
        let mut frames = self.frames.lock().unwrap();
        frames.push(frame.clone());
        Ok(Stored::Logged(Seq::new(frames.len() as u64).unwrap()))
    }

    fn epoch(&self) -> Epoch {
        Epoch::FIRST
    }
}

const AT: (Timestamp, Timestamp) = (Timestamp::from_micros(1), Timestamp::from_micros(2));

fn start(gate: &Arc<Gate>) -> (Committer, JoinHandle<()>) {
    Committer::start(Arc::clone(gate) as Arc<dyn Sink>, Writer::new(Uuid::from_u128(1), 1))
}

async fn commit(committer: Committer, rows: std::ops::Range<u64>) -> Vec<String> {
    let committed = committer.commit(clicks(rows, 0), AT).await.unwrap();
    committed.positions().map(|position| position.unwrap().to_string()).collect()
}

#[tokio::test]
async fn what_arrives_while_a_frame_is_in_flight_is_the_next_frame() {
    let gate = Arc::new(Gate::default());
    let (committer, _task) = start(&gate);
    let first = tokio::spawn(commit(committer.clone(), 0..2));
    while gate.held.load(Ordering::SeqCst) < 1 {
        tokio::task::yield_now().await;
    }
    let second = tokio::spawn(commit(committer.clone(), 2..3));
    let third = tokio::spawn(commit(committer, 3..5));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!first.is_finished(), "nobody is answered before the acknowledgement");
    gate.open.notify_one();
    assert_eq!(first.await.unwrap(), ["1.1.0", "1.1.1"]);
    gate.open.notify_one();
    assert_eq!(second.await.unwrap(), ["1.2.0"]);
    assert_eq!(third.await.unwrap(), ["1.2.1", "1.2.2"]);
}

#[tokio::test]
async fn more_than_a_frame_is_made_ahead_in_order() {
    let gate = Arc::new(Gate::default());
    let (committer, task) = start(&gate);
    // More rows than two frames take: the second is made while the first is held, the rest waits.
    let commits: Vec<_> =
        (0..5_u64).map(|n| tokio::spawn(commit(committer.clone(), n * 30_000..(n + 1) * 30_000))).collect();
    drop(committer);
    let mut released = 0;
    while !task.is_finished() {
        let held = gate.held.load(Ordering::SeqCst);
        assert!(held <= released + 1, "two frames are in flight");
        if held > released {
            gate.open.notify_one();
            released += 1;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut positions = Vec::new();
    for commit in commits {
        positions.extend(commit.await.unwrap());
    }
    let frames = gate.frames.lock().unwrap();
    let mut chain = crate::chain::Chain::default();
    let logged = (1..).zip(frames.iter()).flat_map(|(seq, frame)| {
        assert_eq!(chain.admit(&frame.header), crate::chain::Admission::Fresh);
        (0..frame.header.rows).map(move |row| format!("1.{seq}.{row}"))
    });
    assert!(frames.len() > 2);
    assert_eq!(positions, logged.collect::<Vec<_>>());
}

#[tokio::test]
async fn full_queue_answers_busy_at_once() {
    let gate = Arc::new(Gate::default());
    let (committer, _task) = start(&gate);
    let batch = clicks(0..60_000, 0);
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let (committer, batch) = (committer.clone(), batch.clone());
        waiting.push(tokio::spawn(async move { committer.commit(batch, AT).await }));
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(committer.commit(batch.clone(), AT).await, Err(Error::Busy));
    assert!(waiting.iter().all(|task| !task.is_finished()));
}

#[tokio::test]
async fn batch_too_large_for_a_frame_becomes_several_in_order() {
    let gate = Arc::new(Gate { free: true, ..Gate::default() });
    let (committer, task) = start(&gate);
    let rows = 200_000_u64;
    let committed = committer.commit(clicks(0..rows, 0), AT).await.unwrap();
    drop(committer);
    task.await.unwrap();
    let frames = gate.frames.lock().unwrap();
    assert!(frames.len() > 3, "{} frames", frames.len());
    assert_eq!(committed.spans.iter().map(|span| u64::from(span.rows)).sum::<u64>(), rows);
    let mut chain = crate::chain::Chain::default();
    let mut next = 0;
    for frame in frames.iter() {
        assert_eq!(chain.admit(&frame.header), crate::chain::Admission::Fresh);
        assert!(frame.payload.len() <= frame::PAYLOAD_BYTES_MAX);
        let batch = frame.decode().unwrap();
        let ids = arrow::array::AsArray::as_string::<i32>(batch.column(0));
        for id in ids.iter() {
            assert_eq!(id, Some(format!("event-{next}").as_str()));
            next += 1;
        }
    }
    assert_eq!(next, rows);
}

#[tokio::test]
async fn event_that_fits_no_frame_is_refused_alone() {
    let gate = Arc::new(Gate { free: true, ..Gate::default() });
    let (committer, _task) = start(&gate);
    let mut event = crate::testing::click(1, 0);
    // Digests of counters do not compress.
    let noise: String = (0..40_000_u64).map(|n| frame::Digest::of(&n.to_le_bytes()).to_string()).collect();
    event.extra = Some(noise.into());
    let mut builder = crate::schema::EventsBuilder::with_capacity(1);
    builder.push(&event);
    let huge = builder.finish();
    let (refused, logged) = tokio::join!(committer.commit(huge, AT), committer.commit(clicks(0..2, 0), AT));
    assert!(matches!(refused, Err(Error::TooLarge(_))), "{refused:?}");
    assert_eq!(logged.unwrap().spans.len(), 1);
    let frames = gate.frames.lock().unwrap();
    assert_eq!(frames.iter().map(|frame| frame.header.number).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn refused_frame_stops_its_writer() {
    let gate = Arc::new(Gate { refuse: Some("conflict"), free: true, ..Gate::default() });
    let (committer, task) = start(&gate);
    let refused = committer.commit(clicks(0..1, 0), AT).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    task.await.unwrap();
    assert_eq!(committer.commit(clicks(0..1, 0), AT).await, Err(Error::Closed));
}

#[tokio::test]
async fn frame_refused_while_the_next_is_made_ahead_stops_its_writer() {
    let gate = Arc::new(Gate { refuse: Some("conflict"), ..Gate::default() });
    let (committer, task) = start(&gate);
    let batches = (0..4_u64).map(|n| clicks(n * 30_000..(n + 1) * 30_000, 0));
    let commits: Vec<_> = batches
        .map(|batch| {
            let committer = committer.clone();
            tokio::spawn(async move { committer.commit(batch, AT).await })
        })
        .collect();
    // Usually enough time to make the second frame. What follows holds even if it is not.
    tokio::time::sleep(Duration::from_millis(100)).await;
    gate.open.notify_one();
    task.await.unwrap();
    let mut answers = Vec::new();
    for commit in commits {
        answers.push(commit.await.unwrap().unwrap_err());
    }
    assert_eq!(gate.held.load(Ordering::SeqCst), 1, "no frame behind the refused one is stored");
    let is_told = |error: &Error| matches!(error, Error::Unavailable(_));
    assert!(answers.iter().any(is_told), "{answers:?}");
    assert!(answers.iter().all(|error| is_told(error) || *error == Error::Closed), "{answers:?}");
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_a_frame_is_stuck_is_told_so_at_once_and_served_when_it_has_left() {
    let gate = Arc::new(Gate::default());
    let (committer, _task) = start(&gate);
    let pulse = committer.pulse();
    let first = tokio::spawn(commit(committer.clone(), 0..1));
    while gate.held.load(Ordering::SeqCst) < 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(pulse.stuck_for(), None);
    tokio::time::advance(super::STUCK_AFTER).await;
    assert_eq!(pulse.stuck_for(), Some(super::STUCK_AFTER));
    let refused = committer.commit(clicks(1..2, 0), AT).await.unwrap_err();
    assert_eq!(refused, Error::Unavailable("it has not answered for 5 seconds".into()));
    gate.open.notify_one();
    assert_eq!(first.await.unwrap(), ["1.1.0"]);
    assert_eq!(pulse.stuck_for(), None);
    let next = tokio::spawn(commit(committer.clone(), 2..3));
    gate.open.notify_one();
    assert_eq!(next.await.unwrap(), ["1.2.0"]);
}

#[tokio::test]
async fn wide_rows_fill_the_queue_by_their_bytes() {
    let gate = Arc::new(Gate::default());
    let (committer, _task) = start(&gate);
    let text = Arc::new(arrow::array::StringArray::from_iter_values(std::iter::repeat_n("x".repeat(16 << 10), 4_096)));
    let schema = arrow::datatypes::Schema::new(vec![arrow::datatypes::Field::new(
        "wide",
        arrow::datatypes::DataType::Utf8,
        false,
    )]);
    let wide = arrow::array::RecordBatch::try_new(Arc::new(schema), vec![text]).unwrap();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let committer = committer.clone();
        let wide = wide.clone();
        waiting.push(tokio::spawn(async move { committer.commit(wide, AT).await }));
        tokio::task::yield_now().await;
    }
    // 64 MiB and some each: a fourth does not fit beside three, although its rows would fit many times.
    assert_eq!(committer.commit(wide, AT).await, Err(Error::Busy));
    waiting.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn rows_are_told_their_frame_if_somebody_asks() {
    let gate = Arc::new(Gate { free: true, ..Gate::default() });
    let (committer, task) = start(&gate);
    let plain = committer.commit(clicks(0..2, 0), AT).await.unwrap();
    assert_eq!(plain.place(0), None);
    let asked = committer.commit_with_places(clicks(2..5, 0), AT).await.unwrap();
    drop(committer);
    task.await.unwrap();
    let frames = gate.frames.lock().unwrap();
    let header = &frames[1].header;
    let (position, place) = asked.place(2).unwrap();
    assert_eq!(position.unwrap().to_string(), "1.2.2");
    assert_eq!((place.writer, place.epoch, place.number), (header.writer, header.writer_epoch, header.number));
    assert_eq!((place.digest, place.row), (header.digest(), 2));
}
