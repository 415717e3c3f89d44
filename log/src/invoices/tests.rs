use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    ledger::{Admitted, Damage, Ledger},
    samples::{any_entry, credit_note, every_shape, invoice, numbered},
    schema::{Error, from_batch, from_frame, invoices, published, to_batch, to_frames},
    *,
};
use crate::{
    frame::{Digest, Writer},
    position::{Epoch, Position, Seq},
    schema::{check_additive, columns, id},
    time::Timestamp,
};

#[test]
fn present_columns_are_published_and_break_no_earlier_ones() {
    let now = columns(&invoices());
    assert!(published().iter().any(|(version, _)| *version == id(&invoices())), "add it under log/schemas: {now:?}");
    for (version, columns) in published() {
        assert_eq!(check_additive(&columns, &now), [], "version {version}");
    }
}

/// Spoils the second of two entries, and expects that it is named and not written.
fn check_refused(expected: &str, spoil: impl Fn(&mut InvoiceEntry)) {
    let mut entries = [invoice(1), credit_note(2, 1)];
    spoil(&mut entries[1]);
    let reason = entries[1].check().unwrap_err();
    assert!(reason.contains(expected), "{reason} does not name {expected}");
    assert!(matches!(to_batch(&entries), Err(Error::Row { row: 1, reason: told }) if told == reason));
}

#[test]
fn entry_that_contradicts_itself_is_not_written() {
    check_refused("series is empty", |entry| entry.number.series.clear());
    check_refused("advertiser_id has 1025 bytes", |entry| entry.advertiser_id = "a".repeat(1_025));
    check_refused("number is 0", |entry| entry.number.number = 0);
    for currency in ["", "EU", "eur", "EURO", "€"] {
        check_refused("currency", |entry| entry.currency = currency.to_owned());
    }
    check_refused("minor_digits 5", |entry| entry.minor_digits = 5);
    for total in [10_i128.pow(38), -10_i128.pow(38), i128::MIN] {
        check_refused("total_minor", |entry| entry.total_minor = total);
    }
    check_refused("period_from", |entry| entry.period_to = entry.period_from);
    for date in ["2026-02-29", "2026-4-1", "2026-04-01T00:00:00Z", ""] {
        check_refused("issued_on", |entry| entry.issued_on = date.to_owned());
    }
    check_refused("a credit_note names the invoice", |entry| entry.original = None);
    check_refused("an invoice corrects none", |entry| entry.kind = DocumentKind::Invoice);
    check_refused("original_number is 0", |entry| entry.original = Some(numbered("INV", 0)));
    check_refused("artefacts: 0 files", |entry| entry.artefacts.clear());
    check_refused("artefacts: 33 files", |entry| entry.artefacts = vec![entry.artefacts[0].clone(); 33]);
    check_refused("two files of format \"json\"", |entry| entry.artefacts[1] = entry.artefacts[0].clone());
    check_refused("artefacts: key is empty", |entry| entry.artefacts[1].key.clear());
}

/// Replaces a column of two rows and expects the second to be named.
fn check_bad(name: &str, values: ArrayRef, expected: &str) {
    let batch = to_batch(&[invoice(1), credit_note(2, 1)]).unwrap();
    let mut columns = batch.columns().to_vec();
    columns[batch.schema().index_of(name).unwrap()] = values;
    let error = from_batch(&RecordBatch::try_new(invoices(), columns).unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("row 1 of issued documents is unusable") && error.contains(expected), "{name}: {error}");
}

#[test]
fn bad_row_is_named() {
    let digest = "ab".repeat(32);
    let texts = |good: &str, bad: &str| -> ArrayRef { Arc::new(StringArray::from(vec![good, bad])) };
    let integers = |good: i64, bad: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![good, bad])) };
    for bad in ["", "ab", &"AB".repeat(32), &"xy".repeat(32)] {
        check_bad("document", texts(&digest, bad), "document");
        check_bad("basis", texts(&digest, bad), "basis");
    }
    for bad in [-1, 0, 1 << 32, i64::MIN] {
        check_bad("number", integers(1, bad), "number");
    }
    check_bad("minor_digits", integers(2, 256), "minor_digits 256");
    check_bad("kind", texts("invoice", "proforma"), "\"proforma\" is none of");
    check_bad("kind", texts("invoice", "invoice"), "an invoice corrects none");
    check_bad("original_series", Arc::new(StringArray::from(vec![None::<&str>, None])), "go together");
    check_bad("original_number", Arc::new(Int64Array::from(vec![None, Some(-1)])), "original_number -1");
    let good = invoice(1).artefacts;
    let text = to_batch(&[invoice(1)]).unwrap();
    let text = arrow::array::AsArray::as_string::<i32>(text.column_by_name("artefacts").unwrap()).value(0).to_owned();
    assert_eq!(good.len(), 2);
    let spoilt = [text.replace(',', ", "), text.replace("sha256", "sha1"), format!("{text} "), "[]".to_owned()];
    for bad in spoilt.iter().map(String::as_str).chain(["", "{}", "[1]"]) {
        check_bad("artefacts", texts(&text, bad), "artefacts");
    }
    let totals =
        Decimal128Array::from(vec![0, i128::MAX]).with_data_type(arrow::datatypes::DataType::Decimal128(38, 0));
    check_bad("total_minor", Arc::new(totals), "total_minor");
    let times = TimestampMicrosecondArray::from(vec![0, i64::MAX]).with_timezone("UTC");
    check_bad("period_from", Arc::new(times), "period_from");
}

#[test]
fn other_columns_are_refused() {
    let batch = to_batch(&[invoice(1)]).unwrap();
    for index in 0..batch.num_columns() {
        let others: Vec<usize> = (0..batch.num_columns()).filter(|other| *other != index).collect();
        let error = from_batch(&batch.project(&others).unwrap()).unwrap_err();
        assert!(matches!(error, Error::Columns(_)), "{error}");
    }
}

proptest! {
    #[test]
    fn what_is_appended_is_what_is_read(entries in prop::collection::vec(any_entry(), 0..20)) {
        let batch = to_batch(&entries).unwrap();
        prop_assert_eq!(from_batch(&batch).unwrap(), entries.clone());
        let frames = to_frames(&mut Writer::new(Uuid::from_u128(1), 1), &entries).unwrap();
        let read: Vec<InvoiceEntry> = frames.iter().flat_map(|frame| from_frame(frame).unwrap()).collect();
        prop_assert_eq!(read, entries);
    }
}

/// A text that hardly compresses.
fn noise(of: &str) -> String {
    (0..16).map(|part: u32| Digest::of(format!("{of} {part}").as_bytes()).to_string()).collect()
}

#[test]
fn largest_entries_fit_frames_one_by_one() {
    let large = |number: u32| {
        let mut entry = invoice(number);
        entry.actor = noise("actor");
        entry.artefacts = (0..32)
            .map(|file: u32| Artefact {
                format: noise(&format!("{number} {file} format")),
                key: noise(&format!("{number} {file} key")),
                digest: Digest::of(&file.to_le_bytes()),
                bytes: u64::MAX,
            })
            .collect();
        entry
    };
    let entries: Vec<InvoiceEntry> = (1..=60).map(large).collect();
    let frames = to_frames(&mut Writer::new(Uuid::from_u128(1), 1), &entries).unwrap();
    assert!(frames.len() > 2, "{} frames", frames.len());
    let read: Vec<InvoiceEntry> = frames.iter().flat_map(|frame| from_frame(frame).unwrap()).collect();
    assert_eq!(read, entries);
    for (frame, number) in frames.iter().zip(1..) {
        assert_eq!(frame.header.number, number);
    }
}

fn at(seq: u64) -> Position {
    Position::new(Epoch::FIRST, Seq::new(seq).unwrap(), 0)
}

#[test]
fn document_that_comes_twice_is_a_repeat_and_another_of_its_number_is_damage() {
    let mut ledger = Ledger::default();
    for (entry, seq) in every_shape().iter().zip(1..) {
        assert_eq!(ledger.admit(at(seq), entry), Ok(Admitted::Fresh));
    }
    let later = InvoiceEntry { actor: "bob".into(), issued_at: Timestamp::from_micros(9), ..invoice(2) };
    assert_eq!(
        ledger.admit(at(8), &later),
        Ok(Admitted::Repeat { first: at(1) }),
        "who wrote it, and when, may differ"
    );
    assert_eq!(ledger.place_of(&later), Ok(Some(at(1))));
    let other = InvoiceEntry { document: Digest::ZERO, ..invoice(2) };
    let damage = ledger.admit(at(9), &other).unwrap_err();
    assert!(matches!(&damage, Damage::TwoDocuments { second, .. } if *second == Digest::ZERO));
    assert!(damage.to_string().contains("2 of series INV") && damage.to_string().contains("1.9.0"), "{damage}");
    assert_eq!(ledger.place_of(&other).unwrap_err().position, at(1), "what was read first stands");
    let otherwise = InvoiceEntry { total_minor: 1, ..invoice(2) };
    assert!(matches!(ledger.admit(at(10), &otherwise), Err(Damage::TwoAccounts { .. })));
    assert!(ledger.place_of(&otherwise).is_err());
    assert_eq!(ledger.place_of(&invoice(77)), Ok(None));
    assert_eq!(ledger.documents(), 5);
}

#[test]
fn every_part_of_a_document_is_among_its_facts() {
    let spoil: [fn(&mut InvoiceEntry); 15] = [
        |entry| entry.document = Digest::ZERO,
        |entry| entry.number.series.push('x'),
        |entry| entry.number.number += 1,
        |entry| entry.kind = DocumentKind::DebitNote,
        |entry| entry.advertiser_id.push('x'),
        |entry| entry.currency = "USD".into(),
        |entry| entry.period.push('x'),
        |entry| entry.zone.push('x'),
        |entry| entry.period_from = entry.period_from.plus_micros(1),
        |entry| entry.period_to = entry.period_to.plus_micros(1),
        |entry| entry.issued_on = "2026-04-02".into(),
        |entry| entry.total_minor = -entry.total_minor,
        |entry| entry.minor_digits = 3,
        |entry| entry.original = Some(numbered("INV", 9)),
        |entry| entry.basis = Digest::ZERO,
    ];
    for spoil in spoil {
        let mut entry = credit_note(1, 1);
        spoil(&mut entry);
        assert_ne!(entry.facts(), credit_note(1, 1).facts(), "{entry:?}");
    }
}

#[test]
fn numbers_that_no_entry_has_are_told() {
    let mut ledger = Ledger::default();
    for (number, seq) in [5, 2, 3, 9, u32::MAX].into_iter().zip(1..) {
        ledger.admit(at(seq), &invoice(number)).unwrap();
    }
    ledger.admit(at(9), &credit_note(1, 1)).unwrap();
    let holes = [(1, 1), (4, 4), (6, 8), (10, u32::MAX - 1)];
    assert_eq!(ledger.holes(), holes.map(|(first, last)| (numbered("INV", first), numbered("INV", last))));
}
