//! Two verifiers, which share no code: the binary of this room, and the script in Python that was written from
//! `docs/evidence.md` alone. They say the same of every honest bundle, of every named fraud, and of mutations.
//!
//! Needs `CLICKTRAIL_TEST_PYTHON`, a Python with the package `cryptography`: `.ci/services run` brings it.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test says what went wrong and stops")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use clicktrail_evidence::{
    bundle::names,
    made_up::{Dossier, LeftOut, OwnBiller, Plan, Random, Wanted, attacks::attacks, mutation::mutate},
    note::VerifierKey,
};

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("clicktrail-verifiers-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a verifier says: its exit code, and its report.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    exit_code: i32,
    verified: bool,
    total: Option<String>,
    rows: Option<u64>,
    verdicts: Option<u64>,
    billable: Option<i64>,
}

fn said(mut command: Command, file: &Path, keys: &[VerifierKey], witnesses: &[VerifierKey]) -> (Said, String) {
    command.arg(file).args(["--output", "json"]);
    for key in keys {
        command.arg("--key").arg(key.to_string());
    }
    for key in witnesses {
        command.arg("--witness-key").arg(key.to_string());
    }
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{command:?}: {error}\n{text}"));
    let exit_code = output.status.code().unwrap();
    assert_eq!(report["exit_code"], exit_code, "the report says what the process does\n{text}");
    let verified = report["verified"].as_bool().unwrap();
    let numbers = &report["numbers"];
    let number = |name: &str| verified.then(|| numbers[name].as_u64().unwrap());
    let said = Said {
        exit_code,
        verified,
        total: numbers["total"].as_str().filter(|_| verified).map(str::to_owned),
        rows: number("rows"),
        verdicts: number("verdicts"),
        billable: verified.then(|| numbers["clicks"]["billable"].as_i64().unwrap()),
    };
    (said, text)
}

fn ours() -> Command {
    Command::new(env!("CARGO_BIN_EXE_clicktrail-verify"))
}

#[allow(clippy::disallowed_methods, reason = ".ci/services tells tests where tools are")]
fn theirs() -> Command {
    let python = std::env::var("CLICKTRAIL_TEST_PYTHON")
        .expect("CLICKTRAIL_TEST_PYTHON names a Python with `cryptography`: run this with .ci/services run");
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/evidence/verify.py"));
    command
}

/// Both say the same; what they say.
fn both(directory: &Directory, what: &str, bytes: &[u8], keys: &[VerifierKey], witnesses: &[VerifierKey]) -> Said {
    let file = directory.0.join("bundle.zip");
    std::fs::write(&file, bytes).unwrap();
    let (ours, our_words) = said(ours(), &file, keys, witnesses);
    let (theirs, their_words) = said(theirs(), &file, keys, witnesses);
    assert_eq!(ours, theirs, "{what}\nRust: {our_words}\nPython: {their_words}");
    ours
}

fn keys(dossier: &Dossier) -> ([VerifierKey; 1], [VerifierKey; 1]) {
    ([dossier.key.verifier().clone()], [dossier.witness.verifier().clone()])
}

#[test]
fn both_verifiers_accept_honest_bundles_with_the_same_numbers() {
    let directory = Directory::new("honest");
    for seed in 0..12 {
        let dossier = Dossier::new(&Plan::small(seed), &OwnBiller);
        let (keys, witnesses) = keys(&dossier);
        let campaigns = (seed % 3 == 1).then(|| vec!["campaign-2".to_owned()]);
        let case = (seed % 3 == 2).then(|| "C-7".to_owned());
        let erased = (0..20).map(|place| (place, 1)).collect();
        let wanted = Wanted { campaigns, case, erased };
        let archive = dossier.evidence_of(&wanted, &LeftOut::default()).zip();
        let said = both(&directory, &format!("seed {seed}"), &archive, &keys, &witnesses);
        assert!(said.verified && said.rows > Some(0), "seed {seed}: {said:?}");
    }
}

#[test]
fn both_verifiers_name_every_fraud_with_the_same_exit_code() {
    let directory = Directory::new("frauds");
    for attack in attacks(7) {
        let said = both(&directory, attack.name, &attack.bytes, &attack.keys, &attack.witnesses);
        assert_eq!(said.exit_code, i32::from(attack.exit_code), "{}", attack.name);
    }
}

#[test]
fn both_verifiers_refuse_the_same_mutations() {
    let directory = Directory::new("mutations");
    let mut random = Random::new(4_711);
    for seed in 0..10 {
        let dossier = Dossier::new(&Plan::small(500 + seed), &OwnBiller);
        let (keys, witnesses) = keys(&dossier);
        let (honest, archive) = (dossier.evidence(), dossier.evidence().zip());
        for _ in 0..12 {
            let mutated = mutate(&mut random, &honest, &archive);
            let said = both(&directory, &format!("seed {seed}: {}", mutated.what), &mutated.bytes, &keys, &witnesses);
            assert!(!said.verified, "seed {seed}: {}", mutated.what);
        }
    }
}

#[test]
fn command_that_was_called_wrongly_ends_with_1() {
    let directory = Directory::new("calls");
    let file = directory.0.join("bundle.zip");
    std::fs::write(&file, b"").unwrap();
    let code = |arguments: &[&str]| ours().arg(&file).args(arguments).output().unwrap().status.code();
    assert_eq!(code(&[]), Some(1), "without a key nothing is checked");
    assert_eq!(code(&["--key", "nonsense"]), Some(1));
    let key = Dossier::new(&Plan::small(1), &OwnBiller).key.verifier().to_string();
    assert_eq!(code(&["--key", &key, "--document", "no-such-file"]), Some(1));
    assert_eq!(code(&["--key", &key]), Some(6));
    let missing = ours().arg(directory.0.join("none.zip")).args(["--key", &key]).output().unwrap();
    assert_eq!(missing.status.code(), Some(6));
}

#[test]
fn document_that_is_handed_in_is_taken_by_both() {
    let directory = Directory::new("documents");
    let dossier = Dossier::new(&Plan::small(3), &OwnBiller);
    let mut evidence = dossier.evidence();
    evidence.contents.issued.clear();
    let of_issued = [names::ISSUED, names::PROOF_ISSUED];
    evidence.files.retain(|name, _| !name.starts_with("manifests/invoices/") && !of_issued.contains(&name.as_str()));
    let file = directory.0.join("bundle.zip");
    std::fs::write(&file, evidence.zip()).unwrap();
    let (keys, _) = keys(&dossier);
    for command in [ours as fn() -> Command, theirs] {
        assert_eq!(said(command(), &file, &keys, &[]).0.exit_code, 3);
        let mut with = command();
        for (number, document) in dossier.documents.iter().enumerate() {
            let path = directory.0.join(format!("{number}.json"));
            std::fs::write(&path, document).unwrap();
            with.arg("--document").arg(path);
        }
        let (said, words) = said(with, &file, &keys, &[]);
        assert!(said.verified, "{words}");
    }
}

/// A bundle as version 1 writes them, with notes, a witness and personal columns of which some were erased; and what was
/// said of it. It is never written again: a later version gets a bundle of its own beside it, written by running this
/// once with `CLICKTRAIL_WRITE_FIXTURES=1`.
#[test]
fn bundle_of_version_1_verifies_for_ever_by_both() {
    let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name);
    let (bundle, told) = (fixture("bundle-1.zip"), fixture("bundle-1.json"));
    if !bundle.exists() {
        write_fixture(&bundle, &told);
    }
    let told: serde_json::Value = serde_json::from_slice(&std::fs::read(told).unwrap()).unwrap();
    let key = |name: &str| told[name].as_str().unwrap().parse::<VerifierKey>().unwrap();
    let directory = Directory::new("fixture");
    let bytes = std::fs::read(bundle).unwrap();
    let said = both(&directory, "bundle-1.zip", &bytes, &[key("key")], &[key("witness")]);
    assert!(said.verified, "{said:?}");
    let expected = |name: &str| told[name].as_u64().unwrap();
    assert_eq!(said.total.as_deref(), told["total"].as_str());
    assert_eq!((said.rows, said.verdicts), (Some(expected("rows")), Some(expected("verdicts"))));
    assert_eq!(said.billable, told["billable"].as_i64());
    // The same bytes, asked otherwise.
    let other = Dossier::new(&Plan::small(1), &OwnBiller).key.verifier().clone();
    assert_eq!(both(&directory, "another key", &bytes, &[other], &[]).exit_code, 5);
}

#[allow(clippy::disallowed_methods, reason = "a fixture is only written if somebody asks for it")]
fn write_fixture(bundle: &Path, told: &Path) {
    assert!(std::env::var_os("CLICKTRAIL_WRITE_FIXTURES").is_some(), "{} is gone", bundle.display());
    let suits = |dossier: &Dossier| dossier.documents.len() == 3 && !dossier.stands_on.is_empty();
    let dossier = (0..).map(|seed| Dossier::new(&Plan::small(seed), &OwnBiller)).find(suits).unwrap();
    let erased = (0..14).map(|place| (place, 2)).collect();
    let wanted = Wanted { case: Some("A-17".to_owned()), erased, ..Wanted::default() };
    let archive = dossier.evidence_of(&wanted, &LeftOut::default()).zip();
    let (keys, witnesses) = keys(&dossier);
    let said = both(&Directory::new("write"), "the new fixture", &archive, &keys, &witnesses);
    let facts = serde_json::json!({
        "key": keys[0].to_string(), "witness": witnesses[0].to_string(), "total": said.total, "rows": said.rows,
        "verdicts": said.verdicts, "billable": said.billable,
    });
    std::fs::create_dir_all(bundle.parent().unwrap()).unwrap();
    std::fs::write(bundle, archive).unwrap();
    std::fs::write(told, serde_json::to_string_pretty(&facts).unwrap() + "\n").unwrap();
}
