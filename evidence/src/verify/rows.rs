//! Step 5: the events are leaves of the hours' trees, and none of the advertiser's is left out.
//!
//! In each hour the tree of advertisers says which leaves are the advertiser's. If all of its events are there, exactly
//! these are shown. If only some campaigns are, an event may be hidden between two that are shown and whose campaigns
//! leave no room for one that was asked for: the rows of an advertiser in a part are sorted by campaign.

use std::{collections::HashMap, ops::Range};

use super::{
    failure::Failure,
    manifest::{Manifest, show},
    opened::{Opened, expect_end, expect_no_row, next_row},
    people::People,
    shares::Shares,
    subject::{Asked, Scope},
};
use crate::{
    bundle::{
        columns::{ROWS, at::rows},
        names,
        proof::{self, Leaf},
        table::{self, Row},
        zip::EntryReader,
    },
    hash::LeafData,
    row,
};

/// The kind of event that is billed.
const CLICK: &str = "click";

/// Why an event is not counted, or that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Counted,
    NotAClick,
    OutsidePeriod,
    OtherCurrency,
    /// It stands beside those of the campaigns that were asked for.
    OtherCampaign,
}

/// An event, as much of it as is needed behind this step: 24 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) position: i64,
    pub(super) price: i64,
    /// Its line: a place in [`Rows::lines`].
    pub(super) line: u32,
    /// Its hour: a place in the manifests of clicks.
    pub(super) hour: u16,
    pub(super) class: Class,
}

/// A campaign in a currency.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct LineKey {
    pub(super) currency: String,
    pub(super) campaign: String,
}

/// The events of the bundle, by position.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) events: Vec<Event>,
    pub(super) lines: Vec<LineKey>,
    /// Hours in which the advertiser has rows.
    pub(super) present: u64,
    /// Hours in which it has none, as was proved.
    pub(super) absent: u64,
    /// Whether personal columns were asked for.
    pub(super) with_people: bool,
    /// Rows whose personal columns are there.
    pub(super) people: u64,
}

/// Lines by their key.
#[derive(Debug, Default)]
struct Lines {
    known: HashMap<LineKey, u32>,
    keys: Vec<LineKey>,
    last: u32,
}

impl Lines {
    fn number(&mut self, currency: &str, campaign: &str) -> Result<u32, Failure> {
        // Rows of one campaign stand together.
        let last = self.keys.get(self.last as usize);
        if last.is_some_and(|key| key.currency == currency && key.campaign == campaign) {
            return Ok(self.last);
        }
        let key = LineKey { currency: currency.to_owned(), campaign: campaign.to_owned() };
        let next = u32::try_from(self.keys.len());
        let next = next.map_err(|_| Failure::integrity(names::ROWS, "it has more campaigns than can be counted"))?;
        self.last = *self.known.entry(key.clone()).or_insert(next);
        if self.last == next {
            self.keys.push(key);
        }
        Ok(self.last)
    }
}

/// Reads rows, and the proofs beside them, hour by hour.
struct Reading<'r, 's> {
    scope: &'r Scope,
    table: table::Reader<EntryReader<'s>>,
    proof: EntryReader<'s>,
    lines: Lines,
    events: Vec<Event>,
    leaf: LeafData,
}

/// Checks all events of the hours that are asked for.
pub(super) fn check(opened: &Opened<'_>, clicks: &[Manifest], scope: &Scope) -> Result<Rows, Failure> {
    let mut shares = Shares::open(opened, scope)?;
    let mut people = People::open(opened)?;
    let mut reading = Reading {
        scope,
        table: opened.table(names::ROWS, &ROWS)?,
        proof: opened.reader(names::PROOF_ROWS)?,
        lines: Lines::default(),
        events: Vec::new(),
        leaf: LeafData::default(),
    };
    let mut rows = Rows::default();
    for (index, manifest) in clicks.iter().enumerate().filter(|(_, manifest)| scope.shows(manifest)) {
        let hour = u16::try_from(index).expect("a bundle has fewer files");
        let runs = shares.of(manifest)?;
        if runs.is_empty() {
            rows.absent += 1;
            continue;
        }
        rows.present += 1;
        let from = reading.events.len();
        let leaves = reading.hour(hour, manifest, &runs)?;
        check_positions(manifest, &mut reading.events[from..])?;
        if let Some(people) = &mut people {
            people.hour(manifest, &leaves)?;
        }
    }
    shares.end()?;
    expect_no_row(names::ROWS, &mut reading.table)?;
    expect_end(names::PROOF_ROWS, &mut reading.proof)?;
    rows.with_people = people.is_some();
    rows.people = people.map_or(Ok(0), People::end)?;
    if let Asked::Event(position) = scope.asked
        && !matches!(reading.events.as_slice(), [event] if event.position == position)
    {
        let reason = format!("it does not have the event at {} alone", show(position));
        return Err(Failure::incomplete(names::ROWS, reason));
    }
    // Hours follow each other in the log, so their events do.
    rows.events = reading.events;
    rows.lines = reading.lines.keys;
    Ok(rows)
}

/// Sorts the events of an hour; none may be there twice, and all must be of its frames.
fn check_positions(manifest: &Manifest, events: &mut [Event]) -> Result<(), Failure> {
    events.sort_unstable_by_key(|event| event.position);
    let within = manifest.positions();
    let outside = events.iter().find(|event| !within.contains(&event.position));
    let twice = events.windows(2).find(|pair| pair[0].position == pair[1].position).map(|pair| &pair[0]);
    match (outside, twice) {
        (Some(event), _) => {
            let reason = format!("{} is not a position of the frames of {}", show(event.position), manifest.hour);
            Err(Failure::integrity(names::ROWS, reason))
        }
        (None, Some(event)) => {
            Err(Failure::integrity(names::ROWS, format!("the event at {} is there twice", show(event.position))))
        }
        (None, None) => Ok(()),
    }
}

impl Reading<'_, '_> {
    /// Reads the rows of an hour that has some of the advertiser: leaves with positions, in the order of the leaves.
    fn hour(&mut self, hour: u16, manifest: &Manifest, runs: &[Range<u64>]) -> Result<Vec<(u64, i64)>, Failure> {
        let Self { scope, table, proof, lines, events, leaf: data } = self;
        let (mut leaves, from) = (Vec::new(), events.len());
        let root = proof::read_root::<Failure>(manifest.rows, proof, &mut |index, leaf| {
            if leaf != Leaf::Shown {
                return Err(Failure::integrity(names::PROOF_ROWS, "it has leaves of verdicts"));
            }
            let row = next_row(names::ROWS, table)?;
            let run = runs.partition_point(|run| run.end <= index);
            if runs.get(run).is_none_or(|run| index < run.start) {
                let reason = format!("line {} is not among the advertiser's rows of {}", row.line, manifest.hour);
                return Err(Failure::integrity(names::ROWS, reason));
            }
            let event = event(scope, lines, hour, &row)?;
            leaves.push((index, event.position));
            events.push(event);
            row.encode(row::Kind::Clicks, ROWS.len(), data.begin());
            Ok(data.hash())
        });
        let root = root.map_err(|failure| failure.or_at(names::PROOF_ROWS))?;
        if root != manifest.trees().rows.root {
            let reason = format!("the rows of {} are not those that were sealed", manifest.hour);
            return Err(Failure::integrity(names::ROWS, reason));
        }
        let campaigns: Vec<&str> =
            events[from..].iter().map(|event| lines.keys[event.line as usize].campaign.as_str()).collect();
        let shown = Shown { scope, manifest, leaves: &leaves, campaigns: &campaigns };
        runs.iter().try_for_each(|run| shown.check(run))?;
        Ok(leaves)
    }
}

fn event(scope: &Scope, lines: &mut Lines, hour: u16, row: &Row<'_>) -> Result<Event, Failure> {
    if row.text(rows::ADVERTISER) != scope.advertiser {
        let reason = format!("line {} is an event of {:?}", row.line, row.text(rows::ADVERTISER));
        return Err(Failure::integrity(names::ROWS, reason));
    }
    let (currency, campaign) = (row.text(rows::CURRENCY), row.text(rows::CAMPAIGN));
    let class = if row.text(rows::KIND) != CLICK {
        Class::NotAClick
    } else if !scope.period.contains(&row.int(rows::EVENT_TIME)) {
        Class::OutsidePeriod
    } else if scope.currency.as_deref().is_some_and(|asked| asked != currency) {
        Class::OtherCurrency
    } else if !scope.has_campaign(campaign) {
        Class::OtherCampaign
    } else {
        Class::Counted
    };
    let line = lines.number(currency, campaign)?;
    Ok(Event { position: row.int(rows::POSITION), price: row.int(rows::PRICE), line, hour, class })
}

/// Which leaves of an hour are shown, and whether those between them may be hidden.
struct Shown<'r> {
    scope: &'r Scope,
    manifest: &'r Manifest,
    /// The leaves that are shown, ascending.
    leaves: &'r [(u64, i64)],
    /// Their campaigns.
    campaigns: &'r [&'r str],
}

impl Shown<'_> {
    /// Checks a run of the advertiser.
    fn check(&self, run: &Range<u64>) -> Result<(), Failure> {
        let first = self.leaves.partition_point(|(leaf, _)| *leaf < run.start);
        let last = self.leaves.partition_point(|(leaf, _)| *leaf < run.end);
        let (mut next, mut least) = (run.start, None);
        for ((leaf, _), campaign) in self.leaves[first..last].iter().zip(&self.campaigns[first..last]) {
            if *leaf != next {
                self.check_hidden(next, least, Some(campaign))?;
            }
            if self.scope.campaigns.is_some() && least.is_some_and(|least| least > *campaign) {
                let reason = format!("rows of {} are out of order: parts are sorted by campaign", self.manifest.hour);
                return Err(Failure::integrity(names::ROWS, reason));
            }
            (next, least) = (leaf + 1, Some(*campaign));
        }
        if next < run.end { self.check_hidden(next, least, None) } else { Ok(()) }
    }

    /// Whether rows may be hidden between one of a campaign and one of another.
    fn check_hidden(&self, leaf: u64, least: Option<&str>, greatest: Option<&str>) -> Result<(), Failure> {
        // They ascend: the first that is not before the gap is in it, or none is.
        let may_be = |campaigns: &[String]| {
            let first = campaigns.partition_point(|asked| least.is_some_and(|least| asked.as_str() < least));
            campaigns.get(first).is_some_and(|asked| greatest.is_none_or(|most| asked.as_str() <= most))
        };
        let left_out = match (&self.scope.asked, &self.scope.campaigns) {
            (Asked::Event(_), _) => false,
            (_, Some(campaigns)) => may_be(campaigns),
            (_, None) => true,
        };
        match left_out {
            true => Err(Failure::incomplete(
                names::PROOF_ROWS,
                format!("rows of the advertiser from leaf {leaf} of {} on are hidden", self.manifest.hour),
            )),
            false => Ok(()),
        }
    }
}
