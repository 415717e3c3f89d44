//! Sealed hours are logged and signed: by a command and by a server, with witnesses, and read by somebody else's
//! program.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use clicktrail_log::{
    log::Stream,
    time::{Clock as _, SystemClock},
};
use serde_json::{Value, json};

use crate::{
    installation::{Installation, Outcome, example, service},
    invoicing::import,
    server::Server,
};

const ORIGIN: &str = "logs.example.com/clicks";
/// How long a server may take to sign what is sealed.
const PATIENCE: Duration = Duration::from_secs(60);

fn click(id: &str, time: &str) -> Value {
    json!({
        "event_id": id, "kind": "click", "event_time": time, "advertiser_id": "acme", "campaign_id": "spring",
        "ad_id": "acme-shoe", "price_micros": 250_000, "currency": "EUR", "ip": "192.0.2.7", "user_id": id,
        "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                       Chrome/141.0.0.0 Safari/537.36",
    })
}

/// A key in a file beside the data directory: the file, and what others verify with.
struct Key {
    file: String,
    verifier: String,
}

fn key(installation: &Installation, file: &str, name: &str, further: &[&str]) -> Key {
    fs::create_dir_all(installation.data()).unwrap();
    let path = installation.data().with_file_name(file);
    let file = path.to_str().unwrap().to_owned();
    let arguments = [&["evidence", "keygen", "--name", name, "--out", &file], further].concat();
    let made = installation.run(&arguments).exits(0);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let again = installation.run(&arguments).exits(1);
    assert!(again.stderr().contains(&file), "a key is not written over: {again}");
    let verifier = made.stdout().trim_end().to_owned();
    assert!(verifier.starts_with(&format!("{name}+")), "{made}");
    Key { file, verifier }
}

fn sign(installation: &Installation, key: &Key, further: &[&str]) -> Outcome {
    installation.run(&[&["log", "sign", "--evidence-key", &key.file], further].concat())
}

/// An archive with three hours of clicks and of verdicts: one click came twice. Nothing is signed.
fn three_hours() -> Installation {
    let installation = Installation::embedded();
    let clicks = [("a", "2026-03-01T10:10:00Z"), ("a", "2026-03-01T10:20:00Z"), ("b", "2026-03-01T12:10:00Z")];
    let clicks = clicks.map(|(id, time)| click(id, time));
    import(&installation, "march", &clicks);
    installation
}

fn file_of(installation: &Installation, name: &str, text: &str) -> String {
    let path = installation.data().with_file_name(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn sealed_hours_are_signed_verified_and_proved_to_continue_what_was_signed() {
    let installation = three_hours();
    let nothing = installation.run(&["log", "checkpoint"]).exits(4);
    assert!(nothing.stderr().contains("nothing was signed yet"), "{nothing}");
    assert_eq!(installation.ask(&["log", "verify"])["signed"], Value::Null);
    let key = key(&installation, "log.key", ORIGIN, &[]);
    installation.run(&["log", "verify", "--key", &key.verifier]).exits(4);
    let signed = sign(&installation, &key, &[]).exits(0);
    let first = installation.ask(&["log", "checkpoint", "--key", &key.verifier]);
    let size = first["size"].as_u64().unwrap();
    // The hours of clicks, and those of the verdicts about them.
    assert!(size >= 6, "{signed}");
    let note = first["note"].as_str().unwrap();
    assert_eq!(installation.run(&["log", "checkpoint"]).exits(0).stdout(), note, "to the byte");
    assert!(note.starts_with(&format!("{ORIGIN}\n{size}\n")), "{note}");
    let old = file_of(&installation, "old.checkpoint", note);

    import(&installation, "more", &[click("c", "2026-03-01T16:00:00Z")]);
    let verified = installation.run(&["log", "verify", "--deep", "--key", &key.verifier]).exits(0);
    assert!(verified.stdout().contains(" not signed yet\n"), "{verified}");
    sign(&installation, &key, &[]).exits(0);
    let verified = installation.run(&["log", "verify", "--deep", "--key", &key.verifier]).exits(0);
    assert!(verified.stdout().contains(&format!("signed by {}\n", key.verifier)), "{verified}");
    assert!(!verified.stdout().contains("not signed yet"), "{verified}");
    let newest = installation.ask(&["log", "checkpoint"]);
    let new = file_of(&installation, "new.checkpoint", newest["note"].as_str().unwrap());
    let later = newest["size"].as_u64().unwrap().to_string();
    for (from, to) in [(old.as_str(), new.as_str()), (&old, &later), (&size.to_string(), &later), ("0", "1")] {
        let answer = installation.ask(&["log", "consistency", from, to, "--key", &key.verifier]);
        assert_eq!(answer["consistent"], json!(true), "{from} {to}: {answer}");
    }
    installation.run(&["log", "consistency", &new, &old]).exits(1);
    let stranger = self::key(&installation, "stranger.key", ORIGIN, &[]);
    let unsigned = installation.run(&["log", "consistency", "2", "3", "--key", &stranger.verifier]).exits(1);
    assert!(unsigned.stderr().contains("check the newest checkpoint"), "numbers are checked, too: {unsigned}");
    installation.run(&["log", "consistency", &old, "1000000"]).exits(1);

    // Somebody else's key, and a history that is not this one.
    let other = self::key(&installation, "other.key", ORIGIN, &[]);
    installation.run(&["log", "checkpoint", "--key", &other.verifier]).exits(1);
    let found = installation.run(&["log", "verify", "--key", &other.verifier]).exits(2);
    assert!(found.stdout().contains("PROBLEM transparency/checkpoints/"), "{found}");
    let refused = sign(&installation, &other, &[]).exits(1);
    assert!(refused.stderr().contains("none of the known keys signed it"), "{refused}");
    let fork = three_hours();
    import(&fork, "other", &[click("x", "2026-03-01T19:00:00Z")]);
    sign(&fork, &key, &[]).exits(0);
    let forked = fork.ask(&["log", "checkpoint"])["note"].as_str().unwrap().to_owned();
    let forked = file_of(&installation, "forked.checkpoint", &forked);
    let answer = installation.run(&["log", "consistency", &old, &forked]);
    assert!([2, 4].contains(&answer.code()), "{answer}");
}

#[test]
fn what_is_taken_out_of_a_signed_archive_is_named() {
    let installation = three_hours();
    let key = key(&installation, "log.key", ORIGIN, &[]);
    sign(&installation, &key, &[]).exits(0);
    let archive = installation.data().join("archive");
    // The two last hours, whole: nothing but the log of hours remembers them.
    for hour in ["2026-03-01T11", "2026-03-01T12"] {
        fs::remove_file(archive.join(format!("manifests/verdicts/{hour}.json"))).unwrap();
    }
    let found = installation.run(&["log", "verify"]).exits(2);
    for hour in ["2026-03-01T11", "2026-03-01T12"] {
        assert!(found.stdout().contains(&format!("the manifest of verdicts of {hour} is gone")), "{found}");
    }
    assert!(found.stdout().contains("PROBLEM transparency/entries/"), "{found}");
}

#[test]
fn an_hour_with_a_damaged_file_is_not_signed_before_it_is_put_back() {
    let installation = three_hours();
    let key = key(&installation, "log.key", ORIGIN, &[]);
    let folder = installation.data().join("archive/personal/dt=2026-03-01/hr=10");
    let part = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&part).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    fs::write(&part, flipped).unwrap();
    let refused = sign(&installation, &key, &["--output", "json"]).exits(2);
    assert!(refused.stderr().contains("PROBLEM clicks of 2026-03-01T10 are not signed: personal/"), "{refused}");
    assert_eq!(refused.json()["entries"], json!(3), "the hours of verdicts are signed");
    fs::write(&part, whole).unwrap();
    assert_eq!(sign(&installation, &key, &["--output", "json"]).exits(0).json()["entries"], json!(6));
    installation.run(&["log", "verify", "--deep", "--key", &key.verifier]).exits(0);
}

#[test]
fn an_hour_that_does_not_follow_the_one_before_is_not_signed() {
    let installation = three_hours();
    let key = key(&installation, "log.key", ORIGIN, &[]);
    let manifest = installation.data().join("archive/manifests/verdicts/2026-03-01T12.json");
    let whole = fs::read_to_string(&manifest).unwrap();
    let place = whole.find("\"previous\": \"").unwrap() + "\"previous\": ".len();
    // Somebody without the key wrote the last hour: it says that it is the first, or follows another.
    let forged = [format!("{}null{}", &whole[..place], &whole[place + 66..]), {
        let digest = clicktrail_log::frame::Digest::of(b"another hour");
        format!("{}\"{digest}\"{}", &whole[..place], &whole[place + 66..])
    }];
    for text in forged {
        // With the checksum that it must have.
        let sum = text.rfind("\"checksum\": \"").unwrap() + "\"checksum\": \"".len();
        let (head, tail) = (&text[..sum], &text[sum + 64..]);
        let checksum = clicktrail_log::frame::Digest::of(format!("{head}{tail}").as_bytes());
        fs::write(&manifest, format!("{head}{checksum}{tail}")).unwrap();
        let refused = sign(&installation, &key, &["--output", "json"]).exits(2);
        let problem = "PROBLEM verdicts of 2026-03-01T12 are not signed: manifests/verdicts/2026-03-01T12.json: it names \
                       another manifest than that of 2026-03-01T11 as its previous";
        assert!(refused.stderr().contains(problem), "{refused}");
        assert_eq!(refused.json()["entries"], json!(5), "the others are signed");
    }
    fs::write(&manifest, whole).unwrap();
    assert_eq!(sign(&installation, &key, &["--output", "json"]).exits(0).json()["entries"], json!(6));
}

/// A running `clicktrail witness`; killed when dropped.
struct Witness {
    process: Child,
    key: String,
    url: String,
}

impl Witness {
    fn start(installation: &Installation, name: &str, log: &Key) -> Self {
        let secret = installation.data().with_file_name(format!("{name}.key"));
        if !secret.exists() {
            key(installation, &format!("{name}.key"), &format!("witness.example.com/{name}"), &["--witness"]);
        }
        let state = installation.data().with_file_name(format!("{name}.json"));
        let log = format!("{ORIGIN}={}", log.verifier);
        let [secret, state] = [&secret, &state].map(|path| path.to_str().unwrap());
        let arguments = ["witness", "--listen", "127.0.0.1:0", "--key", secret, "--log-key", &log, "--state", state];
        let mut process =
            installation.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let key = lines.next().unwrap().unwrap();
        let url = lines.next().unwrap().unwrap();
        Self { process, key, url }
    }

    fn argument(&self) -> String {
        format!("{}={}", self.url, self.key)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_shown_to_two_witnesses_is_refused_by_the_second() {
    let installation = three_hours();
    let key = key(&installation, "log.key", ORIGIN, &[]);
    let (one, two) = (Witness::start(&installation, "w1", &key), Witness::start(&installation, "w2", &key));
    sign(&installation, &key, &["--witness", &one.argument(), "--witness", &two.argument()]).exits(0);
    let fork = installation.copied();

    // One history goes on before both witnesses. It is stored with their signatures.
    import(&installation, "honest", &[click("c", "2026-03-01T16:00:00Z")]);
    sign(&installation, &key, &["--witness", &one.argument(), "--witness", &two.argument()]).exits(0);
    let keys = ["--key", &key.verifier];
    let note = installation.run(&[&["log", "checkpoint"][..], &keys].concat()).exits(0).stdout();
    for name in ["w1", "w2"] {
        assert!(note.contains(&format!("\n\u{2014} witness.example.com/{name} ")), "{note}");
    }
    let (size, root) = size_and_root(&note);

    // The other history, which is longer, is shown to the second.
    import(&fork, "forged", &[click("d", "2026-03-01T20:00:00Z")]);
    let refused = sign(&fork, &key, &["--witness", &two.argument()]).exits(5);
    assert!(refused.stderr().contains("it refuses: status 422"), "{refused}");
    // It remembers over a restart, and over `kill -9`.
    drop(two);
    let two = Witness::start(&installation, "w2", &key);
    let refused = sign(&fork, &key, &["--witness", &two.argument()]).exits(5);
    assert!(refused.stderr().contains("it refuses: status 422"), "{refused}");
    let forged = fork.run(&["log", "checkpoint"]).exits(0).stdout();
    assert!(!forged.contains("witness.example.com/w2"), "nobody signed it beside us: {forged}");
    // What the witness shows is what it signed.
    let hash = clicktrail_log::frame::Digest::of(ORIGIN.as_bytes());
    let shown = reqwest::get(format!("{}/{hash}/checkpoint", two.url)).await.unwrap();
    let shown = shown.error_for_status().unwrap().text().await.unwrap();
    assert_eq!(size_and_root(&shown), (size, root));
    let unknown = reqwest::get(format!("{}/{}/checkpoint", two.url, "0".repeat(64))).await.unwrap();
    assert_eq!(unknown.status(), 404);
    let client = reqwest::Client::new();
    let post =
        async |body: Vec<u8>| client.post(format!("{}/add-checkpoint", two.url)).body(body).send().await.unwrap();
    let elsewhere = post(format!("old 0\n\n{note}").into_bytes()).await;
    assert_eq!(
        (elsewhere.status().as_u16(), &elsewhere.headers()["content-type"]),
        (409, &"text/x.tlog.size".parse().unwrap())
    );
    assert_eq!(elsewhere.text().await.unwrap(), format!("{}\n", size_and_root(&note).0));
    assert_eq!(post(b"hello".to_vec()).await.status(), 400);
    assert_eq!(post(vec![b'x'; 66_000]).await.status(), 413);
    // Another witness that saw nothing signs either, which is why one wants several.
    installation.run(&["log", "verify", "--key", &key.verifier]).exits(0);
}

fn size_and_root(note: &str) -> (String, String) {
    let mut lines = note.lines().skip(1).map(str::to_owned);
    (lines.next().unwrap(), lines.next().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_signs_hours_as_it_seals_them_and_a_witness_that_is_away_stops_nothing() {
    let installation = Installation::embedded();
    let hours_ago = |hours: i64| SystemClock.now().plus_micros(-hours * 3_600_000_000).to_string();
    import(&installation, "recent", &[click("a", &hours_ago(4))]);
    let key = key(&installation, "log.key", ORIGIN, &[]);
    let away = key_of_witness(&installation);
    let server = Server::start_with(
        &installation,
        &["--evidence-key", &key.file, "--witness", &format!("http://127.0.0.1:1={away}")],
    );
    let begin = Instant::now();
    let newest = loop {
        let newest = installation.run(&["log", "checkpoint", "--output", "json"]);
        if newest.code() == 0 && newest.json()["size"].as_u64().unwrap() >= 4 {
            break newest.json();
        }
        assert!(begin.elapsed() < PATIENCE, "nothing is signed after {PATIENCE:?}: {newest}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(newest["note"].as_str().unwrap().starts_with(ORIGIN), "{newest}");
    let client = reqwest::Client::new();
    let event = json!([click("b", &hours_ago(0))]);
    let answer = client.post(format!("{}/v1/events", server.url())).json(&event).send().await.unwrap();
    assert!(answer.status().is_success());
    let waits = "clicktrail_witness_failures_total{witness=\"witness.example.com/away (http://127.0.0.1:1)\"}";
    let metrics = loop {
        let metrics = reqwest::get(format!("{}/metrics", server.url())).await.unwrap().text().await.unwrap();
        if metrics.contains(waits) {
            break metrics;
        }
        assert!(begin.elapsed() < PATIENCE, "the witness that is away is not counted: {metrics}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(metrics.contains("clicktrail_signed_entries "), "{metrics}");
    server.stop(&["a witness has not signed"]);
    installation.run(&["log", "verify", "--deep", "--key", &key.verifier]).exits(0);
    let sealed = installation.archive().sealed_hours(Stream::Clicks).await.unwrap();
    assert!(sealed.len() >= 3, "{sealed:?}");
}

fn key_of_witness(installation: &Installation) -> String {
    key(installation, "away.key", "witness.example.com/away", &["--witness"]).verifier
}

#[test]
fn another_program_reads_checkpoints_cosignatures_tiles_and_entries() {
    let installation = Installation::embedded();
    // Some three hundred entries: a full tile, a partial one, and one of the level above.
    let times = [("a", "2026-03-01T10:10:00Z"), ("a", "2026-03-01T10:20:00Z"), ("b", "2026-03-07T12:10:00Z")];
    import(&installation, "long", &times.map(|(id, time)| click(id, time)));
    let key = key(&installation, "log.key", ORIGIN, &[]);
    let witness = Witness::start(&installation, "w1", &key);
    sign(&installation, &key, &["--witness", &witness.argument()]).exits(0);
    let newest = installation.ask(&["log", "checkpoint"]);
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/another_reader.py");
    let read = Command::new(service("CLICKTRAIL_TEST_PYTHON"))
        .arg(script)
        .arg(installation.data().join("archive/transparency"))
        .args([&key.verifier, &witness.key])
        .output()
        .unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let read: Value = serde_json::from_slice(&read.stdout).unwrap();
    let size = newest["size"].as_u64().unwrap();
    assert!(size > 256, "{size}");
    assert_eq!((&read["size"], &read["root"]), (&newest["size"], &newest["root"]));
    assert_eq!((&read["witnesses"], &read["bundles"]), (&json!(["witness.example.com/w1"]), &json!(2)));
    assert_eq!(read["tiles"], json!(3));

    // Somebody without a key puts lines beside it: one in the name of the log, which its key did not sign.
    let note = newest["note"].as_str().unwrap();
    let line = note.lines().find(|line| line.starts_with(&format!("\u{2014} {ORIGIN} "))).unwrap();
    let at = line.len() - 40;
    let other = if &line[at..=at] == "A" { "B" } else { "A" };
    let forged = format!("{}{other}{}\n", &line[..at], &line[at + 1..]);
    let folder = format!("archive/transparency/cosignatures/000000000000/{size:015}");
    fs::write(installation.data().join(&folder).join("0".repeat(32)), forged.repeat(120)).unwrap();
    let shown = installation.run(&["log", "checkpoint", "--key", &key.verifier, "--key", &witness.key]).exits(0);
    assert_eq!(shown.stdout(), note, "what is not the log's does not stand in its note");
}

/// A copy of a directory, as a backup has it.
fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copied(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn what_was_signed_and_is_gone_is_not_signed_in_another_order() {
    let installation = Installation::embedded();
    import(&installation, "end", &[click("a", "2026-03-31T10:10:00Z"), click("z", "2026-04-02T12:00:00Z")]);
    let key = key(&installation, "log.key", ORIGIN, &[]);
    sign(&installation, &key, &[]).exits(0);
    let signed = installation.data().join("archive/transparency");
    let backup = installation.data().with_file_name("backup");
    copied(&signed, &backup);
    import(&installation, "more", &[click("y", "2026-04-02T18:00:00Z")]);
    sign(&installation, &key, &[]).exits(0);
    let terms = fs::read_to_string(example("accounts/acme.toml")).unwrap();
    let terms = file_of(&installation, "acme.toml", terms.split_once("[[caps]]").unwrap().0);
    installation.run(&["accounts", "add", &terms]).exits(0);
    installation.run(&["accounts", "seller", example("accounts/seller.toml").to_str().unwrap()]).exits(0);
    installation.run(&["period", "close", "2026-03", "--actor", "ann"]).exits(0);
    installation.run(&["invoice", "draft", "2026-03"]).exits(0);
    installation.run(&["log", "verify", "--key", &key.verifier]).exits(0);
    let whole = installation.data().with_file_name("whole");
    copied(&signed, &whole);
    // Its end is gone: an older copy was put back, or nothing of it is there.
    for older in [Some(&backup), None] {
        fs::remove_dir_all(&signed).unwrap();
        if let Some(older) = older {
            copied(older, &signed);
        }
        let found = installation.run(&["log", "verify", "--key", &key.verifier]).exits(2);
        assert!(found.stdout().contains("the archive was put back to an earlier state"), "{found}");
        let refused = sign(&installation, &key, &[]).exits(2);
        assert!(refused.stderr().contains("PROBLEM nothing is signed: invoices/bases/"), "{refused}");
    }
    copied(&whole, &signed);
    sign(&installation, &key, &[]).exits(0);
    installation.run(&["log", "verify", "--key", &key.verifier]).exits(0);
}

#[test]
fn a_draft_says_which_checkpoint_it_stands_on() {
    for is_signed in [false, true] {
        let installation = Installation::embedded();
        // Few hours, up to some behind the month.
        import(&installation, "end", &[click("a", "2026-03-31T10:10:00Z"), click("z", "2026-04-02T12:00:00Z")]);
        let terms = fs::read_to_string(example("accounts/acme.toml")).unwrap();
        let terms = file_of(&installation, "acme.toml", terms.split_once("[[caps]]").unwrap().0);
        installation.run(&["accounts", "add", &terms]).exits(0);
        installation.run(&["accounts", "seller", example("accounts/seller.toml").to_str().unwrap()]).exits(0);
        installation.run(&["period", "close", "2026-03", "--actor", "ann"]).exits(0);
        let mut expected = Value::Null;
        if is_signed {
            sign(&installation, &key(&installation, "log.key", ORIGIN, &[]), &[]).exits(0);
            let newest = installation.ask(&["log", "checkpoint"]);
            expected = json!({"origin": ORIGIN, "size": newest["size"], "root": newest["root"]});
        }
        installation.run(&["invoice", "draft", "2026-03"]).exits(0);
        let folder = installation.data().join("archive/invoices/bases");
        let bases: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(bases.len(), 1, "{bases:?}");
        let basis: Value = serde_json::from_slice(&fs::read(&bases[0]).unwrap()).unwrap();
        assert_eq!((&basis["version"], &basis["checkpoint"]), (&json!(2), &expected));
    }
}
