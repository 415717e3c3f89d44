//! The projection's SQL, planned once for an hour and executed for every range.
//!
//! The plan's `clicks` are whatever range the execution brings along. They are in the order of the keys and the
//! engine is told so, so a range is one streaming aggregation: no repartitioning, no second phase, no sort, no spill.

use std::sync::Arc;

use async_trait::async_trait;
use clicktrail_log::schema;
use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch},
        compute::SortOptions,
        datatypes::SchemaRef,
    },
    catalog::{Session, TableProvider},
    common::{
        DFSchema,
        tree_node::{TreeNode as _, TreeNodeRecursion},
    },
    datasource::TableType,
    error::{DataFusionError, Result as DataFusionResult},
    execution::{TaskContext, context::SessionContext},
    logical_expr::{Expr, LogicalPlan, col, lit},
    physical_expr::{LexOrdering, PhysicalSortExpr},
    physical_plan::{
        ExecutionPlan, SendableRecordBatchStream, execute_stream,
        joins::HashJoinExec,
        stream::RecordBatchStreamAdapter,
        streaming::{PartitionStream, StreamingTableExec},
    },
};
use futures::{TryStreamExt as _, stream};

use super::{codes::Coded, columns};
use crate::{Error, counters, lint, session};

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
    /// [`Error::Refused`] if the SQL does with a text what a code cannot stand for; as the engine reports.
    pub(super) async fn new(rulings: Arc<dyn TableProvider>, limits: session::Limits) -> Result<Self, Error> {
        let session = session::session(session::Limits { threads: 1, ..limits })?;
        session.register_table("clicks", Arc::new(Ranges))?;
        session.register_table("rulings", rulings)?;
        let frame = session.sql(counters::SQL).await?;
        lint::check(frame.logical_plan())?;
        check_codes(frame.logical_plan())?;
        let physical = frame.create_physical_plan().await?;
        if keeps_clicks(&physical) {
            return Err(Error::Refused("the plan would keep the clicks of one range for all others".to_owned()));
        }
        let with_position = wants_position(&physical);
        Ok(Self { physical, session, with_position })
    }

    /// The counts of a range, in [`counters::schema`] columns and in the order of the keys.
    ///
    /// # Errors
    /// As the engine reports.
    pub(super) async fn run(&self, range: Coded) -> Result<Vec<RecordBatch>, Error> {
        let range = Arc::new(range);
        let config = self.session.copied_config().with_extension(Arc::clone(&range));
        let context = TaskContext::default().with_session_config(config).with_runtime(self.session.runtime_env());
        let batches: Vec<RecordBatch> =
            execute_stream(Arc::clone(&self.physical), Arc::new(context))?.try_collect().await?;
        batches.iter().map(|batch| decode(batch, &range)).collect()
    }
}

/// The scan of the clicks in a plan.
fn clicks(plan: &Arc<dyn ExecutionPlan>) -> Option<&Arc<dyn ExecutionPlan>> {
    let is_clicks = plan.downcast_ref::<StreamingTableExec>().is_some();
    if is_clicks { Some(plan) } else { plan.children().into_iter().find_map(clicks) }
}

/// Whether the clicks are joined: without rulings the planner leaves the join out.
fn wants_position(plan: &Arc<dyn ExecutionPlan>) -> bool {
    clicks(plan).is_some_and(|clicks| clicks.schema().column_with_name(schema::POSITION).is_some())
}

/// Whether the clicks are on the side of a join that is read once and kept for every later execution: that is right
/// for the rulings alone.
fn keeps_clicks(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let kept = plan.downcast_ref::<HashJoinExec>().map(HashJoinExec::left);
    kept.is_some_and(|kept| clicks(kept).is_some()) || plan.children().into_iter().any(keeps_clicks)
}

/// Codes as their texts again.
fn decode(batch: &RecordBatch, range: &Coded) -> Result<RecordBatch, Error> {
    let schema = counters::schema();
    let column = |(index, column): (usize, &ArrayRef)| {
        let name = schema.field(index).name().as_str();
        match columns::TEXTS.iter().position(|text| *text == name) {
            Some(text) => range.texts(text, column),
            None => Ok(Arc::clone(column)),
        }
    };
    counters::conform(&batch.columns().iter().enumerate().map(column).collect::<Result<Vec<_>, _>>()?)
}

/// Refuses SQL that does more with a coded text than group, order and return it.
fn check_codes(plan: &LogicalPlan) -> Result<(), Error> {
    let mut refused = None;
    plan.apply_with_subqueries(|node| {
        let keeps_codes = matches!(
            node,
            LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Sort(_) | LogicalPlan::TableScan(_)
        );
        node.apply_expressions(|root| {
            root.apply(|expr| {
                let is_code = matches!(expr, Expr::Column(column) if columns::TEXTS.contains(&column.name.as_str()));
                let is_bare = std::ptr::eq(expr, root) || matches!(root, Expr::Alias(alias) if *alias.expr == *expr);
                if is_code && !(keeps_codes && is_bare) {
                    refused = Some(format!("{root} computes with {expr}, which a sealed hour holds as a code"));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    refused.map_or(Ok(()), |reason| Err(Error::Refused(reason)))
}

/// The `clicks` of the range that the execution brings along.
#[derive(Debug)]
struct Ranges;

#[async_trait]
impl TableProvider for Ranges {
    fn schema(&self) -> SchemaRef {
        columns::coded()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema().project(columns)?),
            None => self.schema(),
        };
        let partition = Arc::new(Partition { schema: Arc::clone(&schema) });
        let order = order(state, &schema)?;
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![partition], None, order, false, limit)?))
    }
}

/// The order of the keys, as the SQL spells them; none if not all of them are wanted.
fn order(state: &dyn Session, schema: &SchemaRef) -> DataFusionResult<Option<LexOrdering>> {
    let minute = state
        .scalar_functions()
        .get("date_trunc")
        .map(|function| function.call(vec![lit("minute"), col("event_time")]));
    let df_schema = DFSchema::try_from(Arc::clone(schema))?;
    let mut order = Vec::new();
    for key in counters::KEYS {
        let (expr, nulls_first) = match (key, &minute) {
            ("minute", Some(minute)) => (minute.clone(), false),
            (text, _) => (col(text), true),
        };
        let Ok(expr) = state.create_physical_expr(expr, &df_schema) else { return Ok(None) };
        order.push(PhysicalSortExpr::new(expr, SortOptions { descending: false, nulls_first }));
    }
    Ok(LexOrdering::new(order))
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
        arrow::array::{Int64Array, StringArray},
        physical_plan::displayable,
    };

    use super::*;

    async fn plan(rulings: Vec<RecordBatch>) -> String {
        let rulings = counters::rulings(rulings).unwrap();
        let plan = Plan::new(rulings, session::Limits::default()).await.unwrap();
        displayable(plan.physical.as_ref()).indent(false).to_string()
    }

    /// If this fails, the engine no longer sees that ranges come in order: counting stays right, and gets slow.
    #[tokio::test]
    async fn ranges_are_counted_as_they_come() {
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from(vec![1])), Arc::new(StringArray::from(vec!["givt"]))];
        let ruled = RecordBatch::try_new(counters::rulings_schema(), columns).unwrap();
        for (rulings, joins) in [(vec![], false), (vec![ruled], true)] {
            let plan = plan(rulings).await;
            assert!(plan.contains("ordering_mode=Sorted") && !plan.contains("SortExec"), "{plan}");
            assert!(!plan.contains("Repartition"), "{plan}");
            assert_eq!(plan.contains("HashJoinExec: mode=CollectLeft, join_type=Right"), joins, "{plan}");
            assert_eq!(plan.contains("Join"), joins, "{plan}");
        }
    }

    #[tokio::test]
    async fn sql_that_computes_with_a_coded_text_is_refused() {
        let session = session::session(session::Limits::default()).unwrap();
        session.register_table("clicks", Arc::new(Ranges)).unwrap();
        session.register_table("rulings", counters::no_rulings()).unwrap();
        for sql in [
            "SELECT COUNT(*) FROM clicks WHERE country = 'DE'",
            "SELECT COUNT(*) FILTER (WHERE country IS NULL) FROM clicks",
            "SELECT country || '' AS country, COUNT(*) FROM clicks GROUP BY 1",
            "SELECT COUNT(*) FROM clicks c JOIN rulings r ON r.category = c.country",
            "SELECT MAX(country) FROM clicks",
        ] {
            let Ok(frame) = session.sql(sql).await else { continue };
            assert!(check_codes(frame.logical_plan()).is_err(), "{sql}");
        }
        let frame =
            session.sql("SELECT country, COUNT(*) FROM clicks GROUP BY country ORDER BY country").await.unwrap();
        check_codes(frame.logical_plan()).unwrap();
    }
}
