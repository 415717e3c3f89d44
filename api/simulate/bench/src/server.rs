//! The processes that are measured: a nats-server that syncs every message, and `clicktrail serve` in front of it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use clicktrail_catalog::{Ad, Catalog as _, Sqlite};
use clicktrail_log::{
    jetstream::{Config, JetStreamLog},
    log::Stream,
};
use tempfile::TempDir;

/// How long a process may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A process that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    pub(crate) fn spawn(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        command.stdout(Stdio::null()).stderr(fs::File::create(log)?);
        let child = command.spawn().with_context(|| format!("start {}", command.get_program().display()))?;
        Ok(Self(child))
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it ended by itself.
    pub(crate) fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }
}

/// A broker on free ports, in a directory that goes with it.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) url: String,
    monitor_url: String,
    // Dropped in this order: the process before its directory.
    _process: Running,
    home: TempDir,
}

impl Broker {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let program = std::env::var("CLICKTRAIL_TEST_NATS_SERVER");
        let program = program.context("CLICKTRAIL_TEST_NATS_SERVER is not set: use `make bench`")?;
        let home = tempfile::tempdir()?;
        let dir = home.path().display();
        let settings = format!(
            "listen: \"127.0.0.1:-1\"\nhttp: \"127.0.0.1:-1\"\nports_file_dir: \"{dir}\"\n\
             jetstream {{ store_dir: \"{dir}/store\", max_file: 20G, sync_interval: always }}\n"
        );
        let config = home.path().join("nats.conf");
        fs::write(&config, settings)?;
        let process = Running::spawn(Command::new(program).arg("-c").arg(&config), &home.path().join("server.log"))?;
        let file = home.path().join(format!("nats-server_{}.ports", process.0.id()));
        let text = await_file(&file).await?;
        let ports: serde_json::Value = serde_json::from_str(&text)?;
        let port = |kind: &str| -> anyhow::Result<String> {
            let url = ports[kind][0].as_str().with_context(|| format!("nats-server names no {kind} port"))?;
            Ok(url.rsplit(':').next().unwrap_or(url).to_owned())
        };
        let url = format!("nats://127.0.0.1:{}", port("nats")?);
        let monitor_url = format!("http://127.0.0.1:{}", port("monitoring")?);
        Ok(Self { url, monitor_url, _process: process, home })
    }

    /// A stream for click frames under names of its own.
    pub(crate) async fn log(&self, prefix: &str) -> anyhow::Result<JetStreamLog> {
        let mut config = Config::new(self.url.clone());
        config.prefix = prefix.to_owned();
        Ok(JetStreamLog::connect(config, Stream::Clicks).await?)
    }

    /// Its directory, on the disk that it syncs.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }
}

/// `clicktrail serve` with an embedded catalog and an archive in a directory.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) data: PathBuf,
    _process: Running,
    _home: TempDir,
}

impl Server {
    /// Starts it with these roles, ads and stream names.
    pub(crate) async fn start(broker: &Broker, prefix: &str, roles: &str, ads: &[Ad]) -> anyhow::Result<Self> {
        Self::start_over(broker, &broker.url, prefix, roles, ads).await
    }

    /// As [`Self::start`], and reaches the broker's logs at `url`.
    pub(crate) async fn start_over(
        broker: &Broker,
        url: &str,
        prefix: &str,
        roles: &str,
        ads: &[Ad],
    ) -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        let data = home.path().join("data");
        fs::create_dir(&data)?;
        let catalog = Sqlite::open(&data.join("catalog.sqlite")).await?;
        let now = clicktrail_log::time::Clock::now(&clicktrail_log::time::SystemClock);
        catalog.put_ads(ads, "bench", now).await?;
        drop(catalog);
        let mut command = serve(&data)?;
        command.args([
            "--roles",
            roles,
            "--nats",
            url,
            "--nats-monitor",
            &broker.monitor_url,
            "--stream-prefix",
            prefix,
        ]);
        let log = home.path().join("server.log");
        let process = Running::spawn(&mut command, &log)?;
        let address = listening(&data, &log).await?;
        Ok(Self { address, data, _process: process, _home: home })
    }
}

/// The command that serves this data directory with all roles.
pub(crate) fn serve(data: &Path) -> anyhow::Result<Command> {
    let program = std::env::current_exe()?.with_file_name("clicktrail");
    ensure!(program.exists(), "{} is not built", program.display());
    let mut command = Command::new(program);
    command.arg("serve").args(["--listen", "127.0.0.1:0"]).arg("--data").arg(data).env("RUST_LOG", "warn");
    Ok(command)
}

/// Where the server of a data directory listens, once it does.
async fn listening(data: &Path, log: &Path) -> anyhow::Result<SocketAddr> {
    match await_file(&data.join("listening")).await {
        Ok(address) => Ok(address.parse()?),
        Err(error) => bail!("{error}: {}", fs::read_to_string(log).unwrap_or_default()),
    }
}

/// The content of a file that another process writes when it is ready.
pub(crate) async fn await_file(path: &Path) -> anyhow::Result<String> {
    let begin = Instant::now();
    while begin.elapsed() < START_TIMEOUT {
        if let Ok(text) = fs::read_to_string(path)
            && !text.is_empty()
        {
            return Ok(text);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("a server did not start within {START_TIMEOUT:?}")
}
