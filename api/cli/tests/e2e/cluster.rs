//! Three nats-servers as one cluster on free ports: killed, stopped and started again one by one.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use clicktrail_log::{
    jetstream::{Config, JetStreamLog},
    log::Stream,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::installation::service;

/// Servers, and copies of each stream.
const SERVERS: usize = 3;
/// How long the cluster may take to find a leader.
const PATIENCE: Duration = Duration::from_secs(60);

/// The cluster; killed when dropped.
pub(crate) struct Cluster {
    home: TempDir,
    members: Vec<Member>,
}

/// One server.
struct Member {
    name: String,
    port: u16,
    monitor_port: u16,
    process: Child,
}

impl Cluster {
    /// Starts three servers, and makes every stream with three copies.
    pub(crate) async fn start() -> Self {
        let home = TempDir::new().unwrap();
        let ports = free_ports(3 * SERVERS);
        let routes = &ports[2 * SERVERS..];
        for at in 0..SERVERS {
            configure(home.path(), at, &ports, routes);
        }
        let member = |at: usize| Member {
            name: format!("n{at}"),
            port: ports[at],
            monitor_port: ports[SERVERS + at],
            process: spawn(home.path(), at),
        };
        let cluster = Self { members: (0..SERVERS).map(member).collect(), home };
        for stream in [Stream::Clicks, Stream::Verdicts, Stream::Rejected, Stream::Invoices] {
            cluster.make(stream).await;
        }
        cluster
    }

    async fn make(&self, stream: Stream) {
        let begin = Instant::now();
        loop {
            let config = Config { replicas: SERVERS, ..Config::new(self.urls()) };
            match JetStreamLog::connect(config, stream).await {
                Ok(_) => return,
                Err(error) => assert!(begin.elapsed() < PATIENCE, "no stream {stream}: {error}\n{}", self.log()),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Where clients connect: all servers.
    pub(crate) fn urls(&self) -> String {
        let urls: Vec<String> = self.members.iter().map(|member| format!("nats://127.0.0.1:{}", member.port)).collect();
        urls.join(",")
    }

    /// Which server leads a stream, as one that answers says; waits until there is one.
    pub(crate) async fn leader(&self, stream: &str) -> usize {
        let begin = Instant::now();
        loop {
            for member in &self.members {
                if let Some(found) = leader_by(member.monitor_port, stream).await
                    && let Some(at) = self.members.iter().position(|member| member.name == found)
                {
                    return at;
                }
            }
            assert!(begin.elapsed() < PATIENCE, "nobody leads {stream}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, at: usize) {
        self.members[at].process.kill().unwrap();
        self.members[at].process.wait().unwrap();
    }

    /// Starts a server again that was killed.
    pub(crate) fn restart(&mut self, at: usize) {
        self.members[at].process = spawn(self.home.path(), at);
    }

    /// The process stands still, with its connections open, or goes on.
    pub(crate) fn signal(&self, at: usize, signal: &str) {
        let process = self.members[at].process.id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    /// The last lines of what the servers wrote.
    fn log(&self) -> String {
        let tail = |at: usize| {
            let text = fs::read_to_string(folder(self.home.path(), at).join("server.log")).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!("n{at}:\n{}\n", lines[lines.len().saturating_sub(20)..].join("\n"))
        };
        (0..SERVERS).map(tail).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = (member.process.kill(), member.process.wait());
        }
    }
}

fn folder(home: &Path, at: usize) -> PathBuf {
    home.join(format!("n{at}"))
}

/// Ports that nobody listens on at this moment.
fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

fn configure(home: &Path, at: usize, ports: &[u16], routes: &[u16]) {
    let (folder, port, monitor, own) = (folder(home, at), ports[at], ports[SERVERS + at], routes[at]);
    fs::create_dir_all(&folder).unwrap();
    let others: Vec<String> = routes.iter().map(|route| format!("\"nats://127.0.0.1:{route}\"")).collect();
    let settings = format!(
        "server_name: n{at}\nlisten: \"127.0.0.1:{port}\"\nhttp: \"127.0.0.1:{monitor}\"\n\
         jetstream {{ store_dir: \"{}/store\", max_file: 1G }}\n\
         cluster {{ name: c, listen: \"127.0.0.1:{own}\", routes: [{}] }}\n",
        folder.display(),
        others.join(", ")
    );
    fs::write(folder.join("nats.conf"), settings).unwrap();
}

fn spawn(home: &Path, at: usize) -> Child {
    let folder = folder(home, at);
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("server.log")).unwrap();
    let mut command = Command::new(service("CLICKTRAIL_TEST_NATS_SERVER"));
    command.arg("-c").arg(folder.join("nats.conf")).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// The leader of a stream as one server knows it; `None` if it does not answer, or there is none.
async fn leader_by(monitor_port: u16, stream: &str) -> Option<String> {
    let url = format!("http://127.0.0.1:{monitor_port}/jsz?accounts=true&streams=true");
    let client = reqwest::Client::builder().timeout(Duration::from_millis(500)).build().unwrap();
    let text = client.get(url).send().await.ok()?.text().await.ok()?;
    let answer: Value = serde_json::from_str(&text).ok()?;
    let streams = answer["account_details"][0]["stream_detail"].as_array()?;
    let found = streams.iter().find(|detail| detail["name"] == stream)?;
    found["cluster"]["leader"].as_str().filter(|leader| !leader.is_empty()).map(str::to_owned)
}
