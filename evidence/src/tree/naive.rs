//! The definitions of RFC 6962, section 2.1, word for word: what the rest of this room is compared with.

use super::Node;

/// The largest power of two below `n`.
fn split(n: usize) -> usize {
    (1..n).rev().find(|k| k.is_power_of_two()).unwrap()
}

/// `MTH(D[n])`, over leaves that are hashed.
pub(crate) fn root<N: Node>(leaves: &[N]) -> N {
    match leaves {
        [] => N::empty(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            N::join(&root(left), &root(right)).unwrap()
        }
    }
}

/// `PATH(m, D[n])`.
pub(crate) fn path<N: Node>(m: usize, leaves: &[N]) -> Vec<N> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, other) = if m < k { (path(m, left), root(right)) } else { (path(m - k, right), root(left)) };
    path.push(other);
    path
}

/// `PROOF(m, D[n])`.
pub(crate) fn proof<N: Node>(m: usize, leaves: &[N]) -> Vec<N> {
    subproof(m, leaves, true)
}

fn subproof<N: Node>(m: usize, leaves: &[N], is_known: bool) -> Vec<N> {
    if m == leaves.len() {
        return if is_known { Vec::new() } else { vec![root(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, other) =
        if m <= k { (subproof(m, left, is_known), root(right)) } else { (subproof(m - k, right, false), root(left)) };
    proof.push(other);
    proof
}
