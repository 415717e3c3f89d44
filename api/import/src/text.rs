//! A line as text, whatever bytes it is made of.

use std::borrow::Cow;

use clicktrail_capture::{
    Reason,
    mend::{self, Mended},
};

use super::{combined, mapping::Format};

/// A line as text.
#[derive(Debug)]
pub(super) enum LineText<'a> {
    /// As it came, or with `\xNN` for every byte that is no UTF-8.
    Whole(Cow<'a, str>),
    /// JSON in which something was replaced.
    Mended(Mended<'a>),
}

impl<'a> LineText<'a> {
    /// Reads a line. Bytes that are no UTF-8 are `\xNN` in web servers' logs and in tables; JSON has a way of its own
    /// ([`mend`]), as at every door.
    pub(super) fn read(format: Format, line: &'a [u8]) -> Result<Self, Reason> {
        match format {
            Format::Combined | Format::Csv => Ok(Self::Whole(combined::text(line))),
            Format::Ndjson => match mend::text(line) {
                mend::Text::Plain(text) => Ok(Self::Whole(Cow::Borrowed(text))),
                mend::Text::Mended(mended) => Ok(Self::Mended(mended)),
                mend::Text::Unreadable { offset } => Err(Reason::InvalidUtf8 { offset }),
            },
        }
    }

    /// Its characters.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Whole(text) => text,
            Self::Mended(mended) => mended.text(),
        }
    }

    /// What was replaced, if something was.
    pub(super) fn mended(&self) -> Option<&Mended<'a>> {
        match self {
            Self::Whole(_) => None,
            Self::Mended(mended) => Some(mended),
        }
    }
}

/// A line without the byte-order mark that a file begins with which others were appended to.
pub(super) fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}
