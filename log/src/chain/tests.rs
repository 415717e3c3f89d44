use std::sync::Arc;

use arrow::{
    array::{Int64Array, RecordBatch},
    datatypes::{DataType, Field, Schema},
};

use proptest::{collection::vec, prelude::*};

use super::{
    identity::{BRANCHES_MAX, WINDOW},
    *,
};
use crate::{
    frame::{Writer, identity_of_start},
    time::Timestamp,
};

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

/// `count` headers that each name the one before, the first one `previous`. `content` makes them unlike others.
fn linked(writer: Uuid, first: u64, count: u64, previous: Digest, content: &str) -> Vec<Header> {
    let mut previous = previous;
    let mut next = |number| {
        let at = Timestamp::from_micros(0);
        let header = Header {
            format: 1,
            schema_id: "0123456789abcdef".into(),
            rows: 1,
            writer,
            writer_epoch: 1,
            number,
            payload_digest: Digest::of(format!("{content} {number}").as_bytes()),
            previous,
            first_captured: at,
            last_captured: at,
        };
        previous = header.digest();
        header
    };
    (first..first + count).map(&mut next).collect()
}

fn admitted(chain: &mut Chain, headers: &[Header]) -> Vec<Admission> {
    headers.iter().map(|header| chain.admit(header)).collect()
}

fn is_reused(admission: &Admission) -> bool {
    matches!(admission, Admission::Broken(Alarm::Reused { .. }))
}

#[test]
fn fork_from_the_first_frame_counts_with_one_alarm_however_late() {
    let id = Uuid::from_u128(1);
    let (one, other) = (linked(id, 1, 1_000, Digest::ZERO, "one"), linked(id, 1, 300, Digest::ZERO, "other"));
    let mut chain = Chain::default();
    assert!(admitted(&mut chain, &one).iter().all(|admission| *admission == Admission::Fresh));
    let late = admitted(&mut chain, &other);
    assert!(is_reused(&late[0]), "{:?}", late[0]);
    assert!(late[1..].iter().all(|admission| *admission == Admission::Fresh), "the branch goes on by itself");
    let last = [&one[900..], &other[200..]].concat();
    assert!(admitted(&mut chain, &last).iter().all(|admission| *admission == Admission::Repeat), "of both branches");
}

#[test]
fn frame_that_is_not_remembered_is_never_dropped() {
    let id = Uuid::from_u128(1);
    let frames = linked(id, 1, WINDOW as u64 + 2, Digest::ZERO, "one");
    let mut chain = Chain::default();
    admitted(&mut chain, &frames);
    assert!(is_reused(&chain.admit(&frames[0])), "it is too far back");
    assert_eq!(chain.admit(&frames[1]), Admission::Repeat, "the first that is remembered");
    let reissued = Header { rows: 2, ..frames[60].clone() };
    assert!(is_reused(&chain.admit(&reissued)));
    assert_eq!(chain.admit(&reissued), Admission::Repeat);
}

#[test]
fn earlier_epoch_that_is_not_known_counts_with_an_alarm() {
    let mut chain = Chain::default();
    let id = Uuid::from_u128(1);
    chain.admit(&headers(id, 5, 1)[0]);
    assert!(is_reused(&chain.admit(&headers(id, 4, 1)[0])));
    assert_eq!(chain.admit(&headers(id, 4, 1)[0]), Admission::Repeat);
    assert_eq!(chain.last_of(id), Some((5, 1)));
}

#[test]
fn branches_and_starts_are_bounded_and_what_stays_is_what_wrote_last() {
    let id = Uuid::from_u128(0x0192_3456_789a_7bcd_8000_0000_0000_0001);
    let (mut chain, mut resumed) = (Chain::default(), Chain::default());
    for start in 0..STARTS_MAX as u128 + 90 {
        let writer = identity_of_start(id, Uuid::from_u128(start));
        let before = resumed.to_stored();
        for header in linked(writer, 1, 3, Digest::ZERO, "one") {
            assert_eq!(chain.admit(&header), Admission::Fresh);
            assert_eq!(resumed.admit(&header), Admission::Fresh);
        }
        for fork in 0..BRANCHES_MAX * 2 {
            let header = &linked(writer, 1, 1, Digest::ZERO, &format!("fork {fork}"))[0];
            assert!(is_reused(&chain.admit(header)));
            resumed.admit(header);
        }
        resumed = Chain::after(&before, &resumed.changed_since(&before)).unwrap();
        assert!(resumed == chain, "after start {start}");
    }
    assert_eq!(chain.0.len(), STARTS_MAX);
    assert!(chain.0.iter().all(|identity| identity.branches.len() == BRANCHES_MAX));
    let other = Uuid::from_u128(7);
    assert_eq!(chain.admit(&headers(other, 1, 1)[0]), Admission::Fresh);
    assert_eq!(chain.0.len(), STARTS_MAX + 1, "another writer is not of the directory");
}

/// One step of the log: which of two processes writes, or which of the frames logged so far comes again.
#[derive(Debug, Clone)]
enum Step {
    Next(usize),
    Again(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let next = (0..3_usize).prop_map(Step::Next);
    let again = any::<prop::sample::Index>().prop_map(Step::Again);
    vec(prop_oneof![3 => next, 2 => again], 1..240)
}

proptest! {
    /// Two processes under one identity, with some frames in common, and a third writer, in any order, with any frames
    /// again at any time, cut into hours anywhere.
    #[test]
    fn forks_count_every_distinct_frame_once_in_one_go_and_from_every_manifest(
        common in 0..6_u64,
        steps in steps(),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (id, third) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let shared = linked(id, 1, common, Digest::ZERO, "common");
        let end = shared.last().map_or(Digest::ZERO, Header::digest);
        let branch = |content: &str| [shared.clone(), linked(id, common + 1, 240, end, content)].concat();
        let writers = [branch("one"), branch("other"), linked(third, 1, 240, Digest::ZERO, "third")];
        let (mut made, mut log) = ([0; 3], Vec::<Header>::new());
        for step in steps {
            match step {
                Step::Next(writer) => {
                    log.push(writers[writer][made[writer]].clone());
                    made[writer] += 1;
                }
                Step::Again(index) if !log.is_empty() => log.push(index.get(&log).clone()),
                Step::Again(_) => {}
            }
        }
        // Farther back nothing is remembered: another test.
        prop_assume!(made.iter().all(|made| *made < WINDOW));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(log.len() + 1)).collect();
        cuts.extend([0, log.len()]);
        cuts.sort_unstable();
        let (mut live, mut resumed, mut seen) = (Chain::default(), Chain::default(), std::collections::HashSet::new());
        for hour in cuts.windows(2) {
            let before = resumed.to_stored();
            for header in &log[hour[0]..hour[1]] {
                let admission = live.admit(header);
                prop_assert_eq!(&admission, &resumed.admit(header));
                prop_assert_eq!(admission != Admission::Repeat, seen.insert(header.digest().0));
            }
            // What the manifest of the hour keeps, as JSON, is all that goes on.
            let kept = serde_json::to_string(&(before.clone(), resumed.changed_since(&before))).unwrap();
            let (writers, last_frames): (Vec<StoredWriter>, Vec<StoredWriter>) = serde_json::from_str(&kept).unwrap();
            resumed = Chain::after(&writers, &last_frames).unwrap();
            prop_assert!(resumed == live);
        }
        let distinct: std::collections::HashSet<_> = log.iter().map(|header| header.digest().0).collect();
        prop_assert_eq!(seen, distinct);
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
