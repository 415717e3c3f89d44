//! What of a line cannot be read as it came, and what follows: a value that a bill needs rejects the line, any other is
//! told of in `extra`, as at the other doors.

use std::{borrow::Cow, ops::Range};

use clicktrail_capture::{Aside, Reason, aside::Why};

use super::text::LineText;

/// A value that is not as it came, or was not read.
#[derive(Debug)]
pub(super) struct Odd<'a> {
    pub(super) place: Place<'a>,
    pub(super) why: Why,
    /// As it came.
    pub(super) raw: &'a [u8],
    /// Of its first bad byte, in the line.
    pub(super) offset: usize,
}

/// Where a value stands.
#[derive(Debug, Clone)]
pub(super) enum Place<'a> {
    /// In the record, by its index.
    Value(usize),
    /// In a member that has no place there.
    Member(Cow<'a, str>),
}

impl<'a> Odd<'a> {
    /// If what stands in a range of the text was mended.
    pub(super) fn mended(text: &'a LineText<'_>, range: &Range<usize>, place: Place<'a>) -> Option<Self> {
        let mended = text.mended()?;
        let offset = mended.original(mended.first_in(range)?);
        Some(Self { place, why: Why::NotUnicode, raw: mended.original_of(range), offset })
    }

    /// What stands in a range of the text was not read.
    pub(super) fn unread(text: &'a LineText<'_>, range: &Range<usize>, place: Place<'a>, why: Why) -> Self {
        let raw = match text.mended() {
            Some(mended) => mended.original_of(range),
            None => &text.as_str().as_bytes()[range.clone()],
        };
        Self { place, why, raw, offset: range.start }
    }

    /// Why a value that a bill needs rejects the line.
    pub(super) fn reason(&self, name: &str) -> Reason {
        match self.why {
            Why::NotUnicode => Reason::InvalidUtf8 { offset: self.offset },
            Why::TooLong
            | Why::ControlCharacter
            | Why::NotText
            | Why::NotAnObject
            | Why::GivenTwice
            | Why::TooMany
            | Why::TooDeep
            | Why::NotAnAddress
            | Why::NotForKind
            | Why::Reserved
            | Why::Unmapped => Reason::DuplicateKey(name.to_owned()),
        }
    }

    /// Tells of a field that no column reads.
    pub(super) fn tell_field(&self, name: &str, aside: &mut Aside) {
        aside.field(name, self.why, self.raw);
    }
}
