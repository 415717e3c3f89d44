//! Stores the frames of a group, then answers its requests.

#![expect(clippy::disallowed_methods, reason = "a log that is away is asked again after a pause")]

use std::collections::VecDeque;

use tracing::{error, warn};

use crate::{
    committer::{
        group::Group,
        limits::RETRY_PAUSES,
        outcome::{Committed, Error, Place, Span, take},
        pulse::Pulse,
        sink::{Sink, Stored},
    },
    frame::Frame,
    invariant, log,
    position::Position,
};

/// A frame was refused for good: its writer must stop, because its next frame would name one that is not in the log.
pub(super) struct Refused;

/// Stores the frames of a group in order. Its requests are answered when the last frame is durable, or all of them
/// with an error when one frame is refused.
pub(super) async fn store(sink: &dyn Sink, mut group: Group, pulse: &Pulse) -> Result<(), Refused> {
    let mut spans = VecDeque::new();
    let wants_places = group.requests.iter().any(|request| request.wants_places);
    while let Some(frame) = group.frames.pop_front() {
        pulse.leave();
        let stored = store_frame(sink, &frame).await;
        pulse.arrive();
        match stored {
            Ok(stored) => {
                let first = match stored {
                    Stored::Logged(seq) => Some(Position::new(sink.epoch(), seq, 0)),
                    Stored::Spooled => None,
                };
                let place = wants_places.then(|| Place::first_of(&frame.header));
                spans.push_back(Span { first, rows: frame.header.rows, place });
            }
            Err(cause) => {
                error!(frame = frame.header.message_id(), %cause, "a frame cannot be stored; its writer stops");
                for request in group.requests {
                    let _ = request.reply.send(Err(Error::Unavailable(cause.to_string())));
                }
                return Err(Refused);
            }
        }
    }
    let mut answers = Vec::with_capacity(group.requests.len());
    for request in group.requests {
        let rows = u32::try_from(request.batch.num_rows()).expect("a request has no more rows than its frames");
        answers.push((request, Committed { spans: take(&mut spans, rows) }));
    }
    invariant!(I2, spans.is_empty(), "{} stretches of stored rows belong to no request", spans.len());
    for (request, committed) in answers {
        let _ = request.reply.send(Ok(committed));
    }
    Ok(())
}

/// Stores one frame. While the outcome is unknown the same frame is sent again: the next one names its digest, so it
/// may neither be left out nor be replaced.
async fn store_frame(sink: &dyn Sink, frame: &Frame) -> Result<Stored, log::Error> {
    let mut attempt = 0;
    loop {
        match sink.store(frame).await {
            Ok(stored) => return Ok(stored),
            Err(cause) if cause.is_transient() => {
                let pause = RETRY_PAUSES[attempt.min(RETRY_PAUSES.len() - 1)];
                attempt += 1;
                warn!(frame = frame.header.message_id(), attempt, %cause, "frame is sent again");
                tokio::time::sleep(pause).await;
            }
            Err(cause) => return Err(cause),
        }
    }
}
