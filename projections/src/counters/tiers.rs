//! Gross, net and total net: how many events there were, and how many are left once invalid ones are taken out.
//!
//! | tier | counts |
//! |---|---|
//! | gross | every event |
//! | net | what was judged, without general invalid traffic: categories `givt` and `duplicate` |
//! | total net | net without `sivt` and `policy`: of clicks, what is billed |
//!
//! These are mapped to the tiers of the MRC's addendum on invalid traffic, where repeated transactions are general
//! invalid traffic. Nothing that was not judged is in net: so gross is net, what was taken out, and what nobody judged.

use std::sync::Arc;

use clicktrail_log::{
    archive::{Archive, manifest},
    event::Kind,
    kinds::Kinds,
};
use datafusion::{arrow::array::RecordBatch, datasource::MemTable};

use super::{
    exact::FUNCTION as SUM,
    query::{self, Question},
    schema::question_schema,
};
use crate::{clicks::CheckedFiles, error::Error, session};

/// The judged kinds, each with its count in [`COUNTS`](super::COUNTS).
const MEASURES: [(Kind, &str); 3] =
    [(Kind::Impression, "impressions"), (Kind::Click, "clicks"), (Kind::Conversion, "conversions")];
/// The categories of what is not in net, and of what is not in total net either.
const GENERAL: [&str; 2] = ["givt", "duplicate"];
const OTHER: [&str; 2] = ["sivt", "policy"];

/// Segments and partials of which the same kinds were judged.
#[derive(Debug, Default)]
pub struct Counted {
    /// The kinds of which all events were judged.
    pub judged: Kinds,
    /// The live segment files.
    pub segments: Vec<manifest::File>,
    /// Rows that [`hot::decode_for_questions`](super::hot::decode_for_questions) gives.
    pub partials: Vec<RecordBatch>,
}

/// Answers a question: one row a bucket and group, in that order. For impressions, clicks and conversions each the
/// three tiers, what was taken out by category, how many were judged, and how many that is of a thousand; then spend
/// and value in three tiers. A tier of spend is null where a segment of an earlier version did not add it up.
///
/// # Errors
/// As [`query::ask`].
pub async fn ask(
    question: &Question,
    archive: &Archive,
    counted: Vec<Counted>,
    limits: session::Limits,
) -> Result<Vec<RecordBatch>, Error> {
    let session = session::session(limits)?;
    let mut tables = vec![rows_of("nothing", Kinds::NONE)];
    session.register_table("nothing", Arc::new(MemTable::try_new(question_schema(), vec![Vec::new()])?))?;
    for (index, counted) in counted.into_iter().enumerate() {
        let (segments, partials) = (format!("segments_{index}"), format!("partials_{index}"));
        let files = CheckedFiles::segments(archive.clone(), counted.segments, limits.threads);
        session.register_table(segments.as_str(), Arc::new(files))?;
        let rows = MemTable::try_new(question_schema(), vec![counted.partials])?;
        session.register_table(partials.as_str(), Arc::new(rows))?;
        tables.extend([rows_of(&segments, counted.judged), rows_of(&partials, counted.judged)]);
    }
    query::answer(&session, question, measures(), &tables.join(" UNION ALL ")).await
}

/// The rows of a table, which say what was judged of them.
fn rows_of(table: &str, judged: Kinds) -> String {
    let flags = MEASURES.map(|(kind, name)| format!("{} AS {name}_are_judged", judged.holds(kind)));
    format!("SELECT *, {} FROM {table}", flags.join(", "))
}

fn measures() -> Vec<String> {
    let mut measures = Vec::new();
    for (kind, name) in MEASURES {
        let column = |category: &&str| match kind {
            Kind::Click => format!("COALESCE(invalid_{category}, 0)"),
            Kind::Impression | Kind::Conversion | Kind::Probe | Kind::Prefetch => {
                format!("COALESCE({name}_{category}, 0)")
            }
        };
        let without = |categories: &[&str]| {
            let columns: Vec<String> = categories.iter().map(column).collect();
            format!("{name} - {}", columns.join(" - "))
        };
        let judged = |what: &str| format!("{SUM}(CASE WHEN {name}_are_judged THEN {what} ELSE 0 END)");
        measures.push(format!("{SUM}({name}) AS {name}_gross"));
        measures.push(format!("{} AS {name}_net", judged(&without(&GENERAL))));
        measures.push(format!("{} AS {name}_total_net", judged(&without(&[GENERAL, OTHER].concat()))));
        for category in GENERAL.iter().chain(&OTHER) {
            measures.push(format!("{} AS {name}_{category}", judged(&column(category))));
        }
        measures.push(format!("{} AS {name}_judged", judged(name)));
        let permille = format!("{} * 1000 / {SUM}({name})", judged(name));
        measures.push(format!("CASE WHEN {SUM}({name}) = 0 THEN NULL ELSE {permille} END AS {name}_judged_permille"));
    }
    let whole = |sum: &str| {
        format!("CASE WHEN COUNT(general_invalid_spend_micros) < COUNT(*) THEN NULL ELSE {SUM}(COALESCE({sum}, 0)) END")
    };
    let (general, other) = ("general_invalid_spend_micros", "other_invalid_spend_micros");
    measures.push(format!("{} AS spend_gross_micros", whole(&format!("spend_micros + {general} + {other}"))));
    measures.push(format!("{} AS spend_net_micros", whole(&format!("spend_micros + {other}"))));
    measures.push(format!("{SUM}(spend_micros) AS spend_total_net_micros"));
    let judged = |what: &str| format!("{SUM}(CASE WHEN conversions_are_judged THEN {what} ELSE 0 END)");
    let (general, other) = ("COALESCE(general_invalid_value_micros, 0)", "COALESCE(other_invalid_value_micros, 0)");
    measures.push(format!("{SUM}(value_micros) AS value_gross_micros"));
    measures.push(format!("{} AS value_net_micros", judged(&format!("value_micros - {general}"))));
    measures.push(format!("{} AS value_total_net_micros", judged(&format!("value_micros - {general} - {other}"))));
    measures
}

#[cfg(test)]
mod tests;
