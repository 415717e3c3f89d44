//! `clicktrail verdicts rules`

use clicktrail_log::event::Kind;
use serde_json::{Value, json};

use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

pub(super) fn run(global: &Global) -> anyhow::Result<Exit> {
    let rules = global.rules()?;
    if global.output == Format::Json {
        let rule = |rule: &clicktrail_verdicts::ruleset::Rule| {
            let parameters = rule.parameters().into_iter().map(|(name, value)| (name.to_owned(), json!(value)));
            json!({
                "name": rule.name(),
                "detector": rule.detector(),
                "enabled": rule.is_enabled(),
                "category": rule.category().as_str(),
                "kinds": rule.kinds().iter().map(Kind::as_str).collect::<Vec<_>>(),
                "decides": rule.decides(),
                "weight_permille": rule.weight_permille(),
                "parameters": parameters.collect::<serde_json::Map<String, Value>>(),
                "finds": rule.finds(),
                "source": rule.source(),
            })
        };
        output::json(&json!({
            "name": rules.name(),
            "digest": rules.digest().to_string(),
            "threshold_permille": rules.threshold_permille(),
            "look_back_seconds": rules.look_back().as_secs(),
            "ipv4_prefix": rules.prefix_lengths().0,
            "ipv6_prefix": rules.prefix_lengths().1,
            "rules": rules.rules().iter().map(rule).collect::<Vec<_>>(),
            "notes": rules.notes(),
        }));
        return Ok(Exit::Ok);
    }
    output::line(&format!("ruleset {} {}", rules.name(), rules.digest()));
    let decides = if rules.rules().iter().any(clicktrail_verdicts::ruleset::Rule::decides) {
        "a rule that decides fired, or when "
    } else {
        ""
    };
    output::line(&format!(
        "an event is invalid when {decides}the weights of the rules that fired add up to more than {}",
        rules.threshold_permille()
    ));
    let mut table = output::Table::new(&["rule", "category", "weight", "looks at", "parameters", "finds"]);
    for rule in rules.rules() {
        let weight = match (rule.is_enabled(), rule.decides()) {
            (false, _) => "off".to_owned(),
            (true, true) => "decides".to_owned(),
            (true, false) => rule.weight_permille().to_string(),
        };
        let parameters: Vec<String> =
            rule.parameters().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        table.push(vec![
            rule.name().to_owned(),
            rule.category().to_string(),
            weight,
            rule.kinds().to_string(),
            parameters.join(" "),
            rule.finds().to_owned(),
        ]);
    }
    table.print();
    for note in rules.notes() {
        output::note(&note);
    }
    Ok(Exit::Ok)
}
