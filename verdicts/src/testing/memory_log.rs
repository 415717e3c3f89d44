//! A log in memory that takes whatever a test puts into it, repeats and damage included.

use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use clicktrail_log::{
    frame::Frame,
    log::{Appended, Durability, Error, Info, Log, Logged, ReadLimit},
    position::{Epoch, Seq},
    time::Timestamp,
};

#[derive(Debug, Default)]
pub(crate) struct MemoryLog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// From sequence 1 on, trimmed ones too.
    frames: Vec<Logged>,
    trimmed: usize,
}

impl MemoryLog {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Appends a frame under `logged_at`, whether or not it is there already.
    pub(crate) fn put(&self, frame: Frame, logged_at: Timestamp) -> Seq {
        let mut state = self.state();
        let seq = Seq::new(state.frames.len() as u64 + 1).unwrap();
        state.frames.push(Logged::new(seq, logged_at, frame));
        seq
    }

    /// Changes a frame that is there.
    pub(crate) fn spoil(&self, seq: Seq, change: impl Fn(&mut Frame)) {
        let index = usize::try_from(seq.get() - 1).unwrap();
        change(&mut self.state().frames[index].frame);
    }
}

#[async_trait]
impl Log for MemoryLog {
    async fn append(&self, _frame: &Frame) -> Result<Appended, Error> {
        Err(Error::Fatal("put frames into it".into()))
    }

    async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        let state = self.state();
        let (index, len) = (usize::try_from(from.get()).unwrap() - 1, state.frames.len());
        if index < state.trimmed && index < len {
            let first = Seq::new(state.trimmed as u64 + 1).unwrap();
            return Err(Error::Trimmed { from, first });
        }
        let last = Seq::new(len as u64).unwrap();
        let rest = state.frames.get(index..).ok_or(Error::Gap { expected: last.next(), found: None, last })?;
        Ok(rest.iter().take(limit.frames).cloned().collect())
    }

    async fn info(&self) -> Result<Info, Error> {
        let state = self.state();
        let (first, last) = (state.trimmed as u64 + 1, state.frames.len() as u64);
        Ok(Info { epoch: Epoch::FIRST, first: Seq::new(first).unwrap(), last: Seq::new(last).unwrap(), bytes: 0 })
    }

    async fn trim(&self, first_kept: Seq) -> Result<(), Error> {
        let mut state = self.state();
        state.trimmed = state.trimmed.max(usize::try_from(first_kept.get()).unwrap() - 1);
        Ok(())
    }

    async fn durability(&self) -> Result<Durability, Error> {
        Ok(Durability::Fsync)
    }
}
