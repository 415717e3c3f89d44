//! Step 4, for documents that name the head of the log of logs on which they stand: the log went on from there. If it
//! was forked since, or begun anew, no proof leads from one head to the other.

use std::collections::BTreeSet;

use super::{
    basis::{Basis, StandsOn},
    dossier::Dossier,
    failure::Failure,
    opened::Opened,
    signed::SignedHead,
};
use crate::{bundle::names, hash, hash::Hash, tree};

/// Checks every head that a basis names; how many there are.
pub(super) fn check(opened: &Opened<'_>, head: &SignedHead, dossier: &Dossier) -> Result<usize, Failure> {
    let heads: BTreeSet<&StandsOn> = dossier.bases.values().filter_map(Basis::stands_on).collect();
    let now = &head.checkpoint;
    for then in &heads {
        let place = names::consistency(then.size);
        if then.origin != now.origin {
            let reason = format!("a document stands on the log {:?}, and {:?} was signed", then.origin, now.origin);
            return Err(Failure::integrity(place, reason));
        }
        if then.size > now.size {
            let reason =
                format!("a document stands on {} entries, and the head that was signed has {}", then.size, now.size);
            return Err(Failure::incomplete(place, reason));
        }
        // Of the head itself there is nothing to prove: both roots are there.
        let bytes = if then.size == now.size { Vec::new() } else { opened.bytes(&place)? };
        let (hashes, rest) = bytes.as_chunks::<{ hash::BYTES }>();
        let proof: Vec<Hash> = hashes.iter().copied().map(Hash).collect();
        let proved = tree::consistency::verify(then.size, &then.root, now.size, &now.root, &proof);
        if !rest.is_empty() || proved.is_err() {
            let reason = format!("the log was forked: its head is not that of {} entries, gone on", then.size);
            return Err(Failure::integrity(place, reason));
        }
    }
    Ok(heads.len())
}
