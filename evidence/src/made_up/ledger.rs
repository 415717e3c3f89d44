//! Bases and documents about a made-up log: what was counted, by the definition and not by any proof, and what was
//! issued.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    random::Random,
    rows::{Event, Verdict, campaign},
    world::{World, show},
};
use crate::{
    bundle::time::{Hour, Instant},
    hash::Hash,
    tlog::Checkpoint,
};

/// Which verdicts an hour's numbers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knows {
    /// Of every stage, before a position.
    Before(i64),
    /// Of the live judge alone.
    Live,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All clicks.
    pub gross: i64,
    /// General invalid traffic.
    pub givt: i64,
    /// Sophisticated invalid traffic.
    pub sivt: i64,
    /// Repeats.
    pub duplicate: i64,
    /// By hand, or by a rule of the house.
    pub policy: i64,
    /// What is paid for.
    pub billable: i64,
    /// The prices of these.
    pub spend_micros: i128,
}

/// A basis: hours of a log, and what is known of each.
#[derive(Debug, Clone)]
pub struct Basis {
    /// Places of the hours of which it says that it does not know every verdict.
    pub stale: Vec<usize>,
    /// The period.
    pub period: (Instant, Instant),
    /// Places of the first and the last hour that were looked at.
    pub hours: (usize, usize),
    /// By place of an hour: what is known; hours that are not counted are not there.
    pub known: BTreeMap<usize, Knows>,
    /// Its text.
    pub text: Vec<u8>,
}

/// What an event counts as.
#[derive(Debug, Clone)]
pub(super) struct Derived {
    pub(super) counts_as: &'static str,
    pub(super) verdict: Option<i64>,
    pub(super) line: Option<String>,
    pub(super) micros: i64,
}

/// A document to be written.
#[derive(Debug)]
pub struct Facts {
    /// From 1.
    pub number: u32,
    /// Whether it takes back all of it.
    pub is_cancellation: bool,
    /// What its basis comes to.
    pub usage: BTreeMap<String, Tally>,
    /// Hours whose counts moved.
    pub moved: Vec<(Hour, Tally)>,
    /// The digest of its basis.
    pub basis: Hash,
    /// The period.
    pub period: (Instant, Instant),
    /// The terms, in their canonical JSON.
    pub terms: String,
    /// The documents before it.
    pub issued: Vec<Vec<u8>>,
}

/// Whoever writes documents: the program's own arithmetic, or another's.
pub trait Biller {
    /// The canonical JSON of a document.
    fn document(&self, facts: &Facts) -> Vec<u8>;

    /// Which verdicts its bases say that they know of an hour.
    fn knows(&self, honest: Knows) -> Knows {
        honest
    }

    /// The hours of which its bases say that they do not know every verdict.
    fn stale(&self, honest: Vec<usize>) -> Vec<usize> {
        honest
    }
}

impl Knows {
    fn has(self, verdict: &Verdict) -> bool {
        match self {
            Self::Before(before) => verdict.position < before,
            Self::Live => verdict.stage == "live",
        }
    }
}

/// What stands about each event, by the definition: every verdict is looked at.
fn standing(world: &World, target: i64, knows: Knows) -> Option<&Verdict> {
    let weight = |stage: &str| match stage {
        "live" => 0,
        "manual" => 2,
        _ => 1,
    };
    let known = world.about(target).iter().filter(|verdict| knows.has(verdict));
    known.max_by_key(|verdict| (weight(verdict.stage), verdict.position))
}

impl Basis {
    /// A random basis about a period, which looks at hours up to `last`; `before` is an earlier one of the same period.
    pub fn random(
        random: &mut Random,
        world: &World,
        biller: &dyn Biller,
        period: (Instant, Instant),
        last: usize,
        before: Option<&Self>,
        stands_on: Option<&Checkpoint>,
    ) -> Self {
        let first = before.map_or(1, |before| before.hours.0);
        let mut known = BTreeMap::new();
        for place in first..=last {
            if !world.clicks[place].reaches(period.0, period.1) {
                continue;
            }
            let earlier = before.and_then(|before| before.known.get(&place)).copied();
            let now = Knows::Before(world.verdicts[last].end);
            let knows = match earlier {
                Some(earlier) if random.has(500) => earlier,
                Some(_) => now,
                None if random.has(500) => Knows::Live,
                None => now,
            };
            known.insert(place, biller.knows(knows));
        }
        let mut basis = Self { stale: Vec::new(), period, hours: (first, last), known, text: Vec::new() };
        let stale = basis.known.iter().filter(|(place, knows)| basis.misses(world, **place, **knows));
        basis.stale = biller.stale(stale.map(|(place, _)| *place).collect());
        basis.text = basis.write(world, stands_on);
        basis
    }

    /// Whether a verdict about an hour that was sealed when it was made is not known.
    fn misses(&self, world: &World, place: usize, knows: Knows) -> bool {
        let end = world.verdicts[self.hours.1].end;
        let events = world.clicks[place].parts.iter().flatten();
        let mut verdicts = events.flat_map(|event| world.about(event.position));
        verdicts.any(|verdict| verdict.position < end && !knows.has(verdict))
    }

    fn write(&self, world: &World, stands_on: Option<&Checkpoint>) -> Vec<u8> {
        let digest = |of: &str| Hash::of(of.as_bytes());
        let hour = |place: usize| world.clicks[place].hour;
        let segment = |(place, knows): (&usize, &Knows)| {
            let (knows_before, verdicts_before) = match knows {
                Knows::Before(before) => (Some(show(*before)), Some(show(*before))),
                Knows::Live => (None, self.last_live(world, *place).map(|last| show(last + 1))),
            };
            json!({
                "hour": hour(*place), "input_digest": digest("in"), "code_digest": digest("code"),
                "output_digest": digest("out"), "bytes": 1, "rows": 1, "generation": null,
                "knows_before": knows_before, "verdicts_before": verdicts_before,
            })
        };
        let (first, last) = self.hours;
        let without = (first..=last).filter(|place| !self.known.contains_key(place));
        let without: Vec<Value> =
            without.map(|place| json!({"from": hour(place), "to_inclusive": hour(place)})).collect();
        let segments: Vec<Value> = self.known.iter().map(segment).collect();
        let last_manifest = Hash::of(&world.clicks[last].manifest);
        // `json!` sorts fields by name, and a basis has an order of its own.
        let mut text = format!(
            "{{\"version\": {}, \"projection\": \"counters\", \"from\": \"{}\", \"to\": \"{}\", \"first_hour\": \"{}\", \
             \"last_hour\": \"{}\", \"last_manifest\": \"{last_manifest}\"",
            if stands_on.is_some() { 2 } else { 1 },
            self.period.0,
            self.period.1,
            hour(first),
            hour(last),
        );
        let stale: Vec<Value> = self.stale.iter().map(|place| json!(hour(*place))).collect();
        text.push_str(&format!(", \"stale\": {}, \"segments\": {}, ", Value::from(stale), Value::from(segments)));
        text.push_str(&format!("\"without\": {}", Value::from(without)));
        if let Some(Checkpoint { origin, size, root }) = stands_on {
            text.push_str(&format!(
                ", \"checkpoint\": {{\"origin\": \"{origin}\", \"size\": {size}, \"root\": \"{root}\"}}"
            ));
        }
        text.push('}');
        crate::verify::written::basis(&text)
    }

    /// The last live verdict that stands about an event of an hour.
    fn last_live(&self, world: &World, place: usize) -> Option<i64> {
        let events = world.clicks[place].parts.iter().flatten();
        let standing = events.filter_map(|event| standing(world, event.position, Knows::Live));
        standing.map(|verdict| verdict.position).max()
    }

    /// What an event counts as, as the derivation has it.
    pub(super) fn derived(
        &self,
        world: &World,
        place: usize,
        event: &Event,
        currency: Option<&str>,
        campaigns: Option<&[String]>,
    ) -> Derived {
        let knows = self.known.get(&place).copied();
        let verdict = knows.and_then(|knows| standing(world, event.position, knows));
        let class = if event.kind != "click" {
            Some("not_a_click")
        } else if event.event_time < self.period.0.0 || event.event_time >= self.period.1.0 {
            Some("outside_period")
        } else if currency.is_some_and(|asked| event.currency != asked) {
            Some("other_currency")
        } else if campaigns.is_some_and(|campaigns| !campaigns.contains(&event.campaign)) {
            Some("other_campaign")
        } else if knows.is_none() {
            Some("outside_basis")
        } else {
            None
        };
        let counts_as = class.unwrap_or(verdict.and_then(|verdict| verdict.category).unwrap_or("billable"));
        Derived {
            counts_as,
            verdict: verdict.map(|verdict| verdict.position),
            line: class.is_none().then(|| event.campaign.clone()),
            micros: if counts_as == "billable" { event.price } else { 0 },
        }
    }

    /// What an advertiser's clicks come to, by campaign; and by hour.
    pub fn tally(&self, world: &World, advertiser: &str) -> (BTreeMap<String, Tally>, BTreeMap<Hour, Tally>) {
        let (mut campaigns, mut hours): (BTreeMap<String, Tally>, BTreeMap<Hour, Tally>) = Default::default();
        for (place, knows) in &self.known {
            let hour = &world.clicks[*place];
            for event in hour.parts.iter().flatten() {
                let is_asked = event.advertiser == advertiser && event.kind == "click" && event.currency == "EUR";
                if !is_asked || event.event_time < self.period.0.0 || event.event_time >= self.period.1.0 {
                    continue;
                }
                let stands = standing(world, event.position, *knows).and_then(|verdict| verdict.category);
                let campaign = campaigns.entry(event.campaign.clone()).or_default();
                for tally in [campaign, hours.entry(hour.hour).or_default()] {
                    tally.gross += 1;
                    match stands {
                        Some("givt") => tally.givt += 1,
                        Some("sivt") => tally.sivt += 1,
                        Some("duplicate") => tally.duplicate += 1,
                        Some("policy") => tally.policy += 1,
                        _ => {
                            (tally.billable, tally.spend_micros) =
                                (tally.billable + 1, tally.spend_micros + i128::from(event.price))
                        }
                    }
                }
            }
        }
        (campaigns, hours)
    }
}

/// The hours whose counts moved from one basis to another, as a note names them.
pub fn moved(world: &World, advertiser: &str, before: &Basis, after: &Basis) -> Vec<(Hour, Tally)> {
    let (was, is) = (before.tally(world, advertiser).1, after.tally(world, advertiser).1);
    let hours: std::collections::BTreeSet<Hour> = was.keys().chain(is.keys()).copied().collect();
    let of = |tallies: &BTreeMap<Hour, Tally>, hour: &Hour| tallies.get(hour).copied().unwrap_or_default();
    let moved = hours.into_iter().map(|hour| {
        let (one, other) = (of(&is, &hour), of(&was, &hour));
        let tally = Tally {
            gross: one.gross - other.gross,
            givt: one.givt - other.givt,
            sivt: one.sivt - other.sivt,
            duplicate: one.duplicate - other.duplicate,
            policy: one.policy - other.policy,
            billable: one.billable - other.billable,
            spend_micros: one.spend_micros - other.spend_micros,
        };
        (hour, tally)
    });
    moved.filter(|(_, tally)| *tally != Tally::default()).collect()
}

/// Random terms, in their canonical JSON.
pub fn terms(random: &mut Random, advertiser: &str) -> String {
    let texts = |list: Vec<String>| format!("[{}]", list.join(","));
    let name = |number: u64| serde_json::to_string(&campaign(number)).expect("a text is JSON");
    let mut discounts = Vec::new();
    let (mut minimums, mut caps) = (Vec::new(), Vec::new());
    for number in 0..3 {
        let campaign = name(number);
        if random.has(300) {
            discounts.push(format!("{{\"campaign\":{campaign},\"rate_basis_points\":{}}}", 1 + random.below(3_000)));
        }
        if random.has(250) {
            minimums.push(format!(
                "{{\"campaign\":{campaign},\"amount\":\"{}.{:02}\"}}",
                random.below(3),
                random.below(100)
            ));
        }
        if random.has(250) {
            caps.push(format!(
                "{{\"campaign\":{campaign},\"amount\":\"{}.{:02}\"}}",
                3 + random.below(3),
                random.below(100)
            ));
        }
    }
    if random.has(400) {
        discounts.push(format!("{{\"campaign\":null,\"rate_basis_points\":{}}}", 1 + random.below(2_000)));
    }
    if random.has(300) {
        minimums.push("{\"campaign\":null,\"amount\":\"9.50\"}".to_owned());
    }
    let (discounts, minimums, caps) = (texts(discounts), texts(minimums), texts(caps));
    format!(
        "{{\"format\":\"clicktrail terms 1\",\"advertiser_id\":\"{advertiser}\",\"valid_from\":\"2026-01-01\",\
         \"customer\":{PARTY},\"currency\":\"EUR\",\"decimals\":2,\"zone\":\"UTC\",\"cycle\":\"month\",\"series\":\"INV\",\
         \"note_series\":\"CN\",\"payment_days\":30,\"tax\":{{\"category\":\"S\",\"rate_basis_points\":1900,\
         \"exemption_reason\":null}},\"language\":\"en\",\"discounts\":{discounts},\"minimums\":{minimums},\
         \"caps\":{caps},\"reference\":null}}"
    )
}

/// Everybody of a made-up world.
pub(super) const PARTY: &str = "{\"name\":\"Acme GmbH\",\"address\":{\"lines\":[\"Lindenstra\u{df}e 9\"],\"city\":\"Berlin\",\
                                \"postcode\":\"10969\",\"country\":\"DE\"},\"tax_id\":\"DE123456789\",\"registration\":null,\
                                \"email\":null,\"iban\":null,\"bic\":null}";
