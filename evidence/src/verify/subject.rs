//! What is asked of the rows: whose they are, which of them count, and in which hours they must be.

use std::{collections::BTreeSet, ops::Range};

use super::{
    dossier::Dossier,
    failure::Failure,
    logged::Logged,
    manifest::{Manifest, show},
};
use crate::bundle::{
    contents::{Kind, Subject},
    names,
    time::Hour,
};

/// Which question a bundle answers.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    /// An invoice: the hours that its bases count.
    Invoice(BTreeSet<Hour>),
    /// All of an advertiser's events of a range of time.
    Events,
    /// The event at a position.
    Event(i64),
}

/// Which rows count.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) advertiser: String,
    pub(super) asked: Asked,
    /// Only these are there; `None`: all.
    pub(super) campaigns: Option<Vec<String>>,
    /// Event times.
    pub(super) period: Range<i64>,
    /// Only events in it count; `None`: in any.
    pub(super) currency: Option<String>,
}

impl Scope {
    pub(super) fn of(subject: &Subject, dossier: Option<&Dossier>) -> Self {
        let (advertiser, campaigns) = (subject.advertiser_id.clone(), subject.campaigns.clone());
        let always = i64::MIN..i64::MAX;
        let (asked, period, currency) = match (subject.kind, dossier) {
            (Kind::Invoice, Some(dossier)) => {
                let content = &dossier.documents[0].content;
                let period = content.period.from.0..content.period.to.0;
                (Asked::Invoice(dossier.counted_hours()), period, Some(content.bill.currency.clone()))
            }
            (Kind::Invoice | Kind::Events, _) => {
                let period = subject.from.map_or(i64::MIN, |from| from.0)..subject.to.map_or(i64::MAX, |to| to.0);
                (Asked::Events, period, None)
            }
            (Kind::Event, _) => (Asked::Event(subject.position.unwrap_or_default()), always, None),
        };
        Self { advertiser, asked, campaigns, period, currency }
    }

    /// Whether the advertiser's rows of an hour must be there, or a proof that there are none.
    pub(super) fn shows(&self, manifest: &Manifest) -> bool {
        manifest.rows > 0
            && match &self.asked {
                Asked::Invoice(hours) => hours.contains(&manifest.hour),
                Asked::Events => manifest.parts.iter().any(|part| part.may_hold(&self.period)),
                Asked::Event(_) => true,
            }
    }

    pub(super) fn has_campaign(&self, campaign: &str) -> bool {
        let is_asked =
            |campaigns: &Vec<String>| campaigns.binary_search_by(|asked| asked.as_str().cmp(campaign)).is_ok();
        self.campaigns.as_ref().is_none_or(is_asked)
    }

    /// Checks that the hours of clicks are those in which such events were logged: of a range of time all up to the end
    /// of the log, because events may have come late.
    pub(super) fn check_clicks(&self, logged: &Logged) -> Result<(), Failure> {
        let clicks = logged.clicks.as_slice();
        let (Some(first), Some(last)) = (clicks.first(), clicks.last()) else {
            return Err(Failure::incomplete(names::BUNDLE, "it has no hour of clicks"));
        };
        if let Asked::Event(position) = self.asked {
            let is_there = clicks.len() == 1 && first.positions().contains(&position);
            let reason = || format!("{} is not in the hour that is there", show(position));
            return if is_there { Ok(()) } else { Err(Failure::incomplete(names::BUNDLE, reason())) };
        }
        let from = Hour::of(crate::bundle::time::Instant(self.period.start));
        let to = Hour::of(crate::bundle::time::Instant(self.period.end.saturating_sub(1)));
        if first.hour > from && first.previous.is_some() {
            let reason = format!("it begins with {}, and events of {from} are asked for", first.hour);
            return Err(Failure::incomplete(names::BUNDLE, reason));
        }
        if last.hour < to {
            let reason = format!("it ends with {}, and events of {to} are asked for", last.hour);
            return Err(Failure::incomplete(names::BUNDLE, reason));
        }
        match &self.asked {
            Asked::Events => ends_with_the_log("clicks", logged.last_clicks, last.hour),
            Asked::Invoice(_) | Asked::Event(_) => Ok(()),
        }
    }

    /// Checks that hours of verdicts begin with those of clicks, and reach to the end of the log, to the last hour
    /// whose events are there, and as far as verdicts must be known: before `horizon`.
    pub(super) fn check_verdicts(&self, logged: &Logged, horizon: Option<i64>) -> Result<(), Failure> {
        let (clicks, verdicts) = (logged.clicks.as_slice(), logged.verdicts.as_slice());
        if let Some(last) = verdicts.last() {
            ends_with_the_log("verdicts", logged.last_verdicts, last.hour)?;
        }
        let shown = || clicks.iter().filter(|manifest| self.shows(manifest));
        let (Some(first_event), Some(last_event)) = (shown().next(), shown().next_back()) else { return Ok(()) };
        let (Some(first), Some(last)) = (verdicts.first(), verdicts.last()) else {
            return match horizon.is_some_and(|horizon| horizon > FIRST_POSITION) {
                true => Err(Failure::incomplete(names::BUNDLE, "it has no hours of verdicts, and verdicts are known")),
                false => Ok(()),
            };
        };
        if first.hour > first_event.hour && first.previous.is_some() {
            let reason = format!("hours of verdicts begin with {}, and events with {}", first.hour, first_event.hour);
            return Err(Failure::incomplete(names::BUNDLE, reason));
        }
        if last.hour < last_event.hour {
            let reason = format!("hours of verdicts end with {}, and events with {}", last.hour, last_event.hour);
            return Err(Failure::incomplete(names::BUNDLE, reason));
        }
        let end = last.positions().end;
        match horizon.filter(|horizon| *horizon > end) {
            Some(horizon) => {
                let (horizon, end) = (show(horizon), show(end));
                let reason = format!("verdicts before {horizon} are known, and those from {end} on are not there");
                Err(Failure::incomplete(names::BUNDLE, reason))
            }
            None => Ok(()),
        }
    }
}

/// Checks that hours of a stream go on to the last that the log has: what came late or was ruled later is in them.
fn ends_with_the_log(stream: &str, logged: Option<Hour>, last: Hour) -> Result<(), Failure> {
    match logged.filter(|logged| *logged != last) {
        None => Ok(()),
        Some(logged) => {
            let reason = format!("its hours of {stream} end with {last}, and the log has more, up to {logged}");
            Err(Failure::incomplete(names::BUNDLE, reason))
        }
    }
}

/// The first position of a log.
const FIRST_POSITION: i64 = 1 << 56 | 1 << 16;
