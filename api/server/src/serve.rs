//! The accept loop: connections within limits, and a shutdown that lets open requests end.
//!
//! Not `axum::serve`, which knows no timeout for a request's head and no limit on connections.

#![expect(
    clippy::disallowed_methods,
    reason = "pauses when there are no more file descriptors, and drains until a deadline"
)]

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{body::Body, extract::ConnectInfo, response::Response};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info, warn};

use crate::{operations, router, state::State, told::Operations, write_deadline::WriteDeadline};

/// What a connection buffers at most while it reads: also the longest head of a request.
const BUFFER_BYTES_MAX: usize = 128 << 10;
/// Headers of a request: more are answered with 431, as is a head of too many bytes. Proxies in a row may each add
/// dozens, and a click must not be lost to that. Where they stand in the head takes 48 bytes each while it is read.
const HEADERS_MAX: usize = 1_024;
/// Connections of operators to a process without doors.
const OPERATORS_MAX: usize = 64;
/// How long an operator's request may take to arrive, and its answer to leave.
const OPERATORS_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failed accept (out of file descriptors, usually) the loop waits before it tries again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown`, then takes no more connections, lets open requests end within the drain timeout, and
/// returns when nothing of them is left to store. The caller then stops the committers.
///
/// # Errors
/// The listener has no address: it was not listening.
pub async fn serve(listener: TcpListener, state: State, shutdown: CancellationToken) -> io::Result<()> {
    info!(address = %listener.local_addr()?, "serving");
    let router = router::router(state.clone());
    let slots = Arc::new(Semaphore::new(state.limits.connections_max));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    while let Some((stream, peer, slot)) = accept(&listener, &slots, &shutdown).await {
        let connection = Connection {
            shutdown: shutdown.clone(),
            peer,
            header_timeout: state.limits.header_timeout,
            write_timeout: state.limits.write_timeout,
        };
        let (router, state, cut) = (router.clone(), state.clone(), cut.clone());
        let answer = move |request| {
            let (router, state) = (router.clone(), state.clone());
            async move { router::answer(router, &state, request).await }
        };
        connections.spawn(async move {
            tokio::select! {
                () = connection.run(stream, answer) => {}
                () = cut.cancelled() => {}
            }
            drop(slot);
        });
    }
    drop(listener);
    state.ready.block("server", "shutting down");
    info!(connections = connections.len(), "shutting down");
    connections.close();
    if time::timeout(state.limits.drain_timeout, connections.wait()).await.is_err() {
        warn!(connections = connections.len(), "open requests are cut: they took longer than the drain timeout");
        cut.cancel();
        connections.wait().await;
    }
    state.commits.close();
    if time::timeout(state.limits.drain_timeout, state.commits.wait()).await.is_err() {
        warn!(commits = state.commits.len(), "commits are still waiting for the log; their clients were told nothing");
    }
    Ok(())
}

/// Serves what operators ask until `shutdown`, and then ends at once: there is nothing to store.
pub async fn serve_operations(listener: TcpListener, operations: Operations, shutdown: CancellationToken) {
    let router = operations.router();
    let slots = Arc::new(Semaphore::new(OPERATORS_MAX));
    let connections = TaskTracker::new();
    while let Some((stream, peer, slot)) = accept(&listener, &slots, &shutdown).await {
        let connection = Connection {
            shutdown: shutdown.clone(),
            peer,
            header_timeout: OPERATORS_TIMEOUT,
            write_timeout: OPERATORS_TIMEOUT,
        };
        let (router, shutdown) = (router.clone(), shutdown.clone());
        let answer = move |request| operations::answer(router.clone(), request);
        connections.spawn(async move {
            tokio::select! {
                () = connection.run(stream, answer) => {}
                () = shutdown.cancelled() => {}
            }
            drop(slot);
        });
    }
    connections.close();
    connections.wait().await;
}

/// The next connection, as soon as there is a slot for one; `None` when it is time to stop.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let next = async {
        let slot = Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed");
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return (stream, peer, slot),
                Err(cause) => {
                    warn!(%cause, "accept a connection");
                    time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => None,
        accepted = next => Some(accepted),
    }
}

struct Connection {
    shutdown: CancellationToken,
    peer: SocketAddr,
    header_timeout: Duration,
    write_timeout: Duration,
}

impl Connection {
    /// Answers the requests of a connection with `answer`.
    async fn run<A: Future<Output = Response>>(self, stream: TcpStream, answer: impl Fn(Request<Body>) -> A) {
        let Self { shutdown, peer, header_timeout, write_timeout } = self;
        if let Err(cause) = stream.set_nodelay(true) {
            debug!(%peer, %cause, "turn off Nagle's algorithm");
        }
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let answered = answer(request);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(header_timeout);
        http.max_buf_size(BUFFER_BYTES_MAX).max_headers(HEADERS_MAX);
        let mut connection =
            std::pin::pin!(http.serve_connection(TokioIo::new(WriteDeadline::new(stream, write_timeout)), service));
        let mut is_draining = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(cause) = ended {
                        debug!(%peer, %cause, "a connection ended early");
                    }
                    return;
                }
                () = shutdown.cancelled(), if !is_draining => {
                    is_draining = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::{limits::Limits, testing::Doors};

    struct Server {
        doors: Doors,
        address: SocketAddr,
        shutdown: CancellationToken,
        task: tokio::task::JoinHandle<io::Result<()>>,
    }

    async fn start(limits: Limits) -> Server {
        let doors = Doors::open(limits).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(listener, doors.state.clone(), shutdown.clone()));
        Server { doors, address, shutdown, task }
    }

    /// Sends bytes on a new connection and reads until the server closes it.
    async fn exchange(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn peer_is_the_client_and_broken_http_is_refused() {
        let server = start(Limits::default()).await;
        let answer = exchange(server.address, b"GET /c/known HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 302 Found\r\n"), "{answer}");
        assert_eq!(server.doors.logged(&["ip"]).await, ["127.0.0.1"]);
        assert!(exchange(server.address, b"\0\0\0\0\r\n\r\n").await.starts_with("HTTP/1.1 400"));
        let head = [b"GET / HTTP/1.1\r\nx: ".as_slice(), &vec![b'x'; 200_000]].concat();
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let _ = stream.write_all(&head).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
        server.doors.check_counts((1, 0, 0));
    }

    #[tokio::test]
    async fn click_with_many_headers_is_redirected_and_counted() {
        let server = start(Limits::default()).await;
        let request = |count: usize, value: &str| {
            let headers: String = (1..count).map(|at| format!("x-proxy-{at}: {value}\r\n")).collect();
            format!("GET /c/known HTTP/1.1\r\nconnection: close\r\n{headers}\r\n").into_bytes()
        };
        for count in [99, 101, 150, HEADERS_MAX] {
            let answer = exchange(server.address, &request(count, "value")).await;
            assert!(answer.starts_with("HTTP/1.1 302 Found\r\n"), "{count}: {answer}");
        }
        // Fewer headers of more bytes than a head may have, and more of fewer.
        let answer = exchange(server.address, &request(300, &"v".repeat(1_000))).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
        let answer = exchange(server.address, &request(HEADERS_MAX + 1, "v")).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        server.doors.check_counts((4, 0, 0));
    }

    #[tokio::test]
    async fn head_that_never_ends_is_cut() {
        let server = start(Limits { header_timeout: Duration::from_millis(100), ..Limits::default() }).await;
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /c/known HTTP/1.1\r\nhost:").await.unwrap();
        let mut answer = Vec::new();
        time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn shutting_down_lets_open_requests_end() {
        let server = start(Limits::default()).await;
        let mut idle = TcpStream::connect(server.address).await.unwrap();
        let mut open = TcpStream::connect(server.address).await.unwrap();
        let body = br#"{"kind":"click","ad_id":"known"}"#;
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        open.write_all(head.as_bytes()).await.unwrap();
        open.write_all(&body[..10]).await.unwrap();
        time::sleep(Duration::from_millis(100)).await;
        server.shutdown.cancel();
        time::sleep(Duration::from_millis(100)).await;
        assert!(TcpStream::connect(server.address).await.is_err(), "no more connections are taken");
        assert_eq!(server.doors.state.ready.reasons(), ["server: shutting down"]);
        open.write_all(&body[10..]).await.unwrap();
        let mut answer = Vec::new();
        open.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
        assert_eq!(idle.read(&mut [0; 16]).await.unwrap(), 0);
        server.task.await.unwrap().unwrap();
        server.doors.check_counts((1, 0, 0));
    }

    #[tokio::test]
    async fn request_that_outlasts_the_drain_timeout_is_cut() {
        let server = start(Limits { drain_timeout: Duration::from_millis(100), ..Limits::default() }).await;
        let mut open = TcpStream::connect(server.address).await.unwrap();
        open.write_all(b"POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n[").await.unwrap();
        time::sleep(Duration::from_millis(100)).await;
        server.shutdown.cancel();
        time::timeout(Duration::from_secs(10), server.task).await.unwrap().unwrap().unwrap();
    }

    #[tokio::test]
    async fn connections_beyond_the_limit_wait() {
        let server = start(Limits { connections_max: 1, ..Limits::default() }).await;
        let first = TcpStream::connect(server.address).await.unwrap();
        time::sleep(Duration::from_millis(50)).await;
        let second =
            tokio::spawn(exchange(server.address, b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
        time::sleep(Duration::from_millis(100)).await;
        assert!(!second.is_finished());
        drop(first);
        assert!(second.await.unwrap().starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn body_too_large_is_answered_while_the_client_still_sends() {
        let server = start(Limits { body_bytes_max: 1000, ..Limits::default() }).await;
        let head = "POST /v1/events HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 30000000\r\n\r\n";
        let request = [head.as_bytes(), &vec![b' '; 30_000_000]].concat();
        let answer = exchange(server.address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        server.doors.check_counts((0, 1, 0));
    }
}
