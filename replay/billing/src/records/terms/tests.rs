use super::*;

fn terms() -> Terms {
    let text = "{\"format\":\"clicktrail terms 1\",\"x\":\"ü\\\"\"}\n".to_owned();
    Terms {
        advertiser_id: "acme".to_owned(),
        version: 3,
        valid_from: "2026-01-01".to_owned(),
        digest: Digest::of(text.as_bytes()).to_string(),
        text,
        created_at: Timestamp::from_micros(1_776_700_000_123_456),
        created_by: "eva".to_owned(),
    }
}

#[test]
fn terms_read_back_as_they_were_kept() {
    assert_eq!(from_bytes(&to_bytes(&terms())).unwrap(), terms());
    let later = String::from_utf8(to_bytes(&terms()).to_vec()).unwrap().replace("\"version\": 1", "\"version\": 2");
    assert!(from_bytes(later.as_bytes()).unwrap_err().contains("version 2"));
}

/// The record of version 1, for ever.
#[test]
fn terms_of_version_1_are_read() {
    let kept = concat!(
        "{\n  \"version\": 1,\n  \"advertiser_id\": \"acme\",\n  \"number\": 3,\n  \"valid_from\": \"2026-01-01\",\n",
        "  \"created_at_micros\": 1776700000123456,\n  \"created_by\": \"eva\",\n",
        "  \"terms\": \"{\\\"format\\\":\\\"clicktrail terms 1\\\",\\\"x\\\":\\\"ü\\\\\\\"\\\"}\\n\"\n}\n",
    );
    assert_eq!(from_bytes(kept.as_bytes()).unwrap(), terms());
    assert_eq!(to_bytes(&terms()), kept.as_bytes());
}
