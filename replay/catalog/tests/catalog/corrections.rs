//! Corrections: what is staged, how far they come, and what they refuse.

use clicktrail_catalog::{
    Error,
    corrections::{Correction, CorrectionItem, CorrectionState, ITEMS_MAX, ItemKind, ItemsAdded, LogPlaces},
};
use clicktrail_log::position::Seq;

use crate::{place::Place, samples::at};

fn correction(id: &str) -> Correction {
    Correction {
        id: id.to_owned(),
        reason: "why 'it'".to_owned(),
        state: CorrectionState::Open,
        opened_at: at(1),
        opened_by: "ann".to_owned(),
        changed_at: at(1),
        changed_by: "ann".to_owned(),
        clicks_from: Seq::ZERO,
        verdicts_from: Seq::ZERO,
        reverts_from: Seq::ZERO,
    }
}

fn item(kind: ItemKind, key: &str, document: &str) -> CorrectionItem {
    CorrectionItem { kind, key: key.to_owned(), document: document.to_owned() }
}

fn places(clicks: u64, verdicts: u64) -> LogPlaces {
    LogPlaces { clicks: Seq::new(clicks).unwrap(), verdicts: Seq::new(verdicts).unwrap() }
}

pub(crate) async fn items_are_added_once_and_all_or_none(place: Place) {
    let catalog = place.open().await;
    catalog.put_correction(&correction("b")).await.unwrap();
    catalog.put_correction(&correction("a")).await.unwrap();
    let (event, ruling) = (item(ItemKind::Event, "x", "{}"), item(ItemKind::Ruling, "x", "{}"));
    let both = [event.clone(), ruling.clone()];
    let added = catalog.add_correction_items("a", &both).await.unwrap();
    assert_eq!(added, ItemsAdded { new: 2, known: 0 });
    let more = item(ItemKind::Event, "y", "[]");
    let added = catalog.add_correction_items("a", &[ruling.clone(), more.clone(), event.clone()]).await.unwrap();
    assert_eq!(added, ItemsAdded { new: 1, known: 2 });
    let other = [item(ItemKind::Event, "z", "{}"), item(ItemKind::Event, "x", "{\"other\":1}")];
    assert!(matches!(catalog.add_correction_items("a", &other).await, Err(Error::Conflict(_))));
    assert_eq!(catalog.correction_items("a").await.unwrap(), [event, ruling, more]);
    assert_eq!(catalog.correction_items("b").await.unwrap(), []);
    assert!(matches!(catalog.add_correction_items("c", &both).await, Err(Error::Conflict(_))));
    let many: Vec<_> = (0..=ITEMS_MAX).map(|n| item(ItemKind::Event, &n.to_string(), "{}")).collect();
    assert!(matches!(catalog.add_correction_items("b", &many).await, Err(Error::Conflict(_))));
    assert_eq!(catalog.correction_items("b").await.unwrap(), []);
    let ids = |found: Vec<Correction>| found.into_iter().map(|found| found.id).collect::<Vec<_>>();
    assert_eq!(ids(catalog.list_corrections("", 1).await.unwrap()), ["a"]);
    assert_eq!(ids(catalog.list_corrections("a", 9).await.unwrap()), ["b"]);
}

pub(crate) async fn correction_goes_through_its_states_and_takes_nothing_more(place: Place) {
    let catalog = place.open().await;
    catalog.put_correction(&correction("a")).await.unwrap();
    assert_eq!(catalog.correction("a").await.unwrap(), Some(correction("a")));
    assert_eq!(catalog.correction("b").await.unwrap(), None);
    let advance = async |to, places| catalog.move_correction("a", to, places, "bob", at(9)).await;
    assert!(matches!(advance(CorrectionState::Closed, places(1, 1)).await, Err(Error::Conflict(_))));
    let closing = advance(CorrectionState::Closing, places(5, 7)).await.unwrap();
    let event = [item(ItemKind::Event, "x", "{}")];
    assert!(matches!(catalog.add_correction_items("a", &event).await, Err(Error::Conflict(_))));
    assert!(matches!(advance(CorrectionState::Closing, places(8, 8)).await, Err(Error::Conflict(_))));
    advance(CorrectionState::Closed, places(8, 8)).await.unwrap();
    let reverting = advance(CorrectionState::Reverting, places(9, 10)).await.unwrap();
    assert_eq!((closing.clicks_from, closing.verdicts_from), (Seq::new(5).unwrap(), Seq::new(7).unwrap()));
    let (at_close, at_revert) = (closing.verdicts_from, reverting.reverts_from);
    assert_eq!((reverting.verdicts_from, at_revert), (at_close, Seq::new(10).unwrap()));
    advance(CorrectionState::Reverted, places(11, 11)).await.unwrap();
    let stands = catalog.correction("a").await.unwrap().unwrap();
    assert_eq!((stands.state, stands.changed_by, stands.changed_at), (CorrectionState::Reverted, "bob".into(), at(9)));
    assert!(matches!(advance(CorrectionState::Closing, places(1, 1)).await, Err(Error::Conflict(_))));
}
