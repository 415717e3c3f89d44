//! Projections of one's own: checked, computed from sealed hours and from what is not sealed yet, and refused by name.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::{
    installation::{Installation, example},
    recount::sum,
    server::Server,
};

const EXAMPLE: &str = "spend_by_country_and_device";

fn click(id: &str, at: &str, price: &str, country: Option<&str>) -> Value {
    json!({
        "event_id": id, "kind": "click", "event_time": at, "ad_id": "a", "advertiser_id": "acme", "campaign_id": "c",
        "price": price, "currency": "EUR", "country": country, "device_type": "phone",
        "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
    })
}

fn import(installation: &Installation, name: &str, events: &[Value]) {
    fs::create_dir_all(installation.data()).unwrap();
    let file = installation.data().join(name);
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    fs::write(&file, lines).unwrap();
    assert_eq!(installation.ask(&["import", file.to_str().unwrap(), "--format", "ndjson"])["rejected"], json!(0));
}

fn examples() -> String {
    example("projections").to_str().unwrap().to_owned()
}

/// Rows of the example: country, hour, clicks, spend.
fn rows(installation: &Installation, arguments: &[&str]) -> Vec<String> {
    let directory = examples();
    let all = [&["projections", "query", EXAMPLE, "--projections", &directory], arguments].concat();
    let rows = installation.ask(&all);
    let shown = |row: &Value| format!("{} {} {} {}", row["country"], row["hour"], row["clicks"], row["spend_micros"]);
    rows.as_array().unwrap().iter().map(shown).collect()
}

#[test]
fn users_projection_counts_what_counters_count() {
    let installation = Installation::embedded();
    import(
        &installation,
        "events.ndjson",
        &[
            click("e1", "2026-05-17T22:10:00Z", "1", Some("DE")),
            click("e2", "2026-05-17T22:59:00Z", "2", Some("DE")),
            click("e3", "2026-05-17T23:00:00Z", "4", Some("DE")),
            click("e4", "2026-05-18T10:00:00Z", "8", None),
            click("e5", "2026-05-18T10:30:00Z", "16", Some("FR")),
        ],
    );
    let all = rows(&installation, &[]);
    assert_eq!(all.len(), 4, "{all:?}");
    let spend = installation.ask(&["counters"])[0]["spend_micros"].clone();
    assert_eq!(spend, json!("31000000"), "the bill");
    let total =
        installation.ask(&["projections", "query", EXAMPLE, "--projections", &examples(), "--by", "device_type"]);
    assert_eq!((&total[0]["spend_micros"], total.as_array().unwrap().len()), (&spend, 1), "{total}");
    let evening = rows(&installation, &["--from", "2026-05-17T22:00", "--to", "2026-05-17T23:00"]);
    assert_eq!(evening.len(), 1, "{evening:?}");
    assert!(evening[0].contains("DE") && evening[0].contains(" 2 ") && evening[0].contains("3000000"), "{evening:?}");
    assert_eq!(rows(&installation, &[]), all, "asked again, it reads the segments that it left");
    let half = ["projections", "query", EXAMPLE, "--projections", &examples(), "--from", "2026-05-17T22:30"];
    assert!(installation.run(&half).exits(1).stderr().contains("--from"));
    let unknown = ["projections", "query", EXAMPLE, "--projections", &examples(), "--by", "city"];
    assert!(installation.run(&unknown).exits(1).stderr().contains("is not in the key"));
}

#[test]
fn projection_that_cannot_be_repeated_is_refused_by_its_column() {
    let installation = Installation::embedded();
    let directory = installation.data().with_extension("projections");
    fs::create_dir_all(&directory).unwrap();
    for suffix in ["sql", "toml"] {
        let text = fs::read_to_string(example("projections").join(format!("{EXAMPLE}.{suffix}"))).unwrap();
        fs::write(directory.join(format!("good.{suffix}")), &text).unwrap();
        let bad = text.replace("c.price_micros AS DECIMAL(38, 0)", "c.price_micros AS DOUBLE");
        fs::write(directory.join(format!("bad.{suffix}")), bad).unwrap();
    }
    fs::write(directory.join("lonely.sql"), "SELECT 1").unwrap();
    let directory = directory.to_str().unwrap().to_owned();
    let checked = installation.run(&["projections", "check", &directory]).exits(2).stdout();
    assert!(checked.contains("good: ok, code digest "), "{checked}");
    assert!(checked.contains("bad.sql: column spend_micros: ") && checked.contains("whole micros"), "{checked}");
    assert!(checked.contains("lonely.toml is missing"), "{checked}");
    let listed = installation.run(&["projections", "list", "--projections", &directory]).exits(2);
    let stdout = listed.stdout();
    assert!(stdout.contains("counters") && stdout.contains("good") && !stdout.contains("bad"), "{stdout}");
    let refused = installation.run(&["projections", "query", "bad", "--projections", &directory]).exits(1).stderr();
    assert!(refused.contains("column spend_micros"), "{refused}");
    assert!(!installation.data().exists(), "checking makes no data directory");
}

#[test]
fn shipped_example_passes_its_own_check() {
    let installation = Installation::embedded();
    let checked = installation.ask(&["projections", "check", &examples()]);
    assert_eq!(checked[0]["name"], json!(EXAMPLE), "{checked}");
    assert_eq!(checked[0]["time"], json!("hour"), "{checked}");
    let candidate = installation.data().with_extension("sql");
    fs::write(&candidate, "SELECT now()").unwrap();
    let refused = installation.run(&["projections", "check", "--counters", candidate.to_str().unwrap()]).exits(2);
    assert!(refused.stdout().contains("now() gives another answer the next time"), "{}", refused.stdout());
}

/// Nothing is sealed yet: the frames are counted again when they are asked for, with the verdicts about them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_are_not_sealed_count_too() {
    let installation = Installation::embedded();
    let server = Server::start(&installation);
    installation.register_ads(&["spring"]);
    let event = |id: &str, agent: &str| json!({"kind": "click", "ad_id": "spring", "event_id": id, "user_id": id, "country": "DE", "user_agent": agent});
    let person = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0";
    let batch = json!([event("c-1", person), event("c-2", person), event("c-3", "curl/8.5.0")]);
    // The registry of a running server is read again within a second.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let client = reqwest::Client::new();
    let sent = client.post(format!("{}/v1/events", server.url())).json(&batch).send().await.unwrap();
    assert!(sent.status().is_success(), "{sent:?}");
    let mut counted = Value::Null;
    for _ in 0..100 {
        counted = installation.ask(&["counters"]);
        if sum(&counted, "clicks") == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let directory = examples();
    let asked = ["projections", "query", EXAMPLE, "--projections", &directory, "--by", "country", "--complete"];
    let rows = installation.ask(&asked);
    let measures = |rows: &Value| ["clicks", "billable_clicks", "spend_micros"].map(|name| sum(rows, name));
    assert_eq!(measures(&rows), [3, 2, 500_000], "{rows}");
    assert_eq!(measures(&counted), measures(&rows), "as counters count them");
    server.stop(&[]);
}
