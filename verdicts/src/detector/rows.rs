//! The columns that detectors look at, checked and hashed once for all of them.

use std::sync::OnceLock;

use arrow::{
    array::{Array, ArrowPrimitiveType, AsArray, PrimitiveArray, RecordBatch, StringArray},
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use clicktrail_log::{
    archive::identities::Fingerprint, event::Kind, identity::Identity, invariant, position::Position, schema,
    time::Timestamp,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::frames::{Frames, Origin};
use crate::{
    kinds::Kinds,
    ruleset::address::{Address, Prefixes},
};

/// Seeds keep a user apart from an address that is written the same.
const USER: u64 = 0x7573_6572;
const ADDRESS: u64 = 0x6164_6472;
const NETWORK: u64 = 0x6e65_7477;
const NO_AGENT: u64 = 0x6e6f_6e65;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Why a batch cannot be folded: it is not what a reader of the log gives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadRows(pub(crate) String);

/// The rows of a batch.
#[derive(Debug)]
pub(crate) struct Rows<'b> {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) times: &'b [i64],
    pub(crate) logged: &'b [i64],
    pub(crate) positions: Vec<Position>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) event_ids: &'b StringArray,
    pub(crate) user_ids: &'b StringArray,
    pub(crate) agents: &'b StringArray,
    pub(crate) device_types: &'b StringArray,
    pub(crate) systems: &'b StringArray,
    pub(crate) click_event_ids: &'b StringArray,
    /// What else the event says; read only for whether it came by a correction. `None` where a batch has no such
    /// column.
    pub(crate) extras: Option<&'b StringArray>,
    ips: &'b StringArray,
    advertisers: &'b StringArray,
    ads: &'b StringArray,
    /// The clicks, in order.
    pub(crate) clicks: Vec<usize>,
    /// Of every row, once it was asked for: most detectors look at it.
    addresses: OnceLock<Vec<Option<Address>>>,
}

impl<'b> Rows<'b> {
    /// Finds and checks the columns; changes nothing.
    pub(crate) fn check(batch: &'b RecordBatch) -> Result<Self, BadRows> {
        let positions = required(schema::POSITION, primitive::<Int64Type>(batch, schema::POSITION)?)?;
        let position = |(row, value): (usize, &i64)| {
            Position::from_i64(*value).ok_or_else(|| BadRows(format!("row {row}: {value} is no position")))
        };
        let positions: Vec<Position> = positions.values().iter().enumerate().map(position).collect::<Result<_, _>>()?;
        if let Some(pair) = positions.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(BadRows(format!("{} comes behind {}: rows come in log order", pair[1], pair[0])));
        }
        let time = |name| required(name, primitive::<TimestampMicrosecondType>(batch, name)?);
        let words = required("kind", text(batch, "kind")?)?;
        let kind = |(row, word): (usize, Option<&str>)| {
            let word = word.unwrap_or_default();
            word.parse::<Kind>().map_err(|()| BadRows(format!("row {row}: {word:?} is no kind of event")))
        };
        let kinds: Vec<Kind> = words.iter().enumerate().map(kind).collect::<Result<_, _>>()?;
        let clicks: Vec<usize> = (0..kinds.len()).filter(|row| kinds[*row] == Kind::Click).collect();
        Ok(Self {
            times: time("event_time")?.values(),
            logged: time(schema::LOGGED_AT)?.values(),
            origins: Vec::new(),
            positions,
            event_ids: required("event_id", text(batch, "event_id")?)?,
            user_ids: text(batch, "user_id")?,
            agents: text(batch, "user_agent")?,
            device_types: text(batch, "device_type")?,
            systems: text(batch, "os")?,
            click_event_ids: text(batch, "click_event_id")?,
            advertisers: required("advertiser_id", text(batch, "advertiser_id")?)?,
            ads: required("ad_id", text(batch, "ad_id")?)?,
            addresses: OnceLock::new(),
            extras: batch.column_by_name("extra").map(|_| text(batch, "extra")).transpose()?,
            ips: text(batch, "ip")?,
            kinds,
            clicks,
        })
    }

    /// Gives every row its place in the state's frames.
    pub(crate) fn intern(&mut self, frames: &mut Frames) {
        let logged = self.logged.iter().map(|micros| Timestamp::from_micros(*micros));
        self.origins = self.positions.iter().zip(logged).map(|(at, logged)| frames.intern(*at, logged)).collect();
        invariant!(I5, self.origins.len() == self.len(), "{} of {} rows have a frame", self.origins.len(), self.len());
    }

    /// Whether the time of the event has a part below the second. Clocks and logs that tell whole seconds say nothing
    /// about what happened within one.
    pub(crate) fn is_subsecond(&self, row: usize) -> bool {
        self.times[row] % MICROS_PER_SECOND != 0
    }

    pub(crate) fn len(&self) -> usize {
        self.kinds.len()
    }

    /// The rows of these kinds, in order.
    pub(crate) fn of(&self, kinds: Kinds) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(move |row| kinds.holds(self.kinds[*row]))
    }

    pub(crate) fn address(&self, row: usize) -> Option<Address> {
        let parse = |row| optional(self.ips, row).and_then(Address::parse);
        self.addresses.get_or_init(|| (0..self.len()).map(parse).collect())[row]
    }

    /// The clicks and their addresses, in order.
    pub(crate) fn click_addresses(&self) -> impl Iterator<Item = (usize, Option<Address>)> {
        self.clicks.iter().map(|row| (*row, self.address(*row)))
    }

    /// The user, hashed; `None` where the event names none.
    pub(crate) fn user(&self, row: usize) -> Option<u64> {
        let user = optional(self.user_ids, row).filter(|user| !is_placeholder(user))?;
        Some(xxh3_64_with_seed(user.as_bytes(), USER))
    }

    /// Whether the event names a user.
    pub(crate) fn names_user(&self, row: usize) -> bool {
        optional(self.user_ids, row).is_some_and(|user| !is_placeholder(user))
    }

    /// Who, and which ad, hashed. Who is the user. Where the event names none, it is the network of the address with
    /// the user agent, if there is one. Without an address, it is nobody: `None`.
    pub(crate) fn who_and_ad(&self, row: usize, prefixes: Prefixes) -> Option<u64> {
        let who = self.user(row).or_else(|| {
            let text = optional(self.ips, row)?;
            let address = match Address::parse(text) {
                Some(address) => xxh3_64_with_seed(&address.network(prefixes).bits().to_le_bytes(), NETWORK),
                None => xxh3_64_with_seed(text.as_bytes(), ADDRESS),
            };
            Some(match optional(self.agents, row) {
                Some(agent) => xxh3_64_with_seed(agent.as_bytes(), address),
                None => address ^ NO_AGENT,
            })
        })?;
        Some(xxh3_64_with_seed(self.ads.value(row).as_bytes(), who))
    }

    /// What tells the event from others.
    pub(crate) fn identity(&self, row: usize) -> Identity {
        let (advertiser, ad) = (self.advertisers.value(row), self.ads.value(row));
        Identity::of(self.kinds[row], advertiser, ad, self.event_ids.value(row))
    }

    /// The same, as identity filters are asked.
    pub(crate) fn fingerprint(&self, row: usize) -> Fingerprint {
        let (advertiser, ad) = (self.advertisers.value(row), self.ads.value(row));
        Fingerprint::of(self.kinds[row], advertiser, ad, self.event_ids.value(row))
    }

    /// The click that `click_id` names for the advertiser of the row, on whichever of its ads.
    pub(crate) fn click_named(&self, row: usize, click_id: &str) -> Identity {
        Identity::of_click(self.advertisers.value(row), click_id)
    }
}

/// Whether a user id is what a template left in its place: many people have it, and it names none of them.
fn is_placeholder(user: &str) -> bool {
    const NOBODY: [&str; 10] = [
        "-",
        "null",
        "nil",
        "none",
        "undefined",
        "unknown",
        "anonymous",
        "guest",
        "(not set)",
        "00000000-0000-0000-0000-000000000000",
    ];
    const MACROS: [(&str, &str); 6] = [("{", "}"), ("[", "]"), ("<", ">"), ("%%", "%%"), ("__", "__"), ("$", "")];
    let user = user.trim();
    NOBODY.iter().any(|nobody| user.eq_ignore_ascii_case(nobody))
        || MACROS.iter().any(|(begin, end)| user.starts_with(begin) && user.ends_with(end))
}

/// The text of a row. An empty text counts as none.
pub(crate) fn optional(texts: &StringArray, row: usize) -> Option<&str> {
    (texts.is_valid(row) && !texts.value(row).is_empty()).then(|| texts.value(row))
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b dyn Array, BadRows> {
    let column = batch.column_by_name(name).ok_or_else(|| BadRows(format!("there is no column {name}")))?;
    Ok(column.as_ref())
}

fn mistyped(name: &str, column: &dyn Array) -> BadRows {
    BadRows(format!("column {name} is of type {}", column.data_type()))
}

fn primitive<'b, T: ArrowPrimitiveType>(batch: &'b RecordBatch, name: &str) -> Result<&'b PrimitiveArray<T>, BadRows> {
    let column = column(batch, name)?;
    column.as_primitive_opt::<T>().ok_or_else(|| mistyped(name, column))
}

fn text<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b StringArray, BadRows> {
    let column = column(batch, name)?;
    column.as_string_opt::<i32>().ok_or_else(|| mistyped(name, column))
}

fn required<'b, A: Array>(name: &str, column: &'b A) -> Result<&'b A, BadRows> {
    match column.null_count() {
        0 => Ok(column),
        nulls => Err(BadRows(format!("column {name} has {nulls} nulls"))),
    }
}
