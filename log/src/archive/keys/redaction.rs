//! Keys of what is gone from hours of clicks, and of what is still to go.
//!
//! ```text
//! redactions/2026-11-22T14/00000001.json
//! personal/erasures/<id>.json
//! ```
//!
//! A request stands among what is personal: until it is done, whoever can read it can try values against its digest.

use object_store::path::Path;
use uuid::Uuid;

use crate::{invariant, time::Hour};

const REDACTIONS: &str = "redactions/";
const ERASURES: &str = "personal/erasures/";

/// A statement of which rows of an hour of clicks have no personal columns any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RedactionKey {
    /// Which hour.
    pub hour: Hour,
    /// 1 for the first of the hour. The one with the highest number holds.
    pub number: u32,
}

impl RedactionKey {
    /// Where those of all hours stand.
    pub fn of_all_hours() -> Path {
        Path::from(REDACTIONS)
    }

    /// Where those of an hour stand.
    pub fn prefix(hour: Hour) -> Path {
        Path::from(format!("{REDACTIONS}{hour}"))
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let path = Path::from(format!("{REDACTIONS}{}/{:08}.json", self.hour, self.number));
        invariant!(I3, Self::parse(path.as_ref()) == Some(*self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let (hour, name) = path.strip_prefix(REDACTIONS)?.split_once('/')?;
        let digits = name.strip_suffix(".json")?;
        let number: u32 = digits.parse().ok().filter(|number| format!("{number:08}") == digits)?;
        Some(Self { hour: Hour::parse(hour)?, number })
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
