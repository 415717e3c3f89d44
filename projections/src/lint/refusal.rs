//! What a refusal says: the place, what is wrong there, and the expression.

use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::error::Error;

/// A refusal of one place.
pub(super) fn refused(place: &str, what: impl std::fmt::Display) -> Error {
    Error::Refused(format!("{place}: {what}"))
}

/// Characters of an expression in a message.
const SHOWN_CHARS_MAX: usize = 160;

/// An expression as a message shows it.
pub(super) fn shown(expr: &Expr) -> String {
    let text = expr.to_string();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What a plan is called in a message: the clause that makes it.
pub(super) fn clause(plan: &LogicalPlan) -> &'static str {
    match plan {
        LogicalPlan::Projection(_) => "SELECT",
        LogicalPlan::Filter(_) => "WHERE",
        LogicalPlan::Window(_) => "OVER",
        LogicalPlan::Aggregate(_) => "GROUP BY",
        LogicalPlan::Sort(_) => "ORDER BY",
        LogicalPlan::Join(_) => "JOIN",
        LogicalPlan::Union(_) => "UNION",
        LogicalPlan::Limit(_) => "LIMIT",
        LogicalPlan::Distinct(_) => "DISTINCT",
        LogicalPlan::Values(_) => "VALUES",
        LogicalPlan::Unnest(_) => "UNNEST",
        LogicalPlan::RecursiveQuery(_) => "WITH RECURSIVE",
        LogicalPlan::TableScan(_) | LogicalPlan::EmptyRelation(_) => "FROM",
        _ => "the SQL",
    }
}
