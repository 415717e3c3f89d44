//! Going back over what customers hold in their hands: as hard as going forward, and with notes of its own.

use serde_json::json;

use crate::invoices::{LATE, PERIOD, adds_up, draft_and_approve, issue, positions, week};

#[test]
fn a_rollback_over_an_issued_period_is_refused_and_takes_a_note_that_adds_up_to_the_truth() {
    let installation = week();
    // Before anything is issued a promotion goes forward and back as it likes.
    let position = &positions(&installation, "kavi")[0];
    let rule = |position: &str| {
        let ruling = ["verdicts", "add", position, "--category", "sivt", "--reason", "a ring", "--actor", "ann"];
        installation.run(&ruling).exits(0);
    };
    rule(position);
    let built = installation.ask(&["replay", "build", "--stale"]);
    let early = built["generation"].as_str().unwrap().to_owned();
    installation.ask(&["replay", "promote", &early, "--max-delta", "any"]);
    installation.ask(&["replay", "rollback", &early]);
    installation.ask(&["replay", "promote", &early, "--max-delta", "any"]);

    draft_and_approve(&installation, PERIOD, LATE[1]);
    assert_eq!(issue(&installation, PERIOD), ["INV-00000001", "INV-00000002"]);
    positions(&installation, "acme").iter().step_by(3).for_each(|position| rule(position));
    let built = installation.ask(&["replay", "build", "--stale"]);
    let id = built["generation"].as_str().unwrap();
    let forward = ["replay", "promote", id, "--max-delta", "any", "--notes", LATE[0], LATE[1]];
    installation.run(&forward).exits(0);
    installation.ask(&["invoice", "approve", "--period", PERIOD]);
    assert_eq!(issue(&installation, PERIOD), ["CN-00000001"]);
    adds_up(&installation, &["INV-00000001", "CN-00000001"]);

    let back = ["replay", "rollback", id, "--reason", "the ring was none", "--actor", "bob"];
    let refused = installation.run(&back).exits(3);
    assert!(refused.stderr().contains("gate invoiced") && refused.stderr().contains("acme"), "{refused}");
    assert!(
        refused.stderr().contains("with --notes it is rolled back") && !refused.stderr().contains("kavi"),
        "{refused}"
    );
    adds_up(&installation, &["INV-00000001", "CN-00000001"]);
    // What is ruled stands in the log, so the hours that count as before are stale.
    let noted = installation.run(&[&back[..], &["--notes", LATE[0], LATE[1], "--allow-stale"]].concat()).exits(0);
    assert!(noted.stdout().contains("debit note"), "{noted}");
    installation.ask(&["invoice", "approve", "--period", PERIOD]);
    let issued = issue(&installation, PERIOD);
    assert_eq!(issued, ["CN-00000002"], "both kinds of notes have one series");
    adds_up(&installation, &["INV-00000001", "CN-00000001", &issued[0]]);
    adds_up(&installation, &["INV-00000002"]);

    let trail = installation.ask(&["audit", "log", "--actor", "bob"]);
    let rows: Vec<_> = trail
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["action"] == json!("rollback"))
        .map(|row| (row["result"].as_str().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(rows, [("refused", "the ring was none"), ("done", "the ring was none")], "{trail}");
    // Nor is it forgotten that the other one counted before the invoices.
    let refused = installation.run(&["replay", "rollback", &early]).exits(3);
    assert!(refused.stderr().contains("gate invoiced") && refused.stderr().contains("kavi"), "{refused}");
}
