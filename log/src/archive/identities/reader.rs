//! Asking the filters of sealed hours: reads the pages that a question needs, and keeps them within a bound of bytes.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tracing::{debug, warn};

use super::{
    cache::{Cache, Key, Value},
    file::Header,
    fingerprint::{AHEAD_MICROS, Fingerprint},
    group::{Group, SearchedHour},
    index::PartIndex,
    made::{self, blocking},
    page,
};
use crate::{
    archive::{
        manifest::Part,
        store::{Archive, Error},
    },
    frame::Digest,
    invariant,
    time::Timestamp,
};

/// What is kept of headers, pages and parts, if the caller does not say. At the limit what was not asked for longest is
/// read again when it is.
const KEPT_BYTES: usize = 256 << 20;
/// What a filter's first reading takes: all of a small one.
const START_BYTES: u64 = 256 << 10;
/// Pages that are held at once, beside those that are kept: some nine megabytes.
const PAGES_AT_ONCE: usize = 512;
/// Events that are asked for at once, so that hits are bounded: each may be in every one of some hundred parts.
pub const ASKED_MAX: usize = 4_096;

/// An event that may have been logged before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Of its identity.
    pub fingerprint: Fingerprint,
    /// When its id says that it was made.
    pub date: Option<Timestamp>,
}

/// A part that may hold an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Which part of the manifest.
    pub part: usize,
    /// Which of the events that were asked for.
    pub asked: usize,
}

/// The identities of sealed hours.
#[derive(Debug)]
pub struct Identities {
    archive: Archive,
    cache: Mutex<Cache>,
}

impl Identities {
    /// Those of `archive`.
    pub fn new(archive: Archive) -> Self {
        Self::keeping(archive, KEPT_BYTES)
    }

    /// The same with another bound of what is kept.
    pub fn keeping(archive: Archive, bytes_max: usize) -> Self {
        Self { archive, cache: Mutex::new(Cache::new(bytes_max)) }
    }

    /// Bytes of what is kept.
    pub fn memory_bytes(&self) -> usize {
        self.cache().bytes()
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an hour lists an id that was dated ahead: if not, it holds no id whose date is after its end.
    ///
    /// # Errors
    /// As [`Identities::find`].
    pub async fn lists_ahead(&self, hour: &SearchedHour) -> Result<bool, Error> {
        for group in &hour.groups {
            if self.header(hour, group).await?.pages_ahead > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Which parts of an hour may hold which of `asked`, whose fingerprints ascend: at most [`ASKED_MAX`]. An event
    /// that is there is never left out. A part is named once, however often it holds the event.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: ask again. [`Error::Missing`] or [`Error::Damaged`] if a filter must be made again, and
    /// one of its parts cannot be read.
    pub async fn find(&self, hour: &SearchedHour, asked: &[Asked]) -> Result<Vec<Hit>, Error> {
        invariant!(I5, asked.is_sorted_by_key(|asked| asked.fingerprint), "questions are in order");
        invariant!(I14, asked.len() <= ASKED_MAX, "{} questions at once", asked.len());
        let end = hour.manifest.hour().end_exclusive().plus_micros(AHEAD_MICROS);
        let is_ahead = |asked: &Asked| asked.date.is_some_and(|date| date >= end);
        let mut hits = Vec::new();
        for group in &hour.groups {
            let header = self.header(hour, group).await?;
            for (ahead, first, pages) in [(false, 0, header.pages), (true, header.pages, header.pages_ahead)] {
                if pages == 0 {
                    continue;
                }
                let list = List { hour, group, header: &header, first, pages };
                let asked = asked.iter().enumerate().filter(|(_, asked)| is_ahead(asked) == ahead);
                let asked: Vec<(usize, u64)> = asked.map(|(index, asked)| (index, asked.fingerprint.0)).collect();
                self.search(&list, &asked, &mut hits).await?;
            }
        }
        hits.sort_unstable();
        Ok(hits)
    }

    async fn search(&self, list: &List<'_>, asked: &[(usize, u64)], hits: &mut Vec<Hit>) -> Result<(), Error> {
        let page_of = |fingerprint: u64| list.first + page::page_of(fingerprint, list.pages);
        let of_page: Vec<_> = asked.chunk_by(|(_, one), (_, other)| page_of(*one) == page_of(*other)).collect();
        for of_pages in of_page.chunks(PAGES_AT_ONCE) {
            let wanted: Vec<usize> = of_pages.iter().map(|asked| page_of(asked[0].1)).collect();
            let pages = self.pages(list, &wanted).await?;
            for (asked, page) in of_pages.iter().zip(&pages) {
                for (index, fingerprint) in *asked {
                    page::search(page, *fingerprint, |part| {
                        hits.push(Hit { part: list.group.parts.start + usize::from(part), asked: *index });
                    });
                }
            }
        }
        Ok(())
    }

    /// The header of a group's filter.
    async fn header(&self, hour: &SearchedHour, group: &Group) -> Result<Arc<Header>, Error> {
        if let Some(Value::Header(header)) = self.cache().get(&Key::Header(group.input)) {
            return Ok(header);
        }
        match self.read_header(group).await {
            Ok(header) => Ok(header),
            Err(Unread::Archive(error)) => Err(error),
            Err(Unread::Unusable(reason)) => Ok(self.make_again(hour, group, &reason).await?.0),
        }
    }

    async fn read_header(&self, group: &Group) -> Result<Arc<Header>, Unread> {
        let path = group.key.path();
        let (mut start, bytes) = self.archive.get_start(&path, START_BYTES).await?;
        let header_bytes = Header::bytes_of(&start).map_err(Unread::Unusable)?;
        if header_bytes as u64 > bytes {
            return Err(Unread::Unusable("it is too short".into()));
        }
        if header_bytes > start.len() {
            let whole = 0..header_bytes as u64;
            start = self.archive.get_ranges(&path, std::slice::from_ref(&whole)).await?.remove(0);
        }
        let header = start.get(..header_bytes).ok_or_else(|| Unread::Unusable("it is too short".into()))?;
        let header = Arc::new(Header::read(header, &group.input, bytes).map_err(Unread::Unusable)?);
        let mut cache = self.cache();
        cache.put(Key::Header(group.input), Value::Header(Arc::clone(&header)));
        for page in 0..header.pages + header.pages_ahead {
            let Some(bytes) = slice(&start, header.range(page)) else { break };
            if header.is_whole(page, &bytes) {
                cache.put(Key::Page(group.input, page), Value::Page(bytes));
            }
        }
        drop(cache);
        Ok(header)
    }

    /// The pages with these numbers, in this order.
    async fn pages(&self, list: &List<'_>, wanted: &[usize]) -> Result<Vec<Bytes>, Error> {
        let key = |page: usize| Key::Page(list.group.input, page);
        let mut pages: Vec<Option<Bytes>> = {
            let mut cache = self.cache();
            let kept = |page: &usize| match cache.get(&key(*page)) {
                Some(Value::Page(bytes)) => Some(bytes),
                Some(Value::Header(_) | Value::Index(_)) | None => None,
            };
            wanted.iter().map(kept).collect()
        };
        let missing: Vec<usize> = (0..wanted.len()).filter(|index| pages[*index].is_none()).collect();
        if !missing.is_empty() {
            let numbers: Vec<usize> = missing.iter().map(|index| wanted[*index]).collect();
            let read = match self.read_pages(list, &numbers).await {
                Ok(read) => read,
                Err(Unread::Archive(error)) => return Err(error),
                Err(Unread::Unusable(reason)) => {
                    let (header, file) = self.make_again(list.hour, list.group, &reason).await?;
                    let page = |page: &usize| slice(&file, header.range(*page)).expect("a whole file has its pages");
                    numbers.iter().map(page).collect()
                }
            };
            let mut cache = self.cache();
            for (index, bytes) in missing.into_iter().zip(read) {
                cache.put(key(wanted[index]), Value::Page(bytes.clone()));
                pages[index] = Some(bytes);
            }
        }
        Ok(pages.into_iter().map(|page| page.expect("every page was kept or read")).collect())
    }

    async fn read_pages(&self, list: &List<'_>, pages: &[usize]) -> Result<Vec<Bytes>, Unread> {
        let ranges: Vec<Range<u64>> = pages.iter().map(|page| list.header.range(*page)).collect();
        let read = self.archive.get_ranges(&list.group.key.path(), &ranges).await?;
        match pages.iter().zip(&read).find(|(page, bytes)| !list.header.is_whole(**page, bytes)) {
            Some((page, _)) => Err(Unread::Unusable(format!("page {page} is not what it was"))),
            // Copies, so that the memory of one large reading is not held by the last of its pages.
            None => Ok(read.iter().map(|bytes| Bytes::copy_from_slice(bytes)).collect()),
        }
    }

    /// Makes a filter from its parts, and stores it for whoever asks next. If the archive takes nothing, as a copy that
    /// is only read, it is made again whenever it is needed.
    async fn make_again(
        &self,
        hour: &SearchedHour,
        group: &Group,
        reason: &str,
    ) -> Result<(Arc<Header>, Bytes), Error> {
        let path = group.key.path();
        debug!(%path, reason, "an identity filter is made again");
        self.cache().remove(&Key::Header(group.input));
        let file = made::from_parts(&self.archive, &hour.manifest, group).await?;
        if let Err(error) = self.archive.put_content(&path, file.clone()).await {
            warn!(%path, %error, "an identity filter was made, and not stored");
        }
        let header_bytes = Header::bytes_of(&file).expect("just made");
        let header = Header::read(&file[..header_bytes], &group.input, file.len() as u64).expect("just made");
        let header = Arc::new(header);
        self.cache().put(Key::Header(group.input), Value::Header(Arc::clone(&header)));
        Ok((header, file))
    }

    /// A part by identity: what says whether a hit is one.
    ///
    /// # Errors
    /// If the part is missing, damaged or out of reach.
    pub async fn index(&self, part: &Part) -> Result<Arc<PartIndex>, Error> {
        let digest: Digest = part.core.sha256.parse().map_err(|error| damaged(part, &error))?;
        if let Some(Value::Index(index)) = self.cache().get(&Key::Index(digest)) {
            return Ok(index);
        }
        let core = self.archive.get_file(&part.core).await?;
        let index = blocking(move || PartIndex::of(core)).await?.map_err(|error| damaged(part, &error))?;
        let index = Arc::new(index);
        self.cache().put(Key::Index(digest), Value::Index(Arc::clone(&index)));
        Ok(index)
    }
}

/// One of the two lists of a filter.
struct List<'l> {
    hour: &'l SearchedHour,
    group: &'l Group,
    header: &'l Header,
    /// Its first page in the file, and how many it has.
    first: usize,
    pages: usize,
}

/// Why a filter was not read.
enum Unread {
    /// The archive does not answer.
    Archive(Error),
    /// It is not there, or not what it should be.
    Unusable(String),
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        if matches!(error, Error::Missing(_)) { Self::Unusable("there is none".into()) } else { Self::Archive(error) }
    }
}

/// A copy of a range of bytes, if all of it is there.
fn slice(bytes: &Bytes, range: Range<u64>) -> Option<Bytes> {
    let (from, to) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
    bytes.get(from..to).map(Bytes::copy_from_slice)
}

fn damaged(part: &Part, reason: &dyn std::fmt::Display) -> Error {
    Error::Damaged { key: part.core.key.clone(), reason: reason.to_string() }
}
