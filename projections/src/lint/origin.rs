//! Where a column comes from: the table and column behind aliases, subqueries and joins.

use datafusion::{
    common::Column,
    logical_expr::{Expr, LogicalPlan},
};

/// The table and its column that a column of `plan` is, unchanged.
pub(super) fn of(plan: &LogicalPlan, column: &Column) -> Option<(String, String)> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            plan.schema().maybe_index_of_column(column)?;
            Some((scan.table_name.table().to_owned(), column.name.clone()))
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let index = plan.schema().maybe_index_of_column(column)?;
            of(&alias.input, &Column::from(alias.input.schema().qualified_field(index)))
        }
        LogicalPlan::Projection(projection) => {
            let index = plan.schema().maybe_index_of_column(column)?;
            match bare(projection.expr.get(index)?) {
                Expr::Column(inner) => of(&projection.input, &inner),
                _ => None,
            }
        }
        LogicalPlan::Filter(filter) => of(&filter.input, column),
        LogicalPlan::Sort(sort) => of(&sort.input, column),
        LogicalPlan::Join(join) => {
            let side = |side: &LogicalPlan| side.schema().maybe_index_of_column(column).and_then(|_| of(side, column));
            side(&join.left).or_else(|| side(&join.right))
        }
        _ => None,
    }
}

/// Whether an expression is a column of a table, unchanged.
pub(super) fn is(plan: &LogicalPlan, expr: &Expr, table: &str, name: &str) -> bool {
    match bare(expr) {
        Expr::Column(column) => of(plan, &column).is_some_and(|found| found == (table.to_owned(), name.to_owned())),
        _ => false,
    }
}

/// An expression without its names.
pub(super) fn bare(expr: &Expr) -> Expr {
    expr.clone().unalias_nested().data
}
