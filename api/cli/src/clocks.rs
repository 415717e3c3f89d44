//! Our clock against that of the log, where it has its own: hours are cut by the log's, and what is captured is dated
//! by ours.

use clicktrail_log::{log, time::Timestamp};
use tracing::warn;

use crate::installation::Installation;

/// Clocks that are set by the same service do not differ by more.
pub(crate) const APART_MICROS_MAX: i64 = 2_000_000;

/// How far our clock is ahead of the log's, in microseconds; negative if it is behind. `None` if the log has no clock
/// of its own.
///
/// # Errors
/// As the log reports.
pub(crate) async fn ahead_micros(instance: &Installation) -> Result<Option<i64>, log::Error> {
    let before = instance.clock.now();
    let Some(logs) = instance.clicks.now().await? else { return Ok(None) };
    let after = instance.clock.now();
    Ok(Some(middle(before, after) - logs.micros()))
}

fn middle(before: Timestamp, after: Timestamp) -> i64 {
    before.micros() + (after.micros() - before.micros()) / 2
}

/// In words: `3.2 seconds ahead of the broker's clock`.
pub(crate) fn sentence(ahead_micros: i64) -> String {
    let (seconds, tenths) = (ahead_micros.unsigned_abs() / 1_000_000, ahead_micros.unsigned_abs() / 100_000 % 10);
    let side = if ahead_micros < 0 { "behind" } else { "ahead of" };
    format!("{seconds}.{tenths} seconds {side} the broker's clock")
}

/// Warns if the clocks are apart. A log that does not answer says so elsewhere.
pub(crate) async fn check(instance: &Installation) {
    if let Ok(Some(ahead)) = ahead_micros(instance).await
        && ahead.abs() > APART_MICROS_MAX
    {
        let apart = sentence(ahead);
        warn!("this machine's clock is {apart}: events get wrong times, and repeats and conversions are not found");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_are_said_to_be() {
        assert_eq!(sentence(31_536_000_000_000), "31536000.0 seconds ahead of the broker's clock");
        assert_eq!(sentence(-3_250_000), "3.2 seconds behind the broker's clock");
        let at = Timestamp::from_micros;
        assert_eq!(middle(at(1_000), at(3_000)), 2_000);
    }
}
