//! A running `clicktrail serve`.

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::installation::{Installation, alarming};

/// How long a server may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// The process; killed when dropped, and if a test fails, its log is part of the failure.
#[derive(Debug)]
pub(crate) struct Server<'i> {
    installation: &'i Installation,
    process: Child,
    address: SocketAddr,
}

impl<'i> Server<'i> {
    /// Starts a server on a free port and waits until it listens.
    pub(crate) fn start(installation: &'i Installation) -> Self {
        Self::start_with(installation, &[])
    }

    /// The same with further arguments.
    pub(crate) fn start_with(installation: &'i Installation, arguments: &[&str]) -> Self {
        let listening = installation.data().join("listening");
        let _ = fs::remove_file(&listening);
        let log = fs::OpenOptions::new().create(true).append(true).open(installation.server_log()).unwrap();
        let mut command = installation.command(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat());
        let process = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut server = Self { installation, process, address: ([127, 0, 0, 1], 0).into() };
        let begin = Instant::now();
        loop {
            let written = fs::read_to_string(&listening).ok().and_then(|text| text.parse().ok());
            if let Some(address) = written {
                server.address = address;
                return server;
            }
            let ended = server.process.try_wait().unwrap();
            assert_eq!(ended, None, "the server ended before it listened");
            assert!(begin.elapsed() < PATIENCE, "the server does not listen after {PATIENCE:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to stop and waits until it has: it must drain, end with 0, and have logged no warning but those that
    /// hold one of the texts in `expected`.
    pub(crate) fn stop(mut self, expected: &[&str]) {
        let asked = Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        assert!(asked.success());
        let ended = self.wait();
        assert_eq!(ended.code(), Some(0), "the server ended with {ended}");
        let log = fs::read_to_string(self.installation.server_log()).unwrap();
        assert_eq!(alarming(&log, expected), Vec::<String>::new());
    }

    fn wait(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "the server does not stop within {PATIENCE:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            let log = fs::read_to_string(self.installation.server_log()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(200)..].join("\n");
            show(&format!("`clicktrail serve --listen 127.0.0.1:0`, the last lines of its log:\n{last}"));
        }
    }
}

/// On stderr, where the test runner shows it with the failure.
#[allow(clippy::print_stderr, reason = "part of a failure's message")]
pub(crate) fn show(text: &str) {
    eprintln!("{text}");
}
