//! How many lines of an import may be rejected before it has failed.

use std::{fmt, str::FromStr};

use clicktrail_capture::amount;

/// A share of the lines, or a number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RejectsMax {
    /// Millionths of a percent.
    Share(i64),
    /// Lines.
    Lines(u64),
}

impl RejectsMax {
    /// Whether so many rejected lines of so many read are too many.
    pub(super) fn is_exceeded(self, rejected: u64, read: u64) -> bool {
        match self {
            Self::Lines(max) => rejected > max,
            Self::Share(max) => i128::from(rejected) * 100_000_000 > i128::from(max) * i128::from(read),
        }
    }
}

impl FromStr for RejectsMax {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "a share like 0.5%, from 0% to 100%, or a number of lines";
        let parsed = match text.strip_suffix('%') {
            Some(percent) => amount::micros_of_decimal(percent.trim()).ok().map(Self::Share),
            None => text.parse().ok().map(Self::Lines),
        };
        parsed.filter(|max| !matches!(max, Self::Share(100_000_001..))).ok_or_else(|| EXPECTED.to_owned())
    }
}

impl fmt::Display for RejectsMax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines(lines) => write!(f, "{lines}"),
            Self::Share(micros) => {
                let (whole, fraction) = (micros / 1_000_000, format!("{:06}", micros % 1_000_000));
                let fraction = fraction.trim_end_matches('0');
                let point = if fraction.is_empty() { "" } else { "." };
                write!(f, "{whole}{point}{fraction}%")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_numbers_are_read_and_shown_as_they_are() {
        for (text, read, most) in
            [("1%", 10_000, 100), ("0.5%", 1_000, 5), ("0%", 1_000, 0), ("100%", 7, 7), ("12", 1_000, 12), ("0", 9, 0)]
        {
            let max: RejectsMax = text.parse().unwrap();
            assert!(!max.is_exceeded(most, read) && max.is_exceeded(most + 1, read), "{text}");
            assert_eq!(max.to_string(), text);
        }
        for text in ["", "%", "-1", "-1%", "101%", "1.5", "half", "1 %%"] {
            assert!(text.parse::<RejectsMax>().is_err(), "{text}");
        }
    }
}
