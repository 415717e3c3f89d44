//! What happened, line by line, and what should not have: two runs of one seed must write the same.

use std::{
    sync::{Mutex, PoisonError},
    thread::{self, ThreadId},
};

use tokio::time::Instant;

/// The journal of one run.
#[derive(Debug)]
pub(super) struct Journal {
    /// When the run began, in the runtime's own time.
    begun: Instant,
    /// The thread of the run.
    thread: ThreadId,
    lines: Mutex<Vec<String>>,
    errors: Mutex<Vec<String>>,
    broken: Mutex<Option<String>>,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            thread: thread::current().id(),
            lines: Mutex::default(),
            errors: Mutex::default(),
            broken: Mutex::default(),
        }
    }

    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// Whether the caller runs on the thread of the run, where everything has its order.
    pub(super) fn is_on_its_thread(&self) -> bool {
        thread::current().id() == self.thread
    }

    /// Milliseconds since the run began.
    pub(super) fn millis(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap()
    }

    pub(super) fn note(&self, line: &str) {
        let line = format!("{:>7} {line}", self.millis());
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// A line that a process wrote for a person to act on.
    pub(super) fn error(&self, line: &str) {
        self.note(&format!("ERROR {line}"));
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
    }

    pub(super) fn errors(&self) -> Vec<String> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something that must hold does not: the first such thing is what the run ends with.
    pub(super) fn broken(&self, what: String) {
        self.note(&format!("BROKEN {what}"));
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
    }

    pub(super) fn is_broken(&self) -> Option<String> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
