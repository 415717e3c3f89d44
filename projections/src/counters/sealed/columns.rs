//! Which columns of a part are read, in which order, and which the engine is handed.

use std::sync::{Arc, LazyLock};

use clicktrail_log::schema;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

/// The table of the events, as the SQL names it.
pub(super) const CLICKS: &str = "clicks";
/// Texts of the key. The first three are those by which parts are sorted.
pub(super) const TEXTS: [&str; 7] =
    ["advertiser_id", "campaign_id", "ad_id", "publisher_id", "country", "device_type", "currency"];
/// Where `publisher_id` is in [`TEXTS`]: the minute comes behind it in a key.
pub(super) const PUBLISHER: usize = 3;
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

/// The number of a row's key in its range, from 0 in the order of keys: a column beside those of [`NAMES`].
pub(super) const KEY: &str = "key";

pub(super) const MINUTE_MICROS: i64 = 60_000_000;

static TABLE: LazyLock<SchemaRef> = LazyLock::new(|| {
    let core = schema::core();
    let column = |name: &&str| {
        let field = core.field_with_name(name).expect("a core file has every column that is counted");
        // A view of a text is compared without following it.
        if *name == NAMES[KIND] { field.clone().with_data_type(DataType::Utf8View) } else { field.clone() }
    };
    let key = Field::new(KEY, DataType::UInt32, false);
    Arc::new(Schema::new([key].into_iter().chain(NAMES.iter().map(column)).collect::<Vec<_>>()))
});

/// The columns that are read from a part, in the order of everything here.
pub(super) fn read(with_position: bool) -> &'static [&'static str] {
    if with_position { &NAMES } else { &NAMES[..POSITION] }
}

/// The `clicks` table as the SQL is planned for it.
pub(super) fn table() -> SchemaRef {
    Arc::clone(&TABLE)
}

/// What of [`table`] the engine is handed: the key's number, and what is counted by it.
pub(super) fn handed(with_position: bool) -> SchemaRef {
    let names = [KEY, NAMES[KIND]].into_iter().chain(read(with_position)[PRICE..].iter().copied());
    let fields: Vec<Field> =
        names.map(|name| TABLE.field_with_name(name).expect("a column of the table").clone()).collect();
    Arc::new(Schema::new(fields))
}
