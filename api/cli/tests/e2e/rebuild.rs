//! A rebuild is built beside the catalog: one that fails or dies leaves it whole, with its ads.

use std::{fs, process::Stdio, thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    complete::{delete_catalog, simulated},
    installation::Installation,
    seed::Seed,
};

/// How often a rebuild is killed.
const KILLS: usize = 12;
/// When, after it was started.
const LIFE_MS: std::ops::Range<u64> = 20..700;

fn answers(installation: &Installation) -> [Value; 4] {
    let counters = ["counters", "--by", "advertiser,campaign,ad,publisher", "--granularity", "minute"];
    let questions: [&[&str]; 4] = [&counters, &["log", "hours"], &["catalog", "reconciliations"], &["ads", "list"]];
    questions.map(|question| installation.ask(question))
}

/// Without receipts a rebuild has to project every hour; what counts stays readable.
fn forget_receipts(installation: &Installation) {
    fs::remove_dir_all(installation.data().join("archive/receipts")).unwrap();
}

#[test]
fn rebuild_that_fails_in_the_middle_leaves_the_catalog_whole() {
    let installation = simulated();
    let before = answers(&installation);
    assert!(!before[3].as_array().unwrap().is_empty(), "there are ads");
    forget_receipts(&installation);
    let folder = installation.data().join("archive/clicks/dt=2026-01-01/hr=03");
    let part = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let bytes = fs::read(&part).unwrap();
    fs::remove_file(&part).unwrap();
    for _ in 0..2 {
        let failed = installation.run(&["catalog", "rebuild"]).exits(1);
        assert!(failed.stderr().contains("hr=03"), "{failed}");
        assert_eq!(answers(&installation), before, "a rebuild that failed changed an answer");
    }
    installation.run(&["counters", "--complete"]).exits(0);
    fs::write(&part, bytes).unwrap();
    installation.run(&["catalog", "rebuild"]).exits(0);
    assert_eq!(answers(&installation), before);
}

#[test]
fn rebuild_that_is_killed_leaves_the_catalog_whole() {
    let installation = simulated();
    let before = answers(&installation);
    let (mut seed, mut killed) = (Seed::take(), 0);
    for _ in 0..KILLS {
        forget_receipts(&installation);
        fs::create_dir_all(installation.data().join("archive/receipts")).unwrap();
        let mut command = installation.command(&["catalog", "rebuild"]);
        let mut rebuild = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(seed.draw(LIFE_MS)));
        killed += usize::from(rebuild.try_wait().unwrap().is_none());
        let _ = rebuild.kill();
        rebuild.wait().unwrap();
        assert_eq!(answers(&installation), before, "a rebuild that was killed changed an answer");
    }
    assert!(killed > 0, "every rebuild ended before it was killed");
    installation.run(&["catalog", "rebuild"]).exits(0);
    assert_eq!(answers(&installation), before);
}

#[test]
fn hour_whose_manifest_is_lost_is_not_forgotten_by_a_rebuild() {
    let installation = simulated();
    let before = answers(&installation);
    for lost in ["00", "02", "04"] {
        let manifest = installation.data().join(format!("archive/manifests/clicks/2026-01-01T{lost}.json"));
        let bytes = fs::read(&manifest).unwrap();
        fs::remove_file(&manifest).unwrap();
        let refused = installation.run(&["catalog", "rebuild"]).exits(4);
        assert!(refused.stderr().contains("nothing was changed"), "{refused}");
        assert_eq!(answers(&installation)[0], before[0], "hour {lost}");
        fs::write(&manifest, bytes).unwrap();
    }
    // Without a catalog, too, the first hours of an archive are not all hours.
    delete_catalog(&installation);
    let manifest = installation.data().join("archive/manifests/clicks/2026-01-01T00.json");
    let bytes = fs::read(&manifest).unwrap();
    fs::remove_file(&manifest).unwrap();
    let refused = installation.run(&["catalog", "rebuild"]).exits(4);
    assert!(refused.stderr().contains("does not hold the hours before 2026-01-01T01"), "{refused}");
    fs::write(&manifest, bytes).unwrap();
    let rebuilt = installation.ask(&["catalog", "rebuild"]);
    assert_eq!((&rebuilt["hours"], &rebuilt["unjudged_hours"]), (&json!(5), &json!(0)));
    assert_eq!(answers(&installation)[0], before[0]);
}
