//! `suspicious_agent` and `device_mismatch`: both read the user agent, once for each that differs.

use std::{collections::HashMap, sync::Arc};

use xxhash_rust::xxh3::xxh3_128;

mod device;

use super::{Hits, Seen, State, View, frames::Frames, rows::optional};
use crate::{ruleset::patterns::Patterns, verdict::Evidence};
use device::{Claim, Device};

/// User agents remembered: a cache, so it never changes what is found; full, it begins anew. A hash of 128 bits stands
/// for the text.
const CACHED_MAX: usize = 1 << 16;

/// What a user agent says.
#[derive(Debug)]
struct Known {
    /// For each rule of `suspicious_agent`: the list and the pattern that match.
    listed: Vec<Option<(String, String)>>,
    device: Device,
}

/// User agents.
#[derive(Debug, Default)]
pub(super) struct Agent {
    /// Index and lists.
    pub(super) suspicious: Vec<(usize, Vec<Arc<Patterns>>)>,
    pub(super) mismatches: Vec<usize>,
    known: HashMap<u128, Known>,
}

impl State for Agent {
    fn name(&self) -> &'static str {
        "suspicious_agent and device_mismatch"
    }

    fn pass(&mut self, view: &View<'_>, hits: &mut Hits) {
        if !hits.are_wanted {
            return;
        }
        let rows = view.rows;
        for &row in &rows.clicks {
            // A web server's log writes a missing user agent as "-".
            let agent = optional(rows.agents, row).map(str::trim).filter(|agent| !matches!(*agent, "" | "-"));
            let Some(agent) = agent else {
                for (rule, _) in &self.suspicious {
                    hits.push(row, *rule, [("user_agent", Evidence::Text("missing".to_owned()))]);
                }
                continue;
            };
            let known = self.know(agent);
            let listed: Vec<_> = known.listed.clone();
            let device = known.device;
            for ((rule, _), found) in self.suspicious.iter().zip(listed) {
                if let Some((list, pattern)) = found {
                    hits.push(row, *rule, [("list", Evidence::Text(list)), ("pattern", Evidence::Text(pattern))]);
                }
            }
            if self.mismatches.is_empty() {
                continue;
            }
            let claims = [
                ("device_type", optional(rows.device_types, row).and_then(|text| device.contradicts_form(text))),
                ("os", optional(rows.systems, row).and_then(|text| device.contradicts_system(text))),
            ];
            let evidence = contradictions(claims);
            if !evidence.is_empty() {
                for rule in &self.mismatches {
                    hits.found.push(super::Hit { row, rule: *rule, evidence: evidence.clone() });
                }
            }
        }
    }

    fn forget(&mut self, _frames: &Frames, _cut_micros: i64) {}

    fn bytes(&self) -> usize {
        // Patterns are short; most user agents match none.
        self.known.capacity() * (size_of::<(u128, Known)>() + 64)
    }
}

impl Agent {
    fn know(&mut self, agent: &str) -> &Known {
        let hash = xxh3_128(agent.as_bytes());
        if self.known.len() >= CACHED_MAX && !self.known.contains_key(&hash) {
            self.known.clear();
        }
        let suspicious = &self.suspicious;
        self.known.entry(hash).or_insert_with(|| {
            let listed = |lists: &Vec<Arc<Patterns>>| {
                let find = |list: &Arc<Patterns>| Some((list.name().to_owned(), list.find(agent)?.to_owned()));
                lists.iter().find_map(find)
            };
            Known { listed: suspicious.iter().map(|(_, lists)| listed(lists)).collect(), device: Device::parse(agent) }
        })
    }
}

fn contradictions(claims: [(&str, Option<Claim>); 2]) -> Seen {
    let mut evidence = Seen::new();
    for (field, claim) in claims {
        if let Some(claim) = claim {
            evidence.push((format!("declared_{field}"), Evidence::Text(claim.declared)));
            evidence.push((format!("agent_{field}"), Evidence::Text(claim.agent.to_owned())));
        }
    }
    evidence
}
