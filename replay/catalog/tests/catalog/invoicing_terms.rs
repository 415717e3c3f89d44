//! Terms and periods: versions that apply from a day on, and instants that are frozen.

use clicktrail_catalog::{
    AuditFilter,
    invoicing::{TERMS_BYTES_MAX, Terms, TermsStored},
};

use crate::{
    invoicing_samples::{assert_refused, period, sum, terms},
    place::Place,
    samples::at,
};

fn versions(found: &[Terms]) -> Vec<(&str, u32)> {
    found.iter().map(|terms| (terms.advertiser_id.as_str(), terms.version)).collect()
}

pub(crate) async fn terms_get_a_version_only_if_they_say_something_else(place: Place) {
    let catalog = place.open().await;
    let new = |version| TermsStored { version, is_new: true };
    let same = |version| TermsStored { version, is_new: false };
    let first = [terms("b", "2026-01-01", "{}"), terms("a", "2026-01-01", "{}"), terms("b", "2026-02-01", "{}")];
    assert_eq!(catalog.put_terms(&first, "ann", at(0)).await.unwrap(), [new(1), new(1), new(2)]);
    let again = [terms("b", "2026-02-01", "{}"), terms("b", "2026-01-01", "{}"), terms("b", "2026-01-01", "{}")];
    assert_eq!(catalog.put_terms(&again, "bob", at(1)).await.unwrap(), [same(2), new(3), same(3)]);
    let found = catalog.terms("b", 3).await.unwrap().unwrap();
    assert_eq!((found.created_by.as_str(), found.created_at, found.digest), ("bob", at(1), sum("{}")));
    assert_eq!(catalog.terms("b", 4).await.unwrap(), None);
    assert_eq!(versions(&catalog.list_accounts("", 1).await.unwrap()), [("a", 1)]);
    assert_eq!(versions(&catalog.list_accounts("a", 9).await.unwrap()), [("b", 3)]);
    assert_eq!(versions(&catalog.terms_of("b", 1, 9).await.unwrap()), [("b", 2), ("b", 3)]);
    catalog.put_seller("2026-01-01", "{}", &sum("{}"), "ann", at(2)).await.unwrap();
    assert_eq!(versions(&catalog.all_terms(None, 2).await.unwrap()), [("a", 1), ("b", 1)]);
    assert_eq!(versions(&catalog.all_terms(Some(("b", 1)), 9).await.unwrap()), [("b", 2), ("b", 3)]);
    let trail = catalog.audit_log(&AuditFilter::default(), 9).await.unwrap();
    let details: Vec<_> = trail.iter().map(|row| (row.entry.actor.as_str(), row.entry.detail.as_str())).collect();
    assert_eq!(
        details,
        [
            ("ann", "3: b v1 from 2026-01-01, a v1 from 2026-01-01, b v2 from 2026-02-01"),
            ("bob", "1: b v3 from 2026-01-01"),
            ("ann", "1: the seller v1 from 2026-01-01"),
        ]
    );
}

pub(crate) async fn terms_apply_by_the_latest_validity_then_the_last_version(place: Place) {
    let catalog = place.open().await;
    let all = [
        terms("a", "2026-03-01", "one"),
        terms("a", "2026-01-01", "two"),
        terms("a", "2026-03-01", "three"),
        terms("a", "2026-09-01", "four"),
        terms("z", "2026-04-01", "five"),
    ];
    catalog.put_terms(&all, "ann", at(0)).await.unwrap();
    for (date, expected) in [
        ("2025-12-31", None),
        ("2026-01-01", Some("two")),
        ("2026-02-28", Some("two")),
        ("2026-03-01", Some("three")),
        ("2026-08-31", Some("three")),
        ("2027-01-01", Some("four")),
    ] {
        let found = catalog.terms_at("a", date).await.unwrap().map(|terms| terms.text);
        assert_eq!(found.as_deref(), expected, "{date}");
        let listed = catalog.accounts_at(date, "", 9).await.unwrap();
        let listed = listed.into_iter().find(|terms| terms.advertiser_id == "a").map(|terms| terms.text);
        assert_eq!(listed, found, "{date}");
    }
    assert_eq!(versions(&catalog.accounts_at("2026-05-01", "", 1).await.unwrap()), [("a", 3)]);
    assert_eq!(versions(&catalog.accounts_at("2026-05-01", "a", 9).await.unwrap()), [("z", 1)]);
    assert_refused(catalog.terms_at("a", "2026-3-1").await, "not as in 2026-03-31");
}

pub(crate) async fn seller_has_versions_and_is_no_account(place: Place) {
    let catalog = place.open().await;
    assert_eq!(catalog.seller_at("2026-01-01").await.unwrap(), None);
    for (text, is_new) in [("{}", true), ("{}", false), ("{\"a\":1}", true)] {
        let stored = catalog.put_seller("2026-01-01", text, &sum(text), "ann", at(0)).await.unwrap();
        assert_eq!(stored.is_new, is_new);
    }
    assert_eq!(catalog.seller_at("2026-01-01").await.unwrap().unwrap().version, 2);
    assert_eq!(catalog.seller(1).await.unwrap().unwrap().text, "{}");
    assert_eq!(catalog.list_accounts("", 9).await.unwrap(), []);
    assert_eq!(catalog.accounts_at("2026-05-01", "", 9).await.unwrap(), []);
    assert_refused(catalog.put_terms(&[terms("", "2026-01-01", "x")], "ann", at(0)).await, "without an id");
}

pub(crate) async fn terms_that_are_too_large_or_malformed_are_refused_whole(place: Place) {
    let catalog = place.open().await;
    let good = terms("a", "2026-01-01", "{}");
    for (bad, why) in [
        (terms("b", "2026-01-01", &"x".repeat(TERMS_BYTES_MAX + 1)), "terms of b of 65537 bytes"),
        (terms("b", "01.01.2026", "{}"), "valid-from date of b"),
        (terms(&"b".repeat(513), "2026-01-01", "{}"), "advertiser of 513 bytes"),
        (terms("b", "2026-01-01", "a\0b"), "U+0000"),
    ] {
        assert_refused(catalog.put_terms(&[good.clone(), bad], "ann", at(0)).await, why);
    }
    assert_eq!(catalog.list_accounts("", 9).await.unwrap(), []);
    let largest = terms("b", "2026-01-01", &"x".repeat(TERMS_BYTES_MAX));
    catalog.put_terms(&[good, largest], "ann", at(0)).await.unwrap();
}

pub(crate) async fn period_is_frozen_by_whoever_names_it_first(place: Place) {
    let catalog = place.open().await;
    let march = period("2026-03", "Europe/Berlin", 100, 200);
    let frozen = catalog.put_period(&march, "ann", at(0)).await.unwrap();
    assert_eq!((&frozen.frozen, frozen.created_by.as_str(), &frozen.closed), (&march, "ann", &None));
    // A later edition of the rules says otherwise.
    let mut later = period("2026-03", "Europe/Berlin", 101, 201);
    later.tzdb = "2026a".to_owned();
    assert_eq!(catalog.put_period(&later, "bob", at(1)).await.unwrap(), frozen);
    let overlapping = period("2026-04", "Europe/Berlin", 199, 300);
    assert_refused(catalog.put_period(&overlapping, "ann", at(1)).await, "shares instants with 2026-03");
    let april = period("2026-04", "Europe/Berlin", 200, 300);
    catalog.put_period(&april, "ann", at(2)).await.unwrap();
    catalog.put_period(&period("2026-04", "Asia/Kolkata", 150, 250), "ann", at(2)).await.unwrap();
    // Parts of a month are of accounts that had other terms before: they share instants with the whole.
    for (name, from) in [("2026-04-13", 240), ("2026-04-20", 260)] {
        catalog.put_period(&period(name, "Europe/Berlin", from, 300), "ann", at(2)).await.unwrap();
    }
    assert_refused(
        catalog.put_period(&period("2026-05", "Europe/Berlin", 299, 400), "ann", at(1)).await,
        "shares instants with 2026-04",
    );
    assert_refused(catalog.put_period(&period("x", "UTC", 5, 5), "ann", at(2)).await, "not whole minutes in order");
    let names = |found: Vec<clicktrail_catalog::invoicing::Period>| {
        found.into_iter().map(|period| (period.frozen.name, period.frozen.zone)).collect::<Vec<_>>()
    };
    let pair = |name: &str, zone: &str| (name.to_owned(), zone.to_owned());
    let (berlin, kolkata) = ("Europe/Berlin", "Asia/Kolkata");
    assert_eq!(names(catalog.periods(None, 2).await.unwrap()), [pair("2026-03", berlin), pair("2026-04", kolkata)]);
    let rest = catalog.periods(Some(("2026-04", kolkata)), 9).await.unwrap();
    assert_eq!(names(rest), ["2026-04", "2026-04-13", "2026-04-20"].map(|name| pair(name, berlin)));
}

pub(crate) async fn period_is_closed_once(place: Place) {
    let catalog = place.open().await;
    let march = period("2026-03", "UTC", 100, 200);
    assert_refused(catalog.close_period("2026-03", "UTC", "ann", at(0)).await, "never frozen");
    catalog.put_period(&march, "ann", at(0)).await.unwrap();
    let closed = catalog.close_period("2026-03", "UTC", "ann", at(1)).await.unwrap();
    assert_eq!(closed.closed, Some((at(1), "ann".to_owned())));
    assert_eq!(catalog.close_period("2026-03", "UTC", "bob", at(2)).await.unwrap(), closed);
    assert_eq!(catalog.period("2026-03", "UTC").await.unwrap(), Some(closed));
    let actions = place.texts("SELECT action FROM audit ORDER BY audit_id").await;
    assert_eq!(actions, ["put_period", "close_period"]);
}
