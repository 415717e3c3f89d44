//! A form of state: for each key, the first event that an event may see, whatever its look-back or window.

use std::collections::{HashMap, VecDeque};

use clicktrail_log::{identity::Identity, invariant};

use super::{
    bucket_lists::{BucketLists, NONE, Record},
    frames::{FrameId, Frames, Origin},
};

/// An event of a key, and what else is asked about it: its time, or nothing.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed(4))]
pub(super) struct Event<T> {
    pub(super) time: T,
    frame: FrameId,
    row: u16,
}

impl<T: Copy> Event<T> {
    pub(super) fn new(time: T, Origin { frame, row }: Origin) -> Self {
        Self { time, frame, row }
    }

    pub(super) fn origin(self) -> Origin {
        Origin { frame: self.frame, row: self.row }
    }
}

/// The first event of a key that is still remembered.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed(4))]
struct First<T> {
    key: u128,
    event: Event<T>,
    older: u32,
    /// Later events of the key are in [`Firsts::later`].
    has_later: bool,
}

const _: () = assert!(size_of::<Event<i64>>() == 16 && size_of::<First<i64>>() == 40);
const _: () = assert!(size_of::<First<()>>() == 32, "every event within the look-back costs one");

impl<T: Copy> Record for First<T> {
    fn hash(&self) -> u64 {
        half(self.key)
    }

    fn link(&mut self, index: u32, _newest: Option<&Self>) {
        self.older = index;
    }
}

#[allow(clippy::cast_possible_truncation, reason = "half of a digest is a hash")]
fn half(key: u128) -> u64 {
    key as u64
}

/// Where a key stands among the firsts, if it does: asked once for each event, before it is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    key: u128,
    at: Option<u32>,
}

/// Events by their key.
#[derive(Debug)]
pub(super) struct Firsts<T: Copy> {
    firsts: BucketLists<First<T>>,
    /// For keys that came again: the later events, each with a later logged time than all events before it. Others are
    /// left out, because whoever sees one of them sees an earlier event too. Only ever asked by key.
    later: HashMap<u128, VecDeque<Event<T>>>,
    later_events: usize,
}

impl<T: Copy> Default for Firsts<T> {
    fn default() -> Self {
        Self { firsts: BucketLists::new(), later: HashMap::new(), later_events: 0 }
    }
}

impl<T: Copy> Firsts<T> {
    /// Reads what finding these keys needs into the processor's caches: see [`BucketLists::touch`].
    pub(super) fn touch(&self, keys: impl Iterator<Item = Identity>) {
        self.firsts.touch(keys.map(|key| half(key.as_u128())));
    }

    pub(super) fn find(&self, key: Identity) -> Known {
        let key = key.as_u128();
        let mut at = self.firsts.newest(half(key));
        while at != NONE {
            let first = self.firsts.get(at);
            if first.key == key {
                return Known { key, at: Some(at) };
            }
            at = first.older;
        }
        Known { key, at: None }
    }

    /// The first event of a key that was logged after `cut_micros`.
    pub(super) fn first_after(&self, known: Known, cut_micros: i64, frames: &Frames) -> Option<Event<T>> {
        let first = self.firsts.get(known.at?);
        let is_after = |event: &Event<T>| frames.logged_micros(event.frame) > cut_micros;
        let event = first.event;
        if is_after(&event) {
            return Some(event);
        }
        let later = first.has_later.then(|| self.later.get(&known.key)).flatten()?;
        let hidden = later.partition_point(|event| !is_after(event));
        later.get(hidden).copied()
    }

    pub(super) fn remember(&mut self, Known { key, at }: Known, event: Event<T>, frames: &Frames) {
        let Some(at) = at else {
            self.firsts.push(First { key, event, older: NONE, has_later: false });
            return;
        };
        let first = self.firsts.get_mut(at);
        let later = first.has_later.then(|| self.later.get(&key).and_then(VecDeque::back)).flatten();
        invariant!(I5, first.has_later == later.is_some(), "the later events of a key are lost");
        let last_logged = frames.logged_micros(later.map_or(first.event.frame, |last| last.frame));
        if frames.logged_micros(event.frame) > last_logged {
            first.has_later = true;
            self.later.entry(key).or_default().push_back(event);
            self.later_events += 1;
        }
    }

    /// Drops what was logged at `cut_micros` or before.
    pub(super) fn forget(&mut self, frames: &Frames, cut_micros: i64) {
        let is_kept = |event: &Event<T>| frames.logged_micros(event.frame) > cut_micros;
        let held: usize = self.later.values().map(VecDeque::len).sum();
        invariant!(I14, held == self.later_events, "{held} later events are held, {} counted", self.later_events);
        let (firsts, later) = (&mut self.firsts, &mut self.later);
        firsts.retain(|first| {
            let event = first.event;
            if is_kept(&event) {
                return true;
            }
            let key = first.key;
            let Some(events) = later.get_mut(&key) else {
                return false;
            };
            events.retain(is_kept);
            let next = events.pop_front();
            if events.is_empty() {
                later.remove(&key);
                first.has_later = false;
            }
            next.inspect(|next| first.event = *next).is_some()
        });
        self.later_events = self.later.values().map(VecDeque::len).sum();
    }

    pub(super) fn bytes(&self) -> usize {
        let keys = self.later.capacity() * (size_of::<(u128, VecDeque<Event<T>>)>() + 1);
        self.firsts.bytes() + keys + 2 * self.later_events * size_of::<Event<T>>()
    }
}
