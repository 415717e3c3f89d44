//! The record of a promotion comes back as it was written, and nothing else is taken for one.

use std::{fs, path::PathBuf};

use clicktrail_damage::{Random, Trial, json, test};
use clicktrail_log::position::{Epoch, Seq};

use super::*;

fn at(frame: u64) -> Position {
    Position::new(Epoch::FIRST, Seq::new(frame).unwrap(), 0)
}

fn made(hour: Hour, of: &str) -> Segment {
    let output = Digest::of(format!("{hour} {of}").as_bytes());
    Segment {
        projection: "counters".to_owned(),
        hour,
        key: SegmentKey::new("counters", hour, &output).path().to_string(),
        bytes: 4321,
        rows: 17,
        input_digest: Digest::of(of.as_bytes()).to_string(),
        code_digest: Digest::of(b"code").to_string(),
        output_digest: output.to_string(),
        verdicts_before: at(3).as_i64(),
    }
}

/// A promotion of three hours: one from what was sealed, one from an earlier generation, one that stays.
fn record() -> PromotionRecord {
    let id = GenerationId::parse("00000000000000aa").unwrap();
    let first = Hour::parse("2026-11-22T04").unwrap();
    let hour = |after: i64, generation: Option<&str>, is_moved: bool| {
        let hour = Hour::from_i64(first.as_i64() + after);
        let base = made(hour, "before");
        let totals = ControlTotals { events: 1000, billable: 900, micros: 1 << 90 };
        PromotedHour {
            unit: NewUnit {
                hour,
                manifest_digest: Digest::of(b"manifest").to_string(),
                rows: 1000,
                bytes: 123_456,
                base: Some(LivePointer {
                    hour,
                    input_digest: base.input_digest.clone(),
                    code_digest: base.code_digest.clone(),
                    output_digest: base.output_digest.clone(),
                    generation: generation.map(|id| GenerationId::parse(id).unwrap()),
                    knows_before: generation.map(|_| at(50)),
                }),
            },
            output: UnitOutput { segment: made(hour, "after"), read: totals, written: totals, is_reused: after == 1 },
            base: is_moved.then_some(base),
            is_moved,
        }
    };
    let promotion = Promotion {
        number: 7,
        projection: "counters".to_owned(),
        generation: id.clone(),
        moved: Move::Promote,
        at: Timestamp::from_micros(1_795_000_000_000_000),
        actor: "ann".to_owned(),
        reason: "probes were counted as clicks".to_owned(),
        hours: 2,
    };
    let generation = Generation {
        id,
        projection: "counters".to_owned(),
        code_digest: Digest::of(b"code").to_string(),
        sql: String::new(),
        from: first,
        to_inclusive: Hour::from_i64(first.as_i64() + 2),
        clicks_before: None,
        verdicts_before: at(100),
        plan: "{\n  \"version\": 1\n}".to_owned(),
        state: GenerationState::Promoted,
        created_at: Timestamp::from_micros(1_794_000_000_000_000),
        created_by: "ann".to_owned(),
        changed_at: promotion.at,
    };
    let hours = vec![hour(0, None, true), hour(1, Some("00000000000000bb"), true), hour(2, None, false)];
    PromotionRecord { promotion, generation, hours }
}

#[test]
fn record_comes_back_as_it_was_written() {
    let promoted = record();
    assert_eq!(from_bytes(&to_bytes(&promoted)).unwrap(), promoted);
    let mut back = PromotionRecord { hours: Vec::new(), ..promoted };
    (back.promotion.moved, back.generation.state) = (Move::Rollback, GenerationState::Built);
    assert_eq!(from_bytes(&to_bytes(&back)).unwrap(), back);
}

#[test]
fn record_of_version_1_stays_readable() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/promotion-1.json");
    if std::env::var_os("CLICKTRAIL_WRITE_FIXTURES").is_some() {
        fs::write(&path, to_bytes(&record())).unwrap();
    }
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(from_bytes(&bytes).unwrap(), record());
    assert_eq!(to_bytes(&record()), bytes);
}

#[test]
fn every_flipped_byte_is_found() {
    let bytes = to_bytes(&record());
    for index in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[index] ^= 1;
        assert!(from_bytes(&damaged).is_err(), "byte {index}");
    }
}

#[test]
fn record_that_says_what_cannot_be_is_refused() {
    let check = |change: fn(&mut PromotionRecord), says: &str| {
        let mut wrong = record();
        change(&mut wrong);
        let refused = from_bytes(&to_bytes(&wrong)).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    };
    check(|record| record.hours[0].output.segment.key = record.hours[1].output.segment.key.clone(), "which is none of");
    check(|record| record.hours[0].output.segment.code_digest = "other".to_owned(), "of the code other");
    check(|record| record.hours[1].is_moved = false, "1 moved hours");
    check(|record| record.hours.swap(0, 1), "order");
    let bytes = String::from_utf8(to_bytes(&record())).unwrap().replace("\"version\": 1,", "\"version\": 2,");
    assert!(matches!(from_bytes(bytes.as_bytes()), Err(Error::UnknownVersion(2))));
}

#[test]
fn promotion_that_says_anything_under_a_right_checksum_is_read_or_refused() {
    let draw = |random: &mut Random| loop {
        let mut changed =
            serde_json::to_value(serde_json::from_slice::<Document>(&to_bytes(&record())).unwrap()).unwrap();
        for _ in 0..1 + random.below(2) {
            json::change(random, &mut changed);
        }
        if let Ok(mut document) = serde_json::from_value::<Document>(changed) {
            document.checksum = String::new();
            document.checksum = Digest::of(&canonical(&document)).to_string();
            return canonical(&document);
        }
    };
    let trial = Trial::of(test!(promotion_that_says_anything_under_a_right_checksum_is_read_or_refused));
    trial.run_drawn(draw, |bytes| {
        if let Ok(record) = from_bytes(bytes) {
            assert_eq!(String::from_utf8_lossy(&to_bytes(&record)), String::from_utf8_lossy(bytes));
        }
    });
}
