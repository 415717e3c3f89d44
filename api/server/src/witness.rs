//! The doors of a witness (C2SP `tlog-witness`): `POST /add-checkpoint`, and `GET /<hash of the origin>/checkpoint`.
//! What is answered is decided elsewhere: see [`Answers`].

#![expect(
    clippy::disallowed_methods,
    reason = "deadlines of a body, and answers that fsync on a thread that may block"
)]

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;
use tracing::{debug, warn};

/// The longest body. More: 413.
const BODY_BYTES_MAX: usize = 64 << 10;
/// How long a body may take to arrive. Longer: 408.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request's head may take, and how long a connection may idle. Longer: it is closed.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Open connections. More wait.
const CONNECTIONS_MAX: usize = 256;
/// The pause after a connection that could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// What the body is.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Answer {
    /// An answer in plain text.
    pub fn text(status: u16, body: String) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body }
    }
}

/// Who decides what is answered. Calls may block, and several come at a time.
pub trait Answers: Send + Sync + fmt::Debug + 'static {
    /// The answer to the body of `add-checkpoint`.
    fn add_checkpoint(&self, body: &[u8]) -> Answer;

    /// The last checkpoint of the log whose name has this SHA-256, with the witness's signature.
    fn checkpoint(&self, origin_hash: &str) -> Option<String>;
}

type Shared = Arc<dyn Answers>;

/// Answers until `shutdown`, and returns once open requests are answered.
pub async fn serve(listener: TcpListener, answers: Shared, shutdown: CancellationToken) {
    let router = Router::new()
        .route("/add-checkpoint", routing::post(add_checkpoint))
        .route("/{origin_hash}/checkpoint", routing::get(checkpoint))
        .with_state(answers);
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await.expect("the semaphore is never closed");
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(cause) => {
                warn!(%cause, "accept a connection");
                time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (router, shutdown) = (router.clone(), shutdown.clone());
        connections.spawn(async move {
            let service = service_fn(move |request: hyper::Request<Incoming>| {
                let router = router.clone();
                async move { router.oneshot(request.map(Body::new)).await }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = shutdown.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(cause) = ended {
                debug!(%cause, "a connection ended early");
            }
            drop(slot);
        });
    }
    connections.close();
    connections.wait().await;
}

async fn add_checkpoint(State(answers): State<Shared>, request: Request) -> Response {
    let body = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX);
    let body: Bytes = match time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long, or was cut\n"),
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the body took too long\n"),
    };
    // What is signed is fsynced first.
    let answered = tokio::task::spawn_blocking(move || answers.add_checkpoint(&body)).await;
    match answered {
        Ok(Answer { status, content_type, body }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
        }
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the witness failed\n"),
    }
}

async fn checkpoint(State(answers): State<Shared>, Path(origin_hash): Path<String>) -> Response {
    // It waits for whoever is being answered, and that for the disk.
    match tokio::task::spawn_blocking(move || answers.checkpoint(&origin_hash)).await {
        Ok(Some(note)) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], note).into_response(),
        Ok(None) => plain(StatusCode::NOT_FOUND, "no checkpoint of this log was signed here\n"),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the witness failed\n"),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
