//! By how much a sum may change.

use std::fmt;

/// A part of a whole, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permille(pub u32);

impl Permille {
    /// From `5%`, `2.5%` or `0%`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.strip_suffix('%')?;
        let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(tenths) || tenths.len() > 1 {
            return None;
        }
        let whole: u32 = whole.parse().ok().filter(|whole| *whole <= 1_000_000)?;
        Some(Self(whole * 10 + tenths.parse::<u32>().ok()?))
    }
}

impl fmt::Display for Permille {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 10 {
            0 => write!(f, "{}%", self.0 / 10),
            tenths => write!(f, "{}.{tenths}%", self.0 / 10),
        }
    }
}

/// Whether going from one to the other is more than `limit` of the first.
pub(super) fn exceeds(before: i128, after: i128, limit: Permille) -> bool {
    let Some(change) = after.checked_sub(before).map(i128::unsigned_abs) else { return true };
    let allowed = before.unsigned_abs().checked_mul(u128::from(limit.0));
    match (change.checked_mul(1_000), allowed) {
        (Some(change), Some(allowed)) => change > allowed,
        // Sums of that size are no bill.
        (None, _) | (_, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_percentage_with_at_most_one_place() {
        let cases = [("5%", Some(50)), ("0%", Some(0)), ("2.5%", Some(25)), ("100%", Some(1000)), ("5", None)];
        let refused = [("-1%", None), ("2.55%", None), ("%", None), (".5%", None), ("1.%", None), ("nan%", None)];
        for (text, expected) in cases.into_iter().chain(refused) {
            assert_eq!(Permille::parse(text), expected.map(Permille), "{text}");
        }
        assert_eq!((Permille(25).to_string(), Permille(50).to_string()), ("2.5%".to_owned(), "5%".to_owned()));
    }

    #[test]
    fn a_change_exceeds_its_limit_from_the_first_micro_beyond_it() {
        let five = Permille(50);
        assert!(!exceeds(1_000, 1_050, five));
        assert!(exceeds(1_000, 1_051, five));
        assert!(!exceeds(1_000, 950, five));
        assert!(exceeds(1_000, 949, five));
        assert!(!exceeds(0, 0, Permille(0)));
        assert!(exceeds(0, 1, five), "from nothing to something is more than any part of nothing");
        assert!(exceeds(i128::MAX, 0, five));
    }
}
