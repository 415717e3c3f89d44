//! One question to a Bloom filter of a Parquet file, from the thirty-two bytes that answer it.
//!
//! Such a filter is split into blocks of 256 bits, and a value has all of its bits in one of them (Parquet's format,
//! *Bloom filter*). Which one is said by the upper half of its XXH64. So of a filter of a hundred kilobytes the head
//! and one block are read.

use std::ops::Range;

use parquet::bloom_filter::Sbbf;

/// Bytes of a block.
const BLOCK: u64 = 32;
/// The head of a filter is shorter: four small fields.
const HEAD_MAX: u64 = 32;

/// A filter of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Filter {
    /// Where its head begins, how long that is, and how many bytes of blocks follow.
    begin: u64,
    head: u64,
    blocks: u64,
}

impl Filter {
    /// A filter of so many bytes with its head, as our files have it: blocks are a power of two. `None` for one of
    /// another program, which is not asked.
    pub(super) fn new(begin: u64, bytes: u64) -> Option<Self> {
        let blocks = 1_u64.checked_shl(bytes.checked_ilog2()?)?;
        let head = bytes - blocks;
        let is_ours = blocks >= BLOCK && (1..=HEAD_MAX).contains(&head) && begin.checked_add(bytes).is_some();
        is_ours.then_some(Self { begin, head, blocks })
    }

    /// Where it ends.
    pub(super) fn end(&self) -> u64 {
        self.begin + self.head + self.blocks
    }

    /// What of the file must be read to ask for a text: the head, and the block.
    pub(super) fn ranges(&self, text: &str) -> [Range<u64>; 2] {
        let count = u128::from(self.blocks / BLOCK);
        let upper = u128::from(hash(text.as_bytes()) >> 32);
        let index = u64::try_from((upper * count) >> 32).expect("less than the number of blocks");
        let begin = self.begin + self.head + index * BLOCK;
        [self.begin..self.begin + self.head, begin..begin + BLOCK]
    }

    /// Whether the text may be there, by these bytes; `None` if the head is not that of such a filter.
    pub(super) fn may_hold(&self, head: &[u8], block: &[u8], text: &str) -> Option<bool> {
        // A field of the compact protocol: its number, and an integer as a zigzag varint.
        let (field, mut rest) = head.split_first()?;
        let (mut told, mut shift) = (0_u64, 0);
        loop {
            let (byte, behind) = rest.split_first()?;
            told |= u64::from(byte & 0x7f).checked_shl(shift)?;
            (rest, shift) = (behind, shift + 7);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let is_told = *field == 0x15 && told == 2 * self.blocks && block.len() as u64 == BLOCK;
        // A filter of one block looks into that one.
        is_told.then(|| Sbbf::new(block).check(text))
    }
}

const PRIMES: [u64; 5] =
    [0x9e37_79b1_85eb_ca87, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9, 0x85eb_ca77_c2b2_ae63, 0x27d4_eb2f_1656_67c5];

fn round(sum: u64, lane: u64) -> u64 {
    sum.wrapping_add(lane.wrapping_mul(PRIMES[1])).rotate_left(31).wrapping_mul(PRIMES[0])
}

/// XXH64 with the seed 0, as its specification says.
fn hash(bytes: &[u8]) -> u64 {
    let [one, two, three, four, five] = PRIMES;
    let (stripes, rest) = bytes.as_chunks::<32>();
    let mut sum = five;
    if !stripes.is_empty() {
        let mut sums = [one.wrapping_add(two), two, 0, one.wrapping_neg()];
        for stripe in stripes {
            for (sum, lane) in sums.iter_mut().zip(stripe.as_chunks::<8>().0) {
                *sum = round(*sum, u64::from_le_bytes(*lane));
            }
        }
        let rotated = sums.iter().zip([1, 7, 12, 18]).map(|(sum, bits)| sum.rotate_left(bits));
        sum = rotated.fold(0, u64::wrapping_add);
        for lane in sums {
            sum = (sum ^ round(0, lane)).wrapping_mul(one).wrapping_add(four);
        }
    }
    sum = sum.wrapping_add(bytes.len() as u64);
    let (words, rest) = rest.as_chunks::<8>();
    for word in words {
        let mixed = sum ^ round(0, u64::from_le_bytes(*word));
        sum = mixed.rotate_left(27).wrapping_mul(one).wrapping_add(four);
    }
    let (halves, rest) = rest.as_chunks::<4>();
    for half in halves {
        let mixed = sum ^ u64::from(u32::from_le_bytes(*half)).wrapping_mul(one);
        sum = mixed.rotate_left(23).wrapping_mul(two).wrapping_add(three);
    }
    for byte in rest {
        sum = (sum ^ u64::from(*byte).wrapping_mul(five)).rotate_left(11).wrapping_mul(one);
    }
    sum = (sum ^ (sum >> 33)).wrapping_mul(two);
    sum = (sum ^ (sum >> 29)).wrapping_mul(three);
    sum ^ (sum >> 32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hash_is_xxh64() {
        for (text, expected) in
            [("", 0xef46_db37_51d8_e999), ("a", 0xd24e_c4f1_a98c_6e5b), ("abc", 0x44bc_2cf5_ad77_0999_u64)]
        {
            assert_eq!(hash(text.as_bytes()), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn one_block_answers_as_the_whole_filter_does(
            values in prop::collection::vec("[a-z0-9-]{0,80}", 1..40),
            others in prop::collection::vec("[a-z0-9-]{0,80}", 1..40),
            size in 0..8_u32,
            begin in 0..100_usize,
        ) {
            let mut whole = Sbbf::new_with_num_of_bytes(32 << size);
            values.iter().for_each(|value| whole.insert(value.as_str()));
            let mut file = vec![0xff; begin];
            whole.write(&mut file).unwrap();
            let filter = Filter::new(begin as u64, (file.len() - begin) as u64).unwrap();
            for text in values.iter().chain(&others) {
                let place = |byte: u64| usize::try_from(byte).unwrap();
                let [head, block] = filter.ranges(text).map(|range| &file[place(range.start)..place(range.end)]);
                prop_assert_eq!(filter.may_hold(head, block, text), Some(whole.check(text.as_str())), "{:?}", text);
                let of_one_block = (filter.blocks == 32).then(|| whole.check(text.as_str()));
                prop_assert_eq!(filter.may_hold(&[0x15, 0x40], block, text), of_one_block);
                prop_assert_eq!(filter.may_hold(&[], block, text), None);
            }
        }
    }

    #[test]
    fn filter_of_another_form_is_not_asked() {
        for bytes in [0, 1, 20, 64, 100, 200, 65_536 + 33] {
            assert_eq!(Filter::new(0, bytes), None, "{bytes}");
        }
        assert_eq!(Filter::new(u64::MAX, 65_536 + 17), None);
    }
}
