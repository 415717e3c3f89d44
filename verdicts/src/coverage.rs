//! Which events were judged, by kind: so that an answer can say of what it cannot say whether it is valid. Version 1.
//!
//! The verdict log does not tell: an event that no rule found anything about has no verdict. So the judge writes one
//! small document into the archive when it begins to look at another set of kinds, which is hardly ever: at the first
//! start, at an upgrade, or with a ruleset that leaves kinds out. Clicks have been judged as long as there is a judge,
//! so they need no entry.
//!
//! To add a version: raise `VERSION`, keep the old struct, and convert in memory once the number was read. An earlier
//! program refuses what it does not know.

use std::ops::Range;

use bytes::Bytes;
use clicktrail_log::{
    archive::{self, Archive, keys::CoverageKey},
    event::Kind,
    invariant,
    position::Position,
};
use serde::{Deserialize, Serialize};

use crate::kinds::{JUDGED, Kinds};

/// The version that this program writes.
const VERSION: u32 = 1;
/// More spans than this are a mistake: there is one for each change of kinds, and for each time of judging again.
const SPANS_MAX: usize = 100_000;

/// What was judged so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    spans: Vec<Span>,
}

/// A stretch of the click log that was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    kinds: Kinds,
    first: Position,
    /// The first position behind it; `None` while the judge goes on.
    end: Option<Position>,
    /// For what was judged again: its verdicts stand before this position of the verdict log, so an answer that counts
    /// fewer does not know them. `None` for what the judge does live.
    known_from: Option<Position>,
}

/// The document, as it is stored: frozen with version 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    judged: Vec<StoredSpan>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSpan {
    kinds: Vec<String>,
    first: String,
    end: Option<String>,
    known_from: Option<String>,
}

impl Coverage {
    /// Reads what the archive says; nothing if no judge has written there yet.
    ///
    /// # Errors
    /// As the archive reports; [`archive::Error::Damaged`] if the document cannot be read.
    pub async fn read(archive: &Archive) -> Result<Self, archive::Error> {
        let path = CoverageKey.path();
        match archive.get(&path).await {
            Ok(bytes) => {
                Self::from_bytes(&bytes).map_err(|reason| archive::Error::Damaged { key: path.to_string(), reason })
            }
            Err(archive::Error::Missing(_)) => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// The kinds of events of which all in `frames` (half-open) were judged. `before` is the end of the verdicts that
    /// an answer counts; `None` if it counts those of the live judge alone.
    pub fn of(&self, frames: &Range<Position>, before: Option<Position>) -> Kinds {
        let counts = |span: &&Span| match (span.known_from, before) {
            (None, _) => true,
            (Some(known_from), Some(before)) => known_from <= before,
            (Some(_), None) => false,
        };
        let mut spans: Vec<&Span> = self.spans.iter().filter(counts).collect();
        spans.sort_by_key(|span| span.first);
        let covered = |kind: &Kind| {
            let mut next = frames.start;
            for span in spans.iter().filter(|span| span.kinds.holds(*kind)) {
                if span.first <= next {
                    next = next.max(span.end.unwrap_or(frames.end));
                }
            }
            next >= frames.end
        };
        let judged: Vec<Kind> = JUDGED.iter().filter(|kind| *kind == Kind::Click || covered(kind)).collect();
        Kinds::of(&judged)
    }

    /// Whether the judge's last entry says what one that begins at `from` and looks at `kinds` would say.
    pub(crate) fn goes_on(&self, kinds: Kinds) -> bool {
        self.open().is_some_and(|span| span.kinds == kinds)
    }

    /// From `from` on the judge looks at `kinds`.
    pub(crate) fn begin(&mut self, from: Position, kinds: Kinds) {
        if let Some(open) = self.spans.iter_mut().find(|span| span.known_from.is_none() && span.end.is_none()) {
            open.end = Some(from.max(open.first));
        }
        self.spans.push(Span { kinds, first: from, end: None, known_from: None });
        let open = self.spans.iter().filter(|span| span.known_from.is_none() && span.end.is_none()).count();
        invariant!(I7, open == 1, "{open} live judges go on at the same time");
    }

    fn open(&self) -> Option<&Span> {
        self.spans.iter().find(|span| span.known_from.is_none() && span.end.is_none())
    }

    /// Adds that `frames` (half-open) were judged again, by rules that look at `kinds`; whether this says anything new.
    /// Their verdicts stand before `known_from`.
    pub fn judged_again(&mut self, frames: Range<Position>, kinds: Kinds, known_from: Position) -> bool {
        invariant!(I7, frames.start <= frames.end, "frames from {} to {} were judged", frames.start, frames.end);
        let known = self.of(&frames, Some(known_from));
        if kinds.iter().all(|kind| known.holds(kind)) {
            return false;
        }
        let span = Span { kinds, first: frames.start, end: Some(frames.end), known_from: Some(known_from) };
        self.spans.push(span);
        true
    }

    /// Replaces what the archive says.
    ///
    /// # Errors
    /// As the archive reports.
    pub async fn write(&self, archive: &Archive) -> Result<(), archive::Error> {
        archive.put_content(&CoverageKey.path(), Bytes::from(self.to_bytes())).await
    }

    fn to_bytes(&self) -> Vec<u8> {
        let text = |position: Option<Position>| position.map(|position| position.to_string());
        let stored = |span: &Span| StoredSpan {
            kinds: span.kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
            first: span.first.to_string(),
            end: text(span.end),
            known_from: text(span.known_from),
        };
        let document = Document { version: VERSION, judged: self.spans.iter().map(stored).collect() };
        serde_json::to_vec_pretty(&document).expect("the document holds only text and integers")
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if document.version != VERSION {
            return Err(format!("version {} is not known here; the newest is {VERSION}", document.version));
        }
        if document.judged.len() > SPANS_MAX {
            return Err(format!("it has {} spans, more than {SPANS_MAX}", document.judged.len()));
        }
        let position = |text: &str| text.parse::<Position>().map_err(|error| error.to_string());
        let optional = |text: &Option<String>| text.as_deref().map(position).transpose();
        let span = |stored: &StoredSpan| {
            let kind = |word: &String| word.parse::<Kind>().map_err(|()| format!("{word:?} is no kind of event"));
            let kinds: Vec<Kind> = stored.kinds.iter().map(kind).collect::<Result<_, String>>()?;
            Ok(Span {
                kinds: Kinds::of(&kinds),
                first: position(&stored.first)?,
                end: optional(&stored.end)?,
                known_from: optional(&stored.known_from)?,
            })
        };
        let spans = document.judged.iter().map(span).collect::<Result<_, String>>()?;
        Ok(Self { spans })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(from: u64, to: u64) -> Range<Position> {
        at(from)..at(to)
    }

    fn at(seq: u64) -> Position {
        format!("1.{seq}.0").parse().unwrap()
    }

    const SEEN: Kinds = Kinds::of(&[Kind::Click, Kind::Impression]);

    #[test]
    fn frames_are_judged_where_spans_cover_them_without_a_hole() {
        let mut coverage = Coverage::default();
        assert_eq!(coverage.of(&frames(1, 5), None), Kinds::of(&[Kind::Click]), "clicks always were");
        coverage.begin(at(10), JUDGED);
        coverage.begin(at(20), SEEN);
        let check =
            |range: Range<Position>, expected: Kinds| assert_eq!(coverage.of(&range, None), expected, "{range:?}");
        check(frames(10, 20), JUDGED);
        check(frames(12, 21), SEEN);
        check(frames(30, 40), SEEN);
        check(frames(9, 20), Kinds::of(&[Kind::Click]));
        assert!(coverage.goes_on(SEEN) && !coverage.goes_on(JUDGED));
    }

    #[test]
    fn what_was_judged_again_counts_for_answers_that_know_its_verdicts() {
        let mut coverage = Coverage::default();
        coverage.begin(at(10), SEEN);
        assert!(coverage.judged_again(frames(1, 10), SEEN, at(7)));
        assert!(!coverage.judged_again(frames(2, 9), SEEN, at(8)), "said already");
        for (before, expected) in [(None, false), (Some(at(6)), false), (Some(at(7)), true)] {
            let judged = coverage.of(&frames(3, 12), before);
            assert_eq!(judged.holds(Kind::Impression), expected, "{before:?}");
        }
    }

    #[test]
    fn document_comes_back_and_a_damaged_one_is_refused() {
        let mut coverage = Coverage::default();
        coverage.begin(at(1), JUDGED);
        coverage.begin(at(9), SEEN);
        coverage.judged_again(frames(9, 12), JUDGED, at(3));
        let bytes = coverage.to_bytes();
        assert_eq!(Coverage::from_bytes(&bytes).unwrap(), coverage);
        let text = String::from_utf8(bytes).unwrap();
        for (said, instead) in [("\"version\": 1", "\"version\": 2"), ("1.9.0", "x"), ("impression", "view"), ("[", "")]
        {
            assert!(text.contains(said), "{said}");
            assert!(Coverage::from_bytes(text.replacen(said, instead, 1).as_bytes()).is_err(), "{instead}");
        }
    }
}
