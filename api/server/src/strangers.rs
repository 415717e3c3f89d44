//! How much of what strangers make up is kept: anyone can ask for an ad that nobody registered, and each such request
//! would be an fsynced row. A mistyped link of a campaign is kept whole; a flood is kept in part, and counted.

use std::sync::{Mutex, PoisonError};

use clicktrail_log::time::Timestamp;

/// Items a minute that are kept.
const ITEMS_MAX: u32 = 6_000;
/// Their bytes a minute, as they came.
const BYTES_MAX: usize = 8 << 20;
const MINUTE_MICROS: i64 = 60_000_000;

/// What was kept in the present minute.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    number: i64,
    items: u32,
    bytes: usize,
}

impl Strangers {
    /// Whether an item of so many bytes is kept. If the clock runs back, the minute that it stands in begins anew.
    pub(super) fn keep(&self, bytes: usize, now: Timestamp) -> bool {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.micros().div_euclid(MINUTE_MICROS);
        if minute.number != number {
            *minute = Minute { number, items: 0, bytes: 0 };
        }
        if minute.items >= ITEMS_MAX || minute.bytes.saturating_add(bytes) > BYTES_MAX {
            return false;
        }
        minute.items += 1;
        minute.bytes += bytes;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_kept_up_to_items_or_bytes_of_each_minute() {
        let strangers = Strangers::default();
        let at = |minute: i64| Timestamp::from_micros(minute * MINUTE_MICROS);
        let kept = |bytes: usize, minute: i64| (0..10_000).filter(|_| strangers.keep(bytes, at(minute))).count();
        assert_eq!(kept(100, 1), 6_000);
        assert_eq!(kept(100, 1), 0);
        assert_eq!(kept(64 << 10, 2), 128);
        assert_eq!(kept(100, 1), 6_000, "the clock ran back");
    }
}
