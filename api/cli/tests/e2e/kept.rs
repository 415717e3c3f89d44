//! What was issued is kept whatever is lost or damaged: older copies of catalog and archive use no number twice, a lost
//! catalog goes on where it was, and what is damaged is named and keeps nobody else from being billed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clicktrail_log::{
    frame::{Digest, Writer},
    invoices::{InvoiceEntry, schema},
    log::{ReadLimit, Stream},
    position::Seq,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    complete::delete_catalog,
    installation::Installation,
    invoices::{PERIOD, document, draft_and_approve, issue, regenerates, stored, week},
    invoicing::import,
};

/// Copies files and folders below a directory of data.
fn copy(from: &Path, to: &Path, names: &[&str]) {
    fs::create_dir_all(to).unwrap();
    for name in names {
        let (source, target) = (from.join(name), to.join(name));
        if source.is_dir() {
            let inside: Vec<PathBuf> = fs::read_dir(&source).unwrap().map(|entry| entry.unwrap().path()).collect();
            let inside: Vec<&str> = inside.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
            copy(&source, &target, &inside);
        } else if source.exists() {
            fs::copy(source, target).unwrap();
        }
    }
}

const CATALOG: [&str; 3] = ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"];

/// An invoice of one account is in the backup of catalog and archive, that of the other is not. Returns what the
/// archive had before it went back.
fn gone_back(installation: &Installation) -> PathBuf {
    draft_and_approve(installation, PERIOD, "24h");
    let data = installation.data();
    let (backup, newer) = (data.with_file_name("backup"), data.with_file_name("newer"));
    installation.ask(&["invoice", "issue", &format!("{PERIOD}.acme.EUR")]);
    copy(&data, &backup, &[&CATALOG[..], &["archive"]].concat());
    installation.ask(&["invoice", "issue", &format!("{PERIOD}.kavi.EUR")]);
    copy(&data, &newer, &["archive"]);
    delete_catalog(installation);
    fs::remove_dir_all(data.join("archive")).unwrap();
    copy(&backup, &data, &[&CATALOG[..], &["archive"]].concat());
    newer
}

fn names(installation: &Installation) -> Vec<String> {
    let listed = installation.ask(&["invoice", "list", "--state", "issued"]);
    listed.as_array().unwrap().iter().map(|row| row["document"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn older_catalog_and_archive_beside_a_newer_log_use_no_number_twice() {
    let installation = week();
    let newer = gone_back(&installation);
    let refused = installation.run(&["invoice", "issue", "--period", PERIOD]).exits(1);
    let said = refused.stderr();
    assert!(
        said.contains("the log of issued documents has INV-00000002, which the catalog does not know"),
        "{refused}"
    );
    assert!(said.contains("clicktrail catalog rebuild"), "{refused}");
    let doctor = installation.run(&["doctor"]).exits(2);
    assert!(doctor.stdout().contains("WARN  numbers") && doctor.stdout().contains("INV-00000002"), "{doctor}");
    installation.run(&["invoice", "correct", PERIOD]).exits(1);

    // The archive does not have its files either: they are named.
    let rebuilt = installation.run(&["catalog", "rebuild"]).exits(4);
    let said = rebuilt.stderr();
    assert!(said.contains("invoices/documents/INV/00000002/") && said.contains("--take-lost-documents"), "{rebuilt}");
    installation.run(&["invoice", "issue", "--period", PERIOD]).exits(1);

    // Once they are put back all of it is as it was, although no record of the archive says so.
    copy(&newer.join("archive/invoices"), &installation.data().join("archive/invoices"), &["documents"]);
    let rebuilt = installation.ask(&["catalog", "rebuild"]);
    assert_eq!((&rebuilt["documents"], &rebuilt["documents_of_log"]), (&json!(1), &json!(1)), "{rebuilt}");
    assert_eq!(names(&installation), ["INV-00000001", "INV-00000002"]);
    regenerates(&installation, "INV-00000002");
    let again = installation.ask(&["invoice", "issue", "--period", PERIOD]);
    assert_eq!(again["issued"], json!([]), "{again}");
    assert!(installation.run(&["doctor"]).stdout().contains("ok    numbers"));
}

#[test]
fn number_whose_document_is_lost_for_good_is_taken_as_given_out() {
    let installation = week();
    gone_back(&installation);
    let taken = installation.run(&["catalog", "rebuild", "--take-lost-documents"]).exits(4);
    assert!(taken.stderr().contains("is missing from the archive"), "{taken}");
    assert_eq!(names(&installation), ["INV-00000001", "INV-00000002"]);
    let lost = installation.run(&["invoice", "export", "INV-2", "--format", "pdf", "--out", "-"]).exits(1);
    assert!(lost.stderr().contains("is missing from the archive"), "{lost}");
    // What is issued next has the number behind it.
    installation.ask(&["invoice", "correct", "INV-00000001", "--cancel"]);
    installation.ask(&["invoice", "approve", "--period", PERIOD]);
    assert_eq!(issue(&installation, PERIOD), ["CN-00000001"]);
    draft_and_approve(&installation, PERIOD, "24h");
    assert_eq!(issue(&installation, PERIOD), ["INV-00000003"]);
}

#[test]
fn lost_catalog_goes_on_with_numbers_cancellations_periods_and_terms() {
    let installation = week();
    draft_and_approve(&installation, PERIOD, "24h");
    assert_eq!(issue(&installation, PERIOD), ["INV-00000001", "INV-00000002"]);
    installation.ask(&["invoice", "correct", "INV-00000002", "--cancel"]);
    installation.ask(&["invoice", "approve", "--period", PERIOD]);
    assert_eq!(issue(&installation, PERIOD), ["CN-00000001"]);
    draft_and_approve(&installation, PERIOD, "24h");
    assert_eq!(issue(&installation, PERIOD), ["INV-00000003"]);
    let accounts = installation.ask(&["accounts", "list"]);
    delete_catalog(&installation);
    let rebuilt = installation.ask(&["catalog", "rebuild"]);
    let found = ["documents", "terms", "documents_missing"].map(|name| rebuilt[name].clone());
    assert_eq!(found, [json!(4), json!(3), json!([])], "{rebuilt}");
    assert_eq!(installation.ask(&["accounts", "list"]), accounts);
    let periods = installation.ask(&["period", "list"]);
    assert_eq!(periods[0]["period"], json!(PERIOD), "{periods}");

    // The cancelled one is taken back, and the one in its place stands.
    let again = installation.run(&["invoice", "correct", "INV-00000002", "--cancel"]).exits(3);
    assert!(again.stderr().contains("INV-00000003 stands in its place"), "{again}");
    let nothing = installation.run(&["invoice", "correct", PERIOD]).exits(0);
    assert!(nothing.stderr().contains("2 invoices with nothing to correct"), "{nothing}");
    let drafted = installation.ask(&["invoice", "draft", PERIOD]);
    let became = drafted["drafts"].as_array().unwrap().iter().map(|draft| &draft["became"]);
    assert_eq!(became.collect::<Vec<_>>(), ["issued", "issued"], "both stand: {drafted}");

    // The next week is drafted under the same terms, and gets the next number.
    let click = |id: &str, time: &str| {
        json!({
            "event_id": id, "kind": "click", "event_time": time, "advertiser_id": "acme", "campaign_id": "spring",
            "ad_id": "shoe", "price_micros": 250_000, "currency": "EUR", "ip": "192.0.2.7", "user_id": id,
            "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                           Chrome/141.0.0.0 Safari/537.36",
        })
    };
    import(&installation, "next", &[click("n1", "2026-03-12T10:00:00Z"), click("n2", "2026-03-20T10:00:00Z")]);
    draft_and_approve(&installation, "2026-W11", "24h");
    let issued = issue(&installation, "2026-W11");
    assert_eq!(issued[0], "INV-00000004", "{issued:?}");
    assert_eq!(document(&installation, "INV-00000004").draft.pins.terms_version, 1);
}

/// One entry of the log names another document, another row is none, and the JSON of a document is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_document_or_entry_keeps_nobody_else_from_being_issued() {
    let installation = week();
    draft_and_approve(&installation, PERIOD, "24h");
    installation.ask(&["invoice", "issue", &format!("{PERIOD}.acme.EUR")]);
    let log = installation.log(Stream::Invoices).await;
    let frame = log.read(Seq::FIRST, ReadLimit::waiting(std::time::Duration::ZERO)).await.unwrap().remove(0).frame;
    let entry = schema::from_frame(&frame).unwrap().remove(0);
    let other = InvoiceEntry { document: Digest::ZERO, ..entry };
    let foreign = schema::to_frames(&mut Writer::new(Uuid::from_u128(9), 1), &[other]).unwrap();
    log.append(&foreign[0]).await.unwrap();
    drop(log);
    let issued = installation.run(&["invoice", "issue", "--period", PERIOD, "--output", "json"]).exits(5);
    assert_eq!(issued.json()["issued"][0]["document"], json!("INV-00000002"), "{issued}");
    assert!(issued.stderr().contains("ALARM the log of issued documents: the log has INV-00000001"), "{issued}");

    // The mark that it is logged is lost with an older catalog, and its JSON is gone: it is named, again and again.
    let json_form = stored(&installation, "INV-00000002", "json");
    fs::remove_file(&json_form).unwrap();
    delete_catalog(&installation);
    installation.run(&["catalog", "rebuild"]).exits(4);
    let corrected = installation.run(&["invoice", "correct", "INV-00000001", "--cancel"]).exits(5);
    assert!(corrected.stderr().contains("ALARM INV-00000002"), "{corrected}");
    installation.ask(&["invoice", "approve", "--period", PERIOD]);
    for expected in [json!("CN-00000001"), Value::Null] {
        let issued = installation.run(&["invoice", "issue", "--period", PERIOD, "--output", "json"]).exits(5);
        assert_eq!(issued.json()["issued"][0]["document"], expected, "{issued}");
        let alarm = "ALARM INV-00000002 is issued, and its record or log entry cannot be put there";
        assert!(issued.stderr().contains(alarm), "{issued}");
    }
}
