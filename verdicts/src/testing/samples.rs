//! Verdicts and events to test with.

use std::borrow::Cow;

use clicktrail_log::{
    event::{Event, Kind},
    position::{Epoch, Position, Seq},
    time::Timestamp,
};
use proptest::prelude::*;

use crate::verdict::{Category, Decision, Evidence, Reason, Stage, Verdict};

/// Position `id` of the click log: sixteen rows a frame.
pub(crate) fn click(id: u64) -> Position {
    Position::new(Epoch::FIRST, Seq::new(1 + id / 16).unwrap(), u16::try_from(id % 16).unwrap())
}

/// A live verdict on click `id`: invalid, with one reason.
pub(crate) fn verdict(id: u64) -> Verdict {
    let evidence = [
        ("clicks", Evidence::Number(101)),
        ("address", Evidence::Text("192.0.2.1".to_owned())),
        ("first", Evidence::Position(click(id.saturating_sub(1)))),
    ];
    Verdict {
        target: click(id),
        event_id: format!("event-{id}"),
        decision: Decision::Invalid,
        category: Some(Category::Sivt),
        reasons: vec![Reason {
            rule: "address_rate".to_owned(),
            weight_permille: 400,
            decides: false,
            evidence: evidence.map(|(name, value)| (name.to_owned(), value)).into(),
        }],
        score_permille: 750,
        ruleset: "abc".to_owned(),
        stage: Stage::Live,
        decided_at: Timestamp::from_micros(1_000_000),
        actor: "judge".to_owned(),
        note: None,
    }
}

/// Any verdict that does not contradict itself, on one of a few clicks.
pub(crate) fn any_verdict() -> impl Strategy<Value = Verdict> {
    let category = prop_oneof![
        3 => Just(None),
        6 => prop::sample::select(Category::ALL.to_vec()).prop_map(Some),
    ];
    let stage = prop::sample::select(Stage::ALL.to_vec());
    (0..40_u64, category, stage, 0..=1_000_u16, 0..3_usize, prop::option::of("[a-z\"\\\\é ]{0,6}")).prop_map(
        |(id, category, stage, score_permille, reasons, note)| {
            let reason = verdict(id).reasons[0].clone();
            Verdict {
                decision: if category.is_some() { Decision::Invalid } else { Decision::Valid },
                category,
                stage,
                score_permille,
                reasons: vec![reason; reasons],
                note,
                ..verdict(id)
            }
        },
    )
}

/// Verdicts of every decision, category and stage, with and without reasons and notes: what fixtures hold.
pub(crate) fn every_shape() -> Vec<Verdict> {
    let valid = |id: u64| Verdict { decision: Decision::Valid, category: None, ..verdict(id) };
    vec![
        verdict(17),
        Verdict { category: Some(Category::Duplicate), score_permille: 1_000, ..verdict(3) },
        Verdict { score_permille: 300, ..valid(2) },
        Verdict { stage: Stage::Rejudge, score_permille: 0, reasons: Vec::new(), ..valid(17) },
        Verdict { stage: Stage::Query, category: Some(Category::Policy), note: Some(String::new()), ..verdict(3) },
        Verdict {
            stage: Stage::Manual,
            category: Some(Category::Givt),
            ruleset: String::new(),
            actor: "anna".to_owned(),
            note: Some("\u{201e}seen\u{201c} \\ by hand\n".to_owned()),
            ..verdict(1_000_000)
        },
    ]
}

/// What a verdict says, for people.
pub(crate) fn summary(verdict: &Verdict) -> String {
    let Verdict { target, decision, stage, score_permille, actor, .. } = verdict;
    let category = verdict.category.map_or("-", Category::as_str);
    let (reasons, note) = (verdict.reasons.len(), verdict.note.as_deref());
    format!("{target} {decision} {category} {stage} {score_permille} by {actor}, {reasons} reasons, {note:?}")
}

/// An event of `kind` at `time`: everything else differs by `id` only, and nothing optional is there.
pub(crate) fn event(kind: Kind, id: &str, time: i64) -> Event<'static> {
    Event {
        event_id: Cow::Owned(id.to_owned()),
        kind,
        event_time: Timestamp::from_micros(time),
        captured_at: Timestamp::from_micros(time),
        advertiser_id: Cow::Borrowed("acme"),
        campaign_id: Cow::Borrowed("spring"),
        ad_id: Cow::Borrowed("ad"),
        publisher_id: None,
        placement_id: None,
        user_id: None,
        session_id: None,
        ip: None,
        user_agent: None,
        page_url: None,
        device_type: None,
        os: None,
        browser: None,
        country: None,
        city: None,
        price_micros: 0,
        currency: Cow::Borrowed("EUR"),
        click_event_id: None,
        value_micros: None,
        extra: None,
    }
}
