//! Counts with their nouns, as every sentence for people has them.

use std::fmt::Display;

/// A count with its noun: `1 hour`, `2 hours`, `2 entries`.
pub fn count(number: impl Display, noun: &str) -> String {
    let number = number.to_string();
    if number == "1" {
        return format!("1 {noun}");
    }
    let is_consonant = |letter: char| !"aeiou".contains(letter);
    match noun.strip_suffix('y').filter(|stem| stem.chars().next_back().is_some_and(is_consonant)) {
        Some(stem) => format!("{number} {stem}ies"),
        None => format!("{number} {noun}s"),
    }
}

/// The form of a verb that goes with a count: of one, or of several.
pub fn verb<'a>(number: impl Display, of_one: &'a str, of_several: &'a str) -> &'a str {
    if number.to_string() == "1" { of_one } else { of_several }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_no_ending() {
        for (number, noun, shown) in [
            (1, "hour", "1 hour"),
            (0, "hour", "0 hours"),
            (2, "entry", "2 entries"),
            (1, "entry", "1 entry"),
            (3, "day", "3 days"),
        ] {
            assert_eq!(count(number, noun), shown);
        }
        assert_eq!((verb(1, "is", "are"), verb(0, "is", "are")), ("is", "are"));
    }
}
