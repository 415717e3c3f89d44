//! Units of a generation: taken by one worker at a time, fenced by attempt, valid by what came out.

use std::{collections::BTreeSet, sync::Arc};

use clicktrail_catalog::{
    Catalog, Error,
    generations::{
        ControlTotals, GenerationId, GenerationState, LivePointer, NewUnit, Rerun, Stored, Unit, UnitOutput, UnitState,
    },
};
use clicktrail_log::time::Timestamp;

use crate::{
    place::Place,
    samples::{COUNTERS, at, generation, hour, output, pointer, unit, verdict},
};

/// Attempts that a unit has.
const MAX: u32 = 3;

/// A generation of so many hours, of which the middle one has the most events.
async fn begun(catalog: &dyn Catalog, hours: i64) -> GenerationId {
    let generation = generation(1, 0, hours - 1);
    let units: Vec<NewUnit> = (0..hours).map(|after| NewUnit { rows: rows_of(after), ..unit(after) }).collect();
    assert_eq!(catalog.put_generation(&generation, &units).await.unwrap(), Stored::New);
    generation.id
}

fn rows_of(after: i64) -> u64 {
    u64::try_from(100 - (after - 1).abs()).unwrap()
}

async fn claim(catalog: &dyn Catalog, id: &GenerationId, now: i64) -> Option<Unit> {
    catalog.claim_unit(id, &format!("worker at {now}"), at(now), at(now + 10)).await.unwrap()
}

async fn finish(catalog: &dyn Catalog, id: &GenerationId, after: i64, now: i64) -> Result<Stored, Error> {
    catalog.finish_unit(id, hour(after), &output(after, 1), at(now)).await
}

async fn fail(catalog: &dyn Catalog, id: &GenerationId, unit: &Unit, now: i64) {
    catalog.fail_unit(id, unit.hour, unit.attempt, "out of reach", MAX, at(now)).await.unwrap();
}

async fn state(catalog: &dyn Catalog, id: &GenerationId) -> GenerationState {
    catalog.generation(id).await.unwrap().unwrap().state
}

async fn states(catalog: &dyn Catalog, id: &GenerationId) -> Vec<UnitState> {
    catalog.units(id, hour(0), 100).await.unwrap().iter().map(|unit| unit.state).collect()
}

#[track_caller]
fn conflict<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Conflict(why)) => why,
        other => panic!("no conflict: {other:?}"),
    }
}

pub(crate) async fn generation_comes_back_as_it_was_stored(place: Place) {
    let catalog = place.open().await;
    let mut stored = generation(1, 0, 1);
    (stored.sql, stored.clicks_before) = ("SELECT 1".to_owned(), Some(verdict(9)));
    let base =
        LivePointer { knows_before: Some(verdict(3)), generation: Some(generation(7, 0, 0).id), ..pointer(1, 0) };
    let units = [NewUnit { base: Some(pointer(0, 0)), ..unit(0) }, NewUnit { base: Some(base), ..unit(1) }];
    assert_eq!(catalog.put_generation(&stored, &units).await.unwrap(), Stored::New);
    assert_eq!(catalog.generation(&stored.id).await.unwrap(), Some(stored.clone()));
    let found = catalog.units(&stored.id, hour(0), 9).await.unwrap();
    for (new, found) in units.iter().zip(&found) {
        let same = NewUnit {
            hour: found.hour,
            manifest_digest: found.manifest_digest.clone(),
            rows: found.rows,
            bytes: found.bytes,
            base: found.base.clone(),
        };
        assert_eq!((&same, found.state, found.attempt, &found.output), (new, UnitState::Waiting, 0, &None));
    }
    assert_eq!(catalog.units(&stored.id, hour(1), 9).await.unwrap(), found[1..]);
    assert_eq!(catalog.units(&stored.id, hour(0), 1).await.unwrap(), found[..1]);
    // The same again changes nothing, also once it was worked on; another plan under the same id is refused.
    claim(catalog.as_ref(), &stored.id, 1).await.unwrap();
    assert_eq!(catalog.put_generation(&stored, &units).await.unwrap(), Stored::Same);
    assert_eq!(catalog.units(&stored.id, hour(0), 9).await.unwrap()[0].attempt, 1);
    let mut other = stored.clone();
    other.plan = "another".to_owned();
    assert!(conflict(catalog.put_generation(&other, &units).await).contains("another plan"));
    assert_eq!(catalog.generation(&generation(2, 0, 0).id).await.unwrap(), None);
}

pub(crate) async fn generations_are_listed_the_newest_first(place: Place) {
    let catalog = place.open().await;
    let mut all = Vec::new();
    for (number, time) in [(1, 5), (3, 7), (2, 7), (4, 6)] {
        let mut one = generation(number, 0, 0);
        (one.created_at, one.changed_at) = (at(time), at(time));
        catalog.put_generation(&one, &[unit(0)]).await.unwrap();
        all.push(one);
    }
    all.sort_by_key(|one| std::cmp::Reverse((one.created_at, one.id.clone())));
    assert_eq!(catalog.list_generations(None, 9).await.unwrap(), all);
    let (mut paged, mut after): (Vec<_>, Option<(Timestamp, GenerationId)>) = (Vec::new(), None);
    while let Some(one) =
        catalog.list_generations(after.as_ref().map(|(at, id)| (*at, id)), 1).await.unwrap().into_iter().next()
    {
        after = Some((one.created_at, one.id.clone()));
        paged.push(one);
    }
    assert_eq!(paged, all);
}

pub(crate) async fn generation_without_units_is_built(place: Place) {
    let catalog = place.open().await;
    catalog.put_generation(&generation(1, 0, 0), &[]).await.unwrap();
    assert_eq!(state(catalog.as_ref(), &generation(1, 0, 0).id).await, GenerationState::Built);
}

pub(crate) async fn largest_unit_is_taken_first(place: Place) {
    let catalog = place.open().await;
    let id = begun(catalog.as_ref(), 4).await;
    let mut taken = Vec::new();
    while let Some(unit) = claim(catalog.as_ref(), &id, 1).await {
        assert_eq!((unit.state, unit.attempt, unit.worker.as_str()), (UnitState::Leased, 1, "worker at 1"));
        assert_eq!((unit.begun_at, unit.leased_until), (at(1), at(11)));
        taken.push(unit.hour);
    }
    assert_eq!(taken, [hour(1), hour(0), hour(2), hour(3)]);
    assert_eq!(claim(catalog.as_ref(), &generation(2, 0, 0).id, 1).await, None, "nobody knows it");
}

/// A plan has a line for every hour, and is of no use to one of them: whoever reads it finds that it is damaged.
pub(crate) async fn units_are_taken_and_finished_without_reading_the_plan(place: Place) {
    let catalog = place.open().await;
    let id = begun(catalog.as_ref(), 2).await;
    place.execute("UPDATE generations SET plan = 'another'").await;
    assert!(matches!(catalog.generation(&id).await, Err(Error::Damaged(_))));
    for now in [1, 2] {
        let unit = claim(catalog.as_ref(), &id, now).await.unwrap();
        assert!(catalog.extend_lease(&id, unit.hour, unit.attempt, at(20)).await.unwrap());
        let after = unit.hour.as_i64() - hour(0).as_i64();
        assert_eq!(finish(catalog.as_ref(), &id, after, now).await.unwrap(), Stored::New);
    }
    assert_eq!(claim(catalog.as_ref(), &id, 3).await, None);
    assert!(matches!(catalog.promote(&id, "ann", "", at(4)).await, Err(Error::Damaged(_))), "nothing counts from it");
}

pub(crate) async fn two_workers_never_hold_a_unit_at_once(place: Place) {
    let id = begun(place.open().await.as_ref(), 12).await;
    let worker = async |name: &str| {
        let catalog: Arc<dyn Catalog> = place.open().await;
        let mut taken = Vec::new();
        while let Some(unit) = catalog.claim_unit(&id, name, at(1), at(11)).await.unwrap() {
            assert_eq!((unit.worker.as_str(), unit.attempt), (name, 1));
            taken.push(unit.hour);
        }
        taken
    };
    let (one, two, three) = tokio::join!(worker("one"), worker("two"), worker("three"));
    let all: BTreeSet<_> = one.iter().chain(&two).chain(&three).collect();
    assert_eq!((all.len(), one.len() + two.len() + three.len()), (12, 12));
}

pub(crate) async fn lease_that_ended_fences_its_worker_out(place: Place) {
    let catalog = place.open().await;
    let id = begun(catalog.as_ref(), 1).await;
    let first = claim(catalog.as_ref(), &id, 1).await.unwrap();
    assert_eq!(claim(catalog.as_ref(), &id, 11).await, None, "the lease lasts until 11");
    assert!(catalog.extend_lease(&id, first.hour, first.attempt, at(20)).await.unwrap());
    assert_eq!(claim(catalog.as_ref(), &id, 20).await, None);
    let second = claim(catalog.as_ref(), &id, 21).await.unwrap();
    assert_eq!((second.hour, second.attempt), (first.hour, 2));
    // The first worker wakes up: it keeps no lease, and its failure is not that of the second.
    assert!(!catalog.extend_lease(&id, first.hour, first.attempt, at(99)).await.unwrap());
    fail(catalog.as_ref(), &id, &first, 22).await;
    assert_eq!(states(catalog.as_ref(), &id).await, [UnitState::Leased]);
    assert!(catalog.extend_lease(&id, second.hour, second.attempt, at(40)).await.unwrap());
    assert_eq!(claim(catalog.as_ref(), &id, 39).await, None);
}

/// A result is valid by what it is, not by who held the lease.
pub(crate) async fn late_worker_is_welcome_with_the_same_bytes_and_refused_with_others(place: Place) {
    let catalog = place.open().await;
    let id = begun(catalog.as_ref(), 2).await;
    claim(catalog.as_ref(), &id, 1).await.unwrap();
    let second = claim(catalog.as_ref(), &id, 30).await.unwrap();
    assert_eq!((second.hour, second.attempt), (hour(1), 2));
    // The first worker's comes first, after its lease.
    assert_eq!(finish(catalog.as_ref(), &id, 1, 31).await.unwrap(), Stored::New);
    assert!(!catalog.extend_lease(&id, hour(1), 2, at(99)).await.unwrap(), "the work may end");
    assert_eq!(finish(catalog.as_ref(), &id, 1, 32).await.unwrap(), Stored::Same);
    fail(catalog.as_ref(), &id, &second, 33).await;
    let found = catalog.units(&id, hour(1), 1).await.unwrap().remove(0);
    assert_eq!((found.state, found.output, found.ended_at), (UnitState::Done, Some(output(1, 1)), at(31)));
    for (other, says) in [(output(1, 2), "output 1 2"), (with_input(output(1, 1), "input 9"), "input 9")] {
        let why = conflict(catalog.finish_unit(&id, hour(1), &other, at(40)).await);
        assert!(why.contains("2025-11-24T17") && why.contains(says) && why.contains("I6"), "{why}");
    }
    assert_eq!(catalog.units(&id, hour(1), 1).await.unwrap()[0].output, Some(output(1, 1)));
    // A unit that nobody took can be done as well.
    assert_eq!(finish(catalog.as_ref(), &id, 0, 50).await.unwrap(), Stored::New);
    assert_eq!(state(catalog.as_ref(), &id).await, GenerationState::Built);
    assert_eq!(catalog.generation(&id).await.unwrap().unwrap().changed_at, at(50));
}

fn with_input(mut output: UnitOutput, input: &str) -> UnitOutput {
    output.segment.input_digest = input.to_owned();
    output
}

pub(crate) async fn same_input_and_code_give_the_same_bytes_in_every_generation(place: Place) {
    let catalog = place.open().await;
    let id = begun(catalog.as_ref(), 1).await;
    finish(catalog.as_ref(), &id, 0, 1).await.unwrap();
    let other = generation(2, 0, 0);
    catalog.put_generation(&other, &[unit(0)]).await.unwrap();
    let mut made = output(0, 2);
    made.segment.input_digest = output(0, 1).segment.input_digest;
    let why = conflict(catalog.finish_unit(&other.id, hour(0), &made, at(2)).await);
    assert!(why.contains("gave output 0 1 before, and gives output 0 2"), "{why}");
    assert_eq!(finish(catalog.as_ref(), &other.id, 0, 3).await.unwrap(), Stored::New);
}

pub(crate) async fn unit_fails_after_its_attempts_and_the_generation_with_it(place: Place) {
    let catalog = place.open().await;
    let id = begun(catalog.as_ref(), 2).await;
    for attempt in 1..=MAX {
        assert_eq!(state(catalog.as_ref(), &id).await, GenerationState::Building);
        let unit = claim(catalog.as_ref(), &id, attempt.into()).await.unwrap();
        assert_eq!((unit.hour, unit.attempt), (hour(1), attempt));
        fail(catalog.as_ref(), &id, &unit, 5).await;
    }
    let failed = catalog.units(&id, hour(1), 1).await.unwrap().remove(0);
    assert_eq!((failed.state, failed.error.as_str(), failed.ended_at), (UnitState::Failed, "out of reach", at(5)));
    assert_eq!(state(catalog.as_ref(), &id).await, GenerationState::Failed);
    assert_eq!(claim(catalog.as_ref(), &id, 9).await, None, "a generation that failed is not built on");
    // Without the unit that failed the others go on; at the end it has failed again.
    assert_eq!(catalog.release_units(&id, Rerun::Missing, at(9)).await.unwrap(), 0);
    assert_eq!(claim(catalog.as_ref(), &id, 9).await.unwrap().hour, hour(0));
    finish(catalog.as_ref(), &id, 0, 10).await.unwrap();
    assert_eq!(state(catalog.as_ref(), &id).await, GenerationState::Failed);
    // Released, it has all its attempts again, and its number goes on: an earlier worker stays out.
    assert_eq!(catalog.release_units(&id, Rerun::Failed, at(11)).await.unwrap(), 1);
    assert_eq!(state(catalog.as_ref(), &id).await, GenerationState::Building);
    for attempt in MAX + 1..MAX * 2 {
        let unit = claim(catalog.as_ref(), &id, 12).await.unwrap();
        assert_eq!(unit.attempt, attempt);
        fail(catalog.as_ref(), &id, &unit, 13).await;
        assert_eq!(state(catalog.as_ref(), &id).await, GenerationState::Building);
    }
    assert!(!catalog.extend_lease(&id, hour(1), MAX, at(99)).await.unwrap());
    finish(catalog.as_ref(), &id, 1, 14).await.unwrap();
    assert_eq!(state(catalog.as_ref(), &id).await, GenerationState::Built);
}

pub(crate) async fn late_worker_mends_a_generation_that_failed(place: Place) {
    let catalog = place.open().await;
    let id = begun(catalog.as_ref(), 2).await;
    let unit = claim(catalog.as_ref(), &id, 1).await.unwrap();
    catalog.fail_unit(&id, unit.hour, unit.attempt, "broken", 1, at(2)).await.unwrap();
    assert_eq!(state(catalog.as_ref(), &id).await, GenerationState::Failed);
    finish(catalog.as_ref(), &id, 1, 3).await.unwrap();
    assert_eq!(state(catalog.as_ref(), &id).await, GenerationState::Building);
    assert_eq!(states(catalog.as_ref(), &id).await, [UnitState::Waiting, UnitState::Done]);
    assert_eq!(catalog.units(&id, hour(1), 1).await.unwrap()[0].error, "");
}

pub(crate) async fn units_are_released_by_what_they_are(place: Place) {
    let catalog = place.open().await;
    let id = begun(catalog.as_ref(), 4).await;
    // 1 is done, 0 failed, 2 is leased until 11, 3 until 31.
    for (expected, until) in [(1, 11), (0, 11), (2, 11), (3, 31)] {
        let taken = catalog.claim_unit(&id, "worker", at(1), at(until)).await.unwrap().unwrap();
        assert_eq!(taken.hour, hour(expected));
    }
    finish(catalog.as_ref(), &id, 1, 2).await.unwrap();
    catalog.fail_unit(&id, hour(0), 1, "broken", 1, at(2)).await.unwrap();
    assert_eq!(catalog.release_units(&id, Rerun::Missing, at(12)).await.unwrap(), 1);
    assert_eq!(
        states(catalog.as_ref(), &id).await,
        [UnitState::Failed, UnitState::Done, UnitState::Waiting, UnitState::Leased]
    );
    assert_eq!(catalog.release_units(&id, Rerun::Failed, at(12)).await.unwrap(), 1);
    assert_eq!(catalog.release_units(&id, Rerun::All, at(12)).await.unwrap(), 1, "the unit that is done");
    assert_eq!(
        states(catalog.as_ref(), &id).await,
        [UnitState::Waiting, UnitState::Waiting, UnitState::Waiting, UnitState::Leased]
    );
    // Its output is dropped, and must come out the same.
    assert_eq!(catalog.units(&id, hour(1), 1).await.unwrap()[0].output, None);
    conflict(catalog.finish_unit(&id, hour(1), &output(1, 2), at(13)).await);
    assert_eq!(finish(catalog.as_ref(), &id, 1, 13).await.unwrap(), Stored::New);
    conflict(catalog.release_units(&generation(2, 0, 0).id, Rerun::All, at(1)).await);
}

pub(crate) async fn aborted_generation_takes_nothing_more(place: Place) {
    let catalog = place.open().await;
    let id = begun(catalog.as_ref(), 1).await;
    let unit = claim(catalog.as_ref(), &id, 1).await.unwrap();
    catalog.abort_generation(&id, "ann", "wrong rules", at(2)).await.unwrap();
    catalog.abort_generation(&id, "bob", "again", at(3)).await.unwrap();
    assert_eq!(state(catalog.as_ref(), &id).await, GenerationState::Aborted);
    assert_eq!(claim(catalog.as_ref(), &id, 99).await, None);
    assert!(!catalog.extend_lease(&id, unit.hour, unit.attempt, at(99)).await.unwrap());
    assert!(conflict(finish(catalog.as_ref(), &id, 0, 4).await).contains("aborted"));
    assert!(conflict(catalog.release_units(&id, Rerun::All, at(5)).await).contains("aborted"));
    fail(catalog.as_ref(), &id, &unit, 6).await;
    assert_eq!(state(catalog.as_ref(), &id).await, GenerationState::Aborted);
    assert!(conflict(catalog.promote(&id, "ann", "", at(7)).await).contains("aborted"));
    let detail = "SELECT actor || ' ' || action || ' ' || detail || '; ' || reason FROM audit";
    let range = format!("{} to {}", hour(0), hour(0));
    assert_eq!(
        place.texts(detail).await,
        [format!("ann abort generation {id} of {COUNTERS}, {range}: it was building; wrong rules")]
    );
    conflict(catalog.abort_generation(&generation(2, 0, 0).id, "ann", "", at(2)).await);
}

pub(crate) async fn forgotten_generation_is_gone(place: Place) {
    let catalog = place.open().await;
    let id = begun(catalog.as_ref(), 2).await;
    finish(catalog.as_ref(), &id, 0, 1).await.unwrap();
    catalog.drop_generation(&id, "ann", at(2)).await.unwrap();
    assert_eq!(catalog.generation(&id).await.unwrap(), None);
    assert_eq!(catalog.units(&id, hour(0), 9).await.unwrap(), []);
    assert!(conflict(finish(catalog.as_ref(), &id, 1, 3).await).contains("no generation"));
    assert_eq!(place.texts("SELECT action FROM audit").await, ["drop"]);
    conflict(catalog.drop_generation(&id, "ann", at(2)).await);
}

/// Sums of money have more than 64 bits.
pub(crate) async fn control_totals_are_exact(place: Place) {
    let catalog = place.open().await;
    let id = begun(catalog.as_ref(), 1).await;
    let mut made = output(0, 1);
    made.read = ControlTotals { events: u64::MAX >> 1, billable: 3, micros: i128::MIN };
    made.written = made.read;
    (made.is_reused, made.segment.verdicts_before) = (true, 72_057_594_037_993_472);
    catalog.finish_unit(&id, hour(0), &made, at(1)).await.unwrap();
    assert_eq!(catalog.units(&id, hour(0), 1).await.unwrap()[0].output, Some(made));
}

pub(crate) async fn output_that_is_not_the_units_panics(place: Place) {
    let catalog = place.open().await;
    let id = begun(catalog.as_ref(), 1).await;
    let mut wrong = vec![output(1, 1), output(0, 1), output(0, 1), output(0, 1)];
    wrong[1].segment.projection = "other".to_owned();
    wrong[2].segment.code_digest = "other".to_owned();
    wrong[3].written.micros += 1;
    for made in wrong {
        let (place, id) = (place.clone(), id.clone());
        let finishing = tokio::spawn(async move { place.open().await.finish_unit(&id, hour(0), &made, at(1)).await });
        assert!(finishing.await.unwrap_err().is_panic());
    }
    assert_eq!(states(catalog.as_ref(), &id).await, [UnitState::Waiting]);
}
