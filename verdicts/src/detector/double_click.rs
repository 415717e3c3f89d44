//! `double_click`: the same user on the same ad shortly before.
//!
//! A click that is set aside is nobody's first one: whoever follows a link that a robot fetched clicks once.

use super::{
    frames::Frames,
    hits::{Hits, millis},
    state::State,
    trail::Trail,
    view::View,
};
use crate::{ruleset::detector::Who, verdict::Evidence};

/// Clicks by who and ad.
#[derive(Debug)]
pub(super) struct DoubleClick {
    /// Index, by what somebody is known again, and window.
    pub(super) rules: Vec<(usize, Who, i64)>,
    clicks: Trail,
}

impl Default for DoubleClick {
    fn default() -> Self {
        Self { rules: Vec::new(), clicks: Trail::new() }
    }
}

impl State for DoubleClick {
    fn name(&self) -> &'static str {
        "double_click"
    }

    fn pass(&mut self, view: &View<'_>, hits: &mut Hits) {
        let rows = view.rows;
        for &row in &rows.clicks {
            let Some(key) = rows.who_and_ad(row, view.prefixes) else {
                continue;
            };
            let time = rows.times[row];
            let is_visible = |frame| view.is_visible(frame, row);
            let names_user = rows.names_user(row);
            for (rule, who, window) in hits.asked(&self.rules) {
                if !who.looks_at(names_user) {
                    continue;
                }
                if let Some(previous) = self.clicks.nearest(key, time.saturating_sub(*window), time, is_visible) {
                    hits.push(
                        row,
                        *rule,
                        [
                            ("previous", Evidence::Position(view.position(previous.origin))),
                            ("gap_ms", millis(time.saturating_sub(previous.time))),
                        ],
                    );
                }
            }
            if !view.is_aside(row) {
                self.clicks.push(key, time, rows.origins[row], view.frames);
            }
        }
    }

    fn forget(&mut self, frames: &Frames, cut_micros: i64) {
        self.clicks.forget(frames, cut_micros);
    }

    fn bytes(&self) -> usize {
        self.clicks.bytes()
    }
}
