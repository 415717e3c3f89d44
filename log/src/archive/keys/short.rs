//! How content is named.

use crate::frame::Digest;

/// The first 32 hexadecimal digits of a digest: enough to name content.
pub(super) fn short(digest: &Digest) -> String {
    hex::encode(&digest.0[..16])
}
