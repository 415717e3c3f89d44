//! The same log gives the same findings, however it comes and wherever folding begins.

use std::{ops::Range, sync::Arc};

use clicktrail_log::event::Kind;
use proptest::{prelude::*, strategy::ValueTree as _};

use super::{
    naive,
    world::{Entry, NOON, SECOND, batch, event, reasons, ruleset},
};
use crate::{
    fold::{Finding, Fold, Originals},
    ruleset::Ruleset,
    testing::seed::seeded,
};

const LOOK_BACK_SECONDS: i64 = 1200;

/// Every detector, provoked by little, with a look-back that generated logs exceed many times.
fn provoked() -> Arc<Ruleset> {
    ruleset(&rules())
}

/// The same where what an event shows by itself decides alone, so that many events are set aside.
fn decided() -> Arc<Ruleset> {
    let mut text = rules();
    for detector in ["suspicious_agent", "datacentre"] {
        let rule = format!("detector = \"{detector}\"");
        text = text.replace(&rule, &format!("{rule}\ndecides = true"));
    }
    ruleset(&text)
}

/// No weights come over the threshold.
fn rules() -> String {
    format!(
        r#"
threshold_permille = 999
look_back_seconds = {LOOK_BACK_SECONDS}
[[rule]]
detector = "duplicate"
[[rule]]
detector = "double_click"
[[rule]]
detector = "double_click"
name = "of_a_user"
who = "user"
[[rule]]
detector = "double_click"
name = "of_an_address"
who = "address"
[[rule]]
detector = "address_rate"
clicks_max = 1
[[rule]]
detector = "address_rate"
name = "rate_3"
clicks_max = 3
window_seconds = 600
[[rule]]
detector = "suspicious_agent"
[[rule]]
detector = "impossible_click"
gap_ms_min = 30000
[[rule]]
detector = "impossible_travel"
database = "city.mmdb"
[[rule]]
detector = "click_farm"
users_max = 1
window_seconds = 300
[[rule]]
detector = "click_farm"
name = "farm_2"
users_max = 2
weight_permille = 99
window_seconds = 1200
addresses = "list.txt"
[[rule]]
detector = "device_mismatch"
[[rule]]
detector = "datacentre"
lists = ["list.txt"]
[[rule]]
detector = "click_injection"
window_seconds = 120
"#
    )
}

/// One event of a generated log.
#[derive(Debug, Clone)]
struct Draw {
    kind: Kind,
    id: u8,
    user: Option<u8>,
    ip: usize,
    agent: usize,
    ad: u8,
    advertiser: u8,
    /// How long before its frame was logged it happened; negative: its clock is ahead.
    age_ms: i64,
    /// Begins a frame.
    breaks: bool,
    /// How far the log's time goes on before a new frame, and how far that frame's clock is behind.
    step_seconds: i64,
    behind_seconds: i64,
    /// How far it is ahead of the log instead, if it is.
    ahead_seconds: i64,
}

fn draw() -> impl Strategy<Value = Draw> {
    let kind = prop_oneof![
        5 => Just(Kind::Click),
        3 => Just(Kind::Impression),
        2 => Just(Kind::Conversion),
        1 => Just(Kind::Probe),
        1 => Just(Kind::Prefetch)
    ];
    let age = prop_oneof![
        6 => 0_i64..2_000,
        3 => 0_i64..60_000,
        2 => -60_000_i64..0,
        2 => 0_i64..2_400_000,
        1 => 0_i64..100_000_000
    ];
    let what = (
        kind,
        0_u8..6,
        proptest::option::weighted(0.7, 0_u8..3),
        0_usize..11,
        0_usize..5,
        0_u8..2,
        prop_oneof![4 => Just(0_u8), 1 => Just(1)],
    );
    let when = (
        age,
        any::<bool>(),
        prop_oneof![5 => 0_i64..20, 1 => 0_i64..700],
        prop_oneof![5 => Just(0_i64), 1 => 0_i64..=600],
        prop_oneof![20 => Just(0_i64), 1 => 2_000_i64..100_000],
    );
    (what, when).prop_map(
        |(
            (kind, id, user, ip, agent, ad, advertiser),
            (age_ms, breaks, step_seconds, behind_seconds, ahead_seconds),
        )| Draw {
            kind,
            id,
            user,
            ip,
            agent,
            ad,
            advertiser,
            age_ms,
            breaks,
            step_seconds,
            behind_seconds,
            ahead_seconds,
        },
    )
}

fn log(draws: &[Draw]) -> Vec<Entry> {
    const IPS: [&str; 11] = [
        "10.1.0.1",
        "10.2.0.1",
        "10.4.0.1",
        "203.0.113.7",
        "192.0.2.1",
        "::ffff:192.0.2.1",
        "2001:db8::1",
        "2001:db8::ffff:2",
        "2001:db8:0:1::1",
        "odd",
        "",
    ];
    const AGENTS: [&str; 5] = ["", "curl/8.0", "Mozilla/5.0 (Windows NT 10.0)", "Mozilla/5.0 (iPhone; CPU)", "-"];
    let (mut now, mut seq, mut row, mut logged) = (NOON, 1, 0, NOON);
    let entry = |(index, draw): (usize, &Draw)| {
        if index > 0 && draw.breaks {
            (seq, row) = (seq + 1, 0);
            now += draw.step_seconds * SECOND;
            logged = match draw.ahead_seconds {
                0 => now - draw.behind_seconds * SECOND,
                ahead => now + ahead * SECOND,
            };
        } else if index > 0 {
            row += 1;
        }
        let mut event = event(draw.kind, &draw.id.to_string(), logged - draw.age_ms * 1000);
        event.user_id = draw.user.map(|user| user.to_string().into());
        let some = |text: &'static str| (!text.is_empty()).then(|| text.into());
        event.ip = some(IPS[draw.ip]);
        event.user_agent = some(AGENTS[draw.agent]);
        event.ad_id = draw.ad.to_string().into();
        event.advertiser_id = draw.advertiser.to_string().into();
        event.device_type = (draw.id % 2 == 0).then(|| "mobile".into());
        event.click_event_id = (draw.kind == Kind::Conversion).then(|| draw.ad.to_string().into());
        Entry { seq, row, logged, event }
    };
    draws.iter().enumerate().map(entry).collect()
}

/// Judges `range` of `log` in batches that end at `cuts`, after warming up from `warm_from`.
fn judged(
    ruleset: &Arc<Ruleset>,
    log: &[Entry],
    warm_from: usize,
    range: Range<usize>,
    cuts: &[usize],
) -> Vec<Finding> {
    let mut fold = Fold::new(Arc::clone(ruleset));
    let mut findings = Vec::new();
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (log.len() + 1)).collect();
    ends.extend([range.start, range.end]);
    ends.sort_unstable();
    let mut from = warm_from;
    for to in ends {
        if to <= from || to > range.end {
            continue;
        }
        let rows = batch(&log[from..to]);
        if to <= range.start {
            fold.warm(&rows).unwrap();
        } else {
            findings.extend(fold.judge(&rows, &Originals::none()).unwrap());
        }
        from = to;
    }
    assert_eq!(fold.rewinds().events, 0, "generated clocks stay within the allowance");
    findings
}

/// The last place from which a fold can begin so that it saw all that events from `from` on may see.
fn look_back(log: &[Entry], from: usize) -> usize {
    let oldest = log[from..].iter().map(|entry| entry.logged).min().unwrap_or(0) - LOOK_BACK_SECONDS * SECOND;
    let at = log.iter().position(|entry| entry.logged > oldest).unwrap_or(0).min(from);
    sane(log, at)
}

/// The last place up to this one that is not of the future: folding begins at none that is.
fn sane(log: &[Entry], at: usize) -> usize {
    let is_ahead = |at: usize| log[at..].iter().any(|later| later.logged < log[at].logged - 600 * SECOND);
    (0..=at).rev().find(|at| !is_ahead(*at)).unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn findings_depend_on_nothing_but_the_log(
        draws in proptest::collection::vec(draw(), 1..160),
        cuts in proptest::collection::vec(0_usize..1000, 0..12),
        start in 0_usize..1000,
        earlier in 0_usize..1000,
        workers in 1_usize..6,
        decides in any::<bool>(),
    ) {
        let (ruleset, log) = (if decides { decided() } else { provoked() }, log(&draws));
        let whole = judged(&ruleset, &log, 0, 0..log.len(), &[]);

        // Any batches.
        prop_assert_eq!(&judged(&ruleset, &log, 0, 0..log.len(), &cuts), &whole);

        // Any restart, from the look-back or from anywhere before it.
        let start = start % log.len();
        let warm_from = look_back(&log, start);
        let warm_from = sane(&log, warm_from - earlier % (warm_from + 1));
        let restarted = judged(&ruleset, &log, warm_from, start..log.len(), &cuts);
        let is_later = |finding: &&Finding| finding.target >= log[start].position();
        let expected: Vec<_> = whole.iter().filter(is_later).cloned().collect();
        prop_assert_eq!(&restarted, &expected);

        // Any division among workers that each warm up.
        let share = log.len().div_ceil(workers);
        let mut parallel = Vec::new();
        for from in (0..log.len()).step_by(share) {
            let to = (from + share).min(log.len());
            parallel.extend(judged(&ruleset, &log, look_back(&log, from), from..to, &cuts));
        }
        prop_assert_eq!(&parallel, &whole);
    }

    #[test]
    fn findings_are_those_of_looking_at_everything(
        draws in proptest::collection::vec(draw(), 1..120),
        decides in any::<bool>(),
    ) {
        let draws: Vec<Draw> = draws.into_iter().map(|draw| Draw { ahead_seconds: 0, ..draw }).collect();
        let (ruleset, log) = (if decides { decided() } else { provoked() }, log(&draws));
        let is_aside: fn(&Entry) -> bool = if decides { naive::is_robot } else { |_| false };
        let whole = judged(&ruleset, &log, 0, 0..log.len(), &[7, 19, 40, 77]);
        let stateful = |name: &str| !matches!(name, "suspicious_agent" | "device_mismatch" | "datacentre");
        let mut found = Vec::new();
        for mut finding in whole {
            finding.reasons.retain(|reason| stateful(&reason.rule));
            if !finding.reasons.is_empty() {
                found.push((finding.target, reasons(&finding)));
            }
        }
        prop_assert_eq!(found, naive::findings(&log, LOOK_BACK_SECONDS * SECOND, is_aside));
    }
}

#[test]
fn generated_logs_provoke_every_rule() {
    let mut runner = seeded();
    let mut fired = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let draws = proptest::collection::vec(draw(), 100..160).new_tree(&mut runner).unwrap().current();
        let log = log(&draws);
        let findings = judged(&provoked(), &log, 0, 0..log.len(), &[]);
        fired.extend(findings.into_iter().flat_map(|finding| finding.reasons).map(|reason| reason.rule));
    }
    let all: std::collections::BTreeSet<String> =
        provoked().rules().iter().map(|rule| rule.name().to_owned()).collect();
    assert_eq!(fired, all);
}

#[test]
fn threads_find_what_one_thread_finds() {
    let mut runner = seeded();
    let draws = proptest::collection::vec(draw(), 5000).new_tree(&mut runner).unwrap().current();
    let log = log(&draws);
    let cuts: Vec<usize> = (0..50).map(|cut| cut * 100).collect();
    let (one_batch, many) = (judged(&provoked(), &log, 0, 0..5000, &[]), judged(&provoked(), &log, 0, 0..5000, &cuts));
    assert!(one_batch.len() > 1000, "{}", one_batch.len());
    assert!(one_batch == many);
}
