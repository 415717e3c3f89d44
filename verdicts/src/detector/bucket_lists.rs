//! A hash index over millions of small records: records in the order of their coming, each linked to the older ones of
//! its hash bucket.
//!
//! Why not a hash map: a map doubles as it grows, keeps a third of its room empty, and loses the order of the log, by
//! which a look-back forgets. Here records live in chunks, and a chunk is freed as a whole. Forgetting is one pass that
//! moves what stays to the front and links it anew.

use clicktrail_log::invariant;

/// No record.
pub(crate) const NONE: u32 = u32::MAX;
const CHUNK_BITS: u32 = 16;
const CHUNK: usize = 1 << CHUNK_BITS;
const HEADS_MIN: usize = 1 << 10;
/// How many rows a detector takes together: see [`BucketLists::touch`].
pub(crate) const BLOCK: usize = 64;

const _: () = assert!(CHUNK == 1 << CHUNK_BITS && BLOCK <= CHUNK, "an index splits into chunk and offset");
const _: () = assert!(HEADS_MIN.is_power_of_two(), "a bucket is found by masking");
const _: () = assert!(BLOCK.is_power_of_two(), "a block lies in one chunk");

/// A record in a bucket.
pub(crate) trait Record: Copy {
    /// Decides the bucket: the same for equal keys.
    fn hash(&self) -> u64;
    /// Puts the record in front of the newest of its bucket, which is at `index`; [`NONE`] if the bucket is empty.
    fn link(&mut self, index: u32, newest: Option<&Self>);
}

/// The records.
#[derive(Debug)]
pub(crate) struct BucketLists<R> {
    chunks: Vec<Vec<R>>,
    len: usize,
    heads: Vec<u32>,
}

impl<R: Record> BucketLists<R> {
    pub(crate) fn new() -> Self {
        Self { chunks: Vec::new(), len: 0, heads: vec![NONE; HEADS_MIN] }
    }

    #[allow(clippy::cast_possible_truncation, reason = "thirty-two bits fit")]
    fn bucket(&self, hash: u64) -> usize {
        // Multiplying and taking the high half spreads keys that differ in few bits.
        let spread = (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize;
        spread & (self.heads.len() - 1)
    }

    /// The newest record of the bucket of `hash`, or [`NONE`].
    pub(crate) fn newest(&self, hash: u64) -> u32 {
        self.heads[self.bucket(hash)]
    }

    /// Brings into the processor's caches what looking up these hashes, at most [`BLOCK`], is about to need: the head
    /// of each bucket and its newest record. One look-up after the other would wait for main memory twice each time;
    /// read together, they wait at the same time.
    pub(crate) fn touch(&self, hashes: impl Iterator<Item = u64>) {
        let mut newest = [NONE; BLOCK];
        for (slot, hash) in newest.iter_mut().zip(hashes) {
            *slot = self.newest(hash);
        }
        let mix = |mixed: u64, index: &u32| if *index == NONE { mixed } else { mixed ^ self.get(*index).hash() };
        // Nobody wants the result. The black box keeps the compiler from dropping the reads with it.
        std::hint::black_box(newest.iter().fold(0, mix));
    }

    pub(crate) fn get(&self, index: u32) -> &R {
        &self.chunks[(index >> CHUNK_BITS) as usize][index as usize & (CHUNK - 1)]
    }

    /// To change a record in place. Its hash must stay the same.
    pub(crate) fn get_mut(&mut self, index: u32) -> &mut R {
        &mut self.chunks[(index >> CHUNK_BITS) as usize][index as usize & (CHUNK - 1)]
    }

    pub(crate) fn push(&mut self, mut record: R) {
        if self.len >= self.heads.len() {
            self.heads = vec![NONE; self.heads.len() * 2];
            self.relink();
        }
        let index = u32::try_from(self.len).ok().filter(|index| *index != NONE).expect("under 2^32 records fit memory");
        let bucket = self.bucket(record.hash());
        let newest = self.heads[bucket];
        let linked = (newest != NONE).then(|| *self.get(newest));
        record.link(newest, linked.as_ref());
        if self.len == self.chunks.len() * CHUNK {
            // The first chunk grows with need, for small logs; the later ones are whole from the beginning.
            let room = if self.chunks.is_empty() { 0 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(room));
            // Once a chunk: every index up to here has its record.
            invariant!(I5, self.chunks.iter().rev().skip(1).all(|chunk| chunk.len() == CHUNK), "a chunk has holes");
        }
        self.chunks.last_mut().expect("a chunk was added if there was none").push(record);
        self.heads[bucket] = index;
        self.len += 1;
    }

    /// Keeps the records that `keep` wants. It may change them, but not their hash.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&mut R) -> bool) {
        let mut kept = 0;
        for index in 0..self.len {
            let mut record = self.chunks[index >> CHUNK_BITS][index & (CHUNK - 1)];
            if keep(&mut record) {
                self.chunks[kept >> CHUNK_BITS][kept & (CHUNK - 1)] = record;
                kept += 1;
            }
        }
        // As long as the whole log is younger than the look-back. The links are those of the same records.
        if kept == self.len {
            return;
        }
        self.len = kept;
        self.chunks.truncate(kept.div_ceil(CHUNK));
        if let Some(last) = self.chunks.last_mut() {
            last.truncate(kept - (kept - 1) / CHUNK * CHUNK);
        }
        let heads = kept.next_power_of_two().max(HEADS_MIN);
        if heads < self.heads.len() {
            self.heads = vec![NONE; heads];
        } else {
            self.heads.fill(NONE);
        }
        self.relink();
        let held: usize = self.chunks.iter().map(Vec::len).sum();
        invariant!(I5, held == self.len, "{held} records are held, {} were kept", self.len);
        invariant!(I14, self.heads.len() <= 2 * self.len.max(HEADS_MIN), "{} buckets for {held}", self.heads.len());
    }

    /// Links every record anew, oldest first.
    fn relink(&mut self) {
        invariant!(I5, self.heads.len().is_power_of_two(), "{} buckets cannot be masked", self.heads.len());
        for index in 0..self.len {
            let (chunk, offset) = (index >> CHUNK_BITS, index & (CHUNK - 1));
            if index.is_multiple_of(BLOCK) {
                // A block lies in one chunk, because both are powers of two.
                let block = &self.chunks[chunk][offset..];
                self.touch(block.iter().take(BLOCK).map(R::hash));
            }
            let mut record = self.chunks[chunk][offset];
            let bucket = self.bucket(record.hash());
            let newest = self.heads[bucket];
            let linked = (newest != NONE).then(|| *self.get(newest));
            record.link(newest, linked.as_ref());
            self.chunks[chunk][offset] = record;
            self.heads[bucket] = u32::try_from(index).expect("as when it was pushed");
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let records: usize = self.chunks.iter().map(Vec::capacity).sum();
        records * size_of::<R>() + self.heads.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Number {
        value: u64,
        older: u32,
    }

    impl Record for Number {
        fn hash(&self) -> u64 {
            self.value % 1000
        }

        fn link(&mut self, index: u32, _newest: Option<&Self>) {
            self.older = index;
        }
    }

    fn values(lists: &BucketLists<Number>, hash: u64) -> Vec<u64> {
        let mut found = Vec::new();
        let mut at = lists.newest(hash);
        while at != NONE {
            let record = lists.get(at);
            if record.hash() == hash {
                found.push(record.value);
            }
            at = record.older;
        }
        found
    }

    #[test]
    fn records_keep_the_order_of_coming_through_growth_and_forgetting() {
        let mut lists = BucketLists::new();
        for value in 0..200_000 {
            lists.push(Number { value, older: NONE });
        }
        assert_eq!(values(&lists, 7), (0..200).rev().map(|turn| turn * 1000 + 7).collect::<Vec<_>>());
        let before = lists.bytes();
        lists.retain(|record| record.value >= 150_000);
        assert_eq!(lists.len, 50_000);
        assert!(lists.bytes() < before / 2);
        assert_eq!(values(&lists, 7), (150..200).rev().map(|turn| turn * 1000 + 7).collect::<Vec<_>>());
        lists.retain(|_| false);
        assert_eq!((lists.len, values(&lists, 7)), (0, vec![]));
        lists.push(Number { value: 7, older: NONE });
        assert_eq!(values(&lists, 7), [7]);
    }
}
