//! What the projection's SQL counts, apart from the keys by which it counts.
//!
//! A range knows the key of each of its rows, and what was ruled about it, before the engine sees it. So groups and
//! join are taken out of the SQL's plan, and checked to be those that a range stands in for. Aggregates, filters and
//! measures are left as the SQL says them.

use std::sync::Arc;

use clicktrail_log::schema;
use datafusion::{
    common::{Column, DFSchemaRef},
    logical_expr::{
        Aggregate, BinaryExpr, Expr, JoinType, LogicalPlan, Operator, SortExpr, expr::AggregateFunction,
        logical_plan::Join,
    },
    scalar::ScalarValue,
};

use super::columns::{CLICKS, RULINGS};
use crate::{counters::schema::KEYS, error::Error};

/// What is counted by a key.
#[derive(Debug)]
pub(super) struct Counted {
    /// The columns that the aggregates are made of.
    pub(super) input: DFSchemaRef,
    /// Groups, and then the aggregates.
    pub(super) grouped: DFSchemaRef,
    pub(super) aggregates: Vec<AggregateFunction>,
    /// What is returned behind the columns of the key, made of aggregates.
    pub(super) measures: Vec<Expr>,
}

/// Takes an analyzed plan apart.
///
/// # Errors
/// [`Error::Refused`] unless the plan reads clicks with the rulings about them, groups by exactly the columns of a key,
/// returns them first, and orders by them as they are numbered: ascending, nulls first.
pub(super) fn dissect(plan: &LogicalPlan) -> Result<Counted, Error> {
    let Some((order, selected, aggregate)) = parts(plan) else {
        return Err(Error::Refused("a sealed hour takes SQL of one GROUP BY and one ORDER BY".to_owned()));
    };
    if !reads_clicks_with_rulings(&aggregate.input) {
        let read = "clicks as they are, alone or outer joined with rulings by position and nothing else";
        return Err(Error::Refused(format!("a sealed hour takes SQL that reads {read}")));
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
    let aggregates = aggregate.aggr_expr.iter().map(|expr| match bare(expr) {
        Expr::AggregateFunction(function) => Ok(function),
        other => Err(Error::Refused(format!("{other} is no aggregate"))),
    });
    Ok(Counted {
        input: Arc::clone(aggregate.input.schema()),
        grouped: Arc::clone(&aggregate.schema),
        aggregates: aggregates.collect::<Result<_, _>>()?,
        measures: selected[keys..].to_vec(),
    })
}

/// What is ordered by, returned and grouped.
fn parts(plan: &LogicalPlan) -> Option<(&[SortExpr], &[Expr], &Aggregate)> {
    let LogicalPlan::Sort(sort) = plan else { return None };
    let LogicalPlan::Projection(projection) = sort.input.as_ref() else { return None };
    let LogicalPlan::Aggregate(aggregate) = projection.input.as_ref() else { return None };
    sort.fetch.is_none().then_some((&sort.expr, &projection.expr, aggregate))
}

/// Whether a plan gives every click once, beside what was ruled about it.
fn reads_clicks_with_rulings(plan: &LogicalPlan) -> bool {
    let LogicalPlan::Join(join) = plan else { return is_table(plan, CLICKS) };
    let kept_and_other = match join.join_type {
        JoinType::Left => Some((&join.left, &join.right)),
        JoinType::Right => Some((&join.right, &join.left)),
        _ => None,
    };
    let is_outer = kept_and_other.is_some_and(|(kept, other)| is_table(kept, CLICKS) && is_table(other, RULINGS));
    is_outer && is_by_position(join)
}

/// Whether a plan gives the rows of a table as they are.
fn is_table(plan: &LogicalPlan, name: &str) -> bool {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => is_table(&alias.input, name),
        LogicalPlan::TableScan(scan) => {
            scan.table_name.table() == name && scan.filters.is_empty() && scan.fetch.is_none()
        }
        _ => false,
    }
}

fn is_by_position(join: &Join) -> bool {
    let (one, other) = match (join.on.as_slice(), &join.filter) {
        ([(one, other)], None) => (one, other),
        ([], Some(Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }))) => (&**left, &**right),
        _ => return false,
    };
    let is_position_of = |side: &LogicalPlan, expr: &Expr| match expr {
        Expr::Column(column) => column.name == schema::POSITION && side.schema().has_column(column),
        _ => false,
    };
    let are_of = |left, right| is_position_of(&join.left, left) && is_position_of(&join.right, right);
    are_of(one, other) || are_of(other, one)
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
    use crate::counters::SQL;

    #[tokio::test]
    async fn sql_that_a_range_does_not_stand_in_for_is_refused() {
        // Some of it is refused by the lint, before it is looked at here.
        let dissected = async |sql: &str| match super::super::plan::analyzed(sql).await {
            Ok((_, plan)) => dissect(&plan),
            Err(refused) => Err(refused),
        };
        assert!(dissected(SQL).await.is_ok());
        for (said, instead) in [
            ("ORDER BY\n    c.advertiser_id, c.campaign_id", "ORDER BY\n    c.campaign_id, c.advertiser_id"),
            ("publisher_id NULLS FIRST", "publisher_id NULLS LAST"),
            ("c.ad_id", "c.kind"),
            ("JOIN clicks c", "JOIN (SELECT * EXCLUDE (country), COALESCE(country, '?') AS country FROM clicks) c"),
            ("FROM rulings r", "FROM clicks r2 JOIN rulings r ON r.position = r2.position"),
            ("FROM rulings r", "FROM (SELECT * FROM rulings WHERE category <> 'policy') r"),
            ("JOIN clicks c", "JOIN (SELECT * FROM clicks LIMIT 5) c"),
            ("RIGHT JOIN", "INNER JOIN"),
            ("RIGHT JOIN", "LEFT JOIN"),
            ("RIGHT JOIN", "FULL JOIN"),
            ("c.position = r.position", "c.position = c.position"),
            ("c.position = r.position", "c.position > r.position"),
            ("c.position = r.position", "c.position = r.position + 1"),
            ("c.position = r.position", "c.price_micros = r.position"),
            ("c.position = r.position", "c.position = r.position AND c.currency = r.category"),
            ("GROUP BY", "WHERE c.kind <> 'probe' GROUP BY"),
            ("'minute'", "'hour'"),
            (
                "c.campaign_id, c.ad_id, c.publisher_id, date_trunc",
                "c.ad_id, c.campaign_id, c.publisher_id, date_trunc",
            ),
        ] {
            assert!(SQL.contains(said), "{said}");
            let refused = dissected(&SQL.replace(said, instead)).await;
            assert!(matches!(refused, Err(Error::Refused(_))), "{instead}: {refused:?}");
        }
        let swapped =
            SQL.replace("RIGHT JOIN clicks c", "LEFT JOIN rulings r").replace("FROM rulings r", "FROM clicks c");
        assert!(dissected(&swapped).await.is_ok(), "the same rows");
        assert!(matches!(dissected("SELECT COUNT(*) FROM clicks").await, Err(Error::Refused(_))));
    }
}
