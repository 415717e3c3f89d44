//! Promotions and rollbacks: live pointers move whole, from what they were planned on, and back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use clicktrail_catalog::{
    Catalog, Error, JudgedFrames, LaterRuling, Mark, Registered, Replacement,
    generations::{Generation, GenerationId, GenerationState, LivePointer, Move, NewUnit, Promotion, Rerun},
};
use clicktrail_log::position::Seq;

use crate::{
    place::Place,
    samples::{COUNTERS, at, equal, generation, hour, output, sealed, segment, seq, unit, verdict},
};

const FRAMES: u64 = 10;

/// Seals so many hours of ten frames.
pub(crate) async fn seal(catalog: &dyn Catalog, hours: i64) {
    for after in 0..hours {
        let one = registered(after);
        catalog.seal(&one.hour, &one.segment, &|_| equal(hour(after), 0)).await.unwrap();
    }
}

fn registered(after: i64) -> Registered {
    let first = u64::try_from(after).unwrap() * FRAMES + 1;
    Registered {
        hour: sealed(hour(after), first, first + FRAMES - 1),
        segment: segment(hour(after)),
        reconciliation: equal(hour(after), 0),
    }
}

pub(crate) async fn live(catalog: &dyn Catalog) -> Vec<LivePointer> {
    catalog.live_pointers(COUNTERS, hour(-100), hour(1000)).await.unwrap()
}

/// Plans a generation of some hours on what counts now, and builds it; its segments are those of `variant`.
pub(crate) async fn built(
    catalog: &dyn Catalog,
    number: u8,
    hours: std::ops::Range<i64>,
    variant: u32,
) -> GenerationId {
    let planned = generation(number, hours.start, hours.end - 1);
    build(catalog, planned, variant).await
}

async fn build(catalog: &dyn Catalog, planned: Generation, variant: u32) -> GenerationId {
    let pointers = live(catalog).await;
    let base = |after: i64| pointers.iter().find(|live| live.hour == hour(after)).cloned();
    let (from, to) = (planned.from.as_i64() - hour(0).as_i64(), planned.to_inclusive.as_i64() - hour(0).as_i64());
    let units: Vec<NewUnit> = (from..=to).map(|after| NewUnit { base: base(after), ..unit(after) }).collect();
    catalog.put_generation(&planned, &units).await.unwrap();
    for after in from..=to {
        catalog.finish_unit(&planned.id, hour(after), &output(after, variant), at(1)).await.unwrap();
    }
    planned.id
}

pub(crate) async fn promote(catalog: &dyn Catalog, id: &GenerationId) -> Result<Promotion, Error> {
    catalog.promote(id, "ann", "probes counted as clicks", at(20)).await
}

pub(crate) async fn roll_back(catalog: &dyn Catalog, id: &GenerationId) -> Result<Promotion, Error> {
    catalog.roll_back(id, "bob", "", at(30)).await
}

async fn state(catalog: &dyn Catalog, id: &GenerationId) -> GenerationState {
    catalog.generation(id).await.unwrap().unwrap().state
}

/// Which variant every hour counts from, with the generation's last digit; 0 for what was sealed.
async fn counts(catalog: &dyn Catalog) -> Vec<String> {
    let pointers = live(catalog).await;
    let named = |live: &LivePointer| {
        let generation = live.generation.as_ref().map_or("-", |id| &id.as_str()[15..]);
        assert_eq!(live.knows_before.is_some(), live.generation.is_some());
        format!("{generation}:{}", live.output_digest.rsplit(' ').next().unwrap())
    };
    pointers.iter().map(named).collect()
}

#[track_caller]
fn conflict<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Conflict(why)) => why,
        other => panic!("no conflict: {other:?}"),
    }
}

pub(crate) async fn promotion_moves_every_pointer_and_is_accounted_for(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 4).await;
    let id = built(catalog.as_ref(), 1, 1..4, 1).await;
    assert_eq!(counts(catalog.as_ref()).await, ["-:output", "-:output", "-:output", "-:output"]);
    let done = promote(catalog.as_ref(), &id).await.unwrap();
    let expected = Promotion {
        number: 1,
        projection: COUNTERS.to_owned(),
        generation: id.clone(),
        moved: Move::Promote,
        at: at(20),
        actor: "ann".to_owned(),
        reason: "probes counted as clicks".to_owned(),
        hours: 3,
    };
    assert_eq!(done, expected);
    assert_eq!(counts(catalog.as_ref()).await, ["-:output", "1:1", "1:1", "1:1"]);
    let snapshot = catalog.snapshot(COUNTERS, hour(0), hour(9)).await.unwrap();
    assert_eq!(snapshot.segments[1..], [1, 2, 3].map(|after| output(after, 1).segment));
    assert_eq!(snapshot.pointers, live(catalog.as_ref()).await);
    assert_eq!(snapshot.pointers[1].knows_before, Some(verdict(100)));
    assert_eq!(catalog.live_segment(COUNTERS, hour(2)).await.unwrap(), Some(output(2, 1).segment));
    assert_eq!(catalog.sealed_segment(COUNTERS, hour(2)).await.unwrap(), Some(segment(hour(2))));
    assert_eq!(state(catalog.as_ref(), &id).await, GenerationState::Promoted);
    assert_eq!(catalog.promotions(0, 9).await.unwrap(), [expected]);
    assert_eq!(catalog.promotions(1, 9).await.unwrap(), []);
    let audit = "SELECT actor || ' ' || action || ' ' || detail || '; ' || reason FROM audit";
    let (from, to) = (hour(1), hour(3));
    assert_eq!(
        place.texts(audit).await,
        [format!(
            "ann promote generation {id} of counters, {from} to {to}: promotion 1, 3 live pointers moved; probes \
             counted as clicks"
        )]
    );
    assert!(conflict(promote(catalog.as_ref(), &id).await).contains("is promoted"));
    assert!(conflict(catalog.release_units(&id, Rerun::All, at(9)).await).contains("is promoted"));
    assert!(conflict(catalog.abort_generation(&id, "ann", "", at(9)).await).contains("is promoted"));
}

/// The same rows may come of other rulings: the same bytes under the same key, and another segment all the same.
pub(crate) async fn equal_bytes_of_other_input_are_another_segment(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 1).await;
    let planned = generation(1, 0, 0);
    let base = live(catalog.as_ref()).await.pop();
    catalog.put_generation(&planned, &[NewUnit { base, ..unit(0) }]).await.unwrap();
    let mut same_bytes = output(0, 1);
    (same_bytes.segment.key, same_bytes.segment.output_digest) = (segment(hour(0)).key, segment(hour(0)).output_digest);
    catalog.finish_unit(&planned.id, hour(0), &same_bytes, at(1)).await.unwrap();
    assert_eq!(promote(catalog.as_ref(), &planned.id).await.unwrap().hours, 1);
    assert_eq!(catalog.live_segment(COUNTERS, hour(0)).await.unwrap(), Some(same_bytes.segment));
    roll_back(catalog.as_ref(), &planned.id).await.unwrap();
    assert_eq!(catalog.live_segment(COUNTERS, hour(0)).await.unwrap(), Some(segment(hour(0))));
}

pub(crate) async fn pointer_that_stands_there_already_is_not_moved(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 2).await;
    let first = built(catalog.as_ref(), 1, 0..1, 1).await;
    promote(catalog.as_ref(), &first).await.unwrap();
    // Both hours come out as they did, with the same knowledge: of the first that is known.
    let second = built(catalog.as_ref(), 2, 0..2, 1).await;
    assert_eq!(promote(catalog.as_ref(), &second).await.unwrap().hours, 1);
    assert_eq!(counts(catalog.as_ref()).await, ["1:1", "2:1"]);
    // So either can be rolled back without the other.
    roll_back(catalog.as_ref(), &first).await.unwrap();
    assert_eq!(counts(catalog.as_ref()).await, ["-:output", "2:1"]);
    roll_back(catalog.as_ref(), &second).await.unwrap();
    assert_eq!(counts(catalog.as_ref()).await, ["-:output", "-:output"]);
    // The same segment with more knowledge is moved to.
    let mut third = generation(3, 0, 1);
    third.verdicts_before = verdict(200);
    let third = build(catalog.as_ref(), third, 1).await;
    assert_eq!(promote(catalog.as_ref(), &third).await.unwrap().hours, 2);
}

pub(crate) async fn live_that_moved_since_is_named_and_nothing_moves(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 3).await;
    let planned = built(catalog.as_ref(), 1, 0..3, 1).await;
    let faster = built(catalog.as_ref(), 2, 1..3, 2).await;
    promote(catalog.as_ref(), &faster).await.unwrap();
    let why = conflict(promote(catalog.as_ref(), &planned).await);
    assert!(why.contains(&format!("{} and 1 other hours does not count from", hour(1))), "{why}");
    assert_eq!(counts(catalog.as_ref()).await, ["-:output", "2:2", "2:2"]);
    assert_eq!(state(catalog.as_ref(), &planned).await, GenerationState::Built);
    assert_eq!(catalog.promotions(0, 9).await.unwrap().len(), 1);
    // Back to what it was planned on, it may.
    roll_back(catalog.as_ref(), &faster).await.unwrap();
    promote(catalog.as_ref(), &planned).await.unwrap();
    assert_eq!(counts(catalog.as_ref()).await, ["1:1", "1:1", "1:1"]);
}

pub(crate) async fn generation_that_is_not_built_is_not_promoted(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 1).await;
    let building = generation(1, 0, 0);
    catalog.put_generation(&building, &[unit(0)]).await.unwrap();
    assert!(conflict(promote(catalog.as_ref(), &building.id).await).contains("is building"));
    assert!(conflict(roll_back(catalog.as_ref(), &building.id).await).contains("is building, not promoted"));
    let mut partial = generation(2, 0, 0);
    partial.clicks_before = Some(verdict(5));
    let partial = build(catalog.as_ref(), partial, 1).await;
    assert!(conflict(promote(catalog.as_ref(), &partial).await).contains("counts the clicks before"));
    assert!(conflict(promote(catalog.as_ref(), &generation(3, 0, 0).id).await).contains("no generation"));
    assert_eq!(place.texts("SELECT action FROM audit").await, Vec::<String>::new());
}

pub(crate) async fn of_two_promotions_of_the_same_hours_one_wins(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 5).await;
    let one = built(catalog.as_ref(), 1, 0..5, 1).await;
    let two = built(catalog.as_ref(), 2, 2..5, 2).await;
    let racing = async |id: &GenerationId| promote(place.open().await.as_ref(), id).await;
    let (first, second, same) = tokio::join!(racing(&one), racing(&two), racing(&one));
    let results = [first, second, same];
    let won: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(won.len(), 1, "{results:?}");
    for result in results.iter().filter_map(|result| result.as_ref().err()) {
        let Error::Conflict(why) = result else { panic!("{result:?}") };
        assert!(why.contains("does not count from") || why.contains("is promoted"), "{why}");
    }
    let expected = if won[0].generation == one {
        vec!["1:1", "1:1", "1:1", "1:1", "1:1"]
    } else {
        vec!["-:output", "-:output", "2:2", "2:2", "2:2"]
    };
    assert_eq!(counts(catalog.as_ref()).await, expected);
}

pub(crate) async fn rollback_and_forward_again(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 2).await;
    let id = built(catalog.as_ref(), 1, 0..2, 1).await;
    let before = live(catalog.as_ref()).await;
    for lap in 0..3 {
        let forward = promote(catalog.as_ref(), &id).await.unwrap();
        assert_eq!((forward.number, forward.hours), (2 * lap + 1, 2));
        assert_eq!(counts(catalog.as_ref()).await, ["1:1", "1:1"]);
        let back = roll_back(catalog.as_ref(), &id).await.unwrap();
        assert_eq!((back.number, back.moved, back.hours, back.actor.as_str()), (2 * lap + 2, Move::Rollback, 2, "bob"));
        assert_eq!(live(catalog.as_ref()).await, before);
        assert_eq!(state(catalog.as_ref(), &id).await, GenerationState::Built);
        assert!(conflict(roll_back(catalog.as_ref(), &id).await).contains("is built, not promoted"));
    }
    let actions = place.texts("SELECT action FROM audit ORDER BY audit_id").await;
    assert_eq!(actions, ["promote", "rollback", "promote", "rollback", "promote", "rollback"]);
}

pub(crate) async fn rollback_is_refused_once_an_hour_was_promoted_again(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 3).await;
    let first = built(catalog.as_ref(), 1, 0..3, 1).await;
    promote(catalog.as_ref(), &first).await.unwrap();
    let second = built(catalog.as_ref(), 2, 1..2, 2).await;
    promote(catalog.as_ref(), &second).await.unwrap();
    let why = conflict(roll_back(catalog.as_ref(), &first).await);
    assert!(why.contains(&hour(1).to_string()) && why.contains("promoted again"), "{why}");
    assert_eq!(counts(catalog.as_ref()).await, ["1:1", "2:2", "1:1"]);
    // The later one first, then the earlier one.
    roll_back(catalog.as_ref(), &second).await.unwrap();
    assert_eq!(counts(catalog.as_ref()).await, ["1:1", "1:1", "1:1"]);
    roll_back(catalog.as_ref(), &first).await.unwrap();
    assert_eq!(counts(catalog.as_ref()).await, ["-:output", "-:output", "-:output"]);
}

/// A projection that was added after the hours were sealed.
pub(crate) async fn hour_that_counted_from_nothing_counts_from_nothing_again(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 1).await;
    let planned = Generation { projection: "devices".to_owned(), ..generation(1, 0, 0) };
    catalog.put_generation(&planned, &[unit(0)]).await.unwrap();
    let mut made = output(0, 1);
    made.segment.projection = "devices".to_owned();
    catalog.finish_unit(&planned.id, hour(0), &made, at(1)).await.unwrap();
    promote(catalog.as_ref(), &planned.id).await.unwrap();
    assert_eq!(catalog.live_segment("devices", hour(0)).await.unwrap(), Some(made.segment.clone()));
    roll_back(catalog.as_ref(), &planned.id).await.unwrap();
    assert_eq!(catalog.live_segment("devices", hour(0)).await.unwrap(), None);
    assert_eq!(catalog.standing_segments("devices", hour(0), hour(9)).await.unwrap(), []);
    promote(catalog.as_ref(), &planned.id).await.unwrap();
    assert_eq!(catalog.live_segment("devices", hour(0)).await.unwrap(), Some(made.segment));
    assert_eq!(counts(catalog.as_ref()).await, ["-:output"], "another projection's pointers stay");
}

pub(crate) async fn what_counted_once_is_never_forgotten(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 1).await;
    let id = built(catalog.as_ref(), 1, 0..1, 1).await;
    promote(catalog.as_ref(), &id).await.unwrap();
    assert!(conflict(catalog.drop_generation(&id, "ann", at(1)).await).contains("promotion 1 names"));
    roll_back(catalog.as_ref(), &id).await.unwrap();
    assert!(conflict(catalog.drop_generation(&id, "ann", at(1)).await).contains("promotion 1 names"));
}

pub(crate) async fn promoted_hour_is_stale_for_what_it_does_not_know(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 2).await;
    let later = |click: u64, first: u64, last: u64, verdicts: u64| LaterRuling {
        click_seq: seq(click),
        first: verdict(first),
        last: verdict(last),
        verdicts,
    };
    let stale = async || {
        let snapshot = catalog.snapshot(COUNTERS, hour(0), hour(9)).await.unwrap();
        assert_eq!(snapshot.stale, catalog.stale_hours(COUNTERS, hour(0), 9).await.unwrap());
        let ruled: Vec<_> = snapshot.ruled.iter().map(|ruled| (ruled.hour, ruled.verdicts)).collect();
        let stale: Vec<_> = snapshot.stale.iter().map(|stale| (stale.hour, stale.first, stale.verdicts)).collect();
        (stale, ruled)
    };
    catalog.put_later_rulings(&[later(3, 40, 42, 5), later(13, 50, 50, 1)], Seq::ZERO, (seq(99), None)).await.unwrap();
    assert_eq!(stale().await.0, [(hour(0), verdict(40), 5), (hour(1), verdict(50), 1)]);
    // The generation knows the verdicts before frame 100.
    let id = built(catalog.as_ref(), 1, 0..2, 1).await;
    promote(catalog.as_ref(), &id).await.unwrap();
    assert_eq!(stale().await, (vec![], vec![(hour(0), 5), (hour(1), 1)]));
    // A verdict of frame 100 is the first that it does not know; it is told from the earlier ones about the same frame.
    catalog.put_later_rulings(&[later(3, 100, 100, 2)], seq(99), (seq(100), None)).await.unwrap();
    assert_eq!(stale().await, (vec![(hour(0), verdict(100), 2)], vec![(hour(0), 7), (hour(1), 1)]));
    roll_back(catalog.as_ref(), &id).await.unwrap();
    assert_eq!(stale().await.0, [(hour(0), verdict(40), 7), (hour(1), verdict(50), 1)]);
}

pub(crate) async fn reader_sees_whole_generations_alone(place: Place) {
    const HOURS: i64 = 20;
    let catalog = place.open().await;
    seal(catalog.as_ref(), HOURS).await;
    let id = built(catalog.as_ref(), 1, 0..HOURS, 1).await;
    let done = Arc::new(AtomicBool::new(false));
    let reading = {
        let (done, catalog) = (Arc::clone(&done), place.open().await);
        tokio::spawn(async move {
            let mut seen = [0_u32; 2];
            while !done.load(Ordering::Relaxed) {
                let snapshot = catalog.snapshot(COUNTERS, hour(0), hour(HOURS)).await.unwrap();
                let promoted = snapshot.pointers.iter().filter(|live| live.generation.is_some()).count();
                assert!(promoted == 0 || promoted == 20, "{promoted} of 20 hours are promoted");
                let made = snapshot.segments.iter().filter(|live| live.output_digest != "output").count();
                assert_eq!((made, snapshot.marks.holes), (promoted, vec![]));
                seen[usize::from(promoted > 0)] += 1;
            }
            seen
        })
    };
    for _ in 0..15 {
        promote(catalog.as_ref(), &id).await.unwrap();
        roll_back(catalog.as_ref(), &id).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    done.store(true, Ordering::Relaxed);
    let seen = reading.await.unwrap();
    assert!(seen[0] > 0, "{seen:?}");
}

pub(crate) async fn replacement(catalog: &dyn Catalog, hours: i64) -> Replacement {
    Replacement {
        seen: catalog.marks(COUNTERS).await.unwrap(),
        hours: (0..hours).map(registered).collect(),
        partials: Some(vec![]),
        judged: Mark::NOTHING,
        judged_frames: JudgedFrames::default(),
        promotions: Vec::new(),
    }
}

pub(crate) async fn hour_with_another_manifest_is_not_promoted(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 2).await;
    let id = built(catalog.as_ref(), 1, 0..2, 1).await;
    promote(catalog.as_ref(), &id).await.unwrap();
    let mut other = replacement(catalog.as_ref(), 2).await;
    other.hours[1].hour.manifest_digest = "another manifest".to_owned();
    catalog.replace(&other, "ann", at(40)).await.unwrap();
    // The first hour is what it was; the second counts from what was sealed, because nobody has built it.
    assert_eq!(counts(catalog.as_ref()).await, ["1:1", "-:output"]);
    assert!(conflict(roll_back(catalog.as_ref(), &id).await).contains(&hour(1).to_string()));
    let planned = built(catalog.as_ref(), 2, 0..2, 2).await;
    let why = conflict(promote(catalog.as_ref(), &planned).await);
    assert!(why.contains(&hour(1).to_string()) && why.contains("another manifest"), "{why}");
}

pub(crate) async fn rebuild_keeps_what_was_promoted(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 3).await;
    let id = built(catalog.as_ref(), 1, 0..2, 1).await;
    promote(catalog.as_ref(), &id).await.unwrap();
    let before = live(catalog.as_ref()).await;
    let same = replacement(catalog.as_ref(), 3).await;
    catalog.replace(&same, "ann", at(40)).await.unwrap();
    assert_eq!(live(catalog.as_ref()).await, before);
    // Sealed by another version of the code: hours that are not promoted count from it, the others do not.
    let catalog = catalog.begin().await.unwrap();
    let mut upgraded = replacement(catalog.as_ref(), 3).await;
    for registered in &mut upgraded.hours {
        registered.segment.code_digest = "later code".to_owned();
        registered.segment.output_digest = "output later".to_owned();
    }
    catalog.replace(&upgraded, "ann", at(41)).await.unwrap();
    assert_eq!(counts(catalog.as_ref()).await, ["1:1", "1:1", "-:later"]);
    assert_eq!(live(catalog.as_ref()).await[..2], before[..2]);
    // A rollback goes back to what they were before; the next rebuild makes them what is sealed now.
    roll_back(catalog.as_ref(), &id).await.unwrap();
    assert_eq!(counts(catalog.as_ref()).await, ["-:output", "-:output", "-:later"]);
    let catalog = catalog.begin().await.unwrap();
    upgraded.seen = catalog.marks(COUNTERS).await.unwrap();
    catalog.replace(&upgraded, "ann", at(42)).await.unwrap();
    assert_eq!(counts(catalog.as_ref()).await, ["-:later", "-:later", "-:later"]);
}

pub(crate) async fn rebuild_brings_back_pointers_that_were_lost(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 4).await;
    let id = built(catalog.as_ref(), 1, 0..3, 1).await;
    promote(catalog.as_ref(), &id).await.unwrap();
    let before = live(catalog.as_ref()).await;
    let standing = [0, 1, 2].map(|after| output(after, 1).segment);
    assert_eq!(catalog.standing_segments(COUNTERS, hour(0), hour(9)).await.unwrap(), standing);
    for lost in [
        "DELETE FROM live_segments",
        "DELETE FROM live_segments; DELETE FROM segments",
        "DELETE FROM live_segments; DELETE FROM segments; DELETE FROM reconciliations; DELETE FROM hours",
    ] {
        place.execute(lost).await;
        assert_eq!(catalog.standing_segments(COUNTERS, hour(0), hour(9)).await.unwrap().len() % 3, 0);
        let catalog = catalog.begin().await.unwrap();
        let replaced = replacement(catalog.as_ref(), 4).await;
        catalog.replace(&replaced, "ann", at(40)).await.unwrap();
        assert_eq!(live(catalog.as_ref()).await, before, "{lost}");
        assert_eq!(catalog.snapshot(COUNTERS, hour(0), hour(9)).await.unwrap().marks.holes, []);
    }
    // If it is lost what was promoted, nothing else counts in its place.
    place.execute("DELETE FROM live_segments; DELETE FROM segments; DELETE FROM units").await;
    let catalog = catalog.begin().await.unwrap();
    let replaced = replacement(catalog.as_ref(), 4).await;
    let error = catalog.replace(&replaced, "ann", at(40)).await.unwrap_err();
    assert!(matches!(&error, Error::Damaged(why) if why.contains(&hour(0).to_string())), "{error:?}");
}

pub(crate) async fn sealing_again_leaves_what_was_promoted(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 2).await;
    let id = built(catalog.as_ref(), 1, 0..2, 1).await;
    promote(catalog.as_ref(), &id).await.unwrap();
    let before = live(catalog.as_ref()).await;
    seal(catalog.as_ref(), 2).await;
    assert_eq!(live(catalog.as_ref()).await, before);
}

pub(crate) async fn promoting_a_month_takes_less_than_a_second(place: Place) {
    const HOURS: i64 = 720;
    let catalog = place.open().await;
    let mut month = replacement(catalog.as_ref(), HOURS).await;
    month.seen = catalog.marks(COUNTERS).await.unwrap();
    catalog.replace(&month, "ann", at(0)).await.unwrap();
    let id = built(catalog.as_ref(), 1, 0..HOURS, 1).await;
    let begun = Instant::now();
    assert_eq!(promote(catalog.as_ref(), &id).await.unwrap().hours, 720);
    let promoted = begun.elapsed();
    assert_eq!(roll_back(catalog.as_ref(), &id).await.unwrap().hours, 720);
    let both = begun.elapsed();
    assert!(promoted < Duration::from_secs(1) && both < Duration::from_secs(2), "{promoted:?}, {both:?}");
}
