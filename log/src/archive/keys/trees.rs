//! Keys of what belongs to the trees of an hour: their stored nodes, and what the salts of its personal leaves come
//! from.
//!
//! ```text
//! evidence/nodes/clicks/dt=2026-11-22/hr=14/<digest>.nodes
//! personal/keys/2026-11-22T14.key
//! ```
//!
//! The key of an hour stands among what is personal: who may not read addresses may not read it either.

use object_store::path::Path;

use super::{
    partition::{parse_partition, partition},
    short::{is_short, short},
};
use crate::{frame::Digest, invariant, log::Stream, time::Hour};

const NODES: &str = "evidence/nodes/";
const SALTS: &str = "personal/keys/";

/// The stored nodes of the trees of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodesKey {
    /// Of which stream.
    pub stream: Stream,
    /// Which hour.
    pub hour: Hour,
    /// The beginning of the SHA-256 of the bytes, 32 hexadecimal digits.
    pub digest: String,
}

impl NodesKey {
    /// The key for these bytes.
    pub fn new(stream: Stream, hour: Hour, digest: &Digest) -> Self {
        Self { stream, hour, digest: short(digest) }
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let path = Path::from(format!("{NODES}{}/{}/{}.nodes", self.stream, partition(self.hour), self.digest));
        invariant!(I3, Self::parse(path.as_ref()).as_ref() == Some(self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix(NODES)?.split('/');
        let stream = parts.next()?;
        let stream = Stream::ALL.into_iter().find(|known| known.as_str() == stream)?;
        let hour = parse_partition(&mut parts)?;
        let digest = parts.next()?.strip_suffix(".nodes")?.to_owned();
        (parts.next().is_none() && is_short(&digest)).then_some(Self { stream, hour, digest })
    }
}

/// What the salts of the personal leaves of an hour of clicks come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaltsKey {
    /// Which hour.
    pub hour: Hour,
}

impl SaltsKey {
    /// As a path of the store.
    pub fn path(&self) -> Path {
        let path = Path::from(format!("{SALTS}{}.key", self.hour));
        invariant!(I3, Self::parse(path.as_ref()) == Some(*self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let hour = Hour::parse(path.strip_prefix(SALTS)?.strip_suffix(".key")?)?;
        Some(Self { hour })
    }
}

/// What an object is good for, and what helps if it is lost or damaged, for people; `None` if it is none of these.
pub(super) fn remedy(key: &str) -> Option<&'static str> {
    if key.starts_with(NODES) {
        return Some("what its hour holds is proved with it; put it back from a copy of the archive");
    }
    let is_key = key.starts_with(SALTS);
    is_key.then_some("no address of its hour can be proved without it; put it back from a copy of the archive")
}
