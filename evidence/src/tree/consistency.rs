//! That a tree is the beginning of a later one: the consistency proof of RFC 6962.

use super::{invalid::Invalid, node::Node, subtree::Subtree};

/// The subtrees whose nodes prove that the tree of `old` leaves is the beginning of that of `new`; `None` if it cannot
/// be because it is larger. Nothing has to be shown for a tree without leaves, or for one of the same size.
pub fn path(old: u64, new: u64) -> Option<Vec<Subtree>> {
    if old > new {
        return None;
    }
    if old == 0 || old == new {
        return Some(Vec::new());
    }
    let (last, mut beside) = way(old, new)?;
    // If that subtree is the old tree, whoever checks has its root.
    if last.start > 0 {
        beside.push(last);
    }
    beside.reverse();
    Some(beside)
}

/// The subtree that ends where the old tree ended, and those beside the way to it, from the root down.
fn way(old: u64, new: u64) -> Option<(Subtree, Vec<Subtree>)> {
    let (mut at, mut path) = (Subtree::whole(new)?, Vec::new());
    while at.end != old {
        let (left, right) = at.halves()?;
        let (inside, beside) = if old <= right.start { (left, right) } else { (right, left) };
        path.push(beside);
        at = inside;
    }
    Some((at, path))
}

/// Checks that the tree of `old` leaves under `old_root` is the beginning of that of `new` leaves under `new_root`.
///
/// # Errors
/// Why it is not proved.
pub fn verify<N: Node>(old: u64, old_root: &N, new: u64, new_root: &N, proof: &[N]) -> Result<(), Invalid> {
    let path = path(old, new).ok_or(Invalid::Question)?;
    if path.len() != proof.len() {
        return Err(Invalid::Length);
    }
    if old == 0 {
        return if *old_root == N::empty() { Ok(()) } else { Err(Invalid::Root) };
    }
    if old == new {
        return if old_root == new_root { Ok(()) } else { Err(Invalid::Root) };
    }
    let mut steps = path.iter().zip(proof);
    let (last, _) = way(old, new).ok_or(Invalid::Question)?;
    let first = if last.start > 0 { *steps.next().ok_or(Invalid::Length)?.1 } else { *old_root };
    let (mut of_old, mut of_new) = (first, first);
    for (beside, node) in steps {
        if beside.start >= old {
            of_new = N::join(&of_new, node).ok_or(Invalid::Sum)?;
        } else {
            of_old = N::join(node, &of_old).ok_or(Invalid::Sum)?;
            of_new = N::join(node, &of_new).ok_or(Invalid::Sum)?;
        }
    }
    if of_old == *old_root && of_new == *new_root { Ok(()) } else { Err(Invalid::Root) }
}
