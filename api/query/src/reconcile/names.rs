//! Texts that many clicks share (ads, campaigns, currencies, rules), each kept once.

use std::{collections::HashMap, sync::Arc};

/// The number of a text in [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name(u32);

/// Texts by number, and numbers by text.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Arc<str>, Name>,
    texts: Vec<Arc<str>>,
    bytes: usize,
}

/// What a text costs beside its characters: its counters, an entry of the list, and one of the table.
const ENTRY_BYTES: usize = 96;

impl Names {
    /// The number of a text, which is new or was given before.
    pub(super) fn name(&mut self, text: &str) -> Name {
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        let name = Name(u32::try_from(self.texts.len()).expect("texts are bounded by bytes, far below 32 bits"));
        let text: Arc<str> = text.into();
        self.bytes += text.len() + ENTRY_BYTES;
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, name);
        name
    }

    /// The number of a text that was given before.
    pub(super) fn find(&self, text: &str) -> Option<Name> {
        self.numbers.get(text).copied()
    }

    /// The text of a number.
    pub(super) fn text(&self, name: Name) -> &str {
        &self.texts[name.0 as usize]
    }

    /// Bytes that are held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
