//! A made-up log of clicks and verdicts, sealed hour by hour with its trees and manifests.

use std::collections::HashMap;

use serde_json::json;

use super::{
    random::Random,
    rows::{Event, Shape, Verdict},
};
use crate::{
    advertisers::{Advertisers, Key, Summed},
    bundle::{
        columns,
        time::{Hour, Instant},
    },
    hash::Hash,
    row,
    salt::{self, HourKey},
    sealed::{File, People, Tree, Trees},
    tlog::Entry,
    tree, verdict,
};

/// The first hour of every made-up log: 1 March 2026, 0 h.
pub const FIRST_HOUR: i64 = 492_312;
const EPOCH: i64 = 1;

/// How large a log is, and what it is made of.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// What everything follows from.
    pub seed: u64,
    /// Hours of clicks and verdicts.
    pub hours: usize,
    /// Frames of an hour at most.
    pub frames: u64,
    /// Rows of a frame at most.
    pub rows: u64,
    /// What events are like.
    pub shape: Shape,
    /// Of a thousand events, those that the live judge rules about.
    pub ruled_permille: u64,
}

impl Plan {
    /// A small log, for thousands of tests.
    pub fn small(seed: u64) -> Self {
        let shape = Shape { advertisers: 4, campaigns: 3, first_permille: 300, other_kinds_permille: 200 };
        Self { seed, hours: 14, frames: 4, rows: 8, shape, ruled_permille: 250 }
    }
}

/// An hour of clicks.
#[derive(Debug)]
pub struct ClickHour {
    /// Which hour.
    pub hour: Hour,
    /// Its parts, sorted as parts are.
    pub parts: Vec<Vec<Event>>,
    /// The leaves of the tree of rows.
    pub leaves: Vec<Hash>,
    /// The leaves of the tree of people.
    pub people: Vec<Hash>,
    /// What the salts come from.
    pub key: HourKey,
    /// Whose rows are where.
    pub advertisers: Advertisers,
    /// The bytes of its manifest.
    pub manifest: Vec<u8>,
    /// One past its last frame.
    pub end: i64,
}

impl ClickHour {
    /// Whether a part of it may have an event of these times.
    pub fn reaches(&self, from: Instant, to: Instant) -> bool {
        self.parts.iter().any(|part| {
            let times = || part.iter().map(|event| event.event_time);
            times().max().is_some_and(|max| max >= from.0) && times().min().is_some_and(|min| min < to.0)
        })
    }
}

/// An hour of verdicts.
#[derive(Debug)]
pub struct VerdictHour {
    /// Which hour.
    pub hour: Hour,
    /// Its parts, sorted as parts are.
    pub parts: Vec<Vec<Verdict>>,
    /// Its leaves.
    pub leaves: Vec<verdict::Leaf>,
    /// The bytes of its manifest.
    pub manifest: Vec<u8>,
    /// One past its last frame.
    pub end: i64,
}

/// A log.
#[derive(Debug)]
pub struct World {
    /// What it was made by.
    pub plan: Plan,
    /// Hours of clicks.
    pub clicks: Vec<ClickHour>,
    /// The same hours of verdicts.
    pub verdicts: Vec<VerdictHour>,
    /// All verdicts by the event that they are about.
    about: HashMap<i64, Vec<Verdict>>,
}

/// A position of the log.
pub fn position(seq: i64, row: usize) -> i64 {
    EPOCH << 56 | seq << 16 | i64::try_from(row).expect("rows of a frame are few")
}

/// As manifests show it.
pub fn show(position: i64) -> String {
    format!("{}.{}.{}", position >> 56, position >> 16 & ((1 << 40) - 1), position & 0xffff)
}

/// A file that nobody reads here.
fn file(name: &str) -> File {
    File { key: name.to_owned(), bytes: 1, sha256: Hash::of(name.as_bytes()).to_string() }
}

/// The bytes of a manifest, with the fields that evidence reads.
pub(super) fn manifest(
    (stream, schema): (&str, &str),
    hour: Hour,
    (first, last): (i64, i64),
    previous: Option<Hash>,
    parts: &[serde_json::Value],
    trees: &Trees,
) -> Vec<u8> {
    let document = json!({
        "version": 3, "stream": stream, "hour": hour, "epoch": EPOCH, "first_seq": first, "last_seq": last,
        "rows": trees.rows.leaves, "schema_id": schema, "previous": previous, "parts": parts, "trees": trees,
    });
    let mut bytes = serde_json::to_vec_pretty(&document).expect("it holds only texts, numbers and lists");
    bytes.push(b'\n');
    bytes
}

impl World {
    /// The log of a plan.
    pub fn new(plan: &Plan) -> Self {
        Self::made(plan, None)
    }

    /// The log of a plan, in which an hour of clicks says that there is none before it.
    pub fn begun_anew(plan: &Plan, place: usize) -> Self {
        Self::made(plan, Some(place))
    }

    fn made(plan: &Plan, anew: Option<usize>) -> Self {
        let mut random = Random::new(plan.seed);
        let mut world = Self { plan: *plan, clicks: Vec::new(), verdicts: Vec::new(), about: HashMap::new() };
        let (mut click_seq, mut verdict_seq) = (1, 1);
        let mut late: Vec<(i64, &'static str)> = Vec::new();
        for number in 0..plan.hours {
            let hour = Hour(FIRST_HOUR + i64::try_from(number).expect("few hours"));
            let previous = world.clicks.last().filter(|_| anew != Some(number));
            let previous = previous.map(|last| Hash::of(&last.manifest));
            let clicks = click_hour(&mut random, plan, hour, &mut click_seq, previous);
            let mut due = std::mem::take(&mut late);
            for event in clicks.parts.iter().flatten() {
                if random.has(plan.ruled_permille) {
                    let queue = if random.has(100) { &mut late } else { &mut due };
                    queue.push((event.position, "live"));
                }
            }
            world.clicks.push(clicks);
            for _ in 0..random.below(4) {
                let hour = random.of(&world.clicks);
                if let Some(event) = hour.parts.iter().flatten().nth(random.place(20)) {
                    due.push((event.position, *random.of(&["rejudge", "query", "manual"])));
                }
            }
            let previous = world.verdicts.last().map(|last| Hash::of(&last.manifest));
            let verdicts = verdict_hour(&mut random, plan, hour, &mut verdict_seq, previous, &due);
            for verdict in verdicts.parts.iter().flatten() {
                world.about.entry(verdict.target).or_default().push(verdict.clone());
            }
            world.verdicts.push(verdicts);
        }
        world
    }

    /// The entry of an hour in the log of logs.
    pub fn entry(stream: &str, hour: Hour, manifest: &[u8]) -> Entry {
        Entry { stream: stream.to_owned(), hour: hour.to_string(), manifest: Hash::of(manifest) }
    }

    /// All verdicts about an event, in any order.
    pub fn about(&self, target: i64) -> &[Verdict] {
        self.about.get(&target).map(Vec::as_slice).unwrap_or_default()
    }
}

fn click_hour(random: &mut Random, plan: &Plan, hour: Hour, seq: &mut i64, previous: Option<Hash>) -> ClickHour {
    let first = *seq;
    let mut parts: Vec<Vec<Event>> = Vec::new();
    let mut part: Vec<Event> = Vec::new();
    let frames = if random.has(80) { 0 } else { 1 + random.below(plan.frames) };
    for frame in 0..frames {
        for row in 0..1 + random.place(usize::try_from(plan.rows).expect("few rows")) {
            part.push(Event::random(random, &plan.shape, position(*seq, row), hour.start().0));
        }
        *seq += 1;
        if random.has(350) || frame + 1 == frames {
            part.sort_by(|one, other| one.order().cmp(&other.order()));
            parts.push(std::mem::take(&mut part));
        }
    }
    seal_clicks(random, hour, parts, (first, *seq - 1), previous)
}

/// Seals an hour of clicks with these parts.
fn seal_clicks(
    random: &mut Random,
    hour: Hour,
    parts: Vec<Vec<Event>>,
    (first, last): (i64, i64),
    previous: Option<Hash>,
) -> ClickHour {
    let mut secret = [0; 32];
    secret.fill_with(|| random.next().to_le_bytes()[0]);
    let key = HourKey::from_bytes(secret);
    let events = || parts.iter().flatten();
    let leaf = |event: &Event| Hash::leaf(&row::encode(row::Kind::Clicks, event.values()));
    let leaves: Vec<Hash> = events().map(leaf).collect();
    let people: Vec<Hash> = events().map(|event| salt::leaf(&key.salt(event.position), event.people())).collect();
    let mut advertisers = Advertisers::default();
    let mut described = Vec::new();
    for part in &parts {
        let runs = part.chunk_by(|one, next| one.advertiser == next.advertiser);
        let runs = runs.map(|run| (Key::new(&hour.to_string(), &run[0].advertiser), run.len() as u64));
        advertisers.add_part(runs).expect("a part is sorted");
        let times = || part.iter().map(|event| event.event_time);
        described.push(json!({
            "rows": part.len(), "event_time_min": times().min(), "event_time_max": times().max(),
        }));
    }
    let rows = leaves.len() as u64;
    let Summed { hash: of_advertisers, .. } = advertisers.root();
    let trees = Trees {
        rows: Tree { leaves: rows, root: tree::root(leaves.iter().copied()) },
        people: Some(People {
            leaves: rows,
            root: tree::root(people.iter().copied()),
            key: (rows > 0).then(|| file("key")),
        }),
        advertisers: Some(Tree { leaves: advertisers.count(), root: of_advertisers }),
        nodes: (rows > 0).then(|| file("nodes")),
    };
    let stream = ("clicks", columns::EVENTS_SCHEMA);
    let manifest = manifest(stream, hour, (first, last), previous, &described, &trees);
    ClickHour { hour, parts, leaves, people, key, advertisers, manifest, end: position(last + 1, 0) }
}

fn verdict_hour(
    random: &mut Random,
    plan: &Plan,
    hour: Hour,
    seq: &mut i64,
    previous: Option<Hash>,
    due: &[(i64, &'static str)],
) -> VerdictHour {
    let first = *seq;
    let mut parts: Vec<Vec<Verdict>> = Vec::new();
    let frame = usize::try_from(plan.rows).expect("few rows");
    for frames in due.chunks(3 * frame) {
        let mut part = Vec::new();
        for targets in frames.chunks(frame) {
            for (row, (target, stage)) in targets.iter().enumerate() {
                part.push(Verdict::random(random, position(*seq, row), *target, stage, hour.start().0));
            }
            *seq += 1;
        }
        part.sort_by_key(|verdict| (verdict.target, verdict.position));
        parts.push(part);
    }
    let leaves: Vec<verdict::Leaf> =
        parts.iter().flatten().map(|verdict| verdict::Leaf::of(verdict.target, verdict.values())).collect();
    let describe = |part: &Vec<Verdict>| {
        let targets = || part.iter().map(|verdict| verdict.target);
        let shown = |target: Option<i64>| target.map(show);
        json!({"rows": part.len(), "target_min": shown(targets().min()), "target_max": shown(targets().max())})
    };
    let described: Vec<_> = parts.iter().map(describe).collect();
    let rows = leaves.len() as u64;
    let trees = Trees {
        rows: Tree { leaves: rows, root: tree::root(leaves.iter().map(verdict::Leaf::hash)) },
        people: None,
        advertisers: None,
        nodes: (rows > 0).then(|| file("nodes")),
    };
    let stream = ("verdicts", columns::VERDICTS_SCHEMA);
    let manifest = manifest(stream, hour, (first, *seq - 1), previous, &described, &trees);
    VerdictHour { hour, parts, leaves, manifest, end: position(*seq, 0) }
}
