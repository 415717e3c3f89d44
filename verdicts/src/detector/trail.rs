//! Who did something when: the nearest earlier event of a key, in event time, however late events come.

use super::{
    bucket_lists::{BucketLists, Record},
    frames::{FrameId, Frames, Origin},
};

const MICROS_PER_MILLI: i64 = 1000;

const _: () = assert!(size_of::<Step>() == 32, "impressions are most of the state: the limit of memory counts on it");

/// An event, in thirty-two bytes: there is one for every impression within the look-back.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed(4))]
struct Step {
    key: u64,
    time: i64,
    frame: FrameId,
    older: u32,
    /// How much later than this event the latest of it and all older ones in the bucket is, rounded up. A search ends
    /// where even that one lies before the window.
    ahead_ms: u32,
    row: u16,
}

impl Step {
    /// Neither this event nor any older one in the bucket is later than this.
    fn latest(&self) -> i64 {
        match self.ahead_ms {
            u32::MAX => i64::MAX,
            ahead => self.time.saturating_add(i64::from(ahead) * MICROS_PER_MILLI),
        }
    }
}

impl Record for Step {
    fn hash(&self) -> u64 {
        self.key
    }

    fn older(&self) -> u32 {
        self.older
    }

    fn time(&self) -> i64 {
        self.time
    }

    fn link(&mut self, older: u32, newest: Option<(&Self, i64)>) {
        self.older = older;
        // What made an event of the bucket late may be forgotten since.
        let latest = newest.map_or(i64::MIN, |(newest, reach)| newest.latest().min(reach));
        let ahead = latest.saturating_sub(self.time).max(0);
        let ahead_ms = ahead / MICROS_PER_MILLI + i64::from(ahead % MICROS_PER_MILLI != 0);
        self.ahead_ms = u32::try_from(ahead_ms).unwrap_or(u32::MAX);
    }
}

/// The event that [`Trail::nearest`] found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nearest {
    pub(super) time: i64,
    pub(super) origin: Origin,
}

/// Events by key, which is a 64-bit hash. Among the tens of millions of events within a look-back, two keys share a
/// hash with a probability of some millionths, and it matters only if their events also lie in one window.
#[derive(Debug)]
pub(super) struct Trail(BucketLists<Step>);

impl Trail {
    pub(super) fn new() -> Self {
        Self(BucketLists::new())
    }

    pub(super) fn push(&mut self, key: u64, time: i64, origin: Origin, frames: &Frames) {
        let step = Step { key, time, frame: origin.frame, older: 0, ahead_ms: 0, row: origin.row };
        self.0.push(step, frames.logged_micros(origin.frame));
    }

    /// Fetches what pushing or asking these keys needs: see [`BucketLists::touch`].
    pub(super) fn touch(&self, keys: impl Iterator<Item = u64>) {
        self.0.touch(keys);
    }

    /// The latest event of `key` with a time in `(after, until]` whose frame is visible. Of several with that time, the
    /// last in the log.
    pub(super) fn nearest(
        &self,
        key: u64,
        after: i64,
        until: i64,
        is_visible: impl Fn(FrameId) -> bool,
    ) -> Option<Nearest> {
        let mut best: Option<Nearest> = None;
        let mut at = self.0.newest(key);
        while let Some(number) = at {
            let step = *self.0.get(number);
            let floor = best.map_or(after, |best| best.time);
            if step.latest() <= floor || self.0.reach(number) <= floor {
                break;
            }
            if step.key == key && step.time > floor && step.time <= until && is_visible(step.frame) {
                best = Some(Nearest { time: step.time, origin: Origin { frame: step.frame, row: step.row } });
            }
            at = self.0.older(number, &step);
        }
        best
    }

    /// Drops what was logged at `cut_micros` or before.
    pub(super) fn forget(&mut self, frames: &Frames, cut_micros: i64) {
        if frames.dated_back_micros() > 0 {
            self.0.date_back(frames.latest_micros());
        }
        self.0.forget(cut_micros, |_| None);
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

#[cfg(test)]
mod tests {
    use clicktrail_log::{
        position::{Epoch, Position, Seq},
        time::Timestamp,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::detector::frames::Frames;

    proptest! {
        #[test]
        fn nearest_is_what_looking_at_everything_finds_whatever_is_forgotten(
            events in proptest::collection::vec((0_u64..4, 0_i64..50_000, 0_i64..200), 1..200),
            asked in proptest::collection::vec((0_u64..4, 0_i64..50_000, 1_i64..30_000), 1..50),
            far in proptest::option::of(0_usize..200),
            sight in 1_i64..4_000,
        ) {
            let mut frames = Frames::default();
            let mut trail = Trail::new();
            let (mut all, mut now) = (Vec::new(), 0);
            for (index, (key, time, seconds)) in events.iter().enumerate() {
                now += seconds * 1_000_000;
                let time = if Some(index) == far { i64::MAX } else { *time };
                let position = Position::new(Epoch::FIRST, Seq::new(index as u64 + 1).unwrap(), 0);
                let origin = frames.intern(position, Timestamp::from_micros(now));
                trail.push(*key, time, origin, &frames);
                all.push((*key, time, position, now));
                let cut = now - sight * 1_000_000;
                if index % 5 == 4 {
                    trail.forget(&frames, cut);
                    frames.forget(cut);
                }
                let (key, until, window) = asked[index % asked.len()];
                let expected = all.iter().filter(|(of, time, _, logged)| {
                    *of == key && *logged > cut && *time > until - window && *time <= until
                }).max_by_key(|(_, time, _, _)| *time);
                let found = trail.nearest(key, until - window, until, |frame| frames.logged_micros(frame) > cut);
                let found = found.map(|found| (found.time, frames.position(found.origin)));
                prop_assert_eq!(found, expected.map(|(_, time, position, _)| (*time, *position)));
            }
        }
    }
}
