//! Rulesets, lists, address databases, agents, and what the verdict log holds, damaged: each is read or refused with
//! its place, and what is read says the same when it is written again.

use std::{fs, io, path::Path};

use clicktrail_damage::{Random, Trial, json, mutate, test};
use clicktrail_log::{
    archive::Manifest,
    event::Kind,
    frame::{Digest, Frame, Writer},
    position::Position,
};
use uuid::Uuid;

use crate::{
    archive::Part,
    coverage::Coverage,
    fold::tests::mmdb,
    frames,
    kinds::Kinds,
    reasons,
    ruleset::{Ruleset, address::Address},
    schema,
    testing::every_shape,
    verdict::{Category, Decision, Stage},
};

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).unwrap()
}

/// The shipped rules but for those of lists with thousands of patterns, which take long to read.
fn rules() -> String {
    let (head, rules) = Ruleset::text_of("default").unwrap().split_once("[[rule]]").unwrap();
    let is_short =
        |rule: &&str| !["suspicious_agent", "datacentre", "device_mismatch"].iter().any(|long| rule.contains(long));
    let rules: String = rules.split("[[rule]]").filter(is_short).map(|rule| format!("[[rule]]{rule}")).collect();
    format!("{head}{rules}")
}

const OWN_FILES: &str = "\n[[rule]]\ndetector = \"click_farm\"\nname = \"own\"\nweight_permille = 7\nusers_max = 5\nwindow_seconds = 60\naddresses = \"farm.txt\"\n";

#[test]
fn ruleset_of_any_text_is_used_or_refused_with_its_place() {
    let files = |path: &Path| match path.to_str() {
        Some("farm.txt") => Ok(b"192.0.2.0/24\n2001:db8::/32 # ours\n".to_vec()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let words = [
        "decides = true\n",
        "[[rule]]\n",
        "window_seconds = ",
        "kinds = [\"click\"]\n",
        "who = \"user\"\n",
        "exempt = ",
    ];
    let trial = Trial::of(test!(ruleset_of_any_text_is_used_or_refused_with_its_place)).slow(2);
    trial.examples([rules(), rules() + OWN_FILES]).words(&words).run(|bytes| {
        let text = &*String::from_utf8_lossy(bytes);
        match Ruleset::parse(text, &files) {
            Ok(ruleset) => {
                assert!(!ruleset.rules().is_empty() && ruleset.threshold_permille() < 1_000);
                let _ = (ruleset.notes(), ruleset.digest(), ruleset.look_back());
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}

/// A ruleset that takes a file as a list or a database.
fn with_file(rule: &str, name: &'static str, bytes: &[u8]) -> Result<Ruleset, crate::ruleset::Error> {
    let text = format!("version = 1\nname = \"test\"\n[[rule]]\n{rule}\n");
    let bytes = bytes.to_vec();
    Ruleset::parse(&text, &move |path| {
        if path == Path::new(name) { Ok(bytes.clone()) } else { Err(io::ErrorKind::NotFound.into()) }
    })
}

#[test]
fn list_of_networks_of_any_bytes_is_read_or_refused_with_its_line() {
    let trial = Trial::of(test!(list_of_networks_of_any_bytes_is_read_or_refused_with_its_line));
    let list = "# Source: ours\n# Date: 2026-10-05\n192.0.2.0/24\n2001:db8::/32 # one\n10.0.0.1\n::ffff:10.0.0.0/104\n";
    trial.example(list).words(&["/0", "/129", "/33", "::/0", "fe80::1%eth0"]).run(|bytes| {
        let rule = "detector = \"datacentre\"\nweight_permille = 400\nlists = [\"own.txt\"]";
        if let Err(error) = with_file(rule, "own.txt", bytes) {
            let error = error.to_string();
            assert!(error.contains("own.txt, line ") || error.contains("own.txt"), "{error}");
        }
    });
}

#[test]
fn list_of_patterns_of_any_bytes_is_read_or_refused_with_its_line() {
    let trial = Trial::of(test!(list_of_patterns_of_any_bytes_is_read_or_refused_with_its_line)).slow(16);
    let list =
        "# Source: ours\nbot[^a-z]\n(?i)curl/\\d+\n^Mozilla/[45]\\.0 \\(compatible\n\\bspider\\b\nHTTP.?Client\n";
    // What a pattern is compiled to has a bound of its own, which is no matter of its length.
    trial.bytes_per_byte(1 << 20).example(list).words(&["{1000}", "(?:", "\\pL*", "|", "[^", "(?s-u)", "\\xff"]).run(
        |bytes| {
            let rule =
                "detector = \"suspicious_agent\"\nweight_permille = 400\nshipped_lists = false\nlists = [\"own.txt\"]";
            if let Err(error) = with_file(rule, "own.txt", bytes) {
                assert!(error.to_string().contains("own.txt"), "{error}");
            }
        },
    );
}

#[test]
fn address_database_of_any_bytes_is_read_or_refused() {
    let networks = [([10, 0, 0, 0].into(), 8, 52.5, 13.25), ([192, 0, 2, 0].into(), 24, -33.9, 151.2)];
    let trial = Trial::of(test!(address_database_of_any_bytes_is_read_or_refused)).words(&["latitude", "\u{0}"]);
    trial.example(mmdb::database(&networks)).run(|bytes| {
        let rule = "detector = \"impossible_travel\"\nweight_permille = 500\ndatabase = \"own.mmdb\"\nspeed_kmh_max = 1000\ndistance_km_min = 100";
        match with_file(rule, "own.mmdb", bytes) {
            Ok(ruleset) => assert!(ruleset.notes().iter().all(|note| !note.is_empty())),
            Err(error) => assert!(error.to_string().contains("own.mmdb"), "{error}"),
        }
    });
}

#[test]
fn word_address_or_reasons_of_any_text_are_read_as_they_are_written() {
    let trial = Trial::of(test!(word_address_or_reasons_of_any_text_are_read_as_they_are_written));
    let stored = r#"[{"rule":"duplicate","weight":1000,"decides":true,"evidence":{"first":{"position":"1.2.3"},"count":7,"what":"x"}}]"#;
    trial.examples([stored, "invalid", "givt", "rejudge", "2002:c000:0204::1", "::ffff:192.0.2.1"]).run(|bytes| {
        let text = &*String::from_utf8_lossy(bytes);
        if let Ok(read) = reasons::from_text(text) {
            assert_eq!(reasons::from_text(&reasons::to_text(&read)).unwrap(), read);
        }
        assert!(text.parse::<Decision>().is_ok_and(|word| word.as_str() == text) || text.parse::<Decision>().is_err());
        assert!(text.parse::<Category>().is_ok_and(|word| word.as_str() == text) || text.parse::<Category>().is_err());
        assert!(text.parse::<Stage>().is_ok_and(|word| word.as_str() == text) || text.parse::<Stage>().is_err());
        if let Some(address) = Address::parse(text) {
            let _ = (address.ip(), address.carried());
        }
    });
}

#[test]
fn verdicts_of_any_frame_are_read_or_refused() {
    let trial = Trial::of(test!(verdicts_of_any_frame_are_read_or_refused)).bytes_per_byte(300);
    let mut writer = Writer::new(Uuid::from_u128(7), 1);
    let written = frames::to_frames(&mut writer, &every_shape()).unwrap().remove(0);
    trial.example(fixture("frame-1.payload")).example(written.payload.to_vec()).run(|payload| {
        let mut header = written.header.clone();
        header.payload_digest = Digest::of(payload);
        let frame = Frame { header, payload: payload.to_vec().into() };
        if let Ok(verdicts) = frames::from_frame(&frame) {
            let batch = schema::to_batch(&verdicts).unwrap();
            assert_eq!(schema::from_batch(&batch).unwrap(), verdicts);
        }
    });
}

#[test]
fn manifest_of_verdicts_of_any_bytes_is_read_or_refused() {
    let manifests = ["manifest-1.json", "manifest-2.json", "manifest-3.json"].map(fixture);
    Trial::of(test!(manifest_of_verdicts_of_any_bytes_is_read_or_refused)).examples(manifests).run(|bytes| {
        if let Ok(manifest) = Manifest::<Part>::from_bytes(bytes) {
            assert_eq!(manifest.to_bytes(), bytes);
        }
    });
}

#[test]
fn coverage_that_says_anything_is_read_and_goes_on_or_is_refused() {
    let at = |text: &str| text.parse::<Position>().unwrap();
    let mut coverage = Coverage::default();
    coverage.begin(at("1.1.0"), Kinds::of(&[Kind::Click]));
    coverage.begin(at("1.9.0"), Kinds::of(&[Kind::Click, Kind::Impression]));
    assert!(coverage.judged_again(at("1.1.0")..at("1.5.0"), Kinds::of(&[Kind::Impression]), at("1.3.0")));
    let example = coverage.to_bytes();
    let read = |bytes: &[u8]| {
        let Ok(mut coverage) = Coverage::from_bytes(bytes) else { return };
        assert_eq!(Coverage::from_bytes(&coverage.to_bytes()), Ok(coverage.clone()));
        let _ = coverage.of(&(at("1.1.0")..at("1.20.0")), Some(at("1.4.0")));
        coverage.begin(at("1.10.0"), Kinds::of(&[Kind::Click]));
        assert!(coverage.goes_on(Kinds::of(&[Kind::Click])));
    };
    let draw = |random: &mut Random| {
        let mut document: serde_json::Value = serde_json::from_slice(&example).unwrap();
        for _ in 0..1 + random.below(3) {
            json::change(random, &mut document["judged"]);
        }
        // Of version 1, which has no digest.
        document["version"] = serde_json::json!(1);
        document.as_object_mut().unwrap().remove("sha256");
        let bytes = serde_json::to_vec(&document).unwrap();
        if random.has(800) { bytes } else { mutate::of_examples(random, &[bytes, example.clone()], &[]) }
    };
    Trial::of(test!(coverage_that_says_anything_is_read_and_goes_on_or_is_refused)).run_drawn(draw, read);
}
