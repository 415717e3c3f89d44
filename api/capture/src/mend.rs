//! JSON whose texts are not Unicode: read all the same, because one bad byte in one user agent must not cost a batch.
//!
//! Bytes that are no UTF-8 become the Latin-1 characters of the same numbers. A `\uD83D` without its other half, which
//! JavaScript writes of a text that was cut inside an emoji, becomes `\ufffd`. Where that happened is remembered, so
//! that a text that is needed for a bill is still refused, and any other is noted.

use std::ops::Range;

/// What stands for half a surrogate pair: an escape as long as its own.
const HALF_PAIR: &str = "\\ufffd";

/// So many places are mended in one body; with more it is no text, and refused.
const PLACES_MAX: usize = 1 << 16;

/// What bytes are as JSON's text.
#[derive(Debug)]
pub enum Text<'a> {
    /// As they are.
    Plain(&'a str),
    /// With something replaced.
    Mended(Mended<'a>),
    /// Too much would have to be replaced.
    Unreadable {
        /// Of the first bad byte.
        offset: usize,
    },
}

/// A text in which every byte that was in the way has been replaced.
#[derive(Debug)]
pub struct Mended<'a> {
    /// As it came.
    bytes: &'a [u8],
    pub(crate) text: String,
    /// Where something was replaced, in order.
    places: Vec<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    /// In the mended text.
    at: usize,
    /// How many bytes longer the mended text is from here on. A bad byte becomes two; an escape stays as long.
    grown: usize,
}

/// Reads bytes as text, mended where need be.
pub fn text(bytes: &[u8]) -> Text<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) if half_pair(bytes, 0).is_none() => Text::Plain(text),
        Ok(_) => mend(bytes, 0),
        Err(error) => mend(bytes, error.valid_up_to()),
    }
}

#[cold]
fn mend(bytes: &[u8], offset: usize) -> Text<'_> {
    let mut mended = Mended { bytes, text: String::with_capacity(bytes.len()), places: Vec::new() };
    for chunk in bytes.utf8_chunks() {
        mended.push(chunk.valid());
        for byte in chunk.invalid() {
            mended.replace(&char::from(*byte).to_string(), 1);
        }
        if mended.places.len() > PLACES_MAX {
            return Text::Unreadable { offset };
        }
    }
    Text::Mended(mended)
}

impl<'a> Mended<'a> {
    fn push(&mut self, text: &str) {
        let mut from = 0;
        while let Some(at) = half_pair(text.as_bytes(), from) {
            self.text.push_str(&text[from..at]);
            self.replace(HALF_PAIR, 0);
            from = at + HALF_PAIR.len();
            if self.places.len() > PLACES_MAX {
                return;
            }
        }
        self.text.push_str(&text[from..]);
    }

    fn replace(&mut self, by: &str, grows: usize) {
        let grown = self.places.last().map_or(0, |place| place.grown) + grows;
        self.places.push(Place { at: self.text.len(), grown });
        self.text.push_str(by);
    }

    /// The text: valid UTF-8 without half surrogate pairs.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where an offset of the mended text was before.
    pub fn original(&self, offset: usize) -> usize {
        let before = self.places.partition_point(|place| place.at < offset);
        offset - before.checked_sub(1).map_or(0, |last| self.places[last].grown)
    }

    /// What stood in a range of the mended text.
    pub fn original_of(&self, range: &Range<usize>) -> &'a [u8] {
        &self.bytes[self.original(range.start)..self.original(range.end)]
    }

    /// The first place that was mended in a range of the text.
    pub fn first_in(&self, range: &Range<usize>) -> Option<usize> {
        let next = self.places.partition_point(|place| place.at < range.start);
        self.places.get(next).map(|place| place.at).filter(|at| *at < range.end)
    }
}

/// Where the next escape of half a surrogate pair begins, if `from` is inside no escape.
fn half_pair(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr(b'\\', bytes.get(at..)?)?;
        match surrogate(bytes, at) {
            None => at += 2,
            Some(0xd800..=0xdbff) if matches!(surrogate(bytes, at + 6), Some(0xdc00..=0xdfff)) => at += 12,
            Some(_) => return Some(at),
        }
    }
}

/// The surrogate that is escaped at an offset.
fn surrogate(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let number = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (0xd800..=0xdfff).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_needs_no_mending_is_borrowed() {
        for text in ["", "{}", r#""\ud834\udd1e""#, r#""\\ud800""#, r#""\u00e9\n""#, r#""\ud"#, "\\", "é"] {
            assert!(matches!(super::text(text.as_bytes()), Text::Plain(plain) if plain == text), "{text}");
        }
    }

    #[test]
    fn what_is_not_unicode_is_replaced_and_its_place_remembered() {
        for (bytes, expected, at) in [
            (b"a\xffb\xfe!".as_slice(), "aÿbþ!", 1),
            (br#""x\ud83d""#, r#""x\ufffd""#, 2),
            (br#""\udc00\ud800\u0041""#, r#""\ufffd\ufffd\u0041""#, 1),
            (br#"\\\ud800\udbff"#, r#"\\\ufffd\ufffd"#, 2),
        ] {
            let Text::Mended(mended) = text(bytes) else { panic!("{expected}") };
            assert_eq!(mended.text, expected);
            assert_eq!(mended.first_in(&(0..expected.len())), Some(at), "{expected}");
            assert_eq!(mended.first_in(&(0..at)), None);
            assert_eq!(mended.original(at), at, "{expected}");
            assert_eq!(mended.original_of(&(0..expected.len())), bytes, "{expected}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_at_all_are_not_copied_without_bound() {
        assert!(matches!(text(&vec![0xff; PLACES_MAX]), Text::Mended(_)));
        assert!(matches!(
            text(&[b"{".as_slice(), &vec![0xff; PLACES_MAX + 1]].concat()),
            Text::Unreadable { offset: 1 }
        ));
        assert!(matches!(text("\\ud800".repeat(PLACES_MAX + 1).as_bytes()), Text::Unreadable { offset: 0 }));
    }
}
