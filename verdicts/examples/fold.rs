//! How fast the detectors are and what they hold: `cargo run --release -p clicktrail-verdicts --example fold --
//! 10000000`.
//!
//! Events are made beside the measured time: ten per cent clicks, each after its impression, a few conversions, three
//! million users behind three hundred thousand addresses, two hours of log time. Every rule of the shipped ruleset is
//! on, with an address database and a list of networks. Prints one line for all detectors, then one for each alone.
//! With `all` behind the number it prints the first line only, with `agents` the same where every event has a user
//! agent of its own, with `impressions` or `clicks` the same where all are of that kind. With `one` it folds on one
//! thread, and says (on Linux) how much of a processor that took: this says the same beside other work.

#![allow(clippy::disallowed_methods, reason = "tests wait, measure and start what they need")]
#![allow(clippy::print_stdout, reason = "a program that prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a measurement that fails shall stop")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small numbers"
)]

use std::{
    borrow::Cow,
    net::Ipv4Addr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use clicktrail_log::{
    event::{Event, Kind},
    position::{Epoch, Position, Seq},
    schema::{self, EventsBuilder},
    time::Timestamp,
};
use clicktrail_verdicts::{
    fold::{Fold, Originals},
    ruleset::Ruleset,
    verdict::Decision,
};

#[path = "../src/fold/tests/mmdb.rs"]
mod mmdb;

const USERS: u64 = 3_000_000;
const ADDRESSES: u64 = 300_000;
const LOG_MICROS: i64 = 7_200_000_000;
const START: i64 = 1_700_000_000_000_000;
const FRAME_ROWS: usize = 1_000;
/// As a judge reads: some frames at a time.
const BATCH_ROWS: usize = 16_000;
const AGENTS: [(&str, &str, &str); 4] = [
    (
        "mobile",
        "Android",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
    ),
    (
        "desktop",
        "Windows",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    ),
    (
        "mobile",
        "iOS",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    ),
    ("desktop", "Linux", "curl/8.16.0"),
];

/// A stream of numbers that never changes.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// Makes the events of the log in order.
struct Traffic {
    dice: Dice,
    events: u64,
    made: u64,
    clicks: Vec<String>,
    what: What,
}

/// What is asked for on the command line.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Mixed,
    Agents,
    Only(Kind),
    OnOneThread,
}

impl Traffic {
    fn next(&mut self, now: i64) -> Event<'static> {
        let dice = &mut self.dice;
        self.made += 1;
        let kind = match (self.what, dice.roll(100)) {
            (What::Only(kind), _) => kind,
            (_, 0..10) => Kind::Click,
            (_, 10) => Kind::Conversion,
            _ => Kind::Impression,
        };
        let user = dice.roll(USERS);
        // Users keep their address, but for one event in fifty.
        let address =
            if dice.roll(50) == 0 { dice.roll(ADDRESSES) } else { user.wrapping_mul(0x9e37_79b9) % ADDRESSES };
        let ip = Ipv4Addr::from(0x0a00_0000 | (address as u32) << 4);
        let (device_type, os, agent) = AGENTS[(user % 97 % 4) as usize];
        let event_id = format!("{:016x}-{:08x}", self.made.wrapping_mul(0x2545_f491_4f6c_dd1d), user);
        let click_event_id = (kind == Kind::Conversion && !self.clicks.is_empty())
            .then(|| Cow::Owned(self.clicks[dice.roll(self.clicks.len() as u64) as usize].clone()));
        if kind == Kind::Click {
            let slot = self.made as usize % 4096;
            if self.clicks.len() < 4096 {
                self.clicks.push(event_id.clone())
            } else {
                self.clicks[slot] = event_id.clone()
            }
        }
        Event {
            event_id: Cow::Owned(event_id),
            kind,
            event_time: Timestamp::from_micros(now - dice.roll(2_000_000) as i64),
            captured_at: Timestamp::from_micros(now),
            advertiser_id: Cow::Owned(format!("adv-{}", dice.roll(500))),
            campaign_id: Cow::Borrowed("campaign"),
            ad_id: Cow::Owned(format!("ad-{}", dice.roll(20_000))),
            publisher_id: None,
            placement_id: None,
            user_id: Some(Cow::Owned(format!("{:016x}{:016x}", user.wrapping_mul(0xd134_2543_de82_ef95), user))),
            session_id: None,
            ip: Some(Cow::Owned(ip.to_string())),
            user_agent: Some(match self.what {
                What::Agents => Cow::Owned(format!("{agent} App/{}.{}", self.made / 100, self.made % 100)),
                What::Mixed | What::Only(_) | What::OnOneThread => Cow::Borrowed(agent),
            }),
            page_url: None,
            device_type: Some(Cow::Borrowed(device_type)),
            os: Some(Cow::Borrowed(os)),
            browser: None,
            country: None,
            city: None,
            price_micros: 10_000,
            currency: Cow::Borrowed("EUR"),
            click_event_id,
            value_micros: None,
            extra: None,
        }
    }

    fn batch(&mut self) -> Option<RecordBatch> {
        let rows = (self.events - self.made).min(BATCH_ROWS as u64) as usize;
        if rows == 0 {
            return None;
        }
        let mut builder = EventsBuilder::with_capacity(rows);
        let (mut positions, mut logged) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for _ in 0..rows {
            let frame = self.made / FRAME_ROWS as u64;
            let now = START + (frame * FRAME_ROWS as u64) as i64 * (LOG_MICROS / self.events as i64);
            let row = (self.made % FRAME_ROWS as u64) as u16;
            positions.push(Position::new(Epoch::FIRST, Seq::new(frame + 1).unwrap(), row).as_i64());
            logged.push(now);
            builder.push(&self.next(now));
        }
        let events = builder.finish();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(positions)),
            Arc::new(TimestampMicrosecondArray::from(logged).with_timezone("UTC")),
        ];
        columns.extend(events.columns().iter().map(Arc::clone));
        Some(RecordBatch::try_new(schema::read(), columns).unwrap())
    }
}

fn files(path: &Path) -> std::io::Result<Vec<u8>> {
    if path.extension().is_some_and(|extension| extension == "mmdb") {
        let network = |block: u32| {
            let (latitude, longitude) = (f64::from(block * 37 % 120) - 60.0, f64::from(block * 91 % 300) - 150.0);
            (Ipv4Addr::from(0x0a00_0000 | block << 12), 20, latitude, longitude)
        };
        return Ok(mmdb::database(&(0..2048).map(network).collect::<Vec<_>>()));
    }
    let lines = (0..500_u32).map(|index| format!("{}/28\n", Ipv4Addr::from(0x0a00_0000 | index << 14)));
    Ok(lines.collect::<String>().into_bytes())
}

fn ruleset(only: Option<&str>) -> Arc<Ruleset> {
    let text = Ruleset::text_of("default")
        .expect("it ships")
        .replace("detector = \"impossible_travel\"", "detector = \"impossible_travel\"\ndatabase = \"city.mmdb\"")
        .replace("shipped_lists = true", "shipped_lists = true\nlists = [\"networks.txt\"]");
    let text = match only {
        None => text,
        Some(only) => {
            let mut kept = String::new();
            for (index, rule) in text.split("[[rule]]").enumerate() {
                match index {
                    0 => kept.push_str(rule),
                    _ if rule.contains(&format!("detector = \"{only}\"")) => {
                        kept.push_str("[[rule]]");
                        kept.push_str(rule);
                    }
                    _ => {}
                }
            }
            kept
        }
    };
    Arc::new(Ruleset::parse(&text, &files).unwrap())
}

fn measure(name: &str, events: u64, ruleset: Arc<Ruleset>, what: What) {
    let mut traffic = Traffic { dice: Dice(1), events, made: 0, clicks: Vec::new(), what };
    let mut fold = Fold::new(ruleset);
    if what == What::OnOneThread {
        fold = fold.on_one_thread();
    }
    let mut busy = Duration::ZERO;
    let (mut spent, mut findings, mut invalid, mut largest) = (Duration::ZERO, 0_usize, 0_usize, 0);
    while let Some(batch) = traffic.batch() {
        let (begin, busy_before) = (Instant::now(), busy_so_far());
        let found = fold.judge(&batch, &Originals::none()).unwrap();
        spent += begin.elapsed();
        busy += busy_so_far().saturating_sub(busy_before);
        findings += found.len();
        invalid += found.iter().filter(|finding| finding.decision == Decision::Invalid).count();
        largest = largest.max(fold.memory_bytes());
    }
    let (per_second, nanos) = (events as f64 / spent.as_secs_f64(), spent.as_nanos() as f64 / events as f64);
    println!(
        "{name:20} {per_second:>12.0} events/s {nanos:>8.1} ns/event {:>8.1} MiB state {findings:>9} findings {invalid:>9} invalid",
        largest as f64 / f64::from(1 << 20),
    );
    if what == What::OnOneThread {
        println!("{:20} {:>12.1} ns/event of a processor", "", busy.as_nanos() as f64 / events as f64);
    }
    if name == "all" {
        for (detector, bytes) in fold.memory_by_detector() {
            println!("    {detector:40} {:>8.1} MiB", bytes as f64 / f64::from(1 << 20));
        }
    }
}

/// How long this thread has run on a processor; zero where nobody says it.
fn busy_so_far() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

fn main() {
    let events = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().unwrap());
    let asked = std::env::args().nth(2);
    let what = match asked.as_deref() {
        Some("agents") => What::Agents,
        Some("impressions") => What::Only(Kind::Impression),
        Some("clicks") => What::Only(Kind::Click),
        Some("one") => What::OnOneThread,
        _ => What::Mixed,
    };
    measure("all", events, ruleset(None), what);
    if asked.is_none() {
        for rule in Ruleset::shipped().rules() {
            measure(rule.name(), events, ruleset(Some(rule.detector())), what);
        }
    }
}
