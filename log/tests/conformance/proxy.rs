//! A TCP proxy between a client and the broker that can lose the broker's answers.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
};

/// What the proxy does with bytes from the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Answers {
    /// Passes them on.
    Pass,
    /// Closes the connection in place of the first.
    Cut,
    /// Throws them away and says nothing.
    Swallow,
}

/// A proxy; its threads end with the test's process.
pub(crate) struct Proxy {
    port: u16,
    answers: Arc<AtomicU8>,
}

impl Proxy {
    /// One in front of the broker at `port`.
    pub(crate) fn start(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers = Arc::new(AtomicU8::new(Answers::Pass as u8));
        let shared = Arc::clone(&answers);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(broker) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let (client_in, broker_in) = (client.try_clone().unwrap(), broker.try_clone().unwrap());
                let answers = Arc::clone(&shared);
                thread::spawn(move || pump(client_in, broker, None));
                thread::spawn(move || pump(broker_in, client, Some(&answers)));
            }
        });
        Self { port, answers }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// From now on.
    pub(crate) fn set(&self, answers: Answers) {
        self.answers.store(answers as u8, Ordering::SeqCst);
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, answers: Option<&AtomicU8>) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let mode = answers.map_or(Answers::Pass as u8, |answers| answers.load(Ordering::SeqCst));
        if mode == Answers::Cut as u8 {
            break;
        }
        if mode == Answers::Pass as u8 && to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
