//! What customers' systems read and what people see: forms that other programs accept, pages whose template changed
//! since, and tables that fit a terminal.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use crate::{
    installation::{Installation, Outcome, example, service},
    invoices::{PERIOD, draft_and_approve, issue, regenerates, week},
    invoicing::import,
};

/// A name in each script that has a font.
const SCRIPTS: [&str; 22] = [
    "Ελληνικά Кириллица Tiếng Việt",
    "שלום עולם",
    "حملة الربيع",
    "春节促销",
    "スプリングセール",
    "봄 세일",
    "वसंत बिक्री",
    "ฤดูใบไม้ผลิ",
    "বসন্ত",
    "தமிழ்",
    "తెలుగు",
    "ಕನ್ನಡ",
    "മലയാളം",
    "සිංහල",
    "ქართული",
    "Հայերեն",
    "አማርኛ",
    "မြန်မာ",
    "ລາວ",
    "ਪੰਜਾਬੀ",
    "ଓଡ଼ିଆ",
    "brand \"sale\" 'x' <&>",
];

/// A week with a campaign in each script, and one click in the next.
fn every_script() -> Installation {
    let installation = Installation::embedded();
    let click = |number: usize, campaign: &str, time: &str| {
        json!({
            "event_id": format!("click-{number}"), "kind": "click", "event_time": time, "advertiser_id": "acme",
            "campaign_id": campaign, "ad_id": "shoe", "price_micros": 250_000 + number * 3_331, "currency": "EUR",
            "ip": format!("198.51.100.{number}"), "user_id": format!("user-{number}"),
            "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                           Chrome/141.0.0.0 Safari/537.36",
        })
    };
    let clicks =
        SCRIPTS.iter().enumerate().map(|(number, name)| click(number, name, &format!("2026-03-04T10:{number:02}:00Z")));
    let mut clicks: Vec<_> = clicks.collect();
    clicks.push(click(99, "later", "2026-03-10T12:00:00Z"));
    import(&installation, "scripts", &clicks);
    let text = fs::read_to_string(example("accounts/acme.toml")).unwrap();
    let text = text.replace("Europe/Berlin", "UTC").replace("cycle = \"month\"", "cycle = \"week\"");
    let path = installation.data().with_file_name("acme.toml");
    fs::write(&path, text).unwrap();
    installation.run(&["accounts", "add", path.to_str().unwrap()]).exits(0);
    installation.run(&["accounts", "seller", example("accounts/seller.toml").to_str().unwrap()]).exits(0);
    installation
}

/// An invoice and the note that takes it back, as other people's programs read them.
#[test]
fn other_programs_read_the_xml_the_pdf_and_every_script() {
    let installation = every_script();
    draft_and_approve(&installation, PERIOD, "24h");
    assert_eq!(issue(&installation, PERIOD), ["INV-00000001"]);
    installation.ask(&["invoice", "correct", "INV-00000001", "--cancel"]);
    installation.ask(&["invoice", "approve", "--period", PERIOD]);
    assert_eq!(issue(&installation, PERIOD), ["CN-00000001"]);
    let out = installation.data().with_file_name("out");
    for format in ["json", "pdf", "ubl", "cii"] {
        installation.ask(&["invoice", "export", PERIOD, "--format", format, "--out", out.to_str().unwrap()]);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/forms.py");
    let read = Command::new(service("CLICKTRAIL_TEST_PYTHON")).arg(script).arg(&out).output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&read.stdout), String::from_utf8_lossy(&read.stderr));
    assert!(read.status.success() && said.lines().count() == 2, "{said}{wrong}");
    assert!(said.lines().all(|line| line.ends_with("46 texts are on paper")), "{said}");
}

/// A template of the operator's, changed after the issue; then the one that ships. What was issued keeps its own.
#[test]
fn template_that_changes_after_the_issue_changes_no_document() {
    let installation = week();
    draft_and_approve(&installation, PERIOD, "24h");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../projections/rendering/templates/invoice.typ");
    let shipped = fs::read_to_string(shipped).unwrap();
    let own = installation.data().with_file_name("own.typ");
    let template = own.to_str().unwrap();
    let change = |paper: &str| {
        let text = shipped.replace("paper: \"a4\"", &format!("paper: \"{paper}\""));
        assert!(text != shipped);
        fs::write(&own, text).unwrap();
    };
    change("us-letter");
    let acme = format!("{PERIOD}.acme.EUR");
    installation.ask(&["invoice", "issue", &acme, "--template", template]);
    assert_eq!(issue(&installation, PERIOD), ["INV-00000002"]);
    change("a5");
    for name in ["INV-00000001", "INV-00000002"] {
        regenerates(&installation, name);
        let again = installation.ask(&["invoice", "regenerate", name, "--template", template]);
        let equal = again["equal"].as_array().unwrap();
        assert!(equal.len() == 6 && equal.contains(&json!("pdf")), "{name}: {again}");
        assert_eq!((&again["findings"], &again["not_compared"]), (&json!([]), &json!([])), "{name}");
    }
    let out = installation.data().with_file_name("out");
    let pdf = |name: &str| {
        installation.ask(&["invoice", "export", name, "--format", "pdf", "--out", out.to_str().unwrap()]);
        String::from_utf8_lossy(&fs::read(out.join(format!("{name}.pdf"))).unwrap()).into_owned()
    };
    // 612 points are a letter's width, 595 that of A4.
    assert!(pdf("INV-00000001").contains("[0 0 612 "), "its own template set it");
    assert!(pdf("INV-00000002").contains("[0 0 595."), "the one that ships set it");
}

#[track_caller]
fn fits_a_terminal(outcome: &Outcome) {
    for line in outcome.stdout().lines() {
        assert!(line.chars().count() <= 80, "{} characters: {outcome}", line.chars().count());
    }
}

#[test]
fn tables_of_documents_fit_a_terminal_and_a_credit_note_has_nothing_to_pay() {
    let installation = week();
    draft_and_approve(&installation, PERIOD, "24h");
    let issued = installation.run(&["invoice", "issue", "--period", PERIOD]).exits(0);
    fits_a_terminal(&issued);
    let corrected = installation.run(&["invoice", "correct", "INV-00000002", "--cancel"]).exits(0);
    fits_a_terminal(&corrected);
    installation.ask(&["invoice", "approve", "--period", PERIOD]);
    let credited = installation.run(&["invoice", "issue", "--period", PERIOD]).exits(0);
    fits_a_terminal(&credited);
    let line = credited.stdout().lines().last().unwrap().to_owned();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert!(line.starts_with("CN-00000001  credit note") && cells.last() == Some(&"-"), "{credited}");
    for name in ["INV-00000002", "CN-00000001"] {
        let shown = installation.run(&["invoice", "show", name]).exits(0);
        fits_a_terminal(&shown);
        assert_eq!(shown.stdout().contains("due"), name.starts_with("INV"), "{shown}");
        for options in [&[][..], &["--line", "spring"], &["--line", "spring", "--clicks"]] {
            let explained = installation.run(&[&["invoice", "explain", name], options].concat()).exits(0);
            fits_a_terminal(&explained);
        }
    }
    let clicks = installation.run(&["invoice", "explain", "CN-1", "--line", "spring", "--clicks"]).exits(0);
    assert!(clicks.stdout().contains("billable, taken back"), "{clicks}");
    assert!(clicks.stdout().contains("clicks moved: -"), "{clicks}");
}
