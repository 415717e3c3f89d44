//! The projection's SQL, planned once for an hour and executed for every range.
//!
//! The plan's `clicks` are whatever range the execution brings along. They are in the order of their keys and the
//! engine is told so, so a range is one streaming aggregation: no repartitioning, no second phase, no sort, no spill.

use std::sync::Arc;

use async_trait::async_trait;
use clicktrail_log::schema;
use datafusion::{
    arrow::{
        array::{AsArray as _, RecordBatch},
        datatypes::{SchemaRef, UInt32Type},
    },
    catalog::{Session, TableProvider},
    datasource::TableType,
    error::{DataFusionError, Result as DataFusionResult},
    execution::{TaskContext, context::SessionContext},
    logical_expr::Expr,
    physical_expr::{LexOrdering, PhysicalSortExpr, expressions},
    physical_plan::{
        ExecutionPlan, SendableRecordBatchStream, execute_stream,
        joins::HashJoinExec,
        stream::RecordBatchStreamAdapter,
        streaming::{PartitionStream, StreamingTableExec},
    },
};
use futures::{TryStreamExt as _, stream};

use super::{
    by_key,
    codes::Coded,
    columns::{self, CLICKS},
};
use crate::{
    counters::{
        code::SQL,
        schema::{CODED, conform},
    },
    error::Error,
    lint, session,
};

/// Rows that the engine gets at a time: its group table then stays small.
const BATCH_ROWS: usize = 8_192;

/// A plan of the counters over coded ranges.
pub(super) struct Plan {
    physical: Arc<dyn ExecutionPlan>,
    session: SessionContext,
    /// Whether the rows need their positions.
    pub(super) with_position: bool,
}

impl Plan {
    /// Plans the SQL against the rulings of the hour.
    ///
    /// # Errors
    /// [`Error::Refused`] if the SQL has other keys, or counts by what a range does not hand over; as the engine
    /// reports.
    pub(super) async fn new(rulings: Arc<dyn TableProvider>, limits: session::Limits) -> Result<Self, Error> {
        let session = session::session(session::Limits { threads: 1, ..limits })?;
        session.register_table(CLICKS, Arc::new(RangeTable))?;
        session.register_table("rulings", rulings)?;
        Self::of(SQL, session).await
    }

    async fn of(sql: &str, session: SessionContext) -> Result<Self, Error> {
        let frame = session.sql(sql).await?;
        lint::check(frame.logical_plan())?;
        let physical = session.state().create_physical_plan(&by_key::rewrite(frame.logical_plan())?).await?;
        if keeps_clicks(&physical) {
            return Err(Error::Refused("the plan would keep the clicks of one range for all others".to_owned()));
        }
        let wanted = clicks(&physical).map(|clicks| clicks.schema()).unwrap_or_else(|| columns::handed(false));
        let handed = columns::handed(true);
        if let Some(other) = wanted.fields().iter().find(|field| handed.column_with_name(field.name()).is_none()) {
            return Err(Error::Refused(format!(
                "a sealed hour cannot count by {}: it is in the key alone",
                other.name()
            )));
        }
        // Without rulings the planner leaves the join out.
        let with_position = wanted.column_with_name(schema::POSITION).is_some();
        Ok(Self { physical, session, with_position })
    }

    /// The counts of a range, in [`CODED`] columns and in the order of the keys.
    ///
    /// # Errors
    /// As the engine reports.
    pub(super) async fn run(&self, range: Coded) -> Result<Vec<RecordBatch>, Error> {
        let range = Arc::new(range);
        let config = self.session.copied_config().with_extension(Arc::clone(&range));
        let context = TaskContext::default().with_session_config(config).with_runtime(self.session.runtime_env());
        let batches: Vec<RecordBatch> =
            execute_stream(Arc::clone(&self.physical), Arc::new(context))?.try_collect().await?;
        batches.iter().map(|batch| with_keys(batch, &range)).collect()
    }
}

/// The scan of the clicks in a plan.
fn clicks(plan: &Arc<dyn ExecutionPlan>) -> Option<&Arc<dyn ExecutionPlan>> {
    let is_clicks = plan.downcast_ref::<StreamingTableExec>().is_some();
    if is_clicks { Some(plan) } else { plan.children().into_iter().find_map(clicks) }
}

/// Whether the clicks are on the side of a join that is read once and kept for every later execution: that is right
/// for the rulings alone.
fn keeps_clicks(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let kept = plan.downcast_ref::<HashJoinExec>().map(HashJoinExec::left);
    kept.is_some_and(|kept| clicks(kept).is_some()) || plan.children().into_iter().any(keeps_clicks)
}

/// The columns of the keys in place of their numbers.
fn with_keys(batch: &RecordBatch, range: &Coded) -> Result<RecordBatch, Error> {
    let mut columns = range.keys(batch.column(0).as_primitive::<UInt32Type>())?;
    columns.extend_from_slice(&batch.columns()[1..]);
    conform(&columns, &CODED)
}

/// The `clicks` of the range that the execution brings along.
#[derive(Debug)]
pub(super) struct RangeTable;

#[async_trait]
impl TableProvider for RangeTable {
    fn schema(&self) -> SchemaRef {
        columns::table()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema().project(columns)?),
            None => self.schema(),
        };
        let partition = Arc::new(Partition { schema: Arc::clone(&schema) });
        let order = order(&schema);
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![partition], None, order, false, limit)?))
    }
}

/// That of the keys' numbers; none if they are not wanted.
fn order(schema: &SchemaRef) -> Option<LexOrdering> {
    let key = expressions::col(columns::KEY, schema).ok()?;
    LexOrdering::new([PhysicalSortExpr::new_default(key)])
}

#[derive(Debug)]
struct Partition {
    /// What the query wants.
    schema: SchemaRef,
}

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = match context.session_config().get_extension::<Coded>() {
            Some(range) => batches(&range, &self.schema),
            None => Err(DataFusionError::Internal("the execution brings no range along".to_owned())),
        };
        let batches = batches.map_or_else(|error| vec![Err(error)], |batches| batches.into_iter().map(Ok).collect());
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::iter(batches)))
    }
}

fn batches(range: &Coded, schema: &SchemaRef) -> DataFusionResult<Vec<RecordBatch>> {
    let wanted: Vec<usize> =
        schema.fields().iter().map(|field| range.rows.schema().index_of(field.name())).collect::<Result<_, _>>()?;
    let rows = range.rows.project(&wanted)?;
    let starts = (0..rows.num_rows()).step_by(BATCH_ROWS);
    Ok(starts.map(|start| rows.slice(start, BATCH_ROWS.min(rows.num_rows() - start))).collect())
}

#[cfg(test)]
mod tests {
    use datafusion::{
        arrow::array::{ArrayRef, Int64Array, StringArray},
        physical_plan::displayable,
    };

    use super::*;
    use crate::counters;

    fn ruled() -> RecordBatch {
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from(vec![1])), Arc::new(StringArray::from(vec!["givt"]))];
        RecordBatch::try_new(counters::rulings_schema(), columns).unwrap()
    }

    async fn plan(rulings: Vec<RecordBatch>) -> String {
        let rulings = counters::rulings(rulings).unwrap();
        let plan = Plan::new(rulings, session::Limits::default()).await.unwrap();
        displayable(plan.physical.as_ref()).indent(false).to_string()
    }

    /// If this fails, the engine no longer sees that ranges come in order: counting stays right, and gets slow.
    #[tokio::test]
    async fn ranges_are_counted_as_they_come() {
        for (rulings, joins) in [(vec![], false), (vec![ruled()], true)] {
            let plan = plan(rulings).await;
            assert!(plan.contains("ordering_mode=Sorted") && !plan.contains("SortExec"), "{plan}");
            assert!(!plan.contains("Repartition"), "{plan}");
            assert_eq!(plan.contains("HashJoinExec: mode=CollectLeft, join_type=Right"), joins, "{plan}");
            assert_eq!(plan.contains("Join"), joins, "{plan}");
        }
    }

    #[tokio::test]
    async fn sql_that_counts_by_what_is_not_handed_over_is_refused() {
        for (said, instead) in [
            ("c.kind = 'prefetch'", "c.kind = 'prefetch' AND c.country = 'DE'"),
            ("c.kind = 'prefetch'", "date_trunc('hour', c.event_time) = c.event_time"),
            ("c.position = r.position", "c.position = r.position AND c.currency = r.category"),
        ] {
            let session = session::session(session::Limits::default()).unwrap();
            session.register_table(CLICKS, Arc::new(RangeTable)).unwrap();
            session.register_table("rulings", counters::rulings(vec![ruled()]).unwrap()).unwrap();
            assert!(SQL.contains(said), "{said}");
            let refused = Plan::of(&SQL.replace(said, instead), session).await.err();
            assert!(matches!(refused, Some(Error::Refused(_))), "{instead}: {refused:?}");
        }
    }
}
