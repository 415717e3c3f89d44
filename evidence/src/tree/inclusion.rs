//! That a leaf is in a tree: the audit path of RFC 6962, from the leaf up.

use super::{invalid::Invalid, node::Node, subtree::Subtree};

/// The subtrees whose nodes prove that leaf `index` is in a tree of `size` leaves, from the leaf up; `None` if no such
/// tree has it.
pub fn path(index: u64, size: u64) -> Option<Vec<Subtree>> {
    if index >= size {
        return None;
    }
    let (mut at, mut path) = (Subtree::whole(size)?, Vec::new());
    while let Some((left, right)) = at.halves() {
        let (inside, beside) = if index < right.start { (left, right) } else { (right, left) };
        path.push(beside);
        at = inside;
    }
    path.reverse();
    Some(path)
}

/// Checks that `leaf` is leaf `index` of the tree of `size` leaves under `root`.
///
/// # Errors
/// Why it is not proved.
pub fn verify<N: Node>(leaf: N, index: u64, size: u64, proof: &[N], root: &N) -> Result<(), Invalid> {
    let path = path(index, size).ok_or(Invalid::Question)?;
    if path.len() != proof.len() {
        return Err(Invalid::Length);
    }
    let mut node = leaf;
    for (beside, other) in path.iter().zip(proof) {
        let joined = if index < beside.start { N::join(&node, other) } else { N::join(other, &node) };
        node = joined.ok_or(Invalid::Sum)?;
    }
    if node == *root { Ok(()) } else { Err(Invalid::Root) }
}
