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

#[test]
fn shipped_ruleset_holds_the_ten_rules_of_the_contract() {
    let shipped = Ruleset::shipped();
    let rules: Vec<_> =
        shipped.rules().iter().map(|rule| (rule.name(), rule.weight_permille(), rule.category())).collect();
    assert_eq!(
        rules,
        [
            ("duplicate", 1000, crate::verdict::Category::Duplicate),
            ("double_click", 1000, crate::verdict::Category::Duplicate),
            ("address_rate", 400, crate::verdict::Category::Sivt),
            ("suspicious_agent", 300, crate::verdict::Category::Givt),
            ("impossible_click", 500, crate::verdict::Category::Sivt),
            ("impossible_travel", 300, crate::verdict::Category::Sivt),
            ("click_farm", 600, crate::verdict::Category::Sivt),
            ("device_mismatch", 200, crate::verdict::Category::Sivt),
            ("datacentre", 400, crate::verdict::Category::Givt),
            ("click_injection", 500, crate::verdict::Category::Sivt),
        ]
    );
    // It stands on every verdict of this ruleset. Another digest is another ruleset.
    assert_eq!(shipped.digest().to_string(), "80417252b4469c7b62b823007274e15a9d801bfb155941e19dcbf1003d1624f0");
    assert_eq!((shipped.threshold_permille(), shipped.look_back().as_secs()), (700, 7200));
    assert_eq!(
        shipped.notes(),
        [
            "impossible_travel is off: no address database is configured",
            "datacentre is off: no list of networks is configured"
        ]
    );
}

#[test]
fn defaults_are_those_of_the_shipped_file() {
    let mut text = HEAD.to_owned();
    for rule in Ruleset::shipped().rules() {
        text.push_str(&format!("[[rule]]\ndetector = \"{}\"\n", rule.name()));
    }
    let (bare, shipped) = (parse(&text).unwrap(), Ruleset::shipped());
    for (bare, shipped) in bare.rules().iter().zip(shipped.rules()) {
        assert_eq!(bare.parameters(), shipped.parameters());
        assert_eq!(bare.weight_permille(), shipped.weight_permille());
    }
    assert_eq!(bare.memory_bytes_max(), shipped.memory_bytes_max());
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
