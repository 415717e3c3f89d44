//! Counters in tiers, for people: one line for each measure, so that they fit a terminal.

use arrow::{
    array::{Array as _, AsArray as _, RecordBatch},
    datatypes::{Decimal128Type, Int64Type},
};

use crate::output::{self, Table};

/// What is counted, and whose share of judged events stands beside it.
const MEASURES: [(&str, &str); 5] = [
    ("impressions", "impressions"),
    ("clicks", "clicks"),
    ("conversions", "conversions"),
    ("spend", "clicks"),
    ("value", "conversions"),
];
/// What a bill is made of is shown also where it is nothing.
const ALWAYS: [&str; 2] = ["clicks", "spend"];
const TIERS: [&str; 3] = ["gross", "net", "total_net"];

/// Prints an answer as a table, and says what of it was not judged.
pub(super) fn print(batches: &[RecordBatch]) -> anyhow::Result<()> {
    table(batches)?;
    if let Some(kinds) = unjudged(batches) {
        output::note(&format!(
            "{kinds}: not all were judged, and what was not is in gross alone (`verdicts judge` judges sealed hours, and \
             --as-of latest counts that)"
        ));
    }
    Ok(())
}

fn table(batches: &[RecordBatch]) -> anyhow::Result<()> {
    let Some(first) = batches.first() else { return Ok(()) };
    let schema = first.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let keys = names.iter().position(|name| name.ends_with("_gross")).unwrap_or(names.len());
    let mut header = names[..keys].to_vec();
    header.extend(["measure", "gross", "net", "total_net", "judged %"]);
    let mut table = Table::new(&header);
    for batch in batches {
        let groups = output::texts(&batch.project(&(0..keys).collect::<Vec<_>>())?)?;
        for (row, group) in groups.into_iter().enumerate() {
            for (measure, kind) in MEASURES {
                let tiers = TIERS.map(|tier| value(batch, &format!("{measure}_{tier}"), row));
                if matches!(tiers[0].as_str(), "0" | "0.00") && !ALWAYS.contains(&measure) {
                    continue;
                }
                let judged = permille(batch, kind, row).map_or_else(|| "-".to_owned(), percent);
                let cells = [measure.to_owned()].into_iter().chain(tiers).chain([judged]);
                table.push(group.iter().cloned().chain(cells).collect());
            }
        }
    }
    table.print();
    Ok(())
}

fn value(batch: &RecordBatch, name: &str, row: usize) -> String {
    if let Some(column) = batch.column_by_name(name) {
        let count = column.as_primitive::<Int64Type>();
        return count.value(row).to_string();
    }
    match batch.column_by_name(&format!("{name}_micros")).map(|column| column.as_primitive::<Decimal128Type>()) {
        Some(sums) if sums.is_valid(row) => output::amount(sums.value(row)),
        Some(_) | None => "-".to_owned(),
    }
}

fn permille(batch: &RecordBatch, kind: &str, row: usize) -> Option<i64> {
    let shares = batch.column_by_name(&format!("{kind}_judged_permille"))?.as_primitive::<Int64Type>();
    shares.is_valid(row).then(|| shares.value(row))
}

fn percent(permille: i64) -> String {
    format!("{}.{}", permille / 10, permille % 10)
}

/// The kinds of which something was not judged, as people read them; `None` if there is none.
fn unjudged(batches: &[RecordBatch]) -> Option<String> {
    let is_short = |kind: &&str| {
        let sum = |name: String| -> i64 {
            let column = |batch: &RecordBatch| {
                batch.column_by_name(&name).map(|found| found.as_primitive::<Int64Type>().clone())
            };
            batches.iter().filter_map(column).map(|found| found.values().iter().sum::<i64>()).sum()
        };
        sum(format!("{kind}_judged")) < sum(format!("{kind}_gross"))
    };
    let kinds: Vec<&str> = ["impressions", "clicks", "conversions"].into_iter().filter(is_short).collect();
    (!kinds.is_empty()).then(|| kinds.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_cut_and_never_rounded_up() {
        assert_eq!((percent(1000), percent(999), percent(0)), ("100.0".into(), "99.9".into(), "0.0".into()));
    }
}
