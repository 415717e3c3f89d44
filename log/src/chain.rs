//! Exactly-once reading: which frames a reader counts, and when it raises the alarm.
//!
//! A broker recognises a copy of a frame only for a limited time; a frame's identity holds for ever. So every reader
//! folds the headers it sees through a [`Chain`]. It drops a frame whose number its writer has already used, however
//! much later the copy arrives, and reports a number that was skipped or a previous digest that does not fit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    frame::{Digest, Header, Writer},
    invariant,
};

/// The last frame seen of one writer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Last {
    epoch: u32,
    number: u64,
    digest: Digest,
}

/// What a reader does with a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// New, and it fits.
    Fresh,
    /// Its writer has already used the number: drop it and count it.
    Repeat,
    /// New, but frames before it are missing, or differ from what its writer sent. Its rows count; a person must act.
    Broken(Alarm),
}

/// How a writer's chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Alarm {
    /// Frames between two that were read are missing.
    #[error("writer {writer} skipped from frame {epoch}.{last} to {epoch}.{found}: frames are missing from the log")]
    Skipped {
        /// Who wrote.
        writer: Uuid,
        /// In which epoch.
        epoch: u32,
        /// The last number seen in this epoch, 0 if none.
        last: u64,
        /// The number that came.
        found: u64,
    },
    /// The frame before this one is not the one that its writer sent.
    #[error("frame {epoch}.{number} of writer {writer} names {named} as its previous frame, the log holds {held}")]
    PreviousDiffers {
        /// Who wrote.
        writer: Uuid,
        /// In which epoch.
        epoch: u32,
        /// The frame that came.
        number: u64,
        /// The digest it names.
        named: Digest,
        /// The digest of the frame before it as read.
        held: Digest,
    },
}

/// The state of every writer seen so far: a fold over headers in log order.
///
/// | frame | admission |
/// |---|---|
/// | (epoch, number) not above the writer's last | repeat |
/// | number = last + 1 in the same epoch, previous fits | fresh |
/// | number = 1 in a later epoch or of a new writer, previous is zero | fresh |
/// | any other | broken |
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain(BTreeMap<Uuid, Last>);

impl Chain {
    /// Decides about the next header and takes it into the state.
    pub fn admit(&mut self, header: &Header) -> Admission {
        let (last_number, held) = match self.0.get(&header.writer) {
            Some(last) if (header.writer_epoch, header.number) <= (last.epoch, last.number) => {
                return Admission::Repeat;
            }
            Some(last) if last.epoch == header.writer_epoch => (last.number, last.digest),
            Some(_) | None => (0, Digest::ZERO),
        };
        let last = Last { epoch: header.writer_epoch, number: header.number, digest: header.digest() };
        let before = self.0.insert(header.writer, last);
        invariant!(
            I1,
            before.is_none_or(|before| (before.epoch, before.number) < (header.writer_epoch, header.number)),
            "the chain goes back to {}",
            header.message_id()
        );
        let (writer, epoch, number) = (header.writer, header.writer_epoch, header.number);
        if number != last_number + 1 {
            return Admission::Broken(Alarm::Skipped { writer, epoch, last: last_number, found: number });
        }
        if header.previous != held {
            return Admission::Broken(Alarm::PreviousDiffers { writer, epoch, number, named: header.previous, held });
        }
        Admission::Fresh
    }

    /// The last frame seen of a writer: `(epoch, number)`.
    pub fn last_of(&self, writer: Uuid) -> Option<(u32, u64)> {
        self.0.get(&writer).map(|last| (last.epoch, last.number))
    }

    /// The writer that continues after the last frame seen of `id`, in the same epoch. If none was seen it begins.
    ///
    /// For an identity that several processes share: if two of them write the same number, the log takes one.
    pub fn writer(&self, id: Uuid) -> Writer {
        match self.0.get(&id) {
            Some(last) => Writer::resume(id, last.epoch, last.number, last.digest),
            None => Writer::new(id, 1),
        }
    }

    /// The state as a manifest keeps it, sorted by writer.
    pub fn to_stored(&self) -> Vec<StoredWriter> {
        let stored = |(writer, last): (&Uuid, &Last)| StoredWriter {
            writer: *writer,
            epoch: last.epoch,
            number: last.number,
            digest: last.digest.to_string(),
        };
        self.0.iter().map(stored).collect()
    }

    /// The present state of every writer whose state differs from what a manifest kept.
    pub fn changed_since(&self, stored: &[StoredWriter]) -> Vec<StoredWriter> {
        self.to_stored().into_iter().filter(|writer| !stored.contains(writer)).collect()
    }

    /// The state that a manifest kept; `None` if a digest is not readable.
    pub fn from_stored(stored: &[StoredWriter]) -> Option<Self> {
        let last = |writer: &StoredWriter| {
            let digest = writer.digest.parse().ok()?;
            Some((writer.writer, Last { epoch: writer.epoch, number: writer.number, digest }))
        };
        stored.iter().map(last).collect::<Option<_>>().map(Self)
    }
}

/// One writer's state as a manifest stores it; frozen with manifest version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredWriter {
    /// Who wrote.
    pub writer: Uuid,
    /// The epoch of its last frame.
    pub epoch: u32,
    /// The number of its last frame.
    pub number: u64,
    /// The digest of that frame's header, hexadecimal.
    pub digest: String,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{Int64Array, RecordBatch},
        datatypes::{DataType, Field, Schema},
    };

    use super::*;
    use crate::{frame::Writer, time::Timestamp};

    fn headers(writer: Uuid, epoch: u32, count: i64) -> Vec<Header> {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let mut frames = Writer::new(writer, epoch);
        let mut next = |n| {
            let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from(vec![n]))]).unwrap();
            let at = Timestamp::from_micros(n);
            frames.seal(&batch, (at, at)).unwrap().header
        };
        (0..count).map(&mut next).collect()
    }

    #[test]
    fn repeat_is_dropped_however_late() {
        let mut chain = Chain::default();
        let frames = headers(Uuid::from_u128(1), 1, 50);
        for frame in &frames {
            assert_eq!(chain.admit(frame), Admission::Fresh);
        }
        let restarted = headers(Uuid::from_u128(1), 2, 1);
        assert_eq!(chain.admit(&restarted[0]), Admission::Fresh);
        for frame in &frames {
            assert_eq!(chain.admit(frame), Admission::Repeat);
        }
    }

    #[test]
    fn skipped_frame_raises_the_alarm() {
        let mut chain = Chain::default();
        let frames = headers(Uuid::from_u128(1), 1, 3);
        chain.admit(&frames[0]);
        let admission = chain.admit(&frames[2]);
        assert!(matches!(admission, Admission::Broken(Alarm::Skipped { last: 1, found: 3, .. })), "{admission:?}");
    }

    #[test]
    fn reissued_frame_raises_the_alarm() {
        let mut chain = Chain::default();
        let frames = headers(Uuid::from_u128(1), 1, 2);
        let mut other = frames[0].clone();
        other.payload_digest = Digest::of(b"other");
        chain.admit(&other);
        let admission = chain.admit(&frames[1]);
        assert!(matches!(admission, Admission::Broken(Alarm::PreviousDiffers { number: 2, .. })), "{admission:?}");
    }

    #[test]
    fn writer_goes_on_where_its_last_frame_stands() {
        let id = Uuid::from_u128(1);
        let whole = headers(id, 1, 3);
        let mut chain = Chain::default();
        for header in &whole[..2] {
            chain.admit(header);
        }
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let batch = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![2]))]).unwrap();
        let at = Timestamp::from_micros(2);
        let next = chain.writer(id).seal(&batch, (at, at)).unwrap().header;
        assert_eq!(next, whole[2]);
        assert_eq!(chain.admit(&next), Admission::Fresh);
        assert_eq!(chain.writer(Uuid::from_u128(2)).id(), Uuid::from_u128(2));
    }

    #[test]
    fn writers_do_not_disturb_each_other_and_state_survives_storage() {
        let mut chain = Chain::default();
        let (one, two) = (headers(Uuid::from_u128(1), 1, 4), headers(Uuid::from_u128(2), 1, 4));
        for (a, b) in one.iter().zip(&two) {
            assert_eq!(chain.admit(a), Admission::Fresh);
            chain = Chain::from_stored(&chain.to_stored()).unwrap();
            assert_eq!(chain.admit(b), Admission::Fresh);
        }
        assert_eq!(chain.last_of(Uuid::from_u128(2)), Some((1, 4)));
    }
}
