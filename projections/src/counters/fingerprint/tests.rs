//! Two tables have one fingerprint exactly if merging them gives the same rows.

use clicktrail_log::event::Event;
use proptest::prelude::*;

use super::*;
use crate::counters::{
    merge, project_frames,
    tests::{bytes, events, frame, limits},
};

fn of(tables: &[RecordBatch]) -> Fingerprint {
    let mut fingerprint = Fingerprint::new(Digest::of(b"a salt"));
    tables.iter().for_each(|rows| fingerprint.add(rows).unwrap());
    fingerprint
}

/// What ticks of so many events count, the last tick first.
async fn ticks(events: &[Event<'static>], each: usize) -> Vec<RecordBatch> {
    let mut ticks = Vec::new();
    for (seq, rows) in (1..).zip(events.chunks(each)).collect::<Vec<_>>().into_iter().rev() {
        ticks.extend(project_frames(&[frame(seq, rows)], &[]).await.unwrap());
    }
    ticks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn fingerprints_are_equal_exactly_if_merged_rows_are(
        events in events(), each in 1_usize..40, otherwise in 1_usize..40, without in any::<prop::sample::Index>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let (some, same) = (ticks(&events, each).await, ticks(&events, otherwise).await);
            let merged = merge(some.clone(), limits()).await.unwrap();
            prop_assert_eq!(bytes(merge(same.clone(), limits()).await.unwrap()), bytes(merged.clone()));
            prop_assert_eq!(of(&some), of(&merged));
            prop_assert_eq!(of(&same), of(&merged));

            let mut fewer = events.clone();
            fewer.remove(without.index(fewer.len()));
            prop_assert_ne!(of(&ticks(&fewer, each).await), of(&merged), "an event is missing");
            // The same events, and one of them under the key of another.
            let mut moved = events.clone();
            let at = without.index(moved.len());
            moved[at].campaign_id = "another".into();
            prop_assert_ne!(of(&ticks(&moved, each).await), of(&merged), "an event is another campaign's");
            moved[at] = events[at].clone();
            moved[at].price_micros += 1;
            moved[at].value_micros = moved[at].value_micros.map(|value| value + 1);
            let is_same = bytes(merge(ticks(&moved, each).await, limits()).await.unwrap()) == bytes(merged.clone());
            prop_assert_eq!(of(&ticks(&moved, each).await) == of(&merged), is_same, "an event has another price");
            Ok(())
        })?;
    }
}

/// Each measure of a row counts for itself, and each key for itself.
#[test]
fn measures_are_not_taken_for_each_other() {
    let digest = |at: usize, value: i128| {
        let mut fingerprint = Fingerprint::new(Digest::of(b"a salt"));
        fingerprint.sum = hash(b"key").wrapping_mul(fingerprint.factors[at].wrapping_mul(value.cast_unsigned()));
        fingerprint
    };
    let measures = COUNTS.len() + SUMS.len();
    for at in 0..measures {
        for other in 0..at {
            assert_ne!(digest(at, 1), digest(other, 1), "measures {at} and {other}");
            assert_ne!(digest(at, -1), digest(other, 1), "measures {at} and {other}");
        }
    }
}

#[test]
fn rows_of_other_columns_are_refused() {
    let fewer = RecordBatch::new_empty(schema()).project(&[0, 1, 2]).unwrap();
    assert!(Fingerprint::new(Digest::ZERO).add(&fewer).is_err());
}
