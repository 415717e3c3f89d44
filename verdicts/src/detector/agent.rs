//! `suspicious_agent` and `device_mismatch`: both read the user agent. Each distinct one is parsed once.

use std::{collections::HashMap, sync::Arc};

use clicktrail_log::{event::Kind, invariant};
use xxhash_rust::xxh3::xxh3_128;

mod device;

use super::{
    frames::Frames,
    hits::{Hit, Hits, NamedEvidence},
    rows::optional,
    state::{CACHE_BYTES_MAX, State},
    view::View,
};
use crate::{kinds::Kinds, ruleset::patterns::Patterns, verdict::Evidence};
use device::{Claim, Device};

/// How many user agents are remembered, each by a 128-bit hash of its text. This is a cache, so it never changes what
/// is found. When it is full, it begins anew.
const CACHED_MAX: usize = 1 << 16;

/// What one remembered user agent takes. Patterns are short, and most user agents match none.
const AGENT_BYTES: usize = size_of::<(u128, AgentTraits)>() + 64;

const _: () = assert!(CACHED_MAX * AGENT_BYTES <= CACHE_BYTES_MAX);

/// What a user agent says.
#[derive(Debug)]
struct AgentTraits {
    /// For each rule of `suspicious_agent`: the list and the pattern that match.
    listed: Vec<Option<(String, String)>>,
    device: Device,
}

/// The rules that read user agents, and what was read.
#[derive(Debug, Default)]
pub(super) struct Agent {
    /// What any of the rules looks at.
    pub(super) kinds: Kinds,
    /// Index and lists.
    pub(super) suspicious: Vec<(usize, Vec<Arc<Patterns>>)>,
    pub(super) mismatches: Vec<usize>,
    traits: HashMap<u128, AgentTraits>,
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
        for row in rows.of(self.kinds) {
            // A web server's log writes a missing user agent as "-".
            let agent = optional(rows.agents, row).map(str::trim).filter(|agent| !matches!(*agent, "" | "-"));
            let Some(agent) = agent else {
                // Servers report conversions, and need not know the visitor's agent.
                if rows.kinds[row] == Kind::Conversion {
                    continue;
                }
                for (rule, _) in &self.suspicious {
                    hits.push(row, *rule, [("user_agent", Evidence::Text("missing".to_owned()))]);
                }
                continue;
            };
            let traits = self.traits_of(agent);
            let is_listed = traits.listed.iter().any(Option::is_some);
            let listed = if is_listed { traits.listed.clone() } else { Vec::new() };
            let device = traits.device;
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
                    hits.found.push(Hit { row, rule: *rule, evidence: evidence.clone() });
                }
            }
        }
    }

    fn forget(&mut self, _frames: &Frames, _cut_micros: i64) {}

    fn bytes(&self) -> usize {
        self.traits.capacity() * AGENT_BYTES
    }
}

impl Agent {
    fn traits_of(&mut self, agent: &str) -> &AgentTraits {
        let hash = xxh3_128(agent.as_bytes());
        if self.traits.len() >= CACHED_MAX && !self.traits.contains_key(&hash) {
            self.traits.clear();
        }
        invariant!(I14, self.traits.len() <= CACHED_MAX, "{} user agents are cached", self.traits.len());
        let suspicious = &self.suspicious;
        self.traits.entry(hash).or_insert_with(|| {
            let listed = |lists: &Vec<Arc<Patterns>>| {
                let find = |list: &Arc<Patterns>| Some((list.name().to_owned(), list.find(agent)?.to_owned()));
                lists.iter().find_map(find)
            };
            AgentTraits {
                listed: suspicious.iter().map(|(_, lists)| listed(lists)).collect(),
                device: Device::parse(agent),
            }
        })
    }
}

fn contradictions(claims: [(&str, Option<Claim>); 2]) -> NamedEvidence {
    let mut evidence = NamedEvidence::new();
    for (field, claim) in claims {
        if let Some(claim) = claim {
            evidence.push((format!("declared_{field}"), Evidence::Text(claim.declared)));
            evidence.push((format!("agent_{field}"), Evidence::Text(claim.agent.to_owned())));
        }
    }
    evidence
}
