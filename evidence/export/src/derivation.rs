//! What each event counts as, by which verdict and in which line: what verifiers compute again.

use std::{collections::BTreeMap, io};

use clicktrail_billing::basis::{Basis, Read};
use clicktrail_evidence::{
    bundle::{columns::DERIVATION, names},
    row::Value,
};
use clicktrail_log::{position::Position, time::Hour};
use clicktrail_verdicts::verdict::{Category, Decision, Stage};

use crate::{
    clicks::{Event, Shown},
    scope::Class,
    staging::Staging,
    verdicts::Said,
};

/// Which verdicts are known of the events of an hour.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// All that are there.
    All,
    /// Those of every stage before this position.
    Before(Position),
    /// Those of the live judge.
    Live,
}

/// How events are counted: as the last basis says, or by everything that was ruled.
#[derive(Debug)]
pub(crate) struct Counting(Option<BTreeMap<Hour, Known>>);

impl Counting {
    /// By everything that was ruled.
    pub(crate) fn of_all() -> Self {
        Self(None)
    }

    /// As a basis says.
    pub(crate) fn of_basis(basis: &Basis) -> Self {
        let known = |read: &Read| (read.hour, read.knows_before.map_or(Known::Live, Known::Before));
        Self(Some(basis.segments().iter().map(known).collect()))
    }

    /// What is known of an hour's events; `None`: the hour is not counted.
    fn of(&self, hour: Hour) -> Option<Known> {
        self.0.as_ref().map_or(Some(Known::All), |hours| hours.get(&hour).copied())
    }
}

/// Writes the table. `said` ascend by target.
pub(crate) fn stage(shown: &Shown, said: &[Said], counting: &Counting, staging: &mut Staging) -> io::Result<()> {
    staging.begin_table(names::DERIVATION, &DERIVATION)?;
    let mut rest = said;
    for event in &shown.events {
        let first = rest.partition_point(|said| said.target < event.position);
        let behind = rest.partition_point(|said| said.target <= event.position);
        let (of_event, behind) = (&rest[first..behind], &rest[behind..]);
        let known = counting.of(event.hour);
        let stands = known.and_then(|known| standing(of_event, known));
        staging.row(names::DERIVATION, row(event, &shown.campaigns[event.campaign], known.is_some(), stands))?;
        rest = behind;
    }
    Ok(())
}

fn standing(said: &[Said], known: Known) -> Option<&Said> {
    let is_known = |said: &&Said| match known {
        Known::All => true,
        Known::Before(before) => said.position < before,
        Known::Live => said.stage == Stage::Live,
    };
    said.iter().filter(is_known).max_by_key(|said| said.rank)
}

fn row<'r>(event: &Event, campaign: &'r str, is_counted: bool, stands: Option<&Said>) -> [Value<'r>; 5] {
    let is_line = is_counted && event.class == Class::Counted;
    let category = stands.and_then(|said| match said.decision {
        Decision::Valid => None,
        Decision::Invalid => said.category.map(Category::as_str),
    });
    let counts_as = match event.class {
        Class::NotAClick => "not_a_click",
        Class::OutsidePeriod => "outside_period",
        Class::OtherCurrency => "other_currency",
        Class::OtherCampaign => "other_campaign",
        Class::Counted if !is_counted => "outside_basis",
        Class::Counted => category.unwrap_or("billable"),
    };
    let is_billed = is_line && category.is_none();
    [
        Value::Int(event.position.as_i64()),
        Value::Text(counts_as),
        stands.map_or(Value::Null, |said| Value::Int(said.position.as_i64())),
        if is_line { Value::Text(campaign) } else { Value::Null },
        Value::Int(if is_billed { event.price } else { 0 }),
    ]
}
