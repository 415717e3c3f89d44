//! `click_farm`: more users behind one address than people share. Listed addresses have a file of their own
//! ([`farm_list`](super::farm_list)).
//!
//! This is about the address, whoever is behind it: users of events that are set aside count as well.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use clicktrail_log::invariant;

use super::{
    frames::Frames,
    hashed::Hashed,
    hits::{Hits, millis, number},
    state::State,
    timeline::{Span, TimedEvent, Timeline},
    view::View,
};
use crate::{
    ruleset::{address::Address, networks::AddressList},
    verdict::Evidence,
};

#[derive(Debug)]
struct Rule {
    index: usize,
    users_max: u32,
    window: i64,
    addresses: Option<Arc<AddressList>>,
}

/// The users of a window that moves along a timeline, counted as it moves. Counting every window anew would be
/// quadratic: a busy gateway has a hundred thousand clicks an hour.
#[derive(Debug, Default)]
struct Window {
    from: usize,
    to: usize,
    users: HashMap<u64, u32>,
}

impl Window {
    /// Follows the timeline, into which an event was inserted at `at`.
    fn inserted(&mut self, at: usize, user: u64) {
        if at <= self.from {
            self.from += 1;
            self.to += 1;
        } else if at < self.to {
            self.to += 1;
            *self.users.entry(user).or_default() += 1;
        }
    }

    fn move_to(&mut self, span: Span, timeline: &Timeline) {
        if span.from >= self.to || span.to <= self.from {
            *self = Self { from: span.from, to: span.from, users: HashMap::new() };
        }
        while self.from > span.from {
            self.from -= 1;
            self.add(timeline.get(self.from).user);
        }
        while self.to < span.to {
            self.add(timeline.get(self.to).user);
            self.to += 1;
        }
        while self.from < span.from {
            self.remove(timeline.get(self.from).user);
            self.from += 1;
        }
        while self.to > span.to {
            self.to -= 1;
            self.remove(timeline.get(self.to).user);
        }
        let events = span.len();
        invariant!(I5, self.users.len() <= events, "{} users of {events} events", self.users.len());
        invariant!(I5, self.users.is_empty() == (events == 0), "a window lost count of its users");
    }

    fn add(&mut self, user: u64) {
        *self.users.entry(user).or_default() += 1;
    }

    fn remove(&mut self, user: u64) {
        let count = self.users.get_mut(&user).map(|count| {
            *count -= 1;
            *count
        });
        invariant!(I5, count.is_some(), "a window never counted a user that leaves it");
        if count == Some(0) {
            self.users.remove(&user);
        }
    }

    fn bytes(&self) -> usize {
        self.users.capacity() * (size_of::<(u64, u32)>() + 1)
    }
}

/// What one address did.
#[derive(Debug)]
struct Behind {
    users: Timeline,
    /// A window for each rule, once the address is busy.
    windows: Vec<Window>,
}

impl Behind {
    fn bytes(&self) -> usize {
        self.users.bytes() + self.windows.iter().map(Window::bytes).sum::<usize>()
    }
}

/// Clicks with a user by address.
#[derive(Debug, Default)]
pub(super) struct ClickFarm {
    rules: Vec<Rule>,
    addresses: HashMap<Address, Behind, Hashed>,
    /// What all addresses hold, counted as they change.
    held_bytes: usize,
}

impl ClickFarm {
    pub(super) fn add(&mut self, index: usize, users_max: u32, window: i64, addresses: Option<Arc<AddressList>>) {
        self.rules.push(Rule { index, users_max, window, addresses });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl State for ClickFarm {
    fn name(&self) -> &'static str {
        "click_farm"
    }

    fn pass(&mut self, view: &View<'_>, hits: &mut Hits) {
        let rows = view.rows;
        for (row, address) in rows.click_addresses() {
            let Some(address) = address else {
                continue;
            };
            let user = rows.user(row);
            let fresh = || Behind { users: Timeline::new(), windows: Vec::new() };
            let behind = self.addresses.entry(view.network(address)).or_insert_with(fresh);
            let before = behind.bytes();
            for (slot, rule) in hits.asked(&self.rules).iter().enumerate() {
                if rule.is_listed(address) {
                    continue;
                }
                let users = behind.users_in_window(view, row, user, (slot, self.rules.len()), rule);
                if users > rule.users_max as usize {
                    hits.push(
                        row,
                        rule.index,
                        [
                            ("users", number(users)),
                            ("users_max", Evidence::Number(i64::from(rule.users_max))),
                            ("window_ms", millis(rule.window)),
                        ],
                    );
                }
            }
            if let Some(user) = user {
                let seen = TimedEvent { time: rows.times[row], frame: rows.origins[row].frame, user };
                let at = behind.users.insert(seen, view.frames);
                behind.windows.iter_mut().for_each(|window| window.inserted(at, user));
            }
            self.held_bytes = self.held_bytes + behind.bytes() - before;
        }
    }

    fn forget(&mut self, frames: &Frames, cut_micros: i64) {
        let (mut held, mut kept) = (0, 0);
        self.addresses.retain(|_, behind| {
            held += behind.bytes();
            behind.windows = Vec::new();
            let is_kept = behind.users.forget(cut_micros, frames);
            kept += if is_kept { behind.bytes() } else { 0 };
            is_kept
        });
        invariant!(I14, held == self.held_bytes, "addresses hold {held} bytes, {} counted", self.held_bytes);
        self.held_bytes = kept;
        if self.addresses.capacity() > 4 * self.addresses.len().max(1024) {
            self.addresses.shrink_to(2 * self.addresses.len());
        }
    }

    fn bytes(&self) -> usize {
        self.addresses.capacity() * (size_of::<(Address, Behind)>() + 1) + self.held_bytes
    }
}

impl Rule {
    /// Whether the rule's list has said everything already.
    fn is_listed(&self, address: Address) -> bool {
        self.addresses.as_ref().is_some_and(|list| list.line_of(address).is_some())
    }
}

impl Behind {
    /// How many distinct users the rule's window holds, the user of `row` included. Where there are certainly no more
    /// than the rule allows, the answer may be any number that it allows.
    fn users_in_window(
        &mut self,
        view: &View<'_>,
        row: usize,
        user: Option<u64>,
        (slot, slots): (usize, usize),
        rule: &Rule,
    ) -> usize {
        let time = view.rows.times[row];
        let cut = view.cut(row);
        let span = self.users.span(time.saturating_sub(rule.window), time, cut, view.frames);
        if span.len() < rule.users_max as usize {
            return span.len();
        }
        if !span.is_visible {
            let visible = self.users.visible(span, cut, view.frames).map(|seen| seen.user);
            return visible.chain(user).collect::<HashSet<u64>>().len();
        }
        self.windows.resize_with(slots, Window::default);
        let window = &mut self.windows[slot];
        window.move_to(span, &self.users);
        window.users.len() + usize::from(user.is_some_and(|user| !window.users.contains_key(&user)))
    }
}
