//! What billing keeps in the archive, damaged: bases, records of documents and of terms are read or refused, and what
//! is read is written as the same bytes.

use std::{fs, path::Path};

use clicktrail_damage::{Trial, test};

use crate::{basis::Basis, records::document};

fn fixtures(folder: &str) -> Vec<Vec<u8>> {
    let (mut found, mut folders) =
        (Vec::new(), vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder)]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(fs::read(path).unwrap()) }
        }
    }
    assert!(!found.is_empty(), "no fixture in {folder}");
    found
}

#[test]
fn basis_or_record_of_any_bytes_is_read_or_refused() {
    let trial = Trial::of(test!(basis_or_record_of_any_bytes_is_read_or_refused));
    let examples = fixtures("invoice-1/invoices/bases").into_iter().chain(fixtures("invoice-1/invoices/issued"));
    trial.examples(examples).run(|bytes| {
        match Basis::from_bytes(bytes) {
            Ok(basis) => assert_eq!(basis.to_bytes(), bytes),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        match document::from_bytes(bytes) {
            Ok(record) => assert_eq!(document::to_bytes(&record), bytes),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}
