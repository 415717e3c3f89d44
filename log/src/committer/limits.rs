//! How much may wait for a frame, how much goes into one, and how often one is sent.

use std::time::Duration;

use tokio::sync::Semaphore;

use crate::frame;

/// Rows that may wait for a frame, over all requests: about a second of heavy traffic. Beyond it a commit is refused
/// as busy.
pub(super) const QUEUED_ROWS_MAX: usize = 4 * frame::ROWS_MAX;
/// Arrow bytes that may wait for a frame, over all requests, in KiB. Beyond it a commit is refused as busy.
pub(super) const QUEUED_KIB_MAX: usize = 256 << 10;
/// Requests that may wait for a frame. Beyond it a commit is refused as busy.
pub(super) const QUEUED_REQUESTS_MAX: usize = 8_192;
/// Arrow bytes gathered for one frame. Events compress to half of that or less; a batch that does not is halved until
/// its frames fit.
pub(super) const FRAME_ARROW_BYTES: usize = 7 << 18;
/// Requests whose rows share a frame.
pub(super) const FRAME_REQUESTS_MAX: usize = 4_096;
/// Up to so many rows are compressed on the committer's own thread; more are moved to another.
pub(super) const INLINE_ROWS_MAX: usize = 256;
/// Pauses between attempts to store the same frame. After the last of them its pause is repeated for ever.
pub(super) const RETRY_PAUSES: [Duration; 5] = [
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

const _: () = assert!(QUEUED_ROWS_MAX >= frame::ROWS_MAX, "a full queue fills a frame");
const _: () = assert!(
    QUEUED_ROWS_MAX <= Semaphore::MAX_PERMITS && QUEUED_ROWS_MAX <= u32::MAX as usize,
    "each row of a full queue has a permit"
);
const _: () = assert!(QUEUED_KIB_MAX << 10 > FRAME_ARROW_BYTES, "a full queue fills a frame with wide rows too");
const _: () = assert!(QUEUED_KIB_MAX <= Semaphore::MAX_PERMITS && QUEUED_KIB_MAX <= u32::MAX as usize, "each has one");
const _: () = assert!(QUEUED_REQUESTS_MAX >= FRAME_REQUESTS_MAX, "a full queue fills a frame with small requests too");
const _: () =
    assert!(FRAME_REQUESTS_MAX <= frame::ROWS_MAX, "requests of one row each reach their limit before rows do");
const _: () = assert!(FRAME_ARROW_BYTES > frame::PAYLOAD_BYTES_MAX, "what is gathered for a frame can fill it");
const _: () = assert!(FRAME_ARROW_BYTES / 2 <= frame::PAYLOAD_BYTES_MAX, "what compresses to half fits one frame");
const _: () = assert!(INLINE_ROWS_MAX < frame::ROWS_MAX, "a full frame is compressed on another thread");
const _: () = assert!(ascend(&RETRY_PAUSES), "a log that stays away is asked less and less often");

const fn ascend(pauses: &[Duration]) -> bool {
    let mut at = 1;
    while at < pauses.len() {
        if pauses[at - 1].as_nanos() >= pauses[at].as_nanos() {
            return false;
        }
        at += 1;
    }
    true
}
