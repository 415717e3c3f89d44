//! `impossible_click`: a click that follows its impression sooner than a person can react.
//!
//! Times in whole seconds are left out, of impressions and of clicks: a log that tells seconds puts a click and its
//! impression into the same one, however long the person looked. An impression that is set aside was shown to nobody,
//! so no click follows it too soon.

use clicktrail_log::{event::Kind, invariant};

use super::{
    bucket_lists::BLOCK,
    frames::Frames,
    hits::{Hits, millis},
    state::State,
    trail::Trail,
    view::View,
};
use crate::verdict::Evidence;

/// How much longer than the gap before a click its impression may have been logged: for batches that come late and
/// clocks that differ. Nine events of ten are impressions, so they are not kept for the whole look-back.
pub(super) const LOGGED_APART_MICROS: i64 = 600_000_000;

/// Impressions by who and ad.
#[derive(Debug)]
pub(super) struct ImpossibleClick {
    look_back: i64,
    /// Index and smallest possible gap.
    pub(super) rules: Vec<(usize, i64)>,
    impressions: Trail,
}

impl ImpossibleClick {
    pub(super) fn new(look_back: i64) -> Self {
        Self { look_back, rules: Vec::new(), impressions: Trail::new() }
    }

    /// How long before a click an impression may have been logged and still matter for it.
    fn reach(&self) -> i64 {
        let gap = self.rules.iter().map(|(_, gap_min)| *gap_min).max().unwrap_or(0);
        let reach = self.look_back.min(gap + LOGGED_APART_MICROS);
        invariant!(I5, gap <= reach, "a gap of {gap} µs is longer than what is remembered");
        reach
    }
}

impl State for ImpossibleClick {
    fn name(&self) -> &'static str {
        "impossible_click"
    }

    fn pass(&mut self, view: &View<'_>, hits: &mut Hits) {
        let rows = view.rows;
        let mut keys = Vec::with_capacity(BLOCK);
        for from in (0..rows.len()).step_by(BLOCK) {
            let block = from..rows.len().min(from + BLOCK);
            keys.clear();
            keys.extend(block.filter_map(|row| match rows.kinds[row] {
                Kind::Impression | Kind::Click if rows.is_subsecond(row) => {
                    Some((row, rows.who_and_ad(row, view.prefixes)?))
                }
                Kind::Impression | Kind::Click => None,
                Kind::Conversion | Kind::Probe | Kind::Prefetch => None,
            }));
            self.impressions.touch(keys.iter().map(|(_, key)| *key));
            for &(row, key) in &keys {
                if rows.kinds[row] == Kind::Impression {
                    if !view.is_aside(row) {
                        self.impressions.push(key, rows.times[row], rows.origins[row], view.frames);
                    }
                } else if hits.are_wanted {
                    self.ask(view, (row, key), hits);
                }
            }
        }
    }

    fn forget(&mut self, frames: &Frames, cut_micros: i64) {
        // Everything logged up to here is out of the look-back; nearer than that, it may be out of reach.
        let cut = cut_micros.saturating_add(self.look_back - self.reach());
        self.impressions.forget(frames, cut);
    }

    fn bytes(&self) -> usize {
        self.impressions.bytes()
    }
}

impl ImpossibleClick {
    fn ask(&self, view: &View<'_>, (row, key): (usize, u64), hits: &mut Hits) {
        let time = view.rows.times[row];
        let cut = view.rows.logged[row].saturating_sub(self.reach());
        let is_visible = |frame| view.frames.logged_micros(frame) > cut;
        for (rule, gap_min) in &self.rules {
            if let Some(seen) = self.impressions.nearest(key, time.saturating_sub(*gap_min), time, is_visible) {
                hits.push(
                    row,
                    *rule,
                    [
                        ("impression", Evidence::Position(view.position(seen.origin))),
                        ("gap_ms", millis(time.saturating_sub(seen.time))),
                    ],
                );
            }
        }
    }
}
