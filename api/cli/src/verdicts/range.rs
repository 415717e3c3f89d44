//! A range of sealed hours, as arguments.

use clicktrail_log::time::{Hour, Timestamp};
use clicktrail_projections::zone::{self, Unit, Zone};

/// A range of sealed hours.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Range {
    /// From this sealed hour, inclusive: 2026-11-22T14, or 2026-11-22 for the first hour of that day
    #[arg(long, value_name = "HOUR")]
    from: Option<String>,
    /// Up to this sealed hour, exclusive, written as --from is
    #[arg(long, value_name = "HOUR")]
    to: Option<String>,
    /// Time zone of --from and --to, by its IANA name, as in Europe/Berlin; hours are sealed by UTC
    #[arg(long, default_value = "UTC", value_name = "ZONE", allow_hyphen_values = true)]
    timezone: Zone,
}

/// Which sealed hours are meant.
#[derive(Debug, Clone)]
pub(crate) struct Hours(zone::Range);

impl Range {
    /// The zone of its bounds.
    pub(crate) fn zone(&self) -> &Zone {
        &self.timezone
    }

    /// The first and the last hour; `None` where there is no bound.
    pub(crate) fn bounds(&self) -> anyhow::Result<(Option<Hour>, Option<Hour>)> {
        let Hours(range) = self.hours()?;
        let pieces: Vec<_> = range.pieces().collect();
        let (Some((from, _)), Some((_, to))) = (pieces.first(), pieces.last()) else { return Ok((None, None)) };
        anyhow::ensure!(pieces.len() == 1, "a bound is a date whose day the clocks entered twice: write a time of UTC");
        // The end is exclusive, and lies between two hours.
        Ok((from.map(Timestamp::hour), to.map(|to| to.plus_micros(-1).hour())))
    }

    /// The hours, once the bounds are understood.
    pub(crate) fn hours(&self) -> anyhow::Result<Hours> {
        let (from, to) = (self.from.as_deref(), self.to.as_deref());
        Ok(Hours(zone::Range::parse(from, to, &self.timezone, Unit::Hour)?))
    }
}

impl Hours {
    /// Whether an hour is among them.
    pub(crate) fn holds(&self, hour: Hour) -> bool {
        self.0.holds(hour.start())
    }
}
