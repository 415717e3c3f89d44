//! The bans of clippy.toml: each with its reason, and one list of the files that are excepted.

use std::collections::BTreeSet;

use crate::{
    crates,
    tree::{Tree, expect, expect_nothing},
};

/// Files that may do what clippy.toml bans: each says in an `expect` of its own what, and why it must be there.
const EXCEPTED: &[&str] = &[
    // The present, and new ids.
    "log/src/time.rs",
    "log/src/ids.rs",
    // Appending and reading: retries, deadlines, and encoding on threads that may block.
    "log/src/committer/pulse.rs",
    "log/src/committer/store.rs",
    "log/src/committer/task.rs",
    "log/src/embedded.rs",
    "log/src/jetstream/handle.rs",
    "log/src/jetstream/read.rs",
    "log/src/spool.rs",
    // Parts and verdicts are encoded, decoded and folded on threads.
    "log/src/archive/columns.rs",
    "log/src/archive/identities/gather.rs",
    "log/src/archive/identities/made.rs",
    "log/src/archive/seal/hour.rs",
    "log/src/archive/store.rs",
    "log/src/archive/redaction/hour.rs",
    "log/src/archive/rejected/erase.rs",
    "log/src/archive/trees/check.rs",
    "projections/rendering/src/typeset/thread.rs",
    "projections/src/counters/sealed/threads.rs",
    "verdicts/src/fold/pass.rs",
    "verdicts/src/judge/run.rs",
    "verdicts/src/judge/rejudge.rs",
    "verdicts/src/judge/rows.rs",
    "verdicts/src/reader/tail.rs",
    // Digests of a bundle beside its proofs.
    "evidence/src/verify/steps.rs",
    // Secrets of a hasher.
    "verdicts/src/detector/hashed.rs",
    // Background work.
    "api/server/src/registry.rs",
    "replay/billing/src/issue/make.rs",
    "replay/live/src/counting.rs",
    "replay/live/src/judging.rs",
    "replay/live/src/lags.rs",
    "replay/live/src/sealing.rs",
    "replay/live/src/signing.rs",
    "replay/live/src/verified.rs",
    // Leases: signs of life, and pauses of workers without work.
    "replay/src/work.rs",
    "replay/src/work/leases.rs",
    "api/cli/src/replay/status.rs",
    "api/cli/src/replay/work.rs",
    // Opening a file that another process holds.
    "replay/catalog/src/sqlite.rs",
    // The doors: deadlines, drains, and what is measured.
    "api/server/src/body.rs",
    "api/server/src/events.rs",
    "api/server/src/finish.rs",
    "api/server/src/write_deadline.rs",
    "api/server/src/gather.rs",
    "api/server/src/open_batch.rs",
    "api/server/src/receipts.rs",
    "api/server/src/serve.rs",
    "api/server/src/store.rs",
    "api/server/src/witness.rs",
    // The command line: the process, its environment, and what it measures.
    "api/cli/src/basis.rs",
    "api/cli/src/behind.rs",
    "api/cli/src/config.rs",
    "api/cli/src/correction/close.rs",
    "api/cli/src/doctor.rs",
    "api/cli/src/import.rs",
    "api/cli/src/import/write.rs",
    "api/cli/src/log/stream.rs",
    "api/cli/src/output/lines.rs",
    "api/cli/src/patience.rs",
    "api/cli/src/serve.rs",
    "api/cli/src/serve/roles.rs",
    "api/cli/src/simulate.rs",
    "api/simulate/bench/src/main.rs",
    // Tests start themselves again.
    "log/damage/src/apart.rs",
];

/// Files whose exceptions are not in the list, that allow where they should expect, or that need no exception any more.
fn exceptions(tree: &Tree, excepted: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut listed: BTreeSet<&str> = excepted.iter().copied().collect();
    for file in crates::production(tree) {
        let code: String = tree.sources[&file].production.split_whitespace().collect();
        let lifted = |word: &str| {
            let begin = format!("[{word}(");
            let attributes = code.split(&begin).skip(1);
            attributes.filter_map(|text| text.split(")]").next()).any(|text| text.contains("clippy::disallowed_"))
        };
        if lifted("allow") {
            found.push(format!(
                "{file}: allows what clippy.toml bans: `expect` it, so that the exception ends with its cause"
            ));
        }
        let is_listed = listed.remove(file.as_str());
        if lifted("expect") != is_listed {
            found.push(format!(
                "{file}: does what clippy.toml bans, or no longer: it and the list in {} must agree",
                file!()
            ));
        }
    }
    found.extend(listed.into_iter().map(|file| format!("{file}: is excepted from bans and does not exist")));
    found
}

/// Bans without a reason.
fn reasons(tree: &Tree) -> Vec<String> {
    const MIN: usize = 10;
    let lints: toml::Table = tree.text("clippy.toml").parse().expect("clippy.toml is TOML");
    let mut found = Vec::new();
    for kind in ["disallowed-methods", "disallowed-types", "disallowed-macros"] {
        let bans = lints.get(kind).and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
        if bans.is_empty() {
            found.push(format!("clippy.toml: {kind} bans nothing"));
        }
        let has_reason = |ban: &toml::Value| {
            ban.get("reason").and_then(toml::Value::as_str).is_some_and(|reason| reason.len() >= MIN)
        };
        found.extend(bans.iter().filter(|ban| !has_reason(ban)).map(|ban| format!("clippy.toml: no reason: {ban}")));
    }
    found
}

#[test]
fn exceptions_to_bans_are_listed() {
    expect_nothing(&exceptions(Tree::of_repository(), EXCEPTED));
}

#[test]
fn an_unlisted_exception_is_named() {
    let tree = Tree::made_up(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"log\"]"),
        (
            "log/src/lib.rs",
            "mod a;\nmod b;\nmod c;\nmod d;\n#[cfg(test)]\nmod tests { #![allow(clippy::disallowed_methods)] }",
        ),
        ("log/src/a.rs", "#![expect(\n    clippy::disallowed_methods,\n    reason = \"why\"\n)]"),
        ("log/src/b.rs", "#[expect(clippy::todo, clippy::disallowed_types, reason = \"why\")]"),
        ("log/src/c.rs", "#[allow(clippy::disallowed_methods, reason = \"why\")]"),
        ("log/src/d.rs", "// #![expect(clippy::disallowed_methods)]"),
    ]);
    let found = exceptions(&tree, &["log/src/a.rs", "log/src/d.rs", "log/src/gone.rs"]);
    expect(&found, &[&["log/src/b.rs", "bans"], &["log/src/c.rs", "allows"], &["log/src/d.rs"], &["log/src/gone.rs"]]);
}

#[test]
fn every_ban_has_a_reason() {
    expect_nothing(&reasons(Tree::of_repository()));
}

#[test]
fn a_ban_without_a_reason_is_named() {
    let bans = "disallowed-methods = [\"std::a\", { path = \"std::b\", reason = \"it waits for ever\" }]\n\
                disallowed-types = [{ path = \"std::c\", reason = \"\" }]";
    let found = reasons(&Tree::made_up(&[("clippy.toml", bans)]));
    expect(&found, &[&["std::a"], &["std::c"], &["disallowed-macros", "nothing"]]);
}
