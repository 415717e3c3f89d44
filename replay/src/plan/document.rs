//! The plan as a document: everything that decides what a build writes, and what counted when it was planned. Its bytes
//! are canonical, so their digest names the generation. Version 1.
//!
//! To add a version: raise [`VERSION`], keep the old struct, and convert in memory once [`Document::from_bytes`] has
//! read the number.

use clicktrail_catalog::generations::{GenerationId, LivePointer};
use clicktrail_log::{frame::Digest, position::Position, time::Hour};
use serde::{Deserialize, Serialize};

use crate::{text, text_or_null};

/// The version that this program writes.
pub const VERSION: u32 = 1;

/// A plan. The order of the fields is their order in the document: frozen with version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// [`VERSION`].
    pub version: u32,
    /// Which projection.
    pub projection: String,
    /// Digest of its code, hexadecimal.
    pub code_digest: String,
    /// The text of a candidate or of a user's projection, by `Projection::to_text`; empty for the program's own.
    pub sql: String,
    /// Clicks before this position are counted; null: all of each hour.
    #[serde(with = "text_or_null")]
    pub clicks_before: Option<Position>,
    /// Verdicts before this position are known.
    #[serde(with = "text")]
    pub verdicts_before: Position,
    /// The hours, in order.
    pub hours: Vec<HourInput>,
}

/// What is read of one hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HourInput {
    /// Which hour, as in `2026-11-22T14`.
    #[serde(with = "text")]
    pub hour: Hour,
    /// SHA-256 of its manifest, hexadecimal.
    pub manifest_digest: String,
    /// Its events.
    pub rows: u64,
    /// Bytes of its parts.
    pub bytes: u64,
    /// What counted when it was planned; null if nothing did.
    pub base: Option<Base>,
}

/// What an hour counted from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Its segment's input digest.
    pub input_digest: String,
    /// Its segment's code digest.
    pub code_digest: String,
    /// SHA-256 of the segment.
    pub output_digest: String,
    /// Which generation it came from; null: it was sealed.
    #[serde(with = "text_or_null")]
    pub generation: Option<GenerationId>,
    /// It knew the verdicts of every stage before this position; null: live verdicts alone.
    #[serde(with = "text_or_null")]
    pub knows_before: Option<Position>,
}

/// Why a document is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not JSON of the known fields.
    #[error("the plan is not readable")]
    Malformed(#[from] serde_json::Error),
    /// A later version of this program wrote it.
    #[error("plan version {0} is not known here; the newest is {VERSION}")]
    UnknownVersion(u32),
    /// Two of its statements exclude each other, or it was edited.
    #[error("the plan contradicts itself: {0}")]
    Contradiction(String),
}

impl Document {
    /// The canonical bytes: compact JSON in the order of the fields, with a final newline.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("a plan holds only text and integers");
        bytes.push(b'\n');
        bytes
    }

    /// Reads a document.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(bytes)?;
        if version != VERSION {
            return Err(Error::UnknownVersion(version));
        }
        let document: Self = serde_json::from_slice(bytes)?;
        if document.to_bytes() != bytes {
            return Err(Error::Contradiction("its bytes are not canonical: it was edited".to_owned()));
        }
        if document.hours.is_empty() {
            return Err(Error::Contradiction("it has no hour".to_owned()));
        }
        match document.hours.windows(2).find(|pair| pair[0].hour >= pair[1].hour) {
            Some(pair) => Err(Error::Contradiction(format!("hour {} follows {}", pair[1].hour, pair[0].hour))),
            None => Ok(document),
        }
    }

    /// The name of the generation that it is built as.
    pub fn id(&self) -> GenerationId {
        let digest = Digest::of(&self.to_bytes()).to_string();
        GenerationId::parse(&digest[..GenerationId::DIGITS]).expect("a digest begins with hexadecimal digits")
    }

    /// What of it is not as in `now`, a plan made later for the same question; `None` if nothing.
    pub fn difference(&self, now: &Self) -> Option<String> {
        if self.code_digest != now.code_digest {
            let (planned, found) = (short(&self.code_digest), short(&now.code_digest));
            return Some(format!("the code of {} is {found}, and was {planned}", self.projection));
        }
        let pairs = self.hours.iter().zip(&now.hours);
        for (planned, found) in pairs {
            if planned.hour != found.hour {
                return Some(format!("hour {} is planned now, and {} was", found.hour, planned.hour));
            }
            if planned.manifest_digest != found.manifest_digest {
                return Some(format!("the manifest of {} is another one", planned.hour));
            }
            if planned.base != found.base {
                return Some(format!("{} counts from another segment", planned.hour));
            }
        }
        if self.hours.len() != now.hours.len() {
            return Some(format!("{} hours are planned now, and {} were", now.hours.len(), self.hours.len()));
        }
        (self != now).then(|| "it was made for another question".to_owned())
    }
}

/// The beginning of a digest, for people.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

impl Base {
    pub(crate) fn of(pointer: &LivePointer) -> Self {
        Self {
            input_digest: pointer.input_digest.clone(),
            code_digest: pointer.code_digest.clone(),
            output_digest: pointer.output_digest.clone(),
            generation: pointer.generation.clone(),
            knows_before: pointer.knows_before,
        }
    }

    pub(crate) fn pointer(&self, hour: Hour) -> LivePointer {
        LivePointer {
            hour,
            input_digest: self.input_digest.clone(),
            code_digest: self.code_digest.clone(),
            output_digest: self.output_digest.clone(),
            generation: self.generation.clone(),
            knows_before: self.knows_before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let hour = |text: &str, base: Option<Base>| HourInput {
            hour: Hour::parse(text).unwrap(),
            manifest_digest: "ab".repeat(32),
            rows: 7,
            bytes: 4_096,
            base,
        };
        let base = Base {
            input_digest: "01".repeat(32),
            code_digest: "02".repeat(32),
            output_digest: "03".repeat(32),
            generation: GenerationId::parse("0123456789abcdef"),
            knows_before: "1.9.0".parse().ok(),
        };
        Document {
            version: VERSION,
            projection: "counters".to_owned(),
            code_digest: "cd".repeat(32),
            sql: String::new(),
            clicks_before: "1.41.7".parse().ok(),
            verdicts_before: "1.42.0".parse().unwrap(),
            hours: vec![hour("2026-11-22T14", Some(base)), hour("2026-11-22T16", None)],
        }
    }

    /// The id of a plan is in the catalog: the bytes of version 1 never change.
    #[test]
    fn document_comes_back_as_it_was_written_and_keeps_its_name() {
        let plan = document();
        let stored = include_bytes!("../../fixtures/plan-1.json");
        assert_eq!(plan.to_bytes(), stored);
        assert_eq!(Document::from_bytes(stored).unwrap(), plan);
        let text = String::from_utf8(plan.to_bytes()).unwrap();
        assert!(text.starts_with(r#"{"version":1,"projection":"counters","code_digest":"cdcd"#), "{text}");
        assert!(text.contains(r#""sql":"","clicks_before":"1.41.7","verdicts_before":"1.42.0","hours":[{"hour":"#));
        assert_eq!(plan.id().as_str(), "88254dbad00936aa");
    }

    #[test]
    fn edited_unknown_or_contradictory_plan_is_refused() {
        let text = String::from_utf8(document().to_bytes()).unwrap();
        let refused = |text: String| Document::from_bytes(text.as_bytes()).unwrap_err();
        assert!(matches!(refused(text.replace("\"version\":1", "\"version\":2")), Error::UnknownVersion(2)));
        assert!(matches!(refused(text.replace("\"rows\":7", "\"rows\": 7")), Error::Contradiction(_)));
        assert!(matches!(refused(text.replace("T16", "T14")), Error::Contradiction(_)));
        assert!(matches!(refused(text.replace("1.42.0", "1.42")), Error::Malformed(_)));
        assert!(matches!(refused(text.replace("\"rows\"", "\"row\"")), Error::Malformed(_)));
        assert!(matches!(refused(text[..text.len() / 2].to_owned()), Error::Malformed(_)));
    }

    #[test]
    fn what_changed_since_is_named() {
        let check = |change: &dyn Fn(&mut Document), expected: &str| {
            let mut now = document();
            change(&mut now);
            let found = document().difference(&now);
            assert!(found.as_ref().is_some_and(|found| found.contains(expected)), "{expected}: {found:?}");
        };
        assert_eq!(document().difference(&document()), None);
        check(&|now| now.code_digest = "ee".repeat(32), "code of counters is eeee");
        check(&|now| now.hours[0].manifest_digest = "ee".repeat(32), "manifest of 2026-11-22T14");
        check(&|now| now.hours[1].base = now.hours[0].base.clone(), "2026-11-22T16 counts from another segment");
        check(&|now| now.hours.truncate(1), "1 hours are planned now, and 2 were");
        check(&|now| now.clicks_before = None, "another question");
    }
}
