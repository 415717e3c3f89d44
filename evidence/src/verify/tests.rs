#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use super::*;
use crate::{
    counted::{count, verb},
    made_up::{
        Asked, Dossier, LeftOut, OwnBiller, Plan, Random, Wanted,
        attacks::{Unknowing, attacks},
        mutation::{forge, mutate},
    },
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

/// What bundles of a dossier are about: the invoice, its period, one event.
fn subjects(dossier: &Dossier) -> Vec<Asked> {
    [Some(Asked::Invoice), Some(dossier.events()), dossier.ruled_event()].into_iter().flatten().collect()
}

#[test]
fn events_of_a_range_and_single_ones_verify_with_all_verdicts_on_them() {
    let (mut late, mut ruled) = (0, 0);
    for seed in 0..40 {
        let dossier = dossier(seed);
        let invoice = verify(&dossier.evidence().zip(), &trust(&dossier));
        for asked in subjects(&dossier).into_iter().skip(1) {
            let wanted = Wanted { asked, case: Some("C-1".to_owned()), ..Wanted::default() };
            let report = verify(&dossier.evidence_of(&wanted, &LeftOut::default()).zip(), &trust(&dossier));
            assert!(report.verified, "seed {seed}, {asked:?}: {report}");
            assert_eq!(report.numbers.people, report.numbers.rows);
            match asked {
                Asked::Event(_) => {
                    assert_eq!(report.numbers.rows, 1);
                    ruled += report.numbers.verdicts;
                }
                Asked::Invoice | Asked::Events(..) => {
                    late += report.numbers.rows - invoice.numbers.rows.min(report.numbers.rows)
                }
            }
        }
    }
    assert!(late > 0 && ruled > 20, "{late} rows that came late, {ruled} verdicts on single events");
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
fn verdicts_that_an_invoice_does_not_know_are_said_with_their_money() {
    let (mut said, mut honest) = (0, 0);
    // Where no basis names a head, nothing says what had to be known.
    let dossiers = (0..600).map(|seed| Dossier::new(&Plan::small(seed), &Unknowing));
    for dossier in dossiers.filter(|dossier| dossier.stands_on.is_empty()).take(20) {
        let seed = dossier.seed;
        let report = verify(&dossier.evidence().zip(), &trust(&dossier));
        assert!(report.verified, "seed {seed}: {report}");
        let otherwise = &report.numbers.ruled_otherwise;
        let (clicks, micros) = dossier.invalid_clicks();
        assert_eq!((otherwise.clicks, &otherwise.spend_micros), (clicks, &micros.to_string()), "seed {seed}");
        let words = format!("{} {} otherwise", count(clicks, "click"), verb(clicks, "counts", "count"));
        assert_eq!(report.not_proven.iter().any(|line| line.contains(&words)), clicks > 0, "{report}");
        said += clicks;
        let of_honest = verify(&self::dossier(seed).evidence().zip(), &trust(&self::dossier(seed)));
        honest += of_honest.numbers.ruled_otherwise.clicks;
    }
    assert!(said > 20 && honest > 0, "{said} clicks were billed without knowing, {honest} honestly");
}

#[test]
fn none_of_two_thousand_mutations_verifies() {
    let mut random = Random::new(20_260_722);
    let mut kinds = std::collections::BTreeMap::new();
    for seed in 0..40 {
        let dossier = dossier(1_000 + seed);
        let subjects = subjects(&dossier);
        let asked = *random.of(&subjects);
        let wanted = Wanted { asked, ..Wanted::default() };
        let (honest, trust) = (dossier.evidence_of(&wanted, &LeftOut::default()), trust(&dossier));
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
fn document_that_stands_on_the_very_head_verifies() {
    let dossier = (0..200).find_map(|seed| dossier(seed).as_issued()).unwrap();
    let documents = dossier.documents.iter().map(|document| crate::Hash::of(document)).collect();
    let report = verify(&dossier.evidence().zip(), &Trust { documents, ..trust(&dossier) });
    assert!(report.verified, "{report}");
}

#[test]
fn log_is_not_its_own_witness() {
    let dossier = dossier(3);
    let (log, witness) = (dossier.key.verifier().clone(), dossier.witness.verifier().clone());
    assert!(Trust::log_key(log.clone()).is_ok() && Trust::witness_key(witness.clone()).is_ok());
    assert_eq!(Trust::witness_key(log.clone()), Err(WrongKind::NotOfAWitness(log.clone())));
    assert_eq!(Trust::log_key(witness.clone()), Err(WrongKind::NotOfALog(witness.clone())));
    let bundle = dossier.evidence().zip();
    let report = verify(&bundle, &Trust { witnesses: vec![log], ..trust(&dossier) });
    assert_eq!(report.exit_code, 3, "{report}");
    let report = verify(&bundle, &Trust { keys: vec![witness], ..trust(&dossier) });
    assert_eq!(report.exit_code, 5, "{report}");
}

#[test]
fn nothing_verifies_without_a_key() {
    let dossier = dossier(3);
    let report = verify(&dossier.evidence().zip(), &Trust::default());
    assert_eq!(report.exit_code, 5, "{report}");
}
