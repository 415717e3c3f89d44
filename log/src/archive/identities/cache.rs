//! What was read last, within a bound of bytes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bytes::Bytes;

use super::{file::Header, index::PartIndex};
use crate::{frame::Digest, invariant};

/// What an entry takes beside its value, about.
const ENTRY_BYTES: usize = 160;

/// What is kept. A digest of what it is made of names it, so it is never out of date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Header(Digest),
    Page(Digest, usize),
    Index(Digest),
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Header(Arc<Header>),
    Page(Bytes),
    Index(Arc<PartIndex>),
}

impl Value {
    fn bytes(&self) -> usize {
        ENTRY_BYTES
            + match self {
                Self::Header(header) => header.memory(),
                Self::Page(page) => page.len(),
                Self::Index(index) => index.memory(),
            }
    }
}

/// Drops what was not asked for longest.
#[derive(Debug)]
pub(super) struct Cache {
    bytes_max: usize,
    bytes: usize,
    /// Only ever asked by key.
    values: HashMap<Key, (u64, Value)>,
    by_use: BTreeMap<u64, Key>,
    uses: u64,
}

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, values: HashMap::new(), by_use: BTreeMap::new(), uses: 0 }
    }

    pub(super) fn get(&mut self, key: &Key) -> Option<Value> {
        let (used, value) = self.values.get_mut(key)?;
        self.uses += 1;
        self.by_use.remove(used);
        self.by_use.insert(self.uses, *key);
        *used = self.uses;
        Some(value.clone())
    }

    /// Keeps a value, unless it alone is larger than everything may be.
    pub(super) fn put(&mut self, key: Key, value: Value) {
        let bytes = value.bytes();
        if bytes > self.bytes_max {
            return;
        }
        self.remove(&key);
        while self.bytes + bytes > self.bytes_max {
            let Some((_, oldest)) = self.by_use.first_key_value() else { break };
            let oldest = *oldest;
            self.remove(&oldest);
        }
        self.uses += 1;
        self.bytes += bytes;
        self.by_use.insert(self.uses, key);
        self.values.insert(key, (self.uses, value));
        invariant!(I14, self.bytes <= self.bytes_max, "{} bytes are kept of {}", self.bytes, self.bytes_max);
    }

    pub(super) fn remove(&mut self, key: &Key) {
        if let Some((used, value)) = self.values.remove(key) {
            self.by_use.remove(&used);
            self.bytes -= value.bytes();
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_longest_leaves_first_and_bytes_stay_bounded() {
        let mut cache = Cache::new(10 * (1_000 + ENTRY_BYTES));
        let key = |page| Key::Page(Digest::ZERO, page);
        for page in 0..100 {
            cache.put(key(page), Value::Page(Bytes::from(vec![0; 1_000])));
            assert!(cache.get(&key(0)).is_some(), "it is asked for all the time");
        }
        assert_eq!((0..100).filter(|page| cache.get(&key(*page)).is_some()).count(), 10);
        assert!(cache.get(&key(99)).is_some() && cache.get(&key(1)).is_none());
        cache.put(key(200), Value::Page(Bytes::from(vec![0; 20_000])));
        assert!(cache.get(&key(200)).is_none() && cache.get(&key(99)).is_some());
        (0..100).for_each(|page| cache.remove(&key(page)));
        assert_eq!((cache.bytes(), cache.values.len(), cache.by_use.len()), (0, 0, 0));
    }
}
