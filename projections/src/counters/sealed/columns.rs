//! Which columns of a part are read, in which order, and as what they are handed to the engine.

use std::sync::{Arc, LazyLock};

use clicktrail_log::schema;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

/// Texts that are counted by: the engine gets codes of them. The first three are those by which parts are sorted.
pub(super) const TEXTS: [&str; 7] =
    ["advertiser_id", "campaign_id", "ad_id", "publisher_id", "country", "device_type", "currency"];
/// Where `publisher_id` is in [`TEXTS`]: the minute comes behind it in the order of a segment.
pub(super) const PUBLISHER: usize = 3;
/// The text that the SQL compares with others, so it stays a text.
pub(super) const KIND: usize = 7;
pub(super) const EVENT_TIME: usize = 8;
/// The first of the amounts; everything from here on is handed over as it is.
pub(super) const PRICE: usize = 9;
/// Only there if there are rulings, which are joined on it.
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
pub(super) const MINUTE_MICROS: i64 = 60_000_000;

static CODED: LazyLock<SchemaRef> = LazyLock::new(|| {
    let core = schema::core();
    let field = |name: &&str| {
        let field = core.field_with_name(name).expect("a core file has every column that is counted");
        let data_type = if TEXTS.contains(name) {
            DataType::UInt32
        } else if *name == NAMES[KIND] {
            DataType::Utf8View
        } else {
            field.data_type().clone()
        };
        Field::new(*name, data_type, field.is_nullable())
    };
    Arc::new(Schema::new(NAMES.iter().map(field).collect::<Vec<_>>()))
});

/// The columns that are read from a part, in the order of everything here.
pub(super) fn read(with_position: bool) -> &'static [&'static str] {
    if with_position { &NAMES } else { &NAMES[..POSITION] }
}

/// The `clicks` table as the engine sees it: [`TEXTS`] as the codes of [`super::codes`].
pub(super) fn coded() -> SchemaRef {
    Arc::clone(&CODED)
}
