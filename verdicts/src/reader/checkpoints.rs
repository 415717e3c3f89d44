//! The writers' chains at places of the log where readers stand, so that going on costs no second reading of headers.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use clicktrail_log::{chain::Chain, invariant, position::Seq};

/// How many places are remembered. Beyond the limit the first in the log is forgotten, and whoever stands there has the
/// headers since the last sealed hour read again.
const CHECKPOINTS_MAX: usize = 8;

const _: () = assert!(CHECKPOINTS_MAX > 0, "the reader that came last goes on from its checkpoint");

/// The chains before some frames.
#[derive(Debug, Default)]
pub(super) struct Checkpoints(Mutex<BTreeMap<Seq, Chain>>);

impl Checkpoints {
    /// The last checkpoint at frame `seq` or before it.
    pub(super) fn last_until(&self, seq: Seq) -> Option<(Seq, Chain)> {
        let checkpoints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        checkpoints.range(..=seq).next_back().map(|(seq, chain)| (*seq, chain.clone()))
    }

    /// Remembers the chains before frame `next`.
    pub(super) fn add(&self, next: Seq, chain: Chain) {
        let mut checkpoints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        checkpoints.insert(next, chain);
        while checkpoints.len() > CHECKPOINTS_MAX {
            checkpoints.pop_first();
        }
        invariant!(I14, checkpoints.len() <= CHECKPOINTS_MAX, "{} checkpoints are kept", checkpoints.len());
    }
}
