//! Who hands bytes from outside to the decoders of Arrow and Parquet, which panic on some: only files that do it within
//! `log/src/outside.rs`, or within what is made of it.

use crate::{
    crates,
    tree::{Tree, expect, expect_nothing},
};

/// What makes a decoder. (Whoever writes a file makes none.)
const DECODERS: [&str; 6] = [
    "ArrowReaderMetadata::load",
    "ParquetRecordBatchReaderBuilder::",
    "ParquetRecordBatchStreamBuilder::",
    "SerializedFileReader::",
    "StreamDecoder::new",
    "StreamReader::",
];
/// What runs one so that a panic is an error.
const GUARDS: [&str; 4] = ["outside::caught", "Batches::open", "decoded_while(", "decoded("];

/// Files that make a decoder and run nothing within a guard.
fn unguarded(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for file in crates::production(tree) {
        let code = &tree.sources[&file].production;
        let made: Vec<&&str> = DECODERS.iter().filter(|decoder| code.contains(**decoder)).collect();
        let is_guarded = GUARDS.iter().any(|guard| code.contains(guard));
        if !made.is_empty() && !is_guarded {
            found.push(format!("{file}: makes {made:?}, which panic on damage: run them within {GUARDS:?}"));
        }
    }
    found
}

#[test]
fn decoders_of_outside_bytes_run_within_a_guard() {
    expect_nothing(&unguarded(Tree::of_repository()));
}

#[test]
fn a_decoder_outside_of_a_guard_is_named() {
    let tree = Tree::made_up(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"log\"]"),
        ("log/src/lib.rs", "mod a;\nmod b;\nmod c;"),
        ("log/src/a.rs", "fn a() { StreamDecoder::new(); }"),
        ("log/src/b.rs", "fn b() { outside::caught(|| StreamDecoder::new()); }"),
        ("log/src/c.rs", "// StreamDecoder::new\n#[cfg(test)]\nmod tests { fn c() { StreamReader::try_new(); } }"),
    ]);
    expect(&unguarded(&tree), &[&["log/src/a.rs", "StreamDecoder::new"]]);
}
