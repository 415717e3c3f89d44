//! A partner's list is held against ours: every click has its reason, and the money adds up, by ids and without them.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::{installation::Installation, invoicing::import};

const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                     Chrome/141.0.0.0 Safari/537.36";

fn click(id: &str, time: &str, price_micros: i64) -> Value {
    json!({
        "event_id": id, "kind": "click", "event_time": time, "advertiser_id": "acme", "campaign_id": "spring",
        "ad_id": "shoe", "price_micros": price_micros, "currency": "EUR", "ip": "192.0.2.7", "user_id": id,
        "user_agent": AGENT,
    })
}

/// A month of clicks: plain ones, one of a robot, one that is sent twice, one of another advertiser, and one that is
/// rejected for its price.
fn installation() -> Installation {
    let installation = Installation::embedded();
    let mut robot = click("robot", "2026-03-10T10:00:40Z", 250_000);
    robot["user_agent"] = json!("curl/8.5.0");
    let mut foreign = click("foreign", "2026-03-10T10:01:00Z", 250_000);
    foreign["advertiser_id"] = json!("other");
    let mut broken = click("broken", "2026-03-10T10:02:00Z", 250_000);
    broken["currency"] = json!("euros");
    let clicks = [
        click("edge", "2026-02-28T23:30:00Z", 250_000),
        click("one", "2026-03-10T10:00:00Z", 250_000),
        click("two", "2026-03-10T10:05:00Z", 250_000),
        robot,
        foreign,
        broken,
        click("three", "2026-03-11T10:00:00Z", 250_000),
        click("three", "2026-03-11T10:10:00Z", 250_000),
        click("ours", "2026-03-12T10:00:00Z", 250_000),
        click("tail", "2026-04-02T12:00:00Z", 250_000),
    ];
    fs::create_dir_all(installation.data()).unwrap();
    let path = installation.data().with_file_name("march.ndjson");
    fs::write(&path, clicks.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let import = ["import", path.to_str().unwrap(), "--format", "ndjson", "--rejects-max", "1"];
    installation.run(&import).exits(0);
    installation
}

fn write(installation: &Installation, name: &str, text: &str) -> String {
    let path: PathBuf = installation.data().with_file_name(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const WITH_IDS: &str = r#"
    timezone = "Europe/Berlin"
    [event]
    event_id = { field = "click" }
    event_time = { field = "time", format = "%d.%m.%Y %H:%M:%S" }
    ad_id = { field = "ad" }
    price = { field = "cpc" }
    currency = "EUR"
"#;

const LIST: &str = "click,time,ad,cpc\n\
    one,10.03.2026 11:00:02,shoe,0.25\n\
    two,10.03.2026 11:05:00,shoe,0.20\n\
    robot,10.03.2026 11:00:40,shoe,0.25\n\
    broken,10.03.2026 11:02:00,shoe,0.25\n\
    three,11.03.2026 11:00:00,shoe,0.25\n\
    three,11.03.2026 11:10:00,shoe,0.25\n\
    edge,01.03.2026 00:30:00,shoe,0.25\n\
    <b>never</b>,15.03.2026 00:30:00,shoe,0.25\n\
    bad line,yesterday,shoe,0.25\n";

fn reconcile<'a>(list: &'a str, mapping: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["reconcile", list, "--mapping", mapping, "--advertiser", "acme"];
    [&fixed[..], &["--from", "2026-03-01", "--to", "2026-04-01"], more].concat()
}

fn reasons(answer: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let row = |row: &Value| ["reason", "detail", "clicks", "difference_micros"].map(|name| text(&row[name])).join(" ");
    answer["reasons"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn every_click_of_a_partner_has_a_reason_and_the_money_adds_up() {
    let installation = installation();
    let (list, mapping) = (write(&installation, "list.csv", LIST), write(&installation, "list.toml", WITH_IDS));
    let page = installation.data().with_file_name("page.html");
    let more = ["--html", page.to_str().unwrap(), "--output", "json"];
    let answer = installation.run(&reconcile(&list, &mapping, &more)).exits(4).json();
    assert_eq!(
        reasons(&answer),
        [
            "same  2 0",
            "invalid duplicate duplicate 1 -250000",
            "invalid givt suspicious_agent 1 -250000",
            "other_period  1 -250000",
            "price  1 50000",
            "not_in_file  1 250000",
            "rejected invalid_currency 1 -250000",
            "not_received  1 -250000",
        ]
    );
    // What we bill is what counters say.
    let counted =
        ["counters", "--from", "2026-03-01", "--to", "2026-04-01", "--advertiser", "acme", "--as-of", "latest"];
    let counted = installation.ask(&counted);
    let counted = counted[0]["spend_micros"].as_str().unwrap().to_owned();
    assert_eq!(answer["totals"][0]["ours_micros"], json!(counted));
    assert_eq!(answer["totals"][0]["difference_micros"], json!("-950000"));
    assert_eq!(answer["unreadable"][0]["line"], json!(10));
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("&lt;b&gt;never&lt;/b&gt;") && !html.contains("<b>") && !html.contains("<script"), "{html}");

    let rows = installation.run(&reconcile(&list, &mapping, &["--output", "csv", "--all"])).exits(4).stdout();
    let mut rows = csv::Reader::from_reader(rows.as_bytes()).into_records();
    let rows: Vec<csv::StringRecord> = rows.by_ref().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 9, "each line that is a click, and each click of ours");
    let prices: Vec<&str> = rows[1].iter().skip(10).collect();
    assert_eq!(prices, ["0.20", "EUR", "0.25", "EUR"], "amounts are numbers: {rows:?}");
    let table = installation.run(&reconcile(&list, &mapping, &[])).exits(4);
    assert!(table.stdout().contains("repeats 1."), "{table}");
    assert!(table.stderr().contains("line 10 cannot be read: invalid_time"), "{table}");

    // Asked for as the partner's month is, the click at its edge is in it.
    let whole: String = LIST.lines().filter(|line| !line.starts_with("bad")).map(|line| format!("{line}\n")).collect();
    let list = write(&installation, "whole.csv", &whole);
    let more = ["--timezone", "Europe/Berlin", "--output", "json"];
    let answer = installation.run(&reconcile(&list, &mapping, &more)).exits(2).json();
    assert!(reasons(&answer).contains(&"same  3 0".to_owned()), "{answer}");
}

#[test]
fn list_without_ids_is_compared_by_ad_time_and_price_and_agreement_is_success() {
    let installation = Installation::embedded();
    let clicks: Vec<Value> = (0..40)
        .map(|number| {
            click(&format!("c{number}"), &format!("2026-03-10T{:02}:{:02}:07Z", 6 + number / 10, number), 250_000)
        })
        .chain([click("tail", "2026-03-12T12:00:00Z", 250_000)])
        .collect();
    import(&installation, "clicks", &clicks);
    let lines = |hours: i64| -> String {
        let line = |number: i64| format!("shoe,2026-03-10 {:02}:{:02}:05,0.25\n", 6 + hours + number / 10, number);
        std::iter::once("ad,time,cpc\n".to_owned()).chain((0..40).map(line)).collect()
    };
    let mapping = "[event]\nevent_time = { field = \"time\", format = \"%Y-%m-%d %H:%M:%S\" }\n\
                   ad_id = { field = \"ad\" }\nprice = { field = \"cpc\" }\ncurrency = \"EUR\"\n";
    let mapping = write(&installation, "list.toml", &format!("timezone = \"UTC\"\n{mapping}"));
    let day = ["--from", "2026-03-10", "--to", "2026-03-11", "--output", "json"];
    let run = |list: &str| {
        let fixed = ["reconcile", list, "--mapping", &mapping, "--advertiser", "acme"];
        installation.run(&[&fixed[..], &day].concat())
    };
    let answer = run(&write(&installation, "same.csv", &lines(0))).exits(0).json();
    assert_eq!(reasons(&answer), ["same  40 0"]);
    let answer = run(&write(&installation, "zone.csv", &lines(2))).exits(2).json();
    assert_eq!(reasons(&answer), ["other_time +02:00 40 0"]);
    assert_eq!(answer["offsets"], json!(["+02:00"]));
    let empty = run(&write(&installation, "empty.csv", "ad,time,cpc\n")).exits(4);
    assert!(empty.stderr().contains("nothing was compared"), "{empty}");
}
