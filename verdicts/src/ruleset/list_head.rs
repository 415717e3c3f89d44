//! The head of a list: what its first comment lines say about where it comes from and how old it is.
//!
//! ```text
//! # Networks of hosting providers.
//! # Source: iporigin
//! # Version: 1.1.2
//! # Date: 2026-10-05
//! # Licence: MIT
//! ```
//!
//! Any of them may be missing, and a list need not have a head at all.

use std::path::Path;

use clicktrail_log::time::{Hour, Timestamp};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// What is known about a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListHead {
    /// As the ruleset names it.
    pub name: String,
    /// Where it comes from.
    pub source: Option<String>,
    /// Which release of the source.
    pub version: Option<String>,
    /// When the source made it, at midnight UTC.
    pub date: Option<Timestamp>,
    /// Under which licence.
    pub licence: Option<String>,
}

impl ListHead {
    pub(super) fn parse(path: &Path, text: &str) -> Self {
        let comments = || text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
        let field = |name: &str| {
            comments().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(|value| value.trim().to_owned())
        };
        Self {
            name: path.display().to_string(),
            source: field("Source"),
            version: field("Version"),
            date: field("Date").and_then(|date| midnight(&date)),
            licence: field("Licence"),
        }
    }

    /// How many whole days before `now` the source made it; `None` if the head does not say.
    pub fn age_days(&self, now: Timestamp) -> Option<i64> {
        self.date.map(|date| now.micros().saturating_sub(date.micros()).div_euclid(MICROS_PER_DAY))
    }

    /// The date as the head has it.
    pub fn date_text(&self) -> Option<String> {
        self.date.map(|date| date.hour().date_and_hour().0)
    }
}

/// `2026-10-05` as the beginning of that day.
fn midnight(date: &str) -> Option<Timestamp> {
    Some(Hour::parse(&format!("{date}T00"))?.start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_is_read_up_to_the_first_line_that_is_no_comment() {
        let text = "# Networks.\n#\n# Source: somebody\n# Date: 2026-10-05\n1.2.3.4\n# Licence: none\n";
        let head = ListHead::parse(Path::new("x.txt"), text);
        assert_eq!(
            (head.name.as_str(), head.source.as_deref(), head.licence.as_deref()),
            ("x.txt", Some("somebody"), None)
        );
        assert_eq!(head.date_text().as_deref(), Some("2026-10-05"));
        let day = |text: &str| midnight(text).unwrap();
        assert_eq!(head.age_days(day("2027-01-03")), Some(90));
        assert_eq!(head.age_days(Timestamp::from_micros(day("2027-01-03").micros() - 1)), Some(89));
        for odd in ["# Date: yesterday\n", "# Date: 2026-13-01\n", "", "1.2.3.4\n# Date: 2026-10-05\n"] {
            assert_eq!(ListHead::parse(Path::new("x"), odd).date, None, "{odd:?}");
        }
    }
}
