//! What is remembered of one writer in one epoch: where its branches end, and some frames before.

use std::collections::VecDeque;

use uuid::Uuid;

use super::alarm::Alarm;
use crate::{
    frame::{Digest, Header},
    invariant,
};

/// So many frames before the end of a branch are remembered.
pub(super) const WINDOW: usize = 128;
/// So many branches of an identity go on, those that were written last. A fork makes one more for each process.
pub(super) const BRANCHES_MAX: usize = 8;
/// Bytes of a digest that are remembered of a frame before the end of a branch. They are compared with those of the
/// same writer, epoch and number only.
pub(super) const REMEMBERED_BYTES: usize = 16;

/// What is remembered of a frame before the end of a branch.
pub(super) type Remembered = [u8; REMEMBERED_BYTES];

/// Frames that each name the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Branch {
    /// The number of its last frame.
    pub(super) number: u64,
    /// The digest of that frame's header.
    pub(super) digest: Digest,
    /// The frames before it, the latest at the end.
    pub(super) window: VecDeque<Remembered>,
}

/// One writer in one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) writer: Uuid,
    pub(super) epoch: u32,
    /// At least one; the one that was written last at the end.
    pub(super) branches: Vec<Branch>,
}

pub(super) fn remembered(digest: &Digest) -> Remembered {
    *digest.0.first_chunk().expect("a digest has 32 bytes")
}

impl Branch {
    /// A branch of one frame.
    pub(super) fn new(number: u64, digest: Digest) -> Self {
        Self { number, digest, window: VecDeque::new() }
    }

    fn remembers(&self, number: u64, digest: &Digest) -> bool {
        match self.number.checked_sub(number).and_then(|back| usize::try_from(back).ok()) {
            None => false,
            Some(0) => self.digest == *digest,
            Some(back) => {
                let at = self.window.len().checked_sub(back);
                at.is_some_and(|at| self.window[at] == remembered(digest))
            }
        }
    }

    fn goes_on_with(&self, header: &Header) -> bool {
        self.number.checked_add(1) == Some(header.number) && self.digest == header.previous
    }

    fn push(&mut self, number: u64, digest: Digest) {
        invariant!(I1, number == self.number + 1, "frame {number} goes on behind frame {}", self.number);
        self.window.push_back(remembered(&self.digest));
        if self.window.len() > WINDOW {
            self.window.pop_front();
        }
        (self.number, self.digest) = (number, digest);
    }
}

impl Identity {
    /// Whether it is the writer and epoch of a frame.
    pub(super) fn wrote(&self, header: &Header) -> bool {
        (self.writer, self.epoch) == (header.writer, header.writer_epoch)
    }

    /// Whether this very frame was read before, as far as is remembered.
    pub(super) fn remembers(&self, number: u64, digest: &Digest) -> bool {
        self.branches.iter().any(|branch| branch.remembers(number, digest))
    }

    /// Takes in a frame that is not remembered. It goes on from the end of a branch, or begins one.
    pub(super) fn take(&mut self, header: &Header, digest: Digest) -> Option<Alarm> {
        if let Some(at) = self.branches.iter().rposition(|branch| branch.goes_on_with(header)) {
            let mut branch = self.branches.remove(at);
            branch.push(header.number, digest);
            self.branches.push(branch);
            return None;
        }
        let alarm = self.alarm(header);
        self.branches.push(Branch::new(header.number, digest));
        if self.branches.len() > BRANCHES_MAX {
            self.branches.remove(0);
        }
        Some(alarm)
    }

    /// Why a frame that goes on from no branch does not fit.
    fn alarm(&self, header: &Header) -> Alarm {
        let (writer, epoch, number) = (self.writer, self.epoch, header.number);
        let last = self.branches.iter().max_by_key(|branch| branch.number).expect("an identity has a branch");
        match number.checked_sub(last.number) {
            None | Some(0) => Alarm::Reused { writer, epoch, number },
            Some(1) => Alarm::PreviousDiffers { writer, epoch, number, named: header.previous, held: last.digest },
            Some(2..) => Alarm::Skipped { writer, epoch, last: last.number, found: number },
        }
    }

    /// Forgets all but the ends of the branches.
    pub(super) fn narrow(&mut self) {
        for branch in &mut self.branches {
            branch.window = VecDeque::new();
        }
    }
}
