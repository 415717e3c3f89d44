use super::*;
use crate::{
    made_up::{Dossier, OwnBiller, Plan, promised::receipt},
    note::{Kind as Of, SigningKey},
    receipt::Frame,
    verify::verify_receipt,
};

/// The exit code, and what was said, of a receipt that these keys signed.
fn checked(dossier: &Dossier, receipt: &Receipt, keys: &[&SigningKey]) -> (u8, String) {
    let signed = SignedReceipt::issue(receipt.clone(), keys).unwrap().to_string();
    said(dossier, signed.as_bytes())
}

fn said(dossier: &Dossier, receipt: &[u8]) -> (u8, String) {
    let trust = Trust { keys: vec![dossier.key.verifier().clone()], ..Trust::default() };
    let report = verify_receipt(&dossier.evidence().zip(), &trust, receipt);
    (report.exit_code, report.to_string())
}

#[test]
fn promise_is_kept_by_the_row_that_was_captured_and_by_no_other() {
    for seed in 0..6 {
        let dossier = Dossier::new(&Plan::small(seed), &OwnBiller);
        let promised = receipt(&dossier);
        let keys = [&dossier.key];
        let (code, words) = checked(&dossier, &promised, &keys);
        assert!(code == 0 && words.contains("was kept"), "{words}");
        let spooled = Receipt { position: None, ..promised.clone() };
        assert_eq!(checked(&dossier, &spooled, &keys).0, 0, "it is found by what it is");

        let (code, words) = checked(&dossier, &Receipt { row: Hash::of(b"x"), ..promised.clone() }, &keys);
        assert!(code == 7 && words.contains("not as it was captured"), "{words}");
        let other = Receipt { event_id: "other".to_owned(), ..promised.clone() };
        let (code, words) = checked(&dossier, &other, &keys);
        assert!(code == 7 && words.contains("in its place"), "{words}");
        let moved = Receipt { position: promised.position.map(|at| at + (1 << 40)), ..promised };
        let (code, words) = checked(&dossier, &moved, &keys);
        assert!(code == 7 && words.contains("it is at"), "{words}");
    }
}

#[test]
fn receipt_that_was_tampered_with_or_that_nobody_signed_binds_nobody() {
    let dossier = Dossier::new(&Plan::small(1), &OwnBiller);
    let promised = receipt(&dossier);
    let signed = SignedReceipt::issue(promised.clone(), &[&dossier.key]).unwrap().to_string();
    let time = format!("event_time {}", promised.event_time);
    assert_eq!(said(&dossier, signed.replacen(&time, "event_time 1", 1).as_bytes()).0, 2);
    let other = SigningKey::of_seed(dossier.key.verifier().name(), Of::Ed25519, [3; 32]).unwrap();
    assert_eq!(checked(&dossier, &promised, &[&other]).0, 5);
    let (code, words) = checked(&dossier, &promised, &[]);
    assert!(code == 5 && words.contains("unsigned"), "{words}");
    for nonsense in [b"".as_slice(), b"AAAA", &[0xff; 40], signed.trim_end().as_bytes()] {
        assert_eq!(said(&dossier, nonsense).0, 6);
    }
}

#[test]
fn promise_of_an_event_behind_the_end_of_the_log_is_broken_once_its_hour_is_long_over() {
    let dossier = Dossier::new(&Plan::small(2), &OwnBiller);
    let last = dossier.evidence().contents.clicks.to_inclusive;
    let behind = Receipt { position: Some(1_i64 << 56 | 1 << 40), ..receipt(&dossier) };
    let gone = Receipt { event_id: "gone".to_owned(), frame: Frame { row: 0, ..behind.frame.clone() }, ..behind };
    for (hours, expected) in [(25, 7), (24, 3), (0, 3), (-1, 3)] {
        let captured_at = Hour(last.0 - hours).start().0;
        let (code, words) = checked(&dossier, &Receipt { captured_at, ..gone.clone() }, &[&dossier.key]);
        assert_eq!(code, expected, "{words}");
        assert_eq!(words.contains("the log ends before that"), expected == 7, "{words}");
    }
}

#[test]
fn frame_is_known_by_its_digest_among_those_that_a_manifest_remembers() {
    let digest = |number: u64| Hash::of(&number.to_be_bytes());
    let remembered: String = (37..42).map(|number| digest(number).to_string()[..2 * REMEMBERED].to_owned()).collect();
    let writer =
        Writer { writer: "w".to_owned(), epoch: 1, number: 42, digest: digest(42).to_string(), recent: remembered };
    let of = |name: String, digest: Hash| Receipt { frame: Frame { name, row: 7, digest }, ..receipt::sample(None) };
    for number in 30..45 {
        let is_known = remembers(&writer, &of(format!("w/1/{number}"), digest(number)));
        assert_eq!(is_known, (37..=42).contains(&number), "{number}");
        assert!(!remembers(&writer, &of(format!("w/1/{number}"), digest(7))));
        assert!(!remembers(&writer, &of(format!("w/2/{number}"), digest(number))));
        assert!(!remembers(&writer, &of(format!("v/1/{number}"), digest(number))));
    }
}
