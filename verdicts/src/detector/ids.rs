//! `duplicate` and `click_injection`: both ask for the first event of an id.
//!
//! First means the earliest in the log that was logged within the look-back. For a duplicate, the archive may know an
//! earlier one still.

use std::collections::{HashMap, VecDeque};

use clicktrail_log::{event::Kind, invariant};

use super::{
    bucket_lists::{BLOCK, BucketLists, NONE, Record},
    frames::{FrameId, Frames, Origin},
    hits::{Hits, millis},
    rows::{Rows, optional},
    state::State,
    view::View,
};
use crate::{kinds::Kinds, verdict::Evidence};

/// An event of an id.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed(4))]
struct Event {
    time: i64,
    frame: FrameId,
    row: u16,
}

/// The first event of an id that is still remembered.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed(4))]
struct First {
    identity: u128,
    event: Event,
    older: u32,
    /// Later events of the id are in [`Ids::later`].
    has_later: bool,
}

const _: () = assert!(size_of::<Event>() == 16 && size_of::<First>() == 40);

#[allow(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
fn half(identity: u128) -> u64 {
    identity as u64
}

impl Record for First {
    fn hash(&self) -> u64 {
        half(self.identity)
    }

    fn link(&mut self, index: u32, _newest: Option<&Self>) {
        self.older = index;
    }
}

/// Events by a 128-bit hash of their id, which no two ids share by chance.
#[derive(Debug)]
pub(super) struct Ids {
    /// What any of the rules of `duplicates` looks at. Clicks are remembered in any case: conversions name them.
    pub(super) kinds: Kinds,
    pub(super) duplicates: Vec<usize>,
    /// Index and window.
    pub(super) injections: Vec<(usize, i64)>,
    firsts: BucketLists<First>,
    /// For ids that came again: the later events, each with a later logged time than all events before it. Others are
    /// left out, because whoever sees one of them sees an earlier event too. Only ever asked by key.
    later: HashMap<u128, VecDeque<Event>>,
    later_events: usize,
}

impl Default for Ids {
    fn default() -> Self {
        Self {
            kinds: Kinds::NONE,
            duplicates: Vec::new(),
            injections: Vec::new(),
            firsts: BucketLists::new(),
            later: HashMap::new(),
            later_events: 0,
        }
    }
}

impl State for Ids {
    fn name(&self) -> &'static str {
        if self.injections.is_empty() { "duplicate" } else { "duplicate and click_injection" }
    }

    fn pass(&mut self, view: &View<'_>, hits: &mut Hits) {
        let rows = view.rows;
        let remembered = self.kinds.with(Kinds::of(&[Kind::Click]));
        let mut identities = Vec::with_capacity(BLOCK);
        for from in (0..rows.len()).step_by(BLOCK) {
            let block = from..rows.len().min(from + BLOCK);
            identities.clear();
            identities.extend(block.filter_map(|row| {
                let kind = rows.kinds[row];
                let identity = || Rows::identity(kind, rows.event_ids.value(row));
                // A conversion that nobody remembers is asked about its click all the same.
                (kind == Kind::Conversion || remembered.holds(kind)).then(|| (row, identity()))
            }));
            self.firsts.touch(identities.iter().map(|(_, identity)| half(*identity)));
            for &(row, identity) in &identities {
                let kind = rows.kinds[row];
                if kind == Kind::Conversion && hits.are_wanted {
                    self.ask_injection(view, row, hits);
                }
                if !remembered.holds(kind) {
                    continue;
                }
                let known = self.find(identity);
                if hits.are_wanted && self.kinds.holds(kind) {
                    self.ask_duplicate(view, row, (identity, known), hits);
                }
                let Origin { frame, row: frame_row } = rows.origins[row];
                self.remember(identity, known, Event { time: rows.times[row], frame, row: frame_row }, view.frames);
            }
        }
    }

    fn forget(&mut self, frames: &Frames, cut_micros: i64) {
        let is_kept = |event: &Event| frames.logged_micros(event.frame) > cut_micros;
        let held: usize = self.later.values().map(VecDeque::len).sum();
        invariant!(I14, held == self.later_events, "{held} later events are held, {} counted", self.later_events);
        let (firsts, later) = (&mut self.firsts, &mut self.later);
        firsts.retain(|first| {
            let event = first.event;
            if is_kept(&event) {
                return true;
            }
            let identity = first.identity;
            let Some(events) = later.get_mut(&identity) else {
                return false;
            };
            events.retain(is_kept);
            let next = events.pop_front();
            if events.is_empty() {
                later.remove(&identity);
                first.has_later = false;
            }
            next.inspect(|next| first.event = *next).is_some()
        });
        self.later_events = self.later.values().map(VecDeque::len).sum();
    }

    fn bytes(&self) -> usize {
        let keys = self.later.capacity() * (size_of::<(u128, VecDeque<Event>)>() + 1);
        self.firsts.bytes() + keys + 2 * self.later_events * size_of::<Event>()
    }
}

impl Ids {
    fn find(&self, identity: u128) -> Option<u32> {
        let mut at = self.firsts.newest(half(identity));
        while at != NONE {
            let first = self.firsts.get(at);
            if first.identity == identity {
                return Some(at);
            }
            at = first.older;
        }
        None
    }

    /// The first event of an id that is visible for `row`.
    fn first_visible(&self, identity: u128, known: Option<u32>, view: &View<'_>, row: usize) -> Option<Event> {
        let first = self.firsts.get(known?);
        if view.is_visible(first.event.frame, row) {
            return Some(first.event);
        }
        let later = first.has_later.then(|| self.later.get(&identity)).flatten()?;
        let hidden = later.partition_point(|event| !view.is_visible(event.frame, row));
        later.get(hidden).copied()
    }

    fn remember(&mut self, identity: u128, known: Option<u32>, event: Event, frames: &Frames) {
        let Some(at) = known else {
            self.firsts.push(First { identity, event, older: NONE, has_later: false });
            return;
        };
        let first = self.firsts.get_mut(at);
        let later = first.has_later.then(|| self.later.get(&identity).and_then(VecDeque::back)).flatten();
        invariant!(I5, first.has_later == later.is_some(), "the later events of an id are lost");
        let last_logged = frames.logged_micros(later.map_or(first.event.frame, |last| last.frame));
        if frames.logged_micros(event.frame) > last_logged {
            first.has_later = true;
            self.later.entry(identity).or_default().push_back(event);
            self.later_events += 1;
        }
    }

    fn ask_duplicate(&self, view: &View<'_>, row: usize, (identity, known): (u128, Option<u32>), hits: &mut Hits) {
        let rows = view.rows;
        let position = |event: Event| view.position(Origin { frame: event.frame, row: event.row });
        let in_log = self.first_visible(identity, known, view, row).map(position);
        let in_archive = view.originals.get(rows.kinds[row], rows.event_ids.value(row));
        let in_archive = in_archive.filter(|original| *original < rows.positions[row]);
        if let Some(original) = in_log.into_iter().chain(in_archive).min() {
            for rule in &self.duplicates {
                hits.push(row, *rule, [("original", Evidence::Position(original))]);
            }
        }
    }

    fn ask_injection(&self, view: &View<'_>, row: usize, hits: &mut Hits) {
        let Some(click_id) = optional(view.rows.click_event_ids, row) else {
            return;
        };
        let identity = Rows::identity(Kind::Click, click_id);
        let Some(click) = self.first_visible(identity, self.find(identity), view, row) else {
            return;
        };
        let time = view.rows.times[row];
        for (rule, window) in &self.injections {
            if click.time > time.saturating_sub(*window) && click.time <= time {
                let origin = Origin { frame: click.frame, row: click.row };
                hits.push(
                    row,
                    *rule,
                    [
                        ("click", Evidence::Position(view.position(origin))),
                        ("gap_ms", millis(time.saturating_sub(click.time))),
                    ],
                );
            }
        }
    }
}
