//! Frames that a clock logged far ahead: they end no look-back, and are seen where they stand in the log.

use clicktrail_log::event::Kind;

use super::world::{Entry, NOON, SECOND, World, batch, event, reasons, rule};
use crate::fold::{Fold, Originals};

const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;

/// What each entry, as a batch of its own, is found to be; how often the clock ran back too far; and how many bytes
/// were held in the end.
fn judged(entries: &[Entry]) -> (Vec<(String, String)>, u64, usize) {
    let mut fold = Fold::new(rule("duplicate", ""));
    let mut found = Vec::new();
    for entry in entries {
        let findings = fold.judge(&batch(std::slice::from_ref(entry)), &Originals::none()).unwrap();
        found.extend(findings.iter().map(|finding| (finding.event_id.clone(), reasons(finding))));
    }
    (found, fold.rewinds().events, fold.memory_bytes())
}

/// A click every minute from one on to another, in minutes after noon, under an id of its own.
fn every_minute(world: &mut World, minutes: std::ops::Range<i64>) {
    for minute in minutes {
        world.click(&format!("at {minute}"), NOON + minute * MINUTE, |_| ());
    }
}

fn ahead(world: &mut World, id: &str, minute: i64, by: i64) {
    let time = NOON + minute * MINUTE;
    world.add_logged(event(Kind::Click, id, time), time + by);
}

#[test]
fn what_was_logged_before_is_seen_behind_a_burst_of_the_future() {
    for burst in [1, 2, 300] {
        let mut world = World::default();
        every_minute(&mut world, 0..60);
        for frame in 0..burst {
            ahead(&mut world, &format!("ahead {frame}"), 60, DAY + frame * SECOND);
        }
        every_minute(&mut world, 60..90);
        world.click("at 1", NOON + 90 * MINUTE, |_| ());
        let (found, rewinds, _) = judged(&world.entries);
        assert_eq!(found, [("at 1".to_owned(), "duplicate(original=1.2.0)".to_owned())], "{burst} frames");
        assert_eq!(rewinds, 0, "{burst} frames");
    }
}

#[test]
fn what_was_logged_ahead_is_seen_where_it_stands_in_the_log() {
    let mut world = World::default();
    every_minute(&mut world, 0..10);
    ahead(&mut world, "x", 10, DAY);
    every_minute(&mut world, 10..60);
    world.click("x", NOON + 60 * MINUTE, |_| ());
    every_minute(&mut world, 61..10 + 24 * 60);
    // A day later it is no longer within the look-back.
    world.click("x", NOON + 10 * MINUTE + DAY, |_| ());
    let (found, rewinds, bytes) = judged(&world.entries);
    assert_eq!(found, [("x".to_owned(), "duplicate(original=1.11.0)".to_owned())]);
    assert_eq!(rewinds, 0);
    let mut plain = World::default();
    every_minute(&mut plain, 0..10 + 24 * 60);
    assert!(bytes <= judged(&plain.entries).2 + 4096, "{bytes} bytes are held");
}

#[test]
fn a_pause_is_believed_once_the_log_has_gone_on_for_as_long_as_anybody_looks_back() {
    let mut world = World::default();
    every_minute(&mut world, 0..120);
    every_minute(&mut world, 600..600 + 400);
    let (found, rewinds, bytes) = judged(&world.entries);
    assert_eq!((found.len(), rewinds), (0, 0));
    let mut plain = World::default();
    every_minute(&mut plain, 0..1000);
    assert!(bytes <= judged(&plain.entries).2 + 4096, "{bytes} bytes are held");
}

#[test]
fn clock_that_is_mended_step_by_step_costs_no_look_back_either() {
    let mut world = World::default();
    every_minute(&mut world, 0..60);
    for hours in [10, 2, 1] {
        ahead(&mut world, &format!("ahead {hours}"), 60, hours * 60 * MINUTE);
    }
    every_minute(&mut world, 60..90);
    world.click("at 1", NOON + 90 * MINUTE, |_| ());
    world.click("ahead 2", NOON + 91 * MINUTE, |_| ());
    let (found, rewinds, _) = judged(&world.entries);
    let expected = [("at 1", "duplicate(original=1.2.0)"), ("ahead 2", "duplicate(original=1.62.0)")];
    assert_eq!(found, expected.map(|(id, reason)| (id.to_owned(), reason.to_owned())));
    assert_eq!(rewinds, 0);
}
