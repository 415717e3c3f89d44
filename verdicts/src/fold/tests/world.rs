//! A log for tests, event by event.

use std::{net::Ipv4Addr, path::Path, sync::Arc};

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray},
    compute::concat_batches,
};
use clicktrail_log::{
    event::{Event, Kind},
    position::{Epoch, Position, Seq},
    schema::{self, EventsBuilder},
};

use super::mmdb;
use crate::{
    fold::{Finding, Fold, Originals},
    ruleset::Ruleset,
};

pub(super) use crate::testing::event;

pub(super) const SECOND: i64 = 1_000_000;
/// 2023-11-14T22:13:20Z: late enough that times before it exist.
pub(super) const NOON: i64 = 1_700_000_000 * SECOND;

/// A ruleset of `rules` with two lists and a database at hand.
pub(super) fn ruleset(rules: &str) -> Arc<Ruleset> {
    let files = |path: &Path| match path.to_str().unwrap() {
        "list.txt" => Ok(b"# farms\n203.0.113.0/24\n".to_vec()),
        "bots.txt" => Ok(b"Evil\n".to_vec()),
        "city.mmdb" => Ok(mmdb::database(&[
            (Ipv4Addr::new(10, 1, 0, 0), 16, 52.52, 13.40),  // Berlin
            (Ipv4Addr::new(10, 2, 0, 0), 16, 48.86, 2.35),   // Paris
            (Ipv4Addr::new(10, 3, 0, 0), 16, 52.40, 13.06),  // Potsdam
            (Ipv4Addr::new(10, 4, 0, 0), 16, 40.71, -74.01), // New York
        ])),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let text = format!("version = 1\nname = \"test\"\n{rules}");
    Arc::new(Ruleset::parse(&text, &files).unwrap())
}

/// One rule and its parameters.
pub(super) fn rule(detector: &str, parameters: &str) -> Arc<Ruleset> {
    ruleset(&format!("[[rule]]\ndetector = \"{detector}\"\n{parameters}\n"))
}

/// An event with the logged time of its frame.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) row: u16,
    pub(super) logged: i64,
    pub(super) event: Event<'static>,
}

impl Entry {
    pub(super) fn position(&self) -> Position {
        Position::new(Epoch::FIRST, Seq::new(self.seq).unwrap(), self.row)
    }
}

/// A log of one-event frames, each logged when it happened.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) entries: Vec<Entry>,
}

impl World {
    pub(super) fn add(&mut self, event: Event<'static>) -> &mut Self {
        let logged = event.event_time.micros();
        self.add_logged(event, logged)
    }

    pub(super) fn add_logged(&mut self, event: Event<'static>, logged: i64) -> &mut Self {
        let seq = self.entries.len() as u64 + 1;
        self.entries.push(Entry { seq, row: 0, logged, event });
        self
    }

    pub(super) fn click(&mut self, id: &str, time: i64, change: impl FnOnce(&mut Event<'static>)) -> &mut Self {
        let mut click = event(Kind::Click, id, time);
        change(&mut click);
        self.add(click)
    }

    /// What folding the whole log in one batch finds.
    pub(super) fn findings(&self, ruleset: &Arc<Ruleset>) -> Vec<Finding> {
        Fold::new(Arc::clone(ruleset)).judge(&batch(&self.entries), &Originals::none()).unwrap()
    }

    /// The ids of what was found, each with its reasons as text.
    pub(super) fn found(&self, ruleset: &Arc<Ruleset>) -> Vec<(String, String)> {
        self.findings(ruleset).iter().map(|finding| (finding.event_id.clone(), reasons(finding))).collect()
    }
}

/// Reasons as a person would read them.
pub(super) fn reasons(finding: &Finding) -> String {
    use crate::verdict::Evidence;
    let evidence = |(name, value): &(String, Evidence)| match value {
        Evidence::Number(number) => format!("{name}={number}"),
        Evidence::Text(text) => format!("{name}={text}"),
        Evidence::Position(position) => format!("{name}={position}"),
    };
    let reason = |reason: &crate::verdict::Reason| {
        let evidence: Vec<_> = reason.evidence.iter().map(evidence).collect();
        format!("{}({})", reason.rule, evidence.join(" "))
    };
    finding.reasons.iter().map(reason).collect::<Vec<_>>().join(" ")
}

/// Rows as a reader of the log gives them.
pub(super) fn batch(entries: &[Entry]) -> RecordBatch {
    let mut builder = EventsBuilder::with_capacity(entries.len());
    entries.iter().for_each(|entry| builder.push(&entry.event));
    let events = builder.finish();
    let positions: Int64Array = entries.iter().map(|entry| entry.position().as_i64()).collect::<Vec<_>>().into();
    let logged: TimestampMicrosecondArray = entries.iter().map(|entry| entry.logged).collect::<Vec<_>>().into();
    let mut columns: Vec<ArrayRef> = vec![Arc::new(positions), Arc::new(logged.with_timezone("UTC"))];
    columns.extend(events.columns().iter().map(Arc::clone));
    let batch = RecordBatch::try_new(schema::read(), columns).unwrap();
    concat_batches(&schema::read(), [&batch]).unwrap()
}
