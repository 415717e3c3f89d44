//! From approved drafts to what customers hold in their hands: issued once, under numbers without a gap, never changed,
//! corrected by notes that add up to the truth, and computed again to the byte, years and programs later.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use clicktrail_invoices::{
    Bill, Counts, Currency, Usage, bill,
    document::{Document, Kind},
    period::Period,
};
use clicktrail_log::{
    frame::Digest,
    log::Stream,
    time::{Clock as _, SystemClock, Timestamp},
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::{
    complete::{catalog, delete_catalog},
    installation::{Installation, example},
    invoicing::import,
    nats_server::NatsServer,
    production::{becomes_counted, seal_as_if},
    seed::Seed,
    server::Server,
};

pub(crate) const PERIOD: &str = "2026-W10";
const RELEASED: &str = include_str!("../../../../projections/src/counters/counters.sql");
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 \
                     Safari/537.36";
const MINUTE: i64 = 60_000_000;

/// A click of somebody whom nobody has seen before.
pub(crate) fn click(advertiser: &str, number: i64, at: Timestamp) -> Value {
    let campaign = ["brand", "spring", "\"sale\", Ünïcode\u{1F600}"][usize::try_from(number % 3).unwrap()];
    json!({
        "event_id": format!("{advertiser}-{number}"), "kind": "click", "event_time": at.to_string(),
        "advertiser_id": advertiser, "campaign_id": campaign, "ad_id": format!("{campaign}-{}", number % 2),
        "price_micros": 250_000 + number % 7 * 3_331, "currency": "EUR", "user_id": format!("{advertiser}u{number}"),
        "ip": format!("198.51.{}.{}", number / 250 % 250, number % 250), "user_agent": AGENT,
    })
}

/// Clicks from `from` on, some minutes apart.
pub(crate) fn clicks(advertiser: &str, count: i64, from: Timestamp, minutes: i64) -> Vec<Value> {
    (0..count).map(|number| click(advertiser, number, from.plus_micros(number * minutes * MINUTE + 7))).collect()
}

/// Weekly terms of an account in UTC, with the example's discounts, caps and minimums.
fn terms(installation: &Installation, advertiser: &str) -> String {
    let text = fs::read_to_string(example("accounts/acme.toml")).unwrap();
    let text = text
        .replace("\"acme\"", &format!("\"{advertiser}\""))
        .replace("Europe/Berlin", "UTC")
        .replace("cycle = \"month\"", "cycle = \"week\"")
        .replace("\"5000.00\"", "\"10.00\"")
        .replace("\"100.00\"", "\"5.00\"");
    let path = installation.data().with_file_name(format!("{advertiser}.toml"));
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

pub(crate) fn add_accounts(installation: &Installation, advertisers: &[&str]) {
    fs::create_dir_all(installation.data()).unwrap();
    for advertiser in advertisers {
        let file = terms(installation, advertiser);
        installation.run(&["accounts", "add", &file]).exits(0);
    }
    installation.run(&["accounts", "seller", example("accounts/seller.toml").to_str().unwrap()]).exits(0);
}

/// A week of two accounts, and what comes after it, sealed.
pub(crate) fn week() -> Installation {
    let installation = Installation::embedded();
    let start = Timestamp::parse_rfc3339("2026-03-02T00:00:00Z").unwrap();
    let mut all = clicks("acme", 120, start, 75);
    all.extend(clicks("kavi", 40, start, 200));
    all.push(click("later", 0, Timestamp::parse_rfc3339("2026-03-10T12:00:00Z").unwrap()));
    all.sort_by_key(|click| click["event_time"].as_str().unwrap().to_owned());
    import(&installation, "week", &all);
    add_accounts(&installation, &["acme", "kavi"]);
    installation
}

pub(crate) const LATE: [&str; 2] = ["--lateness", "24h"];

pub(crate) fn draft_and_approve(installation: &Installation, period: &str, lateness: &str) {
    let drafted = installation.run(&["invoice", "draft", period, "--lateness", lateness, "--output", "json"]);
    assert!([0, 5].contains(&drafted.code()), "{drafted}");
    installation.ask(&["invoice", "approve", "--period", period]);
}

pub(crate) fn issue(installation: &Installation, period: &str) -> Vec<String> {
    let issued = installation.ask(&["invoice", "issue", "--period", period]);
    assert_eq!((&issued["left"], &issued["unfinished"]), (&json!([]), &Value::Null), "{issued}");
    assert_eq!(issued["alarms"], json!([]), "{issued}");
    let issued = issued["issued"].as_array().unwrap().iter();
    issued.map(|document| document["document"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn document(installation: &Installation, name: &str) -> Document {
    let shown = installation.run(&["invoice", "export", name, "--format", "json", "--out", "-"]).exits(0);
    Document::from_canonical(shown.stdout().as_bytes()).unwrap()
}

/// Every stored form comes out as the same bytes, from segments and from raw hours.
#[track_caller]
pub(crate) fn regenerates(installation: &Installation, name: &str) {
    for options in [&[][..], &["--from-raw"]] {
        let arguments = [&["invoice", "regenerate", name, "--output", "json"], options].concat();
        let again = installation.run(&arguments).exits(0);
        let answer = again.json();
        assert_eq!((&answer["findings"], &answer["not_compared"]), (&json!([]), &json!([])), "{again}");
        let equal: BTreeSet<&str> =
            answer["equal"].as_array().unwrap().iter().map(|form| form.as_str().unwrap()).collect();
        assert_eq!(equal, BTreeSet::from(["json", "csv", "parquet", "pdf", "ubl", "cii"]), "{again}");
    }
}

/// The bill of what counts now, from the counters, a way of its own.
fn truth(installation: &Installation, of: &Document) -> Bill {
    let Period { from, to, .. } = &of.draft.pins.period;
    let (from, to) = (from.to_string(), to.to_string());
    let advertiser = of.draft.advertiser_id.as_str();
    let options = ["counters", "--by", "campaign", "--advertiser", advertiser, "--from", &from, "--to", &to];
    let rows = installation.ask(&options);
    let mut usage = Usage::default();
    for row in rows.as_array().unwrap() {
        let count = |name: &str| row[name].as_i64().unwrap();
        let counts = Counts {
            gross: count("clicks"),
            givt: count("invalid_givt"),
            sivt: count("invalid_sivt"),
            duplicate: count("invalid_duplicate"),
            policy: count("invalid_policy"),
            billable: count("billable_clicks"),
            spend_micros: row["spend_micros"].as_str().unwrap().parse().unwrap(),
        };
        usage.add(row["campaign_id"].as_str().unwrap(), &counts).unwrap();
    }
    bill(&usage, &of.draft.terms, Currency::parse("EUR").unwrap()).unwrap()
}

/// Invoice and notes add up to the rounded truth, line by line (I10).
#[track_caller]
pub(crate) fn adds_up(installation: &Installation, names: &[&str]) {
    let documents: Vec<Document> = names.iter().map(|name| document(installation, name)).collect();
    let bills: Vec<Bill> = documents.iter().map(|document| document.draft.bill.clone()).collect();
    let rest = truth(installation, &documents[0]).minus(&bills).unwrap();
    assert!(rest.is_nothing(), "{names:?} leave {rest:?}");
}

/// The positions of an account's clicks, in order.
pub(crate) fn positions(installation: &Installation, advertiser: &str) -> Vec<String> {
    let cat = installation.run(&["log", "cat", "--limit", "100000"]).exits(0).stdout();
    let lines = cat.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of = lines.filter(|line| line["advertiser_id"] == json!(advertiser) && line["kind"] == json!("click"));
    of.map(|line| line["position"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn documents_are_issued_once_exported_and_regenerated_to_the_byte() {
    let installation = week();
    draft_and_approve(&installation, PERIOD, LATE[1]);
    assert_eq!(issue(&installation, PERIOD), ["INV-00000001", "INV-00000002"]);
    let again = installation.ask(&["invoice", "issue", "--period", PERIOD]);
    assert_eq!(again["issued"], json!([]));
    let invoice = document(&installation, "INV-00000001");
    assert_eq!((invoice.draft.advertiser_id.as_str(), invoice.draft.kind), ("acme", Kind::Invoice));
    assert_eq!(invoice.draft.bill.lines.len(), 3);
    for name in ["INV-00000001", "INV-2"] {
        regenerates(&installation, name);
        adds_up(&installation, &[name]);
        let explained = installation.ask(&["invoice", "explain", name]);
        assert!(explained["lines"].as_array().unwrap().iter().all(|line| line["differences"] == json!([])));
    }
    let explained = installation.ask(&["invoice", "explain", "INV-1", "--line", "spring", "--clicks"]);
    let line = &explained["lines"][0];
    assert_eq!((&line["sum"], &line["sum_of_clicks"]), (&line["counts"], &line["counts"]), "{explained}");
    assert_eq!(line["clicks"].as_array().unwrap().len(), 40);
    assert!(line["clicks"][0]["event_id"].as_str().unwrap().starts_with("acme-"), "{explained}");

    let out = installation.data().with_file_name("out");
    let out = out.to_str().unwrap();
    for format in ["json", "csv", "parquet", "pdf", "ubl", "cii", "ledger"] {
        installation.ask(&["invoice", "export", PERIOD, "--format", format, "--out", out]);
    }
    let csv = fs::read_to_string(format!("{out}/INV-00000001.csv")).unwrap();
    assert!(csv.contains("\"\"\"sale\"\", Ünïcode\u{1F600}\""), "{csv}");
    let pdf = fs::read(format!("{out}/INV-00000001.pdf")).unwrap();
    assert!(pdf.starts_with(b"%PDF-"), "it is a PDF");
    let xml = fs::read_to_string(format!("{out}/INV-00000001.ubl.xml")).unwrap();
    assert!(xml.contains("INV-00000001"), "{xml}");
    let ledger = fs::read_to_string(format!("{out}/{PERIOD}.ledger.csv")).unwrap();
    assert!(ledger.contains("INV-00000002") && ledger.contains("receivable"), "{ledger}");
    installation.run(&["invoice", "verify", "--all"]).exits(0);
    let log = installation.ask(&["audit", "log", "--action", "verify_invoices"]);
    assert_eq!(log[0]["result"], json!("done"), "{log}");

    // Other terms and prices, from the first day on, change nothing that was issued.
    let path = terms(&installation, "acme");
    let text = fs::read_to_string(&path).unwrap().replace("rate_basis_points = 1900", "rate_basis_points = 700");
    fs::write(&path, text.replace("rate_basis_points = 500", "rate_basis_points = 5000")).unwrap();
    installation.run(&["accounts", "add", &path]).exits(0);
    regenerates(&installation, "INV-00000001");
    // Nor does another version of the projection that counts the same.
    let sql = format!("-- The next version.\n{RELEASED}");
    let path = installation.data().with_file_name("next.sql");
    fs::write(&path, sql).unwrap();
    let built = installation.ask(&["replay", "build", "--sql", path.to_str().unwrap()]);
    installation.ask(&["replay", "promote", built["generation"].as_str().unwrap(), "--max-delta", "0%"]);
    installation.run(&["replay", "gc", "--yes", "--older-than", "0"]).exits(0);
    regenerates(&installation, "INV-00000001");
    let nothing = installation.run(&["invoice", "correct", PERIOD]).exits(0);
    assert!(nothing.stderr().contains("2 invoices with nothing to correct"), "{nothing}");
}

/// The archive's object of a form, as a file.
pub(crate) fn stored(installation: &Installation, name: &str, form: &str) -> std::path::PathBuf {
    let (series, number) = name.rsplit_once('-').unwrap();
    let directory = installation.data().join("archive/invoices/documents").join(series).join(number);
    let files = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|path| path.to_str().unwrap().ends_with(&format!(".{form}"))).unwrap()
}

#[test]
fn a_lost_or_damaged_form_is_named_and_put_back() {
    let installation = week();
    draft_and_approve(&installation, PERIOD, LATE[1]);
    issue(&installation, PERIOD);
    let (csv, json_form) =
        (stored(&installation, "INV-00000001", "csv"), stored(&installation, "INV-00000001", "json"));
    let (was, document) = (fs::read(&csv).unwrap(), fs::read(&json_form).unwrap());
    fs::write(&csv, "campaign\n").unwrap();
    fs::remove_file(&json_form).unwrap();
    let found = installation.run(&["invoice", "regenerate", "INV-00000001"]).exits(2);
    assert!(found.stdout().contains("--repair") && found.stdout().contains("is missing from the archive"), "{found}");
    let verified = installation.run(&["invoice", "verify", "--all"]).exits(2);
    assert!(verified.stdout().contains("1 of 2 documents came out the same"), "{verified}");
    let export = installation.run(&["invoice", "export", "INV-1", "--format", "csv", "--out", "-"]).exits(1);
    assert!(export.stderr().contains("is damaged") && export.stderr().contains("invoice regenerate"), "{export}");
    installation.run(&["invoice", "regenerate", "INV-00000001", "--repair"]).exits(0);
    assert_eq!((fs::read(&csv).unwrap(), fs::read(&json_form).unwrap()), (was, document));
    regenerates(&installation, "INV-00000001");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_that_changes_what_was_issued_is_refused() {
    let installation = week();
    draft_and_approve(&installation, PERIOD, LATE[1]);
    issue(&installation, PERIOD);
    let mut connection = catalog(&installation).await;
    for statement in [
        "UPDATE documents SET total_minor = '1' WHERE number = 1",
        "DELETE FROM documents WHERE number = 2",
        "DELETE FROM artefacts",
        "UPDATE artefacts SET artefact_digest = 'x'",
        "UPDATE terms SET text = '{}'",
        "UPDATE periods SET to_at = to_at + 60000000",
        "INSERT OR REPLACE INTO documents SELECT * FROM documents WHERE number = 2",
    ] {
        let refused = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await;
        assert!(refused.is_err(), "{statement}");
    }
    connection.close().await.unwrap();
    regenerates(&installation, "INV-00000002");
}

/// What was ruled later comes to count, with notes: drafted, approved and issued.
pub(crate) fn story(installation: &Installation, period: &str, lateness: &str) {
    draft_and_approve(installation, period, lateness);
    assert_eq!(issue(installation, period), ["INV-00000001", "INV-00000002"]);
    adds_up(installation, &["INV-00000001"]);
    // A fraud ring: a third of an account's clicks.
    let ring: Vec<String> = positions(installation, "acme").into_iter().step_by(3).collect();
    for position in &ring {
        let arguments =
            ["verdicts", "add", position, "--category", "sivt", "--reason", "one of the ring", "--actor", "ann"];
        installation.run(&arguments).exits(0);
    }
    let plan = installation.ask(&["replay", "plan", "--stale"]);
    assert_eq!(plan["invoiced_periods"][0]["period"], json!(period), "{plan}");
    let built = installation.ask(&["replay", "build", "--stale"]);
    let generation = built["generation"].as_str().unwrap();
    let promote = ["replay", "promote", generation, "--max-delta", "any"];
    let refused = installation.run(&promote).exits(3);
    assert!(refused.stderr().contains("gate invoiced") && refused.stderr().contains("--notes"), "{refused}");
    adds_up(installation, &["INV-00000001"]);
    let promoted = installation.run(&[&promote[..], &["--notes", "--lateness", lateness]].concat()).exits(0);
    assert!(promoted.stdout().contains("credit note"), "{promoted}");
    installation.ask(&["invoice", "approve", "--period", period]);
    assert_eq!(issue(installation, period), ["CN-00000001"]);
    let note = document(installation, "CN-00000001");
    let original = note.draft.original.as_ref().unwrap();
    assert_eq!((original.name().as_str(), original.reason.as_str()), ("INV-00000001", "sivt"));
    assert!(note.draft.bill.total < 0 && !note.draft.hours.is_empty(), "{note:?}");
    adds_up(installation, &["INV-00000001", "CN-00000001"]);
    adds_up(installation, &["INV-00000002"]);
    let correct = ["invoice", "correct", period, "--lateness", lateness];
    let nothing = installation.run(&correct).exits(0);
    assert!(nothing.stderr().contains("2 invoices with nothing to correct"), "{nothing}");
    let explained = installation.ask(&["invoice", "explain", "CN-1", "--line", "1", "--clicks"]);
    let line = &explained["lines"][0];
    assert_eq!((&line["sum"], &line["sum_of_clicks"]), (&line["counts"], &line["counts"]), "{explained}");
    assert_eq!(line["clicks"][0]["ruling"], json!("sivt, was billable"));
    for name in ["INV-00000001", "INV-00000002", "CN-00000001"] {
        regenerates(installation, name);
    }
    installation.run(&["replay", "gc", "--yes", "--older-than", "0"]).exits(0);
    installation.ask(&["catalog", "rebuild"]);
    for name in ["INV-00000001", "CN-00000001"] {
        regenerates(installation, name);
    }
}

#[test]
fn a_later_ruling_over_an_issued_period_takes_a_note_and_adds_up_to_the_truth() {
    let installation = week();
    story(&installation, PERIOD, LATE[1]);
    // A lost catalog gets back what customers hold in their hands, and its numbers go on behind it.
    let before: Vec<Document> =
        ["INV-00000001", "INV-00000002", "CN-00000001"].map(|name| document(&installation, name)).into();
    delete_catalog(&installation);
    let older = installation.run(&["invoice", "issue", "--period", PERIOD]).exits(1);
    assert!(older.stderr().contains("the catalog is an older copy"), "{older}");
    let rebuilt = installation.ask(&["catalog", "rebuild"]);
    assert_eq!(rebuilt["documents"], json!(3), "{rebuilt}");
    for document in &before {
        assert_eq!(self::document(&installation, &document.name()), *document);
        regenerates(&installation, &document.name());
    }
    assert_eq!(installation.ask(&["catalog", "rebuild"])["documents"], json!(0));
    let log = installation.run(&["log", "cat", "--stream", "invoices"]).exits(0);
    assert_eq!(log.stdout().lines().count(), 3, "no document is logged twice: {log}");
    let nothing = installation.run(&["invoice", "correct", PERIOD]).exits(0);
    assert!(nothing.stderr().contains("2 invoices with nothing to correct"), "{nothing}");
}

/// The last week that is over, and how old its beginning is.
pub(crate) fn last_week() -> (String, Timestamp) {
    let now = SystemClock.now();
    let name: clicktrail_invoices::PeriodName = "1970-W01".parse().unwrap();
    let this = Period::at(name.cycle(), "UTC", now).unwrap();
    let last = Period::of(this.name.previous().unwrap(), "UTC").unwrap();
    (last.name.to_string(), last.from)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_and_regeneration_hold_on_postgres_s3_and_jetstream() {
    let broker = NatsServer::start();
    let installation = Installation::in_production(&broker).await;
    let server = Server::start_with(&installation, &["--event-age-max", "2000000"]);
    let (period, from) = last_week();
    let mut events = clicks("acme", 60, from, 100);
    events.extend(clicks("kavi", 20, from, 300));
    let client = reqwest::Client::new();
    for chunk in events.chunks(20) {
        let answer = client.post(format!("{}/v1/events", server.url())).json(&chunk).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }
    becomes_counted(&installation, 80).await;
    server.stop(&[]);
    let log = installation.log(Stream::Clicks).await;
    seal_as_if(&installation, log, SystemClock.now().hour(), true).await;
    tokio::task::block_in_place(|| {
        add_accounts(&installation, &["acme", "kavi"]);
        story(&installation, &period, "0h");
    });
    installation.remove().await;
}

#[test]
fn a_cancelled_invoice_is_taken_back_whole_and_its_account_is_drafted_again() {
    let installation = week();
    draft_and_approve(&installation, PERIOD, LATE[1]);
    issue(&installation, PERIOD);
    let cancelled = installation.ask(&["invoice", "correct", "INV-00000002", "--cancel"]);
    assert_eq!(cancelled["accounts"][0]["note"]["reason"], json!("cancelled"), "{cancelled}");
    installation.ask(&["invoice", "approve", "--period", PERIOD]);
    assert_eq!(issue(&installation, PERIOD), ["CN-00000001"]);
    let (invoice, note) = (document(&installation, "INV-00000002"), document(&installation, "CN-00000001"));
    assert_eq!(note.draft.bill.total, -invoice.draft.bill.total);
    regenerates(&installation, "CN-00000001");
    let explained = installation.ask(&["invoice", "explain", "CN-1", "--line", "1", "--clicks"]);
    assert_eq!(explained["lines"][0]["differences"], json!([]), "{explained}");
    let again = installation.run(&["invoice", "correct", "INV-00000002", "--cancel"]).exits(3);
    assert!(again.stderr().contains("draft it again"), "{again}");
    draft_and_approve(&installation, PERIOD, LATE[1]);
    assert_eq!(issue(&installation, PERIOD), ["INV-00000003"]);
    regenerates(&installation, "INV-00000003");
    adds_up(&installation, &["INV-00000002", "CN-00000001", "INV-00000003"]);
}

#[test]
fn a_claim_window_refuses_what_ended_too_long_ago_and_is_off_by_default() {
    let installation = week();
    draft_and_approve(&installation, PERIOD, LATE[1]);
    issue(&installation, PERIOD);
    let refused = installation.run(&["invoice", "correct", PERIOD, "--claim-window", "30"]).exits(3);
    assert!(refused.stderr().contains("longer ago than claims are taken"), "{refused}");
    installation.run(&["invoice", "correct", PERIOD]).exits(0);
}

/// Whoever issues: so many processes, some of which are killed at random moments.
fn issue_with_kills(installation: &Installation, seed: &mut Seed, period: &str, processes: usize) {
    let mut running = Vec::new();
    for _ in 0..processes {
        let mut command = installation.command(&["invoice", "issue", "--period", period]);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let killed_after = Duration::from_millis(seed.draw(5..1_500));
        running.push((process, Instant::now() + killed_after, seed.draw(0..3) > 0));
        thread::sleep(Duration::from_millis(seed.draw(0..30)));
        for (process, at, dies) in &mut running {
            if *dies && Instant::now() >= *at {
                let _ = process.kill();
            }
        }
    }
    for (mut process, at, dies) in running {
        if dies {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            let _ = process.kill();
        }
        process.wait().unwrap();
    }
}

/// Numbers 1..n of every series, each document with all of its forms as they were digested, in record and log.
fn check_numbers(installation: &Installation, accounts: usize) {
    let listed = installation.ask(&["invoice", "list"]);
    let rows = listed.as_array().unwrap();
    let documents: BTreeSet<&str> = rows.iter().map(|row| row["document"].as_str().unwrap()).collect();
    let expected: BTreeSet<String> = (1..=accounts).map(|number| format!("INV-{number:08}")).collect();
    assert_eq!(documents, expected.iter().map(String::as_str).collect(), "{listed}");
    let log = installation.run(&["log", "cat", "--stream", "invoices", "--limit", "100000"]).exits(0).stdout();
    let mut logged: BTreeMap<String, usize> = BTreeMap::new();
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        *logged
            .entry(format!("{}-{:08}", entry["series"].as_str().unwrap(), entry["number"].as_u64().unwrap()))
            .or_default() += 1;
    }
    assert_eq!(logged.keys().cloned().collect::<BTreeSet<_>>(), expected, "every document is in the log");
    assert!(logged.values().all(|entries| *entries == 1), "no document is logged twice: {logged:?}");
    installation.run(&["invoice", "verify", "--all"]).exits(0);
}

const ACCOUNTS: usize = 60;
const PROCESSES: usize = 50;

fn many(installation: &Installation, events: impl Fn(&str) -> Vec<Value>) -> Vec<Value> {
    let names: Vec<String> = (0..ACCOUNTS).map(|number| format!("account-{number:02}")).collect();
    add_accounts(installation, &[]);
    let files: Vec<String> = names.iter().map(|name| terms(installation, name)).collect();
    let mut arguments = vec!["accounts", "add"];
    arguments.extend(files.iter().map(String::as_str));
    installation.run(&arguments).exits(0);
    names.iter().flat_map(|name| events(name)).collect()
}

fn concurrent(installation: &Installation, period: &str, lateness: &str) {
    draft_and_approve(installation, period, lateness);
    let mut seed = Seed::take();
    issue_with_kills(installation, &mut seed, period, PROCESSES);
    // Whatever was left undone the next command finishes; whatever is still approved it issues.
    let last = installation.ask(&["invoice", "issue", "--period", period]);
    assert_eq!((&last["left"], &last["unfinished"]), (&json!([]), &Value::Null), "{last}");
    check_numbers(installation, ACCOUNTS);
}

#[test]
fn fifty_issuers_with_kills_on_sqlite_lose_no_number_and_use_none_twice() {
    let installation = Installation::embedded();
    fs::create_dir_all(installation.data()).unwrap();
    let start = Timestamp::parse_rfc3339("2026-03-02T00:00:00Z").unwrap();
    let mut events = many(&installation, |name| clicks(name, 3, start, 60));
    events.push(click("later", 0, Timestamp::parse_rfc3339("2026-03-10T12:00:00Z").unwrap()));
    events.sort_by_key(|click| click["event_time"].as_str().unwrap().to_owned());
    import(&installation, "many", &events);
    concurrent(&installation, PERIOD, LATE[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_issuers_with_kills_on_postgres_lose_no_number_and_use_none_twice() {
    let broker = NatsServer::start();
    let installation = Installation::in_production(&broker).await;
    let server = Server::start_with(&installation, &["--event-age-max", "2000000"]);
    let (period, from) = last_week();
    let events = tokio::task::block_in_place(|| many(&installation, |name| clicks(name, 3, from, 60)));
    let client = reqwest::Client::new();
    let answer = client.post(format!("{}/v1/events", server.url())).json(&events).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    becomes_counted(&installation, i64::try_from(events.len()).unwrap()).await;
    server.stop(&[]);
    let log = installation.log(Stream::Clicks).await;
    seal_as_if(&installation, log, SystemClock.now().hour(), true).await;
    tokio::task::block_in_place(|| concurrent(&installation, &period, "0h"));
    let mut connection = PgConnection::connect(installation.catalog_url()).await.unwrap();
    for statement in ["UPDATE documents SET total_minor = '1'", "DELETE FROM documents", "DELETE FROM artefacts"] {
        let refused = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await;
        assert!(refused.is_err(), "{statement}");
    }
    connection.close().await.unwrap();
    installation.remove().await;
}

/// A store that takes no more: nothing is half issued, and what was there before stays.
#[test]
fn a_store_that_refuses_documents_leaves_nothing_half_issued() {
    let installation = week();
    draft_and_approve(&installation, PERIOD, LATE[1]);
    let documents = installation.data().join("archive/invoices/documents");
    fs::create_dir_all(documents.parent().unwrap()).unwrap();
    fs::write(&documents, "in the way").unwrap();
    let refused = installation.run(&["invoice", "issue", "--period", PERIOD]).exits(1);
    assert!(refused.stderr().contains("the archive is not available"), "{refused}");
    let states = |installation: &Installation| -> Vec<String> {
        let listed = installation.ask(&["invoice", "list"]);
        listed.as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(&installation), ["approved", "approved"]);
    fs::remove_file(&documents).unwrap();
    assert_eq!(issue(&installation, PERIOD), ["INV-00000001", "INV-00000002"]);
    assert_eq!(states(&installation), ["issued", "issued"]);
    installation.run(&["invoice", "verify", "--all", "--from-raw"]).exits(0);
    let object = stored(&installation, "INV-00000001", "json");
    check_digest(&object);
}

/// An object is named by its content.
fn check_digest(object: &Path) {
    let digest = Digest::of(&fs::read(object).unwrap()).to_string();
    let name = object.file_name().unwrap().to_str().unwrap();
    assert!(digest.starts_with(name.split('.').next().unwrap()), "{name}: {digest}");
}
