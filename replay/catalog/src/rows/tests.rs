//! What is stored comes back as it was: one value of every kind, through the tables.

use clicktrail_verdicts::judge::Mark;
use proptest::prelude::*;

use crate::{
    Ad, Catalog, HotPartial, JudgedFrames, LaterRuling, Outcome, Reconciliation, SealedHour, Segment, Sqlite, StaleHour,
};
use clicktrail_log::{
    frame::Digest,
    position::{Epoch, Position, Seq},
    time::{Hour, Timestamp},
};

/// One of everything that the catalog keeps, about one hour and the frames behind it.
#[derive(Debug, Clone)]
struct World {
    ad: Ad,
    hour: SealedHour,
    segment: Segment,
    reconciliation: Reconciliation,
    partial: HotPartial,
    judged: Mark,
    later: LaterRuling,
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9/-]{1,12}", "\\PC{1,20}"]
}

/// What a column of 64 bits with a sign can hold.
fn count() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..1_000, 0..=i64::MAX.unsigned_abs()]
}

fn ads() -> impl Strategy<Value = Ad> {
    let texts = [text(), text(), text(), text(), text()];
    (texts, prop_oneof![0_i64..1_000_000, 0..=i64::MAX]).prop_map(|(texts, price_micros)| {
        let [ad_id, advertiser_id, campaign_id, target_url, currency] = texts;
        Ad { ad_id, advertiser_id, campaign_id, target_url, price_micros, currency }
    })
}

fn seq(value: u64) -> Seq {
    Seq::new(value).unwrap()
}

fn hours() -> impl Strategy<Value = SealedHour> {
    // Room for a partial behind the last frame.
    let frames = (1..Seq::MAX.get() / 2, 0..Seq::MAX.get() / 4);
    let at = prop_oneof![400_000_i64..500_000, i64::MIN / 4..i64::MAX / 4];
    (at, frames, 1_u8..=127, count(), any::<u32>(), count(), text()).prop_map(
        |(hour, (first, length), epoch, rows, parts, bytes, manifest_digest)| SealedHour {
            hour: Hour::from_i64(hour),
            first_seq: seq(first),
            last_seq: seq(first + length),
            epoch,
            rows,
            parts,
            bytes,
            manifest_digest,
        },
    )
}

fn segments() -> impl Strategy<Value = Segment> {
    let texts = [text(), text(), text(), text(), text()];
    (texts, count(), count(), any::<i64>()).prop_map(|(texts, bytes, rows, verdicts_before)| {
        let [projection, key, input_digest, code_digest, output_digest] = texts;
        let hour = Hour::from_i64(0);
        Segment { projection, hour, key, bytes, rows, input_digest, code_digest, output_digest, verdicts_before }
    })
}

fn worlds() -> impl Strategy<Value = World> {
    let outcome = prop_oneof![Just(Outcome::Equal), Just(Outcome::Incomplete), Just(Outcome::Different)];
    let compared = (outcome, count(), count(), "\\PC{0,30}", any::<i64>());
    let counted = (1_u64..1_000, proptest::collection::vec(any::<u8>(), 0..200));
    let judged = (0..=Seq::MAX.get(), 0..=Seq::MAX.get());
    // Of the verdict frames 1 to 10; positions of the verdict log.
    let later = (1_u64..=5, 0_u64..=5, any::<u16>(), 1..=i64::MAX.unsigned_abs());
    (ads(), hours(), segments(), compared, counted, judged, later).prop_map(
        |(ad, hour, segment, compared, (frames, payload), judged, (first, more, row, verdicts))| {
            let (outcome, sealed_rows, hot_rows, detail, at) = compared;
            let segment = Segment { hour: hour.hour, ..segment };
            let place = |frame: u64| Position::new(Epoch::FIRST, seq(frame), row);
            World {
                ad,
                reconciliation: Reconciliation {
                    projection: segment.projection.clone(),
                    hour: hour.hour,
                    outcome,
                    sealed_rows,
                    hot_rows,
                    detail,
                    compared_at: Timestamp::from_micros(at),
                },
                partial: HotPartial {
                    hour: hour.hour.next(),
                    first_seq: hour.last_seq.next(),
                    last_seq: seq(hour.last_seq.get() + frames),
                    last_frame: Some(Digest::of(&payload)),
                    payload: payload.into(),
                },
                judged: Mark { clicks_through: seq(judged.0), verdicts_through: seq(judged.1) },
                later: LaterRuling {
                    click_seq: hour.first_seq,
                    first: place(first),
                    last: place(first + more),
                    verdicts,
                },
                hour,
                segment,
            }
        },
    )
}

async fn put(catalog: &Sqlite, world: &World) {
    let now = Timestamp::from_micros(0);
    catalog.put_ads(std::slice::from_ref(&world.ad), "test", now).await.unwrap();
    catalog.seal(&world.hour, &world.segment, &|_| world.reconciliation.clone()).await.unwrap();
    catalog.put_partial(&world.partial).await.unwrap();
    catalog.put_judged(&Mark::NOTHING, &world.judged, JudgedFrames::default()).await.unwrap();
    catalog.put_later_rulings(&[world.later], Seq::ZERO, (seq(10), None)).await.unwrap();
}

async fn check(catalog: &Sqlite, world: &World) {
    let at = world.hour.hour;
    assert_eq!(catalog.list_ads("", 10).await.unwrap(), std::slice::from_ref(&world.ad));
    assert_eq!(catalog.last_hour().await.unwrap(), Some(world.hour.clone()));
    assert_eq!(catalog.live_segment(&world.segment.projection, at).await.unwrap(), Some(world.segment.clone()));
    assert_eq!(catalog.reconciliations(at, 10).await.unwrap(), std::slice::from_ref(&world.reconciliation));
    assert_eq!(catalog.partials(at.next(), Seq::ZERO, u32::MAX).await.unwrap(), std::slice::from_ref(&world.partial));
    assert_eq!(catalog.counted_through().await.unwrap(), world.partial.last_seq);
    assert_eq!(catalog.judged().await.unwrap(), world.judged);
    let LaterRuling { first, last, verdicts, .. } = world.later;
    assert_eq!(
        catalog.stale_hours(&world.segment.projection, at, 10).await.unwrap(),
        [StaleHour { hour: at, first, last, verdicts }]
    );
}

proptest! {
    // Each case makes a catalog in a file of its own.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn everything_comes_back_as_it_was_stored(world in worlds()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("catalog.sqlite");
            let catalog = Sqlite::open(&file).await.unwrap();
            put(&catalog, &world).await;
            check(&catalog, &world).await;
            drop(catalog);
            check(&Sqlite::open(&file).await.unwrap(), &world).await;
        });
    }
}
