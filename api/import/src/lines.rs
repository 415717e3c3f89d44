//! Lines of a file, bounded in length, with the digest of everything that was read.

use std::io::{self, BufRead, BufReader, Read};

use clicktrail_log::frame::Digest;
use sha2::{Digest as _, Sha256};

/// A longer line is rejected. So much of it is kept: a rejected line must fit a frame of the log.
pub const LINE_BYTES_MAX: usize = 512 << 10;
const READ_BYTES: usize = 1 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One line without its line end (`\n` or `\r\n`).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// From 0, counting every line of the file.
    pub(super) number: u64,
    /// At most [`LINE_BYTES_MAX`].
    pub(super) bytes: &'a [u8],
    /// The line was longer.
    pub(super) cut: bool,
    /// It has a line end; only the last of a file may have none.
    pub(super) ended: bool,
}

/// Reads lines one after the other.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    digest: Sha256,
    line: Vec<u8>,
    number: u64,
    bytes: u64,
}

impl<R: Read> Lines<R> {
    /// Begins at the present place of `file`.
    pub(super) fn new(file: R) -> Self {
        let reader = BufReader::with_capacity(READ_BYTES, file);
        Self { reader, digest: Sha256::new(), line: Vec::new(), number: 0, bytes: 0 }
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest of the bytes read so far: that of the file once there are no more lines.
    pub(super) fn digest(&self) -> Digest {
        Digest(self.digest.clone().finalize().into())
    }

    /// The next line that holds more than blanks. A byte-order mark in front of the first is dropped.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            if !self.fill(LINE_BYTES_MAX + 2)? {
                return Ok(None);
            }
            let number = self.number;
            self.number += 1;
            let ended = self.line.last() == Some(&b'\n') || self.skip_rest()?;
            let start = if number == 0 && self.line.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
            let end = trimmed_len(&self.line);
            let whole = &self.line[..end];
            if !whole.strip_prefix(BYTE_ORDER_MARK).unwrap_or(whole).trim_ascii().is_empty() {
                let cut = end - start > LINE_BYTES_MAX;
                let end = end.min(start + LINE_BYTES_MAX);
                return Ok(Some(Line { number, bytes: &self.line[start..end], cut, ended }));
            }
        }
    }

    /// Reads up to the end of the line, at most `bytes_max`; false at the end of the file.
    fn fill(&mut self, bytes_max: usize) -> io::Result<bool> {
        self.line.clear();
        let limit = u64::try_from(bytes_max).expect("a length fits 64 bits");
        let read = (&mut self.reader).take(limit).read_until(b'\n', &mut self.line)?;
        self.bytes += u64::try_from(read).expect("a length fits 64 bits");
        self.digest.update(&self.line);
        Ok(read > 0)
    }

    /// Passes over what is left of a line that is too long; false if the file ends without a line end. At the end of
    /// the file there is nothing to pass over.
    fn skip_rest(&mut self) -> io::Result<bool> {
        loop {
            let buffer = self.reader.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(buffer.len(), |at| at + 1);
            self.digest.update(&buffer[..length]);
            self.reader.consume(length);
            self.bytes += u64::try_from(length).expect("a length fits 64 bits");
            if end.is_some() || length == 0 {
                return Ok(end.is_some());
            }
        }
    }
}

fn trimmed_len(line: &[u8]) -> usize {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &[u8], expected: &[(u64, &[u8], bool)]) {
        let mut lines = Lines::new(file);
        for (at, (number, bytes, cut)) in expected.iter().enumerate() {
            let ended = at + 1 < expected.len() || file.ends_with(b"\n");
            assert_eq!(lines.next().unwrap(), Some(Line { number: *number, bytes, cut: *cut, ended }));
        }
        assert_eq!(lines.next().unwrap(), None);
        assert_eq!(lines.bytes(), file.len() as u64);
        assert_eq!(lines.digest(), Digest::of(file));
    }

    #[test]
    fn empty_lines_are_passed_over_and_numbers_go_on() {
        check(b"", &[]);
        check(b"\n\r\n\n", &[]);
        check(b" \n\t\r\r\n\xef\xbb\xbf\n \n a \n  \n", &[(4, b" a ", false)]);
        check(b"a\n\nb\r\n\r\nc", &[(0, b"a", false), (2, b"b", false), (4, b"c", false)]);
        check(b"\xef\xbb\xbfa\nb\0\n", &[(0, b"a", false), (1, b"b\0", false)]);
    }

    #[test]
    fn a_line_over_the_limit_is_cut_and_the_next_one_is_whole() {
        let full = vec![b'x'; LINE_BYTES_MAX];
        for over in [0, 1, 2, 3, READ_BYTES, 3 * READ_BYTES] {
            for end in [&b"\n"[..], b"\r\n", b""] {
                let mut file = vec![b'x'; LINE_BYTES_MAX + over];
                file.extend_from_slice(end);
                check(&file, &[(0, &full, over > 0)]);
                if !end.is_empty() {
                    file.extend_from_slice(b"next");
                    check(&file, &[(0, &full, over > 0), (1, b"next", false)]);
                }
            }
        }
    }
}
