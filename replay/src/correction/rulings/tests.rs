use clicktrail_log::position::Epoch;
use clicktrail_verdicts::{rulings::Rulings, schema::Outline};

use super::*;

fn at(seq: u64, row: u16) -> Position {
    Position::new(Epoch::FIRST, Seq::new(seq).unwrap(), row)
}

fn rulings(stands: &[(u16, Stage, Option<Category>, Position)]) -> BTreeMap<Position, Standing> {
    let mut rulings = Rulings::new(at(1, 0)..at(2, 0), at(99, 0), Stages::All);
    for (row, stage, category, verdict) in stands {
        let decision = if category.is_some() { Decision::Invalid } else { Decision::Valid };
        let outline = Outline { target: at(1, *row), decision, category: *category, stage: *stage };
        rulings.add(*verdict, &outline);
    }
    rulings.iter().collect()
}

#[test]
fn reverting_says_what_stood_before_but_over_no_later_word() {
    let givt = Some(Category::Givt);
    let live = |row| (row, Stage::Live, givt, at(3, row));
    let before = rulings(&[live(1), live(4), (2, Stage::Manual, Some(Category::Policy), at(4, 2))]);
    let closed = |row, category| (row, Stage::Manual, category, at(5, row));
    let now = rulings(&[
        live(1),
        live(4),
        closed(0, Some(Category::Sivt)),
        closed(1, None),
        closed(2, None),
        closed(3, Some(Category::Sivt)),
        closed(4, None),
        // Somebody ruled about this one after the correction.
        (3, Stage::Manual, None, at(6, 0)),
    ]);
    let ours = |row: u16| (at(1, row), Logged { verdict: at(5, row), event_id: row.to_string() });
    let ours = (0..5).map(ours).collect();
    let taken = opposites(&ours, &before, &now, |target| target == at(1, 4));
    let invalid = |category| (Decision::Invalid, Some(category));
    let expected = [
        (at(1, 0), (Decision::Valid, None)),
        (at(1, 1), invalid(Category::Givt)),
        (at(1, 2), invalid(Category::Policy)),
        (at(1, 4), invalid(Category::Policy)),
    ];
    assert_eq!(taken, expected);
}

#[test]
fn ruling_of_a_correction_is_known_by_its_evidence_alone() {
    let by = Attribution { actor: "ann".to_owned(), reason: "correction c1".to_owned(), note: Some("c1".to_owned()) };
    let what = (Decision::Invalid, Some(Category::Policy));
    let now = Timestamp::from_micros(0);
    let closes = ruling(("c1", Mark::Closes), at(1, 0), "e".to_owned(), what, &by, now);
    assert!(is_marked(&closes, "c1", Mark::Closes));
    assert!(!is_marked(&closes, "c1", Mark::Reverts) && !is_marked(&closes, "c", Mark::Closes));
    assert_eq!((closes.stage, closes.decision, closes.category), (Stage::Manual, what.0, what.1));
    let plain = hand::verdict(at(1, 0), "e".to_owned(), what, Stage::Manual, &by, now);
    assert!(!is_marked(&plain, "c1", Mark::Closes));
}
