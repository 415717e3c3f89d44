//! What a correction of facts does to the logs, and what that does to the bill.
//!
//! A correction adds events that were missing, and rules about events that are there. Its events are logged as any
//! others, and the judge finds them invalid (`policy`) as they come: they say themselves which correction they belong
//! to. So nothing of it counts until one ruling by hand about each event, added or there before, is in the verdict log,
//! and the hours that these make stale are promoted, all in one transaction.
//!
//! Who dies in between goes on from what the logs say: its frames are found by their writer ([`frames`]), its rulings
//! by what they name ([`rulings`]). [`document`] is how items are staged, and [`effect`] what they do to each bill.

pub mod document;
pub mod effect;
pub mod frames;
pub mod rulings;
