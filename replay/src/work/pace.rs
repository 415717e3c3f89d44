//! Keeps a worker below so many events a second.

use std::time::Duration;

use clicktrail_log::time::Timestamp;

/// What was taken since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    rows_per_second: Option<u64>,
    begun: Timestamp,
    rows: u64,
}

impl Pace {
    /// Nothing is taken yet.
    pub(super) fn new(rows_per_second: Option<u64>, begun: Timestamp) -> Self {
        Self { rows_per_second, begun, rows: 0 }
    }

    /// Counts an hour that was taken.
    pub(super) fn add(&mut self, rows: u64) {
        self.rows = self.rows.saturating_add(rows);
    }

    /// How long to wait before the next hour is taken.
    pub(super) fn wait(&self, now: Timestamp) -> Duration {
        let Some(rate) = self.rows_per_second else { return Duration::ZERO };
        let due = u128::from(self.rows) * 1_000_000 / u128::from(rate.max(1));
        let passed = u128::try_from(now.micros().saturating_sub(self.begun.micros())).unwrap_or(0);
        Duration::from_micros(u64::try_from(due.saturating_sub(passed)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_hour_waits_until_what_was_taken_is_due() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut pace = Pace::new(Some(1_000), at(10));
        assert_eq!(pace.wait(at(10)), Duration::ZERO);
        pace.add(5_000);
        assert_eq!(pace.wait(at(10)), Duration::from_secs(5));
        assert_eq!(pace.wait(at(12)), Duration::from_secs(3));
        assert_eq!(pace.wait(at(16)), Duration::ZERO);
        // A clock that was put back makes nobody wait for longer than the rate says.
        assert_eq!(pace.wait(at(2)), Duration::from_secs(5));
        assert_eq!(Pace::new(None, at(0)).wait(at(0)), Duration::ZERO);
    }
}
