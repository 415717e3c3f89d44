//! The parts of the description that are about the program and not about a ruleset's rules.

use clicktrail_live::sealing::RETENTION;
use clicktrail_projections::counters;
use clicktrail_verdicts::{
    fold::{PRECEDENCE, REWIND_MAX},
    ruleset::Ruleset,
    verdict::{Category, Stage},
};

use super::edition::Edition;

pub(super) fn head(rules: &Ruleset, edition: Edition) -> String {
    let edition = match edition {
        Edition::Public => "public",
        Edition::Auditor => "auditor's",
    };
    format!(
        "# Description of methodology, {edition} edition\n\n\
         Made by clicktrail {} from the ruleset and the code that count. Whoever holds the same digests counts the same.\n\n\
         | what | digest |\n|---|---|\n\
         | ruleset \"{}\" with every list that it uses | `{}` |\n\
         | projection `{}` {}, which counts and sums | `{}` |\n",
        env!("CARGO_PKG_VERSION"),
        rules.name(),
        rules.digest(),
        counters::NAME,
        counters::VERSION,
        counters::code_digest(),
    )
}

pub(super) fn counted() -> String {
    let names = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    format!(
        "## What is counted\n\n\
         An event is counted once it is stored, and never before. Counts: {}. Sums: {}, exact, in millionths of the \
         currency, which are never added up over currencies. Both by {}, in the minute of the event's own time.\n\n\
         `billable_clicks` are the clicks that no live verdict calls invalid, and `spend_micros` is their price. Later \
         rulings count in answers that ask for them (`--as-of`), and not in billed totals. A request that \
         asks without visiting (`HEAD`, a prefetch) is a probe or a prefetch: counted apart, and never billed.\n",
        names(&counters::COUNTS),
        names(&counters::SUMS),
        names(&counters::KEYS),
    )
}

/// How rules become a decision.
pub(super) fn decision(rules: &Ruleset, edition: Edition) -> String {
    let mut text =
        "Every click, impression and conversion passes every rule that looks at its kind. Filtering marks an event and never deletes it: the event, the rules that \
                    fired and what they saw stay.\n\n"
            .to_owned();
    let order = PRECEDENCE.map(Category::as_str).join(", ");
    if rules.rules().iter().any(clicktrail_verdicts::ruleset::Rule::decides) {
        text.push_str(&format!(
            "An event for which a rule fires that decides alone is invalid. Of several, its category is the first of {order}.\n",
        ));
    }
    let threshold = match edition {
        Edition::Public => "a threshold".to_owned(),
        Edition::Auditor => format!("{} thousandths", rules.threshold_permille()),
    };
    text.push_str(&format!(
        "The weights of the rules that are scored are added up; over {threshold}, the event is invalid. Its category is \
         `duplicate` if such a rule fired, else the one with the largest sum, and of equal ones the first of {order}. A rule \
         whose weight is not over the threshold invalidates nothing alone.\n",
    ));
    text
}

pub(super) fn adjusted() -> String {
    let [live, rejudge, query, manual] = Stage::ALL.map(Stage::as_str);
    format!(
        "## What is adjusted\n\n\
         Verdicts are appended and never changed. A rejudgement (`{rejudge}`) or a query (`{query}`) overrules what was \
         found as the event came (`{live}`), and a person (`{manual}`) overrules both; of equals, the later stands. \
         Numbers that were given out stay reproducible: a question may name the verdict up to which it asks.\n",
    )
}

pub(super) fn kept() -> String {
    format!(
        "## What is kept\n\n\
         Stored events, verdicts, and events that failed validation with their bytes. Each hour is sealed once, with the \
         SHA-256 of every file and of the hour before, and is never changed afterwards. The log keeps its frames for {} days \
         after that, until the archive was read back.\n",
        RETENTION.as_secs() / 86_400,
    )
}

pub(super) fn limits(rules: &Ruleset) -> String {
    let (v4, v6) = rules.prefix_lengths();
    format!(
        "## What is known of its limits\n\n\
         A rule sees what was logged in the {} minutes before an event, and logged times that run back by less than {} minutes \
         change nothing. By address means by the first {v4} bits of version 4 and the first {v6} of version 6. A robot that \
         says it is a browser, comes from no listed network and clicks as slowly as people is not found.\n",
        rules.look_back().as_secs() / 60,
        REWIND_MAX.as_secs() / 60,
    )
}

pub(super) fn mapped(rules: &Ruleset) -> String {
    let of = |category: Category| {
        let fires =
            |rule: &&clicktrail_verdicts::ruleset::Rule| rule.category() == category && rule.off_because().is_none();
        let names: Vec<String> = rules.rules().iter().filter(fires).map(|rule| format!("`{}`", rule.name())).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    format!(
        "## Mapped to the industry's terms\n\n\
         This is a mapping, not an accreditation.\n\n\
         | term | rules |\n|---|---|\n\
         | general invalid traffic, MRC Invalid Traffic Detection and Filtration Standards Addendum 2020 | {} |\n\
         | sophisticated invalid traffic, the same addendum | {} |\n\
         | one click where a person meant one, IAB and MRC Click Measurement Guidelines 2009 | {} |\n\
         | rules of the contract | {} |\n",
        of(Category::Givt),
        of(Category::Sivt),
        of(Category::Duplicate),
        of(Category::Policy),
    )
}
