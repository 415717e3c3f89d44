//! `replay plan --estimate`: about how much promoting would move, from a sample of hours.

use clicktrail_projections::session;
use clicktrail_replay::{
    diff::{Comparison, Question},
    estimate::{self, Estimate, Figure},
    plan::Plan,
    unit,
};
use serde_json::{Value, json};

use crate::{
    installation::Installation,
    output::{self, Table},
    progress,
};

/// What is asked of a sample.
#[derive(Debug, clap::Args)]
pub(super) struct Sampling {
    /// Build a sample of the hours too, and say about how much promoting would move, by advertiser and cause
    #[arg(long)]
    estimate: bool,
    /// How many hours the sample has, at least 3; the one with most events is among them. With all hours it is exact
    #[arg(long, default_value_t = 24, value_name = "HOURS", requires = "estimate")]
    sample_hours: usize,
    /// Estimate of this advertiser alone; a plan and its build are always of all of them
    #[arg(long, value_name = "ID", requires = "estimate")]
    advertiser: Option<String>,
}

impl Sampling {
    /// Builds the sample, if one is asked for.
    pub(super) async fn of(&self, plan: &Plan, instance: &Installation) -> anyhow::Result<Option<Estimate>> {
        if !self.estimate {
            return Ok(None);
        }
        let document = &plan.document;
        let projection = unit::projection(&document.projection, &document.sql).await?;
        let history = instance.rulings();
        let limits = session::Limits::default();
        let comparison = Comparison { archive: &instance.archive, history: &history, projection: &projection, limits };
        let question = Question {
            by: vec!["advertiser_id".to_owned(), "currency".to_owned()],
            by_hour: true,
            only: self.advertiser.clone().map(|advertiser| ("advertiser_id".to_owned(), advertiser)),
            rows_max: 0,
        };
        let bar = progress::bar(self.sample_hours.min(document.hours.len()) as u64, "estimate");
        let estimated =
            estimate::estimate(&comparison, document, self.sample_hours, &question, |done| bar.set_position(done));
        let estimated = estimated.await;
        bar.finish_and_clear();
        Ok(Some(estimated?))
    }
}

const fn is_exact(estimate: &Estimate) -> bool {
    estimate.sampled == estimate.hours
}

/// For programs.
pub(super) fn document(estimate: &Estimate) -> Value {
    let named = |figures: &[Figure], of: fn(&Figure) -> String| -> Value {
        let names = estimate.layout.measures.iter();
        Value::Object(names.zip(figures).map(|(name, figure)| (name.clone(), Value::String(of(figure)))).collect())
    };
    let groups = estimate.groups.iter().map(|((group, cause), figures)| {
        json!({
            "advertiser_id": group.first(),
            "currency": group.get(1),
            "cause": cause.as_str(),
            "change": named(figures, |figure| figure.change.to_string()),
            "standard_error": named(figures, |figure| figure.error.to_string()),
        })
    });
    json!({
        "is_exact": is_exact(estimate),
        "sampled_hours": estimate.sampled,
        "hours": estimate.hours,
        "groups": groups.collect::<Vec<_>>(),
    })
}

/// For people.
pub(super) fn print(estimate: &Estimate) {
    let (sampled, hours) = (estimate.sampled, output::count(estimate.hours, "hour"));
    let mut table = Table::new(&["advertiser", "currency", "cause", "measure", "change", "error"]);
    let mut is_empty = true;
    for ((group, cause), figures) in &estimate.groups {
        for name in ["spend_micros", "billable_clicks", "clicks"] {
            let at = estimate.layout.measures.iter().position(|measure| measure == name);
            let Some(Figure { change, error }) = at.map(|at| figures[at]) else { continue };
            if change == 0 && error == 0 {
                continue;
            }
            let error = i128::try_from(error).unwrap_or(i128::MAX);
            let text = |value: i128| if name == "spend_micros" { output::amount(value) } else { value.to_string() };
            let mut row: Vec<String> = group.iter().map(|value| value.clone().unwrap_or_default()).collect();
            row.extend([cause.to_string(), name.trim_end_matches("_micros").to_owned(), text(change), text(error)]);
            table.push(row);
            is_empty = false;
        }
    }
    let what = match is_exact(estimate) {
        true => format!("exact: all {hours} were built"),
        false => format!("ESTIMATE from {sampled} of {hours}, by events; error: one standard error"),
    };
    output::line(&format!("  money      {what}"));
    if is_empty {
        output::line("             nothing would change in the hours that were built");
        return;
    }
    table.print();
}
