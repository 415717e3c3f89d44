//! Damaged rows of replays: what was promoted counts again after a rebuild, and what was only built is built again.

use clicktrail_catalog::{
    Error, Forget,
    generations::{GenerationState, UnitState},
};

use crate::{
    place::Place,
    promotions::{built, live, promote, replacement, roll_back, seal},
    samples::{COUNTERS, at, hour},
};

/// What is done to a catalog of which two hours were promoted, back, and again.
const DAMAGES: [&str; 12] = [
    "DELETE FROM live_segments",
    "UPDATE live_segments SET knows_before = knows_before + 1 WHERE generation <> ''",
    "UPDATE segments SET rows = rows + 1 WHERE sealed = 0",
    "UPDATE hours SET rows = rows + 1 WHERE hour = 490001",
    "UPDATE promotions SET actor = 'somebody' WHERE number = 1",
    "DELETE FROM promotion_hours WHERE hour = 490001",
    "DELETE FROM promotion_hours WHERE number > 1; DELETE FROM promotions WHERE number > 1",
    "UPDATE promotion_hours SET after_knows_before = after_knows_before + 1 WHERE number = 3",
    "UPDATE promotion_hours SET before_input_digest = 'other' WHERE number = 2",
    "UPDATE generations SET plan = 'another' WHERE state = 'promoted'",
    "UPDATE units SET base_output_digest = 'other' WHERE hour = 490001",
    "UPDATE units SET segment_rows = segment_rows + 1 WHERE hour = 490001",
];

pub(crate) async fn damaged_promotion_is_done_again_from_its_record(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 3).await;
    let id = built(catalog.as_ref(), 1, 0..2, 1).await;
    promote(catalog.as_ref(), &id).await.unwrap();
    roll_back(catalog.as_ref(), &id).await.unwrap();
    promote(catalog.as_ref(), &id).await.unwrap();
    let before = live(catalog.as_ref()).await;
    let mut records = Vec::new();
    for number in 1..=3 {
        records.push(catalog.promotion_record(number).await.unwrap().unwrap());
    }
    for damage in DAMAGES {
        place.execute(damage).await;
        let catalog = place.open().await;
        let mended = catalog.mend(Forget::Damaged, 3, at(50)).await.unwrap();
        assert_eq!(mended.lost, Vec::<String>::new(), "{damage}");
        let catalog = catalog.begin().await.unwrap();
        let mut replaced = replacement(catalog.as_ref(), 3).await;
        let known = catalog.promotions(0, 9).await.unwrap().len();
        replaced.promotions = records[known..].to_vec();
        catalog.replace(&replaced, "ann", at(51)).await.unwrap();
        assert_eq!(live(catalog.as_ref()).await, before, "{damage}");
        let snapshot = catalog.snapshot(COUNTERS, hour(0), hour(9)).await.unwrap();
        assert_eq!(snapshot.marks.holes, [], "{damage}");
        for (number, record) in (1..).zip(&records) {
            assert_eq!(catalog.promotion_record(number).await.unwrap().as_ref().map(|r| &r.hours), Some(&record.hours));
        }
        assert_eq!(catalog.mend(Forget::Damaged, 3, at(52)).await.unwrap().taken_out, Vec::<String>::new(), "{damage}");
    }
    let catalog = catalog.begin().await.unwrap();
    roll_back(catalog.as_ref(), &id).await.unwrap();
}

pub(crate) async fn damaged_promotion_without_a_record_is_named_and_stays(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 2).await;
    let id = built(catalog.as_ref(), 1, 0..2, 1).await;
    promote(catalog.as_ref(), &id).await.unwrap();
    place.execute("UPDATE promotion_hours SET before_input_digest = 'other' WHERE hour = 490001").await;
    let refused = roll_back(catalog.as_ref(), &id).await.unwrap_err();
    assert!(matches!(refused, Error::Damaged(_)), "{refused:?}");
    let mended = catalog.mend(Forget::Damaged, 0, at(50)).await.unwrap();
    assert_eq!(mended.taken_out, Vec::<String>::new());
    assert!(mended.lost[0].contains("no record of promotion 1"), "{mended:?}");
    assert_eq!(catalog.promotions(0, 9).await.unwrap().len(), 1);
}

pub(crate) async fn damaged_build_is_made_again(place: Place) {
    let catalog = place.open().await;
    seal(catalog.as_ref(), 2).await;
    let id = built(catalog.as_ref(), 1, 0..2, 1).await;
    place.execute("UPDATE units SET segment_rows = segment_rows + 1 WHERE hour = 490001").await;
    let refused = promote(catalog.as_ref(), &id).await.unwrap_err();
    assert!(matches!(refused, Error::Damaged(_)), "{refused:?}");
    assert_eq!(catalog.mend(Forget::Damaged, 0, at(50)).await.unwrap().lost, Vec::<String>::new());
    assert_eq!(catalog.generation(&id).await.unwrap().unwrap().state, GenerationState::Building);
    assert_eq!(catalog.units(&id, hour(1), 1).await.unwrap()[0].state, UnitState::Waiting);
    place.execute("UPDATE generations SET plan = 'another'").await;
    assert!(matches!(catalog.generation(&id).await.unwrap_err(), Error::Damaged(_)));
    catalog.mend(Forget::Damaged, 0, at(51)).await.unwrap();
    assert_eq!(catalog.generation(&id).await.unwrap(), None);
}
