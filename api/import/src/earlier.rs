//! What an import of version 1 called the lines of a file: their ids were made of the digest of the whole file and the
//! number of the line, so a file that grew would be logged a second time.
//!
//! Who wrote in version 1 was named by the digests of file and mapping. So the log's writers tell whether a file, or a
//! shorter version of it that ends with a line, was imported then; its lines are known under the ids of that time too.

use std::{fs::File, io};

use clicktrail_log::frame::Digest;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{lines::Lines, mapping::Format, occurrence};

/// Shorter versions that are looked for; more were never imported line by line.
const VERSIONS_MAX: usize = 64;

/// The versions of a file that were imported.
#[derive(Debug)]
pub(super) struct Earlier {
    file: Digest,
    mapping: Digest,
    format: Format,
    /// The number of the first line that a version lacks, and the version's digest.
    versions: Vec<(u64, Digest)>,
}

impl Earlier {
    /// Of a file, of which no version was found yet.
    pub(super) fn new(file: Digest, mapping: Digest, format: Format) -> Self {
        Self { file, mapping, format, versions: Vec::new() }
    }

    /// Looks for the versions that one of the `writers` imported.
    pub(super) fn find(
        &mut self,
        writers: impl Iterator<Item = Uuid>,
        open: impl FnOnce() -> io::Result<File>,
    ) -> io::Result<()> {
        let writers: Vec<Uuid> = writers.filter(|writer| writer.get_version_num() == 8).collect();
        if writers.is_empty() {
            return Ok(());
        }
        // Under another mapping the file's own lines are known all the same.
        self.versions.push((u64::MAX, self.file));
        let mut lines = Lines::new(open()?);
        while self.versions.len() < VERSIONS_MAX {
            let Some(number) = lines.next()?.map(|line| line.number) else { break };
            let digest = lines.digest();
            if digest != self.file && writers.contains(&self.writer(digest)) {
                self.versions.push((number + 1, digest));
            }
        }
        Ok(())
    }

    /// Who imported the version of this digest.
    fn writer(&self, file: Digest) -> Uuid {
        let hash = Sha256::new().chain_update(b"clicktrail import").chain_update(1_u32.to_be_bytes());
        half(hash.chain_update(self.format.as_str()).chain_update(file.0).chain_update(self.mapping.0))
    }

    /// What the line of this number was called.
    pub(super) fn ids(&self, line: u64) -> Vec<String> {
        let versions = self.versions.iter().filter(|(end, _)| line < *end);
        let id = |(_, file): &(u64, Digest)| half(Sha256::new().chain_update(file.0).chain_update(line.to_be_bytes()));
        versions.map(|version| id(version).to_string()).collect()
    }
}

/// A UUID (version 8) from the first half of a SHA-256.
fn half(hash: Sha256) -> Uuid {
    let digest: [u8; 32] = hash.finalize().into();
    occurrence::version_8(*digest.first_chunk().expect("a digest has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_versions_are_found_by_who_imported_them() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        std::fs::write(&path, "one\n\ntwo\r\nthree\n").unwrap();
        let mut earlier = Earlier::new(Digest::of(b"one\n\ntwo\r\nthree\n"), Digest::ZERO, Format::Combined);
        let shorter = Digest::of(b"one\n\ntwo\r\n");
        let writer = earlier.writer(shorter);
        earlier.find([Uuid::nil()].into_iter(), || panic!("no import, no reading")).unwrap();
        assert_eq!(earlier.ids(0), Vec::<String>::new());
        earlier.find([writer].into_iter(), || File::open(&path)).unwrap();
        assert_eq!(earlier.versions, [(u64::MAX, earlier.file), (3, shorter)]);
        assert_eq!((earlier.ids(2).len(), earlier.ids(3).len()), (2, 1));
        // As version 1 made it: the digest of the file, then the line as eight bytes.
        let expected = half(Sha256::new().chain_update(shorter.0).chain_update(2_u64.to_be_bytes()));
        assert_eq!(earlier.ids(2)[1], expected.to_string());
    }
}
