//! A hash index over millions of small records: records in the order of their coming, each linked to the older ones of
//! its hash bucket.
//!
//! Why not a hash map: a map doubles as it grows, keeps a third of its room empty, and loses the order of the log, by
//! which a look-back forgets. Here records are numbered as they come, and live in chunks of so many numbers. Forgetting
//! frees the oldest chunks as a whole and touches nothing else: a link to a number that is held no more ends its list.

use std::collections::VecDeque;

use clicktrail_log::invariant;

#[cfg(test)]
mod tests;

const CHUNK_BITS: u32 = 16;
const CHUNK: usize = 1 << CHUNK_BITS;
/// A chunk takes records that were logged within so much, five minutes, so that little outlives its time where little
/// comes.
const CHUNK_MICROS: i64 = 300_000_000;
/// More chunks than this are never held: then numbers, which wrap around, are never confused.
const CHUNKS_MAX: usize = 1 << (u32::BITS - 1 - CHUNK_BITS);
const HEADS_MIN: usize = 1 << 10;
/// Buckets grow by so much at once, because growing links every record anew.
const HEADS_GROWTH: usize = 4;
/// More buckets than so many for each record are too many: traffic has fallen.
const HEADS_EACH_MAX: usize = 16;
/// How many rows a detector takes together: see [`BucketLists::touch`].
pub(crate) const BLOCK: usize = 64;

const _: () = assert!(CHUNK == 1 << CHUNK_BITS && BLOCK <= CHUNK, "a number splits into chunk and offset");
const _: () = assert!(HEADS_MIN.is_power_of_two() && HEADS_GROWTH.is_power_of_two(), "a bucket is found by masking");
const _: () = assert!(HEADS_GROWTH < HEADS_EACH_MAX, "what has grown is not too much at once");

/// A record in a bucket.
pub(crate) trait Record: Copy {
    /// Decides the bucket: the same for equal keys.
    fn hash(&self) -> u64;

    /// The number of the next older record of the bucket; its own if there is none.
    fn older(&self) -> u32;

    /// Puts the record in front of the newest of its bucket, whose number is `older`. With an empty bucket, `older` is
    /// the record's own number, and there is no newest. Neither the newest nor any older record is of a later time than
    /// the second of the pair.
    fn link(&mut self, older: u32, newest: Option<(&Self, i64)>);

    /// The time by which somebody looks for the latest; where nobody does, any.
    fn time(&self) -> i64;
}

/// Records with consecutive numbers.
#[derive(Debug)]
struct Chunk<R> {
    records: Vec<R>,
    /// When the first of them was logged.
    begun: i64,
    /// When the latest of them was.
    logged: i64,
    /// The latest time of them.
    time: i64,
    /// The latest time of them and of all older records that are held.
    reach: i64,
}

/// The records.
#[derive(Debug)]
pub(crate) struct BucketLists<R> {
    /// Each has room for [`CHUNK`] numbers, used or not.
    chunks: VecDeque<Chunk<R>>,
    /// The first number of the first chunk. Numbers wrap around.
    first: u32,
    len: usize,
    /// Of each bucket the number of the newest record; any number that is not held if there is none.
    heads: Vec<u32>,
}

impl<R: Record> BucketLists<R> {
    pub(crate) fn new() -> Self {
        Self { chunks: VecDeque::new(), first: 0, len: 0, heads: vec![u32::MAX; HEADS_MIN] }
    }

    #[allow(clippy::cast_possible_truncation, reason = "thirty-two bits fit")]
    fn bucket(&self, hash: u64) -> usize {
        // Multiplying and taking the high half spreads keys that differ in few bits.
        let spread = (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize;
        spread & (self.heads.len() - 1)
    }

    /// In which chunk a number is, and where; that chunk need not be held.
    fn place(&self, number: u32) -> (usize, usize) {
        ((number.wrapping_sub(self.first) >> CHUNK_BITS) as usize, number as usize & (CHUNK - 1))
    }

    /// A number that was forgotten long ago may be one again, of a record of another bucket. That makes a list longer,
    /// and no record is taken for another, because whoever searches compares keys.
    fn is_held(&self, number: u32) -> bool {
        let (chunk, offset) = self.place(number);
        self.chunks.get(chunk).is_some_and(|chunk| offset < chunk.records.len())
    }

    /// The number of the newest record of the bucket of `hash`.
    pub(crate) fn newest(&self, hash: u64) -> Option<u32> {
        Some(self.heads[self.bucket(hash)]).filter(|number| self.is_held(*number))
    }

    /// The number of the next older record of the bucket of the record `number`.
    pub(crate) fn older(&self, number: u32, record: &R) -> Option<u32> {
        Some(record.older()).filter(|older| *older != number && self.is_held(*older))
    }

    /// No record up to this one is of a later time.
    pub(crate) fn reach(&self, number: u32) -> i64 {
        self.chunks[self.place(number).0].reach
    }

    /// Brings into the processor's caches what looking up these hashes, at most [`BLOCK`], is about to need: the head
    /// of each bucket and its newest record. One look-up after the other would wait for main memory twice each time;
    /// read together, they wait at the same time.
    pub(crate) fn touch(&self, hashes: impl Iterator<Item = u64>) {
        let mut newest = [None; BLOCK];
        for (slot, hash) in newest.iter_mut().zip(hashes) {
            *slot = self.newest(hash);
        }
        let mix = |mixed: u64, number: &Option<u32>| number.map_or(mixed, |number| mixed ^ self.get(number).hash());
        // Nobody wants the result. The black box keeps the compiler from dropping the reads with it.
        std::hint::black_box(newest.iter().fold(0, mix));
    }

    pub(crate) fn get(&self, number: u32) -> &R {
        let (chunk, offset) = self.place(number);
        &self.chunks[chunk].records[offset]
    }

    /// To change a record in place. Its hash, its time and its link must stay the same.
    pub(crate) fn get_mut(&mut self, number: u32) -> &mut R {
        let (chunk, offset) = self.place(number);
        &mut self.chunks[chunk].records[offset]
    }

    /// Adds a record that matters until what was logged at `logged` is forgotten.
    pub(crate) fn push(&mut self, mut record: R, logged: i64) {
        if self.len >= self.heads.len() {
            self.relink(self.heads.len() * HEADS_GROWTH);
        }
        let is_open =
            |chunk: &Chunk<R>| chunk.records.len() < CHUNK && logged < chunk.begun.saturating_add(CHUNK_MICROS);
        if !self.chunks.back().is_some_and(is_open) {
            self.begin_chunk(logged);
        }
        let number = self.next_number();
        self.link(number, &mut record);
        let chunk = self.chunks.back_mut().expect("a chunk was begun if none was open");
        chunk.records.push(record);
        chunk.logged = chunk.logged.max(logged);
        chunk.time = chunk.time.max(record.time());
        chunk.reach = chunk.reach.max(record.time());
        self.len += 1;
    }

    fn begin_chunk(&mut self, logged: i64) {
        invariant!(I14, self.chunks.len() < CHUNKS_MAX, "{} chunks are held", self.chunks.len());
        // Where little comes, chunks grow with need; where much does, they are whole from the beginning.
        let is_busy = self.chunks.back().is_some_and(|chunk| chunk.records.len() == CHUNK);
        let records = Vec::with_capacity(if is_busy { CHUNK } else { 0 });
        let reach = self.chunks.back().map_or(i64::MIN, |chunk| chunk.reach);
        self.chunks.push_back(Chunk { records, begun: logged, logged, time: i64::MIN, reach });
    }

    /// The number of the record that comes next, in the chunk that is open.
    fn next_number(&self) -> u32 {
        let (before, open) = (self.chunks.len() - 1, self.chunks.back().expect("one is open"));
        let offset = (before << CHUNK_BITS) + open.records.len();
        self.first.wrapping_add(u32::try_from(offset).expect("fewer chunks are held than have numbers"))
    }

    fn link(&mut self, number: u32, record: &mut R) {
        let hash = record.hash();
        match self.newest(hash) {
            Some(newest) => record.link(newest, Some((self.get(newest), self.reach(newest)))),
            None => record.link(number, None),
        }
        let bucket = self.bucket(hash);
        self.heads[bucket] = number;
    }

    /// Says that nothing which is held was logged later than `latest`: what was logged ahead was dated back.
    pub(crate) fn date_back(&mut self, latest: i64) {
        for chunk in &mut self.chunks {
            (chunk.begun, chunk.logged) = (chunk.begun.min(latest), chunk.logged.min(latest));
        }
    }

    /// Forgets what was logged at `cut` or before. Of each such record `rescue` is asked: what it returns stays, under
    /// a new number, until what was logged then is forgotten. Records that were logged up to [`CHUNK_MICROS`] later may
    /// be held too.
    pub(crate) fn forget(&mut self, cut: i64, mut rescue: impl FnMut(&R) -> Option<(R, i64)>) {
        if self.chunks.back().is_some_and(|chunk| chunk.logged <= cut) {
            // For what is rescued. If nothing is, it goes with the others.
            self.begin_chunk(cut);
        }
        while let Some(chunk) = self.chunks.pop_front_if(|chunk| chunk.logged <= cut) {
            self.first = self.first.wrapping_add(1 << CHUNK_BITS);
            self.len -= chunk.records.len();
            for record in &chunk.records {
                if let Some((rescued, logged)) = rescue(record) {
                    invariant!(I5, logged > cut, "a record is rescued and out of sight");
                    self.push(rescued, logged);
                }
            }
        }
        let mut reach = i64::MIN;
        for chunk in &mut self.chunks {
            reach = reach.max(chunk.time);
            chunk.reach = reach;
        }
        if self.heads.len() > HEADS_EACH_MAX * self.len.max(HEADS_MIN) {
            self.relink(HEADS_GROWTH * self.len.max(HEADS_MIN).next_power_of_two());
        }
        let held: usize = self.chunks.iter().map(|chunk| chunk.records.len()).sum();
        invariant!(I5, held == self.len, "{held} records are held, {} counted", self.len);
        invariant!(
            I14,
            self.heads.len() <= HEADS_EACH_MAX * held.max(HEADS_MIN),
            "{} buckets for {held}",
            self.heads.len()
        );
    }

    /// Links every record anew into so many buckets, oldest first.
    fn relink(&mut self, heads: usize) {
        invariant!(I5, heads.is_power_of_two(), "{heads} buckets cannot be masked");
        // Right before the first number that is held stands one that is not.
        self.heads = vec![self.first.wrapping_sub(1); heads];
        for chunk in 0..self.chunks.len() {
            let first = self.first.wrapping_add(u32::try_from(chunk << CHUNK_BITS).expect("as when it was pushed"));
            for from in (0..self.chunks[chunk].records.len()).step_by(BLOCK) {
                let records = &self.chunks[chunk].records;
                let block = from..records.len().min(from + BLOCK);
                self.touch(records[block.clone()].iter().map(R::hash));
                for offset in block {
                    let mut record = self.chunks[chunk].records[offset];
                    self.link(first + u32::try_from(offset).expect("within a chunk"), &mut record);
                    self.chunks[chunk].records[offset] = record;
                }
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let records: usize = self.chunks.iter().map(|chunk| chunk.records.capacity()).sum();
        let chunks = self.chunks.capacity() * size_of::<Chunk<R>>();
        records * size_of::<R>() + chunks + self.heads.capacity() * size_of::<u32>()
    }
}
