//! An event is what its kind, advertiser, ad and id say together: sent again it counts once, and nobody reaches
//! another's.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};

use crate::{installation::Installation, server::Server};

/// A click or what follows it, of an ad that nobody registered.
fn event(kind: &str, advertiser: &str, ad: &str, id: &str) -> Value {
    json!({
        "kind": kind, "advertiser_id": advertiser, "campaign_id": "c", "ad_id": ad, "event_id": id,
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
        "price": if kind == "click" { "0.25" } else { "0" }, "currency": "EUR",
    })
}

async fn send(server: &Server<'_>, events: &[Value]) {
    let answer = Client::new().post(format!("{}/v1/events", server.url())).json(events).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let logged = answer["results"].as_array().unwrap().iter().filter(|result| result["status"] == "logged").count();
    assert_eq!(logged, events.len(), "{answer}");
}

/// Clicks, billable clicks and spend of an advertiser, once so many clicks are counted in all.
async fn counted(installation: &Installation, clicks: i64, advertiser: &str) -> [i64; 3] {
    let begun = Instant::now();
    loop {
        let rows = installation.ask(&["counters"]);
        let sum = |name: &str, of: &dyn Fn(&Value) -> bool| -> i64 {
            let rows = rows.as_array().unwrap().iter().filter(|row| of(row));
            // Sums of money are text.
            let number = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap();
            rows.map(|row| number(&row[name])).sum()
        };
        if sum("clicks", &|_| true) == clicks {
            return ["clicks", "billable_clicks", "spend_micros"]
                .map(|name| sum(name, &|row| row["advertiser_id"] == advertiser));
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{clicks} clicks are not counted: {rows}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_advertisers_share_are_billed_to_each() {
    let installation = Installation::embedded();
    let server = Server::start(&installation);
    send(
        &server,
        &[
            event("impression", "a", "a1", "auction-1"),
            event("click", "a", "a1", "auction-1"),
            event("conversion", "a", "a1", "auction-1"),
            event("click", "a", "a1", "1001"),
            event("click", "b", "b1", "1001"),
            event("click", "b", "b2", "1001"),
        ],
    )
    .await;
    assert_eq!(counted(&installation, 4, "a").await, [2, 2, 500_000]);
    assert_eq!(counted(&installation, 4, "b").await, [2, 2, 500_000]);
    server.stop(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn robot_that_follows_a_link_before_the_person_unbills_nobody() {
    let installation = Installation::embedded();
    let server = Server::start(&installation);
    let by = |agent: &str, id: &str, user: &str| {
        let mut click = event("click", "a", "a1", id);
        click["user_id"] = json!(user);
        if !agent.is_empty() {
            click["user_agent"] = json!(agent);
        }
        click
    };
    // A fixed id in the link, then a user within a minute; each fetched by robots first and after.
    send(&server, &[by("curl/8.16.0", "fixed", "r1"), by("GPTBot/1.2", "fixed", "r2")]).await;
    send(&server, &[by("", "fixed", "p"), by("curl/8.16.0", "fixed", "r3"), by("", "fixed", "p2")]).await;
    send(&server, &[by("GPTBot/1.2", "a", "u"), by("", "b", "u"), by("", "c", "u")]).await;
    assert_eq!(counted(&installation, 8, "a").await, [8, 2, 500_000]);
    server.stop(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_that_is_sent_again_is_billed_once() {
    let installation = Installation::embedded();
    let server = Server::start(&installation);
    let batch: Vec<Value> = (0..50).map(|n| event("click", "a", "a1", &format!("c-{n}"))).collect();
    for _ in 0..3 {
        send(&server, &batch).await;
    }
    assert_eq!(counted(&installation, 150, "a").await, [150, 50, 12_500_000]);
    server.stop(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_strangers_send_changes_what_an_advertiser_owes() {
    let installation = Installation::embedded();
    let server = Server::start(&installation);
    // The strangers know every id beforehand, and send it in every shape but under the advertiser's name.
    let mut guesses = Vec::new();
    for n in 0..20 {
        let id = format!("c-{n}");
        for kind in ["click", "conversion", "impression", "probe", "prefetch"] {
            guesses.push(event(kind, "a", "b1", &id));
            guesses.push(event(kind, "b,b1", &format!("b1,{id}"), &id));
        }
    }
    send(&server, &guesses).await;
    let own: Vec<Value> = (0..20).map(|n| event("click", "b", "b1", &format!("c-{n}"))).collect();
    send(&server, &own).await;
    assert_eq!(counted(&installation, 60, "b").await, [20, 20, 5_000_000], "I13");
    server.stop(&[]);
}
