//! Keys of what is gone from hours, and of what is still to go.
//!
//! ```text
//! redactions/2026-11-22T14/00000001.json            of clicks
//! redactions/rejected/2026-11-22T14/00000001.json   of rejected events
//! personal/erasures/<id>.json
//! ```
//!
//! A request stands among what is personal: until it is done, whoever can read it can try values against its digest.

use object_store::path::Path;
use uuid::Uuid;

use crate::{invariant, log::Stream, time::Hour};

const REDACTIONS: &str = "redactions/";
const ERASURES: &str = "personal/erasures/";

/// A statement of which rows of an hour have nothing about people any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedactionKey {
    /// Of which log: one of [`RedactionKey::STREAMS`].
    pub stream: Stream,
    /// Which hour.
    pub hour: Hour,
    /// 1 for the first of the hour. The one with the highest number holds.
    pub number: u32,
}

impl RedactionKey {
    /// The logs that hold something about people.
    pub const STREAMS: [Stream; 2] = [Stream::Rejected, Stream::Clicks];

    /// Clicks came first: nothing says that it is of them.
    fn folder(stream: Stream) -> String {
        match stream {
            Stream::Clicks => REDACTIONS.to_owned(),
            other @ (Stream::Verdicts | Stream::Rejected | Stream::Invoices) => format!("{REDACTIONS}{other}/"),
        }
    }

    /// Where those of all hours of a log stand; below that of clicks stand those of other logs too.
    pub fn of_all_hours(stream: Stream) -> Path {
        Path::from(Self::folder(stream))
    }

    /// Where those of an hour stand.
    pub fn prefix(stream: Stream, hour: Hour) -> Path {
        Path::from(format!("{}{hour}", Self::folder(stream)))
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let path = Path::from(format!("{}{}/{:08}.json", Self::folder(self.stream), self.hour, self.number));
        invariant!(I3, Self::parse(path.as_ref()) == Some(*self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let in_folder = |stream: Stream| Some((stream, path.strip_prefix(&Self::folder(stream))?));
        let (stream, rest) = Self::STREAMS.into_iter().find_map(in_folder)?;
        let (hour, name) = rest.split_once('/')?;
        let digits = name.strip_suffix(".json")?;
        let number: u32 = digits.parse().ok().filter(|number| format!("{number:08}") == digits)?;
        Some(Self { stream, hour: Hour::parse(hour)?, number })
    }
}

/// A request to erase somebody, which is not done yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasureKey {
    /// Which.
    pub id: Uuid,
}

impl ErasureKey {
    /// Where all of them stand.
    pub fn prefix() -> Path {
        Path::from(ERASURES)
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let path = Path::from(format!("{ERASURES}{}.json", self.id));
        invariant!(I3, Self::parse(path.as_ref()) == Some(*self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let text = path.strip_prefix(ERASURES)?.strip_suffix(".json")?;
        let id = Uuid::parse_str(text).ok().filter(|id| id.to_string() == text)?;
        Some(Self { id })
    }
}

/// What an object is good for, and what helps if it is lost or damaged, for people; `None` if it is none of these.
pub(super) fn remedy(key: &str) -> Option<&'static str> {
    if key.starts_with(REDACTIONS) {
        return Some("it says what was erased of its hour; put it back from a copy of the archive");
    }
    key.starts_with(ERASURES).then_some("somebody asked for it to be erased; ask for it again with `personal erase`")
}
