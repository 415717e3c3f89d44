//! The part of a key that says of which hour an object is: `dt=2026-11-22/hr=14`.

use crate::time::Hour;

pub(super) fn partition(hour: Hour) -> String {
    let (date, hour) = hour.date_and_hour();
    format!("dt={date}/hr={hour}")
}

pub(super) fn parse_partition<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Option<Hour> {
    let date = parts.next()?.strip_prefix("dt=")?;
    let hour = parts.next()?.strip_prefix("hr=")?;
    Hour::parse(&format!("{date}T{hour}"))
}
