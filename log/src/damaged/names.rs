//! Short texts: positions, hours, times, zones, digests, keys of objects. What is read is written as the same text, or
//! as one that is read as the same.

use clicktrail_damage::{Trial, test};
use clicktrail_evidence::salt::HourKey;

use crate::{
    archive::{
        keys::{
            self, CoverageKey, FilterKey, ManifestKey, NodesKey, PartKey, PromotionKey, ReceiptKey, RedactionKey,
            SaltsKey, SegmentKey, StreamPartKey, TransparencyKey,
        },
        transparency::witnesses::Address,
    },
    event::Kind,
    frame::Digest,
    invoices::DocumentKind,
    position::Position,
    time::{Hour, Timestamp},
    zone::Zone,
};

#[test]
fn position_hour_or_digest_of_any_text_is_read_as_what_it_shows() {
    let trial = Trial::of(test!(position_hour_or_digest_of_any_text_is_read_as_what_it_shows));
    let examples = ["1.42.0", "127.1099511627775.65535", "2026-03-01T22", "0001-01-01T00", "9999-12-31T23", "click"];
    trial.examples(examples).example(Digest::of(b"").to_string()).run(|bytes| {
        let text = &*String::from_utf8_lossy(bytes);
        if let Ok(position) = text.parse::<Position>() {
            assert_eq!(position.to_string().parse(), Ok(position));
            assert_eq!(Position::from_i64(position.as_i64()), Some(position));
        }
        if let Some(hour) = Hour::parse(text) {
            assert_eq!(hour.to_string(), text);
            assert!(hour.start() < hour.end_exclusive());
        }
        if let Ok(digest) = text.parse::<Digest>() {
            assert_eq!(digest.to_string().parse(), Ok(digest));
        }
        if let Ok(kind) = text.parse::<Kind>() {
            assert_eq!(kind.as_str(), text);
        }
        if let Ok(kind) = text.parse::<DocumentKind>() {
            assert_eq!(kind.as_str(), text);
        }
    });
}

#[test]
fn time_and_zone_of_any_text_are_read_as_what_they_show() {
    let trial = Trial::of(test!(time_and_zone_of_any_text_are_read_as_what_they_show));
    let examples =
        ["2026-03-01T22:59:59.123456Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:60+14:00", "Europe/Berlin"];
    trial.examples(examples).words(&["Asia/Kathmandu", "+00:00", "Etc/GMT+12"]).run(|bytes| {
        let text = &*String::from_utf8_lossy(bytes);
        if let Some(time) = Timestamp::parse_rfc3339(text) {
            assert_eq!(Timestamp::parse_rfc3339(&time.to_string()), Some(time), "{text}");
            let hour = time.hour();
            assert!(hour.start() <= time && time < hour.end_exclusive());
        }
        if let Ok(zone) = text.parse::<Zone>() {
            assert_eq!(zone.name().parse::<Zone>().map(|zone| zone.name().to_owned()), Ok(zone.name().to_owned()));
        }
    });
}

/// Asserts that the key that a path is read as has that path.
macro_rules! path_is_kept {
    ($text:expr, $($key:ty),+ $(,)?) => {
        $(if let Some(key) = <$key>::parse($text) {
            assert_eq!(key.path().to_string(), $text, "{key:?}");
        })+
    };
}

#[test]
fn key_of_any_path_has_that_path() {
    let digest = "daf99dc8e2b8c8479b21cad4e69e18f4";
    let trial = Trial::of(test!(key_of_any_path_has_that_path)).examples([
        format!("clicks/dt=2026-03-01/hr=22/1-2-{digest}.parquet"),
        format!("verdicts/dt=2026-03-01/hr=22/1-2-{digest}.parquet"),
        format!("identities/dt=2026-03-01/hr=22/1-2-{digest}.filter"),
        "manifests/clicks/2026-03-01T22.json".to_owned(),
        format!("segments/counters/dt=2026-03-01/hr=22/{digest}.parquet"),
        format!("receipts/counters/2026-03-01T22/{digest}-{digest}.json"),
        "promotions/counters/00000007.json".to_owned(),
        format!("evidence/nodes/clicks/dt=2026-03-01/hr=22/{digest}.nodes"),
        "personal/keys/2026-03-01T22.key".to_owned(),
        format!("personal/rejected/dt=2026-03-01/hr=22/1-2-{digest}.parquet"),
        "redactions/rejected/2026-03-01T22/00000002.json".to_owned(),
        "transparency/entries/000000000000/000000000000007".to_owned(),
        format!("transparency/cosignatures/000000000000/000000000000007/{digest}"),
        "transparency/tile/0/x001/234.p/7".to_owned(),
        "transparency/tile/entries/000".to_owned(),
        "coverage/clicks.json".to_owned(),
    ]);
    trial.run(|bytes| {
        let text = &*String::from_utf8_lossy(bytes);
        path_is_kept!(
            text,
            PartKey,
            StreamPartKey,
            FilterKey,
            ManifestKey,
            ReceiptKey,
            PromotionKey,
            RedactionKey,
            SegmentKey,
            NodesKey,
            SaltsKey,
            TransparencyKey,
        );
        let _ = (CoverageKey::parse(text), keys::remedy(text));
    });
}

#[test]
fn witness_or_salt_of_any_text_is_read_or_refused() {
    let key = "witness.example+0c2e6d15+BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";
    let trial = Trial::of(test!(witness_or_salt_of_any_text_is_read_or_refused));
    trial.example(format!("https://witness.example/={key}")).example(*b"\x07\x08").run(|bytes| {
        if let Ok(address) = String::from_utf8_lossy(bytes).parse::<Address>() {
            assert_eq!(address.to_string().parse(), Ok(address));
        }
        if let Ok(bytes) = <[u8; 32]>::try_from(bytes) {
            let _ = HourKey::from_bytes(bytes);
        }
    });
}

/// What lies in a store beside our objects is not taken for one, whose path would then be another.
#[test]
fn object_of_somebody_else_is_no_key() {
    let digest = "daf99dc8e2b8c8479b21cad4e69e18f4";
    for path in [
        format!("receipts/Mine%20too/2026-03-01T22/{digest}-{digest}.json"),
        "receipts/counters/2026-03-01T22/a-b.json".to_owned(),
        "promotions/caf\u{e9}/00000007.json".to_owned(),
        format!("clicks/dt=2026-03-01/hr=22/01-2-{digest}.parquet"),
        format!("clicks/dt=2026-03-01/hr=22/1-2-{}.parquet", "%".repeat(32)),
    ] {
        assert_eq!(ReceiptKey::parse(&path), None, "{path}");
        assert_eq!(PromotionKey::parse(&path), None, "{path}");
        assert_eq!(PartKey::parse(&path), None, "{path}");
    }
}
