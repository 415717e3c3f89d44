//! Ids as data: where one comes from that nobody gave.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use uuid::Uuid;

use crate::time::Timestamp;

/// Where new ids come from. Whatever mints one takes an `Ids`, so that tests repeat to the byte.
pub trait Ids: Send + Sync + fmt::Debug {
    /// A UUID (version 7) of the time `at`, which no other call was or will be given.
    fn next(&self, at: Timestamp) -> Uuid;
}

/// Random ones: different from those of any other process, as good as surely.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that mints random ids")]
    fn next(&self, at: Timestamp) -> Uuid {
        let micros = u64::try_from(at.micros()).unwrap_or(0);
        let nanos = u32::try_from(micros % 1_000_000 * 1_000).expect("less than a second");
        Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, micros / 1_000_000, nanos))
    }
}

/// The same ones for the same seed, in order of the calls: for tests.
#[derive(Debug)]
pub struct SeededIds {
    seed: u16,
    given: AtomicU64,
}

impl SeededIds {
    /// The ids of `seed`, from the first.
    pub const fn new(seed: u16) -> Self {
        Self { seed, given: AtomicU64::new(0) }
    }
}

impl Ids for SeededIds {
    fn next(&self, at: Timestamp) -> Uuid {
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&self.seed.to_be_bytes());
        bytes[2..].copy_from_slice(&self.given.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(at.micros() / 1_000).unwrap_or(0), &bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ids: &dyn Ids) {
        let at = Timestamp::from_micros(1_764_000_000_123_456);
        let (one, other) = (ids.next(at), ids.next(at));
        assert_ne!(one, other);
        for id in [one, other] {
            let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
            assert_eq!((id.get_version_num(), seconds, nanos), (7, 1_764_000_000, 123_000_000), "{id}");
        }
        ids.next(Timestamp::from_micros(-1));
    }

    #[test]
    fn ids_are_new_and_carry_their_time() {
        check(&RandomIds);
        check(&SeededIds::new(1));
    }

    #[test]
    fn a_seed_gives_the_same_ids_again() {
        let at = Timestamp::from_micros(0);
        let ids = |seed| {
            let ids = SeededIds::new(seed);
            [ids.next(at), ids.next(at)]
        };
        assert_eq!(ids(7), ids(7));
        assert_ne!(ids(7), ids(8));
    }
}
