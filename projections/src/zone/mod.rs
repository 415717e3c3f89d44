//! Time zones as a person means them: local days, wall times, and the instants that they are.
//!
//! Everything here follows from one question, which the zone's table answers without doubt: how far are local clocks
//! ahead of UTC at an instant? The other way, from a wall time to an instant, has none, one or two answers, and a local
//! day may come in two pieces: in Newfoundland clocks were put back at one minute past midnight, into the day before.
//! So a day is the set of instants whose local date it is, and never "24 hours from midnight".

mod bound;
mod calendar;
mod range;

pub use bound::{Bound, Unit, hour};
pub use calendar::Zone;
pub(crate) use calendar::{DAY, day_of, instant, month_around, second, show};
pub use range::Range;

#[cfg(test)]
mod tests;
