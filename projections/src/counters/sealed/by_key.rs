//! The projection's SQL, grouped by the number of a key in place of its eight columns.
//!
//! A range knows the key of each of its rows before the engine sees it. So the engine is spared the columns: it counts
//! by one number, and the columns are put back behind it. What the SQL counts and sums is left as it is.

use datafusion::{
    common::Column,
    logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder, SortExpr},
    scalar::ScalarValue,
};

use super::columns;
use crate::{counters::schema::KEYS, error::Error};

/// The plan with rows of [`columns::KEY`] and the measures, in the order of the keys' numbers.
///
/// # Errors
/// [`Error::Refused`] unless the plan groups by exactly the columns of a key, returns them first, and orders by them as
/// they are numbered: ascending, nulls first.
pub(super) fn rewrite(plan: &LogicalPlan) -> Result<LogicalPlan, Error> {
    let Some((order, selected, aggregate)) = dissect(plan) else {
        return Err(Error::Refused("a sealed hour takes SQL of one GROUP BY and one ORDER BY".to_owned()));
    };
    if clicks_read(&aggregate.input) != Some(1) {
        return Err(Error::Refused("a sealed hour takes SQL that reads clicks once, and as they are".to_owned()));
    }
    let (groups, keys) = (&aggregate.group_expr, KEYS.len());
    let is_grouped = groups.len() == keys && groups.iter().zip(KEYS).all(|(expr, key)| is_key(expr, key));
    let grouped = |index: usize| Expr::Column(Column::from(aggregate.schema.qualified_field(index)));
    let returned = |index: usize| Expr::Column(Column::from(plan.schema().qualified_field(index)));
    let is_in_order = |index: usize, sort: &SortExpr| {
        let is_first = sort.nulls_first || !plan.schema().field(index).is_nullable();
        sort.expr == returned(index) && sort.asc && is_first
    };
    let all_keys_are = |holds: &dyn Fn(usize) -> bool| (0..keys).all(holds);
    if !(is_grouped
        && selected.len() > keys
        && all_keys_are(&|index| bare(&selected[index]) == grouped(index))
        && order.len() == keys
        && all_keys_are(&|index| is_in_order(index, &order[index])))
    {
        let keys = KEYS.join(", ");
        return Err(Error::Refused(format!("a sealed hour takes SQL that groups by, returns and orders by {keys}")));
    }
    let input = LogicalPlan::clone(&aggregate.input);
    let number = Column::from(input.schema().qualified_field_with_unqualified_name(columns::KEY)?);
    let number = Expr::Column(number);
    let measures = selected[keys..].iter().cloned();
    let by_number = LogicalPlanBuilder::from(input)
        .aggregate([number.clone()], aggregate.aggr_expr.iter().cloned())?
        .project([number.clone()].into_iter().chain(measures))?
        .sort([number.sort(true, true)])?;
    Ok(by_number.build()?)
}

/// What is ordered by, returned and grouped.
fn dissect(plan: &LogicalPlan) -> Option<(&[SortExpr], &[Expr], &Aggregate)> {
    let LogicalPlan::Sort(sort) = plan else { return None };
    let LogicalPlan::Projection(projection) = sort.input.as_ref() else { return None };
    let LogicalPlan::Aggregate(aggregate) = projection.input.as_ref() else { return None };
    sort.fetch.is_none().then_some((&sort.expr, &projection.expr, aggregate))
}

/// How often clicks are read; `None` if something between them and the groups might make other columns of theirs.
fn clicks_read(plan: &LogicalPlan) -> Option<usize> {
    match plan {
        LogicalPlan::TableScan(scan) => Some(usize::from(scan.table_name.table() == columns::CLICKS)),
        LogicalPlan::Join(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::EmptyRelation(_) => {
            plan.inputs().into_iter().map(clicks_read).sum()
        }
        _ => None,
    }
}

fn bare(expr: &Expr) -> Expr {
    expr.clone().unalias_nested().data
}

/// Whether an expression is a column of the key: the column itself, or the minute of the event's time.
fn is_key(expr: &Expr, key: &str) -> bool {
    let is_column = |expr: &Expr, name: &str| matches!(expr, Expr::Column(column) if column.name == name);
    match (key, bare(expr)) {
        ("minute", Expr::ScalarFunction(call)) => {
            let is_minute = |expr: &Expr| match expr {
                Expr::Literal(ScalarValue::Utf8(unit) | ScalarValue::Utf8View(unit), _) => {
                    unit.as_deref() == Some("minute")
                }
                _ => false,
            };
            call.name() == "date_trunc"
                && matches!(call.args.as_slice(), [unit, time] if is_minute(unit) && is_column(time, "event_time"))
        }
        (key, expr) => is_column(&expr, key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::{self, SQL};
    use crate::session;

    #[tokio::test]
    async fn sql_with_other_keys_is_refused() {
        let session = session::session(session::Limits::default()).unwrap();
        session.register_table(columns::CLICKS, std::sync::Arc::new(super::super::plan::RangeTable)).unwrap();
        session.register_table("rulings", counters::no_rulings()).unwrap();
        let rewritten = async |sql: &str| {
            let frame = session.sql(sql).await.unwrap();
            rewrite(frame.logical_plan())
        };
        assert!(rewritten(SQL).await.is_ok());
        for (said, instead) in [
            ("ORDER BY\n    c.advertiser_id, c.campaign_id", "ORDER BY\n    c.campaign_id, c.advertiser_id"),
            ("publisher_id NULLS FIRST", "publisher_id NULLS LAST"),
            ("c.ad_id", "c.kind"),
            ("JOIN clicks c", "JOIN (SELECT * EXCLUDE (country), COALESCE(country, '?') AS country FROM clicks) c"),
            ("FROM rulings r", "FROM clicks r2 JOIN rulings r ON r.position = r2.position"),
            ("'minute'", "'hour'"),
            (
                "c.campaign_id, c.ad_id, c.publisher_id, date_trunc",
                "c.ad_id, c.campaign_id, c.publisher_id, date_trunc",
            ),
        ] {
            assert!(SQL.contains(said), "{said}");
            let refused = rewritten(&SQL.replace(said, instead)).await;
            assert!(matches!(refused, Err(Error::Refused(_))), "{instead}: {refused:?}");
        }
        assert!(matches!(rewritten("SELECT COUNT(*) FROM clicks").await, Err(Error::Refused(_))));
    }
}
