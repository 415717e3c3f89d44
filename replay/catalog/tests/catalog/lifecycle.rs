//! Opening, reopening, and what happens when something is wrong.

use clicktrail_catalog::{Error, Segment};

use crate::{
    invoicing_samples::{invoice, issued},
    place::Place,
    samples::{COUNTERS, ad, at, equal, hour, partial, sealed, segment, seq},
};

pub(crate) async fn what_was_stored_is_there_after_reopening(place: Place) {
    let catalog = place.open().await;
    catalog.put_ads(&[ad("a", i64::MAX)], "ann", at(0)).await.unwrap();
    catalog.put_partial(&partial(hour(0), 1, 8)).await.unwrap();
    let mut largest = sealed(hour(0), 1, 8);
    (largest.epoch, largest.rows, largest.parts, largest.bytes) = (127, 1 << 62, u32::MAX, 1 << 62);
    catalog.seal(&largest, &segment(hour(0)), &|hot| equal(hour(0), hot.len())).await.unwrap();
    catalog.put_partial(&partial(hour(1), 9, 9)).await.unwrap();
    let before = catalog.snapshot(COUNTERS, hour(0), hour(1)).await.unwrap();
    drop(catalog);

    let reopened = place.open().await;
    assert_eq!(reopened.list_ads("", 10).await.unwrap(), [ad("a", i64::MAX)]);
    assert_eq!(reopened.ads_version().await.unwrap(), 1);
    assert_eq!(reopened.last_hour().await.unwrap(), Some(largest));
    assert_eq!(reopened.counted_through().await.unwrap(), seq(9));
    assert_eq!(reopened.snapshot(COUNTERS, hour(0), hour(1)).await.unwrap(), before);
    assert_eq!(reopened.reconciliations(hour(0), 10).await.unwrap(), [equal(hour(0), 1)]);
}

pub(crate) async fn two_programs_may_create_the_catalog_at_once(place: Place) {
    let (one, two, three) = tokio::join!(place.try_open(), place.try_open(), place.try_open());
    for catalog in [one, two, three] {
        assert_eq!(catalog.unwrap().ads_version().await.unwrap(), 0);
    }
    let applied = "SELECT name FROM schema_migrations ORDER BY number";
    assert_eq!(place.texts(applied).await, scripts());
}

/// The names of all scripts, in order.
fn scripts() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/sqlite");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.iter().map(|name| name[5..].strip_suffix(".sql").unwrap().to_owned()).collect()
}

async fn refusal(place: &Place) -> String {
    let error = place.try_open().await.unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)) && !error.is_transient(), "{error:?}");
    error.to_string()
}

pub(crate) async fn changed_migration_is_refused(place: Place) {
    drop(place.open().await);
    place.execute("UPDATE schema_migrations SET sha256 = 'ff' WHERE number = 2").await;
    assert_eq!(
        refusal(&place).await,
        "the catalog holds migration 0002_hours with other content than this program's: SHA-256 ff"
    );
}

pub(crate) async fn newer_migration_is_refused(place: Place) {
    drop(place.open().await);
    place
        .execute(
            "INSERT INTO schema_migrations (number, name, sha256)
             SELECT MAX(number) + 1, 'later', 'ff' FROM schema_migrations",
        )
        .await;
    let newer = scripts().len() + 1;
    assert_eq!(
        refusal(&place).await,
        format!("the catalog holds migration {newer:04}_later, which this program does not know: a newer one was here")
    );
}

/// What the program of five migrations left: ads, and nothing of their changes.
pub(crate) async fn catalog_without_changes_of_ads_is_brought_up_to_date(place: Place) {
    place.migrate_to(5).await;
    place.execute("INSERT INTO ads VALUES ('a', 'acme', 'spring', 'https://example.com/a', 1, 'EUR')").await;
    let catalog = place.open().await;
    assert_eq!(catalog.list_ads("", 10).await.unwrap(), [ad("a", 1)]);
    assert_eq!(catalog.ad_changes("a", 0, 10).await.unwrap(), []);
    catalog.pause_ads(&["a".to_owned()], true, "bob", at(1)).await.unwrap();
    let changes = catalog.ad_changes("a", 0, 10).await.unwrap();
    assert_eq!((changes.len(), &changes[0].before.as_ref().unwrap().ad), (1, &ad("a", 1)));
}

/// What the program of six migrations left: segments by their keys, of which two count, and later rulings.
pub(crate) async fn catalog_without_generations_keeps_what_counts(place: Place) {
    place.migrate_to(6).await;
    place
        .execute(
            "INSERT INTO hours VALUES (490000, 1, 8, 1, 8000, 1, 123456, 'manifest 2025-11-24T16'),
                (490001, 9, 16, 1, 8000, 1, 123456, 'manifest 2025-11-24T17');
             INSERT INTO segments VALUES ('k0', 'counters', 490000, 4321, 17, 'input', 'code', 'output', 0),
                ('k1', 'counters', 490001, 4321, 17, 'input', 'code', 'output', 72057594037993472),
                ('k2', 'counters', 490001, 5, 1, 'input', 'earlier code', 'output 2', 0);
             INSERT INTO live_segments VALUES ('counters', 490000, 'k0'), ('counters', 490001, 'k1');
             INSERT INTO reconciliations VALUES ('counters', 490000, 'equal', 17, 1, '', 1700000000000005);
             INSERT INTO later_rulings VALUES (3, 72057594037993472, 72057594037993473, 2)",
        )
        .await;
    let catalog = place.open().await;
    let snapshot = catalog.snapshot(COUNTERS, hour(-9), hour(9)).await.unwrap();
    let expected =
        |after, key: &str, verdicts_before| Segment { key: key.to_owned(), verdicts_before, ..segment(hour(after)) };
    assert_eq!(snapshot.segments, [expected(0, "k0", 0), expected(1, "k1", 72_057_594_037_993_472)]);
    assert!(snapshot.pointers.iter().all(|live| live.generation.is_none() && live.knows_before.is_none()));
    assert_eq!(snapshot.marks.holes, []);
    let stale: Vec<_> = snapshot.stale.iter().map(|stale| (stale.hour, stale.verdicts)).collect();
    assert_eq!((stale, snapshot.ruled), (vec![(hour(0), 2)], snapshot.stale));
    assert_eq!(catalog.sealed_segment(COUNTERS, hour(1)).await.unwrap(), snapshot.segments.get(1).cloned());
    assert_eq!(place.texts("SELECT segment_key FROM segments ORDER BY segment_key").await, ["k0", "k1", "k2"]);
    // The same hour is taken again as the one that it is.
    catalog.seal(&sealed(hour(0), 1, 8), &snapshot.segments[0], &|_| panic!("sealed already")).await.unwrap();
}

/// What the program of ten migrations left: an ad, and an audit row that nobody may lose.
pub(crate) async fn catalog_without_invoices_is_brought_up_to_date(place: Place) {
    place.migrate_to(10).await;
    place.execute("INSERT INTO audit (at, actor, action, detail) VALUES (5, 'ann', 'put_ads', '1 of 1')").await;
    let catalog = place.open().await;
    assert_eq!(catalog.invoicing_damage().await.unwrap(), Vec::<String>::new());
    let first = issued(catalog.as_ref(), &invoice("a", "a"), "INV").await;
    assert!(catalog.document(&first).await.unwrap().is_some());
    let actions = place.texts("SELECT action FROM audit ORDER BY audit_id").await;
    assert_eq!(actions, ["put_ads", "put_drafts", "approve", "issue"]);
}

pub(crate) async fn row_that_is_not_ours_is_named(place: Place) {
    let catalog = place.open().await;
    catalog.seal(&sealed(hour(0), 1, 8), &segment(hour(0)), &|hot| equal(hour(0), hot.len())).await.unwrap();
    place.execute("UPDATE hours SET parts = 4294967296").await;
    let error = catalog.last_hour().await.unwrap_err();
    assert!(matches!(error, Error::Damaged(_)), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the catalog is damaged: a row of hours with hour 490000, whose parts is not valid: 4294967296: run \
         `clicktrail catalog rebuild`"
    );
}

/// The transaction is undone, and the one connection that SQLite writes through is free again.
pub(crate) async fn failed_comparison_leaves_the_catalog_usable(place: Place) {
    let catalog = place.open().await;
    catalog.put_partial(&partial(hour(0), 1, 8)).await.unwrap();
    let sealing = {
        let catalog = place.open().await;
        tokio::spawn(async move {
            let (hour, segment) = (sealed(hour(0), 1, 8), segment(hour(0)));
            catalog.seal(&hour, &segment, &|_| panic!("a comparison that has a bug")).await
        })
    };
    assert!(sealing.await.unwrap_err().is_panic());
    assert_eq!(catalog.last_hour().await.unwrap(), None);
    catalog.put_partial(&partial(hour(0), 9, 9)).await.unwrap();
    assert_eq!(catalog.counted_through().await.unwrap(), seq(9));
}

/// Waits for the catalog's patience to end: ten seconds.
pub(crate) async fn locked_database_is_unavailable(place: Place) {
    let catalog = place.open().await;
    let held = place.hold().await;
    let error = catalog.put_partial(&partial(hour(0), 1, 8)).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)) && error.is_transient(), "{error:?}");
    held.release().await;
    catalog.put_partial(&partial(hour(0), 1, 8)).await.unwrap();
}
