//! The projection's SQL, planned once and run over every range of every hour.
//!
//! The engine plans the SQL, evaluates its filters, arguments and measures, and adds up in its own accumulators. It is
//! spared what a range knows: which rows share a key, and which a filter looks at in vain. A filter over kind and
//! ruling is asked once a class of rows, and an aggregate is handed the classes that pass; one that no class passes is
//! a constant.

use std::{collections::HashMap, sync::Arc};

use clicktrail_log::schema;
use datafusion::{
    arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray, RecordBatch},
    common::DFSchema,
    datasource::empty::EmptyTable,
    execution::SessionState,
    logical_expr::{
        EmitTo, Expr, GroupsAccumulator, LogicalPlan, expr::AggregateFunction,
        physical_planning_context::PhysicalPlanningContext,
    },
    physical_expr::{
        GroupsAccumulatorAdapter,
        aggregate::{AggregateFunctionExpr, LoweredAggregateBuilder},
    },
};
use tokio::sync::OnceCell;

use super::{
    by_key,
    classes::Class,
    codes::Coded,
    columns::{CLICKS, COUNTED, RULINGS},
    constants::Constants,
    terms::Term,
};
use crate::{
    counters::{
        code::SQL,
        rulings::rulings_schema,
        schema::{CODED, KEYS, conform},
    },
    error::Error,
    lint, session,
};

/// Aggregates that are the same in whichever order rows come: they come class by class.
const ORDERLESS: [&str; 10] =
    ["avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "count", "max", "min", "sum"];

/// The SQL's aggregates and measures.
#[derive(Debug)]
pub(super) struct Plan {
    /// What aggregates are handed, each once.
    arguments: Vec<Term>,
    filters: Vec<Term>,
    aggregates: Vec<Aggregate>,
    /// Of aggregates.
    measures: Vec<Term>,
    constants: Constants,
}

#[derive(Debug)]
struct Aggregate {
    function: AggregateFunctionExpr,
    /// Places in [`Plan::arguments`].
    arguments: Vec<usize>,
    /// The place in [`Plan::filters`].
    filter: Option<usize>,
    /// What it is of a key without a row that passes: one row.
    unseen: ArrayRef,
}

/// The plan of [`SQL`], made when it is first asked for.
///
/// # Errors
/// As [`Plan::new`].
pub(super) async fn of_counters() -> Result<Arc<Plan>, Error> {
    static PLAN: OnceCell<Arc<Plan>> = OnceCell::const_new();
    PLAN.get_or_try_init(async || Plan::new(SQL).await.map(Arc::new)).await.cloned()
}

/// The analyzed plan of some SQL: nothing in it is moved yet, and every type fits.
///
/// # Errors
/// [`Error::Refused`] if the SQL fails the lint; as the engine reports.
pub(super) async fn analyzed(sql: &str) -> Result<(SessionState, LogicalPlan), Error> {
    let session = session::session(session::Limits::default())?;
    session.register_table(CLICKS, Arc::new(EmptyTable::new(schema::core())))?;
    session.register_table(RULINGS, Arc::new(EmptyTable::new(rulings_schema())))?;
    let (state, plan) = session.sql(sql).await?.into_parts();
    lint::check(&plan)?;
    let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?;
    Ok((state, plan))
}

impl Plan {
    /// Plans some SQL.
    ///
    /// # Errors
    /// [`Error::Refused`] if the SQL has other keys, counts by what a range does not hand over, or by the order of its
    /// rows; as the engine reports.
    pub(super) async fn new(sql: &str) -> Result<Self, Error> {
        let (state, plan) = analyzed(sql).await?;
        let counted = by_key::dissect(&plan)?;
        let input = COUNTED.iter().filter_map(|name| {
            let (table, field) = counted.input.qualified_field_with_unqualified_name(name).ok()?;
            Some((table.cloned(), Arc::clone(field)))
        });
        let mut planning = Planning {
            input: DFSchema::new_with_metadata(input.collect(), HashMap::new())?,
            state,
            arguments: Terms::default(),
            filters: Terms::default(),
        };
        let aggregates =
            counted.aggregates.iter().map(|function| planning.aggregate(function)).collect::<Result<_, _>>()?;
        let grouped = counted.grouped.iter().skip(KEYS.len());
        let grouped = grouped.map(|(table, field)| (table.cloned(), Arc::clone(field))).collect();
        let grouped = DFSchema::new_with_metadata(grouped, HashMap::new())?;
        let measure = |measure: &Expr| Term::new(measure, &grouped, &planning.state);
        let measures = counted.measures.iter().map(measure).collect::<Result<_, _>>()?;
        let (arguments, filters) = (planning.arguments.terms, planning.filters.terms);
        Ok(Self { arguments, filters, aggregates, measures, constants: Constants::default() })
    }

    /// The counts of a range, in [`CODED`] columns, one row a key and in the order of the keys.
    ///
    /// # Errors
    /// As the engine reports.
    pub(super) fn run(&self, range: &Coded) -> Result<RecordBatch, Error> {
        let (results, keys) = (self.aggregate(range)?, range.key_count());
        let mut columns = range.keys.clone();
        for measure in &self.measures {
            let unseen = |aggregate: usize| Arc::clone(&self.aggregates[aggregate].unseen);
            let is_constant = measure.columns().iter().all(|aggregate| results[*aggregate].is_none());
            columns.push(if is_constant {
                self.constants.column(&measure.evaluate(1, |aggregate| Ok(unseen(aggregate)))?, keys)?
            } else {
                measure.evaluate(keys, |aggregate| match &results[aggregate] {
                    Some(result) => Ok(Arc::clone(result)),
                    None => self.constants.column(&unseen(aggregate), keys),
                })?
            });
        }
        conform(&columns, &CODED)
    }

    /// The aggregates of every key; `None` where no row passes.
    fn aggregate(&self, range: &Coded) -> Result<Vec<Option<ArrayRef>>, Error> {
        let mut accumulators: Vec<Option<Box<dyn GroupsAccumulator>>> = Vec::new();
        accumulators.resize_with(self.aggregates.len(), || None);
        for class in &range.classes {
            let all = BooleanArray::from(vec![true; class.keys.len()]);
            let filters = self.filters.iter().map(|filter| passing(filter, range, class, &all));
            let filters: Vec<Option<BooleanArray>> = filters.collect::<Result<_, _>>()?;
            let mut arguments: Vec<Option<ArrayRef>> = vec![None; self.arguments.len()];
            for (aggregate, accumulator) in self.aggregates.iter().zip(&mut accumulators) {
                let Some(passing) = aggregate.filter.map_or(Some(&all), |filter| filters[filter].as_ref()) else {
                    continue;
                };
                let mut values = Vec::with_capacity(aggregate.arguments.len());
                for argument in &aggregate.arguments {
                    let value = match arguments[*argument].take() {
                        Some(value) => value,
                        None => {
                            let rows = class.keys.len();
                            self.arguments[*argument].evaluate(rows, |column| range.column(class, column))?
                        }
                    };
                    values.push(Arc::clone(&value));
                    arguments[*argument] = Some(value);
                }
                let accumulator = match accumulator {
                    Some(accumulator) => accumulator,
                    None => accumulator.insert(aggregate.accumulator()?),
                };
                // A filter even if all pass: without one, the engine takes it that every key has a row among these.
                accumulator.update_batch(&values, &class.keys, Some(passing), range.key_count())?;
            }
        }
        let evaluate = |accumulator: Option<Box<dyn GroupsAccumulator>>| {
            accumulator.map(|mut accumulator| accumulator.evaluate(EmitTo::All)).transpose()
        };
        Ok(accumulators.into_iter().map(evaluate).collect::<Result<_, _>>()?)
    }
}

impl Aggregate {
    fn accumulator(&self) -> Result<Box<dyn GroupsAccumulator>, Error> {
        if self.function.groups_accumulator_supported() {
            return Ok(self.function.create_groups_accumulator()?);
        }
        let function = self.function.clone();
        Ok(Box::new(GroupsAccumulatorAdapter::new(move || function.create_accumulator())))
    }
}

/// Which rows of a class pass a filter; `None` if no row does.
fn passing(filter: &Term, range: &Coded, class: &Class, all: &BooleanArray) -> Result<Option<BooleanArray>, Error> {
    if filter.columns().iter().all(|column| Class::is_of_class(*column)) {
        let passes = filter.evaluate(1, |column| Ok(class.value(column)))?;
        let passes = passes.as_boolean();
        return Ok((passes.is_valid(0) && passes.value(0)).then(|| all.clone()));
    }
    let passes = filter.evaluate(class.keys.len(), |column| range.column(class, column))?;
    Ok(Some(passes.as_boolean().clone()))
}

/// A plan in the making.
struct Planning {
    /// The columns of [`COUNTED`], as the SQL's plan knows them.
    input: DFSchema,
    state: SessionState,
    arguments: Terms,
    filters: Terms,
}

/// Different expressions.
#[derive(Default)]
struct Terms {
    exprs: Vec<Expr>,
    terms: Vec<Term>,
}

impl Terms {
    /// The place of an expression, which is added if it is new.
    fn place(&mut self, expr: &Expr, input: &DFSchema, state: &SessionState) -> Result<usize, Error> {
        if let Some(known) = self.exprs.iter().position(|known| known == expr) {
            return Ok(known);
        }
        self.terms.push(Term::new(expr, input, state)?);
        self.exprs.push(expr.clone());
        Ok(self.exprs.len() - 1)
    }
}

impl Planning {
    fn aggregate(&mut self, function: &AggregateFunction) -> Result<Aggregate, Error> {
        let Self { input, state, arguments, filters } = self;
        let params = &function.params;
        let arguments = params.args.iter().map(|argument| arguments.place(argument, input, state));
        let arguments = arguments.collect::<Result<_, _>>()?;
        let filter = params.filter.as_deref().map(|filter| filters.place(filter, input, state)).transpose()?;
        let expr = Expr::AggregateFunction(function.clone());
        let context = PhysicalPlanningContext::default();
        let lowered =
            LoweredAggregateBuilder::new(&expr, input, input.as_arrow(), state.execution_props(), &context).build()?;
        let function = lowered.aggregate.as_ref().clone();
        if !lowered.order_bys.is_empty() || !ORDERLESS.contains(&function.fun().name()) {
            let known = ORDERLESS.join(", ");
            return Err(Error::Refused(format!("a sealed hour counts by {known}, which need no order; {expr} does")));
        }
        let unseen = function.default_value(function.field().data_type())?.to_array()?;
        Ok(Aggregate { function, arguments, filter, unseen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sql_that_counts_by_what_is_not_handed_over_is_refused() {
        for (said, instead) in [
            ("c.kind = 'prefetch'", "c.kind = 'prefetch' AND c.country = 'DE'"),
            ("c.kind = 'prefetch'", "date_trunc('hour', c.event_time) = c.event_time"),
            ("COUNT(*) FILTER (WHERE c.kind = 'prefetch')", "COUNT(DISTINCT c.user_id)"),
            ("COUNT(*) FILTER (WHERE c.kind = 'prefetch')", "FIRST_VALUE(c.price_micros)"),
            ("COUNT(*) FILTER (WHERE c.kind = 'prefetch')", "ANY_VALUE(c.price_micros)"),
            ("COUNT(*) FILTER (WHERE c.kind = 'prefetch')", "FIRST_VALUE(c.price_micros ORDER BY c.kind)"),
        ] {
            assert!(SQL.contains(said), "{said}");
            let refused = Plan::new(&SQL.replace(said, instead)).await.err();
            assert!(matches!(refused, Some(Error::Refused(_))), "{instead}: {refused:?}");
        }
    }

    /// If this fails, the engine has to look at every row for every filter: counting stays right, and gets slow.
    #[tokio::test]
    async fn filters_are_asked_once_a_class() {
        let plan = of_counters().await.unwrap();
        let columns = |filter: &Term| filter.columns().iter().all(|column| Class::is_of_class(*column));
        assert!(!plan.filters.is_empty() && plan.filters.iter().all(columns));
    }
}
