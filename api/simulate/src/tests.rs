use std::collections::{BTreeMap, HashMap, HashSet};

use arrow::{array::AsArray, array::RecordBatch, datatypes::TimestampMicrosecondType};
use clicktrail_log::{frame::Digest, time::Timestamp};

use super::{market::Market, render::Renderer, traffic::Traffic, *};
use clicktrail_capture::{Ads, Context, Limits, parse, validate};
use clicktrail_log::batch::{Batch, ROWS_MAX};

fn config(events: u64, hours: u32, seed: u64) -> Config {
    Config::new(events, hours, seed, Timestamp::parse_rfc3339("2026-11-22T00:00:00Z").unwrap())
}

fn batches(config: &Config) -> Vec<Batch> {
    let mut simulation = Simulation::new(config);
    let batches: Vec<_> = std::iter::from_fn(|| simulation.next_batch()).collect();
    assert_eq!(simulation.made(), config.events);
    batches
}

fn texts<'a>(batch: &'a RecordBatch, column: &str) -> Vec<Option<&'a str>> {
    batch.column_by_name(column).unwrap().as_string::<i32>().iter().collect()
}

fn micros(batch: &RecordBatch, column: &str) -> Vec<i64> {
    batch.column_by_name(column).unwrap().as_primitive::<TimestampMicrosecondType>().values().to_vec()
}

#[test]
fn batches_are_in_order_of_capture_and_end_at_the_number_asked_for() {
    for (events, hours) in [(0, 1), (1, 5), (60_000, 3), (2_000, 48)] {
        let batches = batches(&config(events, hours, 7));
        let mut last = i64::MIN;
        for batch in &batches {
            assert!(batch.events.num_rows() <= ROWS_MAX);
            for captured in micros(&batch.events, "captured_at") {
                assert!(last <= captured, "{last} {captured}");
                assert_eq!(Timestamp::from_micros(captured).hour(), batch.hour);
                last = captured;
            }
            assert_eq!(last, batch.last.micros());
        }
        let rows: usize = batches.iter().map(|batch| batch.events.num_rows()).sum();
        assert_eq!(rows as u64, events);
        let hours_seen: HashSet<_> = batches.iter().map(|batch| batch.hour).collect();
        assert!(hours_seen.len() <= hours as usize);
    }
}

/// If this fails, every measurement made with simulated events stops being comparable. Change it knowingly.
#[test]
fn a_seed_gives_the_same_events_for_ever() {
    let config = config(20_000, 24, 42);
    let market =
        Market::new(config.seed, config.advertisers, config.campaigns_each, config.ads_each, config.publishers);
    let (mut traffic, mut renderer, mut text) = (Traffic::new(config.clone()), Renderer::new(), Vec::new());
    while let Some(happening) = traffic.next(&market) {
        let event = renderer.event(&config, &market, &happening);
        json::push_event(&event, &mut text);
        text.extend_from_slice(format!("{} {}\n", event.event_time, event.captured_at).as_bytes());
    }
    for ad in &market.ads {
        text.extend_from_slice(format!("{ad:?}\n").as_bytes());
    }
    assert_eq!(Digest::of(&text).to_string(), PINNED);
}

const PINNED: &str = "2368b01e65ac88803ea7c8e784664682789851960db097fd9087b600d10d91af";

#[test]
fn other_seeds_make_other_worlds() {
    let first_id = |seed| texts(&batches(&config(10, 1, seed))[0].events, "event_id")[0].unwrap().to_owned();
    assert_ne!(first_id(1), first_id(2));
    assert_eq!(first_id(1), first_id(1));
}

#[test]
fn json_events_are_taken_by_the_api_and_have_the_usual_size() {
    let mut simulation = Simulation::new(&config(20_000, 24, 3));
    let (ads, limits) = (Ads::default(), Limits::default());
    let now = Timestamp::parse_rfc3339("2026-11-23T00:00:00Z").unwrap();
    let context = Context { captured_at: now, ads: &ads, limits: &limits };
    let (mut events, mut bytes) = (0, 0);
    while let Some(batch) = simulation.next_json_batch(1_000) {
        let mut items = 0;
        parse::drafts(&batch.body, |_, draft| {
            let draft = draft.unwrap();
            let (ip, kind) = (draft.ip.clone(), draft.kind);
            let event = validate::event(draft, &context).unwrap();
            assert_eq!((event.ip, Some(event.kind), event.event_time), (ip, kind, now));
            items += 1;
        })
        .unwrap();
        assert_eq!(items, batch.events);
        (events, bytes) = (events + items, bytes + batch.body.len());
    }
    let mean = bytes / events;
    assert!((600..=660).contains(&mean), "{mean} bytes an event");
    assert!((19_800..20_000).contains(&events), "{events}");
}

#[test]
fn the_registered_ads_are_the_ads_of_the_events() {
    let config = config(5_000, 1, 9);
    let simulation = Simulation::new(&config);
    let ads: Ads = simulation.ads().iter().cloned().collect();
    assert_eq!(ads.len(), 400);
    for batch in batches(&config) {
        let (ids, campaigns) = (texts(&batch.events, "ad_id"), texts(&batch.events, "campaign_id"));
        for (id, campaign) in ids.into_iter().zip(campaigns) {
            assert_eq!(Some(ads.get(id.unwrap()).unwrap().campaign_id.as_str()), campaign);
        }
    }
    assert!(simulation.ads().iter().all(|ad| ad.target_url.starts_with("https://") && ad.price_micros > 0));
}

#[derive(Default)]
struct Census {
    kinds: BTreeMap<String, u32>,
    campaigns: HashMap<String, u32>,
    hours: BTreeMap<String, u32>,
    ids: HashMap<String, u32>,
    address_minute: HashMap<(String, i64), u32>,
    pairs: HashMap<(String, String), Vec<i64>>,
    tools: u32,
    late: u32,
}

fn census(config: &Config) -> Census {
    let mut census = Census::default();
    for batch in batches(config) {
        let [kinds, campaigns, ids, addresses, users, ads] =
            ["kind", "campaign_id", "event_id", "ip", "user_id", "ad_id"].map(|column| texts(&batch.events, column));
        let (times, captured) = (micros(&batch.events, "event_time"), micros(&batch.events, "captured_at"));
        for row in 0..batch.events.num_rows() {
            *census.kinds.entry(kinds[row].unwrap().into()).or_default() += 1;
            *census.campaigns.entry(campaigns[row].unwrap().into()).or_default() += 1;
            *census.hours.entry(batch.hour.to_string()).or_default() += 1;
            *census.ids.entry(ids[row].unwrap().into()).or_default() += 1;
            census.late += u32::from(captured[row] - times[row] > 60_000_000);
            if kinds[row] == Some("click") {
                let minute = captured[row] / 60_000_000;
                *census.address_minute.entry((addresses[row].unwrap().into(), minute)).or_default() += 1;
                match users[row] {
                    Some(user) => {
                        census.pairs.entry((user.into(), ads[row].unwrap().into())).or_default().push(times[row])
                    }
                    None => census.tools += 1,
                }
            }
        }
    }
    census
}

#[test]
fn traffic_has_what_detectors_look_for() {
    let census = census(&config(300_000, 24, 5));
    let kind = |kind: &str| census.kinds.get(kind).copied().unwrap_or(0);
    let (impressions, clicks) = (kind("impression"), kind("click"));
    assert!((7 * clicks..12 * clicks).contains(&impressions), "{:?}", census.kinds);
    assert!((clicks / 100..clicks / 30).contains(&kind("conversion")), "{:?}", census.kinds);
    assert!((300..1_500).contains(&kind("probe")) && (500..1_500).contains(&kind("prefetch")), "{:?}", census.kinds);
    let mut sizes: Vec<_> = census.campaigns.values().copied().collect();
    sizes.sort_unstable_by_key(|size| std::cmp::Reverse(*size));
    assert!(sizes[0] > sizes[1] && sizes[0] > 8 * sizes[19] && sizes[19] > 0, "{sizes:?}");
    let hour = |hour: &str| census.hours[hour];
    assert!(hour("2026-11-22T20") > 8 * hour("2026-11-22T04"), "{:?}", census.hours);
    let repeated = census.ids.values().filter(|times| **times > 1).count();
    assert!((900..2_500).contains(&repeated), "{repeated} retries");
    assert!((800..2_000).contains(&census.late), "{} late", census.late);
    assert!((clicks / 25..clicks / 4).contains(&census.tools), "{} of {clicks} by tools", census.tools);
    assert!(census.address_minute.values().any(|clicks| *clicks > 100), "no burst");
    let mut doubles = 0;
    for times in census.pairs.into_values() {
        let mut times = times;
        times.sort_unstable();
        doubles += times.windows(2).filter(|pair| (1..5_000_000).contains(&(pair[1] - pair[0]))).count();
    }
    assert!(doubles > 200, "{doubles} double clicks");
}
