//! Ads that change and pause, from outside: what is billed, and who is told to have done it.

use std::{thread, time::Duration};

use reqwest::{Client, redirect::Policy};
use serde_json::{Value, json};

use crate::{installation::Installation, server::Server};

/// A browser, which no rule finds anything about.
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 \
                     Safari/537.36";

/// Longer than a server takes to see that the registry changed.
const SEEN: Duration = Duration::from_millis(2_500);

/// A click of a person of their own: two of one person would be a double click.
async fn click(server: &Server<'_>, ad: &str, person: &str) {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    let answer =
        client.get(format!("{}/c/{ad}?uid={person}", server.url())).header("user-agent", AGENT).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()["location"], format!("https://example.com/{ad}"));
}

/// Clicks and spend of all, once they are `clicks`.
fn counted(installation: &Installation, clicks: u64) -> Value {
    for _ in 0..200 {
        let rows = installation.ask(&["counters"]);
        if rows[0]["clicks"].as_u64().unwrap_or(0) >= clicks {
            return rows[0].clone();
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("{clicks} clicks are never counted: {}", installation.ask(&["counters"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_on_a_paused_ad_lead_on_are_kept_and_bill_nobody() {
    let installation = Installation::embedded();
    installation.register_ads(&["shoes", "hats"]);
    let server = Server::start(&installation);
    click(&server, "shoes", "early").await;
    let paused = installation.ask(&["ads", "pause", "shoes", "--actor", "ann"]);
    assert_eq!(paused, json!({"read": 1, "changed": 1}));
    thread::sleep(SEEN);
    for person in ["a", "b", "c"] {
        click(&server, "shoes", person).await;
    }
    click(&server, "hats", "other").await;
    assert_eq!(counted(&installation, 2)["spend_micros"], "500000");
    let rejected = installation.ask(&["rejected", "list", "--code", "ad_paused"]);
    assert_eq!(rejected.as_array().unwrap().len(), 3);
    let listed = installation.run(&["ads", "list"]).exits(0).stdout();
    assert!(listed.lines().any(|line| line.starts_with("shoes") && line.trim_end().ends_with("paused")), "{listed}");
    installation.ask(&["ads", "resume", "shoes", "--actor", "bob"]);
    thread::sleep(SEEN);
    // What was clicked in the pause stays unbilled when the pause is over.
    let retried = installation.ask(&["rejected", "retry"]);
    assert_eq!((&retried["logged"], &retried["rejected_again"]), (&json!(0), &json!(3)));
    click(&server, "shoes", "late").await;
    let total = counted(&installation, 3);
    assert_eq!((&total["clicks"], &total["spend_micros"]), (&json!(3), &json!("750000")));
    server.stop(&[]);
}

#[test]
fn history_says_who_changed_what_from_what_to_what() {
    let installation = Installation::embedded();
    let add = |price: &str, campaign: &str, actor: &[&str]| {
        let ad = ["ads", "add", "shoes", "--advertiser", "acme", "--campaign", campaign, "--target"];
        let rest = ["https://example.com/shoes", "--price", price, "--currency", "EUR"];
        installation.run(&[&ad[..], &rest, actor].concat()).exits(0);
    };
    add("0.25", "spring", &["--actor", "ann"]);
    add("0.25", "spring", &["--actor", "nobody, for nothing changed"]);
    add("0.30", "spring", &["--actor", "bob"]);
    std::fs::write(installation.data().join("conf.toml"), "actor = \"billing team\"\n").unwrap();
    let config = installation.data().join("conf.toml");
    add("0.30", "summer", &["--config", config.to_str().unwrap()]);
    installation.run(&["ads", "pause", "shoes", "--actor", "ann"]).exits(0);
    let table = installation.run(&["ads", "history", "shoes"]).exits(0).stdout();
    let told: Vec<&str> = table.lines().skip(1).map(|line| line.split_once("  ").unwrap().1.trim()).collect();
    let expected = [
        [
            "ann",
            "add",
            "price 0.25 EUR, advertiser acme, campaign spring, target https://example.com/shoes, status active",
        ],
        ["bob", "change", "price 0.25 EUR → 0.30 EUR"],
        ["billing team", "change", "campaign spring → summer"],
        ["ann", "pause", "status active → paused"],
    ];
    for (line, words) in told.iter().zip(expected) {
        assert_eq!(
            line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>(),
            words,
            "{table}"
        );
    }
    assert_eq!(told.len(), expected.len(), "{table}");
    let changes = installation.ask(&["ads", "history", "shoes"]);
    assert_eq!(changes[0]["before"], Value::Null);
    assert_eq!(
        (&changes[1]["before"]["price_micros"], &changes[1]["after"]["price_micros"]),
        (&json!(250_000), &json!(300_000))
    );
    assert_eq!((&changes[3]["action"], &changes[3]["after"]["status"]), (&json!("pause"), &json!("paused")));
    let unknown = installation.run(&["ads", "pause", "shoes", "boots"]).exits(1).stderr();
    assert!(unknown.contains("no ad was paused, because these are not registered: boots"), "{unknown}");
    assert!(installation.run(&["ads", "history", "boots"]).exits(1).stderr().contains("is not registered"));
    let nameless = installation.run(&["ads", "resume", "shoes", "--actor", ""]).exits(1).stderr();
    assert!(nameless.contains("must have 1 to 256 characters"), "{nameless}");
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_costs_what_the_click_cost() {
    let installation = Installation::embedded();
    let server = Server::start(&installation);
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    let url = format!("{}/c/boots?uid=a", server.url());
    assert_eq!(client.get(url).header("user-agent", AGENT).send().await.unwrap().status(), 404);
    for price in ["0.25", "0.40"] {
        let ad = ["ads", "add", "boots", "--advertiser", "acme", "--campaign", "spring", "--currency", "EUR"];
        let rest = ["--target", "https://example.com/boots", "--price", price];
        installation.run(&[&ad[..], &rest].concat()).exits(0);
    }
    let dry = installation.ask(&["rejected", "retry", "--dry-run"]);
    assert_eq!((&dry["logged"], &dry["at_an_earlier_price"]), (&json!(1), &json!(1)));
    let retried = installation.run(&["rejected", "retry"]).exits(0);
    assert!(retried.stderr().contains("1 of these clicks cost what their ads cost when they were clicked"));
    // The ad was registered behind the click: it costs what it was registered with first.
    assert_eq!(counted(&installation, 1)["spend_micros"], "250000");
    server.stop(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ruling_in_an_open_hour_is_listed_and_a_range_that_is_not_over_is_incomplete() {
    let installation = Installation::embedded();
    installation.register_ads(&["shoes"]);
    let server = Server::start(&installation);
    click(&server, "shoes", "a").await;
    counted(&installation, 1);
    let added = installation.ask(&["verdicts", "add", "1.1.0", "--reason", "competitor", "--actor", "ann"]);
    let stale = installation.ask(&["verdicts", "stale"]);
    let at = &added["position"];
    assert_eq!(stale, json!([{"hour": null, "verdicts": 1, "first": at, "last": at}]));
    let ask = |to: &str, exit: i32| {
        let question = ["counters", "--from", "2020-01-01", "--to", to, "--complete", "--basis", "--output", "json"];
        installation.run(&question).exits(exit).json()
    };
    let open = ask("9000-01-01", 4);
    assert_eq!((&open["complete"], &open["basis"]["missing"][0]["code"]), (&json!(false), &json!("range_not_over")));
    let over = ask("2020-02-01", 0);
    assert_eq!((&over["complete"], &over["basis"]["stale_hours"]), (&json!(true), &json!([])));
    server.stop(&[]);
}
