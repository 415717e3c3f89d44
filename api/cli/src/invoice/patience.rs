//! What a period waits for before it is drafted or closed, as people say it.

use std::time::Duration;

use clicktrail_billing::ready::{Checking, Patience};

use crate::installation::Installation;

/// What commands take that look at whether a period is complete.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Arguments {
    /// How long after the end of the period events of it may still come: 24h, 3d. As long as servers take late events
    /// (`serve --event-age-max`); for imported history 0h
    #[arg(long, default_value = "24h", value_name = "TIME", value_parser = duration)]
    lateness: Duration,
    /// How far ahead a client's clock may be: hours that long before the period are looked at too (`serve
    /// --event-future-max`)
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = duration)]
    ahead: Duration,
    /// Take hours too that have verdicts which their numbers do not know
    #[arg(long)]
    allow_stale: bool,
}

impl Arguments {
    /// What looks at periods of an installation.
    pub(crate) fn checking(self, instance: &Installation) -> Checking {
        Checking {
            archive: instance.archive.clone(),
            catalog: std::sync::Arc::clone(&instance.catalog),
            history: instance.rulings(),
            patience: Patience { lateness: self.lateness, ahead: self.ahead, allow_stale: self.allow_stale },
        }
    }
}

/// `90m`, `24h`, `3d`.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [("s", 1_u64), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let found = units.into_iter().find_map(|(unit, seconds)| {
        let number = text.strip_suffix(unit)?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse::<u64>().ok().filter(|_| is_number)?.checked_mul(seconds)
    });
    // More than ten years is a mistake.
    let found = found.filter(|seconds| *seconds <= 3_660 * 86_400);
    found.map(Duration::from_secs).ok_or_else(|| "write it as 90m, 24h or 3d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        for (text, expected) in
            [("0h", Some(0)), ("90m", Some(5_400)), ("24h", Some(86_400)), ("3d", Some(259_200)), ("5", None)]
        {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_secs), "{text}");
        }
        for text in ["", "h", "-1h", "+1h", "1.5h", "99999999999999999999d", "1w", "40000d"] {
            duration(text).unwrap_err();
        }
    }
}
