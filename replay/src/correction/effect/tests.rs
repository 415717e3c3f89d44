use clicktrail_catalog::corrections::CorrectionItem;
use clicktrail_log::position::{Epoch, Seq};
use clicktrail_verdicts::{
    rulings::{Rulings, Stages},
    schema::Outline,
    verdict::{Decision, Stage},
};

use super::*;
use crate::correction::document::{MissingEvent, NewRuling};

fn at(row: u16) -> Position {
    Position::new(Epoch::FIRST, Seq::FIRST, row)
}

fn event(kind: &str, price_micros: i64) -> MissingEvent {
    MissingEvent {
        event_id: format!("{kind}{price_micros}"),
        kind: kind.to_owned(),
        event_time_micros: 0,
        advertiser_id: "acme".to_owned(),
        campaign_id: "spring".to_owned(),
        ad_id: "a".to_owned(),
        price_micros,
        currency: "EUR".to_owned(),
        line: "{}".to_owned(),
    }
}

fn ruling(row: u16, is_click: bool, category: Option<&str>) -> NewRuling {
    NewRuling {
        position: at(row),
        event_id: row.to_string(),
        advertiser_id: "acme".to_owned(),
        price_micros: if is_click { 10 } else { 0 },
        currency: "EUR".to_owned(),
        is_click,
        category: category.map(str::to_owned),
        reason: "why".to_owned(),
    }
}

#[test]
fn only_what_changes_between_billable_and_not_moves_money() {
    let end = Position::new(Epoch::FIRST, Seq::FIRST.next(), 0);
    let mut standing = Rulings::new(at(0)..end, end, Stages::All);
    for row in [1, 2] {
        let (decision, category) = (Decision::Invalid, Some(Category::Givt));
        standing.add(at(0), &Outline { target: at(row), decision, category, stage: Stage::Live });
    }
    let items = Items {
        events: vec![event("click", 1_000), event("impression", 7)],
        rulings: vec![
            ruling(0, true, Some("policy")),
            ruling(1, true, Some("policy")),
            ruling(2, true, None),
            ruling(3, true, None),
            ruling(4, false, Some("givt")),
        ],
    };
    let found = effect(&items, &standing.iter().collect());
    let owed = ("acme".to_owned(), "EUR".to_owned());
    let expected = Effect { clicks_added: 1, clicks_invalid: 1, clicks_valid: 1, spend_micros: 1_000 };
    assert_eq!(found, BTreeMap::from([(owed, expected)]));
    let stored: Vec<CorrectionItem> =
        items.events.iter().map(Into::into).chain(items.rulings.iter().map(Into::into)).collect();
    assert_eq!(Items::read(&stored).unwrap(), items);
}
