//! A catalog of which rows were lost or changed: nothing is answered from it, and a rebuild can begin all the same.

use clicktrail_catalog::{Became, Catalog, Error, Forget, JudgedFrames, KnownFrame, LaterRuling, Mark};
use clicktrail_log::{
    log::Stream,
    position::{Epoch, Position, Seq},
};

use crate::{
    place::Place,
    samples::{COUNTERS, ad, at, digest, equal, hour, partial, sealed, segment, seq},
};

const MARK: Mark = Mark { clicks_through: Seq::FIRST, verdicts_through: Seq::FIRST };

/// Two sealed hours, two partials behind them, marks, and a later ruling about the first hour.
async fn fill(catalog: &dyn Catalog) {
    for (after, first, last) in [(0, 1, 10), (1, 11, 20)] {
        catalog
            .seal(&sealed(hour(after), first, last), &segment(hour(after)), &|_| equal(hour(after), 0))
            .await
            .unwrap();
    }
    catalog.put_partial(&partial(hour(2), 21, 25)).await.unwrap();
    catalog.put_partial(&partial(hour(2), 26, 30)).await.unwrap();
    let frames = JudgedFrames { clicks: Some(digest(1)), verdicts: Some(digest(2)) };
    catalog.put_judged(&Mark::NOTHING, &MARK, frames).await.unwrap();
    let first = Position::new(Epoch::FIRST, seq(1), 0);
    let later = LaterRuling { click_seq: seq(5), first, last: first, verdicts: 1 };
    catalog.put_later_rulings(&[later], Seq::ZERO, (seq(3), Some(digest(3)))).await.unwrap();
    catalog.put_ads(&[ad("a", 1), ad("b", 2)], "ann", at(0)).await.unwrap();
}

/// Everything that answers are made of.
async fn read(catalog: &dyn Catalog) -> Result<(), Error> {
    catalog.snapshot(COUNTERS, hour(-9), hour(9)).await?;
    catalog.list_hours(hour(-9), 99).await?;
    catalog.reconciliations(hour(-9), 99).await?;
    catalog.making().await.map(|_| ())
}

/// Does this to a catalog, and demands that reading it is refused with what helps, until it was mended.
async fn check(place: &Place, damage: &'static str) {
    place.execute(damage).await;
    let catalog = place.open().await;
    let error = read(catalog.as_ref()).await.expect_err(damage);
    assert!(matches!(error, Error::Damaged(_)), "{damage}: {error:?}");
    assert!(error.to_string().ends_with("run `clicktrail catalog rebuild`"), "{damage}: {error}");
    let mended = catalog.mend(Forget::Damaged, 0, at(7)).await.unwrap();
    assert!(!mended.taken_out.is_empty() && mended.lost.is_empty(), "{damage}: {mended:?}");
    let again = place.open().await;
    read(again.as_ref()).await.unwrap();
    assert_eq!(again.mend(Forget::Damaged, 0, at(8)).await.unwrap().taken_out, Vec::<String>::new(), "{damage}");
}

macro_rules! refused_until_mended {
    ($($claim:ident: $damage:expr;)+) => {
        $(pub(crate) async fn $claim(place: Place) {
            fill(place.open().await.as_ref()).await;
            check(&place, $damage).await;
        })+
    };
}

refused_until_mended! {
    changed_hour_is_refused: "UPDATE hours SET rows = rows + 1 WHERE hour = 490000";
    changed_segment_is_refused: "UPDATE segments SET rows = 0 WHERE hour = 490001";
    changed_comparison_is_refused: "UPDATE reconciliations SET hot_rows = 5 WHERE hour = 490001";
    changed_counts_are_refused: "UPDATE hot_partials SET payload_digest = '00', row_digest = '' WHERE first_seq = 21";
    changed_end_of_counting_is_refused: "UPDATE hot_partials SET last_seq = 99 WHERE first_seq = 26";
    changed_pointer_is_refused:
        "UPDATE live_segments SET generation = '000000000000000a', knows_before = 5 WHERE hour = 490001";
    changed_mark_is_refused: "UPDATE verdict_marks SET clicks_judged = 19";
    lost_marks_are_refused: "DELETE FROM verdict_marks";
    lost_making_is_refused: "DELETE FROM catalog_generation";
    lost_later_rulings_are_refused: "DELETE FROM later_rulings";
    changed_later_ruling_is_refused: "UPDATE later_rulings SET click_seq = 15";
}

pub(crate) async fn last_frames_are_known_by_digest(place: Place) {
    let catalog = place.open().await;
    fill(catalog.as_ref()).await;
    let known = |stream, frame, of, became| KnownFrame { stream, seq: seq(frame), digest: digest(of), became };
    assert_eq!(
        catalog.known_frames().await.unwrap(),
        [
            known(Stream::Clicks, 30, 30, Became::Counted),
            known(Stream::Clicks, 1, 1, Became::Judged),
            known(Stream::Verdicts, 1, 2, Became::Judged),
            known(Stream::Verdicts, 3, 3, Became::Followed),
        ]
    );
    catalog.mend(Forget::OpenFrames, 0, at(1)).await.unwrap();
    assert_eq!(catalog.known_frames().await.unwrap(), []);
    assert_eq!(catalog.counted_through().await.unwrap(), seq(20));
    assert_eq!(catalog.judged().await.unwrap(), Mark::NOTHING);
}

/// What migration 0009 makes of the rows that it finds.
pub(crate) async fn rows_of_earlier_versions_are_read_and_not_compared(place: Place) {
    let catalog = place.open().await;
    fill(catalog.as_ref()).await;
    let before = catalog.snapshot(COUNTERS, hour(-9), hour(9)).await.unwrap();
    place
        .execute(
            "UPDATE hours SET row_digest = ''; UPDATE segments SET row_digest = '';
             UPDATE reconciliations SET row_digest = '';
             UPDATE hot_partials SET row_digest = '', payload_digest = '', last_frame = '';
             UPDATE verdict_marks SET row_digest = '', clicks_frame = '', verdicts_frame = '', followed_frame = ''",
        )
        .await;
    let mut after = catalog.snapshot(COUNTERS, hour(-9), hour(9)).await.unwrap();
    for partial in &mut after.partials {
        assert_eq!(partial.last_frame.replace(digest(partial.last_seq.get())), None);
    }
    assert_eq!(after, before);
    assert_eq!(catalog.known_frames().await.unwrap(), []);
    assert_eq!(catalog.mend(Forget::Damaged, 0, at(1)).await.unwrap().taken_out, Vec::<String>::new());
}

pub(crate) async fn registry_that_contradicts_itself_is_named_and_not_made_up(place: Place) {
    let catalog = place.open().await;
    fill(catalog.as_ref()).await;
    assert_eq!(catalog.lost().await.unwrap(), Vec::<String>::new());
    place.execute("UPDATE ads SET price_micros = 7 WHERE ad_id = 'a'; DELETE FROM ads WHERE ad_id = 'b'").await;
    // Whoever can write the database can take away what keeps it append-only.
    let unguarded = match place {
        Place::Sqlite(_) => "DROP TRIGGER audit_is_not_deleted",
        Place::Postgres(_) => "DROP TRIGGER audit_is_append_only ON audit",
    };
    place.execute(unguarded).await;
    place.execute("DELETE FROM audit; DELETE FROM ads_version").await;
    let mended = catalog.mend(Forget::Damaged, 0, at(1)).await.unwrap();
    assert_eq!(mended.taken_out, ["no row in ads_version"]);
    assert_eq!(
        mended.lost,
        [
            "the registry has lost ads of which a change is kept: b; restore the catalog's backup",
            "ads are registered otherwise than their last change says: a; restore the catalog's backup",
            "the audit trail is empty, though ads are registered; restore the catalog's backup",
        ]
    );
    assert_eq!(catalog.list_ads("", 9).await.unwrap(), [ad("a", 7)]);
}
