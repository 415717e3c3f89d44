//! The audit trail: what it keeps, how it is read, and that nobody changes it.

use clicktrail_catalog::{AuditEntry, AuditFilter, AuditResult};

use crate::{
    place::Place,
    samples::{ad, at},
};

fn entry(actor: &str, action: &str, result: AuditResult) -> AuditEntry {
    let (reason, detail) = ("why \u{1f50d}".to_owned(), format!("{action} of 'it'"));
    AuditEntry { actor: actor.to_owned(), action: action.to_owned(), reason, result, detail }
}

pub(crate) async fn what_was_done_is_read_in_pages_by_time_actor_and_action(place: Place) {
    let catalog = place.open().await;
    let entries = [
        entry("ann", "promote", AuditResult::Refused),
        entry("bob", "promote", AuditResult::Done),
        entry("ann", "rollback", AuditResult::Failed),
        entry("ann", "promote", AuditResult::Done),
    ];
    // The clock goes back: what was written later comes later.
    for (entry, second) in entries.iter().zip([10, 20, 15, 30]) {
        catalog.audit(entry, at(second)).await.unwrap();
    }
    let ask = async |filter: AuditFilter| -> Vec<AuditEntry> {
        let (mut filter, mut found) = (filter, Vec::new());
        loop {
            let page = catalog.audit_log(&filter, 1).await.unwrap();
            let Some(last) = page.last() else { return found };
            filter.after = last.number;
            found.extend(page.into_iter().map(|row| row.entry));
        }
    };
    let all = AuditFilter::default();
    assert_eq!(ask(all.clone()).await, entries);
    let of = |numbers: &[usize]| numbers.iter().map(|number| entries[*number].clone()).collect::<Vec<_>>();
    let ann = Some("ann".to_owned());
    assert_eq!(ask(AuditFilter { actor: ann.clone(), ..all.clone() }).await, of(&[0, 2, 3]));
    let promote = Some("promote".to_owned());
    assert_eq!(ask(AuditFilter { actor: ann, action: promote, ..all.clone() }).await, of(&[0, 3]));
    assert_eq!(ask(AuditFilter { from: Some(at(15)), to: Some(at(30)), ..all }).await, of(&[1, 2]));
    let rows = catalog.audit_log(&AuditFilter::default(), 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.at).collect::<Vec<_>>(), [at(10), at(20), at(15), at(30)]);
}

pub(crate) async fn trail_and_changes_of_ads_take_rows_and_lose_none(place: Place) {
    let catalog = place.open().await;
    catalog.put_ads(&[ad("a", 1)], "ann", at(0)).await.unwrap();
    let before = catalog.audit_log(&AuditFilter::default(), 10).await.unwrap();
    let changes = catalog.ad_changes("a", 0, 10).await.unwrap();
    assert_eq!((before.len(), changes.len()), (1, 1));
    for statement in [
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
        "UPDATE ad_changes SET after_price_micros = 0",
        "DELETE FROM ad_changes WHERE change_id = 1",
    ] {
        let refused = place.try_execute(statement).await.unwrap_err();
        assert!(refused.contains("is append-only"), "{statement}: {refused}");
    }
    let replaced = match &place {
        Place::Sqlite(_) => [
            "INSERT OR REPLACE INTO audit (audit_id, at, actor, action, detail) VALUES (1, 0, 'x', 'x', 'x')",
            "REPLACE INTO ad_changes SELECT * FROM ad_changes",
        ],
        Place::Postgres(_) => ["TRUNCATE audit", "TRUNCATE ad_changes"],
    };
    for statement in replaced {
        let refused = place.try_execute(statement).await.unwrap_err();
        assert!(refused.contains("is append-only"), "{statement}: {refused}");
    }
    assert_eq!(catalog.audit_log(&AuditFilter::default(), 10).await.unwrap(), before);
    assert_eq!(catalog.ad_changes("a", 0, 10).await.unwrap(), changes);
    catalog.put_ads(&[ad("a", 2)], "bob", at(1)).await.unwrap();
    assert_eq!(catalog.audit_log(&AuditFilter::default(), 10).await.unwrap().len(), 2);
}

pub(crate) async fn trail_of_an_earlier_version_reads_as_done_without_a_reason(place: Place) {
    place.migrate_to(6).await;
    place.execute("INSERT INTO audit (at, actor, action, detail) VALUES (5, 'ann', 'put_ads', '1 of 1')").await;
    let catalog = place.open().await;
    let found = catalog.audit_log(&AuditFilter::default(), 10).await.unwrap().pop().unwrap().entry;
    let (actor, action, detail) = ("ann".to_owned(), "put_ads".to_owned(), "1 of 1".to_owned());
    assert_eq!(found, AuditEntry { actor, action, detail, ..AuditEntry::default() });
}
