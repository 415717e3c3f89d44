//! The connection to the broker, and what happens to a request when it breaks.
//!
//! async-nats queues requests while it is disconnected, and sends them when it reconnects. A log must not do that: by
//! then the caller has long since turned to the spool. So nothing is sent without a connection, and whoever waits for
//! an answer is told at once when the connection on which it was due is lost.

use std::{future::Future, time::Duration};

use async_nats::{
    Client, ConnectErrorKind, ConnectOptions, Event, Message, Request, connection::State, jetstream::response::Response,
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;

use crate::log::Error;

/// How long a first connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a silent connection is tested. After two tests without an answer it is given up.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// The longest pause before the next attempt to reconnect.
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(1);

/// Why a call of the JetStream API has no result.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The server answered with this error.
    Server(async_nats::jetstream::Error),
    /// The server did not answer.
    Link(Error),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            // 503: no leader yet, starting up, out of resources. Anything else does not go away by itself.
            Refusal::Server(error) if error.code() == 503 => Self::Unavailable(error.to_string()),
            Refusal::Server(error) => Self::Fatal(format!("the broker refuses: {error}")),
            Refusal::Link(error) => error,
        }
    }
}

/// What became of a request whose connection was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// It was never sent.
    Before,
    /// It was sent, and the answer cannot come any more.
    Waiting,
}

/// A connection that knows when it breaks.
#[derive(Debug)]
pub(super) struct Link {
    /// The client; use it inside [`Link::during`].
    pub(super) client: Client,
    /// Counts lost connections.
    cuts: watch::Receiver<u64>,
    answer_timeout: Duration,
}

impl Link {
    /// Connects; `answer_timeout` is for each request of the JetStream API.
    pub(super) async fn connect(url: &str, answer_timeout: Duration) -> Result<Self, Error> {
        let (cut, cuts) = watch::channel(0);
        let options = ConnectOptions::new()
            .name("clicktrail")
            .connection_timeout(CONNECT_TIMEOUT)
            .ping_interval(PING_INTERVAL)
            .request_timeout(Some(answer_timeout))
            .reconnect_delay_callback(|attempt| {
                let doubled = Duration::from_millis(25).saturating_mul(1 << attempt.min(10));
                doubled.min(RECONNECT_DELAY_MAX)
            })
            .event_callback(move |event| {
                note(&event, &cut);
                std::future::ready(())
            });
        let urls: Vec<&str> = url.split(',').map(str::trim).collect();
        let client = options.connect(urls).await.map_err(|error| match error.kind() {
            ConnectErrorKind::Authentication
            | ConnectErrorKind::AuthorizationViolation
            | ConnectErrorKind::ServerParse => Error::Fatal(format!("connect to the broker: {error}")),
            _ => Error::Unavailable(format!("connect to the broker: {error}")),
        })?;
        Ok(Self { client, cuts, answer_timeout })
    }

    /// Runs `work` only while connected, and gives it up when the connection is lost.
    pub(super) async fn during<T>(&self, work: impl Future<Output = T>) -> Result<T, Lost> {
        let mut cuts = self.cuts.clone();
        cuts.mark_unchanged();
        if self.client.connection_state() != State::Connected {
            return Err(Lost::Before);
        }
        tokio::select! {
            biased;
            done = work => Ok(done),
            _ = cuts.changed() => Err(Lost::Waiting),
        }
    }

    /// One call of the JetStream API, for calls that may be repeated: any failure to get an answer is
    /// [`Error::Unavailable`].
    pub(super) async fn api<T: DeserializeOwned>(&self, call: &str, body: &impl Serialize) -> Result<T, Refusal> {
        let unavailable = |why: String| Refusal::Link(Error::Unavailable(format!("{call}: {why}")));
        let body = serde_json::to_vec(body).map_err(|error| unavailable(error.to_string()))?;
        let request = Request::new().payload(Bytes::from(body)).timeout(Some(self.answer_timeout));
        let answer = self.during(self.client.send_request(format!("$JS.API.{call}"), request)).await;
        let message: Message = answer
            .map_err(|_lost| unavailable("no connection to the broker".into()))?
            .map_err(|error| unavailable(error.to_string()))?;
        match serde_json::from_slice(&message.payload) {
            Ok(Response::Ok(answer)) => Ok(answer),
            Ok(Response::Err { error }) => Err(Refusal::Server(error)),
            Err(error) => Err(unavailable(format!("unreadable answer: {error}"))),
        }
    }
}

/// Logs an event of the connection, and counts it in `cut` if the connection was lost.
///
/// Server errors are ERROR lines, because nothing else tells of them: the server does not send them as the answer to a
/// request, so a forbidden publish looks like a lost acknowledgement. A client error is a failed attempt to connect
/// again, and another attempt follows.
fn note(event: &Event, cut: &watch::Sender<u64>) {
    match event {
        Event::Disconnected => {
            cut.send_modify(|cuts| *cuts += 1);
            tracing::warn!(%event, "the broker's connection is lost");
        }
        // Only we close connections: a lost one is tried again for as long as anybody holds it.
        Event::Closed => {
            cut.send_modify(|cuts| *cuts += 1);
            tracing::debug!("the connection to the broker is closed");
        }
        Event::Connected => tracing::info!("connected to the broker"),
        Event::ServerError(_) => tracing::error!(%event, "the broker's connection reports an error"),
        Event::ClientError(_) => tracing::warn!(%event, "the broker is not reached; connecting is tried again"),
        Event::LameDuckMode | Event::Draining | Event::SlowConsumer(_) => {
            tracing::warn!(%event, "the connection to the broker is about to end, or falls behind")
        }
    }
}
