//! Refuses SQL that is no projection: each refusal names the place and says what to do instead.
//!
//! - `statement`: one SELECT, of `clicks` and `rulings` alone;
//! - `repeatable`: what could give another answer the next time, and floating point (invariant I12);
//! - `rowwise`: below the sums every event is looked at by itself, once, with the ruling about it;
//! - `additive`: the key's columns are what is grouped by, and every measure is made of counts and sums;
//! - `columns`: names and types of what comes out.
//!
//! The last three are why ticks and hours may be counted by themselves and added up: for any cut of the log, the
//! projection of the whole is the sum of the projections of its pieces (I6, I8).

mod additive;
mod columns;
mod origin;
mod repeatable;
mod rowwise;
mod statement;
#[cfg(test)]
mod tests;

use datafusion::{
    arrow::datatypes::Field,
    logical_expr::{Expr, LogicalPlan},
    prelude::SessionContext,
};

pub(crate) use columns::Expected;
pub use repeatable::check;
pub(crate) use statement::{CLICKS, RULINGS};

use crate::error::Error;

/// Reads the SQL of a projection, in a session with empty tables [`CLICKS`] and [`RULINGS`].
///
/// # Errors
/// [`Error::Refused`], naming the place.
pub(crate) async fn projection(
    session: &SessionContext,
    sql: &str,
    expected: &Expected<'_>,
) -> Result<Vec<Field>, Error> {
    let plan = statement::plan(session, sql).await?;
    check(&plan)?;
    let output = additive::output(&plan)?;
    rowwise::check(&output.aggregate.input)?;
    let found = columns::check(&plan, &output, expected)?;
    // Types that only fit once the engine has put its casts in, and floats among them.
    let optimized = session.state().optimize(&plan).map_err(|error| statement::not_planned(&error))?;
    check(&optimized)?;
    Ok(found)
}

/// A refusal of one place.
fn refused(place: &str, what: impl std::fmt::Display) -> Error {
    Error::Refused(format!("{place}: {what}"))
}

/// Characters of an expression in a message.
const SHOWN_CHARS_MAX: usize = 160;

/// An expression as a message shows it.
fn shown(expr: &Expr) -> String {
    let text = expr.to_string();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What a plan is called in a message: the clause that makes it.
fn clause(plan: &LogicalPlan) -> &'static str {
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
