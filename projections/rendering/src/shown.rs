//! Texts that others chose, made fit for paper: campaigns may be called anything.
//!
//! Nothing is left out and nothing is trusted. What would change what stands around it, cannot be seen, or has no font
//! is shown by its code, as in `‹U+202E›`. The document's JSON and XML keep the characters themselves.

use std::{borrow::Cow, collections::BTreeSet};

use crate::fonts::Fonts;

/// Letters after which an unbroken word is cut: the narrowest column of names has room for as many.
const WORD_CHARS_MAX: usize = 28;
/// Where a line may break, and nothing is seen.
const BREAK: char = '\u{200b}';

/// How texts are shown in one document.
#[derive(Debug)]
pub(crate) struct Shown<'a> {
    fonts: &'a Fonts,
    /// Texts that were tried and cannot be set, although there are fonts for their characters.
    refused: Vec<String>,
    /// Whether only what the first fonts are made for is set as it is.
    is_plain: bool,
    /// Characters that no font has.
    unknown: BTreeSet<char>,
}

impl<'a> Shown<'a> {
    pub(crate) fn new(fonts: &'a Fonts) -> Self {
        Self { fonts, refused: Vec::new(), is_plain: false, unknown: BTreeSet::new() }
    }

    /// Shows a text by its codes from now on. Whether that changes anything.
    pub(crate) fn refuse(&mut self, text: String) -> bool {
        if self.is_plain {
            return false;
        }
        match text.is_empty() || self.refused.contains(&text) || self.refused.len() >= Self::REFUSED_MAX {
            true => self.is_plain = true,
            false => self.refused.push(text),
        }
        true
    }

    /// Texts that are refused one by one, before everything unusual is shown by its code.
    const REFUSED_MAX: usize = 4;

    /// The characters that were shown by their codes because no font has them.
    pub(crate) fn unknown(&self) -> &BTreeSet<char> {
        &self.unknown
    }

    /// A text as it is shown. One of spaces alone is quoted, for it must be seen.
    pub(crate) fn text(&mut self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        if text.trim().is_empty() {
            shown.push('"');
        }
        for (part, is_refused) in self.parts(text) {
            for c in part.chars() {
                let is_coded = is_refused || self.is_coded(c);
                match is_coded {
                    true => shown.push_str(&format!("‹U+{:04X}›", u32::from(c))),
                    false => shown.push(c),
                }
            }
        }
        if text.trim().is_empty() {
            shown.push('"');
        }
        broken(&shown)
    }

    /// The text in parts, with what is refused by itself.
    fn parts<'t>(&self, text: &'t str) -> Vec<(&'t str, bool)> {
        let mut parts = vec![(text, false)];
        for refused in &self.refused {
            parts = parts.into_iter().flat_map(|part| cut(part, refused)).collect();
        }
        parts
    }

    fn is_coded(&mut self, c: char) -> bool {
        if is_unseen(c) {
            return true;
        }
        if self.is_plain {
            return !matches!(c, ' '..='~' | '\u{a0}'..='\u{24f}' | '\u{370}'..='\u{3e1}' | '\u{400}'..='\u{482}');
        }
        if is_joiner(c) || self.fonts.has(c) {
            return false;
        }
        self.unknown.insert(c);
        true
    }
}

fn cut<'t>(part: (&'t str, bool), refused: &str) -> Vec<(&'t str, bool)> {
    let (text, is_refused) = part;
    if is_refused {
        return vec![part];
    }
    let mut parts = Vec::new();
    let mut begin = 0;
    for (at, found) in text.match_indices(refused) {
        parts.extend([(&text[begin..at], false), (found, true)]);
        begin = at + found.len();
    }
    parts.push((&text[begin..], false));
    parts
}

/// Controls, line ends, marks that turn the direction of what follows, and what has no width and no meaning in any
/// script: two names that differ must look different.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// What joins and separates letters of some scripts, and chooses a form of the one before.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{34f}')
}

/// With places to break in words that are longer than a column.
fn broken(text: &str) -> String {
    let mut broken = String::with_capacity(text.len());
    let mut run = 0;
    let mut is_letter = false;
    for c in text.chars() {
        let was_letter = is_letter;
        is_letter = c.is_ascii_graphic() || c.is_alphanumeric();
        run = if c.is_whitespace() || c == '-' { 0 } else { run + 1 };
        if run > WORD_CHARS_MAX && is_letter && was_letter {
            broken.push(BREAK);
            run = 1;
        }
        broken.push(c);
    }
    broken
}

/// A text as XML can hold it. XML 1.0 has no way to write most control characters: their pictures stand for them.
pub(crate) fn for_xml(text: &str) -> Cow<'_, str> {
    let is_bare = |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    if !text.contains(is_bare) && !text.trim().is_empty() {
        return Cow::Borrowed(text);
    }
    let picture = |c: char| match is_bare(c) {
        true => char::from_u32(0x2400 + u32::from(c)).filter(|_| c < ' ').unwrap_or(char::REPLACEMENT_CHARACTER),
        false => c,
    };
    let text: String = text.chars().map(picture).collect();
    // A term that is used must have content.
    match text.trim().is_empty() {
        true => Cow::Owned(format!("\"{text}\"")),
        false => Cow::Owned(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, shown: &str) {
        assert_eq!(Shown::new(&Fonts::builtin()).text(text), shown);
    }

    #[test]
    fn unseen_and_unknown_characters_are_shown_by_their_codes() {
        check("spring", "spring");
        check("#let x = [*b*] $ @ <a> \\", "#let x = [*b*] $ @ <a> \\");
        check("a\u{0}b\nc\u{85}", "a‹U+0000›b‹U+000A›c‹U+0085›");
        check("1\u{202e}2", "1‹U+202E›2");
        check("a\u{200b}b\u{feff}", "a‹U+200B›b‹U+FEFF›");
        check("\u{13000}\u{e000}", "‹U+13000›‹U+E000›");
        check("می\u{200c}خواهم", "می\u{200c}خواهم");
        check("", "\"\"");
        check("  ", "\"  \"");
    }

    #[test]
    fn characters_without_a_font_are_named() {
        let fonts = Fonts::builtin();
        let mut shown = Shown::new(&fonts);
        shown.text("a\u{13000}b\u{1}");
        assert_eq!(shown.unknown().iter().collect::<String>(), "\u{13000}");
    }

    #[test]
    fn long_words_may_break_and_others_stay_whole() {
        let digest = "0".repeat(64);
        let broken = Shown::new(&Fonts::builtin()).text(&digest);
        assert_eq!(broken.replace(BREAK, ""), digest);
        assert_eq!(broken.split(BREAK).map(str::len).collect::<Vec<_>>(), [28, 28, 8]);
        let uuid = "01976c3a-7e5b-7c1d-9a51-3f8f4d1c2b3a";
        check(uuid, uuid);
        check("twenty eight letters at most", "twenty eight letters at most");
    }

    #[test]
    fn refused_texts_are_coded_and_then_everything_unusual() {
        let fonts = Fonts::builtin();
        let mut shown = Shown::new(&fonts);
        assert!(shown.refuse("क\u{301}".to_owned()));
        assert_eq!(shown.text("aक\u{301}क"), "a‹U+0915›‹U+0301›क");
        assert!(shown.refuse("क\u{301}".to_owned()));
        assert_eq!(shown.text("aéЖक"), "aéЖ‹U+0915›");
        assert!(!shown.refuse("again".to_owned()), "there is nothing left to try");
    }

    #[test]
    fn xml_holds_a_picture_of_what_it_cannot_hold() {
        assert_eq!(for_xml("<&>]]>\"'"), "<&>]]>\"'");
        assert_eq!(for_xml("a\u{0}b\u{1f}\u{ffff}"), "a␀b␟\u{fffd}");
        assert_eq!(for_xml(" "), "\" \"");
        assert!(matches!(for_xml("tab\tand\nline"), Cow::Borrowed(_)));
    }
}
