use clicktrail_log::position::{Epoch, Seq};
use proptest::prelude::*;

use super::*;
use crate::{
    ruling,
    testing::{any_verdict, click, every_shape, fixture::fixture},
    verdict::Verdict,
};

/// Place `n` of the verdict log.
fn at(n: usize) -> Position {
    let n = u64::try_from(n).unwrap();
    Position::new(Epoch::FIRST, Seq::new(1 + n / 3).unwrap(), u16::try_from(n % 3).unwrap())
}

fn outline(target: Position, category: Option<Category>, stage: Stage) -> Outline {
    let decision = if category.is_some() { Decision::Invalid } else { Decision::Valid };
    Outline { target, decision, category, stage }
}

fn everything() -> Range<Position> {
    click(0)..click(1_000)
}

fn rows(rulings: &Rulings) -> Vec<(Position, Category)> {
    rulings.invalid().collect()
}

#[test]
fn each_position_of_the_verdict_log_shows_what_stood_then() {
    let log = [
        outline(click(1), Some(Category::Sivt), Stage::Live),
        outline(click(2), Some(Category::Givt), Stage::Live),
        outline(click(1), None, Stage::Manual),
        outline(click(1), Some(Category::Duplicate), Stage::Rejudge),
        outline(click(1), Some(Category::Policy), Stage::Manual),
    ];
    let (one, two) = (click(1), click(2));
    let expected = [
        vec![],
        vec![(one, Category::Sivt)],
        vec![(one, Category::Sivt), (two, Category::Givt)],
        vec![(two, Category::Givt)],
        vec![(two, Category::Givt)],
        vec![(one, Category::Policy), (two, Category::Givt)],
    ];
    for (before, expected) in expected.into_iter().enumerate() {
        let mut rulings = Rulings::new(everything(), at(before), Stages::All);
        for (place, verdict) in log.iter().enumerate() {
            rulings.add(at(place), verdict);
        }
        assert_eq!(rows(&rulings), expected, "before {before}");
    }
}

#[test]
fn range_of_targets_is_half_open() {
    let mut rulings = Rulings::new(click(2)..click(4), at(99), Stages::All);
    for id in 0..6 {
        rulings.add(at(0), &outline(click(id), Some(Category::Givt), Stage::Live));
    }
    assert_eq!(rows(&rulings), [(click(2), Category::Givt), (click(3), Category::Givt)]);
}

#[test]
fn live_only_hears_nobody_else() {
    let mut rulings = Rulings::new(everything(), at(99), Stages::LiveOnly);
    rulings.add(at(0), &outline(click(1), Some(Category::Sivt), Stage::Live));
    for stage in [Stage::Rejudge, Stage::Query, Stage::Manual] {
        rulings.add(at(1), &outline(click(1), None, stage));
    }
    assert_eq!(rows(&rulings), [(click(1), Category::Sivt)]);
}

#[test]
fn table_and_digest_are_of_what_is_invalid() {
    let mut rulings = Rulings::new(everything(), at(99), Stages::All);
    let empty = rulings.digest();
    assert_eq!(empty, Digest::of(DIGEST_VERSION.as_bytes()));
    rulings.add(at(0), &outline(click(5), None, Stage::Live));
    assert_eq!((rulings.digest(), rulings.to_batch().num_rows()), (empty, 0), "a valid click has no row");
    assert_eq!(rulings.get(click(5)).unwrap().decision, Decision::Valid);
    rulings.add(at(1), &outline(click(5), Some(Category::Givt), Stage::Live));
    let text = format!("clicktrail rulings 1\n{}\tgivt\n", click(5).as_i64());
    assert_eq!(rulings.digest(), Digest::of(text.as_bytes()));
    let batch = rulings.to_batch();
    assert_eq!((batch.schema(), batch.num_rows()), (schema(), 1));
}

/// The digest of version 1: it names the segments that were made with these rulings.
#[test]
fn digest_of_version_1_is_as_ever() {
    let mut rulings = Rulings::new(click(0)..click(2_000_000), at(99), Stages::All);
    for (place, verdict) in every_shape().iter().enumerate() {
        rulings.add(at(place), &Outline::of(verdict));
    }
    let rows = rulings.invalid().map(|(target, category)| format!("{}\t{category}\n", target.as_i64()));
    let text = format!("{}{}", rows.collect::<String>(), rulings.digest());
    let stored = String::from_utf8(fixture("rulings-1.txt", text.as_bytes())).unwrap();
    let (rows, digest) = stored.rsplit_once('\n').unwrap();
    assert_eq!(Digest::of(format!("clicktrail rulings 1\n{rows}\n").as_bytes()).to_string(), digest);
}

proptest! {
    #[test]
    fn fold_in_any_order_is_the_standing_verdict_of_each_position(
        verdicts in prop::collection::vec(any_verdict(), 0..60),
        (before, rotation) in (0..64_usize, 0..60_usize),
    ) {
        let mut rulings = Rulings::new(click(0)..click(30), at(before), Stages::All);
        let mut places: Vec<usize> = (0..verdicts.len()).collect();
        places.rotate_left(rotation.min(verdicts.len()));
        for place in places.iter().chain(&places) {
            let Verdict { target, decision, category, stage, .. } = verdicts[*place];
            rulings.add(at(*place), &Outline { target, decision, category, stage });
        }
        for id in 0..40 {
            let about = verdicts.iter().enumerate().filter(|(_, verdict)| verdict.target == click(id));
            let known = about.filter(|(place, _)| *place < before && id < 30);
            let expected = ruling::standing(known.map(|(place, verdict)| (at(place), verdict)));
            let found = rulings.get(click(id)).map(|standing| (standing.decision, standing.category));
            prop_assert_eq!(found, expected.map(|verdict| (verdict.decision, verdict.category)));
        }
    }
}
