//! `address_rate`: more clicks from an address than people make. An address of version 6 stands for its network.
//!
//! This is about the address, whoever is behind it: clicks that are set aside count as well.

use std::collections::HashMap;

use clicktrail_log::invariant;

use super::{
    frames::Frames,
    hashed::Hashed,
    hits::{Hits, millis, number},
    state::State,
    timeline::{TimedEvent, Timeline},
    view::View,
};
use crate::{ruleset::address::Address, verdict::Evidence};

#[derive(Debug)]
struct Rule {
    index: usize,
    clicks_max: u32,
    window: i64,
}

/// Clicks by address. Only ever asked by key, so the map's order decides nothing.
#[derive(Debug, Default)]
pub(super) struct AddressRate {
    rules: Vec<Rule>,
    clicks: HashMap<Address, Timeline, Hashed>,
    /// What all timelines hold, counted as they change.
    timeline_bytes: usize,
}

impl AddressRate {
    pub(super) fn add(&mut self, index: usize, clicks_max: u32, window: i64) {
        self.rules.push(Rule { index, clicks_max, window });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl State for AddressRate {
    fn name(&self) -> &'static str {
        "address_rate"
    }

    fn pass(&mut self, view: &View<'_>, hits: &mut Hits) {
        let rows = view.rows;
        for (row, address) in rows.click_addresses() {
            let Some(address) = address else {
                continue;
            };
            let time = rows.times[row];
            let timeline = self.clicks.entry(view.network(address)).or_insert_with(Timeline::new);
            for rule in hits.asked(&self.rules) {
                let span = timeline.span(time.saturating_sub(rule.window), time, view.cut(row), view.frames);
                // Most addresses are done here: even if every event of the span is visible, they are too few.
                if span.len() < rule.clicks_max as usize {
                    continue;
                }
                let clicks = timeline.count(span, view.cut(row), view.frames) + 1;
                if clicks > rule.clicks_max as usize {
                    hits.push(
                        row,
                        rule.index,
                        [
                            ("clicks", number(clicks)),
                            ("clicks_max", Evidence::Number(i64::from(rule.clicks_max))),
                            ("window_ms", millis(rule.window)),
                        ],
                    );
                }
            }
            let before = timeline.bytes();
            timeline.insert(TimedEvent { time, frame: rows.origins[row].frame, user: 0 }, view.frames);
            self.timeline_bytes += timeline.bytes() - before;
        }
    }

    fn forget(&mut self, frames: &Frames, cut_micros: i64) {
        let (mut held, mut kept) = (0, 0);
        self.clicks.retain(|_, timeline| {
            held += timeline.bytes();
            let is_kept = timeline.forget(cut_micros, frames);
            kept += if is_kept { timeline.bytes() } else { 0 };
            is_kept
        });
        invariant!(I14, held == self.timeline_bytes, "timelines hold {held} bytes, {} counted", self.timeline_bytes);
        self.timeline_bytes = kept;
        if self.clicks.capacity() > 4 * self.clicks.len().max(1024) {
            self.clicks.shrink_to(2 * self.clicks.len());
        }
    }

    fn bytes(&self) -> usize {
        self.clicks.capacity() * (size_of::<(Address, Timeline)>() + 1) + self.timeline_bytes
    }
}
