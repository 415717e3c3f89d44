//! `click_farm`, its lists: a click from a listed address. Remembers nothing.

use std::sync::Arc;

use super::{hits::Hits, rows::Rows, stateless::Stateless};
use crate::{ruleset::networks::AddressList, verdict::Evidence};

/// Lists of farms' addresses.
#[derive(Debug, Default)]
pub(super) struct FarmList {
    /// Index and list.
    pub(super) rules: Vec<(usize, Arc<AddressList>)>,
}

impl Stateless for FarmList {
    fn name(&self) -> &'static str {
        "click_farm (lists)"
    }

    fn pass(&mut self, rows: &Rows<'_>, hits: &mut Hits) {
        for (row, address) in rows.click_addresses() {
            let Some(address) = address else {
                continue;
            };
            for (rule, list) in &self.rules {
                if let Some(line) = list.line_of(address) {
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
