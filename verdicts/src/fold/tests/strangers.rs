//! Whatever others send, what an advertiser owes does not change (I13).

use std::{collections::BTreeMap, sync::Arc};

use clicktrail_log::event::{Event, Kind};
use proptest::{prelude::*, strategy::ValueTree as _};

use super::world::{Entry, NOON, SECOND, batch, event, ruleset};
use crate::{
    fold::{Fold, Originals},
    ruleset::Ruleset,
    testing::seed::seeded,
    verdict::Decision,
};

/// What somebody sends; which of these is up to the strategy.
#[derive(Debug, Clone)]
struct Sent {
    is_own: bool,
    kind: Kind,
    id: u8,
    ad: u8,
    user: u8,
    address: u8,
    click: u8,
    age_seconds: i64,
    step_seconds: i64,
}

fn sent(kinds: Vec<Kind>) -> impl Strategy<Value = Sent> {
    let what = (any::<bool>(), prop::sample::select(kinds), 0_u8..5, 0_u8..2, 0_u8..3, 0_u8..3, 0_u8..5);
    let when = (0_i64..400, prop_oneof![4 => 0_i64..30, 1 => 0_i64..4_000]);
    (what, when).prop_map(|((is_own, kind, id, ad, user, address, click), (age_seconds, step_seconds))| Sent {
        is_own,
        kind,
        id,
        ad,
        user,
        address,
        click,
        age_seconds,
        step_seconds,
    })
}

/// How the log looks with what `is_logged` takes of all that is sent. The frames and times of the others do not depend
/// on it.
fn log(sent: &[Sent], make: impl Fn(&Sent, i64) -> Event<'static>, is_logged: impl Fn(&Sent) -> bool) -> Vec<Entry> {
    let (mut now, mut entries) = (NOON, Vec::new());
    for (seq, sent) in (1..).zip(sent) {
        now += sent.step_seconds * SECOND;
        if is_logged(sent) {
            entries.push(Entry { seq, row: 0, logged: now, event: make(sent, now - sent.age_seconds * SECOND) });
        }
    }
    entries
}

/// What each event of advertiser `b` is ruled to be, by its position.
fn owed_by_b(rules: &Arc<Ruleset>, log: &[Entry]) -> BTreeMap<String, bool> {
    let mut owed: BTreeMap<String, bool> = log
        .iter()
        .filter(|entry| entry.event.advertiser_id == "b")
        .map(|entry| (entry.position().to_string(), true))
        .collect();
    if log.is_empty() {
        return owed;
    }
    for finding in Fold::new(Arc::clone(rules)).judge(&batch(log), &Originals::none()).unwrap() {
        if let Some(is_owed) = owed.get_mut(&finding.target.to_string()) {
            *is_owed = finding.decision == Decision::Valid;
        }
    }
    owed
}

fn unchanged(rules: &Arc<Ruleset>, sent: &[Sent], make: impl Fn(&Sent, i64) -> Event<'static> + Copy) -> bool {
    let alone = owed_by_b(rules, &log(sent, make, |sent| sent.is_own));
    alone == owed_by_b(rules, &log(sent, make, |_| true))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Rules about identities: the others may copy everything but the advertiser.
    #[test]
    fn no_id_of_a_stranger_changes_what_an_advertiser_owes(
        sent in proptest::collection::vec(sent(Kind::ALL.to_vec()), 1..80),
    ) {
        let rules = ruleset(
            "threshold_permille = 400\n[[rule]]\ndetector = \"duplicate\"\n[[rule]]\ndetector = \"click_injection\"\n\
             window_seconds = 600\n",
        );
        let make = |sent: &Sent, time: i64| {
            let mut event = event(sent.kind, &sent.id.to_string(), time);
            event.advertiser_id = if sent.is_own { "b".into() } else { "a".into() };
            event.ad_id = sent.ad.to_string().into();
            event.click_event_id = (sent.kind == Kind::Conversion).then(|| sent.click.to_string().into());
            event
        };
        prop_assert!(unchanged(&rules, &sent, make));
    }

    /// All rules that ship: the others have their own ads and addresses, as all do who are not the visitor.
    #[test]
    fn no_request_of_a_stranger_changes_what_an_advertiser_owes(
        sent in proptest::collection::vec(sent(Kind::ALL.to_vec()), 1..80),
    ) {
        let rules = Arc::new(Ruleset::shipped());
        let make = |sent: &Sent, time: i64| {
            let mut event = event(sent.kind, &sent.id.to_string(), time);
            let who = if sent.is_own { "b" } else { "a" };
            event.advertiser_id = who.into();
            event.ad_id = format!("{who}-{}", sent.ad).into();
            event.user_id = (sent.user > 0).then(|| sent.user.to_string().into());
            event.ip = Some(format!("192.0.{}.{}", u8::from(sent.is_own), sent.address).into());
            event.user_agent = Some("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Gecko/20100101 Firefox/143.0".into());
            event.click_event_id = (sent.kind == Kind::Conversion).then(|| sent.click.to_string().into());
            event
        };
        prop_assert!(unchanged(&rules, &sent, make));
    }
}

/// The inputs of the properties do collide: by the id alone, strangers would unbill.
#[test]
fn ids_of_strangers_do_collide() {
    let strategy = proptest::collection::vec(sent(vec![Kind::Click]), 60..80);
    let sent = strategy.new_tree(&mut seeded()).unwrap().current();
    let guesses = |own: &&Sent, before: &[Sent]| {
        own.is_own && before.iter().any(|other| !other.is_own && (other.id, other.ad) == (own.id, own.ad))
    };
    let guessed = sent.iter().enumerate().filter(|(index, own)| guesses(own, &sent[..*index])).count();
    assert!(guessed > 5, "{guessed}");
}
