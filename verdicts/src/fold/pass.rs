//! One pass of some detectors over the rows of a batch, on two threads where that pays.

#![expect(clippy::disallowed_methods, reason = "a batch is shared out between threads, which changes no finding")]

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use clicktrail_log::invariant;

use crate::detector::hits::{Hit, Hits};

/// Runs every detector, on two threads if `is_shared`: whichever is free takes the next detector, and those with the
/// most work come first.
pub(super) fn pass<D: Send>(
    detectors: &mut [D],
    are_wanted: bool,
    is_shared: bool,
    run: impl Fn(&mut D, &mut Hits) + Sync,
) -> Vec<Hit> {
    let mut here = Hits { are_wanted, found: Vec::new() };
    if !is_shared || detectors.len() < 2 {
        detectors.iter_mut().for_each(|detector| run(detector, &mut here));
        return here.found;
    }
    let (all, passed) = (detectors.len(), AtomicUsize::new(0));
    let queue = Mutex::new(detectors.iter_mut());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = |hits: &mut Hits| {
        while let Some(detector) = next() {
            run(detector, hits);
            passed.fetch_add(1, Ordering::Relaxed);
        }
    };
    let there = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut hits = Hits { are_wanted, found: Vec::new() };
            work(&mut hits);
            hits.found
        });
        work(&mut here);
        other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let passed = passed.into_inner();
    invariant!(I5, passed == all, "{passed} of {all} detectors saw the rows");
    here.found.extend(there);
    here.found
}
