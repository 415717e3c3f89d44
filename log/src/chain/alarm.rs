//! What a reader raises the alarm about.

use uuid::Uuid;

use crate::frame::Digest;

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
    /// The number was used before, and what is remembered under it is not this frame.
    #[error(
        "number {epoch}.{number} of writer {writer} was used before, and this frame is not known: two processes wrote \
         under one identity, or a copy came too late to be recognised; its rows count"
    )]
    Reused {
        /// Who wrote.
        writer: Uuid,
        /// In which epoch.
        epoch: u32,
        /// The number that came again.
        number: u64,
    },
}

impl Alarm {
    /// Whether it is about frames before the first that was ever read of a writer: of a log that is not read from its
    /// beginning nobody misses those.
    pub const fn is_late_begin(&self) -> bool {
        match self {
            Self::Skipped { last, .. } => *last == 0,
            Self::PreviousDiffers { .. } | Self::Reused { .. } => false,
        }
    }
}
