//! Every storage key, built and parsed in one place.
//!
//! ```text
//! clicks/dt=2026-11-22/hr=14/<first seq>-<last seq>-<digest>.parquet     core columns
//! personal/dt=2026-11-22/hr=14/<first seq>-<last seq>-<digest>.parquet   personal columns, the same rows
//! verdicts/dt=2026-11-22/hr=14/<first seq>-<last seq>-<digest>.parquet   by the hour in which they were logged
//! identities/dt=2026-11-22/hr=14/<first seq>-<last seq>-<input digest>.filter
//! invoices/dt=2026-11-22/hr=14/<first seq>-<last seq>-<digest>.parquet   what was issued, likewise
//! personal/rejected/dt=2026-11-22/hr=14/<first seq>-<last seq>-<digest>.parquet   what was rejected, likewise
//! manifests/clicks/2026-11-22T14.json
//! manifests/verdicts/2026-11-22T14.json
//! manifests/invoices/2026-11-22T14.json
//! manifests/rejected/2026-11-22T14.json
//! segments/counters/dt=2026-11-22/hr=14/<digest>.parquet
//! receipts/counters/2026-11-22T14/<input digest>-<code digest>.json
//! promotions/counters/00000001.json
//! coverage/clicks.json
//! invoices/…                         see [`invoices`]
//! transparency/…                     see [`transparency`]
//! evidence/nodes/…, personal/keys/…  see [`trees`]
//! redactions/…, personal/erasures/…  see [`redaction`]
//! ```

use object_store::path::Path;

use crate::{frame::Digest, invariant, log::Stream, position::Seq, time::Hour};

pub mod invoices;
mod partition;
pub mod redaction;
mod short;
pub mod transparency;
pub mod trees;

pub use invoices::IssuedKey;
use partition::{parse_partition, partition};
pub use redaction::{ErasureKey, RedactionKey};
use short::{is_projection, is_short, short};
pub use transparency::TransparencyKey;
pub use trees::{NodesKey, SaltsKey};

/// Which half of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// What billing needs.
    Core,
    /// Address, user agent, session and page: its own prefix, so its own access rights and retention.
    Personal,
}

impl Half {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Core => "clicks",
            Self::Personal => "personal",
        }
    }
}

/// One half of a part of the click log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartKey {
    /// Which half.
    pub half: Half,
    /// Which hour.
    pub hour: Hour,
    /// The first frame.
    pub first: Seq,
    /// The last frame.
    pub last: Seq,
    /// The beginning of the SHA-256 of the bytes, 32 hexadecimal digits.
    pub digest: String,
}

impl PartKey {
    /// Where the files of a half of an hour stand.
    pub fn prefix(half: Half, hour: Hour) -> Path {
        Path::from(format!("{}/{}", half.prefix(), partition(hour)))
    }

    /// The key for these bytes.
    pub fn new(half: Half, hour: Hour, first: Seq, last: Seq, digest: &Digest) -> Self {
        Self { half, hour, first, last, digest: short(digest) }
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let Self { half, hour, first, last, digest } = self;
        let path = part_path(half.prefix(), *hour, (*first, *last), digest);
        invariant!(I3, Self::parse(path.as_ref()).as_ref() == Some(self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let (prefix, rest) = path.split_once('/')?;
        let half = [Half::Core, Half::Personal].into_iter().find(|half| half.prefix() == prefix)?;
        let (hour, (first, last), digest) = parse_part(rest)?;
        Some(Self { half, hour, first, last, digest })
    }
}

/// One part of a log whose parts are one file each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPartKey {
    /// Which log: one of [`StreamPartKey::STREAMS`].
    pub stream: Stream,
    /// The hour in which its rows were logged.
    pub hour: Hour,
    /// The first frame.
    pub first: Seq,
    /// The last frame.
    pub last: Seq,
    /// The beginning of the SHA-256 of the bytes, 32 hexadecimal digits.
    pub digest: String,
}

impl StreamPartKey {
    /// The logs that have such parts. Those of clicks are two files.
    pub const STREAMS: [Stream; 3] = [Stream::Verdicts, Stream::Invoices, Stream::Rejected];

    /// What stands before the hour. What arrived and was rejected may name anybody: it stands among what is personal.
    const fn folder(stream: Stream) -> &'static str {
        match stream {
            Stream::Rejected => "personal/rejected",
            other @ (Stream::Clicks | Stream::Verdicts | Stream::Invoices) => other.as_str(),
        }
    }

    /// Where the parts of an hour stand.
    pub fn prefix(stream: Stream, hour: Hour) -> Path {
        Path::from(format!("{}/{}", Self::folder(stream), partition(hour)))
    }

    /// The key for these bytes.
    pub fn new(stream: Stream, hour: Hour, first: Seq, last: Seq, digest: &Digest) -> Self {
        Self { stream, hour, first, last, digest: short(digest) }
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let path = part_path(Self::folder(self.stream), self.hour, (self.first, self.last), &self.digest);
        invariant!(I3, Self::parse(path.as_ref()).as_ref() == Some(self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let in_folder = |stream: Stream| Some((stream, path.strip_prefix(Self::folder(stream))?.strip_prefix('/')?));
        let (stream, rest) = Self::STREAMS.into_iter().find_map(in_folder)?;
        let (hour, (first, last), digest) = parse_part(rest)?;
        Some(Self { stream, hour, first, last, digest })
    }
}

fn part_path(prefix: &str, hour: Hour, (first, last): (Seq, Seq), digest: &str) -> Path {
    Path::from(format!("{prefix}/{}/{first}-{last}-{digest}.parquet", partition(hour)))
}

/// What follows the prefix of a part's path: its hour, its first and last frame, its digest.
fn parse_part(rest: &str) -> Option<(Hour, (Seq, Seq), String)> {
    parse_named(rest, ".parquet")
}

fn parse_named(rest: &str, suffix: &str) -> Option<(Hour, (Seq, Seq), String)> {
    let mut parts = rest.split('/');
    let hour = parse_partition(&mut parts)?;
    let name = parts.next()?.strip_suffix(suffix)?;
    let mut fields = name.split('-');
    // A number has one spelling.
    let seq = |digits: &str| Seq::new(digits.parse().ok()?).filter(|seq| seq.to_string() == digits);
    let (first, last) = (seq(fields.next()?)?, seq(fields.next()?)?);
    let digest = fields.next()?.to_owned();
    let whole = fields.next().is_none() && parts.next().is_none() && is_short(&digest);
    whole.then_some((hour, (first, last), digest))
}

const IDENTITIES: &str = "identities";
const FILTER: &str = ".filter";

/// The identity filter of some parts of an hour of clicks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterKey {
    /// Which hour.
    pub hour: Hour,
    /// The first frame.
    pub first: Seq,
    /// The last frame.
    pub last: Seq,
    /// The beginning of the digest of what it is made of, 32 hexadecimal digits.
    pub input: String,
}

impl FilterKey {
    /// The key of the filter that is made of what `input` is the digest of.
    pub fn new(hour: Hour, first: Seq, last: Seq, input: &Digest) -> Self {
        Self { hour, first, last, input: short(input) }
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let Self { hour, first, last, input } = self;
        let path = Path::from(format!("{IDENTITIES}/{}/{first}-{last}-{input}{FILTER}", partition(*hour)));
        invariant!(I3, Self::parse(path.as_ref()).as_ref() == Some(self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix(IDENTITIES)?.strip_prefix('/')?;
        let (hour, (first, last), input) = parse_named(rest, FILTER)?;
        Some(Self { hour, first, last, input })
    }
}

/// The manifest of one hour of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManifestKey {
    /// Which stream.
    pub stream: Stream,
    /// Which hour.
    pub hour: Hour,
}

impl ManifestKey {
    /// Where the manifests of a stream stand.
    pub fn prefix(stream: Stream) -> Path {
        Path::from(format!("manifests/{stream}"))
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let path = Path::from(format!("manifests/{}/{}.json", self.stream, self.hour));
        invariant!(I3, Self::parse(path.as_ref()) == Some(*self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix("manifests/")?.split('/');
        let stream = parts.next()?;
        let stream = Stream::ALL.into_iter().find(|known| known.as_str() == stream)?;
        let hour = Hour::parse(parts.next()?.strip_suffix(".json")?)?;
        parts.next().is_none().then_some(Self { stream, hour })
    }
}

/// The output of a projection for one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentKey {
    /// Which projection: lower-case letters, digits and `_`.
    pub projection: String,
    /// Which hour.
    pub hour: Hour,
    /// The beginning of the SHA-256 of the bytes, 32 hexadecimal digits.
    pub digest: String,
}

impl SegmentKey {
    /// Where the segments of all projections stand.
    pub fn of_all_projections() -> Path {
        Path::from("segments")
    }

    /// Where the segments of a projection stand.
    pub fn all(projection: &str) -> Path {
        Path::from(format!("segments/{projection}"))
    }

    /// The key for these bytes.
    pub fn new(projection: &str, hour: Hour, digest: &Digest) -> Self {
        Self { projection: projection.to_owned(), hour, digest: short(digest) }
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let path = Path::from(format!("segments/{}/{}/{}.parquet", self.projection, partition(self.hour), self.digest));
        invariant!(I6, Self::parse(path.as_ref()).as_ref() == Some(self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix("segments/")?.split('/');
        let projection = parts.next().filter(|name| is_projection(name))?.to_owned();
        let hour = parse_partition(&mut parts)?;
        let digest = parts.next()?.strip_suffix(".parquet")?.to_owned();
        (parts.next().is_none() && digest.len() == 32).then_some(Self { projection, hour, digest })
    }
}

/// The receipt of a segment: found from its input and code alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReceiptKey {
    /// Which projection.
    pub projection: String,
    /// Which hour.
    pub hour: Hour,
    /// The beginning of the input digest, 32 hexadecimal digits.
    pub input: String,
    /// The beginning of the code digest, 32 hexadecimal digits.
    pub code: String,
}

impl ReceiptKey {
    /// Where the receipts of all projections stand.
    pub fn of_all_projections() -> Path {
        Path::from("receipts")
    }

    /// Where the receipts of a projection stand.
    pub fn all(projection: &str) -> Path {
        Path::from(format!("receipts/{projection}"))
    }

    /// Where the receipts of an hour stand.
    pub fn prefix(projection: &str, hour: Hour) -> Path {
        Path::from(format!("receipts/{projection}/{hour}"))
    }

    /// The key of a build.
    pub fn new(projection: &str, hour: Hour, input: &Digest, code: &Digest) -> Self {
        Self { projection: projection.to_owned(), hour, input: short(input), code: short(code) }
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let path = Path::from(format!("receipts/{}/{}/{}-{}.json", self.projection, self.hour, self.input, self.code));
        invariant!(I6, Self::parse(path.as_ref()).as_ref() == Some(self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix("receipts/")?.split('/');
        let projection = parts.next().filter(|name| is_projection(name))?.to_owned();
        let hour = Hour::parse(parts.next()?)?;
        let (input, code) = parts.next()?.strip_suffix(".json")?.split_once('-')?;
        let is_whole = parts.next().is_none() && is_short(input) && is_short(code);
        is_whole.then(|| Self { projection, hour, input: input.to_owned(), code: code.to_owned() })
    }
}

/// The record of one movement of live pointers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromotionKey {
    /// Which projection: lower-case letters, digits and `_`.
    pub projection: String,
    /// Its number: all promotions of an archive have one sequence, whatever the projection.
    pub number: u32,
}

impl PromotionKey {
    /// Where the records of promotions stand.
    pub fn prefix() -> Path {
        Path::from("promotions")
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let path = Path::from(format!("promotions/{}/{:08}.json", self.projection, self.number));
        invariant!(I9, Self::parse(path.as_ref()).as_ref() == Some(self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix("promotions/")?.split('/');
        let projection = parts.next().filter(|name| is_projection(name))?.to_owned();
        let digits = parts.next()?.strip_suffix(".json")?;
        let is_number = digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: u32 = digits.parse().ok().filter(|_| is_number)?;
        let is_whole = parts.next().is_none() && format!("{number:08}") == digits;
        is_whole.then_some(Self { projection, number })
    }
}

/// Which events of the click log were judged: one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoverageKey;

impl CoverageKey {
    const PATH: &str = "coverage/clicks.json";
    const COPY: &str = "coverage/clicks.copy.json";

    /// As a path of the store.
    pub fn path(&self) -> Path {
        Path::from(Self::PATH)
    }

    /// Where a copy of it stands: the one object that is replaced is held twice.
    pub fn copy_path(&self) -> Path {
        Path::from(Self::COPY)
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        [Self::PATH, Self::COPY].contains(&path).then_some(Self)
    }
}

/// What an object is good for, and what helps if it is lost or damaged, for people. What is derived a command makes
/// again; everything else is held nowhere else.
pub fn remedy(key: &str) -> &'static str {
    if let Some(remedy) = trees::remedy(key).or_else(|| redaction::remedy(key)) {
        return remedy;
    }
    if StreamPartKey::parse(key).is_some_and(|key| key.stream == Stream::Rejected) {
        return "rejected events of its hour stand in it and nowhere else; put it back from a copy of the archive";
    }
    match key.split_once('/').map_or(key, |(prefix, _)| prefix) {
        "segments" => "the totals of its hour stand in it; run `clicktrail catalog rebuild`, which makes it again",
        "receipts" => "it proves a segment; run `clicktrail catalog rebuild`, which makes it again",
        "identities" => "it finds repeated events; run `clicktrail catalog rebuild`, which makes it again",
        "coverage" => "it says which events were judged; run `clicktrail catalog rebuild`, which makes it again",
        "clicks" => "events of its hour stand in it and nowhere else; put it back from a copy of the archive",
        "personal" => {
            "addresses and agents of its hour stand in it and nowhere else; put it back from a copy of the archive"
        }
        "verdicts" => "verdicts of its hour stand in it and nowhere else; put it back from a copy of the archive",
        "manifests" => "its hour cannot be read without it; put it back from a copy of the archive",
        "invoices" => invoices::remedy(key),
        "transparency" => transparency::remedy(key),
        _ => "put it back from a copy of the archive",
    }
}

#[cfg(test)]
mod tests;
