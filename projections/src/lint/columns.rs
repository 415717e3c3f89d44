//! What comes out: the columns of the key and the measures, and no others, with types that a segment holds.

use std::sync::Arc;

use clicktrail_log::schema;
use datafusion::{
    arrow::datatypes::{DataType, Field},
    common::tree_node::{TreeNode as _, TreeNodeRecursion},
    logical_expr::{Expr, ExprSchemable as _, LogicalPlan, Operator, expr::AggregateFunction},
    scalar::ScalarValue,
};

use super::{
    additive::Output,
    origin,
    refusal::{refused, shown},
    statement::CLICKS,
};
use crate::{
    error::Error,
    projection::{Kind, Measure},
    zone::Unit,
};

/// What a projection says of its columns.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) key: &'a [String],
    pub(crate) time: &'a str,
    pub(crate) unit: Unit,
    pub(crate) measures: &'a [Measure],
}

/// Checks names, types and kinds. Gives the key's columns, with the types that they have in a segment.
pub(super) fn check(plan: &LogicalPlan, output: &Output<'_>, expected: &Expected<'_>) -> Result<Vec<Field>, Error> {
    names(output, expected)?;
    let column = |name: &str| {
        let found = output.columns.iter().find(|(column, _)| column == name);
        &found.expect("all names were found").1
    };
    let mut grouped = vec![false; output.aggregate.group_expr.len()];
    let mut key = Vec::new();
    for name in expected.key {
        let place = format!("column {name}");
        let Some(group) = output.group(column(name)) else {
            let what = format!("{} is in the key: group by it, and return it unchanged", shown(column(name)));
            return Err(refused(&place, what));
        };
        grouped[group] = true;
        let expr = &output.aggregate.group_expr[group];
        if name == expected.time {
            time(output, expr, expected).map_err(|what| refused(&place, what))?;
        }
        let found = plan.schema().field_with_unqualified_name(name)?;
        let data_type = stored(found.data_type()).map_err(|what| refused(&place, what))?;
        key.push(Field::new(name, data_type, name != expected.time && found.is_nullable()));
    }
    if let Some(more) = grouped.iter().position(|is_key| !is_key) {
        let more = shown(&output.aggregate.group_expr[more]);
        let what = format!("{more} is not in the key, which would have two rows: add it to the key, or take it away");
        return Err(refused("GROUP BY", what));
    }
    for measure in expected.measures {
        let found = plan.schema().field_with_unqualified_name(&measure.name)?;
        self::measure(output, measure, column(&measure.name), found)?;
    }
    currency(output, expected, column)?;
    Ok(key)
}

fn names(output: &Output<'_>, expected: &Expected<'_>) -> Result<(), Error> {
    let wanted = || expected.key.iter().chain(expected.measures.iter().map(|measure| &measure.name));
    for name in wanted() {
        if !output.columns.iter().any(|(found, _)| found == name) {
            let what = format!("the SQL has no such column: return one AS {name}");
            return Err(refused(&format!("column {name}"), what));
        }
    }
    match output.columns.iter().find(|(found, _)| !wanted().any(|name| name == found)) {
        None => Ok(()),
        Some((found, _)) => {
            let what = "it is neither in the key nor a measure: name it there, or take it away";
            Err(refused(&format!("column {found}"), what))
        }
    }
}

/// The time column is cut to whole units, as questions for a range need it.
fn time(output: &Output<'_>, expr: &Expr, expected: &Expected<'_>) -> Result<(), String> {
    let unit = expected.unit.as_str();
    let is_unit = |expr: &Expr| match expr {
        Expr::Literal(ScalarValue::Utf8(text) | ScalarValue::Utf8View(text), _) => text.as_deref() == Some(unit),
        _ => false,
    };
    let is_time = |expr: &Expr| origin::is(&output.aggregate.input, expr, CLICKS, "event_time");
    let is_cut = match origin::bare(expr) {
        Expr::ScalarFunction(call) => {
            call.name() == "date_trunc"
                && matches!(call.args.as_slice(), [first, second] if is_unit(first) && is_time(second))
        }
        _ => false,
    };
    let what = || format!("{} is the time column: make it date_trunc('{unit}', event_time)", shown(expr));
    if is_cut { Ok(()) } else { Err(what()) }
}

/// The type that a segment has for a column of the key.
fn stored(found: &DataType) -> Result<DataType, String> {
    match found {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(DataType::Utf8),
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => Ok(DataType::Int64),
        DataType::Timestamp(_, Some(_)) => Ok(schema::timestamp_type()),
        DataType::Boolean => Err("true and false are not stored: use CASE WHEN … THEN 'yes' ELSE 'no' END".to_owned()),
        other => Err(format!("a key is text, a 64-bit integer or a time, not {other}: CAST(… AS VARCHAR)")),
    }
}

fn measure(output: &Output<'_>, measure: &Measure, expr: &Expr, found: &Arc<Field>) -> Result<(), Error> {
    let place = format!("column {}", measure.name);
    for sum in output.sums(&measure.name, expr)? {
        let Expr::AggregateFunction(call) = origin::bare(sum) else {
            return Err(refused(&place, format!("{} is no count and no sum", shown(sum))));
        };
        let is_right = match measure.kind {
            Kind::Count if call.func.name() == "count" => Ok(()),
            Kind::Count => Err(format!("{} is no COUNT: use COUNT(*) FILTER (WHERE …), or type = \"sum\"", shown(sum))),
            Kind::Sum => exact(output, &call),
        };
        is_right.map_err(|what| refused(&place, what))?;
    }
    if found.is_nullable() {
        let what = "it is null where nothing was summed: COALESCE(SUM(…), 0)";
        return Err(refused(&place, what));
    }
    let is_stored = match (measure.kind, found.data_type()) {
        (Kind::Count, DataType::Int64) | (Kind::Sum, DataType::Decimal128(_, 0)) => true,
        (Kind::Count | Kind::Sum, _) => false,
    };
    if !is_stored {
        let (kind, wanted, found) = (measure.kind.as_str(), measure.kind.data_type(), found.data_type());
        return Err(refused(&place, format!("a {kind} is stored as {wanted}, this is {found}: CAST it within SUM(…)")));
    }
    Ok(())
}

/// A sum must not wrap, nor what is calculated for it.
fn exact(output: &Output<'_>, call: &AggregateFunction) -> Result<(), String> {
    let input = output.aggregate.input.schema();
    let [argument] = call.params.args.as_slice() else { return Err("it has no single argument".to_owned()) };
    let is_decimal = |expr: &Expr| matches!(expr.get_type(input), Ok(DataType::Decimal128(_, _)));
    if call.func.name() != "sum" || !is_decimal(argument) {
        let shown = shown(argument);
        return Err(format!("{shown} is added up in 64 bits, which wrap: SUM(CAST({shown} AS DECIMAL(38, 0)))"));
    }
    let mut wraps = None;
    let walked = argument.apply(|expr| {
        if let Expr::BinaryExpr(binary) = expr
            && matches!(binary.op, Operator::Plus | Operator::Minus | Operator::Multiply)
            && !is_decimal(expr)
        {
            wraps = Some(shown(expr));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_err(|error| error.strip_backtrace())?;
    match wraps {
        None => Ok(()),
        Some(wraps) => Err(format!("{wraps} is calculated in 64 bits, which wrap: CAST to DECIMAL(38, 0) first")),
    }
}

/// Amounts of several currencies are never added up.
fn currency<'a>(output: &Output<'_>, expected: &Expected<'_>, column: impl Fn(&str) -> &'a Expr) -> Result<(), Error> {
    let Some(sum) = expected.measures.iter().find(|measure| measure.kind == Kind::Sum) else { return Ok(()) };
    let is_currency = |name: &String| {
        let group = output.group(column(name)).map(|group| &output.aggregate.group_expr[group]);
        group.is_some_and(|expr| origin::is(&output.aggregate.input, expr, CLICKS, "currency"))
    };
    if expected.key.iter().any(is_currency) {
        return Ok(());
    }
    let what = "amounts of several currencies are never added up: group by currency, and add it to the key";
    Err(refused(&format!("column {}", sum.name), what))
}
