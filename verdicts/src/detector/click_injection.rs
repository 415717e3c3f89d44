//! `click_injection`: a conversion sooner after its click than anybody can install or buy.
//!
//! A conversion names its click by an id, which is looked for among the clicks of its own advertiser, on any ad. A
//! click that is set aside is not the one that led to it.

use clicktrail_log::event::Kind;

use super::{
    firsts::{Event, Firsts},
    frames::Frames,
    hits::{Hits, millis},
    rows::optional,
    state::State,
    view::View,
};
use crate::verdict::Evidence;

/// Clicks by advertiser and id.
#[derive(Debug, Default)]
pub(super) struct ClickInjection {
    /// Index and window.
    pub(super) rules: Vec<(usize, i64)>,
    clicks: Firsts<i64>,
}

impl State for ClickInjection {
    fn name(&self) -> &'static str {
        "click_injection"
    }

    fn pass(&mut self, view: &View<'_>, hits: &mut Hits) {
        let rows = view.rows;
        for row in 0..rows.len() {
            match rows.kinds[row] {
                Kind::Click if view.is_aside(row) => {}
                Kind::Click => {
                    let known = self.clicks.find(rows.click_named(row, rows.event_ids.value(row)));
                    self.clicks.remember(known, Event::new(rows.times[row], rows.origins[row]), view.frames);
                }
                Kind::Conversion if hits.are_wanted => self.ask(view, row, hits),
                Kind::Conversion | Kind::Impression | Kind::Probe | Kind::Prefetch => {}
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

impl ClickInjection {
    fn ask(&self, view: &View<'_>, row: usize, hits: &mut Hits) {
        let rows = view.rows;
        let Some(click_id) = optional(rows.click_event_ids, row) else {
            return;
        };
        let known = self.clicks.find(rows.click_named(row, click_id));
        let Some(click) = self.clicks.first_after(known, view.cut(row), view.frames) else {
            return;
        };
        let time = rows.times[row];
        for (rule, window) in &self.rules {
            if click.time > time.saturating_sub(*window) && click.time <= time {
                hits.push(
                    row,
                    *rule,
                    [
                        ("click", Evidence::Position(view.position(click.origin()))),
                        ("gap_ms", millis(time.saturating_sub(click.time))),
                    ],
                );
            }
        }
    }
}
