//! People's questions to any projection: its rows in a range of time, added up by columns of its key.

use std::sync::Arc;

use clicktrail_log::{
    archive::{Archive, manifest},
    time::Timestamp,
};
use datafusion::{
    arrow::array::RecordBatch,
    datasource::MemTable,
    logical_expr::{Expr, ident, lit},
    scalar::ScalarValue,
};

use super::definition::{Kind, Projection};
use crate::{clicks::CheckedFiles, counters::exact, error::Error, session, zone::Range};

/// One question.
#[derive(Debug, Clone)]
pub struct Question {
    /// Times, in whole units of the projection.
    pub range: Range,
    /// Columns of the key to group by, in the order of the answer: all of them if there is none. The currency is added
    /// if the key has it.
    pub by: Vec<String>,
}

/// What is read: checked segments, and rows that no segment holds yet.
#[derive(Debug)]
pub struct Sources {
    /// Where the segments are.
    pub archive: Archive,
    /// Segments of the projection.
    pub segments: Vec<manifest::File>,
    /// Rows of its columns.
    pub rows: Vec<RecordBatch>,
}

impl Projection {
    /// Answers a question: one row a group, in their order. There is always a batch, so that an answer without rows has
    /// columns too.
    ///
    /// # Errors
    /// [`Error::Argument`] naming a column that is not in the key, or a sum that is too large; otherwise as the archive
    /// or the engine report.
    pub async fn ask(
        &self,
        question: &Question,
        sources: Sources,
        limits: session::Limits,
    ) -> Result<Vec<RecordBatch>, Error> {
        let groups = self.groups(&question.by)?;
        let session = session::session(limits)?;
        let segments = CheckedFiles::new(sources.archive, sources.segments, self.schema(), limits.threads);
        let segments = session.read_table(Arc::new(segments))?;
        let rows = session.read_table(Arc::new(MemTable::try_new(self.schema(), vec![sources.rows])?))?;
        let sum = exact::function();
        let measures = self.measures().iter().map(|measure| sum.call(vec![ident(&measure.name)]).alias(&measure.name));
        let order = groups.iter().map(|group| group.clone().sort(true, true)).collect();
        let answer = segments
            .union(rows)?
            .filter(self.within(&question.range))?
            .aggregate(groups, measures.collect())?
            .sort(order)?;
        let columns = Arc::clone(answer.schema().inner());
        let mut rows = answer.collect().await?;
        if rows.is_empty() {
            rows.push(RecordBatch::new_empty(columns));
        }
        Ok(rows)
    }

    fn groups(&self, by: &[String]) -> Result<Vec<Expr>, Error> {
        let key = || self.key().iter().map(|field| field.name());
        let mut groups: Vec<&String> = if by.is_empty() { key().collect() } else { Vec::new() };
        for name in by {
            let Some(column) = key().find(|column| *column == name) else {
                let (projection, key) = (self.name(), key().cloned().collect::<Vec<_>>().join(", "));
                return Err(Error::Argument(format!("{name:?} is not in the key of {projection}: use {key}")));
            };
            if !groups.contains(&column) {
                groups.push(column);
            }
        }
        let has_sums = self.measures().iter().any(|measure| measure.kind == Kind::Sum);
        let currency = key().find(|column| has_sums && *column == "currency");
        groups.extend(currency.filter(|currency| !groups.contains(currency)));
        Ok(groups.into_iter().map(ident).collect())
    }

    /// The condition that a time is in a range.
    fn within(&self, range: &Range) -> Expr {
        let time = || ident(self.time());
        let at = |time: Timestamp| lit(ScalarValue::TimestampMicrosecond(Some(time.micros()), Some("UTC".into())));
        let piece = |(from, to): (Option<Timestamp>, Option<Timestamp>)| {
            let after = from.map_or_else(|| lit(true), |from| time().gt_eq(at(from)));
            let before = to.map_or_else(|| lit(true), |to| time().lt(at(to)));
            after.and(before)
        };
        range.pieces().map(piece).reduce(Expr::or).unwrap_or_else(|| lit(false))
    }
}
