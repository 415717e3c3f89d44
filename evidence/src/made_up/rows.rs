//! Events and verdicts of a made-up log, as rows of its tables.

use super::random::Random;
use crate::{bundle::time::MICROS_AN_HOUR, row::Value, salt::Salt};

/// Texts that are hard on readers.
const ODD: [&str; 6] = ["", "a \"quoted\", text", "line\nbreak", "ünï\u{1f980}", "=1+1", "nul\u{0}byte"];

/// An event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Where it stands in the log.
    pub position: i64,
    /// When it happened.
    pub event_time: i64,
    /// Click or something else.
    pub kind: &'static str,
    /// Who pays.
    pub advertiser: String,
    /// For what.
    pub campaign: String,
    /// For which ad.
    pub ad: String,
    /// What it costs if it is billable.
    pub price: i64,
    /// In which currency.
    pub currency: &'static str,
    logged_at: i64,
    id: String,
    publisher: Option<String>,
    country: Option<&'static str>,
    value: Option<i64>,
    address: Option<String>,
    agent: Option<&'static str>,
}

/// What events of a log are made of.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// How many advertisers there are.
    pub advertisers: u64,
    /// How many campaigns each has.
    pub campaigns: u64,
    /// Of a thousand events, those of the first advertiser.
    pub first_permille: u64,
    /// Of a thousand events, those of other kinds than click.
    pub other_kinds_permille: u64,
}

/// The name of an advertiser.
pub fn advertiser(number: u64) -> String {
    format!("advertiser-{number}")
}

/// The name of a campaign; some are odd.
pub fn campaign(number: u64) -> String {
    match number {
        1 => "= \"x\", \u{1f980}".to_owned(),
        _ => format!("campaign-{number}"),
    }
}

impl Event {
    /// A random event that was logged in an hour.
    pub fn random(random: &mut Random, shape: &Shape, position: i64, hour_start: i64) -> Self {
        let logged_at = hour_start + random.within(0..MICROS_AN_HOUR);
        // Some come late, and some clocks are ahead.
        let late = match random.below(20) {
            0 => random.within(0..5 * MICROS_AN_HOUR),
            1 => -random.within(0..60_000_000),
            _ => random.within(0..2_000_000),
        };
        let is_first = random.has(shape.first_permille);
        let number = if is_first { 0 } else { random.below(shape.advertisers) };
        let kinds = ["impression", "conversion", "probe", "prefetch"];
        let is_other = random.has(shape.other_kinds_permille);
        let campaign = campaign(random.below(shape.campaigns));
        Self {
            position,
            event_time: logged_at - late,
            kind: if is_other { *random.of(&kinds) } else { "click" },
            advertiser: advertiser(number),
            ad: format!("{campaign}-ad-{}", random.below(3)),
            campaign,
            price: random.within(0..900_000),
            currency: if random.has(30) { "USD" } else { "EUR" },
            logged_at,
            id: format!("{:016x}", random.next()),
            publisher: random
                .has(700)
                .then(|| if random.has(20) { (*random.of(&ODD)).to_owned() } else { "publisher".to_owned() }),
            country: random.has(800).then(|| *random.of(&["DE", "FR", "JP"])),
            value: random.has(100).then(|| random.within(-5..5_000_000)),
            address: random.has(900).then(|| format!("192.0.2.{}", random.below(256))),
            agent: random.has(900).then(|| *random.of(&ODD)),
        }
    }

    /// How a part is sorted.
    pub fn order(&self) -> (&str, &str, &str, i64, i64) {
        (&self.advertiser, &self.campaign, &self.ad, self.event_time, self.position)
    }

    /// In the order of `rows.csv`.
    pub fn values(&self) -> [Value<'_>; 20] {
        let text_or_null = |text: Option<&'static str>| text.map_or(Value::Null, Value::Text);
        [
            Value::Int(self.position),
            Value::Int(self.logged_at),
            Value::Text(&self.id),
            Value::Text(self.kind),
            Value::Int(self.event_time),
            Value::Int(self.logged_at),
            Value::Text(&self.advertiser),
            Value::Text(&self.campaign),
            Value::Text(&self.ad),
            self.publisher.as_deref().map_or(Value::Null, Value::Text),
            Value::Null,
            text_or_null(Some("mobile")),
            Value::Null,
            Value::Null,
            text_or_null(self.country),
            Value::Null,
            Value::Int(self.price),
            Value::Text(self.currency),
            Value::Null,
            self.value.map_or(Value::Null, Value::Int),
        ]
    }

    /// In the order of `people.csv`, without the salt.
    pub fn people(&self) -> [Value<'_>; 7] {
        let agent = self.agent.map_or(Value::Null, Value::Text);
        let address = self.address.as_deref().map_or(Value::Null, Value::Text);
        [Value::Int(self.position), Value::Null, Value::Text("session"), address, agent, Value::Null, Value::Null]
    }
}

/// A salt as a text of `people.csv`.
pub fn salt_text(salt: &Salt) -> String {
    hex::encode(salt.0)
}

/// A verdict.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Where it stands in its log.
    pub position: i64,
    /// The event that is judged.
    pub target: i64,
    /// Why it is invalid; `None`: it is valid.
    pub category: Option<&'static str>,
    /// How it came about.
    pub stage: &'static str,
    logged_at: i64,
}

impl Verdict {
    /// A random verdict about an event.
    pub fn random(random: &mut Random, position: i64, target: i64, stage: &'static str, hour_start: i64) -> Self {
        let categories = ["givt", "sivt", "duplicate", "policy"];
        let category = random.has(850).then(|| *random.of(&categories));
        Self { position, target, category, stage, logged_at: hour_start + random.within(0..MICROS_AN_HOUR) }
    }

    /// In the order of `verdicts.csv`.
    pub fn values(&self) -> [Value<'_>; 13] {
        [
            Value::Int(self.position),
            Value::Int(self.logged_at),
            Value::Int(self.target),
            Value::Text("id"),
            Value::Text(if self.category.is_some() { "invalid" } else { "valid" }),
            self.category.map_or(Value::Null, Value::Text),
            Value::Text(r#"[{"rule":"address_rate","weight":400,"evidence":{"clicks":101}}]"#),
            Value::Int(400),
            Value::Text("ruleset"),
            Value::Text(self.stage),
            Value::Int(self.logged_at),
            Value::Text("judge"),
            Value::Null,
        ]
    }
}
