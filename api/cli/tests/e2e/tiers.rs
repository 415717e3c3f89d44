//! Gross, net and total net from outside: what is sent twice, what robots see, and how much was judged.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::{installation::Installation, recount::sum, server::Server};

const PERSON: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0";
const ROBOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
/// What is sent twice and what robots do is invalid.
const RULES: &str = r#"
version = 1
name = "tiers"
[[rule]]
detector = "duplicate"
[[rule]]
detector = "suspicious_agent"
weight_permille = 1000
"#;

fn tiers(installation: &Installation, kind: &str) -> [i64; 4] {
    let rows = installation.ask(&["counters", "--tiers"]);
    ["gross", "net", "total_net", "judged"].map(|tier| sum(&rows, &format!("{kind}_{tier}")))
}

/// Asks until so many events are counted.
async fn counted(installation: &Installation, kind: &str, gross: i64) -> [i64; 4] {
    for _ in 0..100 {
        let found = tiers(installation, kind);
        if found[0] == gross {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{gross} {kind} are not counted, but {:?}", tiers(installation, kind));
}

/// Case 35: nobody knows whether the first batch arrived, so it is sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_sent_again_counts_once_net_and_gross_shows_both() {
    let installation = Installation::embedded();
    let server = Server::start(&installation);
    installation.register_ads(&["spring"]);
    let batch = json!([
        {
            "kind": "impression", "ad_id": "spring", "event_id": "i-1", "price": "0.002", "currency": "EUR",
            "user_agent": PERSON,
        },
        {"kind": "conversion", "ad_id": "spring", "event_id": "v-1", "value": "19.90"},
        {"kind": "click", "ad_id": "spring", "event_id": "c-1", "user_id": "u", "user_agent": PERSON},
    ]);
    let client = reqwest::Client::new();
    let send = async || {
        let sent = client.post(format!("{}/v1/events", server.url())).json(&batch).send().await.unwrap();
        let answer: Value = sent.json().await.unwrap();
        assert!(answer["results"].as_array().unwrap().iter().all(|result| result["status"] == "logged"), "{answer}");
    };
    // The registry of a running server is read again within a second.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    send().await;
    send().await;
    for kind in ["impressions", "conversions", "clicks"] {
        assert_eq!(counted(&installation, kind, 2).await, [2, 1, 1, 2], "{kind}");
    }
    let rows = installation.ask(&["counters", "--tiers"]);
    let money = ["spend_gross_micros", "spend_net_micros", "value_gross_micros", "value_net_micros"];
    assert_eq!(money.map(|sums| sum(&rows, sums)), [500_000, 250_000, 39_800_000, 19_900_000]);
    let metrics = client.get(format!("{}/metrics", server.url())).send().await.unwrap().text().await.unwrap();
    for kind in ["impression", "conversion", "click"] {
        for what in ["logged", "judged"] {
            let line = format!("clicktrail_judge_events_{what}_total{{kind=\"{kind}\"}} 2");
            assert!(metrics.contains(&line), "{line}\n{metrics}");
        }
    }
    server.stop(&[]);
}

/// 10,000 impressions of a real exchange's form, 40 of whose bid ids were logged twice: 9,960 are net, live and sealed,
/// from the archive alone, and under whatever was ruled about one of them.
#[test]
fn impressions_whose_bid_ids_were_logged_twice_count_once_net() {
    let installation = Installation::embedded();
    fs::create_dir_all(installation.data()).unwrap();
    let mut lines = String::new();
    for line in 0..10_000_u32 {
        // Each of the forty stands a second time 61 lines behind the first; two hours of a day long past.
        let id = match line % 250 {
            249 => line - 61,
            _ => line,
        };
        let (minute, second) = (line / 60 % 120, line % 60);
        let (hour, minute) = (13 + minute / 60, minute % 60);
        let agent = if line % 100 == 7 { ROBOT } else { PERSON };
        let event = json!({
            "kind": "impression", "event_id": format!("bid-{id:05}"), "advertiser_id": "acme", "campaign_id": "spring",
            "ad_id": "spring", "price": "0.002", "currency": "EUR", "user_agent": agent,
            "event_time": format!("2013-06-06T{hour:02}:{minute:02}:{second:02}Z"),
        });
        lines.push_str(&format!("{event}\n"));
    }
    let path = |name: &str| installation.data().join(name).to_str().unwrap().to_owned();
    fs::write(path("impressions.ndjson"), lines).unwrap();
    let import = |installation: &Installation, rules: &str| {
        let (log, rules_path) = (path("impressions.ndjson"), path("rules.toml"));
        fs::write(&rules_path, rules).unwrap();
        installation.ask(&["import", &log, "--format", "ndjson", "--ruleset", &rules_path])
    };
    let only_ids = RULES.replace("[[rule]]\ndetector = \"suspicious_agent\"\nweight_permille = 1000\n", "");
    let summary = import(&installation, &only_ids);
    assert_eq!((&summary["logged"], &summary["rejected"]), (&json!(10_000), &json!(0)), "{summary}");
    assert_eq!(summary["hours_sealed"], summary["hours_reconciled"], "I8: {summary}");
    assert_eq!(tiers(&installation, "impressions"), [10_000, 9_960, 9_960, 10_000]);
    installation.run(&["catalog", "rebuild"]).exits(0);
    assert_eq!(tiers(&installation, "impressions"), [10_000, 9_960, 9_960, 10_000], "I6: from the archive alone");

    // Robots are out as well where the rule decides. What is both counts as a duplicate.
    let rules = path("robots.toml");
    fs::write(&rules, RULES).unwrap();
    let judged = installation.ask(&["verdicts", "judge", "--ruleset", &rules]);
    assert_eq!(judged["changes"], json!(100), "{judged}");
    let rows = installation.ask(&["counters", "--tiers", "--as-of", "latest"]);
    let columns = ["impressions_gross", "impressions_net", "impressions_givt", "impressions_duplicate"];
    assert_eq!(columns.map(|column| sum(&rows, column)), [10_000, 9_860, 100, 40]);

    // A person's word about an impression stands over the rules.
    let cat = installation.run(&["log", "cat", "2013-06-06T13", "--limit", "1"]).exits(0).json();
    let position = cat["position"].as_str().unwrap();
    installation.run(&["verdicts", "add", position, "--reason", "test page", "--actor", "ann"]).exits(0);
    let rows = installation.ask(&["counters", "--tiers", "--as-of", "latest"]);
    let columns = ["impressions_net", "impressions_total_net", "impressions_policy"];
    assert_eq!(columns.map(|column| sum(&rows, column)), [9_860, 9_859, 1], "policy is in net, and not in total net");
    let sql = format!("SELECT position, 'x' AS reason, 'sivt' AS category FROM clicks WHERE position > {} LIMIT 3", 1);
    let planned = installation.ask(&["verdicts", "query", &sql]);
    assert_eq!(planned["selected"], json!(3), "SQL rules about impressions too: {planned}");
}
