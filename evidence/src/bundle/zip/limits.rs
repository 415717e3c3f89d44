//! What an archive may hold, and why bytes are none.

/// The most files of an archive: what its end has room for.
pub const FILES_MAX: usize = 65_535;
/// The most bytes of an archive: offsets have 32 bits.
pub const BYTES_MAX: u64 = u32::MAX as u64;
/// The longest name.
pub const NAME_MAX: usize = 128;

/// Why bytes are no archive, or why none can be made of files.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be read or written.
    #[error("the file cannot be read or written")]
    Io(#[from] std::io::Error),
    /// It does not even begin as an archive.
    #[error("it does not begin as a zip archive")]
    NotAZip,
    /// Its bytes are not those that its files make.
    #[error("the archive is not in its one form: {0}")]
    NotCanonical(String),
    /// A file's bytes are not those that were put in.
    #[error("{0} is damaged: its checksum does not fit")]
    Damaged(String),
    /// More than an archive can hold.
    #[error("{0}")]
    TooLarge(String),
}
