//! Which kinds of events are judged at all.

use clicktrail_log::event::Kind;
pub use clicktrail_log::kinds::Kinds;

/// What is billed, or what a bill is explained by. Probes and prefetches never are, so nobody judges them.
pub const JUDGED: Kinds = Kinds::of(&[Kind::Click, Kind::Impression, Kind::Conversion]);
