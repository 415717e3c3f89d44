//! What could give another answer the next time: clocks, randomness, the order in which rows are read, and floating
//! point, whose sums depend on that order (invariant I12).

use datafusion::{
    arrow::datatypes::DataType,
    common::tree_node::{TreeNode as _, TreeNodeRecursion},
    logical_expr::{
        Expr, ExprSchemable as _, LogicalPlan, Volatility,
        expr::{AggregateFunction, WindowFunction},
    },
};

use super::refusal::{clause, refused, shown};
use crate::error::Error;

/// Walks a plan, subqueries included.
///
/// # Errors
/// [`Error::Refused`] naming the function or expression, and what to do instead.
pub fn check(plan: &LogicalPlan) -> Result<(), Error> {
    // A function that is refused for what it is mostly gives a float too, which says less.
    first(plan, |expr, _| function(expr))?;
    first(plan, float)?;
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        found = found.take().or_else(|| dropped_rows(node).map(|what| refused(clause(node), what)));
        Ok(TreeNodeRecursion::Continue)
    })?;
    found.map_or(Ok(()), Err)
}

/// The first expression that `refuse` has something to say about.
fn first(plan: &LogicalPlan, refuse: impl Fn(&Expr, &[&LogicalPlan]) -> Option<String>) -> Result<(), Error> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        let inputs = node.inputs();
        node.apply_expressions(|root| {
            root.apply(|expr| {
                let refusal = || refuse(expr, &inputs).map(|what| refused(&place(plan, node, root), what));
                found = found.take().or_else(refusal);
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    found.map_or(Ok(()), Err)
}

/// Where an expression stands: the column of the output that it makes, else the clause.
fn place(plan: &LogicalPlan, node: &LogicalPlan, root: &Expr) -> String {
    let name = match (node, root) {
        (LogicalPlan::Projection(_), Expr::Alias(alias)) => Some(alias.name.clone()),
        (LogicalPlan::Aggregate(_), _) => column_of(plan, &root.schema_name().to_string()),
        _ => None,
    };
    name.map_or_else(|| clause(node).to_owned(), |name| format!("column {name}"))
}

/// The output column that shows what is computed under `name` below it.
fn column_of(plan: &LogicalPlan, name: &str) -> Option<String> {
    let projection = match plan {
        LogicalPlan::Projection(projection) => projection,
        LogicalPlan::Sort(sort) => return column_of(&sort.input, name),
        _ => return None,
    };
    let shows = |expr: &&Expr| expr.column_refs().iter().any(|column| column.name == name);
    projection.expr.iter().find(shows).map(|expr| expr.schema_name().to_string())
}

/// Functions whose work or result is as large as an argument says, whatever the event: one row could take all memory.
const UNBOUNDED: [&str; 12] = [
    "repeat",
    "lpad",
    "rpad",
    "range",
    "generate_series",
    "array_resize",
    "array_repeat",
    "regexp_like",
    "regexp_match",
    "regexp_replace",
    "regexp_count",
    "regexp_instr",
];
/// Functions that say something about the engine, not about the event.
const OF_THE_ENGINE: [&str; 3] = ["version", "arrow_typeof", "arrow_metadata"];

fn function(expr: &Expr) -> Option<String> {
    if let Expr::ScalarFunction(call) = expr {
        let name = call.func.name();
        if UNBOUNDED.contains(&name) {
            let instead = "compare whole values, or use LIKE, strpos, left, right or substr";
            return Some(format!("{} may take any amount of memory or time: {instead}", shown(expr)));
        }
        if OF_THE_ENGINE.contains(&name) {
            return Some(format!("{} tells of the engine, not of the event: write the value", shown(expr)));
        }
    }
    let volatility = match expr {
        Expr::ScalarFunction(call) => call.func.signature().volatility,
        Expr::HigherOrderFunction(call) => call.func.signature().volatility,
        Expr::AggregateFunction(call) => return aggregate(expr, call),
        Expr::WindowFunction(call) => return Some(window(expr, call)),
        Expr::Placeholder(_) | Expr::ScalarVariable(_, _) => {
            return Some(format!("{} has its value from elsewhere: write the value", shown(expr)));
        }
        _ => return None,
    };
    let instead = match volatility {
        Volatility::Immutable => return None,
        Volatility::Stable => "take a time of the event's own: event_time, captured_at or logged_at",
        Volatility::Volatile => "take what differs from the event's own columns: event_id or position",
    };
    Some(format!("{} gives another answer the next time: {instead}", shown(expr)))
}

fn aggregate(expr: &Expr, call: &AggregateFunction) -> Option<String> {
    const ORDERED: [&str; 6] = ["first_value", "last_value", "nth_value", "any_value", "array_agg", "string_agg"];
    let (name, call_shown) = (call.func.name(), shown(expr));
    let params = &call.params;
    if ORDERED.contains(&name) {
        let why = match params.order_by.is_empty() {
            true => "has no ORDER BY, so it depends on the order in which rows are read",
            false => "cannot be added up",
        };
        let instead = "make the column part of the key; or ask for single events with `verdicts query`, ordered by \
                       position, which no two events share";
        return Some(format!("{call_shown} {why}: {instead}"));
    }
    if name.starts_with("approx_") {
        let instead = "COUNT(*) or SUM(…) of what is exact";
        return Some(format!("{call_shown} is approximate and depends on the order of the rows: use {instead}"));
    }
    if matches!(name, "avg" | "mean") {
        return Some(format!("{call_shown} cannot be added up: keep SUM(…) and COUNT(…), and divide when it is asked"));
    }
    if !matches!(name, "sum" | "count") {
        let instead = "a projection counts and sums, so that its rows can be added up; use COUNT(…) or SUM(…), or \
                       make the column part of the key";
        return Some(format!("{call_shown} is no count and no sum: {instead}"));
    }
    if params.distinct {
        let instead = "make the column part of the key, and count its rows when it is asked";
        return Some(format!("{call_shown}, being DISTINCT, cannot be added up over frames and hours: {instead}"));
    }
    if call.func.signature().volatility != Volatility::Immutable {
        return Some(format!("{call_shown} gives another answer the next time: use COUNT(…) or SUM(…)"));
    }
    None
}

fn window(expr: &Expr, call: &WindowFunction) -> String {
    let is_position = |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == "position");
    let is_total = call.params.order_by.iter().any(|order| is_position(&order.expr));
    let why = match is_total {
        false => "has no ORDER BY position, so it depends on the order in which rows are read",
        true => "looks at other rows, which may be in another frame or hour",
    };
    let instead = "a projection looks at each event by itself: what depends on other events is for a rule of the judge";
    format!("{} {why}: {instead}", shown(expr))
}

fn float(expr: &Expr, inputs: &[&LogicalPlan]) -> Option<String> {
    let is_float =
        |data_type: &DataType| matches!(data_type, DataType::Float16 | DataType::Float32 | DataType::Float64);
    let mut types = inputs.iter().filter_map(|input| expr.get_type(input.schema()).ok());
    types.any(|data_type| is_float(&data_type)).then(|| {
        let instead = "calculate in whole micros (2500000 for 2.5), or CAST(… AS DECIMAL(38, 0))";
        format!("{} is a floating-point number, whose sums depend on their order: {instead}", shown(expr))
    })
}

/// Rows that a node leaves out: which ones, depends on the order.
fn dropped_rows(node: &LogicalPlan) -> Option<String> {
    let what = match node {
        LogicalPlan::Limit(_) => "LIMIT",
        LogicalPlan::Sort(sort) if sort.fetch.is_some() => "LIMIT",
        LogicalPlan::Distinct(datafusion::logical_expr::Distinct::On(_)) => "DISTINCT ON",
        _ => return None,
    };
    let why = "leaves out rows, and which ones depends on the order in which they are read";
    Some(format!("{what} {why}: take it away, and limit what is asked of the projection"))
}
