//! The body of an answer that counts as memory of the server until it was taken: an answer may be a hundred times as
//! long as its request, and nobody need read it.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::budget::Claim;

/// Bytes that are handed to the connection at a time. It takes the next ones only once few wait to be written.
const STEP_BYTES: usize = 16 << 10;

/// Bytes, and what is claimed for them.
#[derive(Debug)]
struct Held {
    bytes: Bytes,
    _claim: Claim,
}

/// A body of `bytes` that gives `claim` back when it was written, or its connection is gone.
pub(crate) fn body(bytes: impl Into<Bytes>, claim: Claim) -> Body {
    Body::new(Held { bytes: bytes.into(), _claim: claim })
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let step = self.bytes.len().min(STEP_BYTES);
        let next = self.bytes.split_to(step);
        Poll::Ready((step > 0).then(|| Ok(Frame::data(next))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.bytes.len()).expect("a length fits 64 bits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    #[tokio::test]
    async fn whole_body_arrives_and_its_claim_ends_with_it() {
        let budget = Budget::new(100);
        let mut claim = budget.claim();
        assert!(claim.grow(100));
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let body = body(bytes.clone(), claim);
        assert!(!budget.claim().grow(1), "nothing is free while it waits");
        assert_eq!(axum::body::to_bytes(body, usize::MAX).await.unwrap(), bytes);
        assert!(budget.claim().grow(100));
    }
}
