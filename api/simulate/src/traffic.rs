//! What happens when: the sequence of happenings, in the order in which they are captured.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use clicktrail_log::{event::Kind, time::Timestamp};

use crate::{
    config::Config,
    dice::{Dice, mix},
    happening::{ADDRESS_TOOLS, Happening, Visitor},
    market::Market,
    people::{self, DEVICES, TOOLS},
};

const MILLI: i64 = 1_000;
const SECOND: i64 = 1_000 * MILLI;
const HOUR: i64 = 3_600 * SECOND;
/// Events are placed second by second: what is held at a time is one second of traffic and what is still to follow.
const SLICE: i64 = SECOND;
/// With so many follow-ups waiting, no more are planned. Retries after 20 hours are the longest to wait.
const PENDING_MAX: usize = 1 << 20;
/// How busy each hour of the day is (UTC).
const DAY_CURVE: [u32; 24] =
    [30, 20, 14, 10, 9, 11, 20, 38, 60, 75, 82, 86, 90, 88, 85, 84, 86, 92, 100, 110, 118, 112, 85, 52];
/// Addresses of bursts: above those of bots.
const ADDRESS_BURSTS: u32 = 0x3f_ff00;

/// Chances in a million.
mod chance {
    /// Of what starts: the rest are impressions.
    pub(super) const CLICK_WITHOUT_IMPRESSION: u32 = 10_000;
    pub(super) const BOT_RUN: u32 = 350;
    pub(super) const BURST: u32 = 20;
    pub(super) const PROBE: u32 = 2_000;
    pub(super) const PREFETCH: u32 = 3_000;
    /// Of impressions.
    pub(super) const CLICK: u32 = 85_000;
    /// Of clicks that follow an impression: under 100 ms.
    pub(super) const IMPOSSIBLE_CLICK: u32 = 5_000;
    /// Of people's clicks.
    pub(super) const DOUBLE_CLICK: u32 = 20_000;
    pub(super) const CONVERSION: u32 = 20_000;
    /// Of conversions: within ten seconds.
    pub(super) const INJECTION: u32 = 100_000;
    /// Of everything.
    pub(super) const RETRY: u32 = 5_000;
    /// Of retries: 20 hours later.
    pub(super) const LONG_RETRY: u32 = 20_000;
    pub(super) const LATE: u32 = 4_000;
    /// Of people's events: the declared device is another than the user agent says.
    pub(super) const DEVICE_MISMATCH: u32 = 4_000;
}

/// A happening that is still to come; `order` makes it unique.
#[derive(Debug, PartialEq, Eq)]
struct Pending {
    happening: Happening,
    order: u64,
    /// What was repeated is not repeated again.
    is_retry: bool,
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.happening.captured, self.order).cmp(&(other.happening.captured, other.order))
    }
}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The generator. How many have come never falls behind the day curve, and ends at exactly [`Config::events`].
#[derive(Debug)]
pub(super) struct Traffic {
    config: Config,
    dice: Dice,
    end: i64,
    slice_end: i64,
    /// Times of what starts in this slice, the latest first.
    starts: Vec<i64>,
    pending: BinaryHeap<Reverse<Pending>>,
    planned: u64,
    made: u64,
}

impl Traffic {
    pub(super) fn new(config: Config) -> Self {
        let start = config.start.micros();
        Self {
            dice: Dice::new(config.seed),
            end: start + i64::from(config.hours) * HOUR,
            slice_end: start,
            starts: Vec::new(),
            pending: BinaryHeap::new(),
            planned: 0,
            made: 0,
            config,
        }
    }

    /// The next happening in order of capture; `None` at the end.
    pub(super) fn next(&mut self, market: &Market) -> Option<Happening> {
        while self.made < self.config.events {
            let start = self.starts.last().copied();
            let due = self.pending.peek().map(|next| next.0.happening.captured).filter(|at| *at < self.slice_end);
            let happening = match (start, due) {
                (None, None) => {
                    self.begin_slice();
                    continue;
                }
                (Some(start), due) if due.is_none_or(|due| start < due) => {
                    self.starts.pop();
                    let happening = self.begin(start, market);
                    self.follow(&happening, false);
                    happening
                }
                (_, _) => {
                    let Reverse(next) = self.pending.pop().expect("one is due");
                    self.follow(&next.happening, next.is_retry);
                    next.happening
                }
            };
            self.made += 1;
            return Some(happening);
        }
        None
    }

    /// Goes on to the next second, and places as many starts in it as are missing from the curve.
    fn begin_slice(&mut self) {
        let from = self.slice_end;
        // Beyond the end only to make up what is missing: the curve has reached its total there.
        self.slice_end += SLICE;
        let missing = self.due_by(self.slice_end).saturating_sub(self.made);
        for _ in 0..missing {
            let offset = self.dice.below(u32::try_from(SLICE).expect("a second in micros"));
            self.starts.push(from + i64::from(offset));
        }
        self.starts.sort_unstable_by_key(|start| Reverse(*start));
    }

    /// How many events the day curve wants up to `at`.
    fn due_by(&self, at: i64) -> u64 {
        let start = self.config.start.micros();
        let whole = busyness(self.end) - busyness(start);
        let part = busyness(at.min(self.end)) - busyness(start);
        u64::try_from(i128::from(self.config.events) * part / whole.max(1)).expect("a part of a u64")
    }

    /// Something new at time `at`.
    fn begin(&mut self, at: i64, market: &Market) -> Happening {
        let roll = self.dice.below(1_000_000);
        let mut end = 0;
        let mut is = |chance: u32| {
            end += chance;
            roll < end
        };
        if is(chance::CLICK_WITHOUT_IMPRESSION) {
            self.person(at, Kind::Click, market)
        } else if is(chance::PROBE) {
            self.tool(at, Kind::Probe, 0, market)
        } else if is(chance::PREFETCH) {
            self.person(at, Kind::Prefetch, market)
        } else if is(chance::BOT_RUN) {
            let left = self.dice.between(5, 60);
            self.tool(at, Kind::Click, left, market)
        } else if is(chance::BURST) {
            let left = u16::try_from(self.dice.between(110, 200)).expect("a small number");
            let address = ADDRESS_BURSTS + self.dice.below(64);
            Happening { visitor: Visitor::Burst, address, left, ..self.person(at, Kind::Click, market) }
        } else {
            self.person(at, Kind::Impression, market)
        }
    }

    fn person(&mut self, at: i64, kind: Kind, market: &Market) -> Happening {
        let user = self.dice.skewed(self.config.users);
        let traits = people::traits(self.config.seed, user, self.config.addresses);
        let mismatch = self.dice.per_million(chance::DEVICE_MISMATCH);
        // Half the table away: no two such entries agree.
        let declared = if mismatch { (traits.device + 6) % 12 } else { traits.device };
        Happening {
            captured: at,
            event_time: self.event_time(at, latency(user)),
            kind,
            id: self.id(at),
            click_id: 0,
            visitor: Visitor::Person,
            user,
            address: traits.address,
            device: traits.device,
            declared,
            ad: market.ad(&mut self.dice),
            publisher: market.publisher(&mut self.dice),
            page: self.dice.below(900_000),
            value_micros: 0,
            left: 0,
        }
    }

    fn tool(&mut self, at: i64, kind: Kind, left: u32, market: &Market) -> Happening {
        let tools = u32::try_from(TOOLS.len()).expect("a short table");
        let tool = u8::try_from(self.dice.below(tools)).expect("a short table");
        let address = ADDRESS_TOOLS + self.dice.below(24);
        let left = u16::try_from(left).expect("a small number");
        Happening { visitor: Visitor::Tool(tool), address, left, ..self.person(at, kind, market) }
    }

    /// Plans what comes of a happening.
    fn follow(&mut self, parent: &Happening, is_retry: bool) {
        if is_retry || self.pending.len() >= PENDING_MAX {
            return;
        }
        match parent.kind {
            Kind::Impression if self.dice.per_million(chance::CLICK) => {
                let impossible = self.dice.per_million(chance::IMPOSSIBLE_CLICK);
                let gap = if impossible { self.dice.between(5, 95) } else { 300 + self.dice.skewed(20_000) };
                self.plan_click(parent, gap, parent.user, 0);
            }
            Kind::Click => self.follow_click(parent),
            Kind::Impression | Kind::Conversion | Kind::Probe | Kind::Prefetch => {}
        }
        if self.dice.per_million(chance::RETRY) {
            let long = self.dice.per_million(chance::LONG_RETRY);
            let gap = if long { 20 * HOUR } else { i64::from(self.dice.between(1_000, 30_000)) * MILLI };
            self.plan(Happening { captured: parent.captured + gap, left: 0, ..*parent }, true);
        }
    }

    fn follow_click(&mut self, click: &Happening) {
        match click.visitor {
            Visitor::Tool(_) if click.left > 0 => {
                let gap = self.dice.between(80, 900);
                self.plan_click(click, gap, click.user, click.left - 1);
            }
            Visitor::Burst if click.left > 0 => {
                let gap = self.dice.between(100, 400);
                let user = self.dice.below(self.config.users);
                self.plan_click(click, gap, user, click.left - 1);
            }
            Visitor::Person => {
                if self.dice.per_million(chance::DOUBLE_CLICK) {
                    let gap = self.dice.between(150, 4_000);
                    self.plan_click(click, gap, click.user, 0);
                }
                if self.dice.per_million(chance::CONVERSION) {
                    self.plan_conversion(click);
                }
            }
            Visitor::Tool(_) | Visitor::Burst => {}
        }
    }

    fn plan_click(&mut self, parent: &Happening, gap_millis: u32, user: u32, left: u16) {
        let captured = parent.captured + i64::from(gap_millis) * MILLI;
        let event_time = self.event_time(captured, latency(user));
        let id = self.id(captured);
        self.plan(Happening { captured, event_time, kind: Kind::Click, id, user, left, ..*parent }, false);
    }

    fn plan_conversion(&mut self, click: &Happening) {
        let soon = self.dice.per_million(chance::INJECTION);
        let gap = if soon { self.dice.between(1_000, 9_000) } else { 20_000 + self.dice.skewed(2_400_000) };
        let captured = click.captured + i64::from(gap) * MILLI;
        let happening = Happening {
            captured,
            event_time: self.event_time(captured, latency(click.user)),
            kind: Kind::Conversion,
            id: self.id(captured),
            click_id: click.id,
            value_micros: i64::from(500 + self.dice.skewed(14_500)) * 10_000,
            ..*click
        };
        self.plan(happening, false);
    }

    fn plan(&mut self, happening: Happening, is_retry: bool) {
        self.planned += 1;
        self.pending.push(Reverse(Pending { happening, order: self.planned, is_retry }));
    }

    /// What the client's clock said: a moment ago, or hours ago where the event comes late.
    fn event_time(&mut self, captured: i64, latency: i64) -> i64 {
        if self.dice.per_million(chance::LATE) {
            return captured - 60 * SECOND - i64::from(self.dice.skewed(20_000)) * SECOND;
        }
        captured - latency
    }

    /// A UUIDv7 of the time of capture.
    fn id(&mut self, captured: i64) -> u128 {
        let millis = u128::from(captured.div_euclid(MILLI).unsigned_abs()) & ((1 << 48) - 1);
        let (high, low) = (u128::from(self.dice.bits() & 0xfff), u128::from(self.dice.bits() >> 2));
        millis << 80 | 7 << 76 | high << 64 | 0b10 << 62 | low
    }
}

/// From the client's clock to ours: the same for all events of a user, so that gaps between them stay as planned.
fn latency(user: u32) -> i64 {
    (8 + i64::try_from(mix(u64::from(user)) & 63).expect("six bits")) * MILLI
}

/// The area under the day curve from 1970 to `at`.
fn busyness(at: i64) -> i128 {
    let day: u32 = DAY_CURVE.iter().sum();
    let hour = Timestamp::from_micros(at).hour();
    let (days, hours) = (hour.as_i64().div_euclid(24), hour.as_i64().rem_euclid(24));
    let hours = usize::try_from(hours).expect("0..24");
    let before: u32 = DAY_CURVE[..hours].iter().sum();
    let into = at - hour.start().micros();
    (i128::from(days) * i128::from(day) + i128::from(before)) * i128::from(HOUR)
        + i128::from(DAY_CURVE[hours]) * i128::from(into)
}

const _: () = assert!(DEVICES.len() == 12);
