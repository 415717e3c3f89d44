//! A range of sealed hours, as arguments.

use clicktrail_log::time::Hour;

/// A range of sealed hours.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Range {
    /// From this sealed hour (UTC), inclusive: 2026-11-22T14, or 2026-11-22 for its first hour
    #[arg(long, value_parser = hour)]
    from: Option<Hour>,
    /// Up to this sealed hour, exclusive
    #[arg(long, value_parser = hour)]
    to: Option<Hour>,
}

impl Range {
    /// Whether an hour is in it.
    pub(crate) fn holds(&self, hour: Hour) -> bool {
        self.from.is_none_or(|from| hour >= from) && self.to.is_none_or(|to| hour < to)
    }
}

/// `2026-11-22T14`, or `2026-11-22` for its first hour.
fn hour(text: &str) -> Result<Hour, String> {
    let parsed = Hour::parse(text).or_else(|| Hour::parse(&format!("{text}T00")));
    parsed.ok_or_else(|| "use an hour, as in 2026-11-22T14, or a day, as in 2026-11-22".to_owned())
}
