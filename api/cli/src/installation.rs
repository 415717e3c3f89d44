//! One installation: its logs, archive and catalog, wherever they live.

use std::{
    fs::{File, TryLockError},
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, anyhow, bail};
use clicktrail_catalog::{Catalog, Postgres, Sqlite};
use clicktrail_live::{
    backfill::{Backfill, Parts},
    counting::Projector,
    judging::Judging,
    sealing::Archiver,
};
use clicktrail_log::{
    archive::Archive,
    embedded::EmbeddedLog,
    frame::{Writer, identity_of_start},
    ids::Ids,
    jetstream,
    log::{Log, Stream},
    time::{Clock, ManualClock, Timestamp},
};
use clicktrail_projections::session;
use clicktrail_query::Service;
use clicktrail_verdicts::{judge::Judge, reader::VerdictReader, ruleset::Ruleset};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::scratch::Scratch;

/// Where everything is. The default is one directory that holds it all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// Embedded logs, catalog and archive, the spool, and the writer's identity.
    pub(crate) data: PathBuf,
    /// `nats://host:port` for a log on JetStream; `None`: SQLite files in `data`.
    pub(crate) nats: Option<String>,
    /// The broker's monitoring address, which tells when it fsyncs.
    pub(crate) nats_monitor: Option<String>,
    /// In front of the names of streams, so that installations can share a broker.
    pub(crate) stream_prefix: String,
    /// On how many servers of the broker a frame is stored.
    pub(crate) replicas: Option<usize>,
    /// `s3://bucket`, or another directory; `None`: a directory in `data`.
    pub(crate) archive: Option<String>,
    /// `postgres://…`; `None`: a SQLite file in `data`.
    pub(crate) catalog: Option<String>,
}

/// Whether a directory holds anything of an installation.
pub(crate) fn is_installation(data: &Path) -> bool {
    let files = ["catalog.sqlite", "writer.json", "archive"].map(str::to_owned);
    let logs = Stream::ALL.map(|stream| format!("{stream}.sqlite"));
    files.iter().chain(&logs).any(|name| data.join(name).exists()) || is_archive(data)
}

/// Whether a directory is an archive itself.
pub(crate) fn is_archive(path: &Path) -> bool {
    path.join("manifests").is_dir()
}

/// An archive that is not in the data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Elsewhere<'p> {
    /// In a bucket of S3.
    Bucket(&'p str),
    /// In a directory.
    Directory(PathBuf),
}

impl Places {
    /// Whether something of it is not in the data directory.
    pub(crate) const fn is_elsewhere(&self) -> bool {
        self.nats.is_some() || self.archive.is_some() || self.catalog.is_some()
    }

    /// Where the archive is, if it is not in the data directory.
    ///
    /// # Errors
    /// If it is neither a bucket nor a directory.
    pub(crate) fn archive_elsewhere(&self) -> anyhow::Result<Option<Elsewhere<'_>>> {
        let Some(named) = self.archive.as_deref() else { return Ok(None) };
        if let Some(bucket) = named.strip_prefix("s3://").filter(|bucket| !bucket.is_empty() && !bucket.contains('/')) {
            return Ok(Some(Elsewhere::Bucket(bucket)));
        }
        let path = named.strip_prefix("file://").unwrap_or(named);
        if path.is_empty() || path.contains("://") || path.starts_with("s3:") {
            bail!("archive {named:?} must be s3://BUCKET or a directory");
        }
        Ok(Some(Elsewhere::Directory(PathBuf::from(path))))
    }
}

/// An opened installation.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    /// What it was opened from.
    pub(crate) places: Places,
    /// The click log.
    pub(crate) clicks: Arc<dyn Log>,
    /// The verdict log.
    pub(crate) verdicts: Arc<dyn Log>,
    /// The log of rejected events.
    pub(crate) rejected: Arc<dyn Log>,
    /// The log of issued documents.
    pub(crate) invoices: Arc<dyn Log>,
    /// The archive.
    pub(crate) archive: Archive,
    /// The catalog.
    pub(crate) catalog: Arc<dyn Catalog>,
    /// What time it is.
    pub(crate) clock: Arc<dyn Clock>,
    /// Whether nothing can be written into the catalog.
    pub(crate) is_read_only: bool,
    /// Where a process that reads keeps what it derives.
    #[allow(dead_code, reason = "held until the process ends")]
    pub(crate) scratch: Option<Arc<Scratch>>,
}

impl Installation {
    /// Opens everything, creating what an empty data directory needs.
    ///
    /// # Errors
    /// Names the place that could not be opened.
    pub(crate) async fn open(places: Places, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&places.data)
            .with_context(|| format!("create data directory {}", places.data.display()))?;
        let clicks = open_log(&places, Stream::Clicks, Arc::clone(&clock)).await?;
        let verdicts = open_log(&places, Stream::Verdicts, Arc::clone(&clock)).await?;
        let rejected = open_log(&places, Stream::Rejected, Arc::clone(&clock)).await?;
        let invoices = open_log(&places, Stream::Invoices, Arc::clone(&clock)).await?;
        Self::with_logs(places, clock, [clicks, verdicts, rejected, invoices]).await
    }

    // What opens logs and catalog is boxed: the future of every command would hold it.
    async fn with_logs(
        places: Places,
        clock: Arc<dyn Clock>,
        [clicks, verdicts, rejected, invoices]: [Arc<dyn Log>; 4],
    ) -> anyhow::Result<Self> {
        let archive = match places.archive_elsewhere()? {
            None => Archive::directory(places.data.join("archive"))?,
            Some(Elsewhere::Directory(path)) => Archive::directory(path)?,
            Some(Elsewhere::Bucket(bucket)) => Archive::s3(bucket)?,
        };
        let catalog: Arc<dyn Catalog> = match places.catalog.as_deref() {
            None => {
                let path = places.data.join("catalog.sqlite");
                Arc::new(Box::pin(Sqlite::open(&path)).await.context("open the embedded catalog")?)
            }
            Some(url) => Arc::new(Box::pin(Postgres::connect(url)).await.context("connect to the catalog")?),
        };
        let (is_read_only, scratch) = (false, None);
        Ok(Self { places, clicks, verdicts, rejected, invoices, archive, catalog, clock, is_read_only, scratch })
    }

    /// One of its logs.
    pub(crate) fn log(&self, stream: Stream) -> &Arc<dyn Log> {
        match stream {
            Stream::Clicks => &self.clicks,
            Stream::Verdicts => &self.verdicts,
            Stream::Rejected => &self.rejected,
            Stream::Invoices => &self.invoices,
        }
    }

    /// What was ruled, from the verdict log and its archive.
    pub(crate) fn rulings(&self) -> VerdictReader {
        VerdictReader::new(Arc::clone(&self.verdicts), self.archive.clone())
    }

    /// The judge of this installation.
    pub(crate) fn judging(&self, rules: Arc<Ruleset>) -> Judging {
        let (clicks, verdicts) = (Arc::clone(&self.clicks), Arc::clone(&self.verdicts));
        let judge = Judge::new(Arc::clone(&clicks), verdicts, self.archive.clone(), rules, Arc::clone(&self.clock));
        Judging::new(judge, clicks, Arc::clone(&self.catalog))
    }

    /// What counts its clicks live, behind the judge.
    pub(crate) fn projector(&self, limits: session::Limits) -> Projector {
        let (log, catalog) = (Arc::clone(&self.clicks), Arc::clone(&self.catalog));
        let projector = Projector::new(log, self.archive.clone(), catalog, limits);
        projector.at_present(Arc::clone(&self.clock)).behind_judge(self.rulings())
    }

    /// What seals its hours, behind the judge.
    pub(crate) fn archiver(&self, limits: session::Limits) -> Archiver {
        let (log, catalog, clock) = (Arc::clone(&self.clicks), Arc::clone(&self.catalog), Arc::clone(&self.clock));
        let archiver = Archiver::new(log, self.archive.clone(), catalog, clock, limits);
        archiver
            .behind_judge(Arc::clone(&self.verdicts), self.rulings())
            .with_invoices(Arc::clone(&self.invoices))
            .with_rejected(Arc::clone(&self.rejected))
    }

    /// What answers questions about it.
    pub(crate) fn questions(&self) -> Service {
        Service {
            clicks: Arc::clone(&self.clicks),
            history: self.rulings(),
            archive: self.archive.clone(),
            catalog: Arc::clone(&self.catalog),
            limits: session::Limits::default(),
        }
    }

    /// A writer of past events under `identity`. The installation must have been opened with `clock`; `present` is the
    /// machine's time.
    ///
    /// # Errors
    /// If the log is not embedded: a broker gives frames its own time.
    pub(crate) fn backfill(
        self,
        rules: Arc<Ruleset>,
        clock: Arc<ManualClock>,
        present: Timestamp,
        identity: Uuid,
    ) -> anyhow::Result<Backfill> {
        if !self.is_embedded() {
            bail!("this needs the embedded log, because a broker gives events its own logged time");
        }
        let limits = session::Limits::default();
        let parts = Parts {
            judging: self.judging(rules),
            projector: self.projector(limits),
            archiver: self.archiver(limits),
            clicks: self.clicks,
            archive: self.archive,
            catalog: self.catalog,
        };
        Ok(Backfill::new(parts, clock, present, identity))
    }

    /// Whether the log is embedded: then history can be logged under its own time.
    pub(crate) fn is_embedded(&self) -> bool {
        self.places.nats.is_none()
    }
}

async fn open_log(places: &Places, stream: Stream, clock: Arc<dyn Clock>) -> anyhow::Result<Arc<dyn Log>> {
    let Some(config) = broker(places) else {
        let path = places.data.join(format!("{stream}.sqlite"));
        return Ok(Arc::new(Box::pin(EmbeddedLog::open(&path, stream, clock)).await?));
    };
    let url = config.url.clone();
    let log = Box::pin(jetstream::JetStreamLog::connect(config, stream)).await;
    Ok(Arc::new(log.with_context(|| format!("open the {stream} stream on {url}"))?))
}

/// How the broker is reached that has the logs, if one has them.
pub(crate) fn broker(places: &Places) -> Option<jetstream::Config> {
    let mut config = jetstream::Config::new(places.nats.clone()?);
    config.prefix.clone_from(&places.stream_prefix);
    config.monitor_url.clone_from(&places.nats_monitor);
    config.replicas = places.replicas.unwrap_or(config.replicas);
    Some(config)
}

/// The file that is locked.
pub(crate) const WRITE_LOCK: &str = "write.lock";

/// The right to write from a data directory: two processes would share its spool, and build on each other's files.
#[derive(Debug)]
pub(crate) struct WriteLock {
    #[allow(dead_code, reason = "held for its lock, which ends with the process")]
    file: File,
    /// The directory itself, which nobody can remove to get past the lock; `None` where it cannot be locked.
    #[allow(dead_code, reason = "held for its lock, which ends with the process")]
    directory: Option<File>,
}

impl WriteLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// If another process holds it.
    pub(crate) fn take(data: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(data).with_context(|| format!("create data directory {}", data.display()))?;
        let taken = || anyhow!("another clicktrail process writes to {}: stop it first", data.display());
        let path = data.join(WRITE_LOCK);
        let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
        if file.try_lock().is_err() {
            return Err(taken());
        }
        let directory = File::open(data).with_context(|| format!("open {}", data.display()))?;
        let directory = match directory.try_lock() {
            Ok(()) => Some(directory),
            Err(TryLockError::WouldBlock) => return Err(taken()),
            // Some network file systems lock no directories.
            Err(TryLockError::Error(_)) => None,
        };
        Ok(Self { file, directory })
    }
}

#[derive(Serialize, Deserialize)]
struct StoredWriter {
    id: Uuid,
    /// How often earlier programs started here. They numbered their starts, and would go on from it.
    epoch: u32,
}

/// The writer of this start. Its identity is new at every start, and half of it is random, so no process on a copy of
/// the directory has it; the other half says which directory it is of.
///
/// # Errors
/// If the file in the data directory cannot be read or written.
pub(crate) fn next_writer(data: &Path, _lock: &WriteLock, ids: &dyn Ids, now: Timestamp) -> anyhow::Result<Writer> {
    let id = directory_id(data, ids, now)?;
    Ok(Writer::new(identity_of_start(id, ids.next(now)), 1))
}

/// The id of the data directory: made at its first start, fsynced before it is used, never changed.
fn directory_id(data: &Path, ids: &dyn Ids, now: Timestamp) -> anyhow::Result<Uuid> {
    let path = data.join("writer.json");
    match std::fs::read(&path) {
        Ok(bytes) => {
            let stored: StoredWriter =
                serde_json::from_slice(&bytes).with_context(|| format!("read {}", path.display()))?;
            return Ok(stored.id);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    }
    let stored = StoredWriter { id: ids.next(now), epoch: 0 };
    let fresh = data.join("writer.json.new");
    let mut file = File::create(&fresh).with_context(|| format!("write {}", fresh.display()))?;
    file.write_all(&serde_json::to_vec(&stored)?)?;
    file.sync_all()?;
    std::fs::rename(&fresh, &path)?;
    File::open(data)?.sync_all()?;
    Ok(stored.id)
}
