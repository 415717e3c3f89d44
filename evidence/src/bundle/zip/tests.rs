use std::io::Read as _;

use proptest::prelude::*;

use super::*;

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    write(files.iter().copied()).unwrap()
}

fn read_all(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let source = bytes.to_vec();
    let archive = Archive::open(&source)?;
    let mut files = Vec::new();
    for entry in archive.entries() {
        let mut content = Vec::new();
        archive.read(entry).read_to_end(&mut content)?;
        if Crc::of(&content) != entry.crc {
            return Err(Error::Damaged(entry.name.clone()));
        }
        files.push((entry.name.clone(), content));
    }
    Ok(files)
}

#[test]
fn archive_of_two_files_has_these_bytes() {
    let bytes = archive(&[("b/c.txt", b""), ("a", b"123456789")]);
    let expected = concat!(
        "504b03040a00000000000000210026 39f4cb09000000090000000100 0000 61 313233343536373839",
        "504b03040a000000000000002100 00000000 00000000 00000000 0700 0000 622f632e747874",
        "504b0102 0a00 0a00 0000 0000 0000 2100 2639f4cb 09000000 09000000 0100 0000 0000 0000 0000 00000000 00000000 61",
        "504b0102 0a00 0a00 0000 0000 0000 2100 00000000 00000000 00000000 0700 0000 0000 0000 0000 00000000 28000000",
        "622f632e747874",
        "504b0506 0000 0000 0200 0200 64000000 4d000000 0000",
    );
    assert_eq!(hex::encode(bytes), expected.replace(' ', ""));
}

#[test]
fn names_that_some_program_may_read_otherwise_are_refused() {
    for name in ["a", "a/b.json", "manifests/clicks/2026-11-22T14.json", "A-Z_0.9"] {
        assert!(is_name(name), "{name}");
    }
    let long = "a".repeat(NAME_MAX + 1);
    for name in ["", "/", "/a", "a/", "a//b", "..", "a/../b", ".a", "a b", "a\\b", "é", "a\0", "a:b", &long] {
        assert!(!is_name(name), "{name}");
        let written = write([(name, b"".as_slice())]);
        assert!(matches!(written, Err(Error::NotCanonical(_))), "{name}");
    }
    assert!(matches!(write([("a", b"".as_slice()), ("a", b"x")]), Err(Error::NotCanonical(_))), "twice");
}

#[test]
fn what_is_not_an_archive_at_all_is_told_apart() {
    for bytes in [b"".as_slice(), b"PK", b"{}", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
        assert!(matches!(read_all(bytes), Err(Error::NotAZip)), "{bytes:?}");
    }
    assert!(matches!(read_all(b"PK\x03\x04"), Err(Error::NotCanonical(_))));
}

/// What a person would do to make two programs read two archives.
#[test]
fn second_reading_of_an_archive_is_refused() {
    let honest = archive(&[("a", b"one"), ("b", b"two")]);
    let refused = |bytes: &[u8], what: &str| {
        let read = read_all(bytes);
        assert!(matches!(read, Err(Error::NotCanonical(_) | Error::Damaged(_) | Error::NotAZip)), "{what}: {read:?}");
    };
    refused(&[honest.as_slice(), b"x"].concat(), "bytes behind it");
    refused(&[b"x", honest.as_slice()].concat(), "bytes in front");
    refused(&honest[..honest.len() - 1], "cut");
    refused(&[honest.as_slice(), &honest].concat(), "two archives");
    let mut comment = honest.clone();
    let end = comment.len();
    comment[end - 2] = 1;
    comment.push(b'x');
    refused(&comment, "a comment");
    let directory = honest.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let mut hidden = honest.clone();
    hidden.splice(directory..directory, *b"hidden");
    refused(&hidden, "bytes before the directory");
    for at in directory..honest.len() {
        let mut flipped = honest.clone();
        flipped[at] ^= 1;
        refused(&flipped, &format!("byte {at} of the directory"));
    }
    for at in 0..directory {
        let mut flipped = honest.clone();
        flipped[at] ^= 0x80;
        refused(&flipped, &format!("byte {at} of the files"));
    }
}

proptest! {
    #[test]
    fn files_come_back(
        files in prop::collection::btree_map(
            "[a-z]{1,5}(/[a-z]{1,3})?",
            prop::collection::vec(any::<u8>(), 0..300),
            1..6,
        ),
    ) {
        let bytes = write(files.iter().map(|(name, content)| (name.as_str(), content.as_slice()))).unwrap();
        let read = read_all(&bytes).unwrap();
        prop_assert_eq!(read, files.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn bytes_of_strangers_are_no_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
        is_zip in any::<bool>(),
    ) {
        if is_zip {
            bytes.splice(0..0, *b"PK\x03\x04");
            bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0");
        }
        prop_assert!(read_all(&bytes).is_err());
    }

    #[test]
    fn checksum_is_that_of_zip(bytes in prop::collection::vec(any::<u8>(), 0..100), cut in 0_usize..100) {
        let mut naive = !0_u32;
        for byte in &bytes {
            naive ^= u32::from(*byte);
            for _ in 0..8 {
                naive = if naive & 1 == 1 { (naive >> 1) ^ 0xedb8_8320 } else { naive >> 1 };
            }
        }
        let mut crc = Crc::default();
        let (one, other) = bytes.split_at(cut.min(bytes.len()));
        crc.update(one);
        crc.update(other);
        prop_assert_eq!(crc.finish(), !naive);
    }
}
