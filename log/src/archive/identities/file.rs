//! An identity filter as it is stored, version 1. Numbers are little endian.
//!
//! ```text
//! CTIDENT1                                       8 bytes
//! SHA-256 of what it is made of                  32
//! pages, pages of ids dated ahead                4 + 4
//! bytes of all pages                             8
//! of each page: its bytes, part of its SHA-256   4 + 12
//! part of the SHA-256 of all this                16
//! the pages, then the pages of ids dated ahead
//! ```

use std::ops::Range;

use bytes::Bytes;

use super::{fingerprint::Fingerprints, page};
use crate::{frame::Digest, invariant};

const MAGIC: &[u8; 8] = b"CTIDENT1";
const FIXED_BYTES: usize = MAGIC.len() + 32 + 4 + 4 + 8;
const LISTED_BYTES: usize = 16;
const SUM_BYTES: usize = 16;
/// Bytes of a page's digest that stand in the header.
const PAGE_SUM_BYTES: usize = LISTED_BYTES - 4;
/// More pages than this are damage: the largest filter has a tenth of it.
const PAGES_MAX: usize = 1 << 16;

/// What stands before the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Pages of all entries; the pages of the ids dated ahead follow.
    pub(super) pages: usize,
    pub(super) pages_ahead: usize,
    listed: Vec<Listed>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    range: Range<u64>,
    sum: [u8; PAGE_SUM_BYTES],
}

impl Header {
    /// Bytes of the header that begins with these.
    pub(super) fn bytes_of(start: &[u8]) -> Result<usize, String> {
        let fixed = start.get(..FIXED_BYTES).ok_or("it is too short")?;
        if &fixed[..8] != MAGIC {
            return Err("it is no identity filter of version 1".into());
        }
        let pages = number(&fixed[40..44]) + number(&fixed[44..48]);
        if pages > PAGES_MAX {
            return Err(format!("it has {pages} pages"));
        }
        Ok(FIXED_BYTES + pages * LISTED_BYTES + SUM_BYTES)
    }

    /// Reads what [`Header::bytes_of`] counted, of a file of `bytes` bytes that is made of what `input` is the digest
    /// of.
    pub(super) fn read(header: &[u8], input: &Digest, bytes: u64) -> Result<Self, String> {
        let (body, sum) = header.split_at(header.len() - SUM_BYTES);
        if Digest::of(body).0[..SUM_BYTES] != *sum {
            return Err("its header is not what it was".into());
        }
        if body[8..40] != input.0 {
            return Err("it is made of other parts".into());
        }
        let mut end = header.len() as u64;
        let mut listed = Vec::new();
        for entry in body[FIXED_BYTES..].chunks_exact(LISTED_BYTES) {
            let begin = end;
            end += number(&entry[..4]) as u64;
            listed.push(Listed { range: begin..end, sum: entry[4..].try_into().expect("the rest of an entry") });
        }
        if end != bytes {
            return Err(format!("it has {bytes} bytes, its header says {end}"));
        }
        Ok(Self { pages: number(&body[40..44]), pages_ahead: number(&body[44..48]), listed })
    }

    /// Where a page stands in the file.
    pub(super) fn range(&self, page: usize) -> Range<u64> {
        self.listed[page].range.clone()
    }

    /// Whether a page is what was written.
    pub(super) fn is_whole(&self, page: usize, bytes: &[u8]) -> bool {
        Digest::of(bytes).0[..PAGE_SUM_BYTES] == self.listed[page].sum
    }

    /// The memory that it takes.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.listed.capacity() * size_of::<Listed>()
    }
}

fn number(bytes: &[u8]) -> usize {
    let bytes: [u8; 4] = bytes.try_into().expect("four bytes");
    u32::from_le_bytes(bytes) as usize
}

/// The filter of the fingerprints of some parts, in the order of the parts; `input` is the digest of what they are of.
pub fn encode(input: &Digest, parts: Vec<Fingerprints>) -> Bytes {
    let (all, ahead): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (part.all, part.ahead)).unzip();
    let (all, ahead) = (page::encode(all), page::encode(ahead));
    let pages: Vec<&Bytes> = all.iter().chain(&ahead).collect();
    let bytes: usize = pages.iter().map(|page| page.len()).sum();
    let small = |number: usize| u32::try_from(number).expect("a filter is of some million events").to_le_bytes();
    let mut file = Vec::with_capacity(FIXED_BYTES + pages.len() * LISTED_BYTES + SUM_BYTES + bytes);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&input.0);
    file.extend_from_slice(&small(all.len()));
    file.extend_from_slice(&small(ahead.len()));
    file.extend_from_slice(&(bytes as u64).to_le_bytes());
    for page in &pages {
        file.extend_from_slice(&small(page.len()));
        file.extend_from_slice(&Digest::of(page).0[..PAGE_SUM_BYTES]);
    }
    let sum = Digest::of(&file);
    file.extend_from_slice(&sum.0[..SUM_BYTES]);
    let header = file.len();
    pages.iter().for_each(|page| file.extend_from_slice(page));
    let readable = Header::read(&file[..header], input, file.len() as u64);
    invariant!(I3, readable.is_ok(), "a filter that nobody can read: {readable:?}");
    Bytes::from(file)
}

#[cfg(test)]
mod tests {
    use clicktrail_damage::{Random, Trial, mutate, test};

    use super::*;

    /// Reads the header of a file and searches its pages, as the reader does.
    fn read(bytes: &[u8]) {
        let Ok(length) = Header::bytes_of(bytes) else { return };
        let Some(header) = bytes.get(..length) else { return };
        let input = Digest(header[8..40].try_into().expect("32 bytes"));
        match Header::read(header, &input, bytes.len() as u64) {
            Ok(header) => {
                for page in 0..header.pages + header.pages_ahead {
                    let range = header.range(page);
                    let at = |place: u64| usize::try_from(place).expect("inside the file");
                    let stored = &bytes[at(range.start)..at(range.end)];
                    let _ = header.is_whole(page, stored);
                    page::search(stored, 0, |_| {});
                    page::search(stored, u64::MAX, |_| {});
                }
                assert!(header.memory() > 0);
            }
            Err(why) => assert!(!why.is_empty()),
        }
    }

    #[test]
    fn filter_of_any_bytes_is_searched_or_refused() {
        let fixture = std::fs::read(crate::fixtures::path("identity-filter-1.bin")).unwrap();
        let draw = |random: &mut Random| {
            let mut bytes = mutate::of_examples(random, std::slice::from_ref(&fixture), &[]);
            let header = Header::bytes_of(&bytes).ok().filter(|length| *length <= bytes.len());
            if let Some(header) = header.filter(|_| random.has(700)) {
                let body = header - SUM_BYTES;
                let sum = Digest::of(&bytes[..body]);
                bytes[body..header].copy_from_slice(&sum.0[..SUM_BYTES]);
            }
            bytes
        };
        Trial::of(test!(filter_of_any_bytes_is_searched_or_refused)).example(fixture.clone()).run_drawn(draw, read);
    }
}
