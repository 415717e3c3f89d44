//! Which columns of a part are read, in which order, and which are counted.

use clicktrail_log::schema;

/// The table of the events, as the SQL names it.
pub(super) const CLICKS: &str = "clicks";
/// The table of what was ruled about them.
pub(super) const RULINGS: &str = "rulings";
/// Texts of the key. The first three are those by which parts are sorted.
pub(super) const TEXTS: [&str; 7] =
    ["advertiser_id", "campaign_id", "ad_id", "publisher_id", "country", "device_type", "currency"];
/// Where `publisher_id` is in [`TEXTS`]: the minute comes behind it in a key.
pub(super) const PUBLISHER: usize = 3;
pub(super) const KIND: usize = 7;
pub(super) const EVENT_TIME: usize = 8;
/// The first of the amounts, which are in the order of [`COUNTED`].
pub(super) const PRICE: usize = 9;
/// Only there if there are rulings, which are found by it.
pub(super) const POSITION: usize = 11;
const NAMES: [&str; 12] = [
    "advertiser_id",
    "campaign_id",
    "ad_id",
    "publisher_id",
    "country",
    "device_type",
    "currency",
    "kind",
    "event_time",
    "price_micros",
    "value_micros",
    schema::POSITION,
];

/// What aggregates and filters may look at.
pub(super) const COUNTED: [&str; 4] = ["kind", "category", "price_micros", "value_micros"];
/// Where `kind` is in [`COUNTED`].
pub(super) const COUNTED_KIND: usize = 0;
/// Where the category of a ruling is in [`COUNTED`].
pub(super) const COUNTED_CATEGORY: usize = 1;
/// Where the first of the amounts is in [`COUNTED`].
pub(super) const COUNTED_PRICE: usize = 2;

pub(super) const MINUTE_MICROS: i64 = 60_000_000;

/// The columns that are read from a part, in the order of everything here.
pub(super) fn read(with_position: bool) -> &'static [&'static str] {
    if with_position { &NAMES } else { &NAMES[..POSITION] }
}
