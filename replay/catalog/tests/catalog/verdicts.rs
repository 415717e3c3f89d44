//! The judge's mark and later rulings: each verdict frame is accounted for once, whoever follows.

use clicktrail_catalog::{Error, JudgedFrames, LaterRuling, Mark, OpenRulings, StaleHour};
use clicktrail_log::position::{Epoch, Position, Seq};

use crate::{
    place::Place,
    samples::{COUNTERS, equal, hour, sealed, segment, seq},
};

fn judged(clicks: u64, verdicts: u64) -> Mark {
    Mark { clicks_through: seq(clicks), verdicts_through: seq(verdicts) }
}

fn verdict(frame: u64) -> Position {
    Position::new(Epoch::FIRST, seq(frame), 0)
}

fn later(click: u64, first: u64, last: u64, verdicts: u64) -> LaterRuling {
    LaterRuling { click_seq: seq(click), first: verdict(first), last: verdict(last), verdicts }
}

fn refused(result: Result<(), Error>) -> bool {
    match result {
        Ok(()) => false,
        Err(Error::Conflict(_)) => true,
        Err(other) => panic!("{other:?}"),
    }
}

pub(crate) async fn judging_moves_only_from_where_it_stands(place: Place) {
    let (one, two) = (place.open().await, place.open().await);
    assert_eq!(one.judged().await.unwrap(), Mark::NOTHING);
    one.put_judged(&Mark::NOTHING, &judged(3, 1), JudgedFrames::default()).await.unwrap();
    assert!(refused(two.put_judged(&Mark::NOTHING, &judged(2, 1), JudgedFrames::default()).await));
    two.put_judged(&judged(3, 1), &judged(4, 1), JudgedFrames::default()).await.unwrap();
    assert_eq!(one.judged().await.unwrap(), judged(4, 1));
}

pub(crate) async fn later_ruling_makes_a_sealed_hour_stale(place: Place) {
    let catalog = place.open().await;
    for (after, first, last) in [(0, 1, 10), (1, 11, 20), (2, 21, 30)] {
        catalog
            .seal(&sealed(hour(after), first, last), &segment(hour(after)), &|_| equal(hour(after), 0))
            .await
            .unwrap();
    }
    catalog
        .put_later_rulings(&[later(9, 1, 1, 2), later(10, 2, 2, 1), later(25, 2, 2, 1)], Seq::ZERO, (seq(2), None))
        .await
        .unwrap();
    // The same frames again, and frames that do not follow, are refused.
    assert!(refused(catalog.put_later_rulings(&[later(9, 1, 1, 2)], Seq::ZERO, (seq(2), None)).await));
    assert!(refused(catalog.put_later_rulings(&[], seq(3), (seq(4), None)).await));
    catalog.put_later_rulings(&[later(9, 3, 4, 5)], seq(2), (seq(4), None)).await.unwrap();
    assert_eq!(catalog.followed_through().await.unwrap(), seq(4));
    let stale = |after: i64, first: u64, last: u64, verdicts: u64| StaleHour {
        hour: hour(after),
        first: verdict(first),
        last: verdict(last),
        verdicts,
    };
    let all = [stale(0, 1, 4, 8), stale(2, 2, 2, 1)];
    assert_eq!(catalog.stale_hours(COUNTERS, hour(0), 10).await.unwrap(), all);
    assert_eq!(catalog.stale_hours(COUNTERS, hour(0), 1).await.unwrap(), all[..1]);
    assert_eq!(catalog.stale_hours(COUNTERS, hour(1), 10).await.unwrap(), all[1..]);
}

pub(crate) async fn later_ruling_on_an_open_hour_waits_for_its_seal(place: Place) {
    let catalog = place.open().await;
    catalog.put_later_rulings(&[later(5, 1, 1, 1)], Seq::ZERO, (seq(1), None)).await.unwrap();
    assert_eq!(catalog.stale_hours(COUNTERS, hour(0), 10).await.unwrap(), []);
    let open = OpenRulings { first: verdict(1), last: verdict(1), verdicts: 1 };
    assert_eq!(catalog.open_rulings().await.unwrap(), Some(open));
    catalog.seal(&sealed(hour(0), 1, 10), &segment(hour(0)), &|_| equal(hour(0), 0)).await.unwrap();
    assert_eq!(catalog.stale_hours(COUNTERS, hour(0), 10).await.unwrap().len(), 1);
    assert_eq!(catalog.open_rulings().await.unwrap(), None);
}

pub(crate) async fn hour_and_live_segment_are_found(place: Place) {
    let catalog = place.open().await;
    catalog.seal(&sealed(hour(0), 1, 10), &segment(hour(0)), &|_| equal(hour(0), 0)).await.unwrap();
    assert_eq!(catalog.live_segment("counters", hour(0)).await.unwrap(), Some(segment(hour(0))));
    assert_eq!(catalog.live_segment("counters", hour(1)).await.unwrap(), None);
    assert_eq!(catalog.live_segment("other", hour(0)).await.unwrap(), None);
    for (frame, expected) in [(1, Some(sealed(hour(0), 1, 10))), (10, Some(sealed(hour(0), 1, 10))), (11, None)] {
        assert_eq!(catalog.hour_of(seq(frame)).await.unwrap(), expected, "frame {frame}");
    }
}
