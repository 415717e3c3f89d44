//! What a generation counts, or what counted when it was planned: whatever has come to count since, the same bytes.

use clicktrail_catalog::{Segment, generations::Generation};
use clicktrail_log::position::Position;
use clicktrail_projections::counters::{self, query};
use clicktrail_replay::{
    segment,
    standing::{self, Side},
};

use crate::{basis::Basis, counters::Answer, error::Error, pinned::Pinned, service::Service};

impl Service {
    /// The numbers of a generation's hours alone, from its own segments or from those that counted before it.
    ///
    /// # Errors
    /// As [`standing::of`]; a segment that is missing or damaged, by name.
    pub async fn counters_of(
        &self,
        question: &query::Question,
        generation: &Generation,
        side: Side,
    ) -> Result<Answer, Error> {
        let (segments, basis) = self.side(generation, side).await?;
        // A quiet hour's segment has no rows to read.
        let segments = segments.iter().filter(|(found, _)| found.rows > 0).map(|(found, _)| segment::file(found));
        let sources =
            query::Sources { archive: self.archive.clone(), segments: segments.collect(), partials: Vec::new() };
        let rows = query::ask(question, sources, self.limits).await?;
        Ok(Answer { rows, basis })
    }

    /// The segments of a side, each with the verdicts that it knows, and what an answer from them stands on. Nothing is
    /// missing of it, because a generation is what it is.
    pub(crate) async fn side(
        &self,
        generation: &Generation,
        side: Side,
    ) -> Result<(Vec<(Segment, Option<Position>)>, Basis), Error> {
        let segments = standing::of(&self.archive, self.catalog.as_ref(), generation, side).await?;
        let marks = self.catalog.marks(counters::NAME).await?;
        let pinned =
            Pinned::Generation { id: generation.id.clone(), side, hours: (generation.from, generation.to_inclusive) };
        let basis = Basis {
            marks,
            logged_through: None,
            missing: Vec::new(),
            stale: Vec::new(),
            hours_from: None,
            pinned: Some(pinned),
        };
        Ok((segments, basis))
    }
}
