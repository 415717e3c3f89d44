//! What one rule of `suspicious_agent` knows as robots: groups of lists, and what it excepts.

use std::sync::Arc;

use regex::Regex;

use super::{
    agents::{AgentLists, Found},
    list_head::ListHead,
    patterns::Patterns,
};

/// The lists of a rule: the shipped ones, then its own.
#[derive(Debug, Clone)]
pub(crate) struct Robots {
    pub(super) groups: Vec<Arc<AgentLists>>,
    /// The rule's own exceptions, for all groups.
    pub(super) exceptions: Vec<Arc<Patterns>>,
    pub(super) compiled: Vec<Regex>,
}

/// The group of lists, and the pattern in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listed {
    group: u32,
    found: Found,
}

impl Robots {
    /// The first pattern that matches `agent`.
    pub(crate) fn find(&self, agent: &str) -> Option<Listed> {
        let in_group =
            |(group, lists): (u32, &Arc<AgentLists>)| Some(Listed { group, found: lists.find(agent, &self.compiled)? });
        (0_u32..).zip(&self.groups).find_map(in_group)
    }

    /// The names of what was found: the list, and its pattern.
    pub(crate) fn describe(&self, listed: Listed) -> (&str, &str) {
        self.groups[listed.group as usize].describe(listed.found)
    }

    /// Each list as people know it: its name, and how many patterns it holds.
    pub(super) fn lists(&self) -> String {
        let lists = self.groups.iter().flat_map(|group| group.lists());
        let names: Vec<String> = lists.map(|list| format!("{} ({} patterns)", list.name(), list.len())).collect();
        names.join(", ")
    }

    /// As [`Robots::lists`], of the exceptions.
    pub(super) fn exceptions(&self) -> String {
        let lists = self.groups.iter().flat_map(|group| group.exceptions()).chain(&self.exceptions);
        let names: Vec<String> = lists.map(|list| format!("{} ({} patterns)", list.name(), list.len())).collect();
        names.join(", ")
    }

    /// What the heads of all lists say.
    pub(super) fn heads(&self) -> impl Iterator<Item = &ListHead> {
        let shipped = self.groups.iter().flat_map(|group| group.lists().iter().chain(group.exceptions()));
        shipped.chain(&self.exceptions).map(|list| list.head())
    }
}
