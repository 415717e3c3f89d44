//! The end of a rebuild: one transaction, which nobody sees half done and no earlier writer undoes.

use std::sync::Arc;

use clicktrail_catalog::{
    Catalog, Error, Hole, HotPartial, JudgedFrames, LaterRuling, Mark, Registered, Replacement, Snapshot,
};
use clicktrail_log::position::{Epoch, Position, Seq};

use crate::{
    place::Place,
    samples::{COUNTERS, ad, at, equal, hour, partial, sealed, segment, seq},
};

/// Hours of ten frames each, from the first.
const FRAMES: u64 = 10;

fn range(after: i64) -> (u64, u64) {
    let first = u64::try_from(after).unwrap() * FRAMES + 1;
    (first, first + FRAMES - 1)
}

fn registered(after: i64) -> Registered {
    let (first, last) = range(after);
    Registered {
        hour: sealed(hour(after), first, last),
        segment: segment(hour(after)),
        reconciliation: equal(hour(after), 0),
    }
}

pub(crate) async fn seal(catalog: &dyn Catalog, after: i64) -> Result<(), Error> {
    let one = registered(after);
    catalog.seal(&one.hour, &one.segment, &|hot| equal(hour(after), hot.len())).await.map(|_| ())
}

/// A replacement by the first `hours` hours and `partials`, from what stands in the catalog now.
pub(crate) async fn replacement(catalog: &dyn Catalog, hours: i64, partials: Option<Vec<HotPartial>>) -> Replacement {
    Replacement {
        seen: catalog.marks(COUNTERS).await.unwrap(),
        hours: (0..hours).map(registered).collect(),
        partials,
        judged: Mark::NOTHING,
        judged_frames: JudgedFrames::default(),
        promotions: Vec::new(),
    }
}

async fn all(catalog: &dyn Catalog) -> Snapshot {
    catalog.snapshot(COUNTERS, hour(-100), hour(100)).await.unwrap()
}

#[track_caller]
fn assert_conflict<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Conflict(_))), "{result:?}");
}

pub(crate) async fn rebuild_keeps_registry_and_audit_and_begins_a_generation(place: Place) {
    let catalog = place.open().await;
    catalog.put_ads(&[ad("a", 1)], "ann", at(0)).await.unwrap();
    catalog.put_partial(&partial(hour(0), 1, 10)).await.unwrap();
    catalog.put_partial(&partial(hour(1), 11, 14)).await.unwrap();
    let first = catalog.making().await.unwrap();
    let replaced = replacement(catalog.as_ref(), 1, Some(vec![partial(hour(1), 11, 20)])).await;
    let second = catalog.replace(&replaced, "ann", at(9)).await.unwrap();
    assert!(first < second);
    let snapshot = all(catalog.as_ref()).await;
    assert_eq!((snapshot.segments, snapshot.partials), (vec![segment(hour(0))], vec![partial(hour(1), 11, 20)]));
    assert_eq!((snapshot.marks.making, snapshot.marks.counted_through), (second, seq(20)));
    assert_eq!(catalog.list_ads("", 10).await.unwrap(), [ad("a", 1)]);
    assert_eq!(catalog.ads_version().await.unwrap(), 1);
    assert_eq!(place.texts("SELECT action FROM audit ORDER BY audit_id").await, ["put_ads", "rebuild"]);
    let detail = "SELECT detail FROM audit WHERE action = 'rebuild'";
    let last = hour(0);
    assert_eq!(
        place.texts(detail).await,
        [format!("1 hours; the last is {last}, it was none; counted through 20, it was 14")]
    );
}

pub(crate) async fn who_began_before_a_rebuild_writes_nothing_after_it(place: Place) {
    let (catalog, elsewhere) = (place.open().await, place.open().await);
    seal(catalog.as_ref(), 0).await.unwrap();
    let begun = elsewhere.begin().await.unwrap();
    let replaced = replacement(catalog.as_ref(), 1, Some(vec![])).await;
    catalog.replace(&replaced, "ann", at(0)).await.unwrap();
    for before in [&catalog, &elsewhere, &begun] {
        let later = LaterRuling {
            click_seq: seq(1),
            first: Position::new(Epoch::FIRST, seq(1), 0),
            last: Position::new(Epoch::FIRST, seq(1), 0),
            verdicts: 1,
        };
        assert_conflict(before.put_partial(&partial(hour(1), 11, 12)).await);
        assert_conflict(before.merge_partials(&partial(hour(1), 11, 12), 1).await);
        assert_conflict(seal(before.as_ref(), 1).await);
        let mark = Mark { clicks_through: seq(20), verdicts_through: seq(1) };
        assert_conflict(before.put_judged(&Mark::NOTHING, &mark, JudgedFrames::default()).await);
        assert_conflict(before.put_later_rulings(&[later], Seq::ZERO, (seq(1), None)).await);
        let again = replacement(before.as_ref(), 1, Some(vec![])).await;
        assert_conflict(before.replace(&again, "bob", at(1)).await);
        // The registry is not what was rebuilt.
        before.put_ads(&[ad("a", 1)], "ann", at(0)).await.unwrap();
    }
    let begun_after = elsewhere.begin().await.unwrap();
    begun_after.put_partial(&partial(hour(1), 11, 12)).await.unwrap();
    seal(begun_after.as_ref(), 1).await.unwrap();
    assert_eq!(all(catalog.as_ref()).await.marks.counted_through, seq(20));
}

/// The counts move from partials into hours and back, while others read: all of them are always there, once.
pub(crate) async fn rebuild_is_seen_whole_or_not_at_all(place: Place) {
    const HOURS: i64 = 8;
    let last = range(HOURS - 1).1;
    let catalog = place.open().await;
    for after in 0..HOURS {
        let (first, last) = range(after);
        catalog.put_partial(&partial(hour(after), first, last)).await.unwrap();
    }
    let rebuilds = {
        let place = place.clone();
        tokio::spawn(async move {
            for hours in [HOURS, 0, 3, HOURS, 1, 0, 5] {
                let catalog = place.open().await;
                let open = (hours..HOURS).map(|after| partial(hour(after), range(after).0, range(after).1)).collect();
                let replaced = replacement(catalog.as_ref(), hours, Some(open)).await;
                catalog.replace(&replaced, "ann", at(0)).await.unwrap();
            }
        })
    };
    let mut looks = 0;
    while !rebuilds.is_finished() || looks == 0 {
        let snapshot = all(catalog.as_ref()).await;
        let mut through = snapshot.segments.len() as u64 * FRAMES;
        for partial in &snapshot.partials {
            assert_eq!(partial.first_seq.get(), through + 1, "{snapshot:?}");
            through = partial.last_seq.get();
        }
        assert_eq!((through, snapshot.marks.holes), (last, vec![]));
        looks += 1;
    }
    rebuilds.await.unwrap();
}

pub(crate) async fn rebuild_that_would_lose_what_was_sealed_or_counted_is_refused(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 0).await.unwrap();
    let before = replacement(catalog.as_ref(), 1, Some(vec![partial(hour(1), 11, 12)])).await;
    catalog.put_partial(&partial(hour(1), 11, 13)).await.unwrap();
    assert_conflict(catalog.replace(&before, "ann", at(0)).await);
    // What was counted meanwhile is in the replacement too.
    let further = Replacement { partials: Some(vec![partial(hour(1), 11, 14)]), ..before.clone() };
    seal(catalog.as_ref(), 1).await.unwrap();
    assert_conflict(catalog.replace(&further, "ann", at(0)).await);
    assert_eq!(all(catalog.as_ref()).await.segments, [segment(hour(0)), segment(hour(1))]);
    // What was registered and should not have been goes, if it was seen.
    let seen = replacement(catalog.as_ref(), 1, Some(vec![partial(hour(1), 11, 12)])).await;
    catalog.replace(&seen, "ann", at(0)).await.unwrap();
    assert_eq!(all(catalog.as_ref()).await.marks.counted_through, seq(12));
}

pub(crate) async fn rebuild_that_fails_leaves_everything_as_it_was(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 0).await.unwrap();
    catalog.put_partial(&partial(hour(1), 11, 13)).await.unwrap();
    let before = (all(catalog.as_ref()).await, catalog.list_hours(hour(0), 9).await.unwrap());
    let mut replaced = replacement(catalog.as_ref(), 3, Some(vec![])).await;
    // The last hour is of an epoch that no log has.
    replaced.hours[2].hour.epoch = 0;
    let error = catalog.replace(&replaced, "ann", at(0)).await.unwrap_err();
    assert!(matches!(error, Error::Database(_)), "{error:?}");
    assert_eq!((all(catalog.as_ref()).await, catalog.list_hours(hour(0), 9).await.unwrap()), before);
    assert_eq!(place.texts("SELECT action FROM audit").await, Vec::<String>::new());
    catalog.put_partial(&partial(hour(1), 14, 15)).await.unwrap();
}

pub(crate) async fn hours_that_are_the_same_keep_what_their_comparison_found(place: Place) {
    let catalog = place.open().await;
    for after in 0..3 {
        let (first, last) = range(after);
        catalog.put_partial(&partial(hour(after), first, last)).await.unwrap();
        seal(catalog.as_ref(), after).await.unwrap();
    }
    let mut replaced = replacement(catalog.as_ref(), 3, Some(vec![])).await;
    replaced.hours[1].segment.output_digest = "another".to_owned();
    catalog.replace(&replaced, "ann", at(0)).await.unwrap();
    let compared = catalog.reconciliations(hour(0), 9).await.unwrap();
    assert_eq!(compared, [equal(hour(0), 1), equal(hour(1), 0), equal(hour(2), 1)]);
    assert_eq!(all(catalog.as_ref()).await.segments[1].output_digest, "another");
}

pub(crate) async fn counts_that_follow_stay_where_the_log_could_not_be_read(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 0).await.unwrap();
    catalog.put_partial(&partial(hour(1), 11, 13)).await.unwrap();
    let same = replacement(catalog.as_ref(), 1, None).await;
    catalog.replace(&same, "ann", at(0)).await.unwrap();
    assert_eq!(all(catalog.as_ref()).await.partials, [partial(hour(1), 11, 13)]);
    // Behind fewer hours they do not follow: frames between would be counted by nobody.
    let catalog = catalog.begin().await.unwrap();
    let mut fewer = replacement(catalog.as_ref(), 0, None).await;
    fewer.seen = catalog.marks(COUNTERS).await.unwrap();
    catalog.replace(&fewer, "ann", at(0)).await.unwrap();
    let snapshot = all(catalog.as_ref()).await;
    assert_eq!((snapshot.segments, snapshot.partials, snapshot.marks.counted_through), (vec![], vec![], Seq::ZERO));
}

pub(crate) async fn judge_does_not_go_back_and_the_verdict_log_is_followed_again(place: Place) {
    let mark = |clicks, verdicts| Mark { clicks_through: seq(clicks), verdicts_through: seq(verdicts) };
    let mut catalog: Arc<dyn Catalog> = place.open().await;
    seal(catalog.as_ref(), 0).await.unwrap();
    catalog.put_judged(&Mark::NOTHING, &mark(7, 3), JudgedFrames::default()).await.unwrap();
    let first = Position::new(Epoch::FIRST, seq(1), 0);
    let later = LaterRuling { click_seq: seq(5), first, last: first, verdicts: 1 };
    catalog.put_later_rulings(&[later], Seq::ZERO, (seq(1), None)).await.unwrap();
    assert_eq!(all(catalog.as_ref()).await.stale.len(), 1);
    for (proven, expected) in [(mark(5, 2), mark(7, 3)), (mark(9, 4), mark(9, 4))] {
        let replaced = Replacement { judged: proven, ..replacement(catalog.as_ref(), 1, Some(vec![])).await };
        catalog.replace(&replaced, "ann", at(0)).await.unwrap();
        catalog = catalog.begin().await.unwrap();
        let snapshot = all(catalog.as_ref()).await;
        assert_eq!((snapshot.marks.judged, snapshot.marks.followed), (expected, Seq::ZERO));
        assert_eq!(snapshot.stale, []);
    }
}

pub(crate) async fn lost_rows_are_named_and_counted_nowhere(place: Place) {
    let catalog = place.open().await;
    for after in 0..5 {
        seal(catalog.as_ref(), after).await.unwrap();
    }
    for (first, last) in [(51, 52), (53, 56), (57, 57)] {
        catalog.put_partial(&partial(hour(5), first, last)).await.unwrap();
    }
    assert_eq!(all(catalog.as_ref()).await.marks.holes, []);
    for table in ["live_segments", "segments", "reconciliations", "hours"] {
        let sql = match table {
            "live_segments" => "DELETE FROM live_segments WHERE hour IN (490001, 490003)",
            "segments" => "DELETE FROM segments WHERE hour IN (490001, 490003)",
            "reconciliations" => "DELETE FROM reconciliations WHERE hour = 490001",
            _ => "DELETE FROM hours WHERE hour = 490001",
        };
        place.execute(sql).await;
    }
    place.execute("DELETE FROM hot_partials WHERE first_seq = 53").await;
    let snapshot = all(catalog.as_ref()).await;
    assert_eq!(
        snapshot.marks.holes,
        [Hole::Hours(hour(0), hour(2)), Hole::Segment(hour(3)), Hole::Frames(seq(53), seq(56))]
    );
    assert_eq!(snapshot.segments.len(), 3);
}
