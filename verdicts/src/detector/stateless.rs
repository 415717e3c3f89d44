//! What a detector does that looks at one event alone.
//!
//! These detectors come first. What they find says which events are *set aside*: an event that is invalid by what it
//! shows itself, as a declared robot is, and so never stands for a person in the state of the others.

use super::{hits::Hits, rows::Rows};

/// A detector that remembers no event.
pub(crate) trait Stateless: Sync + Send + std::fmt::Debug {
    /// What it is, for people who wonder where the memory went.
    fn name(&self) -> &'static str;

    /// Asks the rules about every row.
    fn pass(&mut self, rows: &Rows<'_>, hits: &mut Hits);

    /// The memory that its cache holds.
    fn bytes(&self) -> usize;
}
