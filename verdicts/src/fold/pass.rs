//! One pass of all detectors over the rows of a batch, on two threads where that pays.

#![expect(clippy::disallowed_methods, reason = "a batch is shared out between threads, which changes no finding")]

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use clicktrail_log::invariant;

use crate::detector::{
    hits::{Hit, Hits},
    state::State,
    view::View,
};

/// Lets every detector see the rows. From `rows_for_threads` rows on two threads share the work: whichever is free
/// takes the next detector, and those with the most work come first.
pub(super) fn pass(
    states: &mut [Box<dyn State>],
    view: &View<'_>,
    are_wanted: bool,
    rows_for_threads: usize,
) -> Vec<Hit> {
    let run = |state: &mut Box<dyn State>, hits: &mut Hits| state.pass(view, hits);
    let mut here = Hits { are_wanted, found: Vec::new() };
    if view.rows.len() < rows_for_threads {
        states.iter_mut().for_each(|state| run(state, &mut here));
        return here.found;
    }
    let (detectors, passed) = (states.len(), AtomicUsize::new(0));
    let queue = Mutex::new(states.iter_mut());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = |hits: &mut Hits| {
        while let Some(state) = next() {
            run(state, hits);
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
    invariant!(I5, passed == detectors, "{passed} of {detectors} detectors saw the rows");
    here.found.extend(there);
    here.found
}
