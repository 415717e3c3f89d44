//! A form of state: for each key, the first event that an event may see, whatever its look-back or window.

use std::collections::{HashMap, VecDeque};

use clicktrail_log::{identity::Identity, invariant};

use super::{
    bucket_lists::{BucketLists, Record},
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
    /// Later events of the key are in [`Firsts::later`], or were.
    has_later: bool,
}

const _: () = assert!(size_of::<Event<i64>>() == 16 && size_of::<First<i64>>() == 40);
const _: () = assert!(size_of::<First<()>>() == 32, "every event within the look-back costs one");

impl<T: Copy> Record for First<T> {
    fn hash(&self) -> u64 {
        half(self.key)
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
        while let Some(number) = at {
            let first = self.firsts.get(number);
            if first.key == key {
                break;
            }
            at = self.firsts.older(number, first);
        }
        Known { key, at }
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
        let logged = frames.logged_micros(event.frame);
        let Some(at) = at else {
            self.firsts.push(First { key, event, older: 0, has_later: false }, logged);
            return;
        };
        let first = self.firsts.get_mut(at);
        let later = first.has_later.then(|| self.later.get(&key).and_then(VecDeque::back)).flatten();
        if logged > frames.logged_micros(later.map_or(first.event.frame, |last| last.frame)) {
            first.has_later = true;
            self.later.entry(key).or_default().push_back(event);
            self.later_events += 1;
        }
    }

    /// Drops what was logged at `cut_micros` or before. Of keys that came again, the later events stay.
    pub(super) fn forget(&mut self, frames: &Frames, cut_micros: i64) {
        if frames.dated_back_micros() > 0 {
            self.firsts.date_back(frames.latest_micros());
        }
        let held: usize = self.later.values().map(VecDeque::len).sum();
        invariant!(I14, held == self.later_events, "{held} later events are held, {} counted", self.later_events);
        let later = &mut self.later;
        later.retain(|_, events| {
            let is_dropped = |event: &mut Event<T>| frames.logged_micros(event.frame) <= cut_micros;
            while events.pop_front_if(is_dropped).is_some() {}
            !events.is_empty()
        });
        if later.capacity() > 4 * later.len().max(1024) {
            later.shrink_to(2 * later.len());
        }
        self.firsts.forget(cut_micros, |first| {
            let key = first.key;
            let events = first.has_later.then(|| later.get_mut(&key)).flatten()?;
            let event = events.pop_front().expect("keys without later events were dropped");
            let has_later = !events.is_empty();
            if !has_later {
                later.remove(&key);
            }
            Some((First { key, event, older: 0, has_later }, frames.logged_micros(event.frame)))
        });
        self.later_events = self.later.values().map(VecDeque::len).sum();
    }

    pub(super) fn bytes(&self) -> usize {
        let keys = self.later.capacity() * (size_of::<(u128, VecDeque<Event<T>>)>() + 1);
        self.firsts.bytes() + keys + 2 * self.later_events * size_of::<Event<T>>()
    }
}

#[cfg(test)]
mod tests {
    use clicktrail_log::{
        event::Kind,
        position::{Epoch, Position, Seq},
        time::Timestamp,
    };
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn first_is_what_looking_at_everything_finds_whatever_is_forgotten(
            events in proptest::collection::vec((0_u8..6, 0_i64..200, 0_i64..600), 1..200),
            sight in 600_i64..4_000,
        ) {
            let (mut frames, mut firsts, mut all, mut now) = (Frames::default(), Firsts::default(), Vec::new(), 0);
            for (index, (key, seconds, back)) in events.iter().enumerate() {
                now += seconds * 1_000_000;
                let logged = now - back * 1_000_000;
                let position = Position::new(Epoch::FIRST, Seq::new(index as u64 + 1).unwrap(), 0);
                let origin = frames.intern(position, Timestamp::from_micros(logged));
                let known = firsts.find(Identity::of(Kind::Click, "", "", &key.to_string()));
                let cut = logged - sight * 1_000_000;
                let expected = all.iter().find(|(of, earlier, _)| of == key && *earlier > cut);
                let found = firsts.first_after(known, cut, &frames).map(|event| frames.position(event.origin()));
                prop_assert_eq!(found, expected.map(|(_, _, position)| *position));
                firsts.remember(known, Event::new((), origin), &frames);
                all.push((*key, logged, position));
                if index % 5 == 4 {
                    // A clock may run back by ten minutes.
                    let cut = now - (sight + 600) * 1_000_000;
                    firsts.forget(&frames, cut);
                    frames.forget(cut);
                }
            }
            let last = now + 1;
            firsts.forget(&frames, last);
            prop_assert!(firsts.later.is_empty() && firsts.later_events == 0);
            let nobody = firsts.find(Identity::of(Kind::Click, "", "", "0"));
            prop_assert!(nobody.at.is_none());
        }
    }
}
