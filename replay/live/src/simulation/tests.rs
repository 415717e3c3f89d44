//! Seeds that pass, that repeat, and that find what is planted.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{HOURS, planted::Planted, run};

/// So many seeds are run with all other tests.
const SEEDS: u64 = 100;
/// After so many seeds a run of many says how far it is.
const TOLD_AFTER: u64 = 1_000;
/// How often a repeated run must be the same.
const REPEATED: u64 = 6;
/// So many seeds may pass before a planted bug is found.
const FOUND_WITHIN: u64 = 100;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .filter(|text| !text.is_empty())
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn hours() -> i64 {
    setting("CLICKTRAIL_HOURS").map_or(HOURS, |hours| i64::try_from(hours).unwrap())
}

/// Runs seeds on as many threads as there are; those that failed.
fn run_all(seeds: std::ops::Range<u64>, hours: i64) -> Vec<u64> {
    let (next, failed) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    let (size, errors) = (Mutex::new([0; 3]), Mutex::new(BTreeMap::new()));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::SeqCst)).filter(|seed| *seed < seeds.end) {
                    let ended = run(seed, hours, None, false);
                    size.lock().unwrap().iter_mut().zip(ended.size).for_each(|(all, one)| *all += one);
                    for line in &ended.errors {
                        errors.lock().unwrap().entry(without_numbers(line)).or_insert((seed, 0)).1 += 1;
                    }
                    // Told at once: a run of many may be ended before its last seed.
                    if let Some(broken) = &ended.broken {
                        println!("seed {seed}: {broken}");
                        println!("  again, with its journal: make simulate SEED={seed} HOURS={hours}");
                        failed.lock().unwrap().push(seed);
                    }
                    if (seed + 1).is_multiple_of(TOLD_AFTER) {
                        println!("seeds up to {seed} were run");
                    }
                }
            });
        }
    });
    let [clicks, billed, hours] = size.into_inner().unwrap();
    println!("{clicks} clicks were logged, {billed} billed; {hours} hours were sealed");
    for (line, (seed, times)) in errors.into_inner().unwrap() {
        println!("error line, {times} times, first in seed {seed}: {line}");
    }
    failed.into_inner().unwrap()
}

/// What lines of one kind have in common.
fn without_numbers(line: &str) -> String {
    let words = line.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
    words.collect::<Vec<_>>().join(" ")
}

fn expect_all(seeds: std::ops::Range<u64>, hours: i64) {
    let failed = run_all(seeds, hours);
    assert!(failed.is_empty(), "seeds failed: {failed:?}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..REPEATED {
        let (one, other) = (run(seed, HOURS, None, true), run(seed, HOURS, None, true));
        let differs = one.lines.iter().zip(&other.lines).position(|(one, other)| one != other);
        if let Some(at) = differs {
            panic!("seed {seed} differs in line {at}: {:#?} {:#?}", &one.lines[at], &other.lines[at]);
        }
        assert_eq!(one.lines.len(), other.lines.len(), "seed {seed}");
        assert_eq!(one.broken, other.broken);
    }
}

#[test]
fn whatever_goes_wrong_every_acknowledged_click_is_counted_once() {
    expect_all(0..SEEDS, HOURS);
}

#[test]
#[ignore = "make simulate SEEDS=10000"]
fn as_many_seeds_as_one_likes() {
    let (from, to) = (setting("CLICKTRAIL_FROM").unwrap_or(0), setting("CLICKTRAIL_SEEDS").unwrap_or(1_000));
    expect_all(from..to, hours());
}

#[test]
#[ignore = "make simulate SEED=17"]
fn one_seed_with_its_journal() {
    let seed = setting("CLICKTRAIL_SEED").expect("CLICKTRAIL_SEED is set");
    let ended = run(seed, hours(), None, true);
    ended.lines.iter().for_each(|line| println!("{line}"));
    println!("{:?}", ended.size);
    assert_eq!(ended.broken, None);
}

#[test]
fn every_planted_bug_is_found() {
    for planted in Planted::ALL {
        let found =
            (0..FOUND_WITHIN).find_map(|seed| run(seed, HOURS, Some(planted), false).broken.map(|what| (seed, what)));
        let (seed, what) = found.unwrap_or_else(|| panic!("{planted:?} was not found in {FOUND_WITHIN} seeds"));
        println!("{planted:?} was found by seed {seed}: {what}");
        assert_eq!(run(seed, HOURS, None, false).broken, None, "without the bug seed {seed} passes");
    }
}
