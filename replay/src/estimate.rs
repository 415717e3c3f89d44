//! How much promoting would move, from a sample of a plan's hours: built like others, and compared with what counts.
//!
//! The hour with most events is always in the sample, and stands for itself alone. The others are evenly spaced over
//! the range, and stand for all others by the ratio of change to events: `R = sum(y) / sum(x)` over the `n` sampled of
//! `N` hours, with `y` the change of an hour and `x` its events, gives the total `R * sum(x over all N)`. Its variance
//! is estimated as `N^2 (1 - n/N) / n * sum((y - R x)^2) / (n - 1)` (W. G. Cochran, Sampling Techniques, third
//! edition, 1977, chapter 6), as if the hours had been drawn at random. With every hour in the sample the change is
//! exact and the error is zero. All of it is integer arithmetic in the measure's own unit.
//!
//! No generation is stored. The segments stay in the archive under their digests, where a build finds them.

use std::collections::BTreeMap;

use clicktrail_catalog::generations::LivePointer;
use clicktrail_log::time::Hour;

use crate::{
    diff::{Cause, Comparison, Layout, Question, Sides, manifest_of},
    error::Error,
    plan::document::{Document, HourInput},
    rulings::HourRulings,
    segment::Source,
    unit,
};

/// Fewer hours than this have no error: one for itself, and two that can differ from each other.
pub const HOURS_MIN: usize = 3;

/// The change of one measure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figure {
    /// By how much it would grow.
    pub change: i128,
    /// The standard error of that; 0: it is exact.
    pub error: u128,
}

/// What promoting would move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// The columns of what is counted and summed.
    pub layout: Layout,
    /// Hours that were built.
    pub sampled: usize,
    /// Hours of the plan.
    pub hours: usize,
    /// By group and cause, a figure for each measure. A group that is in no sampled hour is not there.
    pub groups: BTreeMap<(Vec<Option<String>>, Cause), Vec<Figure>>,
}

/// The values of a group, and why it changes.
type Group = (Vec<Option<String>>, Cause);
/// By how much each measure changes, by hour.
type ByHour = BTreeMap<String, Vec<i128>>;

/// Builds a sample of a plan's hours and estimates from it. `question.by_hour` is not looked at. After each hour
/// `progress` is told how many are built.
///
/// # Errors
/// As building and comparing an hour do.
pub async fn estimate(
    comparison: &Comparison<'_>,
    document: &Document,
    sample: usize,
    question: &Question,
    mut progress: impl FnMut(u64),
) -> Result<Estimate, Error> {
    let chosen = choose(&document.hours, sample);
    let mut sides = Vec::with_capacity(chosen.len());
    for (at, built) in chosen.iter().zip(1..) {
        sides.push(build(comparison, document, &document.hours[*at]).await?);
        progress(built);
    }
    let question = Question { by_hour: true, rows_max: 0, ..question.clone() };
    let diff = comparison.run(&sides, &question, |_| ()).await?;
    let mut changes: BTreeMap<Group, ByHour> = BTreeMap::new();
    for (mut group, causes) in diff.groups {
        let hour = group.remove(0).unwrap_or_default();
        for (cause, deltas) in causes {
            changes.entry((group.clone(), cause)).or_default().insert(hour.clone(), deltas);
        }
    }
    let events: Vec<u64> = document.hours.iter().map(|hour| hour.rows).collect();
    let names: Vec<String> = chosen.iter().map(|at| document.hours[*at].hour.to_string()).collect();
    let figures = |by_hour: ByHour| {
        let measure = |at: usize| {
            let change = |name: &String| by_hour.get(name).map_or(0, |deltas| deltas[at]);
            figure(&events, &chosen, &names.iter().map(change).collect::<Vec<_>>())
        };
        (0..diff.layout.measures.len()).map(measure).collect()
    };
    let groups = changes.into_iter().map(|(key, by_hour)| (key, figures(by_hour))).collect();
    Ok(Estimate { layout: diff.layout.clone(), sampled: chosen.len(), hours: document.hours.len(), groups })
}

/// The hour with most events, and others evenly spaced, in order.
fn choose(hours: &[HourInput], sample: usize) -> Vec<usize> {
    if sample.max(HOURS_MIN) >= hours.len() {
        return (0..hours.len()).collect();
    }
    let events: Vec<u64> = hours.iter().map(|hour| hour.rows).collect();
    let largest = largest(&events);
    let others: Vec<usize> = (0..hours.len()).filter(|at| *at != largest).collect();
    let count = sample.max(HOURS_MIN) - 1;
    let mut chosen: Vec<usize> =
        (0..count).map(|number| others[(2 * number + 1) * others.len() / (2 * count)]).collect();
    chosen.push(largest);
    chosen.sort_unstable();
    chosen
}

fn largest(events: &[u64]) -> usize {
    (0..events.len()).max_by_key(|at| events[*at]).unwrap_or(0)
}

/// The total of a measure, whose changes in the chosen hours are known.
fn figure(events: &[u64], chosen: &[usize], changes: &[i128]) -> Figure {
    if chosen.len() == events.len() {
        return Figure { change: changes.iter().sum(), error: 0 };
    }
    let largest = largest(events);
    let all: i128 = events.iter().map(|rows| i128::from(*rows)).sum::<i128>() - i128::from(events[largest]);
    let (mut own, mut sampled) = (0, Vec::new());
    for (at, change) in chosen.iter().zip(changes) {
        if *at == largest {
            own = *change;
        } else {
            sampled.push((i128::from(events[*at]), *change));
        }
    }
    let (x, y) = sampled.iter().fold((0, 0), |(x, y), (rows, change)| (x + rows, y + change));
    if x == 0 {
        return Figure { change: own + y, error: 0 };
    }
    // A residual is of the unit of the measure, so its rounding is far below what is said.
    let residual = |(rows, change): &(i128, i128)| divided(change * x - y * rows, x).unsigned_abs();
    let squares = sampled.iter().fold(0_u128, |sum, one| sum.saturating_add(residual(one).saturating_pow(2)));
    let (n, of) = (sampled.len() as u128, events.len() as u128 - 1);
    let variance = squares.saturating_mul(of * (of - n)) / (n * (n - 1)).max(1);
    Figure { change: own + divided(y * all, x), error: variance.isqrt() }
}

/// Rounded to the nearest, halves away from zero.
fn divided(value: i128, by: i128) -> i128 {
    (value + value.signum() * by / 2) / by
}

async fn build(comparison: &Comparison<'_>, document: &Document, input: &HourInput) -> Result<Sides, Error> {
    let hour: Hour = input.hour;
    let manifest = manifest_of(comparison.archive, hour).await?;
    if manifest.digest().to_string() != input.manifest_digest {
        return Err(Error::Incomplete(format!("the manifest of {hour} is another than was planned")));
    }
    let rulings = HourRulings::as_of(comparison.history, &manifest, document.verdicts_before).await?;
    let clicks_before = document.clicks_before.and_then(|before| unit::cut(&manifest, before));
    let source = Source {
        archive: comparison.archive,
        projection: comparison.projection,
        manifest: &manifest,
        rulings: &rulings,
        clicks_before,
    };
    let segment = source.segment(comparison.limits).await?;
    let after = LivePointer {
        hour,
        input_digest: segment.input_digest,
        code_digest: segment.code_digest,
        output_digest: segment.output_digest,
        generation: None,
        knows_before: Some(document.verdicts_before),
    };
    Ok(Sides { hour, before: input.base.as_ref().map(|base| base.pointer(hour)), after: Some(after) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_is_exact_with_every_hour_and_where_change_is_in_proportion_to_events() {
        let events = [100, 400, 200, 300, 50];
        let exact = figure(&events, &[0, 1, 2, 3, 4], &[1, -2, 3, 4, 5]);
        assert_eq!(exact, Figure { change: 11, error: 0 });
        // Hour 1 is the largest. Each event moves 10, but 7 in the largest hour.
        let proportional = figure(&events, &[0, 1, 3], &[1_000, 2_800, 3_000]);
        assert_eq!(proportional, Figure { change: 2_800 + 6_500, error: 0 });
    }

    #[test]
    fn error_is_that_of_the_ratio_estimator() {
        // Four hours beside the largest, two of them sampled: R = 40 / 20 = 2, residuals -10 and 10.
        let found = figure(&[10, 10, 10, 10, 90], &[0, 2, 4], &[10, 30, 500]);
        // 4^2 (1 - 2/4) / 2 * (100 + 100) / 1 = 800, whose root is 28.
        assert_eq!(found, Figure { change: 500 + 80, error: 28 });
        assert_eq!((divided(5, 2), divided(-5, 2), divided(4, 3), divided(-4, 3)), (3, -3, 1, -1));
    }

    #[test]
    fn sample_holds_the_largest_hour_and_is_spread_over_the_others() {
        let hours = |rows: &[u64]| -> Vec<HourInput> {
            let input = |(at, rows): (i64, &u64)| HourInput {
                hour: Hour::from_i64(at),
                manifest_digest: String::new(),
                rows: *rows,
                bytes: 0,
                base: None,
            };
            (0..).zip(rows).map(input).collect()
        };
        assert_eq!(choose(&hours(&[1, 1, 9, 1, 1, 1, 1, 1, 1]), 5), [1, 2, 4, 6, 8]);
        assert_eq!(choose(&hours(&[1; 9]), 1).len(), HOURS_MIN);
        assert_eq!(choose(&hours(&[1, 2]), 24), [0, 1]);
    }
}
