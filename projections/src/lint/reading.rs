//! Everything that is looked at before SQL is a projection, in order.

use datafusion::{arrow::datatypes::Field, prelude::SessionContext};

use super::{
    additive,
    columns::{self, Expected},
    repeatable::check,
    rowwise, statement,
};
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
