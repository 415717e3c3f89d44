//! `clicktrail methodology`: what is counted, filtered, adjusted and kept, and under which digests: a description for
//! advertisers and auditors.
//!
//! Every rule, list, number and digest in it comes from the ruleset or from the code that does it, so the description
//! cannot say something else than the program does.

use clicktrail_verdicts::ruleset::{ListHead, Rule, Ruleset};

use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

mod edition;
mod sections;

use edition::Edition;

/// How a rule's weight is written where it decides alone.
const DECIDES: &str = "decides alone";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// For whom: `public` names the rules, `auditor` also thresholds, weights, parameters, sources and dates of lists
    #[arg(long, value_enum, default_value = "public")]
    edition: Edition,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let rules = global.rules()?;
    let text = describe(&rules, arguments.edition);
    match global.output {
        Format::Table => output::line(text.trim_end()),
        Format::Json => output::json(&serde_json::json!({
            "ruleset": rules.digest().to_string(),
            "edition": if arguments.edition == Edition::Public { "public" } else { "auditor" },
            "markdown": text,
        })),
    }
    Ok(Exit::Ok)
}

/// The whole description as Markdown.
fn describe(rules: &Ruleset, edition: Edition) -> String {
    let parts = [
        sections::head(rules, edition),
        sections::counted(),
        filtered(rules, edition),
        sections::adjusted(),
        sections::kept(),
        sections::limits(rules),
        sections::mapped(rules),
    ];
    parts.join("\n")
}

fn filtered(rules: &Ruleset, edition: Edition) -> String {
    let mut text = String::from("## What is filtered\n\n");
    text.push_str(&sections::decision(rules, edition));
    let (used, unused): (Vec<&Rule>, Vec<&Rule>) = rules.rules().iter().partition(|rule| rule.off_because().is_none());
    text.push_str("\n| rule | category | effect | finds |\n|---|---|---|---|\n");
    for rule in &used {
        let effect = match (rule.decides(), edition) {
            (true, _) => DECIDES.to_owned(),
            (false, Edition::Public) => "is scored".to_owned(),
            (false, Edition::Auditor) => format!("weight {}", rule.weight_permille()),
        };
        text.push_str(&format!("| `{}` | {} | {effect} | {} |\n", rule.name(), rule.category(), rule.finds()));
    }
    for rule in unused {
        let why = rule.off_because().unwrap_or_default();
        text.push_str(&format!("\nNot in use: `{}`, which would find {} ({why}).\n", rule.name(), rule.finds()));
    }
    if edition == Edition::Auditor {
        text.push_str(&parameters(&used));
        text.push_str(&lists(&used));
    }
    text
}

fn parameters(used: &[&Rule]) -> String {
    let mut text =
        String::from("\n### Parameters and sources of the rules\n\n| rule | parameters | source |\n|---|---|---|\n");
    for rule in used {
        let parameters: Vec<String> =
            rule.parameters().into_iter().map(|(name, value)| format!("`{name}` = {value}")).collect();
        let parameters = if parameters.is_empty() { "none".to_owned() } else { parameters.join("; ") };
        text.push_str(&format!("| `{}` | {parameters} | {} |\n", rule.name(), rule.source()));
    }
    text
}

fn lists(used: &[&Rule]) -> String {
    let heads: Vec<(&str, ListHead)> =
        used.iter().flat_map(|rule| rule.lists().into_iter().map(|head| (rule.name(), head))).collect();
    if heads.is_empty() {
        return "\nNo rule in use asks a list.\n".to_owned();
    }
    let mut text = String::from(
        "\n### Lists\n\n| list | used by | source | version | date | licence |\n|---|---|---|---|---|---|\n",
    );
    let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "not stated".to_owned());
    for (rule, head) in heads {
        let date = said(&head.date_text());
        let (source, version, licence) = (said(&head.source), said(&head.version), said(&head.licence));
        text.push_str(&format!("| `{}` | `{rule}` | {source} | {version} | {date} | {licence} |\n", head.name));
    }
    text
}

#[cfg(test)]
mod tests;
