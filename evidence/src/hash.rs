//! A SHA-256 hash, and the two ways in which RFC 6962 hashes: leaves and nodes never have the same input.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256, block_api::compress256};

/// Bytes of a hash.
pub const BYTES: usize = 32;
/// In front of what a leaf holds.
pub(crate) const LEAF: u8 = 0;
/// In front of the two hashes below a node.
const NODE: u8 = 1;

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;
/// What SHA-256 begins with (FIPS 180-4, 5.3.3).
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
/// What stands behind a message, before the zeros and its length (FIPS 180-4, 5.1.1).
const BEHIND: u8 = 0x80;

/// The hash of blocks that are padded already. Half of the hashes of a tree are of a few bytes, of which a general
/// hasher takes a fifth of the time for its buffer.
fn of_padded(blocks: &[u8]) -> Hash {
    let mut state = START;
    compress256(&mut state, whole(blocks));
    of_state(&state)
}

/// The same of two messages, block by block in turns. Each block of a message waits for the one before, and none for
/// those of the other: a processor that looks ahead hashes both in little more than the time of one.
fn of_two_padded(one: &[u8], other: &[u8]) -> [Hash; 2] {
    let (mut states, messages) = ([START; 2], [whole(one), whole(other)]);
    let in_turns = messages[0].len().min(messages[1].len());
    for block in 0..in_turns {
        for (state, message) in states.iter_mut().zip(messages) {
            compress256(state, &message[block..=block]);
        }
    }
    for (state, message) in states.iter_mut().zip(messages) {
        compress256(state, &message[in_turns..]);
    }
    states.map(|state| of_state(&state))
}

fn whole(blocks: &[u8]) -> &[[u8; BLOCK]] {
    let (blocks, rest) = blocks.as_chunks::<BLOCK>();
    assert!(rest.is_empty(), "what is padded is whole blocks");
    blocks
}

fn of_state(state: &[u32; 8]) -> Hash {
    let mut hash = [0; BYTES];
    for (word, place) in state.iter().zip(hash.as_chunks_mut().0) {
        *place = word.to_be_bytes();
    }
    Hash(hash)
}

/// The message of `LENGTH` bytes at the beginning of `BLOCKS` bytes, padded.
fn padded<const LENGTH: usize, const BLOCKS: usize>(mut bytes: [u8; BLOCKS]) -> [u8; BLOCKS] {
    const { assert!(BLOCKS.is_multiple_of(BLOCK) && LENGTH + 9 <= BLOCKS && LENGTH < 1 << 13) };
    let bits = (LENGTH * 8).to_be_bytes();
    bytes[LENGTH..].fill(0);
    bytes[LENGTH] = BEHIND;
    bytes[BLOCKS - bits.len()..].copy_from_slice(&bits);
    bytes
}

/// The hashes of two messages of so few bytes that each fits one block.
pub(crate) fn of_two_short<const LENGTH: usize>(messages: [&[u8; LENGTH]; 2]) -> [Hash; 2] {
    let [one, other] = messages.map(|message| {
        let mut bytes = [0; BLOCK];
        bytes[..LENGTH].copy_from_slice(message);
        padded::<LENGTH, BLOCK>(bytes)
    });
    of_two_padded(&one, &other)
}

/// The hash of a message of so few bytes that it fits one block.
pub(crate) fn of_short<const LENGTH: usize>(message: &[u8; LENGTH]) -> Hash {
    let mut bytes = [0; BLOCK];
    bytes[..LENGTH].copy_from_slice(message);
    of_padded(&padded::<LENGTH, BLOCK>(bytes))
}

/// The same of a message that fits two blocks.
pub(crate) fn of_two_blocks<const LENGTH: usize>(message: &[u8; LENGTH]) -> Hash {
    let mut bytes = [0; 2 * BLOCK];
    bytes[..LENGTH].copy_from_slice(message);
    of_padded(&padded::<LENGTH, { 2 * BLOCK }>(bytes))
}

/// A SHA-256 hash, shown in hexadecimal. As JSON it is that text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; BYTES]);

impl Hash {
    /// Of some bytes, with nothing in front: also the root of a tree without leaves, of no bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of a leaf that holds `data`.
    pub fn leaf(data: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update([LEAF]);
        hash.update(data);
        Self(hash.finalize().into())
    }

    /// Of the node above two others.
    pub fn node(left: &Self, right: &Self) -> Self {
        of_padded(&padded_node(left, right))
    }

    /// Of the nodes above four others, in little more than the time of one.
    pub fn two_nodes([one, two, three, four]: &[Self; 4]) -> [Self; 2] {
        of_two_padded(&padded_node(one, two), &padded_node(three, four))
    }
}

fn padded_node(left: &Hash, right: &Hash) -> [u8; 2 * BLOCK] {
    const LENGTH: usize = 1 + 2 * BYTES;
    let mut bytes = [NODE; 2 * BLOCK];
    bytes[1..=BYTES].copy_from_slice(&left.0);
    bytes[1 + BYTES..LENGTH].copy_from_slice(&right.0);
    padded::<LENGTH, { 2 * BLOCK }>(bytes)
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// What a leaf holds, in a buffer that is used again for the next.
#[derive(Debug, Clone)]
pub struct LeafData(Vec<u8>);

impl Default for LeafData {
    fn default() -> Self {
        Self(vec![LEAF])
    }
}

impl LeafData {
    /// Forgets what it holds, and gives the buffer to which the next leaf's data is added.
    pub fn begin(&mut self) -> &mut Vec<u8> {
        self.0.truncate(1);
        &mut self.0
    }

    /// The hash of the leaf with this data.
    pub fn hash(&mut self) -> Hash {
        let length = self.pad();
        let hash = of_padded(&self.0);
        self.0.truncate(length);
        hash
    }

    /// The hashes of the leaves with this data and with another's, in little more than the time of one.
    pub fn hash_beside(&mut self, other: &mut Self) -> [Hash; 2] {
        let lengths = [self.pad(), other.pad()];
        let hashes = of_two_padded(&self.0, &other.0);
        self.0.truncate(lengths[0]);
        other.0.truncate(lengths[1]);
        hashes
    }

    /// Adds what stands behind a message; how long that is without it.
    fn pad(&mut self) -> usize {
        let length = self.0.len();
        let bits = (length as u64 * 8).to_be_bytes();
        self.0.push(BEHIND);
        self.0.resize((length + 1 + bits.len()).next_multiple_of(BLOCK) - bits.len(), 0);
        self.0.extend_from_slice(&bits);
        length
    }
}

/// Why a text is not a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 hexadecimal digits in lower case")]
pub struct NotAHash;

impl FromStr for Hash {
    type Err = NotAHash;

    /// Reads what `Display` writes, and no other spelling.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; BYTES];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAHash)?;
        let hash = Self(bytes);
        (hash.to_string() == text).then_some(hash).ok_or(NotAHash)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_and_nodes_are_hashed_as_rfc_6962_says() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Hash::of(b"").to_string(), empty);
        let leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(Hash::leaf(b"").to_string(), leaf);
        let pair = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
        assert_eq!(Hash::node(&Hash::leaf(b""), &Hash::leaf(&[0])).to_string(), pair);
    }

    #[test]
    fn buffer_gives_the_hash_of_each_leaf() {
        let mut leaf = LeafData::default();
        for length in (0..300).rev() {
            let data: Vec<u8> = (0..length).map(|byte| u8::try_from(byte % 251).unwrap()).collect();
            leaf.begin().extend_from_slice(&data);
            assert_eq!(leaf.hash(), Hash::leaf(&data), "{length} bytes");
            assert_eq!(leaf.hash(), Hash::of(&[[LEAF].as_slice(), &data].concat()), "and again");
        }
        let (mut one, mut other) = (LeafData::default(), LeafData::default());
        for (a, b) in [(0, 0), (0, 400), (400, 0), (54, 55), (300, 310), (63, 64)] {
            one.begin().resize(1 + a, 3);
            other.begin().resize(1 + b, 4);
            let expected = [Hash::leaf(&vec![3; a]), Hash::leaf(&vec![4; b])];
            assert_eq!(one.hash_beside(&mut other), expected, "{a} and {b} bytes");
            assert_eq!([one.hash(), other.hash()], expected, "and again");
        }
        let four = [1, 2, 3, 4].map(|byte| Hash([byte; BYTES]));
        let expected = [Hash::node(&four[0], &four[1]), Hash::node(&four[2], &four[3])];
        assert_eq!(Hash::two_nodes(&four), expected);
        assert_eq!(of_two_short([&[7; 40], &[8; 40]]), [Hash::of(&[7; 40]), Hash::of(&[8; 40])]);
        assert_eq!(of_short(&[7; 40]), Hash::of(&[7; 40]));
        assert_eq!(of_short(&[7; 55]), Hash::of(&[7; 55]));
        assert_eq!(of_two_blocks(&[7; 56]), Hash::of(&[7; 56]));
        assert_eq!(of_two_blocks(&[7; 119]), Hash::of(&[7; 119]));
        let (left, right) = (Hash::of(b"left"), Hash::of(b"right"));
        let node = [[NODE].as_slice(), &left.0, &right.0].concat();
        assert_eq!(Hash::node(&left, &right), Hash::of(&node));
    }

    #[test]
    fn only_the_spelling_that_is_written_is_read() {
        let hash = Hash::of(b"x");
        let text = hash.to_string();
        assert_eq!(text.parse(), Ok(hash));
        assert_eq!(serde_json::from_str::<Hash>(&format!("{text:?}")).unwrap(), hash);
        assert_eq!(serde_json::to_string(&hash).unwrap(), format!("{text:?}"));
        for wrong in [&text[1..], &text.to_uppercase(), &format!("{text}0"), "", "\u{e9}"] {
            assert_eq!(wrong.parse::<Hash>(), Err(NotAHash), "{wrong}");
        }
    }
}
