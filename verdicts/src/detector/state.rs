//! What every detector does.

use super::{frames::Frames, hits::Hits, view::View};
use crate::ruleset::limits::MEMORY_BYTES_DEFAULT;

/// What a detector's cache of look-ups may take. Caches cost a sixteenth of the usual limit of memory, at most.
pub(super) const CACHE_BYTES_MAX: usize = MEMORY_BYTES_DEFAULT / 16;

/// A detector's state and rules.
pub(crate) trait State: Sync + Send + std::fmt::Debug {
    /// What it is, for people who wonder where the memory went.
    fn name(&self) -> &'static str;

    /// Takes in every row in order: first asks the rules about it, then remembers it.
    fn pass(&mut self, view: &View<'_>, hits: &mut Hits);

    /// Drops what was logged at `cut_micros` or before: no later event sees it. What is remembered of the logged times
    /// of frames that were dated back is brought up to date.
    fn forget(&mut self, frames: &Frames, cut_micros: i64);

    /// The memory that the state holds.
    fn bytes(&self) -> usize;
}
