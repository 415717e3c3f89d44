//! Hours that are done because another generation made the same: all of them in one transaction, with its totals, and
//! nothing that anybody has reason to look at.

use std::time::Duration;

use clicktrail_catalog::{
    Catalog,
    generations::{
        ControlTotals, FOUND_MAX, FoundSegment, Generation, GenerationId, GenerationState, NewUnit, Rerun, Unit,
        UnitOutput, UnitState,
    },
};

use crate::{
    place::Place,
    samples::{at, generation, hour, output, unit, verdict},
};

/// More than one statement takes.
const HOURS: i64 = 120;

async fn put(catalog: &dyn Catalog, generation: &Generation, hours: i64) {
    let units: Vec<NewUnit> = (0..hours).map(unit).collect();
    catalog.put_generation(generation, &units).await.unwrap();
}

/// What an hour's unit makes: its totals are those of no other hour.
fn made(after: i64) -> UnitOutput {
    let micros = i128::from(after) << 70;
    let totals = ControlTotals { events: after.unsigned_abs() + 1, billable: after.unsigned_abs(), micros };
    UnitOutput { read: totals, written: totals, ..output(after, 1) }
}

/// A generation of which the first so many hours are done.
async fn earlier(catalog: &dyn Catalog, number: u8, hours: i64, done: i64) -> GenerationId {
    let earlier = generation(number, 0, hours - 1);
    put(catalog, &earlier, hours).await;
    for after in 0..done {
        catalog.finish_unit(&earlier.id, hour(after), &made(after), at(1)).await.unwrap();
    }
    earlier.id
}

/// The segment of an hour, as a plan finds it in the archive.
fn found(after: i64) -> FoundSegment {
    let segment = made(after).segment;
    FoundSegment {
        hour: segment.hour,
        input_digest: segment.input_digest,
        output_digest: segment.output_digest,
        key: segment.key,
        bytes: segment.bytes,
        rows: segment.rows,
        verdicts_before: segment.verdicts_before,
    }
}

fn all(hours: std::ops::Range<i64>) -> Vec<FoundSegment> {
    hours.map(found).collect()
}

async fn units(catalog: &dyn Catalog, id: &GenerationId) -> Vec<Unit> {
    catalog.units(id, hour(0), 1_000).await.unwrap()
}

pub(crate) async fn hours_that_another_generation_made_are_noted_with_its_totals(place: Place) {
    let catalog = place.open().await;
    earlier(catalog.as_ref(), 1, HOURS, HOURS - 1).await;
    let next = generation(2, 0, HOURS - 1);
    put(catalog.as_ref(), &next, HOURS).await;
    assert_eq!(catalog.reuse_units(&next.id, &all(0..HOURS), at(9)).await.unwrap(), HOURS.unsigned_abs() - 1);
    let noted = units(catalog.as_ref(), &next.id).await;
    for (after, unit) in (0..HOURS - 1).zip(&noted) {
        assert_eq!((unit.state, unit.attempt, unit.worker.as_str()), (UnitState::Done, 0, ""), "{unit:?}");
        assert_eq!(unit.output, Some(UnitOutput { is_reused: true, ..made(after) }));
        assert_eq!((unit.begun_at, unit.ended_at), (at(9), at(9)));
    }
    assert_eq!(noted.last().map(|unit| unit.state), Some(UnitState::Waiting), "nobody has made it yet");
    // The same call again changes nothing, and the last hour is a worker's.
    assert_eq!(catalog.reuse_units(&next.id, &all(0..HOURS), at(10)).await.unwrap(), 0);
    assert_eq!(units(catalog.as_ref(), &next.id).await, noted);
    let left = catalog.claim_unit(&next.id, "worker", at(11), at(21)).await.unwrap().unwrap();
    assert_eq!((left.hour, left.attempt), (hour(HOURS - 1), 1));
    catalog.finish_unit(&next.id, left.hour, &made(HOURS - 1), at(12)).await.unwrap();
    let state = |generation: Option<Generation>| generation.unwrap().state;
    assert_eq!(state(catalog.generation(&next.id).await.unwrap()), GenerationState::Built);
    // One of which nothing is left to do is built at once, also from what was itself reused.
    let third = generation(3, 0, HOURS - 1);
    put(catalog.as_ref(), &third, HOURS).await;
    assert_eq!(catalog.reuse_units(&third.id, &all(0..HOURS), at(13)).await.unwrap(), HOURS.unsigned_abs());
    assert_eq!(state(catalog.generation(&third.id).await.unwrap()), GenerationState::Built);
    assert_eq!(catalog.reuse_units(&third.id, &all(0..HOURS), at(14)).await.unwrap(), 0, "it is not building");
}

pub(crate) async fn hour_that_somebody_has_to_look_at_is_not_noted(place: Place) {
    let catalog = place.open().await;
    earlier(catalog.as_ref(), 1, 9, 9).await;
    let next = generation(2, 0, 8);
    put(catalog.as_ref(), &next, 9).await;
    let none = async |what: &str, found: FoundSegment| {
        assert_eq!(catalog.reuse_units(&next.id, &[found], at(9)).await.unwrap(), 0, "{what}");
    };
    none("other input", FoundSegment { input_digest: "other".to_owned(), ..found(0) }).await;
    none("other bytes", FoundSegment { output_digest: "other".to_owned(), ..found(0) }).await;
    none("another object", FoundSegment { key: "other".to_owned(), ..found(0) }).await;
    none("another size", FoundSegment { bytes: 1, ..found(0) }).await;
    none("other rows", FoundSegment { rows: 1, ..found(0) }).await;
    none("no hour of it", found(9)).await;
    place.execute("UPDATE units SET segment_rows = segment_rows + 1 WHERE hour = 490001 AND state = 'done'").await;
    none("a row that was changed", FoundSegment { rows: found(1).rows + 1, ..found(1) }).await;
    place.execute("UPDATE units SET written_micros = '7' WHERE hour = 490002 AND state = 'done'").await;
    none("totals that were changed", found(2)).await;
    // As if a third generation had made other bytes of the same input.
    let third = generation(3, 4, 4);
    catalog.put_generation(&third, &[unit(4)]).await.unwrap();
    catalog.finish_unit(&third.id, hour(4), &output(4, 2), at(1)).await.unwrap();
    place.execute("UPDATE units SET input_digest = 'input 4 1' WHERE generation = '0000000000000003'").await;
    none("other bytes of the same input", found(4)).await;
    let taken = catalog.claim_unit(&next.id, "worker", at(1), at(99)).await.unwrap().unwrap();
    let after = taken.hour.as_i64() - hour(0).as_i64();
    none("one that is taken", found(after)).await;
    catalog.finish_unit(&next.id, taken.hour, &made(after), at(2)).await.unwrap();
    catalog.release_units(&next.id, Rerun::All, at(100)).await.unwrap();
    none("one that has to come out again", found(after)).await;
    assert_eq!(catalog.reuse_units(&next.id, &[found(8)], at(9)).await.unwrap(), 1, "of the others nothing is odd");
}

pub(crate) async fn hour_is_noted_of_the_same_code_and_of_verdicts_that_are_known(place: Place) {
    let catalog = place.open().await;
    earlier(catalog.as_ref(), 1, 1, 1).await;
    let known = verdict(100);
    for (number, code, before, noted) in [(2, "other", known, 0), (3, "code", verdict(0), 0), (4, "code", known, 1)] {
        let next = Generation { code_digest: code.to_owned(), verdicts_before: before, ..generation(number, 0, 0) };
        put(catalog.as_ref(), &next, 1).await;
        assert_eq!(catalog.reuse_units(&next.id, &all(0..1), at(9)).await.unwrap(), noted, "{code} {before}");
    }
    let next = generation(5, 0, 0);
    put(catalog.as_ref(), &next, 1).await;
    catalog.abort_generation(&next.id, "ann", "", at(2)).await.unwrap();
    assert_eq!(catalog.reuse_units(&next.id, &all(0..1), at(9)).await.unwrap(), 0, "it was given up");
}

/// They were sealed and never built: no unit has made them, and somebody has read their segments.
pub(crate) async fn hours_that_were_read_are_noted_unless_somebody_has_to_look(place: Place) {
    let catalog = place.open().await;
    let id = earlier(catalog.as_ref(), 1, HOURS, 0).await;
    let read = |hours: std::ops::Range<i64>| -> Vec<UnitOutput> {
        hours.map(|after| UnitOutput { is_reused: true, ..made(after) }).collect()
    };
    let taken = catalog.claim_unit(&id, "worker", at(1), at(99)).await.unwrap().unwrap();
    let taken = taken.hour.as_i64() - hour(0).as_i64();
    // Another generation has made other bytes of the same input.
    let other = generation(2, 4, 4);
    catalog.put_generation(&other, &[unit(4)]).await.unwrap();
    let unlike = made(4).segment;
    let unlike = clicktrail_catalog::Segment { output_digest: "output unlike".to_owned(), ..unlike };
    catalog.finish_unit(&other.id, hour(4), &UnitOutput { segment: unlike, ..made(4) }, at(1)).await.unwrap();
    let noted = HOURS.unsigned_abs() - 2;
    assert_eq!(catalog.note_units(&id, &read(0..HOURS + 1), at(9)).await.unwrap(), noted, "and one is no hour of it");
    for (after, unit) in (0..HOURS).zip(&units(catalog.as_ref(), &id).await) {
        let state = match after {
            4 => UnitState::Waiting,
            _ if after == taken => UnitState::Leased,
            _ => UnitState::Done,
        };
        assert_eq!(unit.state, state, "{unit:?}");
        if state == UnitState::Done {
            assert_eq!((unit.attempt, unit.worker.as_str(), unit.begun_at, unit.ended_at), (0, "", at(9), at(9)));
            assert_eq!(unit.output, Some(UnitOutput { is_reused: true, ..made(after) }));
        }
    }
    assert_eq!(catalog.note_units(&id, &read(0..HOURS), at(10)).await.unwrap(), 0);
    // Of one of which nothing is left to do it is built at once, and then takes nothing more.
    let third = generation(3, 0, 2);
    put(catalog.as_ref(), &third, 3).await;
    assert_eq!(catalog.note_units(&third.id, &read(0..3), at(13)).await.unwrap(), 3);
    assert_eq!(catalog.generation(&third.id).await.unwrap().unwrap().state, GenerationState::Built);
    assert_eq!(catalog.note_units(&third.id, &read(0..3), at(14)).await.unwrap(), 0, "it is not building");
    let most = i64::try_from(FOUND_MAX).unwrap();
    let noting = tokio::spawn(async move { catalog.note_units(&id, &read(0..most + 1), at(9)).await });
    assert!(noting.await.unwrap_err().is_panic());
}

pub(crate) async fn more_hours_than_one_transaction_may_hold_are_refused(place: Place) {
    let catalog = place.open().await;
    let id = earlier(catalog.as_ref(), 1, 1, 0).await;
    let most = i64::try_from(FOUND_MAX).unwrap();
    assert_eq!(catalog.reuse_units(&id, &all(0..most), at(9)).await.unwrap(), 0);
    let noting = tokio::spawn(async move { catalog.reuse_units(&id, &all(0..most + 1), at(9)).await });
    assert!(noting.await.unwrap_err().is_panic());
}

pub(crate) async fn open_units_are_those_that_wait_or_are_leased(place: Place) {
    let catalog = place.open().await;
    let id = earlier(catalog.as_ref(), 1, 4, 1).await;
    let taken = catalog.claim_unit(&id, "worker", at(1), at(2)).await.unwrap().unwrap();
    let mut open = catalog.open_units(&id, 9).await.unwrap();
    open.sort_unstable();
    assert_eq!(open, [1, 2, 3].map(hour));
    assert!(open.contains(&taken.hour));
    assert_eq!(catalog.open_units(&id, 2).await.unwrap().len(), 2);
    for after in 1..4 {
        catalog.finish_unit(&id, hour(after), &made(after), at(3)).await.unwrap();
    }
    assert_eq!(catalog.open_units(&id, 9).await.unwrap(), []);
    let given_up = earlier(catalog.as_ref(), 2, 4, 0).await;
    catalog.abort_generation(&given_up, "ann", "", at(2)).await.unwrap();
    assert_eq!(catalog.open_units(&given_up, 9).await.unwrap(), []);
}

/// Workers that wait for others ask every few milliseconds, and one that writes must not wait for them.
pub(crate) async fn worker_that_finds_no_unit_waits_for_nobody_who_writes(place: Place) {
    let catalog = place.open().await;
    let id = earlier(catalog.as_ref(), 1, 2, 1).await;
    let taken = catalog.claim_unit(&id, "worker", at(1), at(99)).await.unwrap();
    assert!(taken.is_some());
    let held = place.hold_units().await;
    let looks = async {
        assert_eq!(catalog.claim_unit(&id, "other", at(2), at(99)).await.unwrap(), None);
        assert_eq!(catalog.open_units(&id, 9).await.unwrap(), [hour(1)]);
    };
    tokio::time::timeout(Duration::from_secs(5), looks).await.expect("nobody waits for the lock");
    held.release().await;
}
