//! What every log does: the contract of [`clicktrail_log::log::Log`], sentence by sentence.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use clicktrail_log::{
    chain::{Admission, Alarm, Chain},
    frame::{Frame, PAYLOAD_BYTES_MAX, Writer},
    log::{Condition, Error, Log, ReadLimit},
    position::{Epoch, Seq},
};

use crate::{
    bed::Bed,
    frames::{assert_holds, frame, frames, large_frame, read_all, read_now, seq, writer},
};

async fn append_all(log: &dyn Log, frames: &[Frame]) {
    for frame in frames {
        log.append(frame).await.unwrap();
    }
}

pub(crate) async fn append_counts_from_one(bed: &mut dyn Bed) {
    let log = bed.open().await;
    let before = log.info().await.unwrap();
    assert_eq!((before.epoch, before.first, before.last), (Epoch::FIRST, Seq::FIRST, Seq::ZERO));
    for (frame, number) in frames(1, 3).iter().zip(1..) {
        let appended = log.append(frame).await.unwrap();
        assert_eq!((appended.seq, appended.duplicate), (seq(number), false));
    }
    let after = log.info().await.unwrap();
    assert_eq!((after.first, after.last), (seq(1), seq(3)));
    assert!(after.bytes > 0);
}

pub(crate) async fn frames_come_back_as_they_were_sent(bed: &mut dyn Bed) {
    let log = bed.open().await;
    let sent = frames(1, 20);
    append_all(&*log, &sent).await;
    assert_holds(&*log, &sent).await;
    assert_holds(&*bed.open().await, &sent).await;
}

pub(crate) async fn resent_frame_is_not_appended_again(bed: &mut dyn Bed) {
    let log = bed.open().await;
    let sent = frames(1, 3);
    append_all(&*log, &sent).await;
    for (frame, number) in sent.iter().zip(1..) {
        let again = log.append(frame).await.unwrap();
        assert_eq!((again.seq, again.duplicate), (seq(number), true));
    }
    assert_holds(&*log, &sent).await;
}

pub(crate) async fn resent_frame_is_known_after_a_crash(bed: &mut dyn Bed) {
    let sent = frames(1, 3);
    append_all(&*bed.open().await, &sent).await;
    bed.crash().await;
    let log = bed.open().await;
    let again = log.append(&sent[1]).await.unwrap();
    assert_eq!((again.seq, again.duplicate), (seq(2), true));
    assert_holds(&*log, &sent).await;
}

pub(crate) async fn same_number_with_other_content_is_another_frame(bed: &mut dyn Bed) {
    let log = bed.open().await;
    let (one, other) = (frame(&mut writer(1), 1), frame(&mut writer(1), 2));
    for (frame, number) in [(&one, 1), (&other, 2)] {
        let appended = log.append(frame).await.unwrap();
        assert_eq!((appended.seq, appended.duplicate), (seq(number), false));
    }
    bed.crash().await;
    let log = bed.open().await;
    for (frame, number) in [(&other, 2), (&one, 1)] {
        let again = log.append(frame).await.unwrap();
        assert_eq!((again.seq, again.duplicate), (seq(number), true));
    }
    let (mut chain, stored) = (Chain::default(), read_all(&*log, Seq::FIRST).await.unwrap());
    assert!(stored.iter().map(|logged| &logged.frame).eq([&one, &other]));
    assert_eq!(chain.admit(&one.header), Admission::Fresh);
    let admission = chain.admit(&other.header);
    assert!(matches!(admission, Admission::Broken(Alarm::Reused { number: 1, .. })), "{admission:?}");
}

pub(crate) async fn number_that_was_to_be_unused_is_a_conflict(bed: &mut dyn Bed) {
    let log = bed.open().await;
    let (one, other) = (frame(&mut writer(1), 1), frame(&mut writer(1), 2));
    for duplicate in [false, true] {
        let appended = log.append_if(&one, Condition::NumberUnused).await.unwrap();
        assert_eq!((appended.seq, appended.duplicate), (seq(1), duplicate));
    }
    let refused = log.append_if(&other, Condition::NumberUnused).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_holds(&*log, &[one]).await;
}

/// Of two that know the same end of the log one appends, and the other is told.
pub(crate) async fn frame_is_appended_behind_the_last_one_or_not_at_all(bed: &mut dyn Bed) {
    let (log, other) = (bed.open().await, bed.open().await);
    let sent = frames(1, 3);
    for (frame, end) in sent.iter().zip([Seq::ZERO, seq(1)]) {
        let appended = log.append_if(frame, Condition::Behind(end)).await.unwrap();
        assert_eq!((appended.seq, appended.duplicate), (end.next(), false));
    }
    for end in [Seq::ZERO, seq(1), seq(3)] {
        let refused = other.append_if(&sent[2], Condition::Behind(end)).await;
        assert!(matches!(refused, Err(Error::Moved(behind)) if behind == end), "{refused:?}");
    }
    let race = async |log: &dyn Log, id| log.append_if(&frame(&mut writer(id), 9), Condition::Behind(seq(2))).await;
    let (one, two) = tokio::join!(race(&*log, 2), race(&*other, 3));
    assert!(one.is_ok() != two.is_ok(), "{one:?}, {two:?}");
    let last = log.info().await.unwrap().last;
    log.trim(last.next()).await.unwrap();
    let behind = log.append_if(&sent[2], Condition::Behind(last)).await.unwrap();
    assert_eq!(behind.seq, last.next(), "a trimmed log has the same end");
}

/// Copies of one data directory: both drain the same spool, and both begin the same epoch.
pub(crate) async fn writers_on_copies_of_one_directory_lose_nothing(bed: &mut dyn Bed) {
    let (one, other) = (bed.open().await, bed.open().await);
    let mut common = writer(1);
    let spooled: Vec<Frame> = (0..20).map(|value| frame(&mut common, value)).collect();
    let mut copy = common.clone();
    let branch = |writer: &mut Writer, from: i64| (from..from + 40).map(|value| frame(writer, value)).collect();
    let (of_one, of_other): (Vec<Frame>, Vec<Frame>) = (branch(&mut common, 100), branch(&mut copy, 200));
    let append = async |log: &dyn Log, frames: &[Frame]| {
        append_all(log, &spooled).await;
        append_all(log, frames).await;
    };
    tokio::join!(append(&*one, &of_one), append(&*other, &of_other));
    append(&*one, &of_one).await;
    let (mut chain, mut counted, mut alarms) = (Chain::default(), Vec::new(), 0);
    for logged in read_all(&*one, Seq::FIRST).await.unwrap() {
        match chain.admit(&logged.frame.header) {
            Admission::Fresh => {}
            Admission::Repeat => continue,
            Admission::Broken(_) => alarms += 1,
        }
        counted.push(logged.frame);
    }
    assert_eq!((counted.len(), alarms), (100, 1), "frames that count, and alarms");
    let all = spooled.iter().chain(&of_one).chain(&of_other);
    assert_eq!(all.filter(|frame| !counted.contains(frame)).count(), 0);
}

pub(crate) async fn read_begins_anywhere(bed: &mut dyn Bed) {
    let log = bed.open().await;
    append_all(&*log, &frames(1, 10)).await;
    for from in [7, 1, 10, 3] {
        let found = read_all(&*log, seq(from)).await.unwrap();
        let expected: Vec<Seq> = (from..=10).map(seq).collect();
        assert_eq!(found.iter().map(|logged| logged.seq).collect::<Vec<_>>(), expected);
    }
}

pub(crate) async fn read_keeps_its_limits(bed: &mut dyn Bed) {
    let log = bed.open().await;
    let mut writer = writer(1);
    let sent: Vec<Frame> = (0..6).map(|_| large_frame(&mut writer, 10_000)).collect();
    append_all(&*log, &sent).await;
    let count = async |frames, bytes| {
        let limit = ReadLimit { frames, bytes, wait: Duration::ZERO };
        log.read(Seq::FIRST, limit).await.unwrap().len()
    };
    assert_eq!(count(1, usize::MAX).await, 1);
    assert_eq!(count(4, usize::MAX).await, 4);
    assert_eq!(count(100, usize::MAX).await, 6);
    assert_eq!(count(100, 1).await, 1, "one frame is always returned");
    let some = count(100, 25_000).await;
    assert!((1..=3).contains(&some), "{some} frames of 10 kB within 25 kB and the one that passes it");
}

/// Frames of nearly the largest size, and more at once than a broker buffers for a slow client (64 MiB).
pub(crate) async fn large_frames_come_through(bed: &mut dyn Bed) {
    let log = bed.open().await;
    let mut writer = writer(1);
    let sent: Vec<Frame> = (0..80).map(|_| large_frame(&mut writer, PAYLOAD_BYTES_MAX - 10_000)).collect();
    append_all(&*log, &sent).await;
    let limit = ReadLimit { frames: usize::MAX, bytes: usize::MAX, wait: Duration::ZERO };
    let mut next = Seq::FIRST;
    while next <= seq(80) {
        let batch = log.read(next, limit).await.unwrap();
        for logged in &batch {
            assert_eq!(logged.seq, next);
            logged.frame.verify().unwrap();
            next = next.next();
        }
        assert!(!batch.is_empty());
    }
}

pub(crate) async fn empty_log_has_a_tail(bed: &mut dyn Bed) {
    let log = bed.open().await;
    assert_eq!(read_now(&*log, Seq::FIRST).await.unwrap(), []);
    let beyond = read_now(&*log, seq(2)).await;
    assert!(matches!(beyond, Err(Error::Gap { .. })), "{beyond:?}");
    log.trim(Seq::FIRST).await.unwrap();
}

pub(crate) async fn reader_at_the_tail_wakes_up(bed: &mut dyn Bed) {
    let log = bed.open().await;
    wakes_up(&*log, &*log, Duration::from_millis(50)).await;
}

/// A second handle stands for another process, of which a reader may hear only by polling.
pub(crate) async fn reader_at_the_tail_hears_of_other_handles(bed: &mut dyn Bed) {
    let (log, other) = (bed.open().await, bed.open().await);
    wakes_up(&*log, &*other, Duration::from_millis(150)).await;
}

/// The best of five tries counts, because the machine has other things to do.
async fn wakes_up(reader: &dyn Log, appender: &dyn Log, within: Duration) {
    let mut best = Duration::MAX;
    for (frame, number) in frames(1, 5).iter().zip(1..) {
        let read = async {
            let found = reader.read(seq(number), ReadLimit::waiting(Duration::from_secs(10))).await.unwrap();
            assert_eq!(found.len(), 1);
            Instant::now()
        };
        let append = async {
            tokio::time::sleep(Duration::from_millis(60)).await;
            appender.append(frame).await.unwrap();
            Instant::now()
        };
        let (read_at, appended_at) = tokio::join!(read, append);
        best = best.min(read_at.saturating_duration_since(appended_at));
    }
    assert!(best < within, "the reader needed {best:?} to hear of a frame");
}

pub(crate) async fn reader_at_the_tail_goes_home(bed: &mut dyn Bed) {
    let log = bed.open().await;
    append_all(&*log, &frames(1, 2)).await;
    let begin = Instant::now();
    let found = log.read(seq(3), ReadLimit::waiting(Duration::from_millis(200))).await.unwrap();
    assert_eq!(found, []);
    let waited = begin.elapsed();
    assert!((Duration::from_millis(195)..Duration::from_secs(2)).contains(&waited), "{waited:?}");
}

pub(crate) async fn reader_beyond_the_tail_is_told(bed: &mut dyn Bed) {
    let log = bed.open().await;
    append_all(&*log, &frames(1, 2)).await;
    let begin = Instant::now();
    let beyond = log.read(seq(4), ReadLimit::waiting(Duration::from_secs(30))).await;
    assert!(matches!(beyond, Err(Error::Gap { last, .. }) if last == seq(2)), "{beyond:?}");
    assert!(begin.elapsed() < Duration::from_secs(5), "it was told only after {:?}", begin.elapsed());
}

pub(crate) async fn trimmed_frames_are_said_to_be_trimmed(bed: &mut dyn Bed) {
    let log = bed.open().await;
    let sent = frames(1, 10);
    append_all(&*log, &sent).await;
    for first_kept in [4, 4, 2] {
        log.trim(seq(first_kept)).await.unwrap();
        let info = log.info().await.unwrap();
        assert_eq!((info.first, info.last), (seq(4), seq(10)), "after trim to {first_kept}");
    }
    for from in [1, 3] {
        let refused = read_now(&*log, seq(from)).await;
        assert!(matches!(refused, Err(Error::Trimmed { first, .. }) if first == seq(4)), "{refused:?}");
    }
    let kept = read_all(&*log, seq(4)).await.unwrap();
    assert!(kept.iter().map(|logged| &logged.frame).eq(&sent[3..]));
}

pub(crate) async fn trimmed_log_continues_after_a_crash(bed: &mut dyn Bed) {
    let log = bed.open().await;
    let sent = frames(1, 6);
    append_all(&*log, &sent[..5]).await;
    log.trim(seq(3)).await.unwrap();
    drop(log);
    bed.crash().await;

    let log = bed.open().await;
    let info = log.info().await.unwrap();
    assert_eq!((info.first, info.last), (seq(3), seq(5)), "trimmed to 3");
    log.trim(seq(6)).await.unwrap();
    let info = log.info().await.unwrap();
    assert_eq!((info.first, info.last), (seq(6), seq(5)), "trimmed whole");
    drop(log);
    bed.crash().await;

    let log = bed.open().await;
    let info = log.info().await.unwrap();
    assert_eq!((info.first, info.last), (seq(6), seq(5)), "trimmed whole, after a crash");
    let refused = read_now(&*log, seq(5)).await;
    assert!(matches!(refused, Err(Error::Trimmed { first, .. }) if first == seq(6)), "{refused:?}");
    assert_eq!(read_now(&*log, seq(6)).await.unwrap(), []);
    assert_eq!(log.append(&sent[5]).await.unwrap().seq, seq(6));
    assert_eq!(read_all(&*log, seq(6)).await.unwrap().len(), 1);
}

pub(crate) async fn trim_beyond_the_tail_is_refused(bed: &mut dyn Bed) {
    let log = bed.open().await;
    let sent = frames(1, 2);
    append_all(&*log, &sent).await;
    let refused = log.trim(seq(4)).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_holds(&*log, &sent).await;
}

pub(crate) async fn concurrent_writers_keep_their_order(bed: &mut dyn Bed) {
    let log = bed.open().await;
    let sent: Vec<Vec<Frame>> = (1..=4).map(|id| frames(id, 50)).collect();
    tokio::join!(
        append_all(&*log, &sent[0]),
        append_all(&*log, &sent[1]),
        append_all(&*log, &sent[2]),
        append_all(&*log, &sent[3]),
    );
    let stored = read_all(&*log, Seq::FIRST).await.unwrap();
    assert_eq!(stored.len(), 200);
    let mut chain = Chain::default();
    let mut by_writer = BTreeMap::<_, Vec<&Frame>>::new();
    for (logged, number) in stored.iter().zip(1..) {
        assert_eq!(logged.seq, seq(number));
        assert_eq!(chain.admit(&logged.frame.header), Admission::Fresh);
        by_writer.entry(logged.frame.header.writer).or_default().push(&logged.frame);
    }
    for (stored, sent) in by_writer.values().zip(&sent) {
        assert!(stored.iter().copied().eq(sent));
    }
}

pub(crate) async fn crash_loses_nothing(bed: &mut dyn Bed) {
    let sent = frames(1, 30);
    let before = {
        let log = bed.open().await;
        append_all(&*log, &sent).await;
        read_all(&*log, Seq::FIRST).await.unwrap()
    };
    bed.crash().await;
    let log = bed.open().await;
    assert_eq!(read_all(&*log, Seq::FIRST).await.unwrap(), before, "not even a logged time changes");
    let info = log.info().await.unwrap();
    assert_eq!((info.epoch, info.first, info.last), (Epoch::FIRST, seq(1), seq(30)));
}

/// A log of which an older copy is left, while others know of frames up to 40.
pub(crate) async fn new_epoch_goes_on_behind_what_is_known(bed: &mut dyn Bed) {
    let (first, second) = (Epoch::FIRST, Epoch::new(2).unwrap());
    let log = bed.open().await;
    let sent = frames(1, 5);
    append_all(&*log, &sent).await;
    for (epoch, taken) in [(second, 5), (first, 3)] {
        let refused = log.begin_epoch(epoch, seq(taken)).await.unwrap_err();
        assert!(matches!(refused, Error::Fatal(_)), "{refused}");
    }
    log.begin_epoch(second, seq(41)).await.unwrap();
    // Whoever has it open would give its frames addresses of the epoch that is over.
    let stale = log.info().await.unwrap_err();
    assert!(matches!(stale, Error::Fatal(_)) && stale.to_string().contains("open it again"), "{stale}");
    let log = bed.open().await;
    log.begin_epoch(second, seq(41)).await.unwrap();
    let log = bed.open().await;
    let info = log.info().await.unwrap();
    assert_eq!((info.epoch, info.first, info.last), (second, seq(41), seq(40)));
    let trimmed = log.read(seq(5), ReadLimit::waiting(Duration::ZERO)).await.unwrap_err();
    assert!(matches!(trimmed, Error::Trimmed { .. }), "{trimmed}");
    let later = frames(2, 3);
    for (frame, number) in later.iter().zip(41..) {
        assert_eq!(log.append(frame).await.unwrap().seq, seq(number));
    }
    bed.crash().await;
    let log = bed.open().await;
    let info = log.info().await.unwrap();
    assert_eq!((info.epoch, info.first, info.last), (second, seq(41), seq(43)));
    let read = log.read(seq(41), ReadLimit::waiting(Duration::ZERO)).await.unwrap();
    assert_eq!(read.into_iter().map(|logged| logged.frame).collect::<Vec<_>>(), later);
    assert!(log.begin_epoch(second, seq(43)).await.is_err(), "it has begun");
}
