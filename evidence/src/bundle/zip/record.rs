//! The three records of an archive. Each has one form; a reader makes the bytes that it expects and compares.

use super::limits::NAME_MAX;

/// In front of a file.
pub(super) const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
/// Without the name.
pub(super) const LOCAL_BYTES: usize = 30;
/// Without the name.
pub(super) const CENTRAL_BYTES: usize = 46;
pub(super) const END_BYTES: usize = 22;
/// Version 1.0 of the format: stored files.
const VERSION: u16 = 10;
/// 1980-01-01, the first day that the format knows.
const DATE: u16 = 0x0021;

/// What an archive says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) crc: u32,
    pub(super) bytes: u32,
    pub(super) offset: u32,
}

/// Whether a file may have this name.
pub fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_known)
    };
    name.len() <= NAME_MAX && name.split('/').all(is_part)
}

impl Head {
    fn name_length(&self) -> u16 {
        u16::try_from(self.name.len()).expect("names are short: checked when it was made")
    }

    /// What both records of a file share: from the version that is needed to the lengths of name and extra fields.
    fn shared(&self, record: &mut Vec<u8>) {
        // Version, flags, method (stored), time, date.
        for field in [VERSION, 0, 0, 0, DATE] {
            record.extend(field.to_le_bytes());
        }
        for field in [self.crc, self.bytes, self.bytes] {
            record.extend(field.to_le_bytes());
        }
        record.extend(self.name_length().to_le_bytes());
        record.extend([0; 2]);
    }

    /// In front of the file.
    pub(super) fn local(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(LOCAL_BYTES + self.name.len());
        record.extend(LOCAL);
        self.shared(&mut record);
        record.extend(self.name.as_bytes());
        record
    }

    /// In the directory.
    pub(super) fn central(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(CENTRAL_BYTES + self.name.len());
        record.extend(CENTRAL);
        record.extend(VERSION.to_le_bytes());
        self.shared(&mut record);
        // No comment, the first disk, no attributes of two kinds.
        record.extend([0; 10]);
        record.extend(self.offset.to_le_bytes());
        record.extend(self.name.as_bytes());
        record
    }

    /// Reads the record at the beginning of `bytes`; the caller compares it with what [`Head::central`] makes of it.
    pub(super) fn parse_central(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk::<4>()?));
        let length = u16::from_le_bytes(*bytes.get(28..)?.first_chunk::<2>()?);
        let name = bytes.get(CENTRAL_BYTES..)?.get(..usize::from(length))?;
        let name = std::str::from_utf8(name).ok().filter(|name| is_name(name))?;
        Some(Self { name: name.to_owned(), crc: number(16)?, bytes: number(24)?, offset: number(42)? })
    }

    /// Where the next file begins.
    pub(super) fn end(&self) -> u64 {
        u64::from(self.offset) + (LOCAL_BYTES + self.name.len()) as u64 + u64::from(self.bytes)
    }
}

/// The end of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) files: u16,
    pub(super) directory_bytes: u32,
    pub(super) directory_offset: u32,
}

impl End {
    pub(super) fn record(self) -> Vec<u8> {
        let mut record = Vec::with_capacity(END_BYTES);
        record.extend(END);
        record.extend([0; 4]);
        record.extend(self.files.to_le_bytes());
        record.extend(self.files.to_le_bytes());
        record.extend(self.directory_bytes.to_le_bytes());
        record.extend(self.directory_offset.to_le_bytes());
        record.extend([0; 2]);
        record
    }

    /// Reads the record; the caller compares it with what [`End::record`] makes of it.
    pub(super) fn parse(bytes: &[u8; END_BYTES]) -> Self {
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Self {
            files: u16::from_le_bytes([bytes[8], bytes[9]]),
            directory_bytes: number(12),
            directory_offset: number(16),
        }
    }
}
