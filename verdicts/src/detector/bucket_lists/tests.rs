//! Records are listed by bucket, newest first, through growth, forgetting and numbers that wrap around.

use super::*;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Number {
    value: u64,
    older: u32,
    /// The latest time of the bucket, as it was told.
    latest: i64,
}

impl Record for Number {
    fn hash(&self) -> u64 {
        self.value % 1000
    }

    fn older(&self) -> u32 {
        self.older
    }

    fn link(&mut self, older: u32, newest: Option<(&Self, i64)>) {
        self.older = older;
        self.latest = newest.map_or(i64::MIN, |(_, reach)| reach);
    }

    fn time(&self) -> i64 {
        i64::try_from(self.value).unwrap()
    }
}

fn number(value: u64) -> Number {
    Number { value, older: 0, latest: 0 }
}

fn values(lists: &BucketLists<Number>, hash: u64) -> Vec<u64> {
    let mut found = Vec::new();
    let mut at = lists.newest(hash);
    while let Some(number) = at {
        let record = lists.get(number);
        if record.hash() == hash {
            found.push(record.value);
        }
        at = lists.older(number, record);
    }
    found
}

/// Every thousandth value up to `last`, from `first` on, as buckets list them.
fn sevens(first: u64, last: u64) -> Vec<u64> {
    (0..).map(|turn| turn * 1000 + 7).skip_while(|value| *value < first).take_while(|value| *value <= last).collect()
}

#[test]
fn records_keep_the_order_of_coming_through_growth_and_forgetting() {
    for first in [0, u32::MAX - 150_000, u32::MAX - 70_000, u32::MAX - 3] {
        let first = first & !(u32::try_from(CHUNK).unwrap() - 1);
        let mut lists = BucketLists { first, heads: vec![first.wrapping_sub(1); HEADS_MIN], ..BucketLists::new() };
        for value in 0..200_000 {
            lists.push(number(value), i64::try_from(value).unwrap());
        }
        let newest_first = |mut values: Vec<u64>| {
            values.reverse();
            values
        };
        assert_eq!(values(&lists, 7), newest_first(sevens(0, 199_999)));
        let before = lists.bytes();
        // Two chunks of 65,536 and what came later.
        lists.forget(150_000, |_| None);
        assert_eq!(lists.len, 200_000 - 2 * CHUNK);
        assert!(lists.bytes() < before);
        assert_eq!(values(&lists, 7), newest_first(sevens(131_072, 199_999)));
        let is_rescued = |record: &Number| (record.value == 140_007).then_some((*record, 300_000));
        lists.forget(250_000, is_rescued);
        assert_eq!((lists.len, values(&lists, 7), values(&lists, 8)), (1, vec![140_007], vec![]));
        assert!(lists.bytes() < before / 4, "what has grown shrinks");
        lists.push(number(7), 300_001);
        assert_eq!(values(&lists, 7), [7, 140_007]);
        lists.forget(i64::MAX - 1, |_| None);
        assert_eq!((lists.len, values(&lists, 7)), (0, vec![]));
    }
}

#[test]
fn chunk_ends_after_its_time_so_little_is_held_of_little() {
    let mut lists = BucketLists::new();
    for value in 0..10_000 {
        let logged = i64::try_from(value).unwrap() * 1_000_000;
        lists.push(number(value), logged);
        lists.forget(logged - 2 * CHUNK_MICROS, |_| None);
        assert!(lists.len <= 901, "{}", lists.len);
    }
    assert_eq!((values(&lists, 500), values(&lists, 7)), (vec![9_500], vec![]));
}

#[test]
fn latest_time_is_that_of_what_is_held() {
    let mut lists = BucketLists::new();
    for (value, logged) in [(5_000_007, 0), (7, CHUNK_MICROS), (1_007, 2 * CHUNK_MICROS)] {
        lists.push(number(value), logged);
    }
    let newest = |lists: &BucketLists<Number>| lists.newest(7).map(|at| (*lists.get(at), lists.reach(at))).unwrap();
    assert_eq!((newest(&lists).0.latest, newest(&lists).1), (5_000_007, 5_000_007));
    lists.forget(0, |_| None);
    assert_eq!(newest(&lists).1, 1_007);
    lists.push(number(2_007), 2 * CHUNK_MICROS);
    assert_eq!((newest(&lists).0.latest, newest(&lists).1), (1_007, 2_007));
}
