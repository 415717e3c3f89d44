//! Which events were judged, by kind: so that an answer can say of what it cannot say whether it is valid. Version 2.
//!
//! The verdict log does not tell: an event that no rule found anything about has no verdict. So the judge writes one
//! small document into the archive when it begins to look at another set of kinds, which is hardly ever: at the first
//! start, at an upgrade, or with a ruleset that leaves kinds out. Clicks have been judged as long as there is a judge,
//! so they need no entry.
//!
//! It is the one object of the archive that is replaced, and no digest elsewhere names it. So it has its own digest,
//! and stands twice: what is damaged is found, and the copy stands in for it.
//!
//! To add a version: raise `VERSION`, keep the old struct, and convert in memory once the number was read. An earlier
//! program refuses what it does not know.

use std::ops::Range;

use bytes::Bytes;
use clicktrail_log::{
    archive::{self, Archive, keys::CoverageKey},
    event::Kind,
    frame::Digest,
    invariant,
    position::Position,
};
use serde::{Deserialize, Serialize};

use crate::kinds::{JUDGED, Kinds};

/// The version that this program writes.
const VERSION: u32 = 2;
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

/// The number that every version begins with.
#[derive(Debug, Deserialize)]
struct Versioned {
    version: u32,
}

/// The document, as it was stored: frozen with version 1.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document1 {
    #[expect(dead_code, reason = "read before the rest, and no unknown field")]
    version: u32,
    judged: Vec<StoredSpan>,
}

/// The document, as it is stored: frozen with version 2.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    judged: Vec<StoredSpan>,
    /// SHA-256 of `judged` as JSON without spaces.
    sha256: String,
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
    /// Reads what the archive says; nothing if no judge has written there yet. If the document is damaged or lost, its
    /// copy counts.
    ///
    /// # Errors
    /// As the archive reports; [`archive::Error::Damaged`] if neither can be read.
    pub async fn read(archive: &Archive) -> Result<Self, archive::Error> {
        let first = read_one(archive, Held::First).await;
        match &first {
            Ok(Some(_)) => {}
            Ok(None) | Err(archive::Error::Damaged { .. }) => {
                if let Some(copy) = read_one(archive, Held::Copy).await? {
                    return Ok(copy);
                }
            }
            Err(_) => {}
        }
        Ok(first?.unwrap_or_default())
    }

    /// What is wrong with the document and its copy. There need be no copy: version 1 had none.
    ///
    /// # Errors
    /// As the archive reports.
    pub async fn problems(archive: &Archive) -> Result<Vec<archive::Error>, archive::Error> {
        let mut problems = Vec::new();
        let mut found = [false, false];
        for (found, held) in found.iter_mut().zip([Held::First, Held::Copy]) {
            match read_one(archive, held).await {
                Ok(one) => *found = one.is_some(),
                Err(error) if error.is_transient() => return Err(error),
                Err(problem) => problems.push(problem),
            }
        }
        if found == [false, true] && problems.is_empty() {
            problems.push(archive::Error::Missing(CoverageKey.path().to_string()));
        }
        Ok(problems)
    }

    /// Makes document and copy sound again: one from the other, or, if neither can be read, from nothing. Says what was
    /// done, if anything was.
    ///
    /// # Errors
    /// As the archive reports.
    pub async fn mend(archive: &Archive) -> Result<Option<String>, archive::Error> {
        let problems = Self::problems(archive).await?;
        if problems.is_empty() {
            return Ok(None);
        }
        let path = CoverageKey.path();
        match Self::read(archive).await {
            Ok(sound) => {
                sound.write(archive).await?;
                Ok(Some(format!("{path}, from its copy")))
            }
            Err(error) if error.is_transient() => Err(error),
            Err(_) => {
                Self::default().write(archive).await?;
                Ok(Some(format!(
                    "{path}, from nothing: impressions and conversions of before are in gross alone until `verdicts judge` \
                     judges their hours again"
                )))
            }
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

    /// Replaces what the archive says: the copy first, so that a crash leaves one of the two whole.
    ///
    /// # Errors
    /// As the archive reports.
    pub async fn write(&self, archive: &Archive) -> Result<(), archive::Error> {
        let bytes = Bytes::from(self.to_bytes());
        archive.put_content(&CoverageKey.copy_path(), bytes.clone()).await?;
        archive.put_content(&CoverageKey.path(), bytes).await
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let text = |position: Option<Position>| position.map(|position| position.to_string());
        let stored = |span: &Span| StoredSpan {
            kinds: span.kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
            first: span.first.to_string(),
            end: text(span.end),
            known_from: text(span.known_from),
        };
        let judged: Vec<StoredSpan> = self.spans.iter().map(stored).collect();
        let sha256 = digest(&judged);
        let document = Document { version: VERSION, judged, sha256 };
        serde_json::to_vec_pretty(&document).expect("the document holds only text and integers")
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let unreadable = |error: serde_json::Error| error.to_string();
        let Versioned { version } = serde_json::from_slice(bytes).map_err(unreadable)?;
        let judged = match version {
            1 => serde_json::from_slice::<Document1>(bytes).map_err(unreadable)?.judged,
            VERSION => {
                let document: Document = serde_json::from_slice(bytes).map_err(unreadable)?;
                let is = digest(&document.judged);
                if document.sha256 != is {
                    return Err(format!("its content has SHA-256 {is}, it says {}", document.sha256));
                }
                document.judged
            }
            other => return Err(format!("version {other} is not known here; the newest is {VERSION}")),
        };
        if judged.len() > SPANS_MAX {
            return Err(format!("it has {} spans, more than {SPANS_MAX}", judged.len()));
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
        let spans = judged.iter().map(span).collect::<Result<_, String>>()?;
        let coverage = Self { spans };
        coverage.check()?;
        Ok(coverage)
    }

    /// What of it cannot be: version 1 has no digest that would tell.
    fn check(&self) -> Result<(), String> {
        let open = self.spans.iter().filter(|span| span.known_from.is_none() && span.end.is_none()).count();
        if open > 1 {
            return Err(format!("{open} live judges go on at the same time"));
        }
        match self.spans.iter().find(|span| span.end.is_some_and(|end| end < span.first)) {
            Some(span) => Err(format!("the frames from {} on end before they begin", span.first)),
            None => Ok(()),
        }
    }
}

fn digest(judged: &[StoredSpan]) -> String {
    Digest::of(&serde_json::to_vec(judged).expect("spans hold only text")).to_string()
}

/// Which of the two.
#[derive(Debug, Clone, Copy)]
enum Held {
    First,
    Copy,
}

/// One of the two documents; `None` if it is not there.
async fn read_one(archive: &Archive, held: Held) -> Result<Option<Coverage>, archive::Error> {
    let path = match held {
        Held::First => CoverageKey.path(),
        Held::Copy => CoverageKey.copy_path(),
    };
    match archive.get(&path).await {
        Ok(bytes) => match Coverage::from_bytes(&bytes) {
            Ok(coverage) => Ok(Some(coverage)),
            Err(reason) => Err(archive::Error::Damaged { key: path.to_string(), reason }),
        },
        Err(archive::Error::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::ObjectStoreExt as _;

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
        for (said, instead) in
            [("\"version\": 2", "\"version\": 3"), ("1.9.0", "1.8.0"), ("impression", "view"), ("[", "")]
        {
            assert!(text.contains(said), "{said}");
            assert!(Coverage::from_bytes(text.replacen(said, instead, 1).as_bytes()).is_err(), "{instead}");
        }
    }

    #[test]
    fn document_of_version_1_is_read() {
        let stored = r#"{"version": 1, "judged": [
            {"kinds": ["click", "impression"], "first": "1.1.0", "end": null, "known_from": null}]}"#;
        let mut coverage = Coverage::default();
        coverage.begin(at(1), SEEN);
        assert_eq!(Coverage::from_bytes(stored.as_bytes()).unwrap(), coverage);
    }

    #[tokio::test]
    async fn damaged_or_lost_document_is_made_again_from_its_copy_or_said_to_be_forgotten() {
        let archive = Archive::from_store(Arc::new(object_store::memory::InMemory::new()));
        assert_eq!(Coverage::mend(&archive).await.unwrap(), None, "nothing was ever judged");
        let mut coverage = Coverage::default();
        coverage.begin(at(1), JUDGED);
        coverage.write(&archive).await.unwrap();
        let whole = archive.get(&CoverageKey.path()).await.unwrap();
        let mut flipped = whole.to_vec();
        let place = whole.windows(5).position(|text| text == b"1.1.0").unwrap();
        flipped[place] ^= 1;
        for path in [CoverageKey.path(), CoverageKey.copy_path()] {
            archive.put_content(&path, flipped.clone().into()).await.unwrap();
            assert_eq!(Coverage::read(&archive).await.unwrap(), coverage, "{path}");
            assert_eq!(Coverage::problems(&archive).await.unwrap().len(), 1, "{path}");
            assert!(Coverage::mend(&archive).await.unwrap().unwrap().contains("from its copy"), "{path}");
            assert_eq!(archive.get(&path).await.unwrap(), whole, "{path}");
            archive.object_store().delete(&path).await.unwrap();
            assert_eq!(Coverage::read(&archive).await.unwrap(), coverage, "{path}");
            coverage.write(&archive).await.unwrap();
        }
        for path in [CoverageKey.path(), CoverageKey.copy_path()] {
            archive.put_content(&path, flipped.clone().into()).await.unwrap();
        }
        assert!(matches!(Coverage::read(&archive).await, Err(archive::Error::Damaged { .. })));
        assert!(Coverage::mend(&archive).await.unwrap().unwrap().contains("from nothing"));
        assert_eq!(Coverage::read(&archive).await.unwrap(), Coverage::default());
    }
}
