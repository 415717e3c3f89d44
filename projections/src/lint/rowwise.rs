//! Below the sums, every event is looked at by itself, once, with the ruling about it and no other.

use datafusion::{
    common::{JoinType, tree_node::TreeNode as _, tree_node::TreeNodeRecursion},
    logical_expr::{Expr, Join, LogicalPlan, Operator, expr::InSubquery, utils::split_conjunction},
};

use super::{
    origin,
    refusal::{clause, refused},
    statement::{CLICKS, RULINGS},
};
use crate::error::Error;

const BY_POSITION: &str = "write `clicks c LEFT JOIN rulings r ON c.position = r.position`";

/// Checks what is below the GROUP BY.
///
/// # Errors
/// [`Error::Refused`] naming the clause.
pub(super) fn check(plan: &LogicalPlan) -> Result<(), Error> {
    if scans(plan, CLICKS) != 1 {
        let what = format!("{CLICKS} is read {} times: a projection reads it once", scans(plan, CLICKS));
        return Err(refused("FROM", what));
    }
    node(plan)
}

/// How often a table is read, subqueries apart.
fn scans(plan: &LogicalPlan, table: &str) -> usize {
    match plan {
        LogicalPlan::TableScan(scan) => usize::from(scan.table_name.table() == table),
        _ => plan.inputs().into_iter().map(|input| scans(input, table)).sum(),
    }
}

fn node(plan: &LogicalPlan) -> Result<(), Error> {
    match plan {
        LogicalPlan::TableScan(_) => return Ok(()),
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Join(_) => {}
        _ => {
            let what = "a projection looks at each event by itself, and adds up once: take this out, because what it \
                        makes of a frame and of the whole hour would differ";
            return Err(refused(clause(plan), what));
        }
    }
    subqueries(plan)?;
    // What is wrong within a side of a join is said before what the join makes of it.
    plan.inputs().into_iter().try_for_each(node)?;
    match plan {
        LogicalPlan::Join(join) => by_position(join),
        _ => Ok(()),
    }
}

/// A join must give each event the ruling about it, and no event may be lost for want of one unless it is asked.
fn by_position(join: &Join) -> Result<(), Error> {
    let clicks_left = scans(&join.left, CLICKS) == 1;
    let (clicks, rulings) = if clicks_left { (&join.left, &join.right) } else { (&join.right, &join.left) };
    if scans(rulings, RULINGS) != 1 {
        return Err(refused("JOIN", format!("events are joined with rulings alone: {BY_POSITION}")));
    }
    let keeps_clicks = match join.join_type {
        JoinType::Inner => true,
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => clicks_left,
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti => !clicks_left,
        JoinType::Full | JoinType::LeftMark | JoinType::RightMark => false,
    };
    let is_pair =
        |a: &Expr, b: &Expr| origin::is(clicks, a, CLICKS, "position") && origin::is(rulings, b, RULINGS, "position");
    let are_equal = |a: &Expr, b: &Expr| is_pair(a, b) || is_pair(b, a);
    let conditions = join.filter.as_ref().map(split_conjunction).unwrap_or_default();
    let in_filter = conditions.into_iter().any(|condition| match condition {
        Expr::BinaryExpr(binary) => binary.op == Operator::Eq && are_equal(&binary.left, &binary.right),
        _ => false,
    });
    if !keeps_clicks || !(in_filter || join.on.iter().any(|(a, b)| are_equal(a, b))) {
        let why = "an event is joined with the ruling about it, by its position";
        return Err(refused("JOIN", format!("{why}: {BY_POSITION}")));
    }
    Ok(())
}

/// A subquery may ask whether there is a ruling about the event, and nothing else.
fn subqueries(plan: &LogicalPlan) -> Result<(), Error> {
    let mut found = false;
    plan.apply_expressions(|root| {
        root.apply(|expr| {
            found |= match expr {
                Expr::Exists(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_) => true,
                Expr::InSubquery(asked) => !is_ruled(plan, asked),
                _ => false,
            };
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    match found {
        true => Err(refused(clause(plan), format!("a subquery sees other events than its own: {BY_POSITION}"))),
        false => Ok(()),
    }
}

/// `position [NOT] IN (SELECT position FROM rulings …)`.
fn is_ruled(plan: &LogicalPlan, asked: &InSubquery) -> bool {
    let rulings = &asked.subquery.subquery;
    let asks_position = plan.inputs().iter().any(|input| origin::is(input, &asked.expr, CLICKS, "position"));
    let mut columns = rulings.schema().columns().into_iter();
    let has_position = match (columns.next(), columns.next()) {
        (Some(column), None) => origin::is(rulings, &Expr::Column(column), RULINGS, "position"),
        _ => false,
    };
    asks_position && has_position && scans(rulings, RULINGS) == 1 && scans(rulings, CLICKS) == 0
}
