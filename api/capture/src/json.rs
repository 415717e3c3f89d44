//! A cursor over JSON text (RFC 8259, strict): the pieces of which events and imported lines are read.
//!
//! Why not `serde_json`: it costs a server that captures batches a quarter of its events a second (see
//! `docs/decisions/0040-one-cursor-reads-json.md`). Events are read in one pass straight from the request, texts
//! borrowed, decimals and unknown fields kept as the very characters that came, and the next item of a list is found
//! again after a bad one. A property test holds the grammar against `serde_json`'s.

use std::borrow::Cow;

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// The text is not JSON: what should stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at byte {offset}")]
pub struct Syntax {
    /// Where, from 0.
    pub offset: usize,
    /// What should stand there.
    pub expected: &'static str,
}

/// A value that was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped<'a> {
    /// Its characters.
    pub raw: &'a str,
    /// How many containers are open at its deepest point; 0 for a scalar.
    pub depth: usize,
    /// Whether a text or key in it escapes U+0000.
    pub has_nul: bool,
}

/// Where reading has come to.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of a text.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Bytes read so far.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// Goes back to an offset that this cursor gave.
    pub fn rewind(&mut self, offset: usize) {
        self.at = offset;
    }

    /// The characters from `start` up to here.
    pub fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    fn expected<T>(&self, expected: &'static str) -> Result<T, Syntax> {
        Err(Syntax { offset: self.at, expected })
    }

    /// The next byte that is no white space, which stays unread; `None` at the end.
    #[inline(always)]
    pub fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                other => return Some(*other),
            }
        }
        None
    }

    /// Reads `byte` if it comes next.
    #[inline(always)]
    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    /// Reads `byte`, which must come next.
    ///
    /// # Errors
    /// If it does not.
    #[inline(always)]
    pub fn require(&mut self, byte: u8, expected: &'static str) -> Result<(), Syntax> {
        if self.take(byte) { Ok(()) } else { self.expected(expected) }
    }

    /// Nothing but white space may be left.
    ///
    /// # Errors
    /// If something is.
    pub fn end(&mut self) -> Result<(), Syntax> {
        if self.peek().is_none() { Ok(()) } else { self.expected("the end") }
    }

    fn word(&mut self, word: &'static str) -> Result<(), Syntax> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        self.expected("a value")
    }

    /// Reads `null` if the next value begins like it.
    ///
    /// # Errors
    /// If it goes on otherwise.
    #[inline]
    pub fn take_null(&mut self) -> Result<bool, Syntax> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.word("null").map(|()| true)
    }

    /// Reads a text if one comes next and holds no escapes; else reads nothing. In registers: texts are most of what
    /// there is to read.
    #[inline(always)]
    pub fn plain_string(&mut self) -> Option<&'a str> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let start = self.at + 1;
        let end = plain_end(self.text.as_bytes(), start);
        if self.text.as_bytes().get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        Some(&self.text[start..end])
    }

    /// Reads a text, borrowed unless it holds escapes.
    ///
    /// # Errors
    /// If none comes next, or it breaks the grammar.
    pub fn string(&mut self) -> Result<Cow<'a, str>, Syntax> {
        if let Some(plain) = self.plain_string() {
            return Ok(Cow::Borrowed(plain));
        }
        self.require(b'"', "a text in double quotes")?;
        let start = self.at;
        self.at = plain_end(self.text.as_bytes(), start);
        self.string_with_escapes(start).map(Cow::Owned)
    }

    #[cold]
    fn string_with_escapes(&mut self, start: usize) -> Result<String, Syntax> {
        let bytes = self.text.as_bytes();
        let mut decoded = String::from(&self.text[start..self.at]);
        loop {
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(decoded);
                }
                Some(b'\\') => {
                    self.at += 1;
                    decoded.push(self.escape()?);
                }
                Some(_) => return self.expected("no control character in a text"),
                None => return self.expected("the end of the text"),
            }
            let plain_start = self.at;
            self.at = plain_end(bytes, plain_start);
            decoded.push_str(&self.text[plain_start..self.at]);
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, Syntax> {
        let Some(byte) = self.text.as_bytes().get(self.at) else {
            return self.expected("an escape");
        };
        let decoded = match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return self.expected("an escape"),
        };
        self.at += 1;
        Ok(decoded)
    }

    fn unicode_escape(&mut self) -> Result<char, Syntax> {
        let start = self.at;
        let unpaired = Err(Syntax { offset: start, expected: "a paired surrogate" });
        let first = self.four_digits()?;
        let scalar = match first {
            0xd800..=0xdbff => {
                if !self.text.as_bytes()[self.at..].starts_with(b"\\u") {
                    return unpaired;
                }
                self.at += 2;
                let second = self.four_digits()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return unpaired;
                }
                0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            other => other,
        };
        char::from_u32(scalar).map_or(unpaired, Ok)
    }

    fn four_digits(&mut self) -> Result<u32, Syntax> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).unwrap_or_default();
        let value = digits.iter().try_fold(0, |value, byte| Some(value << 4 | char::from(*byte).to_digit(16)?));
        match value {
            Some(value) if digits.len() == 4 => {
                self.at += 4;
                Ok(value)
            }
            Some(_) | None => self.expected("four hexadecimal digits"),
        }
    }

    /// Reads a number and gives its characters.
    ///
    /// # Errors
    /// If none comes next.
    pub fn number(&mut self) -> Result<&'a str, Syntax> {
        self.peek();
        let start = self.at;
        let bytes = self.text.as_bytes();
        let digits = |cursor: &mut Self| {
            let from = cursor.at;
            while bytes.get(cursor.at).is_some_and(u8::is_ascii_digit) {
                cursor.at += 1;
            }
            if cursor.at > from { Ok(()) } else { cursor.expected("a digit") }
        };
        if bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            digits(self)?;
        }
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            digits(self)?;
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            digits(self)?;
        }
        Ok(self.since(start))
    }

    fn scalar(&mut self, has_nul: &mut bool) -> Result<(), Syntax> {
        match self.peek() {
            Some(b'"') => *has_nul |= self.string()?.contains('\0'),
            Some(b'-' | b'0'..=b'9') => drop(self.number()?),
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            _ => return self.expected("a value"),
        }
        Ok(())
    }

    /// Passes over a value of any kind and depth, checking its grammar. Its stack is on the heap: one byte a level.
    ///
    /// # Errors
    /// If it breaks the grammar.
    pub fn skip(&mut self) -> Result<Skipped<'a>, Syntax> {
        self.peek();
        let start = self.at;
        let (mut depth, mut has_nul) = (0, false);
        let mut closers = Vec::new();
        loop {
            // At the beginning of a value.
            let opened = if self.take(b'{') {
                closers.push(b'}');
                true
            } else if self.take(b'[') {
                closers.push(b']');
                true
            } else {
                self.scalar(&mut has_nul)?;
                false
            };
            depth = depth.max(closers.len());
            let mut is_first = opened;
            // After a value, or behind an opening bracket: close what closes here, then find the next value.
            loop {
                let Some(closer) = closers.last().copied() else {
                    return Ok(Skipped { raw: self.since(start), depth, has_nul });
                };
                if self.take(closer) {
                    closers.pop();
                    is_first = false;
                    continue;
                }
                if !is_first {
                    self.require(b',', "`,` or the end of the list or object")?;
                }
                if closer == b'}' {
                    has_nul |= self.string()?.contains('\0');
                    self.require(b':', "`:`")?;
                }
                break;
            }
        }
    }
}

/// Where the run of plain characters that begins at `from` ends: at a quote, a backslash, a control character or the
/// end of the text. Eight bytes a step: subtracting marks a byte that is too small in its highest bit, bytes that had
/// that bit before are left out, and a borrow can only spoil bytes above the first that is marked rightly.
#[inline]
fn plain_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at + 8 <= bytes.len() {
        let chunk: [u8; 8] = bytes[at..at + 8].try_into().expect("eight bytes");
        let word = u64::from_le_bytes(chunk);
        let quote = (word ^ (ONES * 0x22)).wrapping_sub(ONES);
        let backslash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
        let control = word.wrapping_sub(ONES * 0x20);
        let marked = (quote | backslash | control) & !word & HIGHS;
        if marked != 0 {
            return at + marked.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while at < bytes.len() && !matches!(bytes[at], b'"' | b'\\' | 0..=0x1f) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests;
