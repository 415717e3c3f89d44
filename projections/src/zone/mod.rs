//! Local days and ranges of time as a person means them. What a zone's clocks show when, `clicktrail_log::zone` says.
//!
//! A local day may come in two pieces: in Newfoundland clocks were put back at one minute past midnight, into the day
//! before. So a day is the set of instants whose local date it is, and never "24 hours from midnight".

mod bound;
mod calendar;
mod range;

pub use bound::{Bound, Unit, hour};
pub(crate) use calendar::{day_of, month_around};
pub use clicktrail_log::zone::Zone;
pub(crate) use clicktrail_log::zone::{DAY, instant, second, show};
pub use range::Range;

#[cfg(test)]
mod tests;
