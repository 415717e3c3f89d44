//! Hours that count from their segments, and what is read from both.

use std::sync::{Arc, Mutex};

use clicktrail_catalog::{Catalog, Error, HotPartial, Outcome, Reconciliation, SealedHour, Segment, Snapshot};
use clicktrail_log::position::Seq;

use crate::{
    place::Place,
    samples::{COUNTERS, equal, hour, partial, sealed, segment, seq},
};

/// Seals with a comparison that notes what it sees and finds no difference.
async fn seal(
    catalog: &Arc<dyn Catalog>,
    sealed: &SealedHour,
    segment: &Segment,
) -> Result<(Reconciliation, Option<Vec<(Seq, Seq)>>), Error> {
    let seen = Mutex::new(None);
    let compare = |hot: &[(Seq, Seq)]| {
        *seen.lock().unwrap() = Some(hot.to_vec());
        equal(sealed.hour, hot.len())
    };
    let reconciliation = catalog.seal(sealed, segment, &compare).await?;
    Ok((reconciliation, seen.into_inner().unwrap()))
}

/// Seals frames `first..=last` as the hour so many after the first; returns what was compared.
async fn seal_range(catalog: &Arc<dyn Catalog>, after: i64, first: u64, last: u64) -> Vec<(Seq, Seq)> {
    let at_hour = hour(after);
    seal(catalog, &sealed(at_hour, first, last), &segment(at_hour)).await.unwrap().1.unwrap()
}

async fn put(catalog: &Arc<dyn Catalog>, partials: &[HotPartial]) {
    for partial in partials {
        catalog.put_partial(partial).await.unwrap();
    }
}

fn ranges(partials: &[HotPartial]) -> Vec<(Seq, Seq)> {
    partials.iter().map(HotPartial::range).collect()
}

async fn counts(catalog: &Arc<dyn Catalog>) -> (Vec<Segment>, Vec<HotPartial>) {
    let snapshot = all(catalog).await;
    (snapshot.segments, snapshot.partials)
}

async fn all(catalog: &Arc<dyn Catalog>) -> Snapshot {
    catalog.snapshot(COUNTERS, hour(-100), hour(100)).await.unwrap()
}

async fn assert_refused(catalog: &Arc<dyn Catalog>, sealed: &SealedHour, segment: &Segment) {
    let before = (all(catalog).await, catalog.list_hours(hour(-100), 100).await.unwrap());
    let error = seal(catalog, sealed, segment).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{sealed:?}: {error:?}");
    assert_eq!((all(catalog).await, catalog.list_hours(hour(-100), 100).await.unwrap()), before);
}

pub(crate) async fn sealing_replaces_partials_by_the_segment(place: Place) {
    let catalog = place.open().await;
    let ticks = [partial(hour(0), 1, 4), partial(hour(0), 5, 8), partial(hour(1), 9, 12)];
    put(&catalog, &ticks).await;
    assert_eq!(catalog.last_hour().await.unwrap(), None);
    assert_eq!(counts(&catalog).await, (vec![], ticks.to_vec()));

    let (reconciliation, seen) = seal(&catalog, &sealed(hour(0), 1, 8), &segment(hour(0))).await.unwrap();
    assert_eq!((reconciliation, seen), (equal(hour(0), 2), Some(ranges(&ticks[..2]))));
    assert_eq!(catalog.last_hour().await.unwrap(), Some(sealed(hour(0), 1, 8)));
    assert_eq!(catalog.partials(hour(0), Seq::ZERO, u32::MAX).await.unwrap(), []);
    assert_eq!(counts(&catalog).await, (vec![segment(hour(0))], ticks[2..].to_vec()));
    assert_eq!(catalog.counted_through().await.unwrap(), seq(12));
    assert_eq!(catalog.reconciliations(hour(0), 10).await.unwrap(), [equal(hour(0), 2)]);
}

pub(crate) async fn comparison_sees_exactly_the_partials_of_the_hour(place: Place) {
    let catalog = place.open().await;
    let ticks: Vec<_> =
        (0..10).map(|n| partial(hour(n / 4), u64::try_from(n).unwrap() + 1, u64::try_from(n).unwrap() + 1)).collect();
    put(&catalog, &ticks).await;
    assert_eq!(seal_range(&catalog, 0, 1, 4).await, ranges(&ticks[..4]));
    assert_eq!(seal_range(&catalog, 1, 5, 8).await, ranges(&ticks[4..8]));
    assert_eq!(all(&catalog).await.partials, ticks[8..]);
}

/// The projector cut the hour elsewhere than the archiver. What it counted behind the cut is counted again, all of it:
/// if the tick 9–12 stayed while 5–8 went, nobody would count 7 and 8.
pub(crate) async fn partial_beyond_the_hour_is_counted_again(place: Place) {
    let catalog = place.open().await;
    let ticks = [partial(hour(0), 1, 4), partial(hour(0), 5, 8), partial(hour(1), 9, 12)];
    put(&catalog, &ticks).await;
    assert_eq!(seal_range(&catalog, 0, 1, 6).await, ranges(&ticks[..2]));
    assert_eq!(catalog.counted_through().await.unwrap(), seq(6));
    assert_eq!(counts(&catalog).await, (vec![segment(hour(0))], vec![]));
    let again = [partial(hour(1), 7, 8), partial(hour(1), 9, 14)];
    put(&catalog, &again).await;
    assert_eq!(seal_range(&catalog, 1, 7, 14).await, ranges(&again));
}

pub(crate) async fn sealing_without_partials_moves_counting_on(place: Place) {
    let catalog = place.open().await;
    put(&catalog, &[partial(hour(0), 1, 4)]).await;
    assert_eq!(seal_range(&catalog, 0, 1, 50).await, [(seq(1), seq(4))]);
    assert_eq!(seal_range(&catalog, 1, 51, 70).await, []);
    assert_eq!(catalog.counted_through().await.unwrap(), seq(70));
    assert!(catalog.put_partial(&partial(hour(0), 5, 9)).await.is_err());
    catalog.put_partial(&partial(hour(2), 71, 72)).await.unwrap();
}

pub(crate) async fn hour_out_of_order_is_refused(place: Place) {
    let catalog = place.open().await;
    put(&catalog, &[partial(hour(5), 1, 4), partial(hour(6), 5, 20)]).await;
    seal_range(&catalog, 5, 1, 4).await;
    for (after, first, last) in [(7, 5, 20), (4, 5, 20), (6, 6, 20), (6, 4, 20), (6, 1, 4), (-1, 5, 4)] {
        assert_refused(&catalog, &sealed(hour(after), first, last), &segment(hour(after))).await;
    }
    let mut earlier_epoch = sealed(hour(6), 5, 20);
    (earlier_epoch.epoch, earlier_epoch.last_seq) = (0, seq(20));
    assert_refused(&catalog, &earlier_epoch, &segment(hour(6))).await;
    seal_range(&catalog, 6, 5, 20).await;
}

pub(crate) async fn other_manifest_or_segment_is_refused(place: Place) {
    let catalog = place.open().await;
    let (stored_hour, stored_segment) = (sealed(hour(0), 1, 8), segment(hour(0)));
    seal(&catalog, &stored_hour, &stored_segment).await.unwrap();
    let other_manifest = SealedHour { manifest_digest: "other".to_owned(), ..stored_hour.clone() };
    assert_refused(&catalog, &other_manifest, &stored_segment).await;
    assert_refused(&catalog, &SealedHour { rows: 1, ..stored_hour.clone() }, &stored_segment).await;
    let other_key = Segment { key: "elsewhere".to_owned(), ..stored_segment.clone() };
    assert_refused(&catalog, &stored_hour, &other_key).await;
    let other_output = Segment { output_digest: "other".to_owned(), ..stored_segment };
    assert_refused(&catalog, &stored_hour, &other_output).await;
}

pub(crate) async fn sealing_again_changes_nothing(place: Place) {
    let catalog = place.open().await;
    put(&catalog, &[partial(hour(0), 1, 8), partial(hour(1), 9, 9), partial(hour(2), 10, 10)]).await;
    seal_range(&catalog, 0, 1, 8).await;
    seal_range(&catalog, 1, 9, 9).await;
    let before = all(&catalog).await;
    for after in [0, 1, 0] {
        let range = if after == 0 { (1, 8) } else { (9, 9) };
        let again = seal(&catalog, &sealed(hour(after), range.0, range.1), &segment(hour(after))).await.unwrap();
        assert_eq!(again, (equal(hour(after), 1), None), "the stored answer, without comparing");
    }
    assert_eq!(all(&catalog).await, before);
    assert_eq!(catalog.reconciliations(hour(0), 10).await.unwrap().len(), 2);
}

pub(crate) async fn quiet_hour_drops_no_partial(place: Place) {
    let catalog = place.open().await;
    assert_eq!(seal_range(&catalog, 0, 1, 0).await, []);
    assert_eq!(catalog.counted_through().await.unwrap(), Seq::ZERO);
    put(&catalog, &[partial(hour(1), 1, 8), partial(hour(3), 9, 12)]).await;
    assert_eq!(seal_range(&catalog, 1, 1, 8).await.len(), 1);
    assert_eq!(seal_range(&catalog, 2, 9, 8).await, []);
    assert_eq!(catalog.last_hour().await.unwrap(), Some(sealed(hour(2), 9, 8)));
    assert_eq!(catalog.counted_through().await.unwrap(), seq(12));
    assert_eq!(seal_range(&catalog, 3, 9, 12).await, [(seq(9), seq(12))]);
}

pub(crate) async fn of_two_archivers_the_second_gets_the_stored_comparison(place: Place) {
    let catalog = place.open().await;
    put(&catalog, &[partial(hour(0), 1, 8)]).await;
    let archiver = async || {
        let catalog = place.open().await;
        seal(&catalog, &sealed(hour(0), 1, 8), &segment(hour(0))).await.unwrap()
    };
    let (one, two) = tokio::join!(archiver(), archiver());
    assert_eq!((one.0, two.0), (equal(hour(0), 1), equal(hour(0), 1)));
    assert_eq!([one.1, two.1].iter().filter(|seen| seen.is_some()).count(), 1);
}

pub(crate) async fn difference_is_stored(place: Place) {
    let catalog = place.open().await;
    put(&catalog, &[partial(hour(0), 1, 8)]).await;
    let different = Reconciliation {
        outcome: Outcome::Different,
        detail: "acme/spring: 3 clicks sealed, 4 counted live".to_owned(),
        ..equal(hour(0), 4)
    };
    let answer = different.clone();
    let compare = move |_: &[(Seq, Seq)]| answer.clone();
    let returned = catalog.seal(&sealed(hour(0), 1, 8), &segment(hour(0)), &compare).await.unwrap();
    assert_eq!(returned, different);
    let incomplete = Reconciliation { outcome: Outcome::Incomplete, ..equal(hour(1), 0) };
    let answer = incomplete.clone();
    let compare = move |_: &[(Seq, Seq)]| answer.clone();
    catalog.seal(&sealed(hour(1), 9, 9), &segment(hour(1)), &compare).await.unwrap();
    assert_eq!(catalog.reconciliations(hour(0), 10).await.unwrap(), [different, incomplete]);
    assert_eq!(all(&catalog).await.segments.len(), 2, "the archive is right by definition");
}

pub(crate) async fn hours_and_reconciliations_are_listed_in_pages(place: Place) {
    let catalog = place.open().await;
    let hours: Vec<_> = (0..7).map(|n| sealed(hour(n), 1, 0)).collect();
    for n in 0..7 {
        seal_range(&catalog, n, 1, 0).await;
    }
    assert_eq!(catalog.list_hours(hour(-9), 3).await.unwrap(), hours[..3]);
    assert_eq!(catalog.list_hours(hour(3), 3).await.unwrap(), hours[3..6]);
    assert_eq!(catalog.list_hours(hour(6), 3).await.unwrap(), hours[6..]);
    assert_eq!(catalog.list_hours(hour(7), 3).await.unwrap(), []);
    let compared = |page: Vec<Reconciliation>| page.into_iter().map(|one| one.hour).collect::<Vec<_>>();
    assert_eq!(compared(catalog.reconciliations(hour(2), 2).await.unwrap()), [hour(2), hour(3)]);
    assert_eq!(compared(catalog.reconciliations(hour(5), 9).await.unwrap()), [hour(5), hour(6)]);
}

pub(crate) async fn snapshot_keeps_to_its_range_and_projection(place: Place) {
    let catalog = place.open().await;
    let ticks = [partial(hour(2), 5, 6), partial(hour(2), 7, 8), partial(hour(3), 9, 9)];
    seal_range(&catalog, 0, 1, 2).await;
    seal_range(&catalog, 1, 3, 4).await;
    put(&catalog, &ticks).await;
    let check = async |from, to, segments: &[i64], partials: &[HotPartial]| {
        let segments: Vec<_> = segments.iter().map(|after| segment(hour(*after))).collect();
        let found = catalog.snapshot(COUNTERS, hour(from), hour(to)).await.unwrap();
        assert_eq!((found.segments, found.partials), (segments, partials.to_vec()), "{from}..={to}");
        assert_eq!((found.marks.counted_through, found.marks.last_hour), (seq(9), Some(sealed(hour(1), 3, 4))));
    };
    check(0, 3, &[0, 1], &ticks).await;
    check(0, 0, &[0], &[]).await;
    check(1, 2, &[1], &ticks[..2]).await;
    check(3, 3, &[], &ticks[2..]).await;
    check(4, 9, &[], &[]).await;
    check(3, 0, &[], &[]).await;
    let other = catalog.snapshot("other", hour(0), hour(1)).await.unwrap();
    assert_eq!((other.segments, other.partials), (vec![], vec![]));
}

/// Hours of ten frames each are counted in fives and sealed, while others read: every frame before the last that a
/// reader sees is there once.
pub(crate) async fn snapshot_never_sees_half_a_sealing(place: Place) {
    const HOURS: i64 = 30;
    let catalog = place.open().await;
    let writer = {
        let catalog = Arc::clone(&catalog);
        tokio::spawn(async move {
            for n in 0..HOURS {
                let first = u64::try_from(n).unwrap() * 10 + 1;
                put(&catalog, &[partial(hour(n), first, first + 4), partial(hour(n), first + 5, first + 9)]).await;
                assert_eq!(seal_range(&catalog, n, first, first + 9).await.len(), 2);
            }
        })
    };
    let reader = async || {
        let catalog = place.open().await;
        let mut reached = 0;
        while reached < u64::try_from(HOURS).unwrap() * 10 {
            let snapshot = all(&catalog).await;
            let mut last = u64::try_from(snapshot.segments.len()).unwrap() * 10;
            for partial in &snapshot.partials {
                assert_eq!(partial.first_seq.get(), last + 1, "{snapshot:?}");
                last = partial.last_seq.get();
            }
            assert!(last >= reached, "{last} after {reached}");
            reached = last;
        }
    };
    tokio::join!(reader(), reader());
    writer.await.unwrap();
    assert_eq!(all(&catalog).await.segments.len(), 30);
}

pub(crate) async fn hours_without_a_frame_can_be_reopened_and_no_others(place: Place) {
    let catalog = place.open().await;
    seal_range(&catalog, 0, 1, 4).await;
    let before = (all(&catalog).await.segments, catalog.list_hours(hour(-100), 100).await.unwrap());
    for after in 1..4 {
        seal_range(&catalog, after, 5, 4).await;
    }
    put(&catalog, &[partial(hour(4), 5, 6)]).await;
    let refused = catalog.reopen(hour(0)).await.unwrap_err();
    assert!(matches!(refused, Error::Refused(_)), "{refused}");
    assert_eq!(catalog.reopen(hour(1)).await.unwrap(), 3);
    let old = catalog.seal(&sealed(hour(1), 5, 6), &segment(hour(1)), &|_| equal(hour(1), 0)).await.unwrap_err();
    assert!(matches!(old, Error::Conflict(_)), "a role of before finds its place again: {old}");
    let catalog = catalog.begin().await.unwrap();
    assert_eq!((all(&catalog).await.segments, catalog.list_hours(hour(-100), 100).await.unwrap()), before);
    assert_eq!(all(&catalog).await.partials, [partial(hour(4), 5, 6)], "what is counted stays counted");
    assert_eq!(catalog.reopen(hour(1)).await.unwrap(), 0);
    let catalog = catalog.begin().await.unwrap();
    seal_range(&catalog, 1, 5, 6).await;
}
