//! A nats-server for one test: started on a free port, killed, and restarted on the same store.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A running nats-server with JetStream; killed when dropped.
pub(crate) struct NatsServer {
    home: TempDir,
    process: Child,
    /// Where clients connect: the same after every restart.
    port: u16,
    monitor_port: u16,
    sync: &'static str,
}

impl NatsServer {
    /// One that fsyncs every message.
    pub(crate) fn start() -> Self {
        Self::start_with_sync("always")
    }

    /// One with this `sync_interval`.
    pub(crate) fn start_with_sync(sync: &'static str) -> Self {
        let home = TempDir::new().unwrap();
        let process = spawn(home.path(), "-1", "-1", sync);
        let (port, monitor_port) = ports(home.path(), &process);
        Self { home, process, port, monitor_port, sync }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn monitor_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.monitor_port)
    }

    /// Where JetStream keeps its files.
    pub(crate) fn store(&self) -> PathBuf {
        self.home.path().join("store")
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(&mut self) {
        let asked = Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        assert!(asked.success());
        self.process.wait().unwrap();
    }

    /// Starts it again after [`kill`](Self::kill) or [`stop`](Self::stop).
    pub(crate) fn restart(&mut self) {
        let (port, monitor_port) = (self.port.to_string(), self.monitor_port.to_string());
        self.process = spawn(self.home.path(), &port, &monitor_port, self.sync);
        wait_until("nats-server accepts connections", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(home: &Path, port: &str, monitor_port: &str, sync: &str) -> Child {
    let program = std::env::var("CLICKTRAIL_TEST_NATS_SERVER").unwrap_or_else(|_| {
        panic!("CLICKTRAIL_TEST_NATS_SERVER is not set: run `make test`, which starts what the tests need")
    });
    let dir = home.display();
    let settings = format!(
        "listen: \"127.0.0.1:{port}\"\nhttp: \"127.0.0.1:{monitor_port}\"\nports_file_dir: \"{dir}\"\n\
         jetstream {{ store_dir: \"{dir}/store\", max_file: 1G, sync_interval: {sync} }}\n"
    );
    let path = home.join("nats.conf");
    fs::write(&path, settings).unwrap();
    let log = fs::OpenOptions::new().create(true).append(true).open(home.join("server.log")).unwrap();
    let mut command = Command::new(&program);
    command.arg("-c").arg(&path).stdout(Stdio::null()).stderr(log);
    command.spawn().unwrap_or_else(|error| panic!("start {program}: {error}"))
}

/// The ports that the server chose, from the file that it writes once it listens.
fn ports(home: &Path, process: &Child) -> (u16, u16) {
    let file = home.join(format!("nats-server_{}.ports", process.id()));
    let mut found = None;
    wait_until("nats-server writes its ports", || {
        found = fs::read(&file).ok().and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
        found.is_some()
    });
    let port = |kind: &str| {
        let url = found.as_ref().and_then(|ports| ports[kind][0].as_str()).unwrap();
        url.rsplit(':').next().unwrap().parse().unwrap()
    };
    (port("nats"), port("monitoring"))
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(15), "waited 15 s until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
