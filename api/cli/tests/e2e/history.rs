//! A consumer that begins with the archive and follows the log: hours are sealed and trimmed under it, it is stopped
//! and killed, the server too, and it has every acknowledged event once, in order.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::BufReader,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use arrow::{array::AsArray as _, datatypes::Int64Type, ipc::reader::StreamReader};
use async_trait::async_trait;
use clicktrail_log::{
    archive::seal::{Cursor, GRACE, Sealer},
    frame::Frame,
    log::{Appended, Durability, Error, Info, Log, Logged, ReadLimit, Stream},
    position::{Position, Seq},
    time::{Clock as _, SystemClock},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    installation::Installation,
    loader::{self, AD, Loader},
    nats_server::NatsServer,
    recount::Recount,
    seed::Seed,
    server::Server,
};

/// How often the server is killed.
const KILLS: u64 = 4;
/// How many followers there are, one behind the other, while a server lives.
const FOLLOWERS: u64 = 3;
/// How long a follower is left alone, before and after an hour is sealed and trimmed under it.
const LIFE_MS: std::ops::Range<u64> = 30..500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follower_of_the_embedded_log_has_every_event_once_whatever_is_sealed_trimmed_and_killed() {
    check(&Installation::embedded(), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follower_of_jetstream_has_every_event_once_whatever_is_sealed_trimmed_and_killed() {
    let broker = NatsServer::start();
    let installation = Installation::on_broker(&broker);
    check(&installation, &["the log is away; frames go to the spool", "frame is sent again"]).await;
}

/// `expected` is what servers may warn of.
async fn check(installation: &Installation, expected: &[&str]) {
    installation.register_ads(&[AD]);
    let (loader, mut seed) = (Loader::default(), Seed::take());
    let mut hours = Hours::of(installation).await;
    let mut rows: Vec<(Position, String)> = Vec::new();
    let mut followers = 0;
    for _ in 0..KILLS {
        let server = Server::start_with(installation, &["--roles", "capture"]);
        let clients = loader.start(&server.url(), &CancellationToken::new());
        for _ in 0..FOLLOWERS {
            let follower = Follower::start(installation, rows.last().map(|row| row.0), followers % 2 == 1);
            followers += 1;
            tokio::time::sleep(Duration::from_millis(seed.draw(LIFE_MS))).await;
            hours.seal(seed.draw(0..3)).await;
            if seed.draw(0..2) == 0 {
                hours.trim().await;
            }
            tokio::time::sleep(Duration::from_millis(seed.draw(LIFE_MS))).await;
            rows.extend(follower.end(seed.draw(0..2) == 0));
        }
        server.kill();
        loader::ended(clients).await;
    }
    let server = Server::start_with(installation, &["--roles", "capture"]);
    let begin = Instant::now();
    // What waits on a spool comes later.
    let mut missing = loader.look(|record| record.acknowledged.keys().cloned().collect::<BTreeSet<_>>());
    loop {
        rows.iter().for_each(|row| {
            missing.remove(&row.1);
        });
        if missing.is_empty() {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "acknowledged events are not read after 30 s");
        rows.extend(range(installation, rows.last().map(|row| row.0)));
    }
    server.stop(expected);
    hours.seal(1).await;
    hours.trim().await;

    let mut found = Recount::default();
    for (position, id) in &rows {
        found.positions.entry(id.clone()).or_default().push(*position);
    }
    found.check_acknowledged(&loader);
    assert!(rows.is_sorted_by(|before, after| before.0 < after.0), "rows come in the order of the log, each once");
    assert_eq!(range(installation, None), rows, "read in one go, and by {followers} followers");
    assert!(hours.sealed > 4 && hours.trimmed > 1, "{} hours were sealed, {} trimmed", hours.sealed, hours.trimmed);
    loader.look(|record| assert!(record.acknowledged.len() > 200, "{} events", record.acknowledged.len()));
}

/// All rows behind a position up to the end.
fn range(installation: &Installation, after: Option<Position>) -> Vec<(Position, String)> {
    let after = after.map(|position| format!("--after={position}"));
    let arguments: Vec<&str> = ["log", "cat"].into_iter().chain(after.as_deref()).collect();
    of_lines(&installation.run(&arguments).exits(0).stdout())
}

/// A log as it was at one moment: under load, sealing an hour of it comes to an end.
#[derive(Debug)]
struct Until {
    log: Arc<dyn Log>,
    last: Mutex<Seq>,
}

#[async_trait]
impl Log for Until {
    async fn append(&self, frame: &Frame) -> Result<Appended, Error> {
        self.log.append(frame).await
    }

    async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        let last = *self.last.lock().unwrap();
        let mut frames = self.log.read(from, limit).await?;
        frames.retain(|logged| logged.seq <= last);
        Ok(frames)
    }

    async fn info(&self) -> Result<Info, Error> {
        self.log.info().await
    }

    async fn trim(&self, first_kept: Seq) -> Result<(), Error> {
        self.log.trim(first_kept).await
    }

    async fn durability(&self) -> Result<Durability, Error> {
        self.log.durability().await
    }
}

/// What seals and trims hours: an archiver with a clock that is ahead, so that hours are short.
struct Hours {
    log: Arc<Until>,
    sealer: Sealer,
    cursor: Cursor,
    sealed: u64,
    trimmed: u64,
}

impl Hours {
    async fn of(installation: &Installation) -> Self {
        let log = Arc::new(Until { log: installation.log(Stream::Clicks).await, last: Mutex::new(Seq::ZERO) });
        let sealer = Sealer::new(Arc::<Until>::clone(&log), installation.archive()).with_part_rows(2_000);
        Self { log, sealer, cursor: Cursor::start(), sealed: 0, trimmed: 0 }
    }

    async fn seal(&mut self, hours: u64) {
        for _ in 0..hours {
            *self.log.last.lock().unwrap() = self.log.info().await.unwrap().last;
            let hour = self.cursor.hour().unwrap_or_else(|| SystemClock.now().hour());
            let over = hour.end_exclusive().plus_micros(i64::try_from(GRACE.as_micros()).unwrap());
            if let Some((_, after)) = self.sealer.seal_next(&self.cursor, over).await.unwrap() {
                self.cursor = after;
                self.sealed += 1;
            }
        }
    }

    async fn trim(&mut self) {
        if self.cursor.next_seq() > self.log.info().await.unwrap().first {
            self.log.trim(self.cursor.next_seq()).await.unwrap();
            self.trimmed += 1;
        }
    }
}

/// A running `log cat --follow`.
struct Follower<'i> {
    installation: &'i Installation,
    process: Child,
    arrow: bool,
}

impl<'i> Follower<'i> {
    fn start(installation: &'i Installation, after: Option<Position>, arrow: bool) -> Self {
        let after = after.map(|position| match arrow {
            // As a reader of the Arrow stream knows it.
            true => format!("--after={}", position.as_i64()),
            false => format!("--after={position}"),
        });
        let output = if arrow { "arrow" } else { "ndjson" };
        let arguments = ["log", "cat", "--follow", "--output", output];
        let arguments: Vec<&str> = arguments.into_iter().chain(after.as_deref()).collect();
        let mut command = installation.command(&arguments);
        let stdout = File::create(taken(installation)).unwrap();
        let stderr = File::create(taken(installation).with_extension("err")).unwrap();
        Self { installation, process: command.stdout(stdout).stderr(stderr).spawn().unwrap(), arrow }
    }

    /// Ends it, and returns what it has written: all of the last row, or nothing of it.
    fn end(mut self, is_asked: bool) -> Vec<(Position, String)> {
        if is_asked {
            interrupt(&self.process);
        } else {
            self.process.kill().unwrap();
        }
        let ended = self.process.wait().unwrap();
        let stderr = fs::read_to_string(taken(self.installation).with_extension("err")).unwrap();
        assert!(stderr.is_empty(), "{stderr}");
        let file = taken(self.installation);
        // Asked before it listens to signals, it ends as any process does.
        assert!(!is_asked || ended.code().is_none_or(|code| code == 0), "it ended with {ended}");
        if self.arrow { of_arrow(&file) } else { of_lines(&fs::read_to_string(file).unwrap()) }
    }
}

fn taken(installation: &Installation) -> std::path::PathBuf {
    installation.data().with_extension("taken")
}

fn interrupt(process: &Child) {
    assert!(Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap().success());
}

fn of_lines(text: &str) -> Vec<(Position, String)> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        (row["position"].as_str().unwrap().parse().unwrap(), row["event_id"].as_str().unwrap().to_owned())
    };
    whole.lines().map(row).collect()
}

fn of_arrow(file: &std::path::Path) -> Vec<(Position, String)> {
    let mut found = Vec::new();
    // Killed before it wrote anything.
    let Ok(batches) = StreamReader::try_new(BufReader::new(File::open(file).unwrap()), None) else { return found };
    for batch in batches.map_while(Result::ok) {
        let positions = batch.column_by_name("position").unwrap().as_primitive::<Int64Type>();
        let ids = batch.column_by_name("event_id").unwrap().as_string::<i32>();
        for row in 0..batch.num_rows() {
            found.push((Position::from_i64(positions.value(row)).unwrap(), ids.value(row).to_owned()));
        }
    }
    found
}

/// A server that has taken a click of a robot, one of a person, an impression and an event that is none.
async fn visited(installation: &Installation) {
    installation.register_ads(&[AD]);
    let server = Server::start(installation);
    let client = reqwest::Client::new();
    let click = |id: &str| {
        json!({
            "event_id": id, "kind": "click", "advertiser_id": "acme", "campaign_id": "spring", "ad_id": AD,
            "price_micros": 250_000, "currency": "EUR", "ip": "192.0.2.7", "user_agent": "Mozilla/5.0 (X11; Linux)",
        })
    };
    let mut robot = click("robot");
    robot["user_agent"] = json!("Googlebot/2.1 (+http://www.google.com/bot.html)");
    let events = json!([robot, click("person"), {"kind": "click"}]);
    client.post(format!("{}/v1/events", server.url())).json(&events).send().await.unwrap();
    installation.run(&["counters", "--complete"]).exits(0);
    server.stop(&[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_log_is_read_as_lines_or_as_arrow_without_personal_columns_unless_asked() {
    let installation = Installation::embedded();
    visited(&installation).await;
    let lines = |arguments: &[&str]| -> Vec<Value> {
        let text = installation.run(&[&["log", "cat"], arguments].concat()).exits(0).stdout();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let clicks = lines(&["--output", "ndjson"]);
    assert_eq!(clicks.len(), 2);
    assert_eq!((&clicks[0]["position"], &clicks[0]["ip"]), (&json!("1.1.0"), &Value::Null));
    assert_eq!(lines(&["--personal", "--limit", "1"])[0]["ip"], json!("192.0.2.7"));
    assert_eq!(lines(&["--after", "1.1.0"]), clicks[1..]);
    assert_eq!(lines(&["--from", "1.1.1", "--to", "1.1.1"]), Vec::<Value>::new());
    let verdicts = lines(&["--stream", "verdicts"]);
    assert_eq!((&verdicts[0]["target"], &verdicts[0]["category"]), (&json!("1.1.0"), &json!("givt")));
    assert_eq!(lines(&["--stream", "rejected"])[0]["position"], json!("1.1.0"));

    let file = taken(&installation);
    let mut command = installation.command(&["log", "cat", "--output", "arrow", "--personal"]);
    assert!(command.stdout(File::create(&file).unwrap()).status().unwrap().success());
    let arrow: Vec<_> = of_arrow(&file).into_iter().map(|row| (row.0.to_string(), row.1)).collect();
    assert_eq!(arrow, [("1.1.0".to_owned(), "robot".to_owned()), ("1.1.1".to_owned(), "person".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follower_ends_well_when_asked_or_when_nobody_reads() {
    let installation = Installation::embedded();
    visited(&installation).await;
    let begin = Instant::now();
    for output in ["ndjson", "arrow"] {
        let file = taken(&installation);
        let mut command = installation.command(&["log", "cat", "--follow", "--output", output]);
        let mut process = command.stdout(File::create(&file).unwrap()).spawn().unwrap();
        let rows = |file: &std::path::Path| match output {
            "arrow" => of_arrow(file),
            _ => of_lines(&fs::read_to_string(file).unwrap()),
        };
        while rows(&file).len() < 2 {
            assert!(begin.elapsed() < Duration::from_secs(60), "two rows are not written after a minute");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        interrupt(&process);
        assert_eq!(process.wait().unwrap().code(), Some(0), "{output}");
        if output == "arrow" {
            let written = fs::read(&file).unwrap();
            assert!(written.ends_with(&[255, 255, 255, 255, 0, 0, 0, 0]), "the stream has its end");
        }
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = installation.command(&["log", "cat", "--follow"]);
    assert_eq!(command.stdout(Stdio::from(writer)).status().unwrap().code(), Some(0), "nobody reads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reader_refuses_what_is_missing_or_was_never_there_by_name() {
    let installation = Installation::embedded();
    visited(&installation).await;
    let mut hours = Hours::of(&installation).await;
    hours.seal(3).await;
    hours.trim().await;
    let sealed = installation.archive().sealed_hours(Stream::Clicks).await.unwrap();
    assert_eq!(range(&installation, None).len(), 2);
    let refused = |arguments: &[&str], code: i32, says: &str| {
        let stderr = installation.run(&[&["log", "cat"], arguments].concat()).exits(code).stderr();
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
    };
    refused(&["--after", "1.99.0"], 4, "the log ends before 1.2.0");
    refused(&["--from", "yesterday"], 1, "or a position, as in 1.42.0");
    refused(&["--stream", "verdicts", "--personal"], 1, "only clicks");
    refused(&["--follow", "--to", "1.1.0"], 1, "cannot be used with");
    refused(&[&sealed[0].to_string(), "--output", "arrow"], 1, "use --from");
    let arrow = installation.run(&["counters", "--output", "arrow"]).exits(1).stderr();
    assert!(arrow.contains("no stream of rows"), "{arrow}");
    for hour in &sealed[..2] {
        let manifest = installation.data().join(format!("archive/manifests/clicks/{hour}.json"));
        let away = manifest.with_extension("away");
        fs::rename(&manifest, installation.data().join(away.file_name().unwrap())).unwrap();
        refused(&["--follow"], 4, "manifests");
        fs::rename(installation.data().join(away.file_name().unwrap()), &manifest).unwrap();
    }
    assert_eq!(range(&installation, None).len(), 2);
}
