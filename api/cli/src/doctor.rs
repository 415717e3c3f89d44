//! `clicktrail doctor`: what this installation can promise, measured where it runs.

#![expect(clippy::disallowed_methods, reason = "the machine is measured")]

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clicktrail_log::{
    causes::causes,
    log::{Durability, Stream},
    sqlite::is_writable,
    time::Timestamp,
};
use clicktrail_replay::promotions::{self, Compared};
use clicktrail_verdicts::ruleset::{ListHead, Rule, Ruleset};
use object_store::{ObjectStoreExt as _, path::Path};
use serde_json::json;

use crate::{
    clocks,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output,
};

/// A list that is older misses what began since: hosting networks change by some percent a month.
const LIST_DAYS_MAX: i64 = 90;

/// The name of the line about promotions.
const PROMOTIONS: &str = "promotions";
/// So much that is wrong with promotions is said.
const SHOWN_MAX: usize = 3;

/// Writes that are timed.
const FSYNCS: usize = 200;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

/// One line of the examination.
struct Finding {
    what: &'static str,
    good: bool,
    detail: String,
}

pub(super) async fn run(global: &Global, _arguments: Arguments) -> anyhow::Result<Exit> {
    let places = global.existing()?;
    let is_only_read = places.data.exists() && !is_writable(&places.data);
    let instance = if is_only_read { global.open_reading().await? } else { global.open().await? };
    let fsync = if is_only_read { only_read(&instance) } else { fsync(&instance)? };
    let mut findings = vec![fsync, durability(&instance).await?, clock(&instance).await];
    if !is_only_read {
        findings.extend(archive(&instance).await);
    }
    findings.push(catalog(&instance).await);
    findings.push(promotions(&instance).await);
    findings.push(numbers(&instance).await);
    let rules = global.rules()?;
    findings.push(lists(&rules, instance.clock.now()));
    let good = findings.iter().all(|finding| finding.good);
    match global.output {
        Format::Json => {
            let findings = findings
                .iter()
                .map(|finding| json!({"check": finding.what, "ok": finding.good, "detail": finding.detail}));
            output::json(&findings.collect());
        }
        Format::Table => {
            for Finding { what, good, detail } in &findings {
                output::line(&format!("{}  {what:<12} {detail}", if *good { "ok  " } else { "WARN" }));
            }
        }
    }
    Ok(if good { Exit::Ok } else { Exit::Differences })
}

/// A place where nothing can be captured, and nothing is tried.
fn only_read(instance: &Installation) -> Finding {
    let data = instance.places.data.display();
    let detail =
        format!("{data} cannot be written to: neither it nor the archive was tried, and nothing can be captured");
    Finding { what: "fsync", good: false, detail }
}

fn fsync(instance: &Installation) -> anyhow::Result<Finding> {
    let path = instance.places.data.join("doctor.tmp");
    let mut file = std::fs::File::create(&path).with_context(|| format!("write {}", path.display()))?;
    let mut times = Vec::with_capacity(FSYNCS);
    for _ in 0..FSYNCS {
        let started = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    std::fs::remove_file(&path)?;
    times.sort_unstable();
    let (p50, p99) = (times[FSYNCS / 2], times[FSYNCS * 99 / 100]);
    let detail = format!(
        "4 KiB write and fsync in {}: p50 {:.2} ms, p99 {:.2} ms",
        instance.places.data.display(),
        ms(p50),
        ms(p99)
    );
    // A disk that answers faster than flash can write does not write.
    let good = p50 > Duration::from_micros(20);
    let detail = if good {
        detail
    } else {
        format!("{detail}: too fast for a real disk, a power loss may take acknowledged events")
    };
    Ok(Finding { what: "fsync", good, detail })
}

/// Whether the lists of the ruleset, shipped and own, are young enough to find robots and data centres.
fn lists(rules: &Ruleset, now: Timestamp) -> Finding {
    let rules = rules.rules().iter().filter(|rule| rule.off_because().is_none());
    let heads: Vec<ListHead> = rules.flat_map(Rule::lists).collect();
    let old: Vec<String> = heads
        .iter()
        .filter_map(|head| Some((head, head.age_days(now).filter(|days| *days > LIST_DAYS_MAX)?)))
        .map(|(head, days)| format!("{} is {days} days old ({})", head.name, head.date_text().unwrap_or_default()))
        .collect();
    if !old.is_empty() {
        let detail = format!("{}: over {LIST_DAYS_MAX} days; get newer ones, or a newer clicktrail", old.join(", "));
        return Finding { what: "lists", good: false, detail };
    }
    let oldest = heads.iter().filter_map(|head| Some((head.date?, head))).min_by_key(|(date, _)| *date);
    let detail = match oldest {
        Some((_, head)) => format!(
            "{}, the oldest is {} of {}",
            output::count(heads.len(), "list"),
            head.name,
            head.date_text().unwrap_or_default()
        ),
        None => format!("{}, none with a date", output::count(heads.len(), "list")),
    };
    Finding { what: "lists", good: true, detail }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// What an acknowledgement of each log means. To open a log checks how its stream is set up.
async fn durability(instance: &Installation) -> anyhow::Result<Finding> {
    let mut logs = Vec::with_capacity(Stream::ALL.len());
    for stream in Stream::ALL {
        let durability = instance.log(stream).durability().await;
        logs.push((stream, durability.with_context(|| format!("ask the log of {stream} what it promises"))?));
    }
    Ok(promised(&logs))
}

/// The promise of all logs, or of each if they differ.
fn promised(logs: &[(Stream, Durability)]) -> Finding {
    let is_replicated = |durability: &Durability| matches!(durability, Durability::Replicated(_));
    // Beside replicated streams one disk would hold the others: without verdicts nothing is judged, or counted.
    let some_alone = logs.iter().any(|(_, one)| is_replicated(one)) && !logs.iter().all(|(_, one)| is_replicated(one));
    let good = !some_alone
        && logs.iter().all(|(_, durability)| match durability {
            Durability::Fsync | Durability::Replicated(_) => true,
            Durability::Weak(_) => false,
        });
    let first = &logs[0].1;
    let detail = match logs.iter().all(|(_, durability)| durability == first) {
        true => format!("an acknowledgement means {first}"),
        false => {
            let each = logs.iter().map(|(stream, durability)| format!("of {stream}, {durability}"));
            let told = format!("an acknowledgement means, {}", each.collect::<Vec<_>>().join("; "));
            match some_alone {
                true => format!("{told}: the loss of one disk stops what is not replicated (--replicas)"),
                false => told,
            }
        }
    };
    Finding { what: "durability", good, detail }
}

/// Whether the clock names hours that can be, and goes with the log's.
async fn clock(instance: &Installation) -> Finding {
    let now = instance.clock.now();
    // Before this was written, or far beyond: such a clock names wrong hours.
    let good = (1_790_000_000_000_000..4_102_444_800_000_000).contains(&now.micros());
    let apart = match clocks::ahead_micros(instance).await {
        Ok(apart) => apart,
        Err(error) => {
            let detail = format!("it is {now}; the log's clock cannot be asked: {}", causes(&error));
            return Finding { what: "clock", good: false, detail };
        }
    };
    let Some(ahead) = apart else {
        return Finding { what: "clock", good, detail: format!("it is {now}") };
    };
    let good = good && ahead.abs() <= clocks::APART_MICROS_MAX;
    Finding { what: "clock", good, detail: format!("it is {now}, {}", clocks::sentence(ahead)) }
}

async fn archive(instance: &Installation) -> Vec<Finding> {
    let path = Path::from("doctor/probe");
    let store = instance.archive.object_store();
    let content = bytes::Bytes::from(instance.clock.now().to_string());
    let _ = store.delete(&path).await;
    let started = Instant::now();
    let round_trip = async {
        instance.archive.create(&path, content.clone()).await?;
        instance.archive.get(&path).await
    };
    let trip = match round_trip.await {
        Ok(back) if back == content => {
            Finding { what: "archive", good: true, detail: format!("put and get in {:.1} ms", ms(started.elapsed())) }
        }
        Ok(_) => Finding { what: "archive", good: false, detail: "what came back is not what was put".to_owned() },
        Err(error) => Finding { what: "archive", good: false, detail: causes(&error) },
    };
    let again = instance.archive.create(&path, bytes::Bytes::from_static(b"another")).await;
    let honoured = matches!(again, Err(clicktrail_log::archive::Error::Conflict(_)));
    let detail = match honoured {
        true => "a manifest cannot be overwritten".to_owned(),
        false => "the store lets a create-only put overwrite: two archivers could change a sealed hour".to_owned(),
    };
    let _ = store.delete(&path).await;
    vec![trip, Finding { what: "create-only", good: honoured, detail }]
}

async fn catalog(instance: &Installation) -> Finding {
    let started = Instant::now();
    match instance.catalog.last_hour().await {
        Ok(last) => {
            let last =
                last.map_or_else(|| "no hour is sealed yet".to_owned(), |last| format!("sealed up to {}", last.hour));
            Finding {
                what: "catalog",
                good: true,
                detail: format!("answers in {:.1} ms, {last}", ms(started.elapsed())),
            }
        }
        Err(error) => Finding { what: "catalog", good: false, detail: causes(&error) },
    }
}

/// Whether archive and catalog have the same promotions: what a lost catalog is made again from.
async fn promotions(instance: &Installation) -> Finding {
    match promotions::compare(&instance.archive, instance.catalog.as_ref()).await {
        Ok(compared) => recorded(&compared),
        Err(cause) => Finding { what: PROMOTIONS, good: false, detail: causes(&cause) },
    }
}

fn recorded(compared: &Compared) -> Finding {
    let Compared { equal, unkept, contradictions } = compared;
    let mut wrong: Vec<String> = contradictions.iter().take(SHOWN_MAX).cloned().collect();
    if contradictions.len() > SHOWN_MAX {
        wrong.push(format!("and {} more", contradictions.len() - SHOWN_MAX));
    }
    if let Some(first) = unkept.first() {
        let records = output::count(unkept.len(), "promotion");
        wrong.push(format!(
            "{records} from number {first} on without a record in the archive: `clicktrail replay log` puts it there"
        ));
    }
    let detail = match wrong.is_empty() {
        true => format!("{}, each with the same record in the archive", output::count(*equal, "promotion")),
        false => wrong.join("; "),
    };
    Finding { what: PROMOTIONS, good: wrong.is_empty(), detail }
}

/// Whether the catalog knows every number that archive and log of issued documents have.
async fn numbers(instance: &Installation) -> Finding {
    let what = "numbers";
    match crate::invoice::looking(instance).ahead().await {
        Ok(ahead) => {
            let wrong: Vec<String> = ahead.refusal().into_iter().chain(ahead.damage).collect();
            let good = wrong.is_empty();
            let detail = "the catalog knows every number that was given".to_owned();
            Finding { what, good, detail: if good { detail } else { wrong.join("; ") } }
        }
        Err(error) => Finding { what, good: false, detail: causes(&error) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: &str) -> Timestamp {
        Timestamp::parse_rfc3339(&format!("{day}T12:00:00Z")).unwrap()
    }

    #[test]
    fn log_that_promises_less_than_the_others_is_named() {
        let all = |durability: Durability| Stream::ALL.map(|stream| (stream, durability.clone()));
        let same = promised(&all(Durability::Fsync));
        assert!(same.good && same.detail == "an acknowledgement means fsync", "{}", same.detail);
        let mut logs = all(Durability::Replicated(3));
        logs[3].1 = Durability::Weak("one replica".into());
        let found = promised(&logs);
        assert!(!found.good && found.detail.contains("of invoices, weak: one replica"), "{}", found.detail);
        assert!(found.detail.contains("of clicks, replicated (3)"), "{}", found.detail);
        logs[3].1 = Durability::Fsync;
        let found = promised(&logs);
        assert!(!found.good && found.detail.contains("the loss of one disk stops"), "{}", found.detail);
    }

    #[test]
    fn promotions_are_good_only_if_archive_and_catalog_have_the_same() {
        let same = recorded(&Compared { equal: 2, ..Compared::default() });
        assert!(same.good && same.detail.starts_with("2 promotions, each"), "{}", same.detail);
        let unkept = recorded(&Compared { equal: 2, unkept: vec![3], contradictions: Vec::new() });
        assert!(!unkept.good && unkept.detail.contains("from number 3 on without a record"), "{}", unkept.detail);
        let many = (1..=5).map(|number| format!("promotion {number} is another")).collect();
        let many = recorded(&Compared { contradictions: many, ..Compared::default() });
        assert!(!many.good && many.detail.ends_with("promotion 3 is another; and 2 more"), "{}", many.detail);
    }

    #[test]
    fn list_over_ninety_days_old_is_warned_of_by_name() {
        let shipped = Ruleset::shipped();
        let young = lists(&shipped, at("2026-12-01"));
        assert!(young.good && young.detail.contains("hosting.txt of 2026-10-05"), "{}", young.detail);
        let old = lists(&shipped, at("2027-01-04"));
        assert!(!old.good && old.detail.contains("hosting.txt is 91 days old (2026-10-05)"), "{}", old.detail);
        assert!(!old.detail.contains("isbot.txt"), "{}", old.detail);
        assert!(lists(&shipped, at("2027-01-03")).good);
        let own = "version = 1\nname = \"own\"\n[[rule]]\ndetector = \"datacentre\"\nlists = [\"mine.txt\"]\n";
        let own = |text: &'static str| Ruleset::parse(own, &|_| Ok(text.into())).unwrap();
        let old = lists(&own("# Date: 2020-01-01\n192.0.2.1\n"), at("2026-12-01"));
        assert!(!old.good && old.detail.contains("mine.txt"), "{}", old.detail);
        assert!(lists(&own("192.0.2.1\n"), at("2026-12-01")).good, "nothing is known about its age");
    }
}
