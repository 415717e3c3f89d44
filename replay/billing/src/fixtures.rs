//! An invoice of every version that was published, with all that it pins, under `replay/billing/fixtures/`: it must
//! come out as the same bytes for ever, from its segments and from raw hours.
//!
//! A fixture is never changed. A new version gets one of its own beside the old ones, written by running these tests
//! once with `CLICKTRAIL_WRITE_FIXTURES=1`.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use clicktrail_catalog::{Catalog, Sqlite, invoicing::DocumentNumber};
use clicktrail_log::{
    archive::{Archive, keys::invoices::Form},
    embedded::EmbeddedLog,
    log::{Log, Stream},
    time::ManualClock,
};
use clicktrail_rendering::{Fonts, Template};
use clicktrail_verdicts::reader::VerdictReader;

use crate::{
    ahead::Looking,
    counted::Origin,
    issue::tests::{approved, bed, desk_with, draft},
    paper::Typeset,
    records::restore::Restoring,
    regenerate::Regenerating,
    testing::time,
};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn paper() -> Arc<Typeset> {
    Arc::new(Typeset::new(Template::builtin(), Fonts::builtin()))
}

/// The archive of an installation that issued one invoice.
async fn write(to: &Path) {
    let bed = bed().await;
    draft(&bed).await;
    let desk = desk_with(&bed, bed.archive.clone(), paper()).await;
    let outcome = desk.issuing.issue(approved(&bed).await, |_| {}).await;
    assert_eq!(outcome.issued.len(), 1, "{outcome:?}");
    for object in bed.archive.list(&object_store::path::Path::from("")).await.unwrap() {
        let name = object.path.as_ref();
        let is_read =
            ["manifests/clicks/", "clicks/", "segments/", "invoices/"].iter().any(|kind| name.starts_with(kind));
        if is_read && !name.starts_with("invoices/usage/") && !name.starts_with("invoices/drafts/") {
            let file = to.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, bed.archive.get(&object.path).await.unwrap()).unwrap();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invoice_of_version_1_is_regenerated_to_the_byte() {
    let fixture = path("invoice-1");
    if std::env::var_os("CLICKTRAIL_WRITE_FIXTURES").is_some() {
        write(&fixture).await;
    }
    let directory = tempfile::tempdir().unwrap();
    copy(&fixture, &directory.path().join("archive"));
    let archive = Archive::directory(directory.path().join("archive")).unwrap();
    let catalog: Arc<dyn Catalog> = Arc::new(Sqlite::open(&directory.path().join("catalog.sqlite")).await.unwrap());
    let now = time("2027-01-01T00:00:00Z");
    let clock = Arc::new(ManualClock::new(now));
    let path = directory.path().join("invoices.sqlite");
    let log = EmbeddedLog::open(&path, Stream::Invoices, Arc::clone(&clock) as Arc<_>);
    let log: Arc<dyn Log> = Arc::new(log.await.unwrap());
    let looking = Looking { archive: archive.clone(), catalog: Arc::clone(&catalog), log };
    let restored = Restoring { looking: &looking, actor: "ann", now, takes_entries: false }.run().await.unwrap();
    assert_eq!((restored.documents, restored.periods), (1, 1), "{restored:?}");
    let log = EmbeddedLog::open(&directory.path().join("verdicts.sqlite"), Stream::Verdicts, clock).await.unwrap();
    let (history, paper) = (VerdictReader::new(Arc::new(log), archive.clone()), paper());
    for origin in [Origin::Segments, Origin::Raw(&history)] {
        let regenerating = Regenerating { archive: &archive, catalog: catalog.as_ref(), paper: paper.as_ref(), origin };
        let first = DocumentNumber { series: "INV".to_owned(), number: 1 };
        let again = regenerating.run(&first, None).await.unwrap().unwrap();
        assert!(again.findings.is_empty(), "{:?}", again.findings);
        let equal: BTreeSet<Form> = again.equal.iter().copied().collect();
        assert!(equal.is_superset(&BTreeSet::from([Form::Json, Form::Csv, Form::Parquet])), "{equal:?}");
        // Another renderer may set other pages, and says so.
        let skipped: Vec<&str> = again.skipped.iter().map(|skipped| skipped.form.as_str()).collect();
        assert!(skipped.is_empty() || skipped == ["pdf"], "{skipped:?}");
    }
}
