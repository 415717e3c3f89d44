//! What the description says, and that a ruleset cannot hold what it does not say.

use std::path::Path;

use super::*;

fn none(_: &Path) -> std::io::Result<Vec<u8>> {
    Err(std::io::ErrorKind::NotFound.into())
}

/// Digests change with every list, and are tested where they are made.
fn without_digests(text: &str) -> String {
    let is_digest = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = text.split('`').map(|word| if is_digest(word) { "DIGEST" } else { word });
    words.collect::<Vec<_>>().join("`")
}

#[test]
fn descriptions_of_the_shipped_ruleset_are_the_golden_ones() {
    for (edition, name) in [(Edition::Public, "methodology-public.md"), (Edition::Auditor, "methodology-auditor.md")] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
        let text = without_digests(&describe(&Ruleset::shipped(), edition));
        if std::env::var_os("CLICKTRAIL_WRITE_FIXTURES").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            golden,
            "{}: if the change is meant, write it with CLICKTRAIL_WRITE_FIXTURES=1",
            path.display()
        );
    }
}

#[test]
fn rule_that_is_added_appears_with_its_numbers_in_the_auditors_edition_alone() {
    let text = format!(
        "{}\n[[rule]]\ndetector = \"address_rate\"\nname = \"night_shift\"\nweight_permille = 137\nclicks_max = 4321\n",
        Ruleset::text_of("default").unwrap()
    );
    let rules = Ruleset::parse(&text, &none).unwrap();
    let (public, auditor) = (describe(&rules, Edition::Public), describe(&rules, Edition::Auditor));
    for text in [&public, &auditor] {
        assert!(text.contains("`night_shift`") && text.contains(&rules.digest().to_string()), "{text}");
    }
    assert!(auditor.contains("weight 137") && auditor.contains("`clicks_max` = 4321"), "{auditor}");
    assert!(!public.contains("137") && !public.contains("4321") && !public.contains("700"), "{public}");
}

#[test]
fn every_rule_and_list_of_a_shipped_ruleset_is_named_and_nothing_is_called_compliant() {
    for name in Ruleset::names() {
        let rules = Ruleset::named(name).unwrap();
        let (public, auditor) = (describe(&rules, Edition::Public), describe(&rules, Edition::Auditor));
        for rule in rules.rules() {
            assert!(public.contains(&format!("`{}`", rule.name())), "{}", rule.name());
            for list in rule.lists() {
                assert!(auditor.contains(&format!("`{}`", list.name)) && !public.contains(&list.name), "{}", list.name);
            }
        }
        for text in [public, auditor] {
            assert!(!text.to_lowercase().contains("complian"), "{text}");
        }
    }
}
