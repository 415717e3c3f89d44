//! A real web server's log: `examples/apache_access.log.gz`.

use std::{collections::HashMap, fs::File, io::Read as _, path::Path};

use clicktrail_log::event::Kind;
use flate2::read::GzDecoder;
use regex::Regex;

use super::world::{SECOND, World, event, ruleset};

const LIMITS: [usize; 5] = [5, 10, 20, 30, 60];

struct Line {
    second: i64,
    ip: String,
    agent: String,
}

/// The clicks (`GET` and `POST`) in the order of time, lines of one second as they stand in the file.
fn clicks() -> Vec<Line> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/apache_access.log.gz");
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    let pattern = r#"(?m)^(\S+) \S+ \S+ \[(\d\d)/May/2015:(\d\d):(\d\d):(\d\d) \+0000\] "(?:GET|POST) [^"]*" \d+ \S+ "[^"]*" "([^"]*)""#;
    let text = String::from_utf8_lossy(&bytes);
    let line = |found: regex::Captures<'_>| {
        let number = |group: usize| found[group].parse::<i64>().unwrap();
        let second = ((number(2) * 24 + number(3)) * 60 + number(4)) * 60 + number(5);
        Line { second, ip: found[1].to_owned(), agent: found[6].to_owned() }
    };
    let mut lines: Vec<Line> = Regex::new(pattern).unwrap().captures_iter(&text).map(line).collect();
    lines.sort_by_key(|line| line.second);
    lines
}

#[test]
fn rates_and_robots_of_a_real_log_are_those_of_a_recount() {
    let lines = clicks();
    assert_eq!(lines.len(), 9_956);
    let mut world = World::default();
    for (index, line) in lines.iter().enumerate() {
        let mut click = event(Kind::Click, &index.to_string(), line.second * SECOND);
        click.ip = Some(line.ip.clone().into());
        click.user_agent = Some(line.agent.clone().into());
        world.add(click);
    }
    let mut rules = "[[rule]]\ndetector = \"suspicious_agent\"\n".to_owned();
    for limit in LIMITS {
        rules += &format!("[[rule]]\ndetector = \"address_rate\"\nname = \"over_{limit}\"\nclicks_max = {limit}\n");
    }
    let mut fired: HashMap<String, usize> = HashMap::new();
    let mut flagged = vec![false; lines.len()];
    for finding in world.findings(&ruleset(&rules)) {
        for reason in finding.reasons {
            flagged[finding.event_id.parse::<usize>().unwrap()] |= reason.rule == "suspicious_agent";
            *fired.entry(reason.rule).or_default() += 1;
        }
    }
    // Counted by a script of another language over the same clicks.
    let counted = [3_079, 1_729, 931, 456, 87];
    assert_eq!(LIMITS.map(|limit| fired[&format!("over_{limit}")]), counted);
    for (line, flagged) in lines.iter().zip(flagged) {
        let must = line.agent == "-" || line.agent.contains("Googlebot") || line.agent.contains("bot.htm");
        assert!(flagged || !must, "{}", line.agent);
        let is_browser = line.agent.ends_with("Chrome/32.0.1700.107 Safari/537.36");
        assert!(!(flagged && is_browser), "{}", line.agent);
    }
}
