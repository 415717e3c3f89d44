//! `impossible_click`: a click that follows its impression sooner than a person can react.
//!
//! Times in whole seconds are left out, of impressions and of clicks: a log that tells seconds puts a click and its
//! impression into the same one, however long the person looked.

use clicktrail_log::event::Kind;

use super::{
    bucket_lists::BLOCK,
    frames::Frames,
    hits::{Hits, millis},
    state::State,
    trail::Trail,
    view::View,
};
use crate::verdict::Evidence;

/// Impressions by who and ad. The largest of all states: nine events of ten are impressions.
#[derive(Debug)]
pub(super) struct ImpossibleClick {
    /// Index and smallest possible gap.
    pub(super) rules: Vec<(usize, i64)>,
    impressions: Trail,
}

impl Default for ImpossibleClick {
    fn default() -> Self {
        Self { rules: Vec::new(), impressions: Trail::new() }
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
                    self.impressions.push(key, rows.times[row], rows.origins[row]);
                } else if hits.are_wanted {
                    self.ask(view, (row, key), hits);
                }
            }
        }
    }

    fn forget(&mut self, frames: &Frames, cut_micros: i64) {
        self.impressions.retain(|frame| frames.logged_micros(frame) > cut_micros);
    }

    fn bytes(&self) -> usize {
        self.impressions.bytes()
    }
}

impl ImpossibleClick {
    fn ask(&self, view: &View<'_>, (row, key): (usize, u64), hits: &mut Hits) {
        let time = view.rows.times[row];
        let is_visible = |frame| view.is_visible(frame, row);
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
