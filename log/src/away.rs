//! A log that cannot be reached, for whoever can do without it: every call says why.

use async_trait::async_trait;

use crate::{
    frame::Frame,
    log::{Appended, Durability, Error, Info, Log, Logged, ReadLimit},
    position::Seq,
};

/// Stands where a log could not be opened.
#[derive(Debug)]
pub struct AwayLog {
    reason: String,
}

impl AwayLog {
    /// A log that could not be opened for this reason.
    pub fn new(reason: String) -> Self {
        Self { reason }
    }

    fn away<T>(&self) -> Result<T, Error> {
        Err(Error::Unavailable(self.reason.clone()))
    }
}

#[async_trait]
impl Log for AwayLog {
    async fn append(&self, _frame: &Frame) -> Result<Appended, Error> {
        self.away()
    }

    async fn read(&self, _from: Seq, _limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        self.away()
    }

    async fn info(&self) -> Result<Info, Error> {
        self.away()
    }

    async fn trim(&self, _first_kept: Seq) -> Result<(), Error> {
        self.away()
    }

    async fn durability(&self) -> Result<Durability, Error> {
        self.away()
    }
}
