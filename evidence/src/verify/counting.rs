//! Step 7: which verdict stands for each event, what the event counts as, and the sums; for each basis by itself,
//! because bases know different verdicts.

use std::collections::BTreeMap;

use super::{
    basis::{Basis, Known},
    counts::Counts,
    failure::Failure,
    logged::Logged,
    manifest::{Manifest, show},
    money::{Overflow, less, plus},
    opened::{Opened, expect_no_row, next_row},
    rows::{Class, Event, Rows},
    ruling::{Category, Decision, Verdict, standing},
};
use crate::{
    bundle::{columns::DERIVATION, names},
    row::Value,
};

/// What the events come to under one basis, or under all verdicts that are there.
#[derive(Debug)]
pub(super) struct Sums {
    /// By line: a place in [`Rows::lines`].
    pub(super) lines: Vec<Counts>,
    /// By hour: a place in the manifests of clicks.
    pub(super) hours: Vec<Counts>,
}

/// What differs if all verdicts that are there are known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Otherwise {
    /// Clicks that count as something else.
    pub(super) clicks: u64,
    /// What is billed above that: below zero if it is less.
    pub(super) micros: i128,
}

/// What was counted.
#[derive(Debug)]
pub(super) struct Counted {
    /// Of each way.
    pub(super) sums: Vec<Sums>,
    /// What the last way does not know.
    pub(super) otherwise: Otherwise,
}

/// One way to count: a basis, or everything.
pub(super) struct Way<'d> {
    /// By hour: which verdicts are known; `None`: the hour is not counted.
    known: Vec<Option<Known>>,
    /// By hour: a verdict before this position has to be known.
    known_at_least: Vec<i64>,
    place: &'d str,
}

/// Every verdict that is there.
const ALL: Known = Known::Before(i64::MAX);

impl<'d> Way<'d> {
    /// As a basis says. Whatever was signed when it was made it knows, but for hours of which it says that it does not.
    pub(super) fn of_basis(place: &'d str, basis: &Basis, logged: &Logged) -> Self {
        let known = |manifest: &Manifest| basis.segment(manifest.hour)?.known();
        let signed = basis.stands_on().and_then(|head| logged.verdicts_before(head.size));
        let at_least = |manifest: &Manifest| signed.filter(|_| !basis.is_stale(manifest.hour)).unwrap_or(i64::MIN);
        let clicks = &logged.clicks;
        Self { known: clicks.iter().map(known).collect(), known_at_least: clicks.iter().map(at_least).collect(), place }
    }

    /// With every verdict that is there.
    pub(super) fn of_all(clicks: &[Manifest]) -> Self {
        let hours = clicks.len();
        Self { known: vec![Some(ALL); hours], known_at_least: vec![i64::MIN; hours], place: names::VERDICTS }
    }
}

/// What an event counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ruled {
    /// The verdict that stands: its position and what it says.
    standing: Option<(i64, Decision)>,
    /// Whether the hour is counted at all.
    is_counted: bool,
}

/// Counts the events in every way; what the last way makes of each event is compared with `derivation.csv`.
pub(super) fn count(
    opened: &Opened<'_>,
    rows: &Rows,
    verdicts: &[Verdict],
    ways: &[Way<'_>],
    hours: usize,
) -> Result<Counted, Failure> {
    let empty = || Sums { lines: vec![Counts::default(); rows.lines.len()], hours: vec![Counts::default(); hours] };
    let mut sums: Vec<Sums> = ways.iter().map(|_| empty()).collect();
    let mut derivation = opened.table(names::DERIVATION, &DERIVATION)?;
    let (mut rest, mut otherwise) = (verdicts, Otherwise::default());
    for event in &rows.events {
        let of_event = take_of(event.position, &mut rest);
        let mut last = Ruled { standing: None, is_counted: false };
        for (way, sums) in ways.iter().zip(&mut sums) {
            last = ruled(way, event, of_event)?;
            if last.is_counted && event.class == Class::Counted {
                add(sums, event, last.standing.map(|(_, decision)| decision))
                    .map_err(|error| Failure::arithmetic(way.place, error.to_string()))?;
            }
        }
        if last.is_counted && event.class == Class::Counted {
            let by_all = standing(of_event, ALL).map(|verdict| verdict.decision);
            note(&mut otherwise, event, last.standing.map(|(_, decision)| decision), by_all)
                .map_err(|error| Failure::arithmetic(names::DERIVATION, error.to_string()))?;
        }
        let row = next_row(names::DERIVATION, &mut derivation)?;
        let campaign = &rows.lines[event.line as usize].campaign;
        let expected = derived(event, campaign, last);
        if !row.values().eq(expected) {
            let reason = format!(
                "line {} is not what follows for the event at {}: {}",
                row.line,
                show(event.position),
                in_words(&expected)
            );
            return Err(Failure::arithmetic(names::DERIVATION, reason));
        }
    }
    expect_no_row(names::DERIVATION, &mut derivation)?;
    Ok(Counted { sums, otherwise })
}

/// Takes in how an event was billed, and how it would be.
fn note(
    otherwise: &mut Otherwise,
    event: &Event,
    billed: Option<Decision>,
    by_all: Option<Decision>,
) -> Result<(), Overflow> {
    let category = |decision: Option<Decision>| decision.and_then(Decision::category);
    let (billed, by_all) = (category(billed), category(by_all));
    let price = |category: Option<Category>| if category.is_none() { i128::from(event.price) } else { 0 };
    otherwise.clicks += u64::from(billed != by_all);
    otherwise.micros = plus(otherwise.micros, less(price(billed), price(by_all))?)?;
    Ok(())
}

/// The verdicts about an event, of those that ascend by target.
fn take_of<'v>(position: i64, rest: &mut &'v [Verdict]) -> &'v [Verdict] {
    let begin = rest.iter().take_while(|verdict| verdict.target < position).count();
    let of_event = rest[begin..].iter().take_while(|verdict| verdict.target == position).count();
    let (found, behind) = rest[begin..].split_at(of_event);
    *rest = behind;
    found
}

fn ruled(way: &Way<'_>, event: &Event, verdicts: &[Verdict]) -> Result<Ruled, Failure> {
    let Some(known) = way.known[usize::from(event.hour)] else {
        return Ok(Ruled { standing: None, is_counted: false });
    };
    let at_least = way.known_at_least[usize::from(event.hour)];
    let unknown = |verdict: &&Verdict| verdict.position < at_least && !verdict.is_known(known);
    if event.class == Class::Counted
        && let Some(unknown) = verdicts.iter().find(unknown)
    {
        let reason = format!(
            "it does not know verdict {} about {}, which was signed when it was made, and does not say so",
            show(unknown.position),
            show(event.position)
        );
        return Err(Failure::arithmetic(way.place, reason));
    }
    let found = standing(verdicts, known);
    if let (Some(found), Known::Live(before)) = (found, known)
        && before.is_none_or(|before| found.position >= before)
    {
        let reason = format!(
            "it says that the live judge had ruled nothing from {} on about its hour, and verdict {} is about {}",
            before.map_or_else(|| "the beginning".to_owned(), show),
            show(found.position),
            show(event.position)
        );
        return Err(Failure::arithmetic(way.place, reason));
    }
    Ok(Ruled { standing: found.map(|found| (found.position, found.decision)), is_counted: true })
}

fn add(sums: &mut Sums, event: &Event, standing: Option<Decision>) -> Result<(), Overflow> {
    sums.lines[event.line as usize].add_click(event.price, standing)?;
    sums.hours[usize::from(event.hour)].add_click(event.price, standing)
}

/// The row of the derivation.
fn derived<'r>(event: &Event, campaign: &'r str, ruled: Ruled) -> [Value<'r>; 5] {
    let is_line = ruled.is_counted && event.class == Class::Counted;
    let counts_as = match (event.class, ruled.is_counted, ruled.standing) {
        (Class::NotAClick, _, _) => "not_a_click",
        (Class::OutsidePeriod, _, _) => "outside_period",
        (Class::OtherCurrency, _, _) => "other_currency",
        (Class::OtherCampaign, _, _) => "other_campaign",
        (Class::Counted, false, _) => "outside_basis",
        (Class::Counted, true, None | Some((_, Decision::Valid))) => "billable",
        (Class::Counted, true, Some((_, Decision::Invalid(category)))) => category.as_str(),
    };
    let micros = if is_line && counts_as == "billable" { event.price } else { 0 };
    [
        Value::Int(event.position),
        Value::Text(counts_as),
        ruled.standing.map_or(Value::Null, |(position, _)| Value::Int(position)),
        if is_line { Value::Text(campaign) } else { Value::Null },
        Value::Int(micros),
    ]
}

fn in_words(row: &[Value<'_>]) -> String {
    let mut line = Vec::new();
    crate::bundle::table::write_row(row.iter().copied(), &mut line).expect("memory takes everything");
    String::from_utf8_lossy(&line).trim_end().to_owned()
}

/// Sums of lines as usage: by campaign, of one currency.
pub(super) fn usage(rows: &Rows, sums: &Sums, currency: &str) -> BTreeMap<String, Counts> {
    let of_currency = rows.lines.iter().zip(&sums.lines).filter(|(key, _)| key.currency == currency);
    of_currency.filter(|(_, counts)| !counts.is_zero()).map(|(key, counts)| (key.campaign.clone(), *counts)).collect()
}
