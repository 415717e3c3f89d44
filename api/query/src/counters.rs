//! How many and how much: the numbers that count, or those as of a verdict and a click.

use std::{collections::BTreeMap, sync::Arc};

use arrow::array::RecordBatch;
use clicktrail_catalog::{OpenRulings, StaleHour};
use clicktrail_log::time::Hour;
use clicktrail_projections::counters::{self, query};
use clicktrail_replay::{
    as_of::{self, AsOf},
    segment, stale,
};

use crate::{basis::Basis, error::Error, moment::At, service::Service};

/// An answer, and what it stands on.
#[derive(Debug)]
pub struct Answer {
    /// One row a bucket and group.
    pub rows: Vec<RecordBatch>,
    /// How far it goes, and what it does not hold.
    pub basis: Basis,
}

impl Service {
    /// The numbers that count: live segments, and what is counted since.
    ///
    /// # Errors
    /// As catalog, archive and engine report.
    pub async fn counters(&self, question: &query::Question) -> Result<Answer, Error> {
        let tail = self.tail().await;
        let (first, last) = (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2));
        let snapshot = self.catalog.snapshot(counters::NAME, first, last).await?;
        let mut partials = Vec::new();
        for partial in &snapshot.partials {
            partials.extend(counters::hot::decode(&partial.payload)?);
        }
        // A quiet hour's segment has no rows to read.
        let segments = snapshot.segments.iter().filter(|segment| segment.rows > 0).map(segment::file).collect();
        let sources = query::Sources { archive: self.archive.clone(), segments, partials };
        let rows = query::ask(question, sources, self.limits).await?;
        Ok(Answer { rows, basis: self.basis(tail, snapshot.marks).await? })
    }

    /// The numbers with the verdicts and clicks up to `at`, all by this program's code. Hours that have to be projected
    /// for it are kept in the archive, where the next such question finds them; they count for nothing else.
    ///
    /// # Errors
    /// [`Error::NoSuchVerdict`], [`Error::NoSuchClick`]; otherwise as logs, catalog, archive and engine report.
    pub async fn counters_as_of(&self, question: &query::Question, at: At) -> Result<Answer, Error> {
        let tail = self.tail().await;
        let bounds = self.bounds(at, &tail).await?;
        let found = self.as_of().sources(bounds.verdicts_before, bounds.clicks_before).await?;
        let segments = found.segments.iter().map(segment::file).collect();
        let sources = query::Sources { archive: self.archive.clone(), segments, partials: found.rows };
        let rows = query::ask(question, sources, self.limits).await?;
        Ok(Answer { rows, basis: self.basis(tail, found.marks).await?.pinned(bounds) })
    }

    /// What counts as of a moment.
    pub(crate) fn as_of(&self) -> AsOf {
        AsOf {
            clicks: Arc::clone(&self.clicks),
            archive: self.archive.clone(),
            catalog: Arc::clone(&self.catalog),
            history: self.history.clone(),
            limits: self.limits,
        }
    }

    /// Sealed hours that have verdicts newer than their numbers, after reading the verdict log to its end.
    ///
    /// # Errors
    /// As log, archive and catalog report.
    pub async fn stale_hours(&self) -> Result<BTreeMap<Hour, StaleHour>, Error> {
        stale::follow(&self.history, self.catalog.as_ref()).await?;
        Ok(as_of::stale_hours(self.catalog.as_ref(), counters::NAME).await?)
    }

    /// Rulings about what is not sealed yet, which the hour's numbers will not know. Asked behind
    /// [`stale_hours`](Self::stale_hours), which reads the verdict log to its end.
    ///
    /// # Errors
    /// As the catalog reports.
    pub async fn open_rulings(&self) -> Result<Option<OpenRulings>, Error> {
        Ok(self.catalog.open_rulings().await?)
    }
}
