//! What a made-up bundle is about: the invoice of its dossier, or events of the same advertiser.

use super::{
    dossier::Dossier,
    evidence::Wanted,
    ledger::{Basis, Knows},
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
        Basis { period, hours: (places.start, places.end), known, text: Vec::new() }
    }

    /// The subject of a bundle.
    pub(super) fn subject(&self, wanted: &Wanted) -> Subject {
        let (kind, range, position) = match wanted.asked {
            Asked::Invoice => (Kind::Invoice, None, None),
            Asked::Events(from, to) => (Kind::Events, Some((from, to)), None),
            Asked::Event(position) => (Kind::Event, None, Some(position)),
        };
        Subject {
            kind,
            advertiser_id: self.advertiser.clone(),
            document: (kind == Kind::Invoice).then(|| "INV-00000001".to_owned()),
            campaigns: wanted.campaigns.clone(),
            from: range.map(|(from, _)| from),
            to: range.map(|(_, to)| to),
            position,
        }
    }
}
