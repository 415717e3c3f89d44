use clicktrail_evidence::tlog::Tile;
use proptest::prelude::*;

use super::*;

/// Hours of the years 0 to 9999: those that a key can name.
fn hours() -> impl Strategy<Value = Hour> {
    let of = |text| Hour::parse(text).unwrap().as_i64();
    (of("0000-01-01T00")..=of("9999-12-31T23")).prop_map(Hour::from_i64)
}

fn seqs() -> impl Strategy<Value = Seq> {
    (0..=Seq::MAX.get()).prop_map(|seq| Seq::new(seq).unwrap())
}

fn digests() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

proptest! {
    #[test]
    fn key_of_a_part_reads_back(hour in hours(), first in seqs(), last in seqs(), digest in digests(), core: bool) {
        let half = if core { Half::Core } else { Half::Personal };
        let key = PartKey::new(half, hour, first, last, &digest);
        prop_assert_eq!(PartKey::parse(key.path().as_ref()), Some(key));
        for stream in StreamPartKey::STREAMS {
            let key = StreamPartKey::new(stream, hour, first, last, &digest);
            prop_assert_eq!(StreamPartKey::parse(key.path().as_ref()), Some(key));
        }
        let key = FilterKey::new(hour, first, last, &digest);
        prop_assert_eq!(FilterKey::parse(key.path().as_ref()), Some(key));
    }

    #[test]
    fn key_of_an_hour_reads_back(
        hour in hours(),
        projection in "[a-z_]{1,20}",
        digest in digests(),
        code in digests(),
    ) {
        for stream in Stream::ALL {
            let key = ManifestKey { stream, hour };
            prop_assert_eq!(ManifestKey::parse(key.path().as_ref()), Some(key));
            let key = NodesKey::new(stream, hour, &digest);
            prop_assert_eq!(NodesKey::parse(key.path().as_ref()), Some(key));
        }
        let key = SaltsKey { hour };
        prop_assert_eq!(SaltsKey::parse(key.path().as_ref()), Some(key));
        let key = ErasureKey { id: uuid::Uuid::from_bytes(*digest.0.first_chunk().unwrap()) };
        prop_assert_eq!(ErasureKey::parse(key.path().as_ref()), Some(key));
        let number = u32::from_le_bytes([digest.0[0], digest.0[1], digest.0[2], digest.0[3]]);
        for number in [number, number % 1_000] {
            let key = PromotionKey { projection: projection.clone(), number };
            prop_assert_eq!(PromotionKey::parse(key.path().as_ref()), Some(key));
            for stream in RedactionKey::STREAMS {
                let key = RedactionKey { stream, hour, number };
                prop_assert_eq!(RedactionKey::parse(key.path().as_ref()), Some(key));
                prop_assert!(key.path().prefix_matches(&RedactionKey::prefix(stream, hour)));
                prop_assert!(key.path().prefix_matches(&RedactionKey::of_all_hours(stream)));
            }
        }
        let key = SegmentKey::new(&projection, hour, &digest);
        prop_assert_eq!(SegmentKey::parse(key.path().as_ref()), Some(key));
        let key = ReceiptKey::new(&projection, hour, &digest, &code);
        prop_assert_eq!(ReceiptKey::parse(key.path().as_ref()), Some(key));
    }
}

proptest! {
    #[test]
    fn key_of_the_log_of_hours_reads_back(number: u64, level in 0_u32..8, width in 1_u16..=256, small in 0_u64..3_000) {
        for number in [number, small] {
            let tile = Tile { level, index: number, width };
            for key in [
                TransparencyKey::Entry(number),
                TransparencyKey::Tile(tile),
                TransparencyKey::Entries(Tile { level: 0, ..tile }),
                TransparencyKey::Checkpoint(number),
                TransparencyKey::cosignature(number, "a key"),
                TransparencyKey::Newest,
            ] {
                prop_assert_eq!(TransparencyKey::parse(key.path().as_ref()), Some(key.clone()));
                prop_assert!(key.path().as_ref().starts_with(TransparencyKey::prefix().as_ref()));
            }
            let (prefix, first) = TransparencyKey::checkpoints_beside(number);
            prop_assert!(TransparencyKey::Checkpoint(number).path().prefix_matches(&prefix) && first <= number);
            prop_assert!(TransparencyKey::Checkpoint(first).path().prefix_matches(&prefix));
        }
    }
}

/// Keys are how what is stored is found again: they change with the layout of the archive alone.
#[test]
fn keys_are_those_of_the_present_layout() {
    let hour = Hour::parse("2026-11-22T04").unwrap();
    let digest = Digest([0xab; 32]);
    let (first, last, named) = (Seq::FIRST, Seq::new(99).unwrap(), "ab".repeat(16));
    let check = |path: Path, expected: &str| assert_eq!(path.as_ref(), expected.replace("<digest>", &named));
    let part = |half| PartKey::new(half, hour, first, last, &digest).path();
    check(part(Half::Core), "clicks/dt=2026-11-22/hr=04/1-99-<digest>.parquet");
    check(part(Half::Personal), "personal/dt=2026-11-22/hr=04/1-99-<digest>.parquet");
    let of = |stream| StreamPartKey::new(stream, hour, first, last, &digest).path();
    check(of(Stream::Verdicts), "verdicts/dt=2026-11-22/hr=04/1-99-<digest>.parquet");
    check(of(Stream::Invoices), "invoices/dt=2026-11-22/hr=04/1-99-<digest>.parquet");
    check(of(Stream::Rejected), "personal/rejected/dt=2026-11-22/hr=04/1-99-<digest>.parquet");
    check(
        NodesKey::new(Stream::Clicks, hour, &digest).path(),
        "evidence/nodes/clicks/dt=2026-11-22/hr=04/<digest>.nodes",
    );
    check(SaltsKey { hour }.path(), "personal/keys/2026-11-22T04.key");
    let redaction = |stream| RedactionKey { stream, hour, number: 2 }.path();
    check(redaction(Stream::Clicks), "redactions/2026-11-22T04/00000002.json");
    check(redaction(Stream::Rejected), "redactions/rejected/2026-11-22T04/00000002.json");
    let id = uuid::Uuid::from_u128(0xab);
    check(ErasureKey { id }.path(), "personal/erasures/00000000-0000-0000-0000-0000000000ab.json");
    check(PartKey::prefix(Half::Personal, hour), "personal/dt=2026-11-22/hr=04");
    let promotion = PromotionKey { projection: "counters".to_owned(), number: 42 };
    check(promotion.path(), "promotions/counters/00000042.json");
    check(CoverageKey.path(), "coverage/clicks.json");
    assert_eq!(CoverageKey::parse(CoverageKey.path().as_ref()), Some(CoverageKey));
    let filter = FilterKey::new(hour, first, last, &digest).path();
    check(filter, "identities/dt=2026-11-22/hr=04/1-99-<digest>.filter");
    check(ManifestKey { stream: Stream::Clicks, hour }.path(), "manifests/clicks/2026-11-22T04.json");
    check(SegmentKey::new("counters", hour, &digest).path(), "segments/counters/dt=2026-11-22/hr=04/<digest>.parquet");
    let receipt = ReceiptKey::new("counters", hour, &digest, &digest).path();
    check(receipt, "receipts/counters/2026-11-22T04/<digest>-<digest>.json");
    check(ReceiptKey::prefix("counters", hour), "receipts/counters/2026-11-22T04");
}

#[test]
fn keys_of_the_log_of_hours_are_those_of_a_tiled_log() {
    let check =
        |key: TransparencyKey, expected: &str| assert_eq!(key.path().as_ref(), format!("transparency/{expected}"));
    let tile = |level, width| Tile { level, index: 1_234_067, width };
    check(TransparencyKey::Entry(1_234), "entries/000000000001/000000000001234");
    check(TransparencyKey::Checkpoint(1_234), "checkpoints/000000000001/000000000001234");
    check(TransparencyKey::Tile(tile(2, 256)), "tile/2/x001/x234/067");
    check(TransparencyKey::Tile(tile(0, 7)), "tile/0/x001/x234/067.p/7");
    check(TransparencyKey::Entries(tile(0, 7)), "tile/entries/x001/x234/067.p/7");
    check(TransparencyKey::Newest, "checkpoint");
    let cosignature = TransparencyKey::cosignature(7, "key").path();
    assert!(cosignature.as_ref().starts_with("transparency/cosignatures/000000000000/000000000000007/"));
    for path in [
        "transparency/",
        "transparency/checkpoint/",
        "transparency/entries/1",
        "transparency/entries/000000000000/000000000001234",
        "transparency/entries/000000000001/00000000001234",
        "transparency/tile/0/67",
        "transparency/tile/00/067",
        "transparency/tile/0/067.p/256",
        "transparency/tile/0/067.p/0",
        "transparency/tile/0/067.p/07",
        "transparency/tile/64/067",
        "transparency/cosignatures/000000000000/000000000000007/short",
        "other/checkpoint",
    ] {
        assert_eq!(TransparencyKey::parse(path), None, "{path}");
    }
}

#[test]
fn foreign_keys_are_not_ours() {
    for path in [
        "",
        "clicks",
        "clicks/dt=2026-11-22/hr=14/x.parquet",
        "verdicts",
        "verdicts/dt=2026-11-22/hr=14/x.parquet",
        "verdictsdt=2026-11-22/hr=14/1-2-00000000000000000000000000000000.parquet",
        "rejected/dt=2026-11-22/hr=14/1-2-00000000000000000000000000000000.parquet",
        "invoices/bases/00000000000000000000000000000000.json",
        "identities/dt=2026-11-22/hr=14/1-2-00000000000000000000000000000000.parquet",
        "manifests/other/2026-11-22T14.json",
        "segments/a/b",
        "promotions/counters/42.json",
        "promotions/counters/000000042.json",
        "promotions/counters/+0000042.json",
    ] {
        assert_eq!(PromotionKey::parse(path), None, "{path}");
        assert_eq!(PartKey::parse(path), None, "{path}");
        assert_eq!(StreamPartKey::parse(path), None, "{path}");
        assert_eq!(FilterKey::parse(path), None, "{path}");
        assert_eq!(ManifestKey::parse(path), None, "{path}");
        assert_eq!(SegmentKey::parse(path), None, "{path}");
        assert_eq!(ReceiptKey::parse(path), None, "{path}");
    }
}
