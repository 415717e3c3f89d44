//! Opens an installation for reading: only what is there, and nothing of it is changed.
//!
//! A log that is not there ends where its archive ends. A catalog that is not there is made from the archive, in a
//! directory of its own that is gone with the command. So an archive alone answers.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, bail};
use clicktrail_billing::records::restore::Restoring;
use clicktrail_catalog::{Catalog, Postgres, Sqlite};
use clicktrail_log::{
    archive::{self, Archive, clicks::Clicks, invoices::Invoices, rejected::RejectedEvents},
    away::AwayLog,
    causes::causes,
    embedded::EmbeddedLog,
    ended::EndedLog,
    jetstream::JetStreamLog,
    log::{self, Log, Stream},
    sqlite::{Unchanged, is_writable},
    time::{Clock, SystemClock},
};
use clicktrail_projections::session;
use clicktrail_replay::rebuild::Rebuild;
use clicktrail_verdicts::archive::Verdicts;

use crate::{
    global::Global,
    installation::{Elsewhere, Installation, Places, broker, is_archive},
    output,
    scratch::Scratch,
};

/// What a command needs of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing, if it is not there: then an empty one does.
    Nothing,
    /// What it says. If it is not there, it is made from the archive.
    Answers,
    /// The same, and a row of the audit trail, if that can be written here.
    Trail,
}

/// What was read without a lock, because nobody had it open.
static READ: Mutex<Vec<Unchanged>> = Mutex::new(Vec::new());

/// A sentence if something was changed while it was read: then what was printed may be wrong.
pub(crate) fn disturbed() -> Option<String> {
    let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let changed = read.iter().find_map(Unchanged::changed)?;
    Some(format!(
        "another process began to write to {} while it was read: what is printed may be wrong, so ask again",
        changed.display()
    ))
}

fn watch(unchanged: Option<Unchanged>) {
    READ.lock().unwrap_or_else(PoisonError::into_inner).extend(unchanged);
}

impl Global {
    /// Opens an installation for reading: nothing of it is changed, and only what is asked for has to be there.
    pub(crate) async fn open_reading(&self) -> anyhow::Result<Installation> {
        self.open_for(Need::Answers).await
    }

    /// The same for a command that reads, and has to be written into the audit trail if that can be.
    pub(crate) async fn open_recorded(&self) -> anyhow::Result<Installation> {
        self.open_for(Need::Trail).await
    }

    /// The same for a command that needs so much of the catalog.
    pub(crate) async fn open_for(&self, need: Need) -> anyhow::Result<Installation> {
        open(self.existing()?, Arc::new(SystemClock), need).await
    }
}

/// Opens what is there.
///
/// # Errors
/// Names the place that could not be opened.
async fn open(places: Places, clock: Arc<dyn Clock>, need: Need) -> anyhow::Result<Installation> {
    let scratch = Arc::new(Scratch::new()?);
    let archive = archive(&places, scratch.path())?;
    let mut logs: Vec<Arc<dyn Log>> = Vec::new();
    let mut away: Option<String> = None;
    for stream in Stream::ALL {
        let opened = match &away {
            None => read_log(&places, stream, &archive, &clock).await,
            // One broker holds all of them: it is not waited for again.
            Some(reason) => Ok(Arc::new(AwayLog::new(reason.clone())) as Arc<dyn Log>),
        };
        logs.push(match opened {
            Err(cause) if cause.downcast_ref::<log::Error>().is_some_and(log::Error::is_transient) => {
                let reason = format!("{cause:#}");
                away = Some(reason.clone());
                Arc::new(AwayLog::new(reason))
            }
            other => other?,
        });
    }
    let [clicks, verdicts, rejected, invoices]: [_; 4] = logs.try_into().expect("one log for each of the four streams");
    let found = read_catalog(&places, scratch.path(), need).await?;
    let (is_read_only, is_missing) = (!found.is_writable, found.is_missing);
    let catalog = found.catalog;
    let scratch = Some(scratch);
    let instance =
        Installation { places, clicks, verdicts, rejected, invoices, archive, catalog, clock, is_read_only, scratch };
    match (is_missing, need) {
        (false, _) => {}
        (true, Need::Nothing) => output::note("there is no catalog: what only it holds is not known"),
        (true, Need::Answers | Need::Trail) => {
            Box::pin(make_catalog(&instance))
                .await
                .context("make a catalog from the archive, because there is none")?;
        }
    }
    Ok(instance)
}

fn archive(places: &Places, aside: &Path) -> anyhow::Result<Archive> {
    let held = places.data.join("archive");
    Ok(match places.archive_elsewhere()? {
        Some(Elsewhere::Bucket(bucket)) => Archive::read_s3(bucket, aside)?,
        Some(Elsewhere::Directory(path)) if !path.is_dir() => {
            bail!("there is no archive {}", path.display())
        }
        Some(Elsewhere::Directory(path)) => Archive::read_directory(&path, aside)?,
        None if !held.is_dir() && is_archive(&places.data) => Archive::read_directory(&places.data, aside)?,
        None => Archive::read_directory(&held, aside)?,
    })
}

async fn read_log(
    places: &Places,
    stream: Stream,
    archive: &Archive,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn Log>> {
    if let Some(config) = broker(places) {
        let connected = Box::pin(JetStreamLog::connect_existing(config, stream)).await;
        let connected = connected.with_context(|| format!("open the {stream} stream"))?;
        return match connected {
            Some(log) => Ok(Arc::new(log)),
            None => ended(stream, archive, "on the broker").await,
        };
    }
    let path = places.data.join(format!("{stream}.sqlite"));
    if !path.exists() {
        return ended(stream, archive, &format!("in {}", places.data.display())).await;
    }
    match Box::pin(EmbeddedLog::open_reading(&path, stream, Arc::clone(clock))).await? {
        Some((log, how)) => {
            watch(how.watched);
            Ok(Arc::new(log))
        }
        None => ended(stream, archive, &format!("in {}", path.display())).await,
    }
}

/// Stands in for a log that is not there, and says so where it matters.
async fn ended(stream: Stream, archive: &Archive, place: &str) -> anyhow::Result<Arc<dyn Log>> {
    let found = match stream {
        Stream::Clicks => EndedLog::of::<Clicks>(archive).await,
        Stream::Verdicts => EndedLog::of::<Verdicts>(archive).await,
        Stream::Invoices => EndedLog::of::<Invoices>(archive).await,
        Stream::Rejected => EndedLog::of::<RejectedEvents>(archive).await,
    };
    if stream == Stream::Clicks {
        output::note(&format!("there is no click log {place}: what was not sealed is not known"));
    }
    match found {
        Ok(log) => Ok(Arc::new(log)),
        Err(cause) if cause.is_transient() => Ok(Arc::new(AwayLog::new(causes(&cause).to_string()))),
        Err(cause @ (archive::Error::Manifest { .. } | archive::Error::Setup(_))) => {
            Ok(Arc::new(AwayLog::new(causes(&cause).to_string())))
        }
        Err(cause) => Err(cause).with_context(|| format!("find the end of the log of {stream}")),
    }
}

struct Found {
    catalog: Arc<dyn Catalog>,
    is_writable: bool,
    is_missing: bool,
}

async fn read_catalog(places: &Places, aside: &Path, need: Need) -> anyhow::Result<Found> {
    if let Some(url) = &places.catalog {
        let connected = Box::pin(Postgres::connect_reading(url)).await.context("connect to the catalog")?;
        return Ok(Found { catalog: Arc::new(connected), is_writable: true, is_missing: false });
    }
    let (path, copy) = (places.data.join("catalog.sqlite"), aside.join("catalog.sqlite"));
    if !path.exists() {
        let empty = Box::pin(Sqlite::open(&copy)).await.context("make a catalog")?;
        return Ok(Found { catalog: Arc::new(empty), is_writable: false, is_missing: true });
    }
    if need == Need::Trail && is_writable(&path) && is_writable(&places.data) {
        let opened = Box::pin(Sqlite::open(&path)).await.context("open the embedded catalog")?;
        return Ok(Found { catalog: Arc::new(opened), is_writable: true, is_missing: false });
    }
    let opened = Box::pin(Sqlite::open_reading(&path, &copy)).await;
    let (catalog, how) = opened.context("open the embedded catalog")?;
    watch(how.watched);
    Ok(Found { catalog: Arc::new(catalog), is_writable: false, is_missing: false })
}

/// Makes the catalog from archive and logs, for this process alone.
async fn make_catalog(instance: &Installation) -> anyhow::Result<()> {
    output::note("there is no catalog: it is made from the archive, for this answer alone");
    let rebuild = Rebuild {
        clicks: Arc::clone(&instance.clicks),
        archive: instance.archive.clone(),
        history: instance.rulings(),
        catalog: Arc::clone(&instance.catalog),
        limits: session::Limits::default(),
        trusts_log: false,
        verdicts_kept: None,
    };
    let rebuilt = rebuild.run(instance.clock.as_ref(), "reading", |_, _| ()).await?;
    if rebuilt.unjudged > 0 {
        let hours = output::count(rebuilt.unjudged, "sealed hour");
        output::note(&format!("{hours} not counted: nothing shows that the judge has passed them"));
    }
    if let Some(why) = rebuilt.open_uncounted {
        output::note(&format!("events behind the last sealed hour are not counted: {why}"));
    }
    let looking = crate::invoice::looking(instance);
    let restoring = Restoring { looking: &looking, actor: "reading", now: instance.clock.now(), takes_entries: false };
    for problem in restoring.run().await?.problems {
        output::note(&format!("PROBLEM issued documents: {problem}"));
    }
    Ok(())
}
