//! Each reason by a case of its own, and by any lists at all: every click once, and money that adds up.

use clicktrail_log::{
    position::{Epoch, Position, Seq},
    time::Timestamp,
};
use clicktrail_verdicts::verdict::Category;

use super::*;

const HOUR: i64 = 3_600_000_000;
const SECOND: i64 = 1_000_000;

fn at(row: u16) -> Position {
    Position::new(Epoch::FIRST, Seq::FIRST, row)
}

fn click<'c>(id: &'c str, ad: &'c str, time: i64, price_micros: i64) -> Click<'c> {
    Click {
        event_id: Some(id).filter(|id| !id.is_empty()),
        ad_id: Some(ad).filter(|ad| !ad.is_empty()),
        campaign_id: Some("spring"),
        time: Timestamp::from_micros(time),
        price_micros,
        currency: "EUR",
    }
}

fn invalid() -> Standing {
    Standing::Invalid { category: Category::Duplicate, rule: "duplicate".to_owned(), original: Some(at(0)) }
}

/// Our clicks are `(id, ad, time, price, standing)`, in the order of their positions, and theirs `(id, ad, time,
/// price)` from line 2 on. Ours before hour 0 were not asked for.
fn matched(ours: &[(&str, &str, i64, i64, Standing)], theirs: &[(&str, &str, i64, i64)]) -> Matched {
    let mut ledger = Ledger::new(5 * SECOND);
    for (row, (id, ad, time, price, standing)) in (0..).zip(ours) {
        let logged = Logged { position: at(row), standing: standing.clone(), is_asked: *time >= 0 };
        ledger.add_ours(&click(id, ad, *time, *price), &logged).unwrap();
    }
    for (line, (id, ad, time, price)) in (2..).zip(theirs) {
        ledger.add_theirs(&click(id, ad, *time, *price), line, *time >= 0).unwrap();
    }
    ledger.matched()
}

fn lines(report: &Report) -> Vec<String> {
    let line = |row: Shown<'_>| {
        let micros =
            |price: Option<(i64, &str)>| price.map_or_else(|| "-".to_owned(), |(micros, _)| micros.to_string());
        let position = row.position.map_or_else(|| "-".to_owned(), |position| position.row().to_string());
        let line = row.line.map_or_else(|| "-".to_owned(), |line| line.to_string());
        let (ours, theirs) = (micros(row.our_price), micros(row.their_price));
        format!("{line} {position} {} [{}] {ours} {theirs}", row.reason.code(), row.detail)
    };
    report.rows(true).map(line).collect()
}

#[track_caller]
fn check(ours: &[(&str, &str, i64, i64, Standing)], theirs: &[(&str, &str, i64, i64)], expected: &[&str]) {
    assert_eq!(lines(&matched(ours, theirs).report()), expected);
}

#[test]
fn clicks_with_ids_are_told_apart_by_them_and_each_has_one_reason() {
    use Standing::{Billable, Unjudged};
    check(
        &[
            ("same", "a", 0, 10, Billable),
            ("late", "a", 0, 10, Billable),
            ("shifted", "a", HOUR, 10, Billable),
            ("dear", "a", 0, 10, Billable),
            ("other-ad", "a", 0, 10, Billable),
            ("bad", "a", 0, 10, invalid()),
            ("fresh", "a", 0, 10, Unjudged),
            ("before", "a", -HOUR, 10, Billable),
            ("mine", "a", 0, 10, Billable),
            ("mine-bad", "a", 0, 10, invalid()),
            ("long-before", "a", -HOUR, 10, Billable),
        ],
        &[
            ("same", "a", 4 * SECOND, 10),
            ("late", "a", 77 * SECOND, 10),
            ("shifted", "a", 3 * HOUR + SECOND, 10),
            ("dear", "a", 0, 7),
            ("other-ad", "b", 0, 10),
            ("bad", "a", 0, 10),
            ("fresh", "a", 0, 10),
            ("before", "a", 0, 10),
            ("never", "a", 0, 10),
            ("elsewhen", "a", -HOUR, 10),
        ],
        &[
            "2 0 same [] 10 10",
            "3 1 other_time [] 10 10",
            "4 2 other_time [+02:00] 10 10",
            "5 3 price [] 10 7",
            "6 4 other_ad [the file says b] 10 10",
            "7 5 invalid [duplicate duplicate, repeats 1.1.0] 0 10",
            "8 6 not_judged [] 0 10",
            "9 7 other_period [] 0 10",
            "10 - not_received [] - 10",
            "11 - out_of_range [] - 10",
            "- 8 not_in_file [] 10 -",
            "- 9 not_in_file_invalid [duplicate duplicate, repeats 1.1.0] 0 -",
        ],
    );
}

#[test]
fn an_id_that_comes_several_times_is_paired_by_ad_and_what_is_billed_first() {
    use Standing::Billable;
    check(
        &[("x", "a", 0, 10, invalid()), ("x", "a", 1, 10, Billable), ("x", "b", 2, 10, Billable)],
        &[
            ("x", "b", 0, 10),
            ("x", "a", 0, 10),
            ("x", "c", 0, 10),
            ("x", "a", 0, 10),
            ("y", "a", 0, 10),
            ("y", "a", 0, 10),
        ],
        &[
            "2 2 same [] 10 10",
            "3 1 same [] 10 10",
            "4 - repeated [line 2] - 10",
            "5 0 invalid [duplicate duplicate, repeats 1.1.0] 0 10",
            "6 - not_received [] - 10",
            "7 - repeated [line 6] - 10",
        ],
    );
}

#[test]
fn clicks_without_ids_are_paired_by_ad_time_and_price_one_to_one() {
    use Standing::Billable;
    check(
        &[
            ("1", "a", 0, 10, Billable),
            ("2", "a", SECOND, 10, invalid()),
            ("3", "a", 2 * SECOND, 10, Billable),
            ("4", "b", 0, 10, Billable),
            ("5", "b", 60 * SECOND, 30, Billable),
            ("6", "b", 90 * SECOND, 10, Billable),
        ],
        &[
            // Both are nearest to the click that is not billed, and get those that are.
            ("", "a", SECOND, 10),
            ("", "a", SECOND, 10),
            ("", "a", SECOND, 10),
            ("", "a", SECOND, 10),
            ("", "b", 60 * SECOND, 20),
            ("", "b", 85 * SECOND, 10),
            ("", "c", 0, 10),
        ],
        &[
            "2 0 same [] 10 10",
            "3 2 same [] 10 10",
            "4 1 invalid [duplicate duplicate, repeats 1.1.0] 0 10",
            "5 - not_received [] - 10",
            "6 4 price [] 30 20",
            "7 5 same [] 10 10",
            "8 - not_received [] - 10",
            "- 3 not_in_file [] 10 -",
        ],
    );
}

#[test]
fn times_of_another_zone_are_found_if_many_are_so_and_chance_is_not() {
    let times: Vec<i64> = (0..50).map(|number| number * number * 37 * SECOND).collect();
    let ours: Vec<_> = times.iter().map(|time| ("o", "a", *time + 24 * HOUR, 10, Standing::Billable)).collect();
    let in_zone: Vec<_> = times.iter().map(|time| ("", "a", *time + 26 * HOUR + SECOND, 10)).collect();
    let report = matched(&ours, &in_zone).report();
    assert_eq!(report.offsets(), ["+02:00"]);
    let sums: Vec<String> = report.sums().keys().map(|key| format!("{} {}", key.1.code(), key.2)).collect();
    assert_eq!(sums, ["other_time +02:00"]);
    assert_eq!(report.totals()["EUR"].difference_micros(), 0);
    // Two clicks that happen to lie a quarter apart are two clicks.
    let two = matched(&ours[..2], &in_zone[..2]).report();
    assert_eq!(two.offsets(), [""; 0]);
    assert_eq!(two.differences(), 4);
}

#[test]
fn what_was_rejected_explains_one_click_each() {
    let rejection =
        |row: u16| move || Rejection { position: at(row), code: "too_old".to_owned(), detail: "no".to_owned() };
    let theirs = [("x", "a", 0, 10), ("x", "a", 0, 10), ("", "b", 60 * SECOND, 10), ("z", "b", 0, 10)];
    let mut matched = matched(&[], &theirs);
    assert_eq!(matched.unexplained(), 4);
    assert!(matched.reject_id("x", rejection(7)) && matched.reject_id("x", rejection(8)));
    assert!(!matched.reject_id("x", rejection(9)) && !matched.reject_id("y", rejection(9)));
    assert!(!matched.reject_at("b", Timestamp::from_micros(66 * SECOND), rejection(9)));
    assert!(matched.reject_at("b", Timestamp::from_micros(65 * SECOND), rejection(10)));
    assert_eq!(matched.unexplained(), 1);
    assert_eq!(
        lines(&matched.report()),
        [
            "2 7 rejected [too_old: no] - 10",
            "3 8 rejected [too_old: no] - 10",
            "4 10 rejected [too_old: no] - 10",
            "5 - not_received [] - 10",
        ]
    );
}

#[test]
fn prices_in_two_currencies_are_explained_in_both() {
    let mut ledger = Ledger::new(0);
    let logged = Logged { position: at(0), standing: Standing::Billable, is_asked: true };
    ledger.add_ours(&click("x", "a", 0, 10), &logged).unwrap();
    ledger.add_theirs(&Click { currency: "USD", ..click("x", "a", 0, 12) }, 2, true).unwrap();
    let report = ledger.matched().report();
    let sums = report.sums().iter().map(|(key, sum)| (key.1, key.3.as_str(), sum.clicks, sum.difference_micros()));
    assert_eq!(sums.collect::<Vec<_>>(), [(Reason::Currency, "EUR", 1, 10), (Reason::Currency, "USD", 0, -12)]);
}

#[test]
fn lists_beyond_the_bytes_that_may_be_held_are_refused() {
    let mut ledger = Ledger::new(0).with_bytes_max(2_000);
    let rows = (0_i64..).take_while(|time| ledger.add_theirs(&click("an-id", "a", *time, 1), 1, true).is_ok()).count();
    assert!((5..50).contains(&rows), "{rows} rows were taken");
}

/// Draws of a seed: the same for ever.
struct Draws(u64);

impl Draws {
    fn of(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        i64::try_from((bits ^ (bits >> 27)) >> 33).unwrap() % end
    }

    fn one<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[usize::try_from(self.of(i64::try_from(texts.len()).unwrap())).unwrap()]
    }
}

const IDS: [&str; 8] = ["a", "b", "c", "d", "aa", "ab", "an-id-that-is-longer-1", "an-id-that-is-longer-2"];

#[test]
fn any_two_lists_are_explained_click_by_click_and_the_difference_completely() {
    for seed in 0..400 {
        let mut draws = Draws(seed);
        let mut ours = Vec::new();
        for _ in 0..draws.of(40) {
            let standing = match draws.of(4) {
                0 => invalid(),
                1 => Standing::Unjudged,
                _ => Standing::Billable,
            };
            let (id, ad) = (draws.one(&IDS), draws.one(&["a", "b"]));
            ours.push((id, ad, (draws.of(43) - 3) * 3 * SECOND, 1 + draws.of(3), standing));
        }
        let mut theirs = Vec::new();
        for _ in 0..draws.of(40) {
            let id = if draws.of(2) == 0 { "" } else { draws.one(&IDS) };
            let ad = draws.one(&["a", "b"]);
            theirs.push((id, ad, (draws.of(43) - 3) * 2 * SECOND, 1 + draws.of(3)));
        }
        // Adding up is asserted when the report is made; here it is done once more, from what is shown.
        let report = matched(&ours, &theirs).report();
        let rows: Vec<_> = report.rows(true).collect();
        let lines_seen: Vec<u64> = rows.iter().filter_map(|row| row.line).collect();
        assert_eq!(lines_seen, (2..).take(theirs.len()).collect::<Vec<u64>>(), "seed {seed}");
        let mut positions: Vec<Position> = rows.iter().filter_map(|row| row.position).collect();
        positions.sort_unstable();
        assert!(positions.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed}: a click of ours has two reasons");
        let asked = ours.iter().filter(|one| one.2 >= 0);
        assert!(asked.clone().count() <= positions.len(), "seed {seed}: a click of ours has no reason");
        let billed: i64 = asked.filter(|one| one.4 == Standing::Billable).map(|one| one.3).sum();
        let listed: i64 = theirs.iter().map(|one| one.3).sum();
        let explained: i128 = report.sums().values().map(Sum::difference_micros).sum();
        assert_eq!(explained, i128::from(billed - listed), "seed {seed}");
        assert_eq!(lines(&report), lines(&matched(&ours, &theirs).report()), "seed {seed}");
    }
}
