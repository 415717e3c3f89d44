//! Ads, their version, and the audit trail.

use clicktrail_catalog::{AdAction, Catalog, Error, Pause, Paused};

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

/// The changes of an ad: action, actor, time, before and after as `price/target/paused`.
async fn changes(catalog: &dyn Catalog, ad_id: &str) -> Vec<String> {
    let show = |state: &clicktrail_catalog::RegisteredAd| {
        format!("{}/{}/{}", state.ad.price_micros, state.ad.target_url, state.is_paused)
    };
    let found = catalog.ad_changes(ad_id, 0, 100).await.unwrap();
    assert!(found.is_sorted_by_key(|change| change.number));
    found
        .iter()
        .map(|change| {
            let before = change.before.as_ref().map_or("-".to_owned(), show);
            let (action, time) = (change.action.as_str(), change.at.micros() - at(0).micros());
            format!("{action} by {} at {time}: {before} to {}", change.actor, show(&change.after))
        })
        .collect()
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

pub(crate) async fn every_change_of_an_ad_is_kept_with_before_and_after(place: Place) {
    let catalog = place.open().await;
    catalog.put_ads(&[ad("a", 1), ad("b", 2)], "ann", at(0)).await.unwrap();
    catalog.put_ads(&[ad("a", 7), ad("b", 2)], "bob", at(1)).await.unwrap();
    let mut moved = ad("a", 7);
    moved.target_url = "https://example.com/new".to_owned();
    catalog.put_ads(&[moved.clone()], "ann", at(2)).await.unwrap();
    catalog.put_ads(&[moved], "ann", at(3)).await.unwrap();
    assert_eq!(
        changes(catalog.as_ref(), "a").await,
        [
            "add by ann at 0: - to 1/https://example.com/a/false",
            "change by bob at 1: 1/https://example.com/a/false to 7/https://example.com/a/false",
            "change by ann at 2: 7/https://example.com/a/false to 7/https://example.com/new/false",
        ]
    );
    assert_eq!(changes(catalog.as_ref(), "b").await, ["add by ann at 0: - to 2/https://example.com/b/false"]);
    let first = catalog.ad_changes("a", 0, 1).await.unwrap().pop().unwrap();
    assert_eq!((first.action, first.before), (AdAction::Add, None));
    let rest = catalog.ad_changes("a", first.number, 100).await.unwrap();
    assert_eq!(rest.iter().map(|change| change.at).collect::<Vec<_>>(), [at(1), at(2)]);
}

pub(crate) async fn pauses_have_a_beginning_and_an_end(place: Place) {
    let catalog = place.open().await;
    catalog.put_ads(&[ad("a", 1), ad("b", 2), ad("c", 3)], "ann", at(0)).await.unwrap();
    let version = catalog.ads_version().await.unwrap();
    let done = |paused| Paused::Done(paused);
    assert_eq!(catalog.pause_ads(&ids(&["a", "b", "a"]), true, "ann", at(5)).await.unwrap(), done(2));
    let paused = catalog.ads_version().await.unwrap();
    assert!(paused > version);
    assert_eq!(catalog.pause_ads(&ids(&["a"]), true, "ann", at(6)).await.unwrap(), done(0));
    assert_eq!(catalog.ads_version().await.unwrap(), paused);
    let now = catalog.ad("a").await.unwrap().unwrap();
    assert_eq!((now.ad, now.is_paused, catalog.ad("z").await.unwrap()), (ad("a", 1), true, None));
    assert_eq!(catalog.pause_ads(&ids(&["a", "c"]), false, "bob", at(9)).await.unwrap(), done(1));
    assert_eq!(catalog.pause_ads(&ids(&["a"]), true, "bob", at(20)).await.unwrap(), done(1));
    let pause =
        |id: &str, from, until: Option<i64>| Pause { ad_id: id.to_owned(), from: at(from), until: until.map(at) };
    let all = [pause("a", 5, Some(9)), pause("a", 20, None), pause("b", 5, None)];
    assert_eq!(catalog.list_pauses(None, 100).await.unwrap(), all);
    let (mut listed, mut after): (Vec<Pause>, Option<Pause>) = (Vec::new(), None);
    while let Some(next) = catalog.list_pauses(after.as_ref(), 1).await.unwrap().pop() {
        listed.push(next.clone());
        after = Some(next);
    }
    assert_eq!(listed, all);
    assert!(!all[0].holds(at(4)) && all[0].holds(at(5)) && all[0].holds(at(8)) && !all[0].holds(at(9)));
    assert_eq!(
        changes(catalog.as_ref(), "a").await[1..],
        [
            "pause by ann at 5: 1/https://example.com/a/false to 1/https://example.com/a/true",
            "resume by bob at 9: 1/https://example.com/a/true to 1/https://example.com/a/false",
            "pause by bob at 20: 1/https://example.com/a/false to 1/https://example.com/a/true",
        ]
    );
    let trail = "SELECT actor || ' ' || action || ' ' || detail FROM audit WHERE action <> 'put_ads' ORDER BY audit_id";
    assert_eq!(
        place.texts(trail).await,
        [
            "ann pause_ads 2 of 2 were paused: a, b",
            "ann pause_ads 0 of 1 were paused",
            "bob resume_ads 1 of 2 were resumed: a",
            "bob pause_ads 1 of 1 were paused: a",
        ]
    );
}

pub(crate) async fn pausing_an_ad_that_is_not_registered_changes_nothing(place: Place) {
    let catalog = place.open().await;
    catalog.put_ads(&[ad("a", 1)], "ann", at(0)).await.unwrap();
    let outcome = catalog.pause_ads(&ids(&["z", "a", "y"]), true, "ann", at(1)).await.unwrap();
    assert_eq!(outcome, Paused::Unknown(ids(&["y", "z"])));
    assert_eq!(catalog.list_pauses(None, 10).await.unwrap(), []);
    assert_eq!(place.texts("SELECT action FROM audit").await, ["put_ads"]);
}

pub(crate) async fn pause_outlives_a_change_and_a_clock_that_goes_back(place: Place) {
    let catalog = place.open().await;
    catalog.put_ads(&[ad("a", 1)], "ann", at(0)).await.unwrap();
    catalog.pause_ads(&ids(&["a"]), true, "ann", at(10)).await.unwrap();
    catalog.put_ads(&[ad("a", 2)], "ann", at(11)).await.unwrap();
    assert_eq!(
        changes(catalog.as_ref(), "a").await.last().unwrap(),
        "change by ann at 11: 1/https://example.com/a/true to 2/https://example.com/a/true"
    );
    catalog.pause_ads(&ids(&["a"]), false, "ann", at(3)).await.unwrap();
    catalog.pause_ads(&ids(&["a"]), true, "ann", at(4)).await.unwrap();
    let pauses = catalog.list_pauses(None, 10).await.unwrap();
    assert_eq!((pauses[0].from, pauses[0].until), (at(10), Some(at(11))));
    assert_eq!((pauses[1].from, pauses[1].until), (at(12), None));
}
