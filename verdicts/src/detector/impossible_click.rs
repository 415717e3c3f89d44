//! `impossible_click`: a click sooner after its impression than a person reacts.

use clicktrail_log::event::Kind;

use super::{Hits, State, View, frames::Frames, millis, trail::Trail};
use crate::verdict::Evidence;

/// Impressions by who and ad: the largest of all states, nine events of ten.
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
        for row in 0..rows.len() {
            match rows.kinds[row] {
                Kind::Impression => {
                    if let Some(key) = rows.who_and_ad(row) {
                        self.impressions.push(key, rows.times[row], rows.origins[row]);
                    }
                }
                Kind::Click if hits.are_wanted => self.ask(view, row, hits),
                Kind::Click | Kind::Conversion | Kind::Probe | Kind::Prefetch => {}
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
    fn ask(&self, view: &View<'_>, row: usize, hits: &mut Hits) {
        let Some(key) = view.rows.who_and_ad(row) else {
            return;
        };
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
