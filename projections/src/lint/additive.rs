//! Above the sums: the output's columns are what is grouped by, and sums of sums.

use datafusion::{
    common::{
        Column,
        tree_node::{Transformed, TreeNode as _},
    },
    logical_expr::{Aggregate, Expr, LogicalPlan, Operator},
    scalar::ScalarValue,
};

use super::refusal::{clause, refused, shown};
use crate::error::Error;

/// The output of a plan, over its one GROUP BY.
#[derive(Debug)]
pub(super) struct Output<'a> {
    /// Name and expression, over the columns of `aggregate`.
    pub(super) columns: Vec<(String, Expr)>,
    pub(super) aggregate: &'a Aggregate,
}

/// Finds the GROUP BY, and what the output makes of it.
///
/// # Errors
/// [`Error::Refused`] if there is none, or something else than a SELECT is above it.
pub(super) fn output(plan: &LogicalPlan) -> Result<Output<'_>, Error> {
    let (exprs, aggregate) = above(plan)?;
    let names = plan.schema().fields().iter().map(|field| field.name().clone());
    Ok(Output { columns: names.zip(exprs).collect(), aggregate })
}

fn above(plan: &LogicalPlan) -> Result<(Vec<Expr>, &Aggregate), Error> {
    match plan {
        LogicalPlan::Aggregate(aggregate) => {
            let is_set = |expr: &Expr| matches!(expr, Expr::GroupingSet(_));
            if aggregate.group_expr.iter().any(is_set) {
                let what = "ROLLUP, CUBE and GROUPING SETS give rows that must not be added up: group by the key alone";
                return Err(refused("GROUP BY", what));
            }
            let columns = aggregate.schema.columns().into_iter().map(Expr::Column).collect();
            Ok((columns, aggregate))
        }
        LogicalPlan::Sort(sort) => above(&sort.input),
        LogicalPlan::SubqueryAlias(alias) => above(&alias.input),
        LogicalPlan::Projection(projection) => {
            let (below, aggregate) = above(&projection.input)?;
            let schema = projection.input.schema();
            let substitute = |expr: &Expr| {
                let replaced = expr.clone().transform(|expr| match &expr {
                    Expr::Column(column) => match schema.maybe_index_of_column(column) {
                        Some(index) => Ok(Transformed::yes(below[index].clone())),
                        None => Ok(Transformed::no(expr)),
                    },
                    _ => Ok(Transformed::no(expr)),
                });
                replaced.map(|replaced| replaced.data)
            };
            Ok((projection.expr.iter().map(substitute).collect::<Result<_, _>>()?, aggregate))
        }
        LogicalPlan::Filter(_) => {
            let what = "it looks at sums that are not complete, because the rest may be in another frame or hour: take \
                        it away, and filter what is asked of the projection";
            Err(refused("HAVING", what))
        }
        LogicalPlan::TableScan(_) | LogicalPlan::Join(_) => {
            let what = "there is none: a projection is SELECT key, COUNT(…), SUM(…) FROM … GROUP BY key";
            Err(refused("GROUP BY", what))
        }
        other => {
            let what = "this stands above the GROUP BY, where a projection only names its columns: take it away";
            Err(refused(clause(other), what))
        }
    }
}

impl Output<'_> {
    /// Which expression of the GROUP BY a column is, unchanged.
    pub(super) fn group(&self, expr: &Expr) -> Option<usize> {
        let index = self.index(expr)?;
        (index < self.aggregate.group_expr.len()).then_some(index)
    }

    /// The aggregate that an expression is, if it is one alone.
    fn measured(&self, expr: &Expr) -> Option<&Expr> {
        let index = self.index(expr)?;
        self.aggregate.aggr_expr.get(index.checked_sub(self.aggregate.group_expr.len())?)
    }

    fn index(&self, expr: &Expr) -> Option<usize> {
        match super::origin::bare(expr) {
            Expr::Column(column) => self.index_of(&column),
            _ => None,
        }
    }

    fn index_of(&self, column: &Column) -> Option<usize> {
        self.aggregate.schema.maybe_index_of_column(column)
    }

    /// The counts and sums that a measure is made of, if they are only added, subtracted, cast, or zero for null.
    ///
    /// # Errors
    /// [`Error::Refused`] naming the column.
    pub(super) fn sums<'b>(&'b self, name: &str, expr: &Expr) -> Result<Vec<&'b Expr>, Error> {
        let mut found = Vec::new();
        let is_additive = self.collect(expr, &mut found);
        if is_additive && !found.is_empty() {
            return Ok(found);
        }
        let instead = "calculate within SUM(…), or when it is asked";
        let what = format!("{} is not a sum of counts and sums, so it cannot be added up: {instead}", shown(expr));
        Err(refused(&format!("column {name}"), what))
    }

    fn collect<'b>(&'b self, expr: &Expr, found: &mut Vec<&'b Expr>) -> bool {
        if let Some(measure) = self.measured(expr) {
            found.push(measure);
            return true;
        }
        match expr {
            Expr::Alias(alias) => self.collect(&alias.expr, found),
            Expr::Cast(cast) => self.collect(&cast.expr, found),
            Expr::Negative(inner) => self.collect(inner, found),
            Expr::BinaryExpr(binary) => {
                matches!(binary.op, Operator::Plus | Operator::Minus)
                    && self.collect(&binary.left, found)
                    && self.collect(&binary.right, found)
            }
            Expr::ScalarFunction(call) if call.name() == "coalesce" => match call.args.as_slice() {
                [sum, zero] => is_zero(zero) && self.collect(sum, found),
                _ => false,
            },
            _ => false,
        }
    }
}

fn is_zero(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(value, _) => {
            matches!(value, ScalarValue::Int64(Some(0)) | ScalarValue::Decimal128(Some(0), _, _))
        }
        Expr::Cast(cast) => is_zero(&cast.expr),
        _ => false,
    }
}
