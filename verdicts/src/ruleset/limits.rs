//! What a ruleset may say, and what holds if it does not.

use std::ops::RangeInclusive;

use crate::schema::SCORE_PERMILLE_MAX;

/// No ruleset looks further back: a judge that starts reads this much of the log again.
pub(crate) const LOOK_BACK_SECONDS_MAX: i64 = 7200;
/// A shorter look-back would miss what one person does within a minute.
pub(crate) const LOOK_BACK_SECONDS_MIN: i64 = 60;
/// How many hours before an event the `duplicate` rule looks for its original, if the file does not say: batches are
/// sent again for a day.
pub(super) const DUPLICATE_HOURS_DEFAULT: i64 = 24;
/// The limits of `window_hours`: beyond a week frames may have left the log.
pub(super) const DUPLICATE_HOURS: RangeInclusive<i64> = 1..=168;
/// What the state may take, if the file does not say.
pub(crate) const MEMORY_BYTES_DEFAULT: usize = 1 << 30;
/// The limits of `memory_bytes_max`: less than a mebibyte is no state, more than a tebibyte a mistake.
pub(super) const MEMORY_BYTES: RangeInclusive<i64> = 1 << 20..=1 << 40;
/// An event is invalid over this score, if the file does not say.
pub(super) const THRESHOLD_DEFAULT: u16 = 700;
/// Over the largest score no event could be invalid.
pub(super) const THRESHOLD_MAX: u16 = SCORE_PERMILLE_MAX - 1;

const _: () = assert!(0 < LOOK_BACK_SECONDS_MIN && LOOK_BACK_SECONDS_MIN <= LOOK_BACK_SECONDS_MAX);
const _: () = assert!(THRESHOLD_DEFAULT <= THRESHOLD_MAX);
const _: () = assert!(1 << 20 <= MEMORY_BYTES_DEFAULT && MEMORY_BYTES_DEFAULT <= 1 << 40);
