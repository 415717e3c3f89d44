//! `impossible_travel`: a user at two places, faster than anybody travels.
//!
//! A click is compared with the user's last event at another place, clicks and impressions alike. So a user costs one
//! record, however busy, and every click at the far end of a jump is found, not only the first. An event that is set
//! aside moves nobody: a scanner in a data centre that opens a user's link is not where the user is.

use std::{collections::HashMap, sync::Arc};

use clicktrail_log::{event::Kind, invariant};

use super::{
    bucket_lists::{BLOCK, BucketLists, Record},
    frames::{FrameId, Frames, Origin},
    hits::{Hits, millis},
    state::{CACHE_BYTES_MAX, State},
    view::View,
};
use crate::{
    ruleset::{
        address::Address,
        geo::{GeoDatabase, GeoPoint},
    },
    verdict::Evidence,
};

const MICROS_PER_HOUR: u128 = 3_600_000_000;
const MICROS_PER_SECOND: i64 = 1_000_000;
const METRES_PER_KM: u64 = 1000;
/// How many addresses are remembered with their place: asking the database costs a microsecond, and nine events of ten
/// come from an address seen before. This is a cache, so it never changes what is found. When it is full, it begins
/// anew.
const CACHED_MAX: usize = 400_000;

/// A user's last event at a place.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed(4))]
struct Sight {
    time: i64,
    frame: FrameId,
    place: GeoPoint,
    row: u16,
}

/// A user's last two places.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed(4))]
struct Traveller {
    user: u64,
    older: u32,
    last: Sight,
    /// The last event at another place than `last`; `last` itself where there was none.
    before: Sight,
}

const _: () = assert!(size_of::<Traveller>() == 52, "a user costs one record, however busy");
const _: () = assert!(CACHED_MAX * size_of::<(Address, Option<GeoPoint>)>() <= CACHE_BYTES_MAX);

impl Record for Traveller {
    fn hash(&self) -> u64 {
        self.user
    }

    fn older(&self) -> u32 {
        self.older
    }

    fn link(&mut self, older: u32, _newest: Option<(&Self, i64)>) {
        self.older = older;
    }

    fn time(&self) -> i64 {
        0
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
    database: Arc<GeoDatabase>,
    rules: Vec<Rule>,
    travellers: BucketLists<Traveller>,
    cache: HashMap<Address, Option<GeoPoint>>,
}

/// Users by their last places.
#[derive(Debug, Default)]
pub(super) struct ImpossibleTravel {
    atlases: Vec<Atlas>,
}

impl ImpossibleTravel {
    pub(super) fn add(&mut self, index: usize, database: &Arc<GeoDatabase>, speed_kmh_max: u32, distance_km_min: u32) {
        let rule = Rule { index, speed_kmh_max, distance_km_min };
        match self.atlases.iter_mut().find(|atlas| atlas.database.name() == database.name()) {
            Some(atlas) => atlas.rules.push(rule),
            None => self.atlases.push(Atlas {
                database: Arc::clone(database),
                rules: vec![rule],
                travellers: BucketLists::new(),
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
                // Servers report conversions, and probes and prefetches come from no person.
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
        for atlas in &mut self.atlases {
            if frames.dated_back_micros() > 0 {
                atlas.travellers.date_back(frames.latest_micros());
            }
            atlas.travellers.forget(cut_micros, |traveller| {
                let logged = |sight: Sight| frames.logged_micros(sight.frame);
                // Where logged times run backwards, `before` may outlive `last`. Then both stay, because the user's
                // last place is still the last.
                let until = logged(traveller.last).max(logged(traveller.before));
                let is_only_last = logged(traveller.before) <= cut_micros;
                let before = if is_only_last { traveller.last } else { traveller.before };
                (until > cut_micros).then_some((Traveller { before, ..*traveller }, until))
            });
        }
    }

    fn bytes(&self) -> usize {
        let of = |atlas: &Atlas| {
            atlas.travellers.bytes() + atlas.cache.capacity() * (size_of::<(Address, Option<GeoPoint>)>() + 1)
        };
        self.atlases.iter().map(of).sum()
    }
}

impl Atlas {
    fn see(&mut self, view: &View<'_>, row: usize, (user, address): (u64, Address), hits: &mut Hits) {
        let Some(place) = self.find(address) else {
            return;
        };
        let (rows, logged) = (view.rows, view.rows.logged[row]);
        let Origin { frame, row: frame_row } = rows.origins[row];
        let sight = Sight { time: rows.times[row], frame, place, row: frame_row };
        let elsewhere = if view.is_aside(row) { self.elsewhere(user, sight) } else { self.meet(user, sight, logged) };
        if rows.kinds[row] == Kind::Click && hits.are_wanted {
            self.ask(view, row, sight, elsewhere, hits);
        }
    }

    fn find(&mut self, address: Address) -> Option<GeoPoint> {
        if let Some(place) = self.cache.get(&address) {
            return *place;
        }
        if self.cache.len() >= CACHED_MAX {
            self.cache.clear();
        }
        let place = self.database.find(address);
        self.cache.insert(address, place);
        invariant!(I14, self.cache.len() <= CACHED_MAX, "{} addresses are cached", self.cache.len());
        place
    }

    /// Where `user` is among the travellers.
    fn traveller(&self, user: u64) -> Option<u32> {
        let mut at = self.travellers.newest(user);
        while let Some(number) = at {
            let traveller = self.travellers.get(number);
            if traveller.user == user {
                break;
            }
            at = self.travellers.older(number, traveller);
        }
        at
    }

    /// The user's last event at another place than `sight`, if there was one.
    fn elsewhere(&self, user: u64, sight: Sight) -> Option<Sight> {
        let traveller = self.travellers.get(self.traveller(user)?);
        [traveller.last, traveller.before].into_iter().find(|other| other.place != sight.place)
    }

    /// Remembers where `user` is now, and returns the user's last event at another place, if there was one.
    fn meet(&mut self, user: u64, sight: Sight, logged: i64) -> Option<Sight> {
        let Some(at) = self.traveller(user) else {
            self.travellers.push(Traveller { user, older: 0, last: sight, before: sight }, logged);
            return None;
        };
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
        // Braces copy the field: a packed record lends no reference.
        let metres = { there.place }.metres_to(here.place);
        let gap = here.time.abs_diff(there.time);
        // A time in whole seconds may be up to one second off: whoever is too fast even so, is too fast.
        let is_coarse = [here.time, { there.time }].iter().any(|time| time % MICROS_PER_SECOND == 0);
        let gap_max = gap.saturating_add(if is_coarse { MICROS_PER_SECOND.unsigned_abs() } else { 0 });
        for rule in &self.rules {
            if metres < u64::from(rule.distance_km_min) * METRES_PER_KM {
                continue;
            }
            // Too fast means metres / gap > metres_allowed / hour. Multiplied out, nothing is divided: a gap may be
            // zero.
            let metres_allowed = u128::from(rule.speed_kmh_max) * u128::from(METRES_PER_KM);
            if u128::from(metres) * MICROS_PER_HOUR <= metres_allowed * u128::from(gap_max) {
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
