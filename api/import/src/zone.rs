//! The zone of times that do not say theirs, and what its clock changes do to them.

use std::str::FromStr;

use chrono::{FixedOffset, LocalResult, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

/// No clock was ever put forward by more than this: Samoa left out a day in 2011.
const GAP_HOURS_MAX: i64 = 48;

/// A zone by its name in the IANA database, or a fixed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    Named(Tz),
    Fixed(FixedOffset),
}

impl Zone {
    /// Reads `Europe/Berlin`, `UTC`, `+02:00`.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        if name.starts_with(['+', '-']) {
            let offset = FixedOffset::from_str(name).map(Self::Fixed);
            return offset.map_err(|_| format!("{name:?} is not an offset like \"+02:00\""));
        }
        let unknown =
            |_| format!("{name:?} is not a time zone: use a name like \"Europe/Berlin\", \"UTC\" or \"+02:00\"");
        name.parse().map(Self::Named).map_err(unknown)
    }

    /// The instant of a local time. Where the clock was put back and the time was twice, the first; where it was put
    /// forward and the time never was, as if it had not yet been put.
    pub(super) fn instant(self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        if let Some(offset) = self.offset(local) {
            return local.checked_sub_offset(offset);
        }
        let before =
            (1..=GAP_HOURS_MAX).find_map(|hours| self.offset(local.checked_sub_signed(TimeDelta::hours(hours))?));
        local.checked_sub_offset(before?)
    }

    /// `None` in a gap.
    fn offset(self, local: NaiveDateTime) -> Option<FixedOffset> {
        let found = match self {
            Self::Fixed(offset) => return Some(offset),
            Self::Named(zone) => zone.offset_from_local_datetime(&local),
        };
        match found {
            LocalResult::Single(offset) | LocalResult::Ambiguous(offset, _) => Some(offset.fix()),
            LocalResult::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(zone: &str, local: &str, expected: &str) {
        let local: NaiveDateTime = local.parse().unwrap();
        let instant = Zone::parse(zone).unwrap().instant(local).unwrap();
        assert_eq!(instant.format("%Y-%m-%dT%H:%M:%S").to_string(), expected, "{zone} {local}");
    }

    #[test]
    fn every_local_time_is_one_instant() {
        check("UTC", "2026-05-12T09:00:01", "2026-05-12T09:00:01");
        check("+05:30", "2026-05-12T09:00:01", "2026-05-12T03:30:01");
        check("-08:00", "2026-05-12T20:00:01", "2026-05-13T04:00:01");
        check("Europe/Berlin", "2026-01-12T09:00:01", "2026-01-12T08:00:01");
        check("Europe/Berlin", "2026-05-12T09:00:01", "2026-05-12T07:00:01");
        // Twice in autumn: the first. Never in spring: as if it were still winter.
        check("Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T00:30:00");
        check("Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00");
        check("Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T01:30:00");
        check("Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59");
        check("Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:45:00");
        check("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T22:00:00");
    }

    #[test]
    fn an_unknown_zone_is_refused() {
        for zone in ["", "CET+1", "Berlin", "+25:00", "+x", "Europe/berlin "] {
            assert!(Zone::parse(zone).is_err(), "{zone}");
        }
    }
}
