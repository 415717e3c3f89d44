//! Sixty-four bits of an event's identity, and the date that an id may say.

use arrow::{
    array::{Array as _, AsArray as _, RecordBatch, StringArray},
    datatypes::TimestampMicrosecondType,
    error::ArrowError,
};

use crate::{event::Kind, schema, time::Timestamp};

/// An id is dated ahead if its date lies more than this after it was logged: clocks that mint may be ahead by so much.
/// It is part of what a filter means, and frozen with its version.
pub const AHEAD_MICROS: i64 = 120_000_000;

/// Odd numbers without a pattern: the fractions of the square roots of 2, 3 and 5.
const SEED: u64 = 0x6a09_e667_f3bc_c909;
const LEFT: u64 = 0xbb67_ae85_84ca_a73b;
const RIGHT: u64 = 0x3c6e_f372_fe94_f82b;

/// A hash of kind, advertiser, ad and id. Frozen with version 1 of the filter.
///
/// It is fast and made to spread, not to withstand: whoever makes two events share one gains that a part is read once
/// more. What decides is [`Identity`](crate::identity::Identity).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(pub(super) u64);

impl Fingerprint {
    /// Of an event.
    pub fn of(kind: Kind, advertiser_id: &str, ad_id: &str, event_id: &str) -> Self {
        let first = match kind {
            Kind::Click => 1,
            Kind::Impression => 2,
            Kind::Conversion => 3,
            Kind::Probe => 4,
            Kind::Prefetch => 5,
        };
        let texts = [advertiser_id, ad_id, event_id];
        let hash = texts.into_iter().fold(mix(SEED ^ first, LEFT), |hash, text| fold(hash, text.as_bytes()));
        Self(mix(hash, RIGHT))
    }
}

/// Takes a text in, its length first.
fn fold(hash: u64, text: &[u8]) -> u64 {
    let mut hash = mix(hash ^ text.len() as u64, LEFT);
    let (words, rest) = text.as_chunks::<8>();
    let (pairs, odd) = words.as_chunks::<2>();
    for [one, other] in pairs {
        hash = mix(u64::from_le_bytes(*one) ^ hash, u64::from_le_bytes(*other) ^ RIGHT);
    }
    for word in odd {
        hash = mix(u64::from_le_bytes(*word) ^ hash, LEFT);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = mix(u64::from_le_bytes(last) ^ hash, RIGHT);
    }
    hash
}

/// Both halves of the product.
#[allow(clippy::cast_possible_truncation, reason = "both halves are taken")]
fn mix(one: u64, other: u64) -> u64 {
    let product = u128::from(one ^ SEED) * u128::from(other | 1);
    (product as u64) ^ ((product >> 64) as u64) ^ one.rotate_left(29)
}

/// The value of each hexadecimal digit; 0 for every other byte.
const HEX: [u8; 256] = {
    let (mut values, mut value) = ([0; 256], 0_u8);
    while value < 16 {
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        values[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// When an id says that it was made: only a UUID of version 7, written with hyphens, says that.
pub fn date_of(event_id: &str) -> Option<Timestamp> {
    let bytes: &[u8; 36] = event_id.as_bytes().try_into().ok()?;
    if bytes[14] != b'7' || [8, 13, 18, 23].iter().any(|at| bytes[*at] != b'-') {
        return None;
    }
    // One pass over all bytes without an early end, which the compiler takes many at a time. Hyphens are no digits.
    if bytes.iter().filter(|byte| byte.is_ascii_hexdigit()).count() != 32 {
        return None;
    }
    let digits = bytes[..8].iter().chain(&bytes[9..13]);
    let millis = digits.fold(0, |millis, digit| millis << 4 | i64::from(HEX[usize::from(*digit)]));
    Some(Timestamp::from_micros(millis * 1_000))
}

/// Whether events of this kind can be billed or lead to what is: the others are not looked for.
pub(super) const fn is_listed(kind: Kind) -> bool {
    match kind {
        Kind::Click | Kind::Impression | Kind::Conversion => true,
        Kind::Probe | Kind::Prefetch => false,
    }
}

/// What a filter holds of the rows of one part.
#[derive(Debug, Clone, Default)]
pub struct Fingerprints {
    /// Of every click, impression and conversion.
    pub(super) all: Vec<u64>,
    /// Of those whose id is dated ahead of its logging.
    pub(super) ahead: Vec<u64>,
}

impl Fingerprints {
    /// Takes in rows with the core columns of a part.
    ///
    /// # Errors
    /// If they lack a column, or one is of another type.
    pub fn add(&mut self, rows: &RecordBatch) -> Result<(), ArrowError> {
        let columns = Columns::of(rows)?;
        self.all.reserve(rows.num_rows());
        for row in 0..rows.num_rows() {
            let Some(kind) = columns.kind(row) else { continue };
            let id = columns.ids.value(row);
            let fingerprint = Fingerprint::of(kind, columns.advertisers.value(row), columns.ads.value(row), id);
            self.all.push(fingerprint.0);
            let latest = columns.logged[row].saturating_add(AHEAD_MICROS);
            if date_of(id).is_some_and(|date| date.micros() > latest) {
                self.ahead.push(fingerprint.0);
            }
        }
        Ok(())
    }
}

/// The columns that identify an event.
pub(super) struct Columns<'r> {
    pub(super) logged: &'r [i64],
    kinds: &'r StringArray,
    pub(super) advertisers: &'r StringArray,
    pub(super) ads: &'r StringArray,
    pub(super) ids: &'r StringArray,
}

impl<'r> Columns<'r> {
    /// Their names.
    pub(super) const NAMES: [&'static str; 5] = [schema::LOGGED_AT, "event_id", "kind", "advertiser_id", "ad_id"];

    pub(super) fn of(rows: &'r RecordBatch) -> Result<Self, ArrowError> {
        let column = |name: &str| {
            let column = rows.column_by_name(name).filter(|column| column.null_count() == 0);
            column.ok_or_else(|| ArrowError::SchemaError(format!("there is no whole column {name}")))
        };
        let mistyped = |name: &str| ArrowError::SchemaError(format!("column {name} is of another type"));
        let text = |name: &str| column(name)?.as_string_opt::<i32>().ok_or_else(|| mistyped(name));
        let logged = column(schema::LOGGED_AT)?.as_primitive_opt::<TimestampMicrosecondType>();
        Ok(Self {
            logged: logged.ok_or_else(|| mistyped(schema::LOGGED_AT))?.values(),
            kinds: text("kind")?,
            advertisers: text("advertiser_id")?,
            ads: text("ad_id")?,
            ids: text("event_id")?,
        })
    }

    /// The kind of an event that is listed.
    pub(super) fn kind(&self, row: usize) -> Option<Kind> {
        self.kinds.value(row).parse().ok().filter(|kind| is_listed(*kind))
    }
}
