//! What an auditor gets from a stranger, damaged: notes, checkpoints, entries, tiles, archives, tables. What is read is
//! written as the same bytes.

use clicktrail_damage::{Trial, test};

use crate::{
    Hash,
    advertisers::Advertisers,
    bundle::{columns, table, zip},
    made_up::{Dossier, OwnBiller, Plan},
    note::{Note, Signature, SigningKey, VerifierKey},
    tlog::{Checkpoint, Entry, Tile, bundle, parse_index, witness::AddCheckpoint},
    tree::Nodes,
    verify::{Trust, verify},
};

fn dossier() -> Dossier {
    Dossier::new(&Plan::small(3), &OwnBiller)
}

#[test]
fn bundle_of_any_bytes_is_refused_in_words() {
    let dossier = dossier();
    let trust = Trust { keys: vec![dossier.key.verifier().clone()], ..Trust::default() };
    let archive = dossier.evidence().zip();
    let trial = Trial::of(test!(bundle_of_any_bytes_is_refused_in_words)).slow(4);
    trial.examples([archive.clone()]).run(|bytes| {
        let report = verify(&bytes.to_vec(), &trust);
        assert!(bytes == archive || !report.verified, "{report}");
        assert!(!report.to_string().is_empty());
    });
}

#[test]
fn archive_of_any_bytes_is_read_whole_or_refused() {
    let archive = dossier().evidence().zip();
    let trial = Trial::of(test!(archive_of_any_bytes_is_read_whole_or_refused));
    trial.example(archive).example(&b"PK\x03\x04"[..]).run(|bytes| {
        let source = bytes.to_vec();
        let Ok(opened) = zip::Archive::open(&source) else { return };
        for entry in opened.entries() {
            assert!(opened.read_whole(entry, u64::MAX).is_ok());
            assert_eq!(opened.entry(&entry.name), Some(entry));
        }
    });
}

#[test]
fn table_of_any_bytes_is_read_or_refused_with_its_line() {
    let columns = &columns::ROWS;
    let mut example = Vec::new();
    table::write_names(columns, &mut example).unwrap();
    let value = |column: &table::Column| if column.kind == table::Kind::Text { "\"a\"\"b\"" } else { "7" };
    let row: Vec<&str> = columns.iter().map(value).collect();
    example.extend_from_slice(format!("{0}\n{0}\n", row.join(",")).as_bytes());
    Trial::of(test!(table_of_any_bytes_is_read_or_refused_with_its_line)).example(example).run(|bytes| {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
        let refused = |error: table::Error| {
            if let table::Error::Row { line, reason } = error {
                assert!((1..=lines as u64 + 1).contains(&line), "line {line} of {lines}: {reason}");
            }
        };
        match table::Reader::open(bytes, columns) {
            Err(error) => refused(error),
            Ok(mut reader) => loop {
                match reader.next() {
                    Ok(Some(row)) => {
                        (0..columns.len()).for_each(|at| assert!(row.text(at).len() <= bytes.len(), "{}", row.int(at)))
                    }
                    Ok(None) => break,
                    Err(error) => break refused(error),
                }
            },
        }
    });
}

#[test]
fn note_checkpoint_or_entry_of_any_bytes_is_what_it_was_read_from() {
    let trial = Trial::of(test!(note_checkpoint_or_entry_of_any_bytes_is_what_it_was_read_from));
    let dossier = dossier();
    let notes = [dossier.signed(&dossier.checkpoint())];
    let request = [b"old 7\n".to_vec(), b"\n".to_vec(), notes[0].clone()].concat();
    let entry = Entry { stream: "clicks".into(), hour: "2026-03-01T22".into(), manifest: Hash::of(b"") }.to_string();
    trial.examples(notes).example(request).example(entry).run(|bytes| {
        if let Ok(note) = Note::parse(bytes) {
            assert_eq!(note.to_string().as_bytes(), bytes);
            if let Ok(checkpoint) = Checkpoint::parse(note.text()) {
                assert_eq!(Checkpoint::parse(&checkpoint.to_string()), Ok(checkpoint));
            }
        }
        if let Ok(request) = AddCheckpoint::parse(bytes) {
            assert_eq!(request.to_bytes(), bytes);
        }
        if let Ok(entry) = Entry::from_bytes(bytes) {
            assert_eq!(entry.to_string().as_bytes(), bytes);
        }
        let text = &*String::from_utf8_lossy(bytes);
        if let Some(signature) = Signature::parse(text) {
            assert_eq!(signature.to_string(), text);
        }
    });
}

#[test]
fn key_of_any_text_is_what_it_was_read_from() {
    let dossier = dossier();
    let trial = Trial::of(test!(key_of_any_text_is_what_it_was_read_from));
    let keys = [&dossier.key, &dossier.witness].map(|key| key.verifier().to_string());
    let secrets = [&dossier.key, &dossier.witness].map(SigningKey::to_text);
    trial.examples(keys).examples(secrets).run(|bytes| {
        let text = &*String::from_utf8_lossy(bytes);
        if let Ok(key) = text.parse::<VerifierKey>() {
            assert_eq!(key.to_string(), text);
        }
        if let Ok(key) = SigningKey::parse(text) {
            assert_eq!(key.to_text(), text);
        }
        if let Ok(hash) = text.parse::<Hash>() {
            assert_eq!(hash.to_string().parse(), Ok(hash));
        }
        if let Some(index) = parse_index(text) {
            assert_eq!(crate::tlog::index_path(index), text);
        }
    });
}

#[test]
fn tile_nodes_or_advertisers_of_any_bytes_and_size_are_read_or_refused() {
    let trial = Trial::of(test!(tile_nodes_or_advertisers_of_any_bytes_and_size_are_read_or_refused));
    let entries = bundle::encode([&b"one"[..], b"", b"three"]);
    let one_advertiser = [vec![1; 32], 1_u64.to_be_bytes().to_vec(), vec![0; 15], vec![1]].concat();
    trial.example(vec![7; 96]).example(entries).example(one_advertiser).run(|bytes| {
        for size in [0, 1, 3, 255, 256, 257, 1 << 32, i64::MAX.unsigned_abs(), u64::MAX] {
            for tile in Tile::partial(size) {
                let _ = (tile.decode(bytes), tile.path(), tile.entries_path());
                if let Ok(entries) = bundle::decode(bytes, tile.width) {
                    assert_eq!(bundle::encode(entries), bytes);
                }
            }
            let _ = Nodes::from_bytes(size, bytes);
            for rows in [1, u64::MAX] {
                if let Ok(read) = Advertisers::from_bytes(size.min(1_000), rows, bytes) {
                    assert_eq!(read.to_bytes(), bytes);
                }
                let _ = Advertisers::from_bytes(size, rows, bytes);
            }
        }
    });
}
