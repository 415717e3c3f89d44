//! Ordinary files come in, and a file that grew adds what it grew by: on the embedded log and on a broker.

use std::{fs, path::PathBuf, time::Duration};

use arrow::array::AsArray as _;
use clicktrail_log::log::{ReadLimit, Stream};
use serde_json::{Value, json};

use crate::{
    installation::{Installation, Outcome, example},
    nats_server::NatsServer,
    recount::sum,
};

const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0.0.0 Safari/537.36";
const DIALECT: &str = "delimiter = \"\\t\"\nquote = \"\"\ntimezone = \"Europe/Berlin\"\n";
const TABLE: &str = r#"
    [event]
    kind = "click"
    event_time = { field = "time", format = "%Y-%m-%d %H:%M:%S" }
    advertiser_id = "acme"
    campaign_id = { field = "campaign" }
    ad_id = { field = "ad" }
    price = "0.25"
    currency = "EUR"
"#;

fn line(client: &str, at: &str, behind: &str) -> String {
    format!("{client} - - [12/May/2026:{at} +0000] \"GET /c/spring HTTP/1.1\" 302 0 \"-\" \"{AGENT}\"{behind}\n")
}

fn write(installation: &Installation, name: &str, text: &str) -> PathBuf {
    fs::create_dir_all(installation.data()).unwrap();
    let path = installation.data().join(name);
    fs::write(&path, text).unwrap();
    path
}

fn import(installation: &Installation, name: &str, text: &str, more: &[&str]) -> Outcome {
    let (file, mapping) = (write(installation, name, text), example("apache.toml"));
    let fixed = ["import", file.to_str().unwrap(), "--format", "combined", "--mapping", mapping.to_str().unwrap()];
    installation.run(&[&fixed[..], more, &["--output", "json"]].concat())
}

/// What an import that succeeds says of its lines: new, known, rejected, held back.
#[track_caller]
fn numbers(outcome: Outcome) -> [u64; 4] {
    let summary = outcome.exits(0).json();
    assert_eq!(summary["failure"], Value::Null, "{summary}");
    ["logged", "duplicates", "rejected", "held_back"].map(|field| summary[field].as_u64().unwrap())
}

/// Address and `extra` of every event in the log, in its order.
async fn addresses(installation: &Installation) -> Vec<(Option<String>, Value)> {
    let log = installation.log(Stream::Clicks).await;
    let (mut next, mut found) = (log.info().await.unwrap().first, Vec::new());
    loop {
        let frames = log.read(next, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
        let Some(last) = frames.last().map(|frame| frame.seq) else { return found };
        next = last.next();
        for batch in frames.iter().map(|frame| frame.frame.decode().unwrap()) {
            let column = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().clone();
            for (ip, extra) in column("ip").iter().zip(column("extra").iter()) {
                found.push((ip.map(str::to_owned), serde_json::from_str(extra.unwrap()).unwrap()));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_click_counts_whatever_a_web_server_calls_its_client() {
    let clients = [
        ("198.51.100.7", " \"203.0.113.9, 10.0.0.5\"", Some("198.51.100.7"), None),
        ("203.0.113.10, 10.183.250.139", "", Some("203.0.113.10"), Some("203.0.113.10, 10.183.250.139")),
        ("203.0.113.13.static.isp.example", "", None, Some("203.0.113.13.static.isp.example")),
        ("203.0.113.15:42918", "", Some("203.0.113.15"), None),
        ("[2001:db8::15]:42918", "", Some("2001:db8::15"), None),
        ("ads.example.com:443 203.0.113.17", " 0.004 \"-\"", Some("203.0.113.17"), None),
        ("203.0.113.*", "", None, Some("203.0.113.*")),
        ("203.0.113.0/24", "", None, Some("203.0.113.0/24")),
        ("fe80::1ff:fe23:4567:890a%eth0", "", Some("fe80::1ff:fe23:4567:890a"), Some("fe80::1ff:fe23:4567:890a%eth0")),
        ("::ffff:203.0.113.20", "", Some("203.0.113.20"), None),
        ("-", "", None, None),
    ];
    let installation = Installation::embedded();
    let lines = clients.iter().enumerate();
    let file: String =
        lines.map(|(at, (client, behind, ..))| line(client, &format!("09:00:{at:02}"), behind)).collect();
    assert_eq!(numbers(import(&installation, "access.log", &file, &[])), [clients.len() as u64, 0, 0, 0]);
    let found = addresses(&installation).await;
    for ((client, _, address, given), (ip, extra)) in clients.iter().zip(&found) {
        assert_eq!((ip.as_deref(), extra["ip_given"].as_str()), (*address, *given), "{client}");
    }
    assert_eq!(found[0].1["forwarded_for"], "203.0.113.9, 10.0.0.5");
    assert_eq!(found[5].1["vhost"], "ads.example.com:443");
    assert_eq!(sum(&installation.ask(&["counters"]), "clicks"), clients.len() as i64);
}

#[test]
fn a_table_without_quotes_and_zones_is_read_as_its_mapping_says() {
    let installation = Installation::embedded();
    let file =
        "campaign\tad\ttime\n\"spring\" sale\t\"dewy\t2026-05-12 09:00:01\ncmp-1\t5' 9\" tall\t2026-05-12 23:30:00\n";
    let file = write(&installation, "clicks.tsv", file);
    let import = |mapping: &str| {
        let mapping = write(&installation, "m.toml", mapping);
        let paths = [file.to_str().unwrap(), mapping.to_str().unwrap()];
        installation.run(&["import", paths[0], "--format", "csv", "--mapping", paths[1], "--output", "json"])
    };
    let error = import(&DIALECT.replace("timezone = \"Europe/Berlin\"\n", TABLE)).exits(1).stderr();
    assert!(error.contains("do not say their zone: add timezone = "), "{error}");
    let error = import(&format!("{DIALECT}{}", TABLE.replace("%S", "%S %Z"))).exits(1).stderr();
    assert!(error.contains("(%Z)") && error.contains("use %z"), "{error}");
    assert_eq!(numbers(import(&format!("{DIALECT}{TABLE}"))), [2, 0, 0, 0]);
    let rows = installation.ask(&["counters", "--by", "campaign,ad", "--granularity", "minute"]);
    let row = |row: &Value| ["bucket", "campaign_id", "ad_id"].map(|name| row[name].as_str().unwrap().to_owned());
    let mut found: Vec<_> = rows.as_array().unwrap().iter().map(row).collect();
    found.sort();
    assert!(found[0][0].starts_with("2026-05-12T07:00") && found[1][0].starts_with("2026-05-12T21:30"), "{found:?}");
    assert_eq!([&found[0][1..], &found[1][1..]], [["\"spring\" sale", "\"dewy"], ["cmp-1", "5' 9\" tall"]]);
}

#[test]
fn events_as_the_api_takes_them_are_imported_once() {
    let installation = Installation::embedded();
    let event = |id: &str, time: &str| {
        json!({"event_id": id, "kind": "click", "event_time": time, "ad_id": "a", "advertiser_id": "acme",
               "campaign_id": "c", "price": "1", "currency": "EUR"})
        .to_string()
    };
    let mut file = [event("d1", "2026-05-17T22:30:00Z"), event("d2", "2026-05-18T10:00:00Z")].join("\n");
    let import = |file: &str| {
        let file = write(&installation, "events.ndjson", file);
        numbers(installation.run(&["import", file.to_str().unwrap(), "--format", "ndjson", "--output", "json"]))
    };
    assert_eq!(import(&file), [2, 0, 0, 0]);
    file = [file, event("d3", "2026-05-17T22:29:00Z")].join("\n");
    assert_eq!(import(&file), [1, 2, 0, 0]);
    assert_eq!(import(&file), [0, 3, 0, 0]);
    assert_eq!(sum(&installation.ask(&["counters"]), "clicks"), 3);
}

/// Clicks as the API takes them, of ids that come again, on one day of May.
fn clicks(day: u32, hour: u32, ids: std::ops::Range<u32>) -> String {
    let click = |id: u32| {
        let time = format!("2026-05-{day:02}T{hour:02}:{id:02}:00Z");
        json!({"event_id": format!("{day}-{id}"), "kind": "click", "event_time": time, "ad_id": "a",
               "advertiser_id": "acme", "campaign_id": "c", "price": "1", "currency": "EUR"})
    };
    ids.map(|id| format!("{}\n", click(id))).collect()
}

#[test]
fn two_files_of_one_day_are_billed_as_one_however_far_apart_they_are_imported() {
    let (first, second) = (clicks(3, 10, 0..36), clicks(3, 18, 0..24));
    let later = |day: u32| clicks(day, 12, 0..1);
    let billed = |files: &[String]| {
        let installation = Installation::embedded();
        for (number, file) in files.iter().enumerate() {
            let file = write(&installation, &format!("{number}.ndjson"), file);
            let outcome =
                installation.run(&["import", file.to_str().unwrap(), "--format", "ndjson", "--output", "json"]);
            numbers(outcome);
        }
        let rows = installation.ask(&["counters", "--granularity", "day"]);
        let of_day = |row: &&Value| row["bucket"].as_str().unwrap().starts_with("2026-05-03");
        let rows: Vec<Value> = rows.as_array().unwrap().iter().filter(of_day).cloned().collect();
        ["clicks", "billable_clicks"].map(|name| sum(&Value::Array(rows.clone()), name))
    };
    assert_eq!(billed(&[format!("{first}{second}"), later(9)]), [60, 36]);
    assert_eq!(billed(&[first.clone(), second.clone()]), [60, 36]);
    assert_eq!(billed(&[first.clone(), later(9), second.clone()]), [60, 36], "the second comes six days later");
    assert_eq!(billed(&[second.clone(), later(9), first.clone()]), [60, 36], "the earlier half comes last");
    assert_eq!(billed(&[later(9), first, later(13), second]), [60, 36], "both come late");
}

/// Two versions of a log: the longer one has lines at its end, one in the middle, and one that was cut before.
fn versions() -> [String; 2] {
    let lines: Vec<String> =
        (0..40).map(|at| line("203.0.113.9", &format!("{:02}:10:{:02}", 9 + at / 20, at), "")).collect();
    let twice = [lines[..30].concat(), lines[29].clone()].concat();
    let late = line("203.0.113.10", "09:10:05", "");
    let short = format!("{twice}{}", &lines[30][..90]);
    [short, format!("{late}{twice}{}", lines[30..].concat())]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_grew_adds_only_its_new_lines() {
    let broker = NatsServer::start();
    let [short, long] = versions();
    for installation in [Installation::embedded(), Installation::on_broker(&broker)] {
        assert_eq!(numbers(import(&installation, "access.log", &short, &[])), [31, 0, 0, 1]);
        assert_eq!(numbers(import(&installation, "access.log", &short, &[])), [0, 31, 0, 1]);
        assert_eq!(numbers(import(&installation, "access.log", &long, &[])), [11, 31, 0, 0]);
        assert_eq!(numbers(import(&installation, "copy.log", &long.replace('\n', "\r\n"), &[])), [0, 42, 0, 0]);
        // The next file begins with lines of the last one.
        let rotated = format!(
            "{}{}",
            &long[long.len() / 2..][long[long.len() / 2..].find('\n').unwrap() + 1..],
            line("203.0.113.11", "11:10:00", "")
        );
        let [new, ..] = numbers(import(&installation, "access.log.1", &rotated, &[]));
        assert_eq!(new, 1);
        let other_server = import(&installation, "web2.log", &long, &["--source", "web2"]);
        assert_eq!(numbers(other_server), [42, 0, 0, 0]);
        assert_eq!(addresses(&installation).await.len(), 42 + 1 + 42);
    }
}

#[test]
fn lines_of_a_sealed_hour_are_counted_at_their_own_time() {
    let [short, long] = versions();
    let (grown, whole) = (Installation::embedded(), Installation::embedded());
    let sealed = import(&grown, "access.log", &short, &[]).exits(0).json();
    assert_eq!(sealed["hours_sealed"], 2, "{sealed}");
    let last = line("203.0.113.12", "18:00:00", "");
    import(&grown, "access.log", &format!("{long}{last}"), &[]).exits(0);
    import(&whole, "access.log", &format!("{long}{last}"), &[]).exits(0);
    let minutes = |installation: &Installation| {
        let rows = installation.ask(&["counters", "--by", "ad", "--granularity", "minute"]);
        let row = |row: &Value| (row["bucket"].clone(), row["clicks"].clone());
        rows.as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(minutes(&grown), minutes(&whole));
    grown.run(&["log", "verify", "--deep"]).exits(0);
    for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _ = fs::remove_file(grown.data().join(name));
    }
    grown.ask(&["catalog", "rebuild"]);
    assert_eq!(minutes(&grown), minutes(&whole));
    assert_eq!(numbers(import(&grown, "access.log", &format!("{long}{last}"), &[])), [0, 43, 0, 0]);
}

#[test]
fn an_import_that_logs_nothing_or_rejects_too_much_exits_with_2_and_says_so_last() {
    let installation = Installation::embedded();
    let last_line = |file: &str, more: &[&str]| {
        let (file, mapping) = (write(&installation, "access.log", file), example("apache.toml"));
        let fixed = ["import", file.to_str().unwrap(), "--format", "combined", "--mapping", mapping.to_str().unwrap()];
        let outcome = installation.run(&[&fixed[..], more].concat()).exits(2);
        outcome.stdout().lines().last().unwrap().to_owned()
    };
    let bad = "no access log\n".repeat(3);
    let said = last_line(&bad, &[]);
    assert_eq!(
        said,
        "import failed: nothing was logged: 3 of 3 lines were rejected (malformed 3): see clicktrail rejected list"
    );
    let mixed = format!("{}{bad}", line("203.0.113.9", "09:00:00", ""));
    let said = last_line(&mixed, &[]);
    assert_eq!(
        said,
        "import failed: 3 of 4 lines were rejected, more than --rejects-max 1% (malformed 3): see clicktrail rejected list"
    );
    assert_eq!(numbers(import(&installation, "access.log", &mixed, &["--rejects-max", "75%"])), [0, 1, 3, 0]);
    assert_eq!(numbers(import(&installation, "access.log", &mixed, &["--rejects-max", "3"])), [0, 1, 3, 0]);
    let said = last_line(&format!("{mixed}another\n"), &["--rejects-max", "100%"]);
    assert!(said.starts_with("import failed: nothing new was logged: 1 new line was rejected"), "{said}");
    let rejected = installation.ask(&["rejected", "list"]);
    let rejected = rejected.as_array().unwrap();
    assert_eq!(rejected.len(), 4, "each line once: {rejected:?}");
    assert!(rejected.iter().all(|line| line["rejected_at"].as_str().unwrap() > "2026-05-13"), "{rejected:?}");
}
