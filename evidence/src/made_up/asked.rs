//! What a made-up bundle is about: the invoice of its dossier, or events of the same advertiser.

use super::{
    dossier::Dossier,
    ledger::{Basis, Knows},
    rows::Verdict,
};
use crate::bundle::{
    contents::{Kind, Subject},
    time::{Hour, Instant},
};

/// What a bundle is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Asked {
    /// The invoice with its notes.
    #[default]
    Invoice,
    /// The advertiser's events of a range of time.
    Events(Instant, Instant),
    /// The event at a position.
    Event(i64),
}

impl Dossier {
    /// All events of the period of the invoice.
    pub fn events(&self) -> Asked {
        let (from, to) = self.bases[0].period;
        Asked::Events(from, to)
    }

    /// An event of the advertiser about which something was ruled, if there is one.
    pub fn ruled_event(&self) -> Option<Asked> {
        let events = self.world.clicks.iter().flat_map(|hour| hour.parts.iter().flatten());
        let mut own = events.filter(|event| event.advertiser == self.advertiser);
        own.find(|event| !self.world.about(event.position).is_empty()).map(|event| Asked::Event(event.position))
    }

    /// Whether somebody ruled after the live judge about a click that the first document bills, before that was made on
    /// a head that was signed.
    pub fn is_overruled(&self) -> bool {
        let basis = &self.bases[0];
        let end = self.world.verdicts[basis.hours.1].end;
        let events = basis.known.keys().flat_map(|place| self.world.clicks[*place].parts.iter().flatten());
        let mut counted = events.filter(|event| {
            event.advertiser == self.advertiser
                && event.kind == "click"
                && event.currency == "EUR"
                && (basis.period.0.0..basis.period.1.0).contains(&event.event_time)
        });
        let is_later = |verdict: &Verdict| verdict.stage != "live" && verdict.position < end;
        let has_head = self.stands_on.first().is_some_and(|size| *size == 2 * (basis.hours.1 as u64 + 1));
        has_head && counted.any(|event| self.world.about(event.position).iter().any(is_later))
    }

    /// Of a dossier whose bases know no verdict: the clicks that its last document bills and that are invalid by all
    /// verdicts, and what they cost.
    pub fn invalid_clicks(&self) -> (u64, i128) {
        let basis = self.bases.last().expect("there is a document");
        let all = Basis {
            known: basis.known.keys().map(|place| (*place, Knows::Before(i64::MAX))).collect(),
            ..basis.clone()
        };
        let sum = |basis: &Basis| basis.tally(&self.world, &self.advertiser).0.into_values();
        let billable = |basis: &Basis| sum(basis).map(|tally| (tally.billable, tally.spend_micros));
        let add = |(clicks, micros): (i64, i128), one: (i64, i128)| (clicks + one.0, micros + one.1);
        let (billed, owed) = (billable(basis).fold((0, 0), add), billable(&all).fold((0, 0), add));
        (u64::try_from(billed.0 - owed.0).expect("by fewer verdicts more is billed"), billed.1 - owed.1)
    }

    /// The places of the first and the last hour of clicks that are there.
    pub(super) fn places(&self, asked: &Asked) -> (usize, usize) {
        let place = |hour: Hour| self.world.clicks.iter().position(|sealed| sealed.hour == hour);
        match asked {
            Asked::Invoice => {
                let hours = || self.bases.iter().map(|basis| basis.hours);
                let first = hours().map(|hours| hours.0).min();
                (first.unwrap_or_default(), hours().map(|hours| hours.1).max().unwrap_or_default())
            }
            Asked::Events(from, _) => (place(Hour::of(*from)).unwrap_or_default(), self.world.clicks.len() - 1),
            Asked::Event(position) => {
                let place = self.world.clicks.iter().position(|hour| *position < hour.end).unwrap_or_default();
                (place, place)
            }
        }
    }

    /// The places of the hours whose rows are there.
    pub(super) fn with_rows(&self, asked: &Asked) -> Vec<usize> {
        let (first, last) = self.places(asked);
        let reaches = |place: &usize| match asked {
            Asked::Invoice => self.bases.iter().any(|basis| basis.known.contains_key(place)),
            Asked::Events(from, to) => self.world.clicks[*place].reaches(*from, *to),
            Asked::Event(_) => true,
        };
        (first..=last).filter(|place| !self.world.clicks[*place].leaves.is_empty()).filter(reaches).collect()
    }

    /// What the derivation counts by: the basis of the last document, or all verdicts.
    pub(super) fn counted_by(&self, asked: &Asked) -> Basis {
        let period = match asked {
            Asked::Invoice => return self.bases.last().expect("there is a document").clone(),
            Asked::Events(from, to) => (*from, *to),
            Asked::Event(_) => (Instant(i64::MIN), Instant(i64::MAX)),
        };
        let places = 0..self.world.clicks.len();
        let known = places.clone().map(|place| (place, Knows::Before(i64::MAX))).collect();
        Basis { stale: Vec::new(), period, hours: (places.start, places.end), known, text: Vec::new() }
    }

    /// The subject of a bundle.
    pub(super) fn subject(&self, asked: &Asked, campaigns: Option<&[String]>) -> Subject {
        let (kind, range, position) = match *asked {
            Asked::Invoice => (Kind::Invoice, None, None),
            Asked::Events(from, to) => (Kind::Events, Some((from, to)), None),
            Asked::Event(position) => (Kind::Event, None, Some(position)),
        };
        Subject {
            kind,
            advertiser_id: self.advertiser.clone(),
            document: (kind == Kind::Invoice).then(|| "INV-00000001".to_owned()),
            campaigns: campaigns.map(<[String]>::to_vec),
            from: range.map(|(from, _)| from),
            to: range.map(|(_, to)| to),
            position,
        }
    }
}
