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
    Hash,
    bundle::{names, zip},
    made_up::{
        Asked, Dossier, LeftOut, OwnBiller, Plan, Random, Wanted,
        attacks::{Unknowing, attacks},
        mutation::mutate,
        promised::receipt,
    },
    note::{Kind, SigningKey, VerifierKey},
    receipt::{Frame, Receipt, SignedReceipt},
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
    otherwise: Option<(u64, String)>,
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
        otherwise: numbers["ruled_otherwise"]["clicks"]
            .as_u64()
            .filter(|_| verified)
            .zip(numbers["ruled_otherwise"]["spend_micros"].as_str().map(str::to_owned)),
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

/// What bundles of a dossier are about: the invoice, its period, one event.
fn subjects(dossier: &Dossier) -> Vec<Asked> {
    [Some(Asked::Invoice), Some(dossier.events()), dossier.ruled_event()].into_iter().flatten().collect()
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
        let wanted = Wanted { campaigns, case, erased, ..Wanted::default() };
        let archive = dossier.evidence_of(&wanted, &LeftOut::default()).zip();
        let said = both(&directory, &format!("seed {seed}"), &archive, &keys, &witnesses);
        assert!(said.verified && said.rows > Some(0), "seed {seed}: {said:?}");
        for asked in subjects(&dossier).into_iter().skip(1) {
            let wanted = Wanted { asked, campaigns: None, ..wanted.clone() };
            let archive = dossier.evidence_of(&wanted, &LeftOut::default()).zip();
            let said = both(&directory, &format!("seed {seed}: {asked:?}"), &archive, &keys, &witnesses);
            assert!(said.verified && said.rows > Some(0), "seed {seed}: {said:?}");
        }
    }
}

#[test]
fn both_verifiers_say_what_an_invoice_does_not_know() {
    let directory = Directory::new("unknowing");
    let mut clicks = 0;
    // Where no basis names a head, nothing says what had to be known.
    let dossiers = (0..300).map(|seed| Dossier::new(&Plan::small(seed), &Unknowing));
    for dossier in dossiers.filter(|dossier| dossier.stands_on.is_empty()).take(6) {
        let (keys, witnesses) = keys(&dossier);
        let what = format!("seed {}", dossier.seed);
        let said = both(&directory, &what, &dossier.evidence().zip(), &keys, &witnesses);
        assert!(said.verified, "{what}: {said:?}");
        clicks += said.otherwise.map_or(0, |otherwise| otherwise.0);
    }
    assert!(clicks > 0);
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
        let subjects = subjects(&dossier);
        let wanted = Wanted { asked: *random.of(&subjects), ..Wanted::default() };
        let honest = dossier.evidence_of(&wanted, &LeftOut::default());
        let archive = honest.zip();
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
    let witness = Dossier::new(&Plan::small(1), &OwnBiller).witness.verifier().to_string();
    for arguments in [["--key", &witness, "--witness-key", &witness], ["--key", &key, "--witness-key", &key]] {
        assert_eq!(code(&arguments), Some(1), "a log is not its own witness, and a witness is no log");
        assert_eq!(theirs().arg(&file).args(arguments).output().unwrap().status.code(), Some(1));
    }
    assert_eq!(code(&["--key", &key]), Some(6));
    let missing = ours().arg(directory.0.join("none.zip")).args(["--key", &key]).output().unwrap();
    assert_eq!(missing.status.code(), Some(6));
}

#[test]
fn document_that_is_handed_in_is_taken_by_both() {
    let dossier = Dossier::new(&Plan::small(3), &OwnBiller);
    let mut evidence = dossier.evidence();
    evidence.contents.issued.clear();
    let of_issued = [names::ISSUED, names::PROOF_ISSUED];
    evidence.files.retain(|name, _| !name.starts_with("manifests/invoices/") && !of_issued.contains(&name.as_str()));
    taken_with_its_documents("documents", &dossier, &evidence.zip());
}

#[test]
fn document_that_stands_on_the_very_head_is_taken_by_both() {
    let dossiers = (0..200).map(|seed| Dossier::new(&Plan::small(seed), &OwnBiller));
    let dossier = dossiers.into_iter().find_map(Dossier::as_issued).unwrap();
    taken_with_its_documents("at-once", &dossier, &dossier.evidence().zip());
}

fn taken_with_its_documents(name: &str, dossier: &Dossier, bundle: &[u8]) {
    let directory = Directory::new(name);
    let file = directory.0.join("bundle.zip");
    std::fs::write(&file, bundle).unwrap();
    let (keys, _) = keys(dossier);
    for command in [ours as fn() -> Command, theirs] {
        assert_eq!(said(command(), &file, &keys, &[]).0.exit_code, 3);
        let mut with = command();
        for (number, document) in dossier.documents.iter().enumerate() {
            let path = directory.0.join(format!("{number}.json"));
            std::fs::write(&path, document).unwrap();
            with.arg("--document").arg(path);
        }
        assert!(said(with, &file, &keys, &[]).0.verified);
        // One that says something else, or is no document at all, is none of the bundle's.
        let other = directory.0.join("other.json");
        std::fs::write(&other, [&dossier.documents[0][..], b" "].concat()).unwrap();
        let mut with = command();
        with.arg("--document").arg(directory.0.join("0.json")).arg("--document").arg(&other);
        let (said, words) = said(with, &file, &keys, &[]);
        assert_eq!(said.exit_code, 2, "{words}");
    }
}

/// Bundles that would fill memory or a stack if a verifier believed them, with the codes that both must end with.
fn hostile() -> Vec<(&'static str, Vec<u8>, i32)> {
    let of = |bundle: &[u8]| zip::write([(names::BUNDLE, bundle), (names::README, b"".as_slice())]).unwrap();
    let begun = |rest: &str| format!("{{\"format\":\"clicktrail evidence 1\",\"subject\":{rest}").into_bytes();
    let many: Vec<String> = (0..65_535).map(|number| format!("f{number:05}")).collect();
    let mut bomb = of(&begun("{}}\n"));
    // Deflated, and of four gigabytes, as the first record and the directory say.
    let directory = bomb.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    for head in [4, directory + 6] {
        bomb[head + 4] = 8;
        bomb[head + 14..head + 22].fill(0xff);
    }
    let mut promised = of(&begun("{}}\n"));
    let end = promised.len() - 22;
    promised[end + 8..end + 20].fill(0xff);
    vec![
        ("a bomb", bomb, 2),
        ("a directory of four gigabytes", promised, 2),
        ("many files", zip::write(many.iter().map(|name| (name.as_str(), &[][..]))).unwrap(), 6),
        ("deep lists", of(&begun(&"[".repeat(4 << 20))), 2),
        ("deep lists that end", of(&begun(&format!("{}{}}}\n", "[".repeat(9_000), "]".repeat(9_000)))), 2),
        ("deep objects", of(&begun(&"{\"kind\":".repeat(1 << 20))), 2),
        ("a long number", of(&begun(&format!("{}}}\n", "9".repeat(8 << 20)))), 2),
        ("a long fraction", of(&begun(&format!("0.{}}}\n", "9".repeat(8 << 20)))), 2),
        ("a large exponent", of(&begun("1e999999999}\n")), 2),
        ("a long text", of(&begun(&format!("\"{}\"}}\n", "x".repeat(31 << 20)))), 2),
        ("a list of contents that is too long", of(&begun(&" ".repeat(33 << 20))), 2),
        ("many fields", of(&begun(&format!("{{{}", "\"a\":1,".repeat(1 << 20)))), 2),
    ]
}

#[test]
fn both_verifiers_refuse_what_would_fill_memory_without_filling_it() {
    const KIBIBYTES_MAX: [u32; 2] = [300 << 10, 1 << 20];
    let directory = Directory::new("hostile");
    let file = directory.0.join("bundle.zip");
    let (key, _) = keys(&Dossier::new(&Plan::small(1), &OwnBiller));
    for (what, bytes, expected) in hostile() {
        std::fs::write(&file, bytes).unwrap();
        for (command, max) in [ours as fn() -> Command, theirs].into_iter().zip(KIBIBYTES_MAX) {
            let (command, mut bounded) = (command(), Command::new("sh"));
            bounded.arg("-c").arg(format!("ulimit -v {max} && exec \"$@\"")).arg("sh");
            bounded.arg(command.get_program()).args(command.get_args());
            let (said, words) = said(bounded, &file, &key, &[]);
            let words: String = words.chars().take(2_000).collect();
            assert_eq!(said.exit_code, expected, "{what}: {words}");
            assert!(words.len() < 2_000, "{what} is not repeated at length: {words}");
        }
    }
}

/// Receipts, right and wrong, with the exit codes that both must end with.
fn receipts(dossier: &Dossier) -> Vec<(&'static str, Vec<u8>, i32)> {
    let right = receipt(dossier);
    let issue = |receipt: Receipt, keys: &[&SigningKey]| SignedReceipt::issue(receipt, keys).unwrap();
    let ours = |receipt: Receipt| issue(receipt, &[&dossier.key]).to_string().into_bytes();
    let stranger = SigningKey::of_seed(dossier.key.verifier().name(), Kind::Ed25519, [3; 32]).unwrap();
    let spooled = Receipt { position: None, ..right.clone() };
    let other_row = Receipt { row: Hash::of(b"other"), ..right.clone() };
    let nothing = Receipt { event_id: "nothing".to_owned(), ..right.clone() };
    let beyond = |captured_at| Receipt {
        position: Some(1 << 56 | 1 << 40),
        frame: Frame { row: 0, ..right.frame.clone() },
        captured_at,
        ..nothing.clone()
    };
    let token = issue(right.clone(), &[&dossier.key]).token();
    let edited = String::from_utf8(ours(right.clone())).unwrap().replacen("event_time ", "event_time 1", 1);
    vec![
        ("right", ours(right.clone()), 0),
        ("right, by two keys", issue(right.clone(), &[&stranger, &dossier.key]).to_string().into_bytes(), 0),
        ("token", token.clone().into_bytes(), 0),
        ("token with a line end", format!("{token}\n").into_bytes(), 0),
        ("spooled", ours(spooled.clone()), 0),
        ("edited", edited.into_bytes(), 2),
        ("not there", ours(Receipt { event_id: "x".to_owned(), row: Hash::of(b"x"), ..spooled }), 3),
        ("still to come", ours(beyond(i64::MAX / 2)), 3),
        ("of a stranger", issue(right.clone(), &[&stranger]).to_string().into_bytes(), 5),
        ("unsigned", issue(right.clone(), &[]).to_string().into_bytes(), 5),
        ("unsigned token", issue(right.clone(), &[]).token().into_bytes(), 5),
        ("nothing", Vec::new(), 6),
        ("a word", b"AAAA".to_vec(), 6),
        ("half a token", token.as_bytes()[..token.len() - 3].to_vec(), 6),
        ("too long", vec![b'A'; 17 << 10], 6),
        ("no text", vec![0xff; 40], 6),
        ("another row", ours(other_row), 7),
        ("another event", ours(nothing.clone()), 7),
        ("elsewhere", ours(Receipt { position: right.position.map(|at| at + (1 << 40)), ..right.clone() }), 7),
        ("long gone", ours(beyond(0)), 7),
    ]
}

#[test]
fn both_verifiers_say_the_same_of_receipts() {
    let directory = Directory::new("receipts");
    for seed in 0..3 {
        let dossier = Dossier::new(&Plan::small(600 + seed), &OwnBiller);
        let (keys, _) = keys(&dossier);
        let (bundle, path) = (directory.0.join("bundle.zip"), directory.0.join("receipt"));
        std::fs::write(&bundle, dossier.evidence().zip()).unwrap();
        for (what, receipt, expected) in receipts(&dossier) {
            std::fs::write(&path, receipt).unwrap();
            for command in [ours as fn() -> Command, theirs] {
                let mut with = command();
                with.arg("--receipt").arg(&path);
                let (said, words) = said(with, &bundle, &keys, &[]);
                assert_eq!(said.exit_code, expected, "seed {seed}, {what}: {words}");
            }
        }
    }
}

/// A bundle as version 1 writes them, with notes, a witness and personal columns of which some were erased; and what
/// was said of it. It is never written again: a later version gets a bundle of its own beside it, written by running
/// this once with `CLICKTRAIL_WRITE_FIXTURES=1`.
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
