//! Documents of the archive with checksums that fit: manifests of every version, filters, nodes, checkpoints.

use clicktrail_damage::{Random, Trial, json, mutate, test};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{fixture, fixtures};
use crate::{
    archive::{
        entry::Entry,
        invoices::Part as DocumentPart,
        manifest::{Manifest, Part},
        transparency::Kept,
        trees::HourTrees,
    },
    frame::Digest,
};

fn manifests() -> Vec<Vec<u8>> {
    let names = ["manifest-1.json", "manifest-2.json", "manifest-3.json"];
    names.into_iter().map(fixture).chain(fixtures("archive-3/manifests", ".json")).collect()
}

/// Asks a manifest what its readers ask.
fn read<P: Entry>(bytes: &[u8]) {
    match Manifest::<P>::from_bytes(bytes) {
        Ok(manifest) => {
            assert_eq!(manifest.to_bytes(), bytes, "what is read is canonical");
            let (first, last) = (manifest.first_seq(), manifest.last_seq());
            assert!(first <= last.next());
            let _ = (manifest.hour().end_exclusive(), manifest.epoch(), manifest.positions(), manifest.chain_after());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

#[test]
fn manifest_that_is_damaged_is_read_or_refused() {
    let trial = Trial::of(test!(manifest_that_is_damaged_is_read_or_refused)).examples(manifests());
    trial.example(fixture("invoice-manifest-3.json")).run(|bytes| {
        read::<Part>(bytes);
        read::<DocumentPart>(bytes);
    });
}

/// One of the documents with a value changed and the checksum made again.
fn forged<P: Entry>(random: &mut Random, documents: &[Vec<u8>]) -> Vec<u8>
where
    Manifest<P>: Serialize + DeserializeOwned,
{
    loop {
        let mut document: Value = serde_json::from_slice(random.of::<Vec<u8>>(documents).as_slice()).unwrap();
        for _ in 0..1 + random.below(3) {
            json::change(random, &mut document);
        }
        if let Ok(mut manifest) = serde_json::from_value::<Manifest<P>>(document) {
            manifest.checksum = String::new();
            manifest.checksum = Digest::of(&manifest.to_bytes()).to_string();
            return manifest.to_bytes();
        }
    }
}

#[test]
fn manifest_that_says_anything_under_a_right_checksum_is_read_or_refused() {
    let trial = Trial::of(test!(manifest_that_says_anything_under_a_right_checksum_is_read_or_refused));
    trial.run_drawn(|random| forged::<Part>(random, &manifests()), read::<Part>);
}

#[test]
fn manifest_of_documents_that_says_anything_is_read_or_refused() {
    let documents = [fixture("invoice-manifest-1.json"), fixture("invoice-manifest-3.json")];
    let trial = Trial::of(test!(manifest_of_documents_that_says_anything_is_read_or_refused));
    trial.run_drawn(|random| forged::<DocumentPart>(random, &documents), read::<DocumentPart>);
}

#[test]
fn nodes_of_any_bytes_are_read_or_refused_whatever_the_manifest_tells() {
    let told = |bytes: &Vec<u8>| Manifest::<Part>::from_bytes(bytes).unwrap().trees.unwrap();
    let told: Vec<_> = fixtures("archive-3/manifests", ".json").iter().map(told).collect();
    let nodes = fixtures("archive-3/evidence", ".nodes");
    let trial = Trial::of(test!(nodes_of_any_bytes_are_read_or_refused_whatever_the_manifest_tells));
    trial.examples(nodes).run(|bytes| {
        for told in &told {
            // Also for a manifest that tells of as many leaves as fit a number.
            for leaves in [told.rows.leaves, 0, 1, 1 << 40, u64::MAX >> 1, u64::MAX] {
                let mut told = told.clone();
                told.rows.leaves = leaves;
                let head = [leaves, told.people.as_ref().map_or(0, |people| people.leaves)];
                let mut bytes = bytes.to_vec();
                let begin = bytes.len().min(8);
                for (place, byte) in head.into_iter().flat_map(u64::to_be_bytes).enumerate() {
                    if let Some(at) = bytes.get_mut(begin + place) {
                        *at = byte;
                    }
                }
                if let Err(error) = HourTrees::from_bytes(&bytes, &told) {
                    assert!(!error.is_empty());
                }
            }
        }
    });
}

#[test]
fn kept_checkpoint_of_any_bytes_is_read_or_refused() {
    let text = "clicktrail.example/log\n7\nqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\n\n\u{2014} clicktrail.example/log \
                AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n";
    let trial = Trial::of(test!(kept_checkpoint_of_any_bytes_is_read_or_refused)).example(text);
    trial.run(|bytes| {
        if let Ok(kept) = Kept::parse(bytes) {
            assert_eq!(kept.note.to_string().as_bytes(), bytes, "what is read is canonical");
        }
    });
}

#[test]
fn half_of_the_rounds_damage_manifests() {
    let examples = manifests();
    let drawn = |seed: u64| mutate::of_examples(&mut Random::new(seed), &examples, &[]);
    let refused = (0..200).filter(|seed| Manifest::<Part>::from_bytes(&drawn(*seed)).is_err()).count();
    assert!(refused > 100, "{refused} of 200 are refused");
}

/// Two that were found: rows whose sum is more than any number, and a last frame behind which there is no address.
#[test]
fn manifest_of_more_rows_than_there_are_numbers_or_without_a_next_frame_is_refused() {
    let says = |change: &dyn Fn(&mut Manifest<Part>)| {
        let mut manifest = Manifest::<Part>::from_bytes(&fixture("manifest-2.json")).unwrap();
        change(&mut manifest);
        manifest.checksum = String::new();
        manifest.checksum = Digest::of(&manifest.to_bytes()).to_string();
        Manifest::<Part>::from_bytes(&manifest.to_bytes()).unwrap_err().to_string()
    };
    let too_many = says(&|manifest| {
        let part = manifest.parts[0].clone();
        manifest.parts.push(part);
        manifest.parts.iter_mut().for_each(|part| part.rows = u64::MAX);
    });
    assert!(too_many.contains("too many rows"), "{too_many}");
    let at_the_end = says(&|manifest| manifest.last_seq = (1 << 40) - 1);
    assert!(at_the_end.contains("are no range"), "{at_the_end}");
}
