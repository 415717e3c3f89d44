//! Where sealing stands.

use crate::{
    archive::{entry::Entry, manifest::Manifest},
    chain::Chain,
    frame::Digest,
    position::{Epoch, Seq},
    time::Hour,
};

/// Where sealing stands: what the last manifest leaves for the next hour.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// The hour to seal next; `None` before the first frame was ever seen.
    pub(super) hour: Option<Hour>,
    pub(super) next: Seq,
    pub(super) chain: Chain,
    pub(super) previous: Option<Digest>,
    pub(super) epoch: Option<Epoch>,
}

impl Cursor {
    /// Before the first hour.
    pub fn start() -> Self {
        Self { hour: None, next: Seq::FIRST, chain: Chain::default(), previous: None, epoch: None }
    }

    /// After the hour of `manifest`; `chain` is the state of the writers' chains at its end.
    pub(super) fn after(manifest: &Manifest<impl Entry>, chain: Chain) -> Self {
        Self {
            hour: Some(manifest.hour().next()),
            next: manifest.last_seq().next(),
            chain,
            previous: Some(manifest.digest()),
            epoch: Some(manifest.epoch()),
        }
    }

    /// The hour to seal next; `None` before the first frame was ever seen.
    pub fn hour(&self) -> Option<Hour> {
        self.hour
    }

    /// The first frame that is not sealed.
    pub fn next_seq(&self) -> Seq {
        self.next
    }

    /// The epoch of the last sealed hour.
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// The state of the writers' chains at this point of the log.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }
}
