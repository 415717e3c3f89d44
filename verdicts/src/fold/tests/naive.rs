//! The rules with state, from their definitions: every event is compared with every earlier one.

use std::collections::HashSet;

use clicktrail_log::{event::Kind, position::Position};

use super::world::{Entry, SECOND};
use crate::ruleset::{address::Address, geo::GeoPoint};

/// Whether what `causal::provoked` says of an event by itself makes it invalid, if these rules decide.
pub(super) fn is_robot(entry: &Entry) -> bool {
    if !matches!(entry.event.kind, Kind::Click | Kind::Impression | Kind::Conversion) {
        return false;
    }
    let agent = entry.event.user_agent.as_deref();
    let is_listed = entry.event.ip.as_deref().is_some_and(|ip| ip.starts_with("203.0.113."));
    is_listed || agent == Some("curl/8.0") || (agent == Some("-") && entry.event.kind != Kind::Conversion)
}

/// What `causal::provoked` finds in `log`, but for the rules that look at one event alone. What `is_aside` names is set
/// aside.
pub(super) fn findings(log: &[Entry], look_back: i64, is_aside: fn(&Entry) -> bool) -> Vec<(Position, String)> {
    let mut findings = Vec::new();
    for (index, entry) in log.iter().enumerate() {
        let seen: Vec<&Entry> =
            log[..index].iter().filter(|earlier| earlier.logged > entry.logged - look_back).collect();
        let people: Vec<&Entry> = seen.iter().filter(|earlier| !is_aside(earlier)).copied().collect();
        let reasons: Vec<String> = [
            duplicate(entry, &people),
            double_click(entry, &people, "double_click"),
            double_click(entry, &people, "of_a_user").filter(|_| entry.event.user_id.is_some()),
            double_click(entry, &people, "of_an_address").filter(|_| entry.event.user_id.is_none()),
            rate(entry, &seen, "address_rate", 1, 60),
            rate(entry, &seen, "rate_3", 3, 600),
            impossible_click(entry, &within(&people, entry, 630)),
            travel(entry, &log[..index], entry.logged - look_back, is_aside),
            farm(entry, &seen, "click_farm", 1, 300),
            listed(entry).or_else(|| farm(entry, &seen, "farm_2", 2, 1200)),
            injection(entry, &people),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !reasons.is_empty() {
            findings.push((entry.position(), reasons.join(" ")));
        }
    }
    findings
}

/// Those logged within the last so many seconds, if that is less than the look-back.
fn within<'e>(seen: &[&'e Entry], entry: &Entry, seconds: i64) -> Vec<&'e Entry> {
    seen.iter().filter(|earlier| earlier.logged > entry.logged - seconds * SECOND).copied().collect()
}

fn time(entry: &Entry) -> i64 {
    entry.event.event_time.micros()
}

fn is_click(entry: &Entry) -> bool {
    entry.event.kind == Kind::Click
}

fn address(entry: &Entry) -> Option<Address> {
    Address::parse(entry.event.ip.as_deref()?)
}

/// Whose address it is: of version 6, the first four of eight groups.
fn network(entry: &Entry) -> Option<String> {
    address(entry).map(|address| match address.ip() {
        std::net::IpAddr::V4(v4) => v4.to_string(),
        std::net::IpAddr::V6(v6) => format!("{:x?}", &v6.segments()[..4]),
    })
}

fn is_subsecond(entry: &Entry) -> bool {
    time(entry) % SECOND != 0
}

fn in_window(earlier: &Entry, entry: &Entry, window: i64) -> bool {
    time(earlier) > time(entry) - window && time(earlier) <= time(entry)
}

/// The latest in event time, of equals the last in the log.
fn nearest<'e>(entry: &Entry, seen: &[&'e Entry], kind: Kind, window: i64) -> Option<&'e Entry> {
    let who = |entry: &Entry| match &entry.event.user_id {
        Some(user) => Some((Some(user.clone()), None, None)),
        None => {
            let ip = network(entry).or_else(|| entry.event.ip.as_ref().map(|ip| format!("text {ip}")));
            ip.map(|ip| (None, Some(ip), entry.event.user_agent.clone()))
        }
    };
    let is_same = |earlier: &&&Entry| {
        earlier.event.kind == kind
            && who(earlier).is_some_and(|them| who(entry) == Some(them))
            && earlier.event.ad_id == entry.event.ad_id
            && in_window(earlier, entry, window)
    };
    seen.iter().filter(is_same).max_by_key(|earlier| time(earlier)).copied()
}

fn duplicate(entry: &Entry, seen: &[&Entry]) -> Option<String> {
    if !matches!(entry.event.kind, Kind::Click | Kind::Impression | Kind::Conversion) {
        return None;
    }
    let identity = |entry: &Entry| {
        let event = &entry.event;
        (event.kind, event.advertiser_id.clone(), event.ad_id.clone(), event.event_id.clone())
    };
    let is_same = |earlier: &&&Entry| identity(earlier) == identity(entry);
    seen.iter().find(is_same).map(|first| format!("duplicate(original={})", first.position()))
}

fn double_click(entry: &Entry, seen: &[&Entry], rule: &str) -> Option<String> {
    let previous = is_click(entry).then(|| nearest(entry, seen, Kind::Click, 60 * SECOND)).flatten()?;
    let gap = (time(entry) - time(previous)) / 1000;
    Some(format!("{rule}(previous={} gap_ms={gap})", previous.position()))
}

fn impossible_click(entry: &Entry, seen: &[&Entry]) -> Option<String> {
    let seen: Vec<&Entry> = seen.iter().filter(|earlier| is_subsecond(earlier)).copied().collect();
    let is_judged = is_click(entry) && is_subsecond(entry);
    let impression = is_judged.then(|| nearest(entry, &seen, Kind::Impression, 30 * SECOND)).flatten()?;
    let gap = (time(entry) - time(impression)) / 1000;
    Some(format!("impossible_click(impression={} gap_ms={gap})", impression.position()))
}

fn clicks_in_window<'e>(entry: &Entry, seen: &[&'e Entry], window: i64) -> Option<Vec<&'e Entry>> {
    let own = is_click(entry).then(|| network(entry)).flatten()?;
    let counts = |earlier: &&&Entry| {
        is_click(earlier) && network(earlier).as_ref() == Some(&own) && in_window(earlier, entry, window * SECOND)
    };
    Some(seen.iter().filter(counts).copied().collect())
}

fn rate(entry: &Entry, seen: &[&Entry], rule: &str, max: usize, window: i64) -> Option<String> {
    let clicks = clicks_in_window(entry, seen, window)?.len() + 1;
    (clicks > max).then(|| format!("{rule}(clicks={clicks} clicks_max={max} window_ms={})", window * 1000))
}

fn listed(entry: &Entry) -> Option<String> {
    let is_listed = is_click(entry) && entry.event.ip.as_deref()?.starts_with("203.0.113.");
    is_listed.then(|| "farm_2(list=list.txt line=2)".to_owned())
}

fn farm(entry: &Entry, seen: &[&Entry], rule: &str, max: usize, window: i64) -> Option<String> {
    let clicks = clicks_in_window(entry, seen, window)?;
    let users: HashSet<_> =
        clicks.into_iter().chain([entry]).filter_map(|click| click.event.user_id.as_ref()).collect();
    let users = users.len();
    (users > max).then(|| format!("{rule}(users={users} users_max={max} window_ms={})", window * 1000))
}

fn injection(entry: &Entry, seen: &[&Entry]) -> Option<String> {
    let click_id = entry.event.click_event_id.as_ref().filter(|_| entry.event.kind == Kind::Conversion)?;
    let is_named = |earlier: &&&Entry| {
        is_click(earlier)
            && earlier.event.advertiser_id == entry.event.advertiser_id
            && earlier.event.event_id == *click_id
    };
    let click = seen.iter().find(is_named)?;
    let gap = (time(entry) - time(click)) / 1000;
    let fires = in_window(click, entry, 120 * SECOND);
    fires.then(|| format!("click_injection(click={} gap_ms={gap})", click.position()))
}

fn place(entry: &Entry) -> Option<GeoPoint> {
    match entry.event.ip.as_deref()?.get(..5)? {
        "10.1." => Some(GeoPoint { latitude: 5252, longitude: 1340 }),
        "10.2." => Some(GeoPoint { latitude: 4886, longitude: 235 }),
        "10.4." => Some(GeoPoint { latitude: 4071, longitude: -7401 }),
        _ => None,
    }
}

/// The user's last event elsewhere, of all in the log; nothing if that one is out of sight.
fn travel(entry: &Entry, log: &[Entry], cut: i64, is_aside: fn(&Entry) -> bool) -> Option<String> {
    let here = is_click(entry).then(|| place(entry)).flatten()?;
    let user = entry.event.user_id.as_ref()?;
    let is_elsewhere = |earlier: &&Entry| {
        matches!(earlier.event.kind, Kind::Click | Kind::Impression)
            && !is_aside(earlier)
            && earlier.event.user_id.as_ref() == Some(user)
            && place(earlier).is_some_and(|place| place != here)
    };
    let there = log.iter().rfind(is_elsewhere).filter(|there| there.logged > cut)?;
    let metres = place(there)?.metres_to(here);
    let gap = time(entry).abs_diff(time(there));
    let slack = if is_subsecond(entry) && is_subsecond(there) { 0 } else { SECOND.unsigned_abs() };
    let hours = (gap + slack) as f64 / 3.6e9;
    (metres as f64 / 1000.0 > 1000.0 * hours).then(|| {
        let (kilometres, gap) = ((metres + 500) / 1000, gap / 1000);
        format!(
            "impossible_travel(previous={} distance_km={kilometres} gap_ms={gap} speed_kmh_max=1000)",
            there.position()
        )
    })
}
