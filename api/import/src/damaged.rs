//! Files of all formats and the mappings that read them, damaged: each line is an event or is rejected, each mapping is
//! read or refused with its line.

use std::path::Path;

use clicktrail_damage::{Trial, test};
use clicktrail_log::time::Timestamp;

use crate::{Format, Import, Line, List, Mapping, Options};

const APACHE: &str = include_str!("../../../examples/apache.toml");
const COLUMNS: &str = r#"
timezone = "Europe/Berlin"
not_before = "2015-01-01T00:00:00Z"
extra = ["more"]

[event]
event_id = { field = "id" }
kind = { field = "kind", map = { c = "click", i = "impression" }, default = "click" }
event_time = { field = "time", format = "%d.%m.%Y %H:%M:%S" }
advertiser_id = "acme"
campaign_id = { field = "campaign", default = "none" }
ad_id = { field = "ad", shorten = true }
price = { field = "price" }
currency = "EUR"
ip = { field = "ip", fallback = "peer" }
user_agent = { field = "agent" }
"#;

const COMBINED: &str = concat!(
    "10.0.0.1 - - [17/May/2015:10:05:03 +0000] \"GET /blog/a?x=1 HTTP/1.1\" 200 5 \"-\" \"curl/8\"\n",
    "shop.example:443 2001:db8::1 - frank [17/May/2015:10:05:04 +0200] \"HEAD /c HTTP/2.0\" 304 - \"https://x.example/\" \"Mozilla/5.0 (\\\"q\\\")\" \"198.51.100.7, 10.0.0.2\"\n",
    "host.example - - [17/May/2015:10:05:05.123 -0730] \"\\x16\\x03\\x01\" 400 0\n",
    "192.0.2.9 - - [17/May/2015:10:05:06 +0000] \"POST http://x.example/p%20q/%E4 HTTP/1.0\" 200 12 \"\" \"\" rt=0.1 uct=\"-\"\n",
);
const CSV: &str = concat!(
    "id,kind,time,campaign,ad,price,ip,peer,agent,more\n",
    "1,c,29.03.2026 03:30:00,spring,a,0.25,192.0.2.1,10.0.0.1,\"a \"\"b\"\"\",x\n",
    "2,i,25.10.2026 02:30:00,,b,1e-3,,10.0.0.1,,\n",
);
const NDJSON: &str = concat!(
    "{\"id\":\"1\",\"kind\":\"c\",\"time\":\"29.03.2026 03:30:00\",\"ad\":\"a\",\"price\":0.250,\"more\":{\"deep\":[1,{}]}}\n",
    "{\"id\":12345678901234567890,\"time\":\"01.01.2026 00:00:00\",\"ad\":7,\"price\":\"1\",\"ip\":null}\n",
);

fn mapping(format: Format) -> Mapping {
    let text = if format == Format::Combined { APACHE } else { COLUMNS };
    Mapping::parse(format, text).unwrap()
}

/// Imports a file to its end: every line is accounted for.
fn import(bytes: &[u8], mapping: Mapping, scratch: &Path) {
    let path = scratch.join("input");
    std::fs::write(&path, bytes).unwrap();
    let now = Timestamp::parse_rfc3339("2026-11-22T14:00:00Z").unwrap();
    let options = Options { whole: true, sort_memory_bytes: 1 << 20, ..Options::new(scratch, now) };
    let mut import = match Import::open(&path, mapping.clone(), &options, &mut |_, _| {}) {
        Ok(import) => import,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let mut rows = 0;
    while let Some(batch) = import.next_batch().unwrap() {
        rows += batch.events.num_rows() as u64;
    }
    assert_eq!(rows, import.logged_events());
    assert_eq!(import.read_lines(), rows + import.rejected_lines());
    let mut rejects = import.into_rejects().unwrap();
    while let Some(batch) = rejects.next_batch(now).unwrap() {
        assert!(batch.num_rows() > 0);
    }
    let Ok(mut list) = List::open(&path, mapping) else { return };
    let (mut last, mut more) = (0, true);
    while more {
        let taken = list.next("acme", |number, line| {
            assert!(number > last, "line {number} behind {last}");
            last = number;
            if let Line::Unreadable(code, sentence) = line {
                assert!(!code.is_empty() && !sentence.is_empty());
            }
        });
        more = taken.unwrap_or(false);
    }
}

#[test]
fn access_log_of_any_bytes_is_events_or_is_rejected_line_by_line() {
    let scratch = tempfile::tempdir().unwrap();
    let trial = Trial::of(test!(access_log_of_any_bytes_is_events_or_is_rejected_line_by_line));
    trial.examples([COMBINED]).words(&["\\x", "\\\"", "%", "[", "]", "\"", " - "]).run(|bytes| {
        import(bytes, mapping(Format::Combined), scratch.path());
    });
}

#[test]
fn csv_file_of_any_bytes_is_events_or_is_rejected_line_by_line() {
    let scratch = tempfile::tempdir().unwrap();
    let trial = Trial::of(test!(csv_file_of_any_bytes_is_events_or_is_rejected_line_by_line));
    trial.examples([CSV]).words(&["\"", "\"\"", ",", "\n"]).run(|bytes| {
        import(bytes, mapping(Format::Csv), scratch.path());
    });
}

#[test]
fn ndjson_file_of_any_bytes_is_events_or_is_rejected_line_by_line() {
    let scratch = tempfile::tempdir().unwrap();
    let event = r#"{"event_id":"e","kind":"click","event_time":"2026-03-01T00:00:00Z","advertiser_id":"a","campaign_id":"c","ad_id":"x","price":"1","currency":"EUR"}"#;
    let trial = Trial::of(test!(ndjson_file_of_any_bytes_is_events_or_is_rejected_line_by_line));
    trial.examples([NDJSON, event]).run(|bytes| {
        import(bytes, mapping(Format::Ndjson), scratch.path());
        import(bytes, Mapping::events(), scratch.path());
    });
}

#[test]
fn mapping_of_any_bytes_is_used_or_refused_with_its_line() {
    let scratch = tempfile::tempdir().unwrap();
    let words = [
        "field = ",
        "map = {",
        "default = \"\"",
        "format = \"%Z\"",
        "format = \"%\"",
        "format = \"%9f %:::z\"",
        "timezone = \"CET\"",
        "delimiter = \"\"",
        "quote = \"\u{e9}\"",
        "[event.kind]",
    ];
    let trial = Trial::of(test!(mapping_of_any_bytes_is_used_or_refused_with_its_line)).examples([APACHE, COLUMNS]);
    trial.words(&words).run(|bytes| {
        let text = &*String::from_utf8_lossy(bytes);
        for (format, file) in [(Format::Combined, COMBINED), (Format::Csv, CSV), (Format::Ndjson, NDJSON)] {
            match Mapping::parse(format, text) {
                Ok(mapping) => import(file.as_bytes(), mapping, scratch.path()),
                Err(error) => {
                    let lines = text.split('\n').count();
                    assert!((1..=lines).contains(&error.line), "line {} of {lines}: {error}", error.line);
                }
            }
            let _ = Mapping::parse_list(format, text);
        }
    });
}
