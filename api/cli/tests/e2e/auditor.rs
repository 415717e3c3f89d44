//! The auditor's story: evidence of an invoice is exported, and checked in a directory that holds nothing but the
//! verifier, with a bundle and a key. What cannot be proved is refused, and an archive that was tampered with gives no
//! bundle.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use clicktrail_log::{archive::part, time::Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    installation::{Installation, Outcome, example, service},
    invoices::{LATE, click, draft_and_approve, issue, week},
    invoicing::import,
    real_log::tree,
};

const PERIOD: &str = "2026-W10";
pub(crate) const ORIGIN: &str = "logs.example.com/clicks";

/// The file of the log's key, and the key that others verify with. It is made where there is none.
pub(crate) fn key(installation: &Installation) -> (String, String) {
    let path = installation.data().with_file_name("log.key");
    let file = path.to_str().unwrap().to_owned();
    let verifier = match fs::read_to_string(path.with_extension("vkey")) {
        Ok(known) => known,
        Err(_) => {
            let made = installation.run(&["evidence", "keygen", "--name", ORIGIN, "--out", &file]).exits(0);
            let verifier = made.stdout().trim_end().to_owned();
            fs::write(path.with_extension("vkey"), &verifier).unwrap();
            verifier
        }
    };
    (file, verifier)
}

/// Signs what is sealed. Returns the key that others verify with.
pub(crate) fn sign(installation: &Installation) -> String {
    let (file, verifier) = key(installation);
    installation.run(&["log", "sign", "--evidence-key", &file]).exits(0);
    verifier
}

pub(crate) fn bundle(installation: &Installation, name: &str) -> PathBuf {
    installation.data().with_file_name(name)
}

pub(crate) fn export(installation: &Installation, what: &[&str], out: &str) -> Outcome {
    let out = bundle(installation, out);
    installation.run(&[&["evidence", "export", "--out", out.to_str().unwrap()], what].concat())
}

/// The binary beside ours that verifies and does nothing else.
fn verifier() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_clicktrail")).with_file_name("clicktrail-verify");
    assert!(path.is_file(), "{} is not built: run the tests with --bins, or all of them", path.display());
    path
}

/// What an auditor has: a directory, and in it what she was given.
pub(crate) struct Auditor {
    home: TempDir,
    key: String,
}

impl Auditor {
    pub(crate) fn new(key: &str) -> Self {
        let home = TempDir::new().unwrap();
        fs::copy(verifier(), home.path().join("clicktrail-verify")).unwrap();
        Self { home, key: key.to_owned() }
    }

    /// A file that she was given.
    pub(crate) fn given(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.home.path().join(name), bytes).unwrap();
        name.to_owned()
    }

    /// The same bundle checked by the second verifier, which shares no code with ours.
    pub(crate) fn verify_by_script(&self, bundle: &Path, further: &[&str]) -> (i32, String) {
        fs::copy(bundle, self.home.path().join("bundle.zip")).unwrap();
        let mut command = Command::new(service("CLICKTRAIL_TEST_PYTHON"));
        command.current_dir(self.home.path()).arg(example("evidence/verify.py"));
        said(command.args(["bundle.zip", "--key", &self.key]).args(further))
    }

    /// Checks a bundle; the exit code, and what was said.
    pub(crate) fn verify(&self, bundle: &Path, further: &[&str]) -> (i32, String) {
        fs::copy(bundle, self.home.path().join("bundle.zip")).unwrap();
        let mut command = Command::new(self.home.path().join("clicktrail-verify"));
        said(command.env_clear().current_dir(self.home.path()).args(["bundle.zip", "--key", &self.key]).args(further))
    }
}

/// The exit code of a command, and what it said.
fn said(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.code().unwrap(), said.concat())
}

/// A week that was billed, corrected in nothing, and signed.
pub(crate) fn billed() -> (Installation, String, String) {
    let installation = week();
    // The invoice stands on this head; the log goes on from there.
    sign(&installation);
    installation.run(&[&["period", "close", PERIOD][..], &LATE].concat()).exits(0);
    draft_and_approve(&installation, PERIOD, LATE[1]);
    let issued = issue(&installation, PERIOD);
    let invoice = issued[0].clone();
    import(&installation, "more", &[click("later", 1, Timestamp::parse_rfc3339("2026-03-11T12:00:00Z").unwrap())]);
    let key = sign(&installation);
    let document = bundle(&installation, "invoice.json");
    let exported = installation.run(&["invoice", "export", &invoice, "--format", "json", "--out", "-"]).exits(0);
    fs::write(document, exported.stdout()).unwrap();
    (installation, invoice, key)
}

#[test]
fn invoice_is_proved_offline_with_verifier_bundle_and_key_alone() {
    let (installation, invoice, key) = billed();
    let auditor = Auditor::new(&key);
    let handed_in = bundle(&installation, "invoice.json");
    let with_document = ["--document", handed_in.to_str().unwrap()];
    let exported = export(&installation, &["--invoice", &invoice], "evidence.zip").exits(0);
    assert!(exported.stderr().contains(&invoice), "its entry is not sealed yet, and that is said: {exported}");
    let file = bundle(&installation, "evidence.zip");
    let (code, said) = auditor.verify(&file, &with_document);
    assert_eq!(code, 0, "{said}");
    // The total is that of the invoice, computed there.
    let shown: Value = serde_json::from_slice(&fs::read(&handed_in).unwrap()).unwrap();
    let total = shown["content"]["bill"]["total"].as_str().unwrap();
    assert!(said.contains(&format!("{total} EUR")), "{total}: {said}");
    let (code, said) = auditor.verify(&file, &[]);
    assert_eq!(code, 3, "nobody handed in the document: {said}");
    let again = export(&installation, &["--invoice", &invoice], "again.zip").exits(0);
    assert_eq!(fs::read(&file).unwrap(), fs::read(bundle(&installation, "again.zip")).unwrap(), "{again}");
    // Through the command of ours it is the same.
    let verify = ["evidence", "verify", file.to_str().unwrap(), "--key", &key, with_document[0], with_document[1]];
    installation.run(&verify).exits(0);
    installation.run(&["evidence", "verify", "no-such.zip", "--key", &key]).exits(6);

    // Somebody else's key, and bytes that were changed.
    let other = Auditor::new("logs.example.com/clicks+00000000+AAAA");
    assert_ne!(other.verify(&file, &with_document).0, 0);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let spoilt = bundle(&installation, "spoilt.zip");
    fs::write(&spoilt, bytes).unwrap();
    assert_eq!(auditor.verify(&spoilt, &with_document).0, 2);
}

#[test]
fn invoice_that_stands_on_the_very_head_is_proved() {
    let installation = week();
    let key = sign(&installation);
    installation.run(&[&["period", "close", PERIOD][..], &LATE].concat()).exits(0);
    draft_and_approve(&installation, PERIOD, LATE[1]);
    let invoice = issue(&installation, PERIOD)[0].clone();
    let document = bundle(&installation, "invoice.json");
    let json = installation.run(&["invoice", "export", &invoice, "--format", "json", "--out", "-"]).exits(0);
    fs::write(&document, json.stdout()).unwrap();
    export(&installation, &["--invoice", &invoice], "evidence.zip").exits(0);
    let with_document = ["--document", document.to_str().unwrap()];
    let (code, said) = Auditor::new(&key).verify(&bundle(&installation, "evidence.zip"), &with_document);
    assert_eq!(code, 0, "nothing was signed since it was made, so there is nothing to show: {said}");
}

#[test]
fn lines_events_and_single_events_are_proved_and_personal_columns_only_with_a_case() {
    let (installation, invoice, key) = billed();
    let auditor = Auditor::new(&key);
    let document = bundle(&installation, "invoice.json");
    let with_document = ["--document", document.to_str().unwrap()];
    export(&installation, &["--invoice", &invoice, "--lines", "spring"], "lines.zip").exits(0);
    let (code, said) = auditor.verify(&bundle(&installation, "lines.zip"), &with_document);
    assert_eq!(code, 0, "{said}");
    let range = "advertiser=acme,from=2026-03-03,to=2026-03-05";
    export(&installation, &["--query", range], "range.zip").exits(0);
    let (code, said) = auditor.verify(&bundle(&installation, "range.zip"), &[]);
    assert_eq!(code, 0, "{said}");
    export(&installation, &["--query", "event_id=acme-7"], "event.zip").exits(0);
    let (code, said) = auditor.verify(&bundle(&installation, "event.zip"), &[]);
    assert_eq!(code, 0, "{said}");

    let personal = ["--query", range, "--with-personal"];
    export(&installation, &personal, "none.zip").exits(1);
    export(&installation, &[&personal[..], &["--case", "A-17", "--actor", "ann"]].concat(), "people.zip").exits(0);
    let rights = fs::metadata(bundle(&installation, "people.zip")).unwrap().permissions().mode();
    assert_eq!(rights & 0o777, 0o600, "what is about people is its owner's alone");
    let people = fs::read(bundle(&installation, "people.zip")).unwrap();
    let holds = |bytes: &[u8]| bytes.windows(12).any(|window| window == b"198.51.0.10\"");
    let (code, said) = auditor.verify(&bundle(&installation, "people.zip"), &[]);
    assert_eq!(code, 0, "{said}");
    assert!(!holds(&fs::read(bundle(&installation, "range.zip")).unwrap()));

    // Rows that are proved go on as Parquet; rows of a bundle that does not verify go nowhere.
    let (range, parquet) = (bundle(&installation, "range.zip"), bundle(&installation, "rows.parquet"));
    let verify = ["evidence", "verify", range.to_str().unwrap(), "--parquet", parquet.to_str().unwrap(), "--key"];
    let spoilt = bundle(&installation, "spoilt.zip");
    let mut bytes = fs::read(&range).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&spoilt, &bytes).unwrap();
    let of_spoilt = ["evidence", "verify", spoilt.to_str().unwrap(), "--parquet", parquet.to_str().unwrap()];
    installation.run(&[&of_spoilt[..], &["--key", &key]].concat()).exits(2);
    assert!(!parquet.exists(), "nothing was proved");
    let written = installation.run(&[&verify[..], &[key.as_str()]].concat()).exits(0);
    let batches = part::read(fs::read(&parquet).unwrap().into(), Some(&["advertiser_id", "event_id"])).unwrap();
    let rows: usize = batches.map(|batch| batch.unwrap().num_rows()).sum();
    assert!(rows > 0 && written.stderr().contains(&format!("{rows} events")), "{rows}: {written}");
    installation.run(&[&verify[..], &[key.as_str()]].concat()).exits(1);
    assert!(people.windows(7).any(|window| window == b"198.51."), "addresses were asked for");
    let trail = installation.ask(&["audit", "log", "--action", "export_evidence"]);
    let rows: Vec<&Value> = trail.as_array().unwrap().iter().collect();
    assert_eq!(rows.len(), 1, "{trail}");
    assert_eq!((&rows[0]["actor"], &rows[0]["result"]), (&json!("ann"), &json!("done")));
    assert!(rows[0]["detail"].as_str().unwrap().contains("case A-17"), "{trail}");

    // Of some campaigns, nobody else's personal columns, although rows beside them are shown.
    let of_lines =
        ["--invoice", &invoice, "--lines", "spring", "--with-personal", "--case", "A-18", "--output", "json"];
    let exported = export(&installation, &of_lines, "few.zip").exits(0).json();
    let number = |name: &str| exported[name].as_u64().unwrap();
    assert!(number("people") > 0 && number("people") < number("events"), "{exported}");
    let (code, said) = auditor.verify(&bundle(&installation, "few.zip"), &with_document);
    assert_eq!((code, auditor.verify_by_script(&bundle(&installation, "few.zip"), &with_document).0), (0, 0), "{said}");
    let unknown = export(&installation, &["--invoice", &invoice, "--lines", "spring,sprign"], "no.zip").exits(4);
    assert!(unknown.stderr().contains("no line of campaign \"sprign\""), "{unknown}");
    export(&installation, &["--query", "event_id=no", "--with-personal", "--case", "A-19"], "no.zip").exits(4);
    let trail = installation.ask(&["audit", "log", "--action", "export_evidence"]).to_string();
    assert!(trail.contains("lines spring") && trail.contains("A-19"), "also what failed: {trail}");
}

#[test]
fn what_cannot_be_proved_is_refused_by_name_and_tampered_archives_give_no_bundle() {
    let installation = week();
    let range = ["--query", "advertiser=acme,from=2026-03-03,to=2026-03-05"];
    let unsigned = export(&installation, &range, "x.zip").exits(4);
    assert!(unsigned.stderr().contains("evidence keygen"), "{unsigned}");
    sign(&installation);
    let open = ["--query", "advertiser=acme,from=2026-03-03,to=2036-03-05"];
    let open = export(&installation, &open, "x.zip").exits(4);
    assert!(open.stderr().contains("log sign"), "{open}");
    let unknown = export(&installation, &["--query", "position=1.999999.0"], "x.zip").exits(4);
    assert!(unknown.stderr().contains("there is no event at 1.999999.0: the log ends with"), "{unknown}");
    export(&installation, &["--query", "event_id=nobody"], "x.zip").exits(4);
    let unsaid = export(&installation, &[], "x.zip").exits(1);
    assert!(unsaid.stderr().contains("--invoice <DOCUMENT>|--query <QUERY>"), "{unsaid}");

    let archive = installation.data().join("archive");
    let part = tree(&archive).into_keys().find(|key| {
        let key = key.to_string_lossy();
        key.starts_with("clicks") && key.contains("dt=2026-03-04") && key.ends_with(".parquet")
    });
    let part = archive.join(part.unwrap());
    let whole = fs::read(&part).unwrap();
    for bytes in [4..60, 100..160] {
        let mut spoilt = whole.clone();
        spoilt[bytes].fill(0xff);
        fs::write(&part, spoilt).unwrap();
        let refused = export(&installation, &range, "x.zip").exits(2);
        assert!(refused.stderr().contains("archive"), "{refused}");
    }
    fs::remove_file(&part).unwrap();
    let missing = export(&installation, &range, "x.zip").exits(4);
    assert!(missing.stderr().contains("is missing from the archive"), "{missing}");
    let named = installation.run(&["log", "verify"]).exits(2).stdout();
    let problem = named.lines().find(|line| line.starts_with("PROBLEM")).unwrap();
    assert_eq!(problem.matches("clicks/dt=2026-03-04").count(), 1, "an object is named once: {named}");
    assert!(named.contains("1 problem: manifests name"), "{named}");
    fs::write(&part, whole).unwrap();
    assert!(!bundle(&installation, "x.zip").exists() && !bundle(&installation, "x.zip.new").exists());
    export(&installation, &range, "x.zip").exits(0);
}
