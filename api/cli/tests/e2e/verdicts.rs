//! Verdicts from outside: on the real log, by hand, by SQL, under other rules, and with bad input.

use std::{fs, path::Path, process::Command, time::Duration};

use clicktrail_log::{
    log::{ReadLimit, Stream},
    position::Seq,
};
use clicktrail_verdicts::reader::VerdictReader;
use serde_json::{Value, json};

use crate::{
    installation::{Installation, example, service, unpack_example},
    nats_server::NatsServer,
    real_log::tree,
    recount::{Recount, sum},
    server::Server,
};

/// Five thresholds at once, and an agent rule that decides alone.
const RATES: &str = r#"
version = 1
name = "rates"
threshold_permille = 700

[[rule]]
detector = "suspicious_agent"
weight_permille = 1000

[[rule]]
detector = "address_rate"
name = "rate_5"
weight_permille = 1
clicks_max = 5

[[rule]]
detector = "address_rate"
name = "rate_10"
weight_permille = 1
clicks_max = 10

[[rule]]
detector = "address_rate"
name = "rate_20"
weight_permille = 1
clicks_max = 20

[[rule]]
detector = "address_rate"
name = "rate_30"
weight_permille = 1
clicks_max = 30

[[rule]]
detector = "address_rate"
name = "rate_60"
weight_permille = 1
clicks_max = 60
"#;

/// Nothing but clicks that say nothing of themselves: every click of the real log stays billable.
const NOTHING: &str = r#"
version = 1
name = "nothing"

[[rule]]
detector = "duplicate"
enabled = false
"#;

/// The real log, imported under a ruleset of that text.
struct Imported {
    installation: Installation,
    log: String,
    /// What the import printed.
    summary: Value,
}

impl Imported {
    fn under(ruleset: &str) -> Self {
        let imported = Self::into(Installation::embedded(), ruleset);
        assert_eq!(imported.summary["hours_sealed"], imported.summary["hours_reconciled"], "I8: {}", imported.summary);
        imported
    }

    fn into(installation: Installation, ruleset: &str) -> Self {
        fs::create_dir_all(installation.data()).unwrap();
        let log = installation.data().join("apache_access.log");
        unpack_example("apache_access.log.gz", &log);
        let log = log.to_str().unwrap().to_owned();
        let mut imported = Self { installation, log, summary: Value::Null };
        imported.write("rules.toml", ruleset);
        let mapping = example("apache.toml");
        let (rules, mapping) = (imported.path("rules.toml"), mapping.to_str().unwrap());
        let arguments = ["import", &imported.log, "--format", "combined", "--mapping", mapping, "--ruleset", &rules];
        imported.summary = imported.installation.ask(&arguments);
        imported
    }

    fn path(&self, name: &str) -> String {
        self.installation.data().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn recount(&self) -> Value {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/verdict_recount.py");
        let output = Command::new(service("CLICKTRAIL_TEST_PYTHON")).arg(script).arg(&self.log).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// How often each rule fired.
    fn fired(&self, rule: &str) -> i64 {
        let stats = self.installation.ask(&["verdicts", "stats"]);
        let rows: Vec<&Value> = stats.as_array().unwrap().iter().filter(|row| row["rule"] == rule).collect();
        sum(&json!(rows), "verdicts")
    }

    fn totals(&self, as_of: &str) -> [i64; 3] {
        let rows = self.installation.ask(&["counters", "--as-of", as_of]);
        ["clicks", "billable_clicks", "spend_micros"].map(|column| sum(&rows, column))
    }
}

#[test]
fn rates_and_agents_fire_on_what_an_independent_count_finds() {
    let imported = Imported::under(RATES);
    let recount = imported.recount();
    assert_eq!(recount["clicks"], json!(9_956));
    for threshold in [5, 10, 20, 30, 60] {
        let expected = recount["rates"][threshold.to_string()].as_i64().unwrap();
        assert!(expected > 50, "{recount}");
        assert_eq!(imported.fired(&format!("rate_{threshold}")), expected, "more than {threshold} in 60 s");
    }
    let googlebot = |condition: &str| {
        let sql = format!(
            "SELECT c.position, 'test' AS reason FROM clicks c JOIN personal p ON p.position = c.position \
             LEFT JOIN rulings r ON r.position = c.position \
             WHERE c.kind = 'click' AND p.user_agent LIKE '%Googlebot%' AND {condition}"
        );
        imported.installation.ask(&["verdicts", "query", &sql])["selected"].as_i64().unwrap()
    };
    assert!(recount["googlebot"].as_i64().unwrap() > 100, "{recount}");
    assert_eq!(json!(googlebot("true")), recount["googlebot"]);
    assert_eq!(googlebot("r.category = 'givt'"), googlebot("true"), "every Googlebot line is general invalid traffic");
    let rows = imported.installation.ask(&["counters"]);
    let column = |name: &str| sum(&rows, name);
    let invalid = ["givt", "sivt", "duplicate", "policy"].map(|category| column(&format!("invalid_{category}")));
    assert_eq!(column("clicks"), 9_956);
    assert_eq!(column("billable_clicks") + invalid.iter().sum::<i64>(), 9_956, "I7");
    assert_eq!(column("spend_micros"), 10_000 * column("billable_clicks"));
}

/// The positions that a condition on agents and rulings selects.
fn selected(installation: &Installation, condition: &str) -> i64 {
    let sql = format!(
        "SELECT c.position, 'test' AS reason FROM clicks c JOIN personal p ON p.position = c.position \
         LEFT JOIN rulings r ON r.position = c.position WHERE c.kind = 'click' AND {condition}"
    );
    installation.ask(&["verdicts", "query", &sql])["selected"].as_i64().unwrap()
}

#[test]
fn shipped_rules_bill_no_declared_robot_and_no_missing_agent() {
    let shipped = Imported::under(include_str!("../../../../verdicts/rulesets/default.toml"));
    let recount = shipped.recount();
    for (name, agents) in [
        ("declared", "p.user_agent ~* '(bot|crawler|spider)\\b'"),
        ("missing", "(p.user_agent IS NULL OR trim(p.user_agent) IN ('', '-'))"),
    ] {
        let counted = recount[name].as_i64().unwrap();
        assert!(counted > 100, "{recount}");
        assert_eq!(selected(&shipped.installation, agents), counted, "{name}");
        let invalid = selected(&shipped.installation, &format!("{agents} AND r.category IS NOT NULL"));
        assert_eq!(invalid, counted, "{name} clicks that are not billed");
    }
    let rows = shipped.installation.ask(&["counters"]);
    assert_eq!(sum(&rows, "invalid_duplicate"), 0, "nobody is known again by a gateway's address");
    assert!(sum(&rows, "billable_clicks") > 5_000, "{rows}");
}

#[test]
fn shipped_rulesets_are_chosen_by_name_and_described() {
    let installation = Installation::embedded();
    let rules = |name: &str| installation.ask(&["verdicts", "rules", "--ruleset", name]);
    let digest = |rules: &Value| rules["digest"].as_str().unwrap().to_owned();
    let (default, scored) = (rules("default"), rules("scored"));
    assert_ne!(digest(&default), digest(&scored));
    assert_eq!(digest(&default), digest(&installation.ask(&["verdicts", "rules"])));
    let decide =
        |rules: &Value| rules["rules"].as_array().unwrap().iter().filter(|rule| rule["decides"] == true).count();
    assert_eq!((decide(&default) > 4, decide(&scored)), (true, 0));
    let unknown = installation.run(&["verdicts", "rules", "--ruleset", "strict"]).exits(1);
    assert!(unknown.stderr().contains("default and scored"), "{unknown}");
    for (edition, threshold) in [("public", false), ("auditor", true)] {
        let told = installation.run(&["methodology", "--edition", edition, "--ruleset", "scored"]).exits(0).stdout();
        assert!(told.starts_with("# Description of methodology") && told.contains(&digest(&scored)), "{told}");
        assert_eq!(told.contains("700"), threshold, "{told}");
    }
}

/// What was found about each event, apart from where events stand.
async fn found(installation: &Installation) -> Vec<String> {
    let history = VerdictReader::new(installation.log(Stream::Verdicts).await, installation.archive());
    let (mut found, mut next) = (Vec::new(), Seq::FIRST);
    loop {
        let page = history.read(next, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
        for verdict in page.ruled.into_iter().map(|ruled| ruled.verdict) {
            let rules: Vec<&str> = verdict.reasons.iter().map(|reason| reason.rule.as_str()).collect();
            let (ruling, score) = ((verdict.decision, verdict.category), verdict.score_permille);
            found.push(format!("{} {ruling:?} {score} {rules:?} {}", verdict.event_id, verdict.ruleset));
        }
        if page.next == next {
            return found;
        }
        next = page.next;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_log_is_judged_alike_on_both_logs() {
    let shipped = include_str!("../../../../verdicts/rulesets/default.toml");
    let embedded = Imported::under(shipped);
    let broker = NatsServer::start();
    // The servers judge by what ships, which is the same file.
    let logged = Imported::into(Installation::on_broker(&broker), shipped);
    assert_eq!(logged.summary["logged"], json!(9_998));
    Server::start(&logged.installation).stop(&[]);
    let recount = Recount::of(logged.installation.log(Stream::Clicks).await.as_ref()).await;
    recount.check_verdicts(&logged.installation).await;
    recount.check_counters(&logged.installation);
    let (here, there) = (found(&embedded.installation).await, found(&logged.installation).await);
    assert!(here.len() > 1_000, "{}", here.len());
    assert_eq!(here, there);
}

#[test]
fn judging_again_under_the_same_rules_changes_nothing() {
    let imported = Imported::under(RATES);
    let rules = imported.path("rules.toml");
    for jobs in ["1", "16"] {
        let again = imported.installation.ask(&["verdicts", "judge", "--ruleset", &rules, "--jobs", jobs]);
        assert_eq!((&again["changes"], &again["events"]), (&json!(0), &json!(9_998)), "{again}");
        assert!(again["findings"].as_i64().unwrap() > 3_000, "{again}");
    }
}

#[test]
fn other_rules_change_rulings_once_and_make_their_hours_stale() {
    let imported = Imported::under(NOTHING);
    let installation = &imported.installation;
    assert_eq!(installation.ask(&["verdicts", "stale"]), json!([]));
    imported.write("rates.toml", RATES);
    let judge = |more: &[&str]| {
        let rules = imported.path("rates.toml");
        installation.ask(&[&["verdicts", "judge", "--ruleset", &rules], more].concat())
    };
    let planned = judge(&["--dry-run"]);
    let changes = planned["changes"].as_i64().unwrap();
    assert!(changes > 1_000, "{planned}");
    assert_eq!(planned["appended"], json!(0));
    assert_eq!(imported.totals("latest"), [9_956, 9_956, 99_560_000], "a dry run appends nothing");
    let done = judge(&[]);
    assert_eq!(
        (&done["changes"], &done["appended"], &done["effects"]),
        (&json!(changes), &json!(changes), &planned["effects"])
    );
    let [clicks, billable, spend] = imported.totals("latest");
    assert_eq!([clicks, billable], [9_956, 9_956 - changes]);
    assert_eq!(spend, 10_000 * billable);
    assert_eq!(sum(&planned["effects"], "spend_micros"), -10_000 * changes);
    assert_eq!(
        sum(&installation.ask(&["counters"]), "billable_clicks"),
        9_956,
        "what counts changes by a promote alone"
    );
    let stale = installation.ask(&["verdicts", "stale"]);
    assert_eq!(sum(&stale, "verdicts"), changes);
    assert_eq!(judge(&[])["changes"], json!(0), "the same again changes nothing");
    // Back to rules that find nothing: everything is valid again.
    let nothing = imported.path("rules.toml");
    let back = installation.ask(&["verdicts", "judge", "--ruleset", &nothing]);
    assert_eq!(back["changes"], json!(changes));
    assert_eq!(imported.totals("latest"), [9_956, 9_956, 99_560_000]);
}

#[test]
fn manual_verdict_flips_a_click_and_back_and_the_log_stays_as_it_is() {
    let imported = Imported::under(NOTHING);
    let installation = &imported.installation;
    let archive = installation.data().join("archive");
    let folders = ["clicks", "personal", "manifests/clicks"].map(|name| archive.join(name));
    let before = folders.each_ref().map(|folder| tree(folder));
    let live = installation.ask(&["counters", "--by", "ad"]);
    let event = installation.run(&["log", "cat", "2015-05-18T03", "--limit", "1"]).exits(0).json();
    let position = event["position"].as_str().unwrap();
    let word = ["--reason", "competitor", "--actor", "ann"];

    let rule = |command: &str| {
        let ruled = installation.ask(&[&["verdicts", command, position], &word[..]].concat());
        ruled["position"].as_str().unwrap().to_owned()
    };
    let added = rule("add");
    let all = [9_956, 9_956, 99_560_000];
    let without = [9_956, 9_955, 99_550_000];
    assert_eq!(imported.totals(&added), without);
    let revoked = rule("revoke");
    assert_ne!(added, revoked);
    assert_eq!(imported.totals(&added), without, "as of the first verdict nothing has changed");
    assert_eq!(imported.totals(&revoked), all);
    let again = rule("add");
    assert_eq!(
        [imported.totals(&again), imported.totals("latest"), imported.totals(&revoked)],
        [without, without, all]
    );

    let shown = installation.ask(&["verdicts", "show", position]);
    let verdicts = shown["verdicts"].as_array().unwrap();
    let decisions: Vec<&str> = verdicts.iter().map(|verdict| verdict["decision"].as_str().unwrap()).collect();
    assert_eq!(decisions, ["invalid", "valid", "invalid"]);
    assert_eq!(shown["ruling"], "invalid (policy)");
    assert_eq!(verdicts[0]["reasons"][0]["rule"], "competitor");
    assert_eq!(verdicts[1]["reasons"][0]["evidence"]["revokes"], json!(added));
    assert_eq!(shown["event"]["event_id"], event["event_id"]);
    assert_eq!(shown["stored"]["hour"], "2015-05-18T03");

    let stale = installation.ask(&["verdicts", "stale"]);
    assert_eq!(stale, json!([{"hour": "2015-05-18T03", "verdicts": 3, "first": added, "last": again}]));
    assert_eq!(installation.ask(&["counters", "--by", "ad"]), live, "live numbers change by a promote alone");
    assert!(folders.each_ref().map(|folder| tree(folder)) == before, "the log or one of its hours has other bytes");
    installation.ask(&["log", "verify", "--deep"]);
}

#[test]
fn who_rules_is_told_what_it_does_to_the_bill_of_sealed_hours() {
    let imported = Imported::under(NOTHING);
    let installation = &imported.installation;
    let live = installation.ask(&["counters"]);
    let event = installation.run(&["log", "cat", "2015-05-18T03", "--limit", "1"]).exits(0).json();
    let position = event["position"].as_str().unwrap();
    let sql = "SELECT position, 'all' AS reason FROM clicks WHERE kind = 'click'";
    imported.write("rates.toml", RATES);
    let rules = imported.path("rates.toml");
    let one = "billed totals stay as they are: hour 2015-05-18T03 is sealed, and the totals do not know this verdict";
    for (command, told) in [
        (&["verdicts", "query", sql][..], "applying it would not change billed totals either"),
        (&["verdicts", "judge", "--ruleset", &rules, "--dry-run"], "applying it would not change billed totals either"),
        (&["verdicts", "add", position, "--reason", "office", "--actor", "ann"], one),
        (&["verdicts", "revoke", position, "--reason", "no office", "--actor", "ann"], one),
        (&["verdicts", "judge", "--ruleset", &rules], " are sealed, and the totals do not know these verdicts"),
        (&["verdicts", "query", sql, "--apply", "--actor", "bob"], " are sealed, and the totals do not know these"),
    ] {
        let outcome = installation.run(command).exits(0);
        assert!(outcome.stderr().contains(told), "{told:?} is not in: {outcome}");
        assert!(!outcome.stderr().contains("open"), "{outcome}");
        assert_eq!(installation.ask(&["counters"]), live, "what was told is true");
    }
    assert!(installation.ask(&["verdicts", "stale"]).as_array().unwrap().len() > 80);
}

/// A million million triples, and a plan that doubles with every name: both end soon, with words for whoever asked.
#[test]
fn question_that_would_run_for_ever_or_grow_without_end_is_stopped_and_says_why() {
    let imported = Imported::under(NOTHING);
    let triples = "SELECT max(a.position) AS position, 'x' AS reason FROM clicks a, clicks b, clicks c \
                   WHERE a.position + b.position + c.position = 7";
    let next = |level: usize| format!(", t{level} AS (SELECT a.position FROM t{0} a, t{0} b)", level - 1);
    let levels: String = (1..40).map(next).collect();
    let doubling = format!("WITH t0 AS (SELECT position FROM clicks){levels} SELECT position, 'x' AS reason FROM t39");
    let pairs = "SELECT a.position, array_agg(b.event_id || a.event_id)::text AS reason FROM clicks a, clicks b \
                 GROUP BY a.position";
    for (sql, told) in [
        (triples, "the SQL ran for 2 seconds and was stopped; nothing was changed"),
        (&doubling, "more than 16 tables are named"),
        ("SELECT position, repeat('x', 2000000000) AS reason FROM clicks", "repeat"),
        (pairs, ""),
    ] {
        let asked = imported.installation.run(&["verdicts", "query", sql, "--time-limit", "2"]).exits(1);
        assert!(asked.stderr().contains(told), "{told:?} is not in: {asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_rules_about_an_open_hour_is_told_that_its_bill_never_knows() {
    let installation = Installation::embedded();
    installation.register_ads(&["shoes"]);
    let server = Server::start(&installation);
    let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
    let click = json!({"kind": "click", "ad_id": "shoes", "ip": "192.0.2.1", "user_agent": agent});
    let post =
        reqwest::Client::new().post(format!("{}/v1/events", server.url())).header("content-type", "application/json");
    let answer: Value =
        serde_json::from_slice(&post.body(click.to_string()).send().await.unwrap().bytes().await.unwrap()).unwrap();
    let position = answer["results"][0]["position"].as_str().unwrap();
    let counted = || installation.ask(&["counters"])[0]["billable_clicks"].clone();
    for _ in 0..200 {
        if counted() == json!(1) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let ruled = installation.run(&["verdicts", "add", position, "--reason", "office", "--actor", "ann"]).exits(0);
    let told = "billed totals do not count this verdict, neither now nor when the open hour is sealed";
    assert!(ruled.stderr().contains(told), "{ruled}");
    assert_eq!(counted(), json!(1));
    assert_eq!(installation.ask(&["counters", "--as-of", "latest"])[0]["billable_clicks"], json!(0));
    let stale = installation.ask(&["verdicts", "stale"]);
    assert_eq!((&stale[0]["hour"], &stale[0]["verdicts"]), (&json!(null), &json!(1)));
    server.stop(&[]);
}

#[test]
fn query_rules_where_it_is_told_to_apply_and_a_persons_word_stands_over_it() {
    let imported = Imported::under(NOTHING);
    let installation = &imported.installation;
    let by_hand = installation.run(&["log", "cat", "2015-05-18T03", "--limit", "1"]).exits(0).json();
    let by_hand = by_hand["position"].as_str().unwrap();
    installation.ask(&["verdicts", "add", by_hand, "--decision", "valid", "--reason", "checked", "--actor", "ann"]);
    let sql = "SELECT position, 'third hour' AS reason, 'sivt' AS category FROM clicks WHERE kind = 'click'";
    let range = ["--from", "2015-05-18T03", "--to", "2015-05-18T04"];
    let planned = installation.ask(&[&["verdicts", "query", sql], &range[..]].concat());
    let (selected, changes) = (planned["selected"].as_i64().unwrap(), planned["changes"].as_i64().unwrap());
    assert_eq!((changes, &planned["ruled_by_hand"], &planned["appended"]), (selected - 1, &json!(1), &json!(0)));
    assert_eq!(imported.totals("latest"), [9_956, 9_956, 99_560_000]);
    let applied = installation.ask(&[&["verdicts", "query", sql, "--apply", "--actor", "bob"], &range[..]].concat());
    assert_eq!(applied["appended"], json!(changes));
    assert_eq!(imported.totals("latest"), [9_956, 9_956 - changes, 10_000 * (9_956 - changes)]);
    let again = installation.ask(&[&["verdicts", "query", sql, "--apply", "--actor", "bob"], &range[..]].concat());
    assert_eq!(again["changes"], json!(0));
}

#[test]
fn bad_input_is_refused_with_its_place_and_appends_nothing() {
    let imported = Imported::under(NOTHING);
    let installation = &imported.installation;
    let ends = || installation.ask(&["counters", "--as-of", "latest"]);
    let before = ends();
    let ruleset = |name: &str, text: &str| {
        imported.write(name, text);
        imported.path(name)
    };
    let unknown = ruleset("unknown.toml", "version = 1\nname = \"x\"\n\n[[rule]]\ndetector = \"telepathy\"\n");
    let broken = ruleset("broken.toml", "version = 1\nname = \"x\"\n[[rule]\n");
    let field = ruleset("field.toml", "version = 1\nname = \"x\"\n[[rule]]\ndetector = \"duplicate\"\nspeed = 1\n");
    let database = ruleset(
        "database.toml",
        "version = 1\nname = \"x\"\n[[rule]]\ndetector = \"impossible_travel\"\ndatabase = \"places.mmdb\"\n",
    );
    imported.write("places.mmdb", "no database");
    let event = installation.run(&["log", "cat", "2015-05-18T03", "--limit", "1"]).exits(0).json();
    let position = event["position"].as_str().unwrap();
    let probe = "SELECT position, 'x' AS reason FROM clicks WHERE kind = 'probe' LIMIT 1";
    let word = ["--reason", "x", "--actor", "ann"];
    let cases: [(Vec<&str>, &str); 14] = [
        (vec!["verdicts", "judge", "--ruleset", &unknown], "telepathy"),
        (vec!["verdicts", "judge", "--ruleset", &unknown], "5"),
        (vec!["verdicts", "judge", "--ruleset", &broken], "3"),
        (vec!["verdicts", "judge", "--ruleset", &field], "speed"),
        (vec!["verdicts", "judge", "--ruleset", &database], "places.mmdb"),
        (vec!["verdicts", "judge", "--ruleset", "nowhere.toml"], "nowhere.toml"),
        (vec!["verdicts", "query", "SELECT nothing FROM clicks"], "nothing"),
        (vec!["verdicts", "query", "SELECT position FROM clicks"], "reason"),
        (vec!["verdicts", "query", "DELETE FROM clicks"], "refused"),
        (vec!["verdicts", "query", "COPY clicks TO 'stolen.csv'"], "refused"),
        (vec!["verdicts", "query", probe], "never billed"),
        (vec!["verdicts", "query", "SELECT CAST(7 AS BIGINT) AS position, 'x' AS reason"], "7 is not a position"),
        ([&["verdicts", "add", "1.999999.0"], &word[..]].concat(), "no event at 1.999999.0"),
        ([&["verdicts", "revoke", position], &word[..]].concat(), "no ruling by hand"),
    ];
    for (arguments, place) in cases {
        let outcome = installation.run(&arguments).exits(1);
        assert!(outcome.stderr().contains(place), "{place:?} is not in: {outcome}");
    }
    installation.run(&["verdicts", "show", "1.999999.0"]).exits(4);
    installation.run(&[&["verdicts", "add", position, "--decision", "maybe"], &word[..]].concat()).exits(1);
    assert_eq!(ends(), before);
    assert_eq!(installation.ask(&["verdicts", "stats"]), json!([]), "nothing was appended");
}
