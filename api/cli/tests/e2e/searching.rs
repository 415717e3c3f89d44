//! Looks for a text wherever an installation stores anything: in files, in objects of the archive, in frames of logs
//! and spools, and in rows of the catalog, whatever is compressed in them.

use std::{path::Path, sync::Arc, time::Duration};

use arrow::array::{AsArray as _, RecordBatch};
use clicktrail_log::{
    archive::part,
    embedded::EmbeddedLog,
    log::{Log, ReadLimit, Stream},
    time::SystemClock,
};
use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::{installation::Installation, real_log::tree};

/// Bytes of a frame by which it is known again in somebody's files.
const MARK_BYTES: usize = 64;

/// Where a text is, and what the frames that hold it look like in files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) places: Vec<String>,
    /// Compressed bytes from the middle of each of these frames, with the name of the frame.
    pub(crate) marks: Vec<(String, Vec<u8>)>,
}

/// Where a text can be read.
pub(crate) async fn places(installation: &Installation, text: &str) -> Vec<String> {
    look(installation, text).await.places
}

/// Looks for a text everywhere.
pub(crate) async fn look(installation: &Installation, text: &str) -> Found {
    let mut found = Found::default();
    for (path, bytes) in tree(&installation.data()) {
        in_bytes(&mut found, &path.display().to_string(), &bytes, text);
    }
    for (name, bytes) in objects(installation).await {
        in_bytes(&mut found, &format!("object {name}"), &bytes, text);
    }
    for stream in Stream::ALL {
        in_log(&mut found, &stream.to_string(), installation.log(stream).await.as_ref(), text).await;
        let spool = installation.data().join(format!("spool-{stream}.sqlite"));
        if spool.is_file() {
            let log = EmbeddedLog::open(&spool, stream, Arc::new(SystemClock)).await.unwrap();
            in_log(&mut found, &format!("the spool of {stream}"), &log, text).await;
        }
    }
    if installation.has_postgres() {
        in_catalog(&mut found, installation, text).await;
    }
    found
}

/// Which of the marks are in a file under `folder`.
pub(crate) fn marked(folder: &Path, marks: &[(String, Vec<u8>)]) -> Vec<String> {
    let files = tree(folder);
    let mut found = Vec::new();
    for (name, mark) in marks {
        let holding = files.iter().filter(|(_, bytes)| holds(bytes, mark));
        found.extend(holding.map(|(path, _)| format!("{name} in {}", path.display())));
    }
    found
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn in_bytes(found: &mut Found, name: &str, bytes: &[u8], text: &str) {
    let is_part = Path::new(name).extension().is_some_and(|extension| extension == "parquet");
    let is_decoded = is_part && part::read(bytes.to_vec().into(), None).unwrap().any(|rows| says(&rows.unwrap(), text));
    if is_decoded || holds(bytes, text.as_bytes()) {
        found.places.push(name.to_owned());
    }
}

/// Everything in the archive, by its name.
async fn objects(installation: &Installation) -> Vec<(String, Vec<u8>)> {
    let store = installation.archive().object_store();
    let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    let mut objects = Vec::new();
    for object in listed {
        let bytes = store.get(&object.location).await.unwrap().bytes().await.unwrap();
        objects.push((object.location.to_string(), bytes.to_vec()));
    }
    objects
}

async fn in_log(found: &mut Found, name: &str, log: &dyn Log, text: &str) {
    let info = log.info().await.unwrap();
    let mut next = info.first;
    while next <= info.last {
        let frames = log.read(next, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
        for logged in &frames {
            if says(&logged.frame.decode().unwrap(), text) {
                let frame = format!("frame {} of {name}", logged.seq);
                let payload = &logged.frame.payload;
                let begin = payload.len().saturating_sub(MARK_BYTES) / 2;
                found.marks.push((frame.clone(), payload[begin..payload.len().min(begin + MARK_BYTES)].to_vec()));
                found.places.push(frame);
            }
            next = logged.seq.next();
        }
    }
}

/// Every row of every table, as text; bytes stand there in hexadecimal digits.
async fn in_catalog(found: &mut Found, installation: &Installation, text: &str) {
    let mut catalog = PgConnection::connect(installation.catalog_url()).await.unwrap();
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut catalog).await.unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    for table in tables {
        let rows = format!("SELECT t::text FROM \"{table}\" t");
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(&mut catalog).await.unwrap();
        if rows.iter().any(|row| row.contains(text) || row.contains(&hex::encode(text))) {
            found.places.push(format!("table {table}"));
        }
    }
    catalog.close().await.unwrap();
}

fn says(rows: &RecordBatch, text: &str) -> bool {
    rows.columns().iter().any(|column| {
        let mut texts = column.as_string_opt::<i32>().into_iter().flatten().flatten();
        let mut bytes = column.as_binary_opt::<i32>().into_iter().flatten().flatten();
        texts.any(|found| found.contains(text)) || bytes.any(|bytes| holds(bytes, text.as_bytes()))
    })
}
