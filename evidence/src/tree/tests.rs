#![expect(
    clippy::cast_possible_truncation,
    clippy::single_range_in_vec_init,
    reason = "trees of tests are small; one range is meant as one range"
)]

use std::ops::Range;

use proptest::{collection::vec, prelude::*};

use super::{stored::Growing, *};
use crate::hash::Hash;

/// The leaves, roots and proofs that implementations of Certificate Transparency are tested with.
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const N01: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const N1: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const N47: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const N4: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const N67: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const N45: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";

fn known() -> Vec<Hash> {
    LEAVES.iter().map(|leaf| Hash::leaf(&hex::decode(leaf).unwrap())).collect()
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|leaf| Hash::leaf(&leaf.to_le_bytes())).collect()
}

/// The nodes of a path, from the leaves.
fn nodes(path: &[Subtree], leaves: &[Hash]) -> Vec<Hash> {
    let of = |subtree: &Subtree| naive::root(&leaves[subtree.start as usize..subtree.end as usize]);
    path.iter().map(of).collect()
}

#[test]
fn trees_of_certificate_transparency_have_their_known_roots() {
    let leaves = known();
    let roots: Vec<String> = (1..=8).map(|size| root(leaves[..size].iter().copied()).to_string()).collect();
    assert_eq!(roots, ROOTS);
    assert_eq!(root::<Hash>([]), Hash::of(b""));
}

#[test]
fn audit_paths_of_certificate_transparency_are_made_and_verify() {
    let leaves = known();
    for (index, size, expected) in [
        (0, 1, vec![]),
        (0, 8, vec![N1, N01, N47]),
        (5, 8, vec![N4, N67, ROOTS[3]]),
        (2, 3, vec![ROOTS[1]]),
        (1, 5, vec![ROOTS[0], N01, N4]),
    ] {
        let proof = nodes(&inclusion::path(index, size).unwrap(), &leaves);
        assert_eq!(proof, hashes(&expected), "{index} in {size}");
        let root = ROOTS[size as usize - 1].parse().unwrap();
        assert_eq!(inclusion::verify(leaves[index as usize], index, size, &proof, &root), Ok(()));
    }
}

#[test]
fn consistency_proofs_of_certificate_transparency_are_made_and_verify() {
    let leaves = known();
    for (old, new, expected) in
        [(1, 1, vec![]), (1, 8, vec![N1, N01, N47]), (6, 8, vec![N45, N67, ROOTS[3]]), (2, 5, vec![N01, N4])]
    {
        let proof = nodes(&consistency::path(old, new).unwrap(), &leaves);
        assert_eq!(proof, hashes(&expected), "{old} in {new}");
        let root = |size: u64| ROOTS[size as usize - 1].parse().unwrap();
        assert_eq!(consistency::verify(old, &root(old), new, &root(new), &proof), Ok(()));
    }
}

#[test]
fn every_small_tree_proves_each_leaf_and_each_beginning_as_defined() {
    let all = leaves(66);
    for size in 0..=all.len() {
        let leaves = &all[..size];
        let whole = root(leaves.iter().copied());
        assert_eq!(whole, naive::root(leaves));
        for index in 0..size {
            let proof = nodes(&inclusion::path(index as u64, size as u64).unwrap(), leaves);
            assert_eq!(proof, naive::path(index, leaves), "{index} in {size}");
            let verify = |leaf: Hash, index: u64| inclusion::verify(leaf, index, size as u64, &proof, &whole);
            assert_eq!(verify(leaves[index], index as u64), Ok(()));
            assert_eq!(verify(all[(index + 1) % all.len()], index as u64), Err(Invalid::Root));
            assert!((0..size as u64 + 2).all(|other| verify(leaves[index], other).is_ok() == (other == index as u64)));
        }
        for old in 1..=size {
            let proof = nodes(&consistency::path(old as u64, size as u64).unwrap(), leaves);
            assert_eq!(proof, naive::proof(old, leaves), "{old} in {size}");
            let verify = |old_root: &Hash| consistency::verify(old as u64, old_root, size as u64, &whole, &proof);
            assert_eq!(verify(&naive::root(&leaves[..old])), Ok(()));
            assert_eq!(verify(&Hash::of(b"fork")), Err(Invalid::Root));
        }
    }
}

#[test]
fn nothing_is_proved_of_leaves_that_a_tree_has_not() {
    let hash = Hash::of(b"");
    assert_eq!((inclusion::path(3, 3), inclusion::path(0, 0), consistency::path(4, 3)), (None, None, None));
    assert_eq!(inclusion::verify(hash, 3, 3, &[], &hash), Err(Invalid::Question));
    assert_eq!(consistency::verify(4, &hash, 3, &hash, &[]), Err(Invalid::Question));
    assert_eq!(consistency::verify(0, &hash, 3, &Hash::of(b"any"), &[]), Ok(()), "nothing begins everything");
    assert_eq!(consistency::verify(0, &Hash::of(b"any"), 3, &hash, &[]), Err(Invalid::Root));
    for (ranges, size) in
        [(vec![2..2], 3), (vec![2..4], 3), (vec![1..2, 0..1], 3), (vec![0..2, 1..3], 3), (vec![0..1], 0)]
    {
        assert_eq!(ranges::path(&ranges, size), None, "{ranges:?} of {size}");
        assert_eq!(ranges::verify(&ranges, size, [hash, hash], &[], &hash), Err(Invalid::Question));
    }
    assert_eq!(ranges::verify(&[], 0, [], &[], &hash), Ok(()));
}

#[test]
fn largest_sizes_end_without_a_panic() {
    let (hash, max) = (Hash::of(b""), u64::MAX);
    assert_eq!(inclusion::path(max - 1, max).unwrap().len(), 63);
    assert_eq!(inclusion::verify(hash, max - 1, max, &[], &hash), Err(Invalid::Length));
    assert_eq!(consistency::verify(max - 1, &hash, max, &hash, &[hash; 65]), Err(Invalid::Length));
    assert_eq!(ranges::verify(&[0..max], max, [hash; 3], &[], &hash), Err(Invalid::Length));
    assert_eq!(ranges::verify(&[max - 1..max], max, [hash], &[hash; 64], &hash), Err(Invalid::Length));
    assert_eq!(Nodes::from_bytes(max, &[0; 64]), Err(stored::Unreadable::Length));
}

/// Ascending disjoint ranges below `size`, drawn as gaps and lengths.
fn ranges_of(drawn: &[(u64, u64)], size: u64) -> Vec<Range<u64>> {
    let (mut from, mut found) = (0, Vec::new());
    for (gap, length) in drawn {
        let range = from + gap..(from + gap + length).min(size);
        if range.is_empty() {
            break;
        }
        from = range.end;
        found.push(range);
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn ranges_of_leaves_verify_where_they_stand_and_nowhere_else(
        size in 1..700_u64,
        drawn in vec((0..200_u64, 1..60_u64), 0..12),
        changed: prop::sample::Index,
        shift in 0..3_u64,
    ) {
        let (all, ranges) = (leaves(size as usize), ranges_of(&drawn, size));
        let whole = naive::root(&all);
        let proof = nodes(&ranges::path(&ranges, size).unwrap(), &all);
        let of_range = |range: &Range<u64>| all[range.start as usize..range.end as usize].to_vec();
        let shown: Vec<Hash> = ranges.iter().flat_map(of_range).collect();
        prop_assert_eq!(ranges::verify(&ranges, size, shown.iter().copied(), &proof, &whole), Ok(()));
        if let [only] = ranges.as_slice() && only.end - only.start == 1 {
            let mut path = inclusion::path(only.start, size).unwrap();
            path.sort_unstable();
            prop_assert_eq!(proof.clone(), nodes(&path, &all));
        }
        // One leaf or node changed, dropped or doubled; the same proof of leaves elsewhere, or of another size.
        let count = shown.len() + proof.len();
        prop_assume!(count > 0);
        let at = changed.index(count);
        let edited = |edit: &dyn Fn(&mut Vec<Hash>, usize)| {
            let (mut shown, mut proof) = (shown.clone(), proof.clone());
            if at < shown.len() { edit(&mut shown, at) } else { edit(&mut proof, at - shown.len()) }
            ranges::verify(&ranges, size, shown, &proof, &whole)
        };
        prop_assert_eq!(edited(&|list, at| list[at].0[7] ^= 1), Err(Invalid::Root));
        let dropped = edited(&|list, at| {
            list.remove(at);
        });
        prop_assert!(dropped.is_err());
        prop_assert!(edited(&|list, at| list.insert(at, list[at])).is_err());
        let moved: Vec<_> = ranges.iter().map(|range| range.start + shift..range.end + shift).collect();
        let verified = ranges::verify(&moved, size, shown.iter().copied(), &proof, &whole);
        prop_assert_eq!(verified.is_ok(), shift == 0 || moved.is_empty());
    }

    #[test]
    fn whatever_is_handed_in_is_refused_or_proved_and_nothing_panics(
        (old, new, index) in (any::<u64>(), any::<u64>(), any::<u64>()),
        drawn in vec(any::<(u64, u64)>(), 0..4),
        (shown, proof) in (0..5_usize, 0..70_usize),
    ) {
        let (shown, proof) = (leaves(shown), leaves(proof));
        let hash = Hash::of(b"no tree");
        let ranges: Vec<Range<u64>> = drawn.iter().map(|(start, end)| *start..*end).collect();
        prop_assert!(ranges::verify(&ranges, new, shown, &proof, &hash).is_err());
        prop_assert!(inclusion::verify(hash, index, new, &proof, &hash).is_err() || new == 1);
        let _ = consistency::verify(old, &hash, new, &hash, &proof);
    }

    #[test]
    fn stored_nodes_prove_what_the_leaves_prove_and_ask_only_for_blocks_of_the_question(
        size in 0..2_600_u64,
        drawn in vec((0..900_u64, 1..300_u64), 0..4),
        flipped: prop::sample::Index,
    ) {
        let all = leaves(size as usize);
        let mut growing = Growing::default();
        all.iter().for_each(|leaf| growing.push(*leaf));
        prop_assert_eq!(growing.size(), size);
        let stored = growing.finish();
        prop_assert_eq!(stored.root(), naive::root(&all));
        let ranges = ranges_of(&drawn, size);
        let question = Question::new(&stored, ranges.clone()).unwrap();
        // Of blocks that hold none of the leaves, none is looked at.
        for range in question.wanted() {
            for block in range.start / stored::BLOCK..range.end.div_ceil(stored::BLOCK) {
                let leaves = stored.block(block);
                let is_asked = |range: &Range<u64>| range.start < leaves.end && leaves.start < range.end;
                prop_assert!(ranges.iter().any(is_asked), "block {} has none of {:?}", block, ranges);
            }
        }
        let wanted = question.wanted().iter().flat_map(|range| range.clone().map(|leaf| all[leaf as usize]));
        let answer = question.answer(&stored, &wanted.collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(&answer.nodes, &nodes(&ranges::path(&ranges, size).unwrap(), &all));
        prop_assert_eq!(ranges::verify(&ranges, size, answer.leaves, &answer.nodes, &stored.root()), Ok(()));
        let bytes = stored.to_bytes();
        prop_assert_eq!(bytes.len() as u64, Nodes::bytes_of(size));
        prop_assert_eq!(Nodes::from_bytes(size, &bytes), Ok(stored.clone()));
        if !bytes.is_empty() {
            // A flipped bit is a node that does not fit those below it, or leads to another root.
            let mut damaged = bytes.clone();
            damaged[flipped.index(bytes.len())] ^= 4;
            let read = Nodes::from_bytes(size, &damaged);
            prop_assert!(read.is_err() || read.unwrap().root() != stored.root());
            prop_assert!(Nodes::from_bytes(size, &bytes[1..]).is_err());
        }
    }
}
