#![expect(clippy::cast_possible_truncation, reason = "trees of tests are small")]

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    hash::Hash,
    tree::{Invalid, naive},
};

const HOUR: &str = "2026-03-01T10";

fn key(advertiser: usize) -> Key {
    Key::new(HOUR, &format!("adv-{advertiser}"))
}

/// Parts of an hour: how many rows each advertiser has in each, in the order of the part.
fn advertisers(parts: &[Vec<(usize, u64)>]) -> Advertisers {
    let mut all = Advertisers::default();
    for part in parts {
        all.add_part(part.iter().map(|(advertiser, rows)| (key(*advertiser), *rows))).unwrap();
    }
    all
}

#[test]
fn leaves_and_nodes_are_hashed_as_described() {
    let all = advertisers(&[vec![(1, 3), (2, 2)], vec![(2, 4)]]);
    let number = |number: u64| number.to_be_bytes().to_vec();
    let key = |advertiser: usize| {
        Hash::of(format!("clicktrail advertiser 1\0{HOUR}\0adv-{advertiser}").as_bytes()).0.to_vec()
    };
    let leaf = |advertiser: usize, rows: u64, runs: &[(u64, u64)]| {
        let rest: Vec<u8> = runs.iter().flat_map(|(first, count)| [number(*first), number(*count)].concat()).collect();
        let data = [vec![2], key(advertiser), number(rows), Hash::of(&rest).0.to_vec()].concat();
        (key(advertiser), rows, Hash::of(&data).0.to_vec())
    };
    let mut leaves = [leaf(1, 3, &[(0, 3)]), leaf(2, 6, &[(3, 2), (5, 4)])];
    leaves.sort_unstable();
    let [one, two] = &leaves;
    let node = [vec![3], number(one.1), one.2.clone(), number(two.1), two.2.clone()].concat();
    assert_eq!(all.root(), Summed { rows: 9, hash: Hash::of(&node) });
    assert_eq!(Advertisers::default().root(), Summed { rows: 0, hash: Hash::of(b"") });
}

#[test]
fn rows_of_an_advertiser_stand_together_in_a_part() {
    let mut all = advertisers(&[vec![(1, 1)]]);
    assert_eq!(all.add_part([(key(1), 2), (key(2), 1), (key(1), 1)]), Err(Error::Scattered(4)));
}

#[test]
fn claims_that_are_no_rows_of_the_hour_are_refused() {
    let rows = |runs: &[(u64, u64)]| {
        let runs = runs.iter().map(|(first, count)| Run { first: *first, count: *count }).collect();
        Claim { key: key(1), runs }.rows(10)
    };
    assert_eq!(rows(&[(0, 4), (4, 1), (8, 2)]), Some(7));
    let refused: [&[(u64, u64)]; 6] =
        [&[], &[(0, 0)], &[(8, 3)], &[(4, 2), (5, 1)], &[(5, 1), (4, 1)], &[(u64::MAX, 2)]];
    for runs in refused {
        assert_eq!(rows(runs), None, "{runs:?}");
    }
}

fn parts() -> impl Strategy<Value = Vec<Vec<(usize, u64)>>> {
    let part = prop::collection::btree_map(0..40_usize, 1..50_u64, 0..20);
    vec(part.prop_map(|part| part.into_iter().collect()), 0..4)
}

proptest! {
    #[test]
    fn each_advertiser_is_proved_to_be_there_or_not_to_be(parts in parts(), asked in 0..60_usize) {
        let all = advertisers(&parts);
        let (count, root, rows) = (all.count(), all.root(), all.rows());
        let leaves: Vec<Summed> = all.claims()
            .map(|claim| Summed::leaf(&claim.key, claim.rows(rows).unwrap(), &claim.rest()))
            .collect();
        prop_assert_eq!(root, naive::root(&leaves));
        let of_asked = parts.iter().flatten().filter(|(advertiser, _)| *advertiser == asked);
        let expected: u64 = of_asked.map(|(_, rows)| rows).sum();
        let proof = all.prover().prove(&key(asked));
        prop_assert_eq!(proof.verify(key(asked), count, &root, rows), Ok(expected));
        prop_assert_eq!(proof.runs().iter().map(|run| run.count).sum::<u64>(), expected);
        // It proves nothing of another advertiser, another hour's rows, or another number of advertisers.
        prop_assert_eq!(proof.verify(key(asked), count, &root, rows + 1), Err(Unproved::Rows(rows, rows + 1)));
        let other = Summed { hash: Hash::of(b"other"), ..root };
        prop_assert!(proof.verify(key(asked), count, &other, rows).is_err());
        if let Proof::Present(present) = &proof {
            prop_assert!(proof.verify(key(asked + 1), count, &root, rows).is_err());
            let shorter = Presence { runs: present.runs[1..].to_vec(), ..present.clone() };
            prop_assert!(shorter.verify(key(asked), count, &root, rows).is_err());
        }
    }

    #[test]
    fn nobody_who_is_there_is_proved_absent(parts in parts(), hidden: prop::sample::Index, index in 0..40_usize) {
        let all = advertisers(&parts);
        prop_assume!(all.count() > 0);
        let hidden = all.claims().nth(hidden.index(all.count() as usize)).unwrap().key;
        // Every pair of neighbours, each alone, and none.
        let neighbours: Vec<Neighbour> = all.claims()
            .map(|claim| Neighbour { key: claim.key, rows: claim.rows(all.rows()).unwrap(), rest: claim.rest() })
            .collect();
        let leaves: Vec<Summed> = neighbours.iter().map(|it| Summed::leaf(&it.key, it.rows, &it.rest)).collect();
        let index = index % neighbours.len();
        for shown in 0..=2.min(neighbours.len() - index) {
            let range = index as u64..(index + shown) as u64;
            let ranges = if shown == 0 { vec![] } else { vec![range] };
            let path = crate::tree::ranges::path(&ranges, all.count()).unwrap();
            let nodes = path.iter().map(|at| naive::root(&leaves[at.start as usize..at.end as usize])).collect();
            let absence = Absence { index: index as u64, neighbours: neighbours[index..index + shown].to_vec(), nodes };
            prop_assert!(absence.verify(hidden, all.count(), &all.root(), all.rows()).is_err());
        }
    }

    #[test]
    fn list_reads_back_and_damage_is_refused_or_leads_elsewhere(
        parts in parts(),
        at: prop::sample::Index,
        bit in 0..8_u32,
    ) {
        let all = advertisers(&parts);
        let bytes = all.to_bytes();
        let read = |bytes: &[u8]| Advertisers::from_bytes(all.count(), all.rows(), bytes);
        prop_assert_eq!(read(&bytes), Ok(all.clone()));
        prop_assert!(read(&[bytes.as_slice(), &[0]].concat()).is_err());
        if !bytes.is_empty() {
            prop_assert!(read(&bytes[..at.index(bytes.len())]).is_err());
            let mut damaged = bytes.clone();
            damaged[at.index(bytes.len())] ^= 1 << bit;
            prop_assert!(read(&damaged).is_ok_and(|read| read.root() != all.root()) || read(&damaged).is_err());
        }
    }
}

#[test]
fn sums_that_overflow_are_no_proof() {
    let key = key(1);
    let claim = Claim { key, runs: vec![Run { first: 0, count: 5 }] };
    let leaf = Summed::leaf(&key, 5, &claim.rest());
    let presence = Presence { index: 0, runs: claim.runs, path: vec![Summed { rows: u64::MAX, hash: leaf.hash }] };
    let root = Summed { rows: 5, hash: leaf.hash };
    assert_eq!(presence.verify(key, 2, &root, 5), Err(Unproved::Tree(Invalid::Sum)));
}
