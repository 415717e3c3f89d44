//! One SELECT, of the two tables that a manifest and the verdict log stand behind.

use datafusion::{
    error::DataFusionError,
    logical_expr::LogicalPlan,
    prelude::SessionContext,
    sql::{parser::Statement, sqlparser::ast},
};

use super::{refusal::refused, size};
use crate::error::Error;

/// The core columns of an hour's events.
pub(crate) const CLICKS: &str = "clicks";
/// What stands about them.
pub(crate) const RULINGS: &str = "rulings";
/// The plan of the SQL, as it was written.
pub(super) async fn plan(session: &SessionContext, sql: &str) -> Result<LogicalPlan, Error> {
    size::of_text(sql)?;
    let state = session.state();
    let dialect = &state.config().options().sql_parser.dialect;
    let statement = state.sql_to_statement(sql, dialect).map_err(|error| not_planned(&error))?;
    let is_query = match &statement {
        Statement::Statement(statement) => matches!(statement.as_ref(), ast::Statement::Query(_)),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Explain(_) | Statement::Reset(_) => false,
    };
    if !is_query {
        return Err(refused("the SQL", "it changes or explains something: a projection is one SELECT"));
    }
    size::of_statement(&statement)?;
    for table in state.resolve_table_references(&statement).map_err(|error| not_planned(&error))? {
        let is_known = table.schema().is_none() && [CLICKS, RULINGS].contains(&table.table());
        if !is_known {
            let what = format!(
                "table {table} is outside the manifest: a projection reads {CLICKS} (the core columns of an hour's \
                 events) and {RULINGS} alone; write small lists as CASE or IN (…)"
            );
            return Err(refused("FROM", what));
        }
    }
    state.statement_to_plan(statement).await.map_err(|error| not_planned(&error))
}

/// What the engine does not understand: names and types that it does not know, functions that are not built in.
pub(super) fn not_planned(error: &DataFusionError) -> Error {
    let reason = error.strip_backtrace();
    let what = format!(
        "it is not understood: {reason}. A projection uses the engine's built-in functions, and the columns of {CLICKS} \
         and {RULINGS} that docs/projections.md lists"
    );
    refused("the SQL", what)
}
