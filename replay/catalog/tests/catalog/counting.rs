//! Hot partials: each frame is counted once, whoever counts.

use std::sync::Arc;

use clicktrail_catalog::{Catalog, Error, HotPartial};
use clicktrail_log::position::Seq;

use crate::{
    place::Place,
    samples::{hour, partial, seq},
};

/// What a caller can tell of a result.
fn refused(result: Result<(), Error>) -> bool {
    match result {
        Ok(()) => false,
        Err(Error::Conflict(_)) => true,
        Err(other) => panic!("{other:?}"),
    }
}

pub(crate) async fn counting_begins_at_the_first_frame(place: Place) {
    let catalog = place.open().await;
    assert_eq!(catalog.counted_through().await.unwrap(), Seq::ZERO);
    assert!(refused(catalog.put_partial(&partial(hour(0), 2, 3)).await));
    catalog.put_partial(&partial(hour(0), 1, 3)).await.unwrap();
    catalog.put_partial(&partial(hour(0), 4, 4)).await.unwrap();
    catalog.put_partial(&partial(hour(1), 5, 9)).await.unwrap();
    assert_eq!(catalog.counted_through().await.unwrap(), seq(9));
    assert_eq!(
        catalog.partials(hour(0), Seq::ZERO, u32::MAX).await.unwrap(),
        [partial(hour(0), 1, 3), partial(hour(0), 4, 4)]
    );
    assert_eq!(catalog.partials(hour(1), Seq::ZERO, u32::MAX).await.unwrap(), [partial(hour(1), 5, 9)]);
    assert_eq!(catalog.partials(hour(2), Seq::ZERO, u32::MAX).await.unwrap(), []);
}

pub(crate) async fn partial_that_does_not_follow_is_refused(place: Place) {
    let catalog = place.open().await;
    catalog.put_partial(&partial(hour(0), 1, 10)).await.unwrap();
    for (first, last) in [(1, 10), (10, 12), (12, 14), (5, 20), (1, 1)] {
        assert!(refused(catalog.put_partial(&partial(hour(0), first, last)).await), "{first}..={last}");
    }
    let backwards = catalog.put_partial(&partial(hour(0), 11, 10)).await.unwrap_err();
    assert!(matches!(backwards, Error::Database(_)), "{backwards:?}");
    assert_eq!(catalog.partials(hour(0), Seq::ZERO, u32::MAX).await.unwrap(), [partial(hour(0), 1, 10)]);
}

pub(crate) async fn partial_stored_twice_counts_once(place: Place) {
    let catalog = place.open().await;
    let tick = partial(hour(0), 1, 10);
    catalog.put_partial(&tick).await.unwrap();
    let error = catalog.put_partial(&tick).await.unwrap_err();
    assert!(error.is_transient());
    assert_eq!(error.to_string(), "the catalog moved: frames 1–10 do not follow frame 10, the last counted",);
    assert_eq!(catalog.partials(hour(0), Seq::ZERO, u32::MAX).await.unwrap(), [tick]);
}

pub(crate) async fn of_two_projectors_one_wins_each_offset(place: Place) {
    let (one, two) = (place.open().await, place.open().await);
    for n in 1..=25 {
        let put = |catalog: &Arc<dyn Catalog>| {
            let catalog = Arc::clone(catalog);
            tokio::spawn(async move { refused(catalog.put_partial(&partial(hour(0), n, n)).await) })
        };
        let (first, second) = (put(&one), put(&two));
        let refusals = [first.await.unwrap(), second.await.unwrap()];
        assert_eq!(refusals.iter().filter(|refused| **refused).count(), 1, "frame {n}: {refusals:?}");
    }
    assert_eq!(one.partials(hour(0), Seq::ZERO, u32::MAX).await.unwrap().len(), 25);
}

/// Counts ticks of different lengths until `last` is passed; returns how many it stored.
async fn project(catalog: Arc<dyn Catalog>, ticks: u64, last: u64) -> usize {
    let mut stored = 0;
    loop {
        let next = catalog.counted_through().await.unwrap().next().get();
        if next > last {
            return stored;
        }
        if !refused(catalog.put_partial(&partial(hour(0), next, next + ticks)).await) {
            stored += 1;
        }
    }
}

pub(crate) async fn projectors_that_race_leave_no_hole_and_no_overlap(place: Place) {
    let racers: Vec<_> = {
        let mut racers = Vec::new();
        for ticks in 0..4 {
            racers.push(tokio::spawn(project(place.open().await, ticks, 200)));
        }
        racers
    };
    let mut stored = 0;
    for racer in racers {
        stored += racer.await.unwrap();
    }
    let catalog = place.open().await;
    let partials = catalog.partials(hour(0), Seq::ZERO, u32::MAX).await.unwrap();
    assert_eq!(partials.len(), stored);
    let mut next = Seq::FIRST;
    for partial in &partials {
        assert_eq!(partial.first_seq, next);
        next = partial.last_seq.next();
    }
    assert_eq!(catalog.counted_through().await.unwrap().next(), next);
}

async fn with_partials(place: &Place, partials: &[HotPartial]) -> Arc<dyn Catalog> {
    let catalog = place.open().await;
    for partial in partials {
        catalog.put_partial(partial).await.unwrap();
    }
    catalog
}

pub(crate) async fn merging_replaces_partials_by_one(place: Place) {
    let (early, late) = (hour(0), hour(1));
    let ticks = [partial(early, 1, 2), partial(early, 3, 3), partial(early, 4, 9), partial(late, 10, 11)];
    let catalog = with_partials(&place, &ticks).await;
    catalog.merge_partials(&partial(early, 3, 9), 2).await.unwrap();
    assert_eq!(
        catalog.partials(early, Seq::ZERO, u32::MAX).await.unwrap(),
        [partial(early, 1, 2), partial(early, 3, 9)]
    );
    catalog.merge_partials(&partial(early, 1, 9), 2).await.unwrap();
    assert_eq!(catalog.partials(early, Seq::ZERO, u32::MAX).await.unwrap(), [partial(early, 1, 9)]);
    assert_eq!(catalog.partials(late, Seq::ZERO, u32::MAX).await.unwrap(), [partial(late, 10, 11)]);
    assert_eq!(catalog.counted_through().await.unwrap(), seq(11));
    catalog.put_partial(&partial(late, 12, 12)).await.unwrap();
}

pub(crate) async fn merge_of_something_else_is_refused(place: Place) {
    let (early, late) = (hour(0), hour(1));
    let ticks = [partial(early, 1, 2), partial(early, 3, 5), partial(early, 6, 9), partial(late, 10, 11)];
    let catalog = with_partials(&place, &ticks).await;
    for (at, first, last, replaced) in [
        (early, 1, 5, 3),   // fewer than said
        (early, 1, 9, 2),   // more than said
        (early, 2, 5, 2),   // begins inside a partial
        (early, 1, 4, 2),   // ends inside a partial
        (early, 1, 11, 4),  // reaches into another hour
        (early, 6, 12, 1),  // reaches beyond what was counted
        (late, 1, 5, 2),    // of another hour
        (early, 20, 21, 0), // of nothing
    ] {
        let result = catalog.merge_partials(&partial(at, first, last), replaced).await;
        assert!(refused(result), "{at} {first}..={last} of {replaced}");
    }
    assert_eq!(catalog.partials(early, Seq::ZERO, u32::MAX).await.unwrap(), ticks[..3]);
    assert_eq!(catalog.partials(late, Seq::ZERO, u32::MAX).await.unwrap(), ticks[3..]);
}
