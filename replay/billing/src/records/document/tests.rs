use super::*;

pub(crate) fn record() -> DocumentRecord {
    let number = |series: &str, number| DocumentNumber { series: series.to_owned(), number };
    let digest = |fill: &str| fill.repeat(32);
    let artefact = |format: &str, bytes| Artefact {
        format: format.to_owned(),
        key: format!("invoices/documents/CN/00000002/{}.{format}", "ab".repeat(16)),
        digest: digest("ab"),
        bytes,
    };
    DocumentRecord {
        document: Document {
            number: number("CN", 2),
            draft: DraftRevision { id: "2026-03.acme.EUR.2".to_owned(), revision: 3 },
            serial: 2,
            facts: Facts {
                about: AccountPeriod {
                    period: "2026-03".to_owned(),
                    advertiser_id: "acme".to_owned(),
                    currency: "EUR".to_owned(),
                },
                zone: "Europe/Berlin".to_owned(),
                kind: Kind::CreditNote,
                original: Some(Original { document: number("INV", 7), reason: "sivt".to_owned() }),
                terms_version: 1,
                total_minor: -i128::from(u64::MAX) * 1_000,
                lines: 4,
                inputs: digest("01"),
                basis: digest("02"),
            },
            issued_on: "2026-04-20".to_owned(),
            due_on: "2026-05-20".to_owned(),
            digest: digest("ab"),
            issued_at: Timestamp::from_micros(1_776_700_000_123_456),
            issued_by: "eva".to_owned(),
            logged: None,
        },
        artefacts: vec![artefact("csv", 20), artefact("json", 10)],
    }
}

#[test]
fn record_reads_back_and_an_edit_is_noticed() {
    let record = record();
    let bytes = to_bytes(&record);
    assert_eq!(from_bytes(&bytes).unwrap(), record);
    let text = String::from_utf8(bytes).unwrap();
    for (was, becomes) in [
        ("\"number\": 2", "\"number\": 3"),
        ("\"eva\"", "\"eve\""),
        ("  \"version\"", " \"version\""),
        ("\"credit_note\"", "\"gift\""),
    ] {
        assert!(text.contains(was), "{was}");
        let edited = text.replacen(was, becomes, 1);
        assert!(matches!(from_bytes(edited.as_bytes()), Err(Error::Contradiction(_))), "{becomes}");
    }
    let later = text.replacen("\"version\": 1", "\"version\": 2", 1);
    assert!(matches!(from_bytes(later.as_bytes()), Err(Error::UnknownVersion(2))));
}

/// What disks keep: the record of version 1 stays readable for ever.
#[test]
fn issued_record_of_version_1_is_what_this_program_writes() {
    let fixture = include_bytes!("../../../fixtures/issued-1.json");
    assert_eq!(String::from_utf8_lossy(fixture), String::from_utf8_lossy(&to_bytes(&record())));
    assert_eq!(from_bytes(fixture).unwrap(), record());
}
