//! Reading frames: direct gets of whole batches, checked for holes, with notices that wake readers at the tail.
//!
//! There is no consumer. A direct get is one request and leaves no state on the server: nothing is lost when the server
//! restarts, nothing has to be cleaned up, and nothing waits for ever. For one request the broker sends at most
//! [`PULL_BYTES_MAX`] and one message more, far less than the size at which it would cut off a slow client.

#![expect(
    clippy::disallowed_methods,
    reason = "a reader waits for frames until its deadline, and for the broker no longer than it may be silent"
)]

use std::time::Duration;

use async_nats::{Message, jetstream::ErrorCode};
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    frame::Frame,
    invariant,
    jetstream::{
        config::MESSAGE_BYTES_MAX,
        handle::{JetStreamLog, PULLS_MAX},
        headers,
        link::Refusal,
    },
    log::{Error, Info, Logged, ReadLimit},
    position::Seq,
    time::Timestamp,
};

/// One request brings at most so many bytes, and the message that goes beyond them.
const PULL_BYTES_MAX: usize = 8 << 20;
/// One request brings at most so many frames.
const PULL_FRAMES_MAX: usize = 1024;
/// After so long without the next message of a batch the broker counts as silent.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// How often a waiting reader looks without a notice: one may be lost together with a connection.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How often a frame is asked for again that the leader has and a replica does not have yet.
const REPLICA_TRIES: usize = 100;
/// The pause before each of those.
const REPLICA_PAUSE: Duration = Duration::from_millis(20);
/// At so many bytes the broker cuts off a client that does not keep up.
const SLOW_CLIENT_BYTES: usize = 64 << 20;

const _: () = assert!(
    PULLS_MAX * (PULL_BYTES_MAX + MESSAGE_BYTES_MAX as usize) < SLOW_CLIENT_BYTES,
    "no readers of one handle together are cut off"
);
const _: () = assert!(PULL_BYTES_MAX >= MESSAGE_BYTES_MAX as usize, "one request brings the largest frame");

/// One message of a batch, not yet parsed.
#[derive(Debug)]
struct Raw {
    seq: Seq,
    message: Message,
}

/// What a batch says about the frame that was asked for.
#[derive(Debug)]
enum Taken {
    /// It and some after it.
    Frames(Vec<Logged>),
    /// It is there, but is not a frame.
    Corrupt(String),
    /// It is not there. The next one that is, if any.
    Missing(Option<Seq>),
}

impl JetStreamLog {
    /// See [`Log::read`](crate::log::Log::read).
    pub(super) async fn read_frames(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        let deadline = Instant::now() + limit.wait;
        let mut heard = self.heard.subscribe();
        let mut tries = 0;
        loop {
            heard.mark_unchanged();
            let found = match take_contiguous(from, self.pull(from, limit).await?, limit) {
                Taken::Frames(frames) => {
                    let last = frames.last().map_or(from, |logged| logged.seq);
                    let whole = last.get() - from.get() + 1 == frames.len() as u64;
                    invariant!(I1, whole, "{} frames from {from} end at {last}", frames.len());
                    self.saw(last);
                    return Ok(frames);
                }
                Taken::Corrupt(reason) => return Err(Error::Corrupt { seq: from, reason }),
                Taken::Missing(found) => found,
            };
            let info = self.range().await?;
            if from < info.first && from <= info.last {
                return Err(Error::Trimmed { from, first: info.first });
            }
            if from > info.last.next() {
                return Err(Error::Gap { expected: info.last.next(), found: None, last: info.last });
            }
            if from <= info.last {
                self.must_exist(from, found, &info).await?;
                tries += 1;
                if tries > REPLICA_TRIES {
                    return Err(Error::Unavailable(format!("frame {from} is on the leader, but no replica sends it")));
                }
                tokio::time::sleep(REPLICA_PAUSE).await;
                continue;
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(Vec::new());
            }
            // Look again, whether a notice came or the time is up.
            let _ = timeout_at(deadline.min(now + POLL_INTERVAL), heard.changed()).await;
        }
    }

    /// One direct get of a batch: the messages from `from` on. The broker leaves out holes without a word.
    async fn pull(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Raw>, Error> {
        let bytes = limit.bytes.clamp(1, PULL_BYTES_MAX);
        let frames = limit.frames.clamp(1, PULL_FRAMES_MAX);
        let body = json!({ "seq": from.get(), "batch": frames, "max_bytes": bytes }).to_string();
        let unavailable = |why: &str| Error::Unavailable(format!("read from the broker: {why}"));
        let work = async {
            let _turn = self.pulls.acquire().await.expect("the semaphore is never closed");
            let client = &self.link.client;
            let inbox = client.new_inbox();
            let mut answers = client.subscribe(inbox.clone()).await.map_err(|error| unavailable(&error.to_string()))?;
            let sent = client.publish_with_reply(format!("$JS.API.DIRECT.GET.{}", self.name), inbox, body.into()).await;
            sent.map_err(|error| unavailable(&error.to_string()))?;
            let mut batch = Vec::new();
            loop {
                let answer =
                    timeout(SILENCE_MAX, answers.next()).await.map_err(|_elapsed| unavailable("it is silent"))?;
                let message = answer.ok_or_else(|| unavailable("the connection was closed"))?;
                match message.status.map(|status| status.as_u16()) {
                    None => batch.push(Raw { seq: sequence_of(&message)?, message }),
                    // 204 ends a batch; 404 means that there is no such message.
                    Some(204 | 404) => return Ok(batch),
                    Some(503) => return Err(unavailable("no server has this stream at the moment")),
                    Some(status) => {
                        let description = message.description.unwrap_or_default();
                        return Err(Error::Fatal(format!("the broker refuses to read: {status} {description}")));
                    }
                }
            }
        };
        self.link.during(work).await.unwrap_or_else(|_lost| Err(unavailable("no connection")))
    }

    /// Asks the leader for a frame that a replica did not send. `Ok` means that the leader has it: the replica is
    /// behind.
    async fn must_exist(&self, expected: Seq, found: Option<Seq>, info: &Info) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct StoredMessage {
            #[serde(rename = "message")]
            _message: serde_json::Value,
        }
        let call = format!("STREAM.MSG.GET.{}", self.name);
        match self.link.api::<StoredMessage>(&call, &json!({ "seq": expected.get() })).await {
            Ok(_) => Ok(()),
            Err(Refusal::Server(error)) if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => {
                let now = self.range().await?;
                if expected < now.first {
                    return Err(Error::Trimmed { from: expected, first: now.first });
                }
                Err(Error::Gap { expected, found, last: info.last })
            }
            Err(Refusal::Server(error)) if error.code() != 503 => {
                Err(Error::Corrupt { seq: expected, reason: error.to_string() })
            }
            Err(refusal) => Err(refusal.into()),
        }
    }
}

/// The sequence that the broker puts on a message.
fn sequence_of(message: &Message) -> Result<Seq, Error> {
    let headers =
        message.headers.as_ref().ok_or_else(|| Error::Fatal("the broker sent a message without headers".into()))?;
    let number = headers::field(headers, "Nats-Sequence").map_err(Error::Fatal)?;
    Seq::new(number).ok_or_else(|| Error::Fatal(format!("sequence {number} is too large")))
}

/// The longest run of good frames that begins at `from`.
fn take_contiguous(from: Seq, batch: Vec<Raw>, limit: ReadLimit) -> Taken {
    let mut frames: Vec<Logged> = Vec::with_capacity(batch.len());
    let mut bytes = 0;
    let mut expected = from;
    for raw in batch {
        let full = frames.len() >= limit.frames || bytes >= limit.bytes;
        if !frames.is_empty() && (full || raw.seq != expected) {
            break;
        }
        if raw.seq != expected {
            return Taken::Missing(Some(raw.seq));
        }
        match parse(raw) {
            Ok(logged) => {
                bytes += logged.frame.payload.len();
                frames.push(logged);
                expected = expected.next();
            }
            Err(reason) if frames.is_empty() => return Taken::Corrupt(reason),
            Err(_) => break,
        }
    }
    if frames.is_empty() { Taken::Missing(None) } else { Taken::Frames(frames) }
}

fn parse(raw: Raw) -> Result<Logged, String> {
    let headers = raw.message.headers.as_ref().ok_or("it has no headers")?;
    let stamp: String = headers::field(headers, "Nats-Time-Stamp")?;
    let logged_at = Timestamp::parse_rfc3339(&stamp).ok_or_else(|| format!("header Nats-Time-Stamp is {stamp:?}"))?;
    let header = headers::parse(headers)?;
    Ok(Logged::new(raw.seq, logged_at, Frame { header, payload: raw.message.payload }))
}
