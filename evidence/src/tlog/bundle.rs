//! Bundles of entries (C2SP `tlog-tiles`): the data of up to 256 leaves, each behind its length.

/// The most bytes of an entry: what its length has room for.
pub const ENTRY_BYTES_MAX: usize = 0xffff;

/// Why bytes are no bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a bundle of {width} entries ends within one, or has more than them")]
pub struct NotABundle {
    /// How many entries it should have.
    pub width: u16,
}

/// The bytes of a bundle.
///
/// # Panics
/// If an entry has more than [`ENTRY_BYTES_MAX`] bytes.
pub fn encode<B: AsRef<[u8]>>(entries: impl IntoIterator<Item = B>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len()).expect("an entry is shorter than 64 KiB");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    bytes
}

/// The entries of a bundle that holds `width` of them.
///
/// # Errors
/// [`NotABundle`].
pub fn decode(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, NotABundle> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    for _ in 0..width {
        let (length, behind) = rest.split_first_chunk::<2>().ok_or(NotABundle { width })?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, behind) = behind.split_at_checked(length).ok_or(NotABundle { width })?;
        entries.push(entry);
        rest = behind;
    }
    if rest.is_empty() { Ok(entries) } else { Err(NotABundle { width }) }
}
