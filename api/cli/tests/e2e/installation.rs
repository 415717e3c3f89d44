//! Where one test's clicktrail lives, and how its commands are run.

use std::{
    env,
    fs::File,
    path::{Path, PathBuf},
    process::{self, Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use clicktrail_catalog::{Catalog, Postgres, Sqlite};
use clicktrail_log::{
    archive::Archive,
    embedded::EmbeddedLog,
    jetstream::{self, JetStreamLog},
    log::{Log, Stream},
    time::SystemClock,
};
use object_store::aws::AmazonS3Builder;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

use crate::nats_server::NatsServer;

/// A name that no other test of this run has.
fn unique(prefix: &str) -> String {
    static USED: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}{}x{}", process::id(), USED.fetch_add(1, Ordering::Relaxed))
}

/// What `.ci/services` says about a server that it started.
pub(crate) fn service(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `make test`, which starts what is needed"))
}

/// A data directory, and the variables that every command gets. Gone when dropped.
#[derive(Debug)]
pub(crate) struct Installation {
    home: TempDir,
    variables: Vec<(String, String)>,
    nats: Option<String>,
    database: Option<String>,
    bucket: Option<String>,
}

impl Installation {
    /// Everything in one directory: the default.
    pub(crate) fn embedded() -> Self {
        Self { home: TempDir::new().unwrap(), variables: Vec::new(), nats: None, database: None, bucket: None }
    }

    /// The log on a broker, the rest in the directory.
    pub(crate) fn on_broker(broker: &NatsServer) -> Self {
        let mut installation = Self { nats: Some(broker.url()), ..Self::embedded() };
        installation.set("CLICKTRAIL_NATS", broker.url());
        installation.set("CLICKTRAIL_NATS_MONITOR", broker.monitor_url());
        installation
    }

    /// The log on a broker that commands reach at `port`, and the test itself directly.
    pub(crate) fn on_broker_through(port: u16, broker: &NatsServer) -> Self {
        let mut installation = Self { nats: Some(broker.url()), ..Self::embedded() };
        installation.set("CLICKTRAIL_NATS", format!("nats://127.0.0.1:{port}"));
        installation.set("CLICKTRAIL_NATS_MONITOR", broker.monitor_url());
        installation
    }

    /// The log on several brokers with copies of it.
    pub(crate) fn on_brokers(urls: &str) -> Self {
        let mut installation = Self { nats: Some(urls.to_owned()), ..Self::embedded() };
        installation.set("CLICKTRAIL_NATS", urls.to_owned());
        installation
    }

    /// The log on a broker, the archive on S3, the catalog on PostgreSQL.
    pub(crate) async fn in_production(broker: &NatsServer) -> Self {
        let mut installation = Self::on_broker(broker);
        let bucket = unique("e2e-");
        let endpoint = service("CLICKTRAIL_TEST_S3_ENDPOINT");
        let made = reqwest::Client::new().put(format!("{endpoint}/{bucket}")).send().await.unwrap();
        assert!(made.status().is_success(), "make bucket {bucket}: {}", made.status());
        installation.set("CLICKTRAIL_ARCHIVE", format!("s3://{bucket}"));
        installation.set("AWS_ENDPOINT_URL", endpoint);
        for (name, value) in
            [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")]
        {
            installation.set(name, value.to_owned());
        }
        installation.use_postgres(&service("CLICKTRAIL_TEST_POSTGRES_URL")).await;
        installation.bucket = Some(bucket);
        installation
    }

    /// The catalog on PostgreSQL at `port`, which leads to the test's server; the rest in the directory.
    pub(crate) async fn on_postgres_through(port: u16) -> Self {
        let server = service("CLICKTRAIL_TEST_POSTGRES_URL");
        let mut installation = Self::embedded();
        installation.use_postgres(&server.replace(&format!(":{}/", postgres_port()), &format!(":{port}/"))).await;
        installation
    }

    /// A database of its own on a server that is reached at `url`.
    async fn use_postgres(&mut self, url: &str) {
        let database = unique("e2e_");
        administer(format!("CREATE DATABASE {database}")).await;
        let (server, _) = url.rsplit_once('/').unwrap();
        self.set("CLICKTRAIL_CATALOG", format!("{server}/{database}"));
        self.database = Some(database);
    }

    /// Another place with the same settings and a copy of the data directory as it is: a clone, or a backup.
    pub(crate) fn copied(&self) -> Self {
        let home = TempDir::new().unwrap();
        let done = Command::new("cp").arg("-a").arg(self.data()).arg(home.path()).status().unwrap();
        assert!(done.success());
        Self { home, variables: self.variables.clone(), nats: self.nats.clone(), database: None, bucket: None }
    }

    fn set(&mut self, name: &str, value: String) {
        self.variables.push((name.to_owned(), value));
    }

    fn variable(&self, name: &str) -> &str {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("this installation has no {name}"))
    }

    /// The catalog on PostgreSQL, as another program would reach it.
    pub(crate) fn catalog_url(&self) -> &str {
        self.variable("CLICKTRAIL_CATALOG")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// What servers on this installation wrote to stderr, all of them one after the other.
    pub(crate) fn server_log(&self) -> PathBuf {
        self.home.path().join("server.log")
    }

    /// A command on this installation, of which nothing comes from the machine's own settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clicktrail"));
        let foreign = env::vars().map(|(name, _)| name).filter(|name| {
            (name.starts_with("CLICKTRAIL_") && !name.starts_with("CLICKTRAIL_TEST_")) || name.starts_with("AWS_")
        });
        for name in foreign {
            command.env_remove(name);
        }
        command.current_dir(self.home.path()).envs(self.variables.iter().cloned());
        command.arg("--data").arg(self.data()).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).output().unwrap();
        Outcome { command: format!("clicktrail {}", arguments.join(" ")), output }
    }

    /// Runs a command that must succeed, and reads what it prints.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--output", "json"]].concat();
        self.run(&arguments).exits(0).json()
    }

    /// One of the logs, as another process would open it.
    pub(crate) async fn log(&self, stream: Stream) -> Arc<dyn Log> {
        match &self.nats {
            None => {
                let path = self.data().join(format!("{stream}.sqlite"));
                Arc::new(EmbeddedLog::open(&path, stream, Arc::new(SystemClock)).await.unwrap())
            }
            Some(url) => {
                let config = jetstream::Config::new(url.clone());
                Arc::new(JetStreamLog::connect(config, stream).await.unwrap())
            }
        }
    }

    /// The archive, wherever it is.
    pub(crate) fn archive(&self) -> Archive {
        match &self.bucket {
            Some(_) => self.s3(),
            None => Archive::directory(self.data().join("archive")).unwrap(),
        }
    }

    /// The archive on S3.
    pub(crate) fn s3(&self) -> Archive {
        let store = AmazonS3Builder::new()
            .with_endpoint(self.variable("AWS_ENDPOINT_URL"))
            .with_allow_http(true)
            .with_region(self.variable("AWS_REGION"))
            .with_access_key_id(self.variable("AWS_ACCESS_KEY_ID"))
            .with_secret_access_key(self.variable("AWS_SECRET_ACCESS_KEY"))
            .with_bucket_name(self.bucket.as_ref().unwrap());
        Archive::from_store(Arc::new(store.build().unwrap()))
    }

    /// The catalog, wherever it is.
    pub(crate) async fn catalog(&self) -> Arc<dyn Catalog> {
        match &self.database {
            Some(_) => self.postgres().await,
            None => Arc::new(Sqlite::open(&self.data().join("catalog.sqlite")).await.unwrap()),
        }
    }

    /// The catalog on PostgreSQL.
    pub(crate) async fn postgres(&self) -> Arc<dyn Catalog> {
        Arc::new(Postgres::connect(self.variable("CLICKTRAIL_CATALOG")).await.unwrap())
    }

    /// Drops what lies outside the directory. After a failure it goes with the servers.
    pub(crate) async fn remove(self) {
        if let Some(database) = &self.database {
            administer(format!("DROP DATABASE {database} WITH (FORCE)")).await;
        }
    }

    /// Ads that redirects can lead to.
    pub(crate) fn register_ads(&self, ads: &[&str]) {
        for ad in ads {
            let target = format!("https://example.com/{ad}");
            let arguments = ["ads", "add", ad, "--advertiser", "acme", "--campaign", "spring", "--target", &target];
            self.run(&[&arguments[..], &["--price", "0.25", "--currency", "EUR"]].concat()).exits(0);
        }
    }
}

/// Where the test's PostgreSQL listens.
pub(crate) fn postgres_port() -> u16 {
    let url: reqwest::Url = service("CLICKTRAIL_TEST_POSTGRES_URL").parse().unwrap();
    url.port().unwrap()
}

async fn administer(statement: String) {
    let mut connection = PgConnection::connect(&service("CLICKTRAIL_TEST_POSTGRES_URL")).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// What became of a command.
#[derive(Debug)]
pub(crate) struct Outcome {
    command: String,
    output: Output,
}

impl Outcome {
    /// Demands an exit code; with 0 also that nothing was logged that a person should see.
    #[track_caller]
    pub(crate) fn exits(self, expected: i32) -> Self {
        assert_eq!(self.output.status.code(), Some(expected), "{self}");
        if expected == 0 {
            assert_eq!(alarming(&self.stderr(), &[]), Vec::<String>::new(), "{self}");
        }
        self
    }

    pub(crate) fn code(&self) -> i32 {
        self.output.status.code().unwrap_or(-1)
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout()).unwrap_or_else(|error| panic!("no JSON ({error}): {self}"))
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, output } = self;
        write!(f, "`{command}`: {}\nstdout:\n{}\nstderr:\n{}", output.status, self.stdout(), self.stderr())
    }
}

/// Lines of a log that say WARN or ERROR, or tell of a panic, and hold none of the texts that the test expects.
pub(crate) fn alarming(log: &str, expected: &[&str]) -> Vec<String> {
    let alarm = |line: &&str| [" WARN ", " ERROR ", "panicked at"].iter().any(|mark| line.contains(mark));
    let unexpected = |line: &&str| !expected.iter().any(|text| line.contains(text));
    log.lines().filter(alarm).filter(unexpected).map(str::to_owned).collect()
}

/// Unpacks a file of the repository's `examples/`.
pub(crate) fn unpack_example(name: &str, into: &Path) {
    let packed = File::open(example(name)).unwrap();
    let mut unpacked = File::create(into).unwrap();
    std::io::copy(&mut flate2::read::GzDecoder::new(packed), &mut unpacked).unwrap();
}

/// A file of the repository's `examples/`.
pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}
