//! `impossible_travel`: a user at two places, faster than anybody travels.
//!
//! A click is compared with the user's last event in the log that was at another place: impressions count too. So a
//! user costs one record, however much the user does, and every event at the far end of the jump is found, not only
//! the first.

use std::{collections::HashMap, sync::Arc};

use clicktrail_log::event::Kind;

use super::{
    Hits, State, View,
    chains::{BLOCK, Chains, NONE, Record},
    frames::{FrameId, Frames, Origin},
    millis,
};
use crate::{
    ruleset::{
        address::Address,
        places::{Place, Places},
    },
    verdict::Evidence,
};

const MICROS_PER_HOUR: u128 = 3_600_000_000;
const METRES_PER_KM: u64 = 1000;
/// Places remembered by address: a cache, so it never changes what is found; full, it begins anew. Asking the
/// database costs a microsecond, and nine events of ten come from an address seen before.
const CACHED_MAX: usize = 400_000;

/// A user's last event at a place.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed(4))]
struct Sight {
    time: i64,
    frame: FrameId,
    place: Place,
    row: u16,
}

/// A user's last two places.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed(4))]
struct Traveller {
    user: u64,
    older: u32,
    last: Sight,
    /// At another place than `last`; the same event where there was none.
    before: Sight,
}

impl Record for Traveller {
    fn hash(&self) -> u64 {
        self.user
    }

    fn link(&mut self, index: u32, _newest: Option<&Self>) {
        self.older = index;
    }
}

#[derive(Debug)]
struct Rule {
    index: usize,
    speed_kmh_max: u32,
    distance_km_min: u32,
}

/// One database with the rules that use it. A ruleset may name several; then each has its own travellers.
#[derive(Debug)]
struct Atlas {
    places: Arc<Places>,
    rules: Vec<Rule>,
    travellers: Chains<Traveller>,
    cache: HashMap<Address, Option<Place>>,
}

/// Users by their last places.
#[derive(Debug, Default)]
pub(super) struct ImpossibleTravel {
    atlases: Vec<Atlas>,
}

impl ImpossibleTravel {
    pub(super) fn add(&mut self, index: usize, places: &Arc<Places>, speed_kmh_max: u32, distance_km_min: u32) {
        let rule = Rule { index, speed_kmh_max, distance_km_min };
        match self.atlases.iter_mut().find(|atlas| atlas.places.name() == places.name()) {
            Some(atlas) => atlas.rules.push(rule),
            None => self.atlases.push(Atlas {
                places: Arc::clone(places),
                rules: vec![rule],
                travellers: Chains::new(),
                cache: HashMap::new(),
            }),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.atlases.is_empty()
    }
}

impl State for ImpossibleTravel {
    fn name(&self) -> &'static str {
        "impossible_travel"
    }

    fn pass(&mut self, view: &View<'_>, hits: &mut Hits) {
        let rows = view.rows;
        let mut seen = Vec::with_capacity(BLOCK);
        for from in (0..rows.len()).step_by(BLOCK) {
            let block = from..rows.len().min(from + BLOCK);
            seen.clear();
            seen.extend(block.filter_map(|row| match rows.kinds[row] {
                Kind::Click | Kind::Impression => Some((row, rows.user(row)?, rows.address(row)?)),
                // Reported by servers, or by nobody in particular.
                Kind::Conversion | Kind::Probe | Kind::Prefetch => None,
            }));
            for atlas in &mut self.atlases {
                atlas.travellers.touch(seen.iter().map(|(_, user, _)| *user));
                for &(row, user, address) in &seen {
                    atlas.see(view, row, (user, address), hits);
                }
            }
        }
    }

    fn forget(&mut self, frames: &Frames, cut_micros: i64) {
        let is_kept = |sight: Sight| frames.logged_micros(sight.frame) > cut_micros;
        for atlas in &mut self.atlases {
            atlas.travellers.retain(|traveller| {
                let (last, before) = (traveller.last, traveller.before);
                if is_kept(last) && !is_kept(before) {
                    traveller.before = last;
                }
                // Logged times may run backwards, so that `before` outlives `last`; then both stay, because the
                // user's last place is still what it was.
                is_kept(last) || is_kept(before)
            });
        }
    }

    fn bytes(&self) -> usize {
        let of = |atlas: &Atlas| {
            atlas.travellers.bytes() + atlas.cache.capacity() * (size_of::<(Address, Option<Place>)>() + 1)
        };
        self.atlases.iter().map(of).sum()
    }
}

impl Atlas {
    fn see(&mut self, view: &View<'_>, row: usize, (user, address): (u64, Address), hits: &mut Hits) {
        let Some(place) = self.find(address) else {
            return;
        };
        let Origin { frame, row: frame_row } = view.rows.origins[row];
        let sight = Sight { time: view.rows.times[row], frame, place, row: frame_row };
        let elsewhere = self.meet(user, sight);
        if view.rows.kinds[row] == Kind::Click && hits.are_wanted {
            self.ask(view, row, sight, elsewhere, hits);
        }
    }

    fn find(&mut self, address: Address) -> Option<Place> {
        if let Some(place) = self.cache.get(&address) {
            return *place;
        }
        if self.cache.len() >= CACHED_MAX {
            self.cache.clear();
        }
        let place = self.places.find(address);
        self.cache.insert(address, place);
        place
    }

    /// Remembers that `user` was seen; the last time at another place, if there was one.
    fn meet(&mut self, user: u64, sight: Sight) -> Option<Sight> {
        let mut at = self.travellers.newest(user);
        while at != NONE && self.travellers.get(at).user != user {
            at = self.travellers.get(at).older;
        }
        if at == NONE {
            self.travellers.push(Traveller { user, older: NONE, last: sight, before: sight });
            return None;
        }
        let traveller = self.travellers.get_mut(at);
        if traveller.last.place != sight.place {
            traveller.before = traveller.last;
        }
        let before = traveller.before;
        if before.place == sight.place {
            traveller.before = sight;
        }
        traveller.last = sight;
        (before.place != sight.place).then_some(before)
    }

    fn ask(&self, view: &View<'_>, row: usize, here: Sight, elsewhere: Option<Sight>, hits: &mut Hits) {
        let visible = elsewhere.filter(|sight| view.is_visible(sight.frame, row));
        let Some(there) = visible else {
            return;
        };
        let metres = { there.place }.metres_to(here.place);
        let gap = here.time.abs_diff(there.time);
        for rule in &self.rules {
            let is_far = metres >= u64::from(rule.distance_km_min) * METRES_PER_KM;
            let allowed = u128::from(rule.speed_kmh_max) * u128::from(METRES_PER_KM) * u128::from(gap);
            if !is_far || u128::from(metres) * MICROS_PER_HOUR <= allowed {
                continue;
            }
            let kilometres = i64::try_from((metres + METRES_PER_KM / 2) / METRES_PER_KM).unwrap_or(i64::MAX);
            hits.push(
                row,
                rule.index,
                [
                    ("previous", Evidence::Position(view.position(Origin { frame: there.frame, row: there.row }))),
                    ("distance_km", Evidence::Number(kilometres)),
                    ("gap_ms", millis(i64::try_from(gap).unwrap_or(i64::MAX))),
                    ("speed_kmh_max", Evidence::Number(i64::from(rule.speed_kmh_max))),
                ],
            );
        }
    }
}
