//! Refuses SQL that could give another answer the next time: volatile functions (invariant I12), and floats
//! anywhere near money.

use datafusion::{
    arrow::datatypes::DataType,
    common::tree_node::{TreeNode as _, TreeNodeRecursion},
    logical_expr::{Expr, ExprSchemable as _, LogicalPlan, Volatility},
};

use crate::error::Error;

/// Walks a logical plan.
///
/// # Errors
/// [`Error::Refused`] naming the function or expression.
pub fn check(plan: &LogicalPlan) -> Result<(), Error> {
    let mut refused = None;
    plan.apply_with_subqueries(|node| {
        let inputs = node.inputs();
        node.apply_expressions(|root| {
            root.apply(|expr| {
                refused = refused.take().or_else(|| refuse(expr, &inputs));
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    refused.map_or(Ok(()), |reason| Err(Error::Refused(reason)))
}

fn refuse(expr: &Expr, inputs: &[&LogicalPlan]) -> Option<String> {
    let volatility = match expr {
        Expr::ScalarFunction(call) => Some(call.func.signature().volatility),
        Expr::AggregateFunction(call) => Some(call.func.signature().volatility),
        _ => None,
    };
    if volatility.is_some_and(|volatility| volatility != Volatility::Immutable) {
        return Some(format!("{expr} may give another answer each time"));
    }
    let is_float =
        |data_type: &DataType| matches!(data_type, DataType::Float16 | DataType::Float32 | DataType::Float64);
    let types = inputs.iter().filter_map(|input| expr.get_type(input.schema()).ok());
    if types.into_iter().any(|data_type| is_float(&data_type)) {
        return Some(format!("{expr} is a floating-point number: sums of them depend on their order"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{counters, session};

    async fn check_sql(sql: &str) -> Result<(), Error> {
        let session = session::session(session::Limits::default()).unwrap();
        session.register_table("rulings", counters::no_rulings()).unwrap();
        let frame = session.sql(sql).await.unwrap();
        check(frame.logical_plan())
    }

    #[tokio::test]
    async fn volatile_and_floating_sql_is_refused() {
        assert!(check_sql("SELECT position, now() FROM rulings").await.is_err());
        assert!(check_sql("SELECT position FROM rulings WHERE position > random()").await.is_err());
        assert!(check_sql("SELECT SUM(CAST(position AS DOUBLE)) FROM rulings").await.is_err());
        assert!(check_sql("SELECT AVG(position) FROM rulings").await.is_err());
        check_sql("SELECT category, SUM(CAST(position AS DECIMAL(38, 0))) FROM rulings GROUP BY category")
            .await
            .unwrap();
    }
}
