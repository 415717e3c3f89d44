//! Names for requests, so that a client's complaint finds its log lines.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderName, HeaderValue};

/// The header that carries the id in every answer.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Gives ids that differ within a process and, as good as surely, between processes.
#[derive(Debug)]
pub(super) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

/// An id: `<process>-<number>`, hexadecimal.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

impl RequestIds {
    /// `process` is another number in every process.
    pub(super) fn new(process: u64) -> Self {
        Self { process, next: AtomicU64::new(1) }
    }

    pub(super) fn next(&self) -> RequestId {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        RequestId(format!("{:016x}-{number:x}", self.process))
    }
}

impl RequestId {
    pub(super) fn header_value(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("hexadecimal digits and a dash are header text")
    }
}
