//! Ads, their version, and the audit trail.

use clicktrail_catalog::Error;

use crate::{
    place::Place,
    samples::{ad, at},
};

pub(crate) async fn put_ads_counts_what_is_new_or_differs(place: Place) {
    let catalog = place.open().await;
    assert_eq!(catalog.put_ads(&[ad("a", 1), ad("b", 2)], "ann", at(0)).await.unwrap(), 2);
    assert_eq!(catalog.put_ads(&[ad("a", 1), ad("b", 3), ad("c", 4)], "ann", at(1)).await.unwrap(), 2);
    assert_eq!(catalog.list_ads("", 10).await.unwrap(), [ad("a", 1), ad("b", 3), ad("c", 4)]);
    let mut moved = ad("a", 1);
    moved.target_url = "https://example.com/elsewhere".to_owned();
    assert_eq!(catalog.put_ads(&[moved.clone()], "ann", at(2)).await.unwrap(), 1);
    moved.currency = "USD".to_owned();
    moved.campaign_id = "autumn".to_owned();
    moved.advertiser_id = "other".to_owned();
    assert_eq!(catalog.put_ads(&[moved.clone()], "ann", at(3)).await.unwrap(), 1);
    assert_eq!(catalog.list_ads("", 1).await.unwrap(), [moved]);
}

pub(crate) async fn version_grows_only_with_a_change(place: Place) {
    let catalog = place.open().await;
    let first = catalog.ads_version().await.unwrap();
    catalog.put_ads(&[ad("a", 1), ad("b", 1)], "ann", at(0)).await.unwrap();
    let second = catalog.ads_version().await.unwrap();
    assert!(second > first);
    assert_eq!(catalog.put_ads(&[ad("b", 1), ad("a", 1)], "ann", at(1)).await.unwrap(), 0);
    assert_eq!(catalog.put_ads(&[], "ann", at(2)).await.unwrap(), 0);
    assert_eq!(catalog.ads_version().await.unwrap(), second);
    catalog.put_ads(&[ad("b", 2)], "ann", at(3)).await.unwrap();
    assert!(catalog.ads_version().await.unwrap() > second);
}

pub(crate) async fn ads_are_listed_in_pages_by_the_bytes_of_their_ids(place: Place) {
    let catalog = place.open().await;
    let ids = ["10", "9", "B", "Z", "_", "a", "a b", "a-1", "ab", "z", "ä", "🦀"];
    let ads: Vec<_> = ids.iter().rev().map(|id| ad(id, 1)).collect();
    catalog.put_ads(&ads, "ann", at(0)).await.unwrap();
    let (mut listed, mut after) = (Vec::new(), String::new());
    loop {
        let page = catalog.list_ads(&after, 5).await.unwrap();
        assert!(page.len() <= 5);
        let Some(last) = page.last() else { break };
        after = last.ad_id.clone();
        listed.extend(page.into_iter().map(|ad| ad.ad_id));
    }
    assert_eq!(listed, ids);
    assert_eq!(catalog.list_ads("", 0).await.unwrap(), []);
}

pub(crate) async fn of_two_ads_with_one_id_the_last_stands(place: Place) {
    let catalog = place.open().await;
    catalog.put_ads(&[ad("a", 1)], "ann", at(0)).await.unwrap();
    let version = catalog.ads_version().await.unwrap();
    assert_eq!(catalog.put_ads(&[ad("a", 2), ad("a", 1)], "ann", at(1)).await.unwrap(), 0);
    assert_eq!(catalog.ads_version().await.unwrap(), version);
    assert_eq!(catalog.put_ads(&[ad("a", 1), ad("a", 2)], "ann", at(2)).await.unwrap(), 1);
    assert_eq!(catalog.list_ads("", 10).await.unwrap(), [ad("a", 2)]);
}

pub(crate) async fn one_bad_ad_keeps_the_others_out(place: Place) {
    let catalog = place.open().await;
    let error = catalog.put_ads(&[ad("a", 1), ad("b", -1)], "ann", at(0)).await.unwrap_err();
    let Error::Database(cause) = &error else { panic!("{error:?}") };
    assert!(cause.to_string().contains("ads_price_not_negative"), "{cause}");
    assert!(!error.is_transient());
    assert_eq!(catalog.list_ads("", 10).await.unwrap(), []);
    assert_eq!(catalog.ads_version().await.unwrap(), 0);
    assert_eq!(place.texts("SELECT action FROM audit").await, [""; 0]);
}

pub(crate) async fn every_put_leaves_one_audit_row(place: Place) {
    let catalog = place.open().await;
    catalog.put_ads(&[ad("a", 1), ad("b", 2)], "ann", at(0)).await.unwrap();
    catalog.put_ads(&[ad("a", 1), ad("b", 3)], "bob's key", at(1)).await.unwrap();
    catalog.put_ads(&[ad("b", 3)], "ann", at(2)).await.unwrap();
    let trail = "SELECT at || ' ' || actor || ' ' || action || ' ' || detail FROM audit ORDER BY audit_id";
    assert_eq!(
        place.texts(trail).await,
        [
            "1700000000000000 ann put_ads 2 of 2 are new or differ: a, b",
            "1700000000000001 bob's key put_ads 1 of 2 are new or differ: b",
            "1700000000000002 ann put_ads 0 of 1 are new or differ",
        ]
    );
}

pub(crate) async fn writers_of_the_same_ads_do_not_deadlock(place: Place) {
    let writer = async |price: i64| {
        let catalog = place.open().await;
        let ads: Vec<_> = (0..20).map(|n| ad(&format!("ad-{n}"), price)).collect();
        for n in 0..10 {
            catalog.put_ads(&ads, "ann", at(n)).await.unwrap();
        }
    };
    tokio::join!(writer(1), writer(2), writer(3));
    let catalog = place.open().await;
    let ads = catalog.list_ads("", 100).await.unwrap();
    assert_eq!(ads.len(), 20);
    assert!(ads.iter().all(|ad| ad.price_micros == ads[0].price_micros), "a put is whole or not at all");
    assert_eq!(place.texts("SELECT action FROM audit").await.len(), 30);
}
