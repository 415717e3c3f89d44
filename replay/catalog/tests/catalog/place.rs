//! Where a catalog lives during one test: a file or a database of its own, gone afterwards.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use clicktrail_catalog::{Catalog, Error, Postgres, Sqlite};
use sha2::{Digest as _, Sha256};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _, SqliteConnection,
    postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
};

/// The URL of a server whose user may create databases.
const SERVER_VARIABLE: &str = "CLICKTRAIL_TEST_POSTGRES_URL";

/// Something that catalogs can be opened in, as often as the test likes.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(String),
}

/// Keeps everybody else from writing for as long as it lives.
#[derive(Debug)]
pub(crate) enum Held {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Place {
    pub(crate) async fn try_open(&self) -> Result<Arc<dyn Catalog>, Error> {
        Ok(match self {
            Self::Sqlite(path) => Arc::new(Sqlite::open(path).await?),
            Self::Postgres(url) => Arc::new(Postgres::connect(url).await?),
        })
    }

    pub(crate) async fn open(&self) -> Arc<dyn Catalog> {
        self.try_open().await.unwrap()
    }

    /// Leaves what the program of the first `number` migrations would have made.
    pub(crate) async fn migrate_to(&self, number: usize) {
        let database = match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(database);
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        self.run("CREATE TABLE schema_migrations (number BIGINT, name TEXT, sha256 TEXT)".to_owned()).await;
        for (index, file) in files.iter().take(number).enumerate() {
            let script = fs::read_to_string(file).unwrap();
            let (digest, number) = (hex::encode(Sha256::digest(&script)), index + 1);
            let name = file.file_stem().unwrap().to_str().unwrap()[5..].to_owned();
            self.run(script).await;
            self.run(format!("INSERT INTO schema_migrations VALUES ({number}, '{name}', '{digest}')")).await;
        }
    }

    async fn run(&self, script: String) {
        let script = sqlx::raw_sql(AssertSqlSafe(script));
        match self {
            Self::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
                script.execute(&mut options.connect().await.unwrap()).await.map(|_| ()).unwrap();
            }
            Self::Postgres(url) => script.execute(&mut postgres(url).await).await.map(|_| ()).unwrap(),
        }
    }

    /// Runs SQL behind the catalog's back.
    pub(crate) async fn execute(&self, sql: &'static str) {
        match self {
            Self::Sqlite(path) => sqlx::raw_sql(sql).execute(&mut sqlite(path).await).await.map(|_| ()).unwrap(),
            Self::Postgres(url) => sqlx::raw_sql(sql).execute(&mut postgres(url).await).await.map(|_| ()).unwrap(),
        }
    }

    /// The same, if it may be refused: why.
    pub(crate) async fn try_execute(&self, sql: &'static str) -> Result<(), String> {
        let done = match self {
            Self::Sqlite(path) => sqlx::raw_sql(sql).execute(&mut sqlite(path).await).await.map(|_| ()),
            Self::Postgres(url) => sqlx::raw_sql(sql).execute(&mut postgres(url).await).await.map(|_| ()),
        };
        done.map_err(|error| error.to_string())
    }

    /// The texts in the first column of a query.
    pub(crate) async fn texts(&self, sql: &'static str) -> Vec<String> {
        match self {
            Self::Sqlite(path) => {
                let rows = sqlx::query(sql).fetch_all(&mut sqlite(path).await).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
            Self::Postgres(url) => {
                let rows = sqlx::query(sql).fetch_all(&mut postgres(url).await).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    /// Locks the database against writing.
    pub(crate) async fn hold(&self) -> Held {
        match self {
            Self::Sqlite(path) => {
                let mut connection = sqlite(path).await;
                sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
                Held::Sqlite(connection)
            }
            Self::Postgres(url) => {
                let mut connection = postgres(url).await;
                sqlx::raw_sql("BEGIN; LOCK TABLE hot_partials").execute(&mut connection).await.unwrap();
                Held::Postgres(connection)
            }
        }
    }

    /// Is a worker that writes into units, and is not done.
    pub(crate) async fn hold_units(&self) -> Held {
        let held = self.hold().await;
        match held {
            Held::Sqlite(_) => held,
            Held::Postgres(mut connection) => {
                let key = i64::from_be_bytes(*b"clickunt");
                let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(key);
                lock.execute(&mut connection).await.unwrap();
                Held::Postgres(connection)
            }
        }
    }
}

impl Held {
    pub(crate) async fn release(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.unwrap(),
            Self::Postgres(connection) => connection.close().await.unwrap(),
        }
    }
}

async fn sqlite(path: &PathBuf) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

async fn postgres(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// Runs a claim on a file in a temporary folder.
pub(crate) async fn on_sqlite<F: Future<Output = ()>>(claim: impl FnOnce(Place) -> F) {
    let folder = tempfile::tempdir().unwrap();
    claim(Place::Sqlite(folder.path().join("catalog.sqlite"))).await;
}

/// Runs a claim on a database of its own, which is dropped even if the claim panics.
pub(crate) async fn on_postgres<F: Future<Output = ()> + Send + 'static>(claim: impl FnOnce(Place) -> F) {
    static CREATED: AtomicU32 = AtomicU32::new(0);
    let Ok(server) = env::var(SERVER_VARIABLE) else { panic!("run `make test`, which starts what the tests need") };
    let name = format!("catalog_{}_{}", process::id(), CREATED.fetch_add(1, Ordering::Relaxed));
    // A locale that sorts otherwise than by bytes, so that an order that depends on the server would show.
    let locale = "ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'";
    administer(&server, format!("CREATE DATABASE {name} TEMPLATE template0 {locale}")).await;
    let url = server.parse::<PgConnectOptions>().unwrap().database(&name).to_url_lossy().to_string();
    let outcome = tokio::spawn(claim(Place::Postgres(url))).await;
    administer(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
    if let Err(stopped) = outcome {
        std::panic::resume_unwind(stopped.into_panic());
    }
}

async fn administer(server: &str, statement: String) {
    let mut connection = postgres(server).await;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
