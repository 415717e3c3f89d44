//! How much of anything the doors take, and what happens beyond it.

use std::time::Duration;

use clicktrail_capture as capture;

/// Every limit of the HTTP doors. The defaults suit a server of a few gigabytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// What an event may be.
    pub capture: capture::Limits,
    /// How many proxies in front add to `X-Forwarded-For`; the client's address is counted from its right. Default 0:
    /// the peer is the client, and the header is not read.
    pub trusted_hops: usize,
    /// A body as sent. Longer: 413, one rejected record. Default 16 MiB.
    pub body_bytes_max: usize,
    /// A body after decompression, which stops there. Longer: 413, one rejected record. Default 16 MiB.
    pub inflated_bytes_max: usize,
    /// Items of one body. More: 413, one rejected record. Default 65,536, which is also what a frame holds.
    pub items_max: usize,
    /// Items of one body of which receipts are wanted: each takes a signature. More: as above. Default 4,096.
    pub receipts_max: usize,
    /// Receipts that are redeemed at a time: each reads from the archive. More: 503. Default 2.
    pub redemptions_max: usize,
    /// How much of what was rejected is kept; the rest is cut off. Default 64 KiB; more than 512 KiB counts as that,
    /// so that a rejected item fits a frame.
    pub original_bytes_max: usize,
    /// All bodies in memory together, and the answers to them. More: 503 for the body that does not fit, or whose
    /// answer would not. Default 256 MiB.
    pub bodies_bytes_max: usize,
    /// How long a body may take to arrive. Longer: 408, one rejected record of what came. Default 30 s.
    pub body_timeout: Duration,
    /// How long a batch, or a proof, may take. Longer: 503; what was read is stored all the same. Default 60 s.
    pub request_timeout: Duration,
    /// How long a click or a pixel may take. Longer: 503; it is stored all the same if the log takes it. Default 10 s.
    pub click_timeout: Duration,
    /// How long a request's head may take, and how long a connection may idle. Longer: it is closed. Default 30 s.
    pub header_timeout: Duration,
    /// How long the client may take to read 64 KiB of an answer, or its last. Longer: the connection is cut, and what
    /// was stored stays. Default 30 s.
    pub write_timeout: Duration,
    /// Open connections. More wait in the listener's backlog. Default 10,000.
    pub connections_max: usize,
    /// How long shutting down waits for open requests. Longer: they are cut. Default 30 s.
    pub drain_timeout: Duration,
}

/// See [`Limits::original_bytes_max`].
const ORIGINAL_BYTES_MAX: usize = 512 << 10;

impl Limits {
    /// The same where receipts are wanted of each item.
    pub(super) fn with_receipts(&self) -> Self {
        Self { items_max: self.items_max.min(self.receipts_max), ..self.clone() }
    }

    /// How much of what was rejected is kept.
    pub(super) fn original<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[..bytes.len().min(self.original_bytes_max).min(ORIGINAL_BYTES_MAX)]
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            capture: capture::Limits::default(),
            trusted_hops: 0,
            body_bytes_max: 16 << 20,
            inflated_bytes_max: 16 << 20,
            items_max: 65_536,
            receipts_max: 4_096,
            redemptions_max: 2,
            original_bytes_max: 64 << 10,
            bodies_bytes_max: 256 << 20,
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(60),
            click_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            connections_max: 10_000,
            drain_timeout: Duration::from_secs(30),
        }
    }
}
