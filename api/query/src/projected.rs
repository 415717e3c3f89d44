//! Any projection's rows: those that count, as counters count them.

use clicktrail_projections::{Projection, projection::query};
use clicktrail_replay::segment;

use crate::{counters::Answer, error::Error, service::Service};

impl Service {
    /// The rows of a projection in a range, from sealed hours and from what is counted since.
    ///
    /// # Errors
    /// As log, catalog, archive and engine report.
    pub async fn projected(&self, projection: &Projection, question: &query::Question) -> Result<Answer, Error> {
        let tail = self.tail().await;
        let (found, from) = self.as_of().projected_sources(projection, &question.range).await?;
        let segments = found.segments.iter().map(segment::file).collect();
        let sources = query::Sources { archive: self.archive.clone(), segments, rows: found.rows };
        let rows = projection.ask(question, sources, self.limits).await?;
        let mut basis = self.basis(tail, found.marks).await?;
        basis.hours_from = Some(from);
        Ok(Answer { rows, basis })
    }
}
