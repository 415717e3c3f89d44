//! `suspicious_agent` and `device_mismatch`: both read the user agent. Each distinct one is parsed once.

use std::collections::HashMap;

use arrow::array::Array as _;
use clicktrail_log::{event::Kind, invariant};
use xxhash_rust::xxh3::xxh3_128;

mod device;

use super::{
    hashed::Hashed,
    hits::{Hit, Hits, NamedEvidence},
    rows::{Rows, optional},
    state::CACHE_BYTES_MAX,
    stateless::Stateless,
};
use crate::{
    kinds::Kinds,
    ruleset::robots::{Listed, Robots},
    verdict::Evidence,
};
use device::{Claim, Device};

/// How many user agents are remembered at most, each by a 128-bit hash of its text; fewer if many rules read them, so
/// that the bytes stay bounded. This is a cache, so it never changes what is found. When it is full, it begins anew.
const CACHED_MAX: usize = 1 << 17;

/// What one remembered user agent takes, beside what each rule finds in it.
const AGENT_BYTES: usize = size_of::<(u128, AgentTraits)>() + 1;
/// What one rule finds in it.
const LISTED_BYTES: usize = size_of::<Option<Listed>>();

/// What a user agent says.
#[derive(Debug)]
struct AgentTraits {
    /// For each rule of `suspicious_agent`: the pattern that matches.
    listed: Box<[Option<Listed>]>,
    device: Device,
}

/// The rules that read user agents, and what was read.
#[derive(Debug, Default)]
pub(super) struct Agent {
    /// What any of the rules looks at.
    pub(super) kinds: Kinds,
    /// Index and lists.
    pub(super) suspicious: Vec<(usize, Robots)>,
    pub(super) mismatches: Vec<usize>,
    traits: HashMap<u128, AgentTraits, Hashed>,
}

impl Stateless for Agent {
    fn name(&self) -> &'static str {
        "suspicious_agent and device_mismatch"
    }

    fn pass(&mut self, rows: &Rows<'_>, hits: &mut Hits) {
        for row in rows.of(self.kinds) {
            // Whoever reports an event need not say what the visitor's agent was: that says nothing of the visitor.
            if rows.agents.is_null(row) {
                continue;
            }
            // A request without one is written as web servers' logs write it.
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
            let traits = Self::traits_of(&mut self.traits, &self.suspicious, agent);
            let device = traits.device;
            for ((rule, robots), found) in self.suspicious.iter().zip(&traits.listed) {
                if let Some(found) = found {
                    let (list, pattern) = robots.describe(*found);
                    let [list, pattern] = [list, pattern].map(|text| Evidence::Text(text.to_owned()));
                    hits.push(row, *rule, [("list", list), ("pattern", pattern)]);
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

    fn bytes(&self) -> usize {
        self.traits.capacity() * AGENT_BYTES + self.traits.len() * self.suspicious.len() * LISTED_BYTES
    }
}

impl Agent {
    fn traits_of<'t>(
        traits: &'t mut HashMap<u128, AgentTraits, Hashed>,
        suspicious: &[(usize, Robots)],
        agent: &str,
    ) -> &'t AgentTraits {
        let hash = xxh3_128(agent.as_bytes());
        let cached_max = CACHED_MAX.min(CACHE_BYTES_MAX / (2 * (AGENT_BYTES + suspicious.len() * LISTED_BYTES)));
        if traits.len() >= cached_max && !traits.contains_key(&hash) {
            traits.clear();
        }
        invariant!(I14, traits.len() <= cached_max, "{} user agents are cached", traits.len());
        traits.entry(hash).or_insert_with(|| AgentTraits {
            listed: suspicious.iter().map(|(_, robots)| robots.find(agent)).collect(),
            device: Device::parse(agent),
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
