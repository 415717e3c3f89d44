#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use super::*;
use crate::made_up::{
    Dossier, LeftOut, OwnBiller, Plan, Random, Wanted,
    attacks::attacks,
    mutation::{forge, mutate},
};

fn trust(dossier: &Dossier) -> Trust {
    Trust {
        keys: vec![dossier.key.verifier().clone()],
        witnesses: vec![dossier.witness.verifier().clone()],
        documents: Vec::new(),
    }
}

fn dossier(seed: u64) -> Dossier {
    Dossier::new(&Plan::small(seed), &OwnBiller)
}

/// What the documents come to, by their own words: in cents.
fn total(dossier: &Dossier) -> String {
    let total = |document: &Vec<u8>| -> i128 {
        let value: serde_json::Value = serde_json::from_slice(document).unwrap();
        value["content"]["bill"]["total"].as_str().unwrap().replace('.', "").parse().unwrap()
    };
    let cents: i128 = dossier.documents.iter().map(total).sum();
    format!("{} EUR", money::show(cents, 2))
}

#[test]
fn every_honest_bundle_verifies_and_its_total_is_that_of_its_documents() {
    let (mut notes, mut verdicts, mut absent) = (0, 0, 0);
    for seed in 0..80 {
        let dossier = dossier(seed);
        let report = verify(&dossier.evidence().zip(), &trust(&dossier));
        assert!(report.verified, "seed {seed}: {report}");
        assert_eq!(report.numbers.total, Some(total(&dossier)), "seed {seed}");
        notes += dossier.documents.len() - 1;
        verdicts += report.numbers.verdicts;
        absent += report.numbers.hours - report.numbers.hours_with_rows;
    }
    assert!(
        notes > 20 && verdicts > 100 && absent > 20,
        "{notes} notes, {verdicts} verdicts, {absent} hours without rows"
    );
}

#[test]
fn lines_of_some_campaigns_verify_alone() {
    for seed in 0..40 {
        let dossier = dossier(seed);
        let campaigns = Some(vec!["campaign-2".to_owned()]);
        let wanted = Wanted { campaigns, ..Wanted::default() };
        let report = verify(&dossier.evidence_of(&wanted, &LeftOut::default()).zip(), &trust(&dossier));
        assert!(report.verified, "seed {seed}: {report}");
        assert_eq!(report.numbers.total, None, "a total is not what was proved");
    }
}

#[test]
fn personal_columns_verify_also_once_some_are_erased() {
    let mut erased_rows = 0;
    for seed in 0..20 {
        let dossier = dossier(seed);
        let wanted = Wanted { case: Some("C-1".to_owned()), ..Wanted::default() };
        let whole = verify(&dossier.evidence_of(&wanted, &LeftOut::default()).zip(), &trust(&dossier));
        assert!(whole.verified, "seed {seed}: {whole}");
        assert_eq!(whole.numbers.people, whole.numbers.rows);
        let erased = (0..dossier.world.clicks.len()).flat_map(|place| [(place, 0), (place, 3)]).collect();
        let wanted = Wanted { erased, ..wanted };
        let rest = verify(&dossier.evidence_of(&wanted, &LeftOut::default()).zip(), &trust(&dossier));
        assert!(rest.verified, "seed {seed}: {rest}");
        erased_rows += whole.numbers.people - rest.numbers.people;
        assert_eq!(rest.numbers.total, whole.numbers.total, "erasing moves no money");
    }
    assert!(erased_rows > 10, "{erased_rows}");
}

#[test]
fn every_named_fraud_ends_with_its_exit_code() {
    for attack in attacks(7) {
        let trust = Trust { keys: attack.keys, witnesses: attack.witnesses, documents: Vec::new() };
        let report = verify(&attack.bytes, &trust);
        assert_eq!(report.exit_code, attack.exit_code, "{}: {report}", attack.name);
        assert!(!report.verified, "{}", attack.name);
    }
}

#[test]
fn none_of_two_thousand_mutations_verifies() {
    let mut random = Random::new(20_260_722);
    let mut kinds = std::collections::BTreeMap::new();
    for seed in 0..40 {
        let dossier = dossier(1_000 + seed);
        let (honest, trust) = (dossier.evidence(), trust(&dossier));
        let archive = honest.zip();
        for _ in 0..50 {
            let mutated = mutate(&mut random, &honest, &archive);
            let report = verify(&mutated.bytes, &trust);
            assert!(!report.verified, "seed {seed}: {} and it verifies\n{report}", mutated.what);
            *kinds.entry(report.exit_code).or_insert(0) += 1;
        }
    }
    assert!(kinds.keys().eq(&[2, 3, 4, 6]) || kinds.keys().eq(&[2, 3, 4, 5, 6]), "{kinds:?}");
}

#[test]
fn nothing_that_is_left_out_behind_right_proofs_verifies() {
    let mut random = Random::new(20_260_723);
    let mut kinds = std::collections::BTreeMap::new();
    for seed in 0..30 {
        let dossier = dossier(3_000 + seed);
        let wanted = Wanted { case: (seed % 2 == 0).then(|| "C-1".to_owned()), ..Wanted::default() };
        let trust = trust(&dossier);
        let archive = dossier.evidence_of(&wanted, &LeftOut::default()).zip();
        assert!(verify(&archive, &trust).verified, "seed {seed}");
        for forged in (0..30).filter_map(|_| forge(&mut random, &dossier, &wanted, &archive)) {
            let report = verify(&forged.bytes, &trust);
            assert!(!report.verified, "seed {seed}: {} and it verifies\n{report}", forged.what);
            *kinds.entry(report.exit_code).or_insert(0) += 1;
        }
    }
    assert!(kinds.keys().eq(&[3]) && kinds[&3] > 100, "what is left out is named as missing: {kinds:?}");
}

#[test]
fn document_that_is_not_logged_yet_counts_if_the_auditor_has_it() {
    let dossier = dossier(3);
    let mut evidence = dossier.evidence();
    evidence.contents.issued.clear();
    evidence.files.retain(|name, _| {
        !name.starts_with("manifests/invoices/") && !name.ends_with("issued") && name != "issued.csv"
    });
    let archive = evidence.zip();
    let report = verify(&archive, &trust(&dossier));
    assert_eq!(report.exit_code, 3, "{report}");
    let documents = dossier.documents.iter().map(|document| crate::Hash::of(document)).collect();
    let report = verify(&archive, &Trust { documents, ..trust(&dossier) });
    assert!(report.verified, "{report}");
    assert!(report.not_proven.iter().any(|line| line.contains("log of issued documents")), "{report}");
}

#[test]
fn nothing_verifies_without_a_key() {
    let dossier = dossier(3);
    let report = verify(&dossier.evidence().zip(), &Trust::default());
    assert_eq!(report.exit_code, 5, "{report}");
}
