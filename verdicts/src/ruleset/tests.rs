//! What rulesets are refused for, and what their digest covers.

use std::{fs, io, path::Path};

use super::{Error, Ruleset};

const HEAD: &str = "version = 1\nname = \"test\"\n";

fn files(path: &Path) -> io::Result<Vec<u8>> {
    match path.to_str().unwrap() {
        "farm.txt" => Ok(b"192.0.2.1\n".to_vec()),
        "farm-2.txt" => Ok(b"192.0.2.2\n".to_vec()),
        "broken.txt" => Ok(b"192.0.2.1\n\nnot an address\n".to_vec()),
        "broken.mmdb" => Ok(vec![7; 4096]),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn parse(text: &str) -> Result<Ruleset, Error> {
    Ruleset::parse(text, &files)
}

fn rules(ruleset: &Ruleset) -> Vec<(&str, &'static str, bool, crate::verdict::Category)> {
    ruleset.rules().iter().map(|rule| (rule.name(), rule.detector(), rule.decides(), rule.category())).collect()
}

#[test]
fn shipped_rulesets_hold_the_rules_of_the_contract() {
    use crate::verdict::Category::{Duplicate, Givt, Sivt};
    let shipped = Ruleset::shipped();
    assert_eq!(
        rules(&shipped),
        [
            ("duplicate", "duplicate", true, Duplicate),
            ("double_click", "double_click", true, Duplicate),
            ("double_click_address", "double_click", false, Sivt),
            ("address_rate", "address_rate", true, Givt),
            ("address_rate_hour", "address_rate", true, Givt),
            ("suspicious_agent", "suspicious_agent", true, Givt),
            ("impossible_click", "impossible_click", false, Sivt),
            ("impossible_travel", "impossible_travel", false, Sivt),
            ("click_farm", "click_farm", false, Sivt),
            ("device_mismatch", "device_mismatch", false, Sivt),
            ("datacentre", "datacentre", true, Givt),
            ("click_injection", "click_injection", false, Sivt),
        ]
    );
    let scored = Ruleset::named("scored").unwrap();
    assert!(rules(&scored).iter().all(|(_, _, decides, _)| !decides));
    assert_eq!(scored.rules().len(), 11);
    assert!(Ruleset::named("none").is_none());
    assert_eq!(Ruleset::names().collect::<Vec<_>>(), ["default", "scored"]);
    // They stand on every verdict of these rulesets. Another digest is another ruleset.
    assert_eq!(shipped.digest().to_string(), "70c53dae84986ed6339122d5867f2536ac38cea738622123aa3bd0e7330ef78d");
    assert_eq!(scored.digest().to_string(), "75051fe2a9abb9d2d97de99c311bbd06d94ae59dd15dd993c17c97845a5d40c7");
    for ruleset in [&shipped, &scored] {
        assert_eq!((ruleset.threshold_permille(), ruleset.look_back().as_secs()), (700, 7200));
        assert_eq!(ruleset.prefix_lengths(), (32, 64));
        assert_eq!(ruleset.notes(), ["impossible_travel is off: no address database is configured"]);
    }
}

#[test]
fn defaults_are_those_of_the_shipped_files() {
    let scored = Ruleset::named("scored").unwrap();
    let usual: Vec<_> = scored.rules().iter().filter(|rule| rule.name() == rule.detector()).collect();
    let mut text = HEAD.to_owned();
    for rule in &usual {
        text.push_str(&format!("[[rule]]\ndetector = \"{}\"\n", rule.name()));
        // What came later keeps its old meaning in files that do not say it.
        match rule.name() {
            "double_click" => text.push_str("who = \"user\"\n"),
            "datacentre" => text.push_str("shipped_lists = true\n"),
            _ => {}
        }
    }
    let bare = parse(&text).unwrap();
    assert_eq!(usual.len(), 10);
    for (bare, shipped) in bare.rules().iter().zip(usual) {
        assert_eq!(bare.parameters(), shipped.parameters());
        assert_eq!(bare.weight_permille(), shipped.weight_permille());
        assert_eq!(bare.decides(), shipped.decides());
    }
    assert_eq!(bare.memory_bytes_max(), scored.memory_bytes_max());
    assert_eq!(bare.prefix_lengths(), scored.prefix_lengths());
}

#[test]
fn file_without_the_later_fields_means_what_it_meant() {
    let text =
        ["double_click", "suspicious_agent", "datacentre"].map(|name| format!("[[rule]]\ndetector = \"{name}\"\n"));
    let old = parse(&format!("{HEAD}{}", text.concat())).unwrap();
    assert!(rules(&old).iter().all(|(_, _, decides, _)| !decides));
    assert_eq!(old.rules()[0].parameters()[0], ("who", "any".to_owned()));
    assert_eq!(old.rules().iter().map(super::Rule::weight_permille).collect::<Vec<_>>(), [1000, 300, 400]);
    assert_eq!(old.notes(), ["datacentre is off: no list of networks is configured"]);
}

#[test]
fn every_shipped_list_says_where_it_comes_from() {
    let shipped = Ruleset::shipped();
    let heads: Vec<_> = shipped.rules().iter().flat_map(super::Rule::lists).collect();
    let names: Vec<_> = heads.iter().map(|head| head.name.as_str()).collect();
    assert_eq!(names, ["crawlers.txt", "tools.txt", "crawlerdetect.txt", "isbot.txt", "people.txt", "hosting.txt"]);
    for head in heads {
        assert!(head.source.is_some() && head.version.is_some() && head.licence.is_some(), "{head:?}");
        assert!(head.date.is_some(), "{head:?}");
    }
}

#[test]
fn errors_point_at_the_line_and_name_the_thing() {
    let rule = "[[rule]]\ndetector = \"address_rate\"\n";
    for (rest, line, names) in [
        ("[[rule]]\ndetector = address\n".to_owned(), "line 4", ""),
        ("[[rule]]\ndetector = \"clairvoyance\"\n".to_owned(), "line 4, column 12", "\"clairvoyance\""),
        ("[[rule]]\nname = \"x\"\n".to_owned(), "line 3", "no detector"),
        (format!("{rule}clicks = 5\n"), "line 5, column 1", "rule \"address_rate\": unknown field \"clicks\""),
        (format!("{rule}clicks_max = 0\n"), "line 5, column 14", "clicks_max is 0"),
        (format!("{rule}clicks_max = 99999999999999999999\n"), "line 5", "clicks_max is 99999999999999999999"),
        (format!("{rule}window_seconds = 7201\n"), "line 5", "must be 1 to 7200"),
        (format!("{rule}clicks_max = \"many\"\n"), "line 5", "of type string"),
        (format!("{rule}weight_permille = 1001\n"), "line 5", "weight_permille is 1001"),
        (format!("{rule}category = \"nice\"\n"), "line 5, column 12", "\"nice\" is not a category"),
        (format!("{rule}name = \"a b\"\n"), "line 5", "letters, digits"),
        (format!("{rule}enabled = 1\n"), "line 5", "true or false"),
        (format!("{rule}kinds = [\"click\", \"impression\"]\n"), "line 5, column 19", "looks at click"),
        (format!("{rule}kinds = [\"probe\"]\n"), "line 5, column 10", "\"probe\""),
        (format!("{rule}kinds = []\n"), "line 5, column 9", "kinds is empty"),
        (format!("{rule}kinds = \"click\"\n"), "line 5", "a list of texts"),
        (format!("{rule}decides = \"yes\"\n"), "line 5", "decides must be true or false"),
        (format!("ipv6_prefix = 0\n{rule}"), "line 3", "ipv6_prefix is 0"),
        (format!("ipv4_prefix = 33\n{rule}"), "line 3", "must be 1 to 32"),
        ("[[rule]]\ndetector = \"double_click\"\nwho = \"me\"\n".to_owned(), "line 5", "one of any, user, address"),
        (format!("{rule}{rule}"), "line 5", "rule \"address_rate\" stands twice"),
        (format!("{rule}clicks_max = 5\nclicks_max = 6\n"), "line 6", ""),
        (format!("thresholds = 3\n{rule}"), "line 3, column 1", "unknown field \"thresholds\""),
        (format!("threshold_permille = 1000\n{rule}"), "line 3", "threshold_permille is 1000"),
        (format!("look_back_seconds = 7201\n{rule}"), "line 3", "look_back_seconds is 7201"),
        (String::new(), "line 3", "at least one [[rule]]"),
        ("rule = 5\n".to_owned(), "line 3", "[[rule]]"),
    ] {
        let message = parse(&format!("{HEAD}{rest}")).unwrap_err().to_string();
        assert!(message.contains(line) && message.contains(names), "{rest:?}: {message}");
    }
    for (text, names) in [
        ("name = \"x\"\n", "version is missing"),
        ("version = 2\n", "version is 2"),
        ("version = 1\n", "name is missing"),
    ] {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.contains(names), "{text:?}: {message}");
    }
}

#[test]
fn files_that_are_missing_or_broken_are_named() {
    for (rule, names) in [
        ("detector = \"click_farm\"\naddresses = \"gone.txt\"\n", "read gone.txt"),
        ("detector = \"click_farm\"\naddresses = \"broken.txt\"\n", "broken.txt, line 3"),
        ("detector = \"datacentre\"\nlists = [\"farm.txt\", \"broken.txt\"]\n", "broken.txt, line 3"),
        (
            "detector = \"impossible_travel\"\ndatabase = \"broken.mmdb\"\n",
            "broken.mmdb is not a usable address database",
        ),
        ("detector = \"impossible_travel\"\ndatabase = \"gone.mmdb\"\n", "read gone.mmdb"),
        ("detector = \"suspicious_agent\"\nexceptions = [\"gone.txt\"]\n", "read gone.txt"),
        (
            "detector = \"impossible_travel\"\ndatabase = [\"a.mmdb\", \"b.mmdb\", \"c.mmdb\"]\n",
            "database names more than 2 files",
        ),
    ] {
        let message = parse(&format!("{HEAD}[[rule]]\n{rule}")).unwrap_err().to_string();
        assert!(message.contains(names), "{rule:?}: {message}");
    }
}

#[test]
fn digest_covers_the_text_and_every_file() {
    let farm = |list: &str| format!("{HEAD}[[rule]]\ndetector = \"click_farm\"\naddresses = \"{list}\"\n");
    let parsed =
        |text: &str, content: &'static [u8]| *Ruleset::parse(text, &|_| Ok(content.to_vec())).unwrap().digest();
    let one = parsed(&farm("a.txt"), b"192.0.2.1\n");
    assert_eq!(one, parsed(&farm("a.txt"), b"192.0.2.1\n"));
    assert_ne!(one, parsed(&farm("a.txt"), b"192.0.2.2\n"));
    assert_ne!(one, parsed(&farm("b.txt"), b"192.0.2.1\n"));
    assert_ne!(one, parsed(&(farm("a.txt") + "users_max = 999\n"), b"192.0.2.1\n"));
}

#[test]
fn lists_are_found_from_the_folder_of_the_ruleset() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("farm.txt"), "192.0.2.0/24\n").unwrap();
    let path = folder.path().join("rules.toml");
    fs::write(&path, format!("{HEAD}[[rule]]\ndetector = \"click_farm\"\naddresses = \"farm.txt\"\n")).unwrap();
    let ruleset = Ruleset::load(&path).unwrap();
    assert_eq!(ruleset.rules()[0].parameters()[2], ("addresses", "farm.txt (1 networks)".to_owned()));
    assert!(matches!(Ruleset::load(&folder.path().join("none.toml")), Err(Error::Read { .. })));
}
