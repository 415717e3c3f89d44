//! What tells an event from every other: its kind, its advertiser, its ad and its id.
//!
//! An id alone does not: two senders that both number their events 1, 2, 3 have nothing to do with each other, and
//! nobody may touch another's event by guessing its id (I13). So all four go into one digest, each with its length in
//! front: `("a", "bc")` and `("ab", "c")` differ. It is SHA-256, cut to 128 bits, because ids come from strangers, and
//! for a faster hash with no secret they could make two texts that collide.

use sha2::{Digest as _, Sha256};

use crate::event::Kind;

/// An event as its sender names it. Two events with one identity are the same event, sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(u128);

impl Identity {
    /// Of an event.
    pub fn of(kind: Kind, advertiser_id: &str, ad_id: &str, event_id: &str) -> Self {
        Self::framed(code(kind), &[advertiser_id, ad_id, event_id])
    }

    /// Of a click of an advertiser, on whichever of its ads: what a conversion names by `click_event_id`.
    pub fn of_click(advertiser_id: &str, click_id: &str) -> Self {
        Self::framed(CLICK_ON_ANY_AD, &[advertiser_id, click_id])
    }

    fn framed(first: u8, texts: &[&str]) -> Self {
        let digest: [u8; 32] = match short(first, texts) {
            Some((bytes, length)) => Sha256::digest(&bytes[..length]).into(),
            None => {
                let mut hasher = Sha256::new();
                hasher.update([first]);
                for text in texts {
                    hasher.update((text.len() as u64).to_le_bytes());
                    hasher.update(text);
                }
                hasher.finalize().into()
            }
        };
        let (half, _) = digest.split_first_chunk().expect("a digest is longer");
        Self(u128::from_le_bytes(*half))
    }

    /// The digest itself.
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

/// What fits here is put together first and hashed with one call, because seven small ones cost as much as the hash.
const SHORT_BYTES: usize = 192;

/// The bytes of an identity and how many they are; `None` if they are more.
fn short(first: u8, texts: &[&str]) -> Option<([u8; SHORT_BYTES], usize)> {
    let mut bytes = [0; SHORT_BYTES];
    bytes[0] = first;
    let mut end = 1;
    for text in texts {
        let begin = end + size_of::<u64>();
        let all = begin.checked_add(text.len()).filter(|all| *all <= SHORT_BYTES)?;
        bytes[end..begin].copy_from_slice(&(text.len() as u64).to_le_bytes());
        bytes[begin..all].copy_from_slice(text.as_bytes());
        end = all;
    }
    Some((bytes, end))
}

/// In front of the texts that are no event's.
const CLICK_ON_ANY_AD: u8 = 0x80;

const fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Click => 1,
        Kind::Impression => 2,
        Kind::Conversion => 3,
        Kind::Probe => 4,
        Kind::Prefetch => 5,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_ways_to_divide_the_same_text_are_one_identity() {
        let mut seen = HashSet::new();
        let text = "abcd";
        for kind in Kind::ALL {
            for (ad, id) in (0..=4).flat_map(|ad| (ad..=4).map(move |id| (ad, id))) {
                assert!(seen.insert(Identity::of(kind, &text[..ad], &text[ad..id], &text[id..])), "{kind} {ad} {id}");
            }
        }
        for id in 0..=4 {
            assert!(seen.insert(Identity::of_click(&text[..id], &text[id..])), "{id}");
        }
    }

    #[test]
    fn identity_is_the_same_for_ever() {
        let identity = Identity::of(Kind::Click, "acme", "spring", "c-1");
        let by_hand = [&[1_u8][..], &[4, 0, 0, 0, 0, 0, 0, 0], b"acme", &[6, 0, 0, 0, 0, 0, 0, 0], b"spring"].concat();
        let by_hand = [&by_hand[..], &[3, 0, 0, 0, 0, 0, 0, 0], b"c-1"].concat();
        let digest = crate::frame::Digest::of(&by_hand);
        assert_eq!(identity.as_u128().to_le_bytes(), digest.0[..16]);
    }

    #[test]
    fn identity_is_of_the_same_bytes_however_long_they_are() {
        let long = "x".repeat(300);
        for length in (0..300).step_by(7).chain(150..200) {
            let id = &long[..length];
            let identity = Identity::of(Kind::Impression, "acme", "spring", id);
            let by_hand = [&[2_u8][..], &4_u64.to_le_bytes(), b"acme", &6_u64.to_le_bytes(), b"spring"].concat();
            let by_hand = [&by_hand[..], &(length as u64).to_le_bytes(), id.as_bytes()].concat();
            assert_eq!(identity.as_u128().to_le_bytes(), crate::frame::Digest::of(&by_hand).0[..16], "{length}");
        }
    }
}
