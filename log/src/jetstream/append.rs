//! Publishing a frame, and what the broker's answer means.

use async_nats::{
    Message, Request,
    client::RequestErrorKind,
    jetstream::{self, publish::PublishAck, response::Response},
};

use crate::{
    frame::Frame,
    jetstream::{handle::JetStreamLog, headers, link::Lost},
    log::{Appended, Condition, Error, ReadLimit},
    position::Seq,
};

/// Insufficient resources, account limits and storage limits: nothing was stored, room is missing.
const NO_ROOM: [u64; 4] = [10_002, 10_023, 10_028, 10_047];
/// `stream store failed`: full, or something else, by the description.
const STORE_FAILED: u64 = 10_077;
/// `wrong last sequence`, with the sequence and without.
const WRONG_LAST: [u64; 2] = [10_071, 10_164];
/// A copy of the frame is being stored at this moment.
const DUPLICATE_IN_PROCESS: u64 = 10_158;

impl JetStreamLog {
    /// Publishes and waits for the acknowledgement.
    pub(super) async fn publish(&self, frame: &Frame, condition: Option<Condition>) -> Result<Appended, Error> {
        let headers = match condition {
            None => headers::of(&frame.header),
            Some(condition) => headers::on(condition, &frame.header),
        };
        let request =
            Request::new().headers(headers).payload(frame.payload.clone()).timeout(Some(self.config.ack_timeout));
        // The frame must come after everything that was seen before it was published, or the broker has lost frames.
        let seen_before = self.last_seen();
        let answer = self.link.during(self.link.client.send_request(self.subject.clone(), request)).await;
        let message = match answer {
            Ok(Ok(message)) => message,
            Ok(Err(error)) => return Err(unanswered(error.kind())),
            Err(Lost::Before) => return Err(Error::Unavailable("no connection to the broker".into())),
            Err(Lost::Waiting) => {
                return Err(Error::UnknownOutcome("the connection was lost before the acknowledgement".into()));
            }
        };
        let appended = answered(&message, condition)?;
        if !appended.duplicate && appended.seq <= seen_before {
            self.rewound(seen_before, appended.seq);
            return Err(Error::Gap { expected: seen_before.next(), found: None, last: appended.seq });
        }
        self.saw(appended.seq);
        Ok(appended)
    }

    /// The broker says that it holds a frame of this identity at `seq`: [`Error::Conflict`] if that is a different
    /// frame.
    ///
    /// If it was trimmed meanwhile, nobody can tell any more, and the broker is believed.
    pub(super) async fn check_duplicate(&self, frame: &Frame, seq: Seq) -> Result<(), Error> {
        let limit = ReadLimit { frames: 1, bytes: 1, wait: std::time::Duration::ZERO };
        let unknown = |error: Error| Error::UnknownOutcome(format!("read the frame already there: {error}"));
        match self.read_frames(seq, limit).await {
            Ok(stored) if stored.iter().any(|stored| stored.frame.header != frame.header) => {
                Err(Error::Conflict(frame.header.message_id()))
            }
            Ok(_) | Err(Error::Trimmed { .. }) => Ok(()),
            Err(error) if error.is_transient() => Err(unknown(error)),
            Err(error) => Err(error),
        }
    }
}

fn unanswered(kind: RequestErrorKind) -> Error {
    match kind {
        RequestErrorKind::NoResponders => {
            Error::Unavailable("no server takes frames for this stream at the moment".into())
        }
        RequestErrorKind::TimedOut => Error::UnknownOutcome("no acknowledgement came in time".into()),
        RequestErrorKind::MaxPayloadExceeded => Error::Fatal("the broker's max_payload is under 1 MiB".into()),
        RequestErrorKind::InvalidSubject => Error::Fatal("the prefix makes no valid subject".into()),
        RequestErrorKind::Other => Error::UnknownOutcome("the connection failed".into()),
    }
}

fn answered(message: &Message, condition: Option<Condition>) -> Result<Appended, Error> {
    match serde_json::from_slice::<Response<PublishAck>>(&message.payload) {
        Ok(Response::Ok(ack)) => {
            let seq = Seq::new(ack.sequence)
                .ok_or_else(|| Error::Fatal(format!("sequence {} is too large", ack.sequence)))?;
            Ok(Appended { seq, duplicate: ack.duplicate })
        }
        Ok(Response::Err { error }) => match condition {
            Some(Condition::Behind(last)) if WRONG_LAST.contains(&error.error_code().0) => Err(Error::Moved(last)),
            Some(_) | None => Err(refused(&error)),
        },
        Err(error) => Err(Error::UnknownOutcome(format!("unreadable acknowledgement: {error}"))),
    }
}

/// An error in place of the acknowledgement.
fn refused(error: &jetstream::Error) -> Error {
    let text = error.to_string();
    match error.error_code().0 {
        code if NO_ROOM.contains(&code) => Error::Full(text),
        STORE_FAILED if text.contains("maximum") => Error::Full(text),
        STORE_FAILED | DUPLICATE_IN_PROCESS => Error::UnknownOutcome(text),
        _ if error.code() == 503 => Error::Unavailable(text),
        _ => Error::Fatal(format!("the broker refuses the frame: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_says_what_the_caller_can_do() {
        let check = |json: &str, expected: fn(&Error) -> bool| {
            let error = refused(&serde_json::from_str(json).unwrap());
            assert!(expected(&error), "{json}: {error:?}");
        };
        check(r#"{"code":503,"err_code":10077,"description":"maximum bytes exceeded"}"#, |error| {
            matches!(error, Error::Full(_))
        });
        check(r#"{"code":503,"err_code":10077,"description":"write failed"}"#, |error| {
            matches!(error, Error::UnknownOutcome(_))
        });
        check(r#"{"code":503,"err_code":10023,"description":"insufficient resources"}"#, |error| {
            matches!(error, Error::Full(_))
        });
        check(r#"{"code":503,"err_code":10008,"description":"no leader"}"#, |error| {
            matches!(error, Error::Unavailable(_))
        });
        check(r#"{"code":400,"err_code":10054,"description":"message too large"}"#, |error| {
            matches!(error, Error::Fatal(_))
        });
    }
}
