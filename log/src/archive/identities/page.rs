//! Sorted entries in pages: a page is what is read at once.
//!
//! An entry is six bytes, little endian: the number of the part, then the low forty bits of the fingerprint. The high
//! bits say which page. A page holds some three thousand entries, so a look-up of what is not there finds something in
//! one of 360 million cases.

use bytes::Bytes;

use crate::invariant;

/// Entries of a page, on average.
const PAGE_ENTRIES: usize = 3_072;
/// Bytes of an entry.
pub(super) const ENTRY_BYTES: usize = 6;
const LOW_BITS: u32 = 40;
const LOW: u64 = (1 << LOW_BITS) - 1;
/// Entries around the guess in which the search begins.
const NEAR: usize = 128;

const _: () = assert!(LOW_BITS as usize + 8 == 8 * ENTRY_BYTES, "forty bits and the number of a part fill an entry");
const _: () = assert!((PAGE_ENTRIES as u64) * 1_000_000 < 1 << LOW_BITS, "false positives are fewer than 1e-6");

/// How many pages so many entries take.
pub(super) fn pages_of(entries: usize) -> usize {
    entries.div_ceil(PAGE_ENTRIES)
}

/// In which of `pages` pages a fingerprint is.
#[allow(clippy::cast_possible_truncation, reason = "less than the number of pages")]
pub(super) fn page_of(fingerprint: u64, pages: usize) -> usize {
    ((u128::from(fingerprint) * pages as u128) >> 64) as usize
}

/// The pages of some fingerprints, each list of which is of one part.
pub(super) fn encode(parts: Vec<Vec<u64>>) -> Vec<Bytes> {
    let entries: usize = parts.iter().map(Vec::len).sum();
    let pages = pages_of(entries);
    // Page, forty bits and part fit one word, so that sorting words sorts entries.
    invariant!(I14, pages <= 1 << 16 && parts.len() <= 1 << 8, "{pages} pages of {} parts", parts.len());
    let mut sorted = Vec::with_capacity(entries);
    for (part, fingerprints) in (0_u64..).zip(parts) {
        sorted.extend(
            fingerprints
                .into_iter()
                .map(|fingerprint| (page_of(fingerprint, pages) as u64) << 48 | (fingerprint & LOW) << 8 | part),
        );
    }
    sorted.sort_unstable();
    let mut encoded = Vec::with_capacity(pages);
    let mut rest = sorted.as_slice();
    for page in 0..pages as u64 {
        let (own, later) = rest.split_at(rest.partition_point(|entry| entry >> 48 <= page));
        let mut bytes = Vec::with_capacity(own.len() * ENTRY_BYTES);
        for entry in own {
            bytes.extend_from_slice(&entry.to_le_bytes()[..ENTRY_BYTES]);
        }
        encoded.push(Bytes::from(bytes));
        rest = later;
    }
    invariant!(I1, rest.is_empty(), "{} entries are in no page", rest.len());
    encoded
}

/// Hands the parts that may hold a fingerprint to `found`, each once, in order.
pub(super) fn search(page: &[u8], fingerprint: u64, mut found: impl FnMut(u8)) {
    let (entries, _) = page.as_chunks::<ENTRY_BYTES>();
    let at = |index: usize| {
        let [a, b, c, d, e, f] = entries[index];
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    };
    let wanted = fingerprint & LOW;
    let (mut low, mut high) = (0, entries.len());
    // Hashes lie evenly, so an entry is near its share of the page.
    let guess = usize::try_from((u128::from(wanted) * high as u128) >> LOW_BITS).unwrap_or(0);
    let (from, to) = (guess.saturating_sub(NEAR), guess + NEAR);
    if from > 0 && at(from) < wanted << 8 {
        low = from;
    }
    if to < high && at(to) >= wanted << 8 {
        high = to;
    }
    while low < high {
        let middle = usize::midpoint(low, high);
        if at(middle) < wanted << 8 { low = middle + 1 } else { high = middle }
    }
    while low < entries.len() {
        let entry = at(low);
        if entry >> 8 != wanted {
            break;
        }
        found(entry.to_le_bytes()[0]);
        // A part may hold an event millions of times, if a sender gives all of its events one id.
        let mut step = 1;
        while low + step < entries.len() && at(low + step) == entry {
            step *= 2;
        }
        let (mut from, mut to) = (low + step / 2 + 1, entries.len().min(low + step));
        while from < to {
            let middle = usize::midpoint(from, to);
            if at(middle) == entry { from = middle + 1 } else { to = middle }
        }
        low = from;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn search_finds_the_parts_of_what_is_there_and_nothing_else(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u64>(), 0..9_000), 1..4),
            others in proptest::collection::vec(any::<u64>(), 0..500),
            same in 0_u64..4,
        ) {
            let mut parts = parts;
            parts.iter_mut().for_each(|part| part.push(same << 62));
            let pages = encode(parts.clone());
            let find = |fingerprint| {
                let mut found = Vec::new();
                search(&pages[page_of(fingerprint, pages.len())], fingerprint, |part| found.push(usize::from(part)));
                found
            };
            for (part, fingerprints) in parts.iter().enumerate() {
                prop_assert!(fingerprints.iter().all(|fingerprint| find(*fingerprint).contains(&part)));
            }
            let is_there = |other: &u64| parts.iter().flatten().any(|one| one & LOW == other & LOW);
            prop_assert!(others.iter().filter(|other| !is_there(other)).all(|other| find(*other).is_empty()));
        }
    }

    #[test]
    fn part_that_holds_an_event_often_is_named_once() {
        for (one, other) in [(1, 1), (2, 3), (3, 2), (4, 7), (100_000, 5), (65_536, 65_535)] {
            // Smaller and larger fingerprints of the same pages stand around it.
            let around = |own: usize| (0..2_000).chain(std::iter::repeat_n(1_000, own)).collect::<Vec<u64>>();
            let pages = encode(vec![around(one), vec![7], around(other)]);
            for (fingerprint, parts) in [(1_000, vec![0, 2]), (7, vec![0, 1, 2]), (1_999, vec![0, 2]), (2_000, vec![])]
            {
                let mut found = Vec::new();
                search(&pages[page_of(fingerprint, pages.len())], fingerprint, |part| found.push(part));
                assert_eq!(found, parts, "{one} and {other} times {fingerprint}");
            }
        }
    }

    #[test]
    fn no_entries_take_no_page() {
        assert!(encode(vec![Vec::new()]).is_empty());
        search(&[], 7, |_| panic!("an empty page holds nothing"));
    }
}
