//! `datacentre`: an event from a listed network. Remembers nothing.

use std::sync::Arc;

use super::{hits::Hits, rows::Rows, stateless::Stateless};
use crate::{kinds::Kinds, ruleset::networks::AddressList, verdict::Evidence};

/// Lists of networks.
#[derive(Debug, Default)]
pub(super) struct Datacentre {
    /// What any of the rules looks at.
    pub(super) kinds: Kinds,
    /// Index and lists.
    pub(super) rules: Vec<(usize, Vec<Arc<AddressList>>)>,
}

impl Stateless for Datacentre {
    fn name(&self) -> &'static str {
        "datacentre"
    }

    fn pass(&mut self, rows: &Rows<'_>, hits: &mut Hits) {
        for row in rows.of(self.kinds) {
            let Some(address) = rows.address(row) else {
                continue;
            };
            for (rule, lists) in &self.rules {
                let found = lists.iter().find_map(|list| list.line_of(address).map(|line| (list, line)));
                if let Some((list, line)) = found {
                    let line = Evidence::Number(i64::from(line));
                    hits.push(row, *rule, [("list", Evidence::Text(list.name().to_owned())), ("line", line)]);
                }
            }
        }
    }

    fn bytes(&self) -> usize {
        0
    }
}
