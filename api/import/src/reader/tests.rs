use arrow::{array::AsArray, array::RecordBatch, datatypes::Int64Type, datatypes::TimestampMicrosecondType};
use clicktrail_log::frame::Writer;

use super::*;
use crate::KnownRejects;

const APACHE: &str = include_str!("../../../../examples/apache.toml");

struct Imported {
    import: Import,
    batches: Vec<Batch>,
}

/// Files of these tests are complete, but for those that say otherwise.
fn options(scratch: &Path) -> Options {
    let now = Timestamp::parse_rfc3339("2026-11-22T14:00:00Z").unwrap();
    Options { whole: true, ..Options::new(scratch, now) }
}

fn open(file: &[u8], mapping: Mapping, scratch: &Path) -> Result<Import, Error> {
    let path = scratch.join("input");
    std::fs::write(&path, file).unwrap();
    Import::open(&path, mapping, &options(scratch), &mut |_, _| {})
}

fn import(file: &[u8], mapping: Mapping) -> Imported {
    let scratch = tempfile::tempdir().unwrap();
    let mut import = open(file, mapping, scratch.path()).unwrap();
    let mut batches = Vec::new();
    while let Some(batch) = import.next_batch().unwrap() {
        batches.push(batch);
    }
    let rows: usize = batches.iter().map(|batch| batch.events.num_rows()).sum();
    assert_eq!(rows as u64, import.logged_events());
    assert_eq!(import.read_lines(), import.logged_events() + import.rejected_lines());
    Imported { import, batches }
}

fn texts<'a>(batch: &'a RecordBatch, column: &str) -> Vec<Option<&'a str>> {
    batch.column_by_name(column).unwrap().as_string::<i32>().iter().collect()
}

impl Imported {
    fn texts(&self, column: &str) -> Vec<Option<&str>> {
        self.batches.iter().flat_map(|batch| texts(&batch.events, column)).collect()
    }

    /// `(line, code, detail, original)` of every rejected line.
    fn rejected(self) -> Vec<(i64, String, String, Vec<u8>)> {
        let mut rejects = self.import.into_rejects().unwrap();
        let mut rows = Vec::new();
        while let Some(batch) = rejects.next_batch(Timestamp::from_micros(7)).unwrap() {
            let items = batch.column_by_name("item").unwrap().as_primitive::<Int64Type>().clone();
            let original = batch.column_by_name("original").unwrap().as_binary::<i32>();
            for row in 0..batch.num_rows() {
                let text = |column| texts(&batch, column)[row].unwrap().to_owned();
                rows.push((items.value(row), text("code"), text("detail"), original.value(row).to_vec()));
            }
        }
        rows
    }

    fn codes(self) -> Vec<(i64, String)> {
        self.rejected().into_iter().map(|(line, code, ..)| (line, code)).collect()
    }
}

fn apache() -> Mapping {
    Mapping::parse(Format::Combined, APACHE).unwrap()
}

fn line(time: &str, request: &str) -> String {
    format!("10.0.0.1 - - [{time} +0000] \"{request} HTTP/1.1\" 200 5 \"-\" \"curl/8\"\n")
}

#[test]
fn a_log_comes_out_in_event_time_order_an_hour_at_a_time() {
    let log = [
        line("17/May/2015:12:00:00", "GET /c"),
        line("17/May/2015:10:00:01", "GET /blog/a?x=1"),
        "\n".into(),
        line("17/May/2015:10:00:00", "HEAD /"),
        line("17/May/2015:10:00:01", "POST /blog/b"),
        line("17/May/2015:10:00:01", "OPTIONS /blog/b"),
        "half a line".into(),
    ];
    let imported = import(log.concat().as_bytes(), apache());
    assert_eq!(imported.texts("ad_id"), [Some("/"), Some("/blog/a"), Some("/blog/b"), Some("/c")]);
    assert_eq!(imported.texts("campaign_id"), [Some("home"), Some("blog"), Some("blog"), Some("c")]);
    assert_eq!(imported.texts("kind"), [Some("probe"), Some("click"), Some("click"), Some("click")]);
    assert_eq!(imported.texts("extra")[1], Some(r#"{"query":"x=1","status":200,"bytes":5}"#));
    assert_eq!(imported.texts("page_url"), [None; 4]);
    let spans: Vec<_> =
        imported.batches.iter().map(|batch| (batch.hour.to_string(), batch.first, batch.last)).collect();
    assert_eq!(spans.len(), 2);
    assert_eq!((spans[0].0.as_str(), spans[1].0.as_str()), ("2015-05-17T10", "2015-05-17T12"));
    assert_eq!(spans[0].2.micros() - spans[0].1.micros(), 1_000_000);
    for batch in &imported.batches {
        let micros = |column: &str| {
            batch.events.column_by_name(column).unwrap().as_primitive::<TimestampMicrosecondType>().clone()
        };
        assert_eq!(micros("captured_at"), micros("event_time"));
        let price = batch.events.column_by_name("price_micros").unwrap().as_primitive::<Int64Type>();
        assert!(price.iter().all(|price| price == Some(10_000)));
    }
    let rejected = imported.rejected();
    assert_eq!((rejected[0].0, rejected[0].1.as_str()), (5, "unmapped"));
    assert_eq!(rejected[0].2, "the mapping does not say what kind \"OPTIONS\" means");
    assert_eq!(
        (rejected[1].0, rejected[1].1.as_str(), rejected[1].3.as_slice()),
        (6, "malformed", &b"half a line"[..])
    );
    assert_eq!(rejected.len(), 2);
}

#[test]
fn importing_again_makes_the_same_frames() {
    let log: String = (0..3_000)
        .map(|at| line(&format!("17/May/2015:{:02}:00:{:02}", at % 5, at % 60), &format!("GET /{at}")))
        .collect();
    let frames = |memory: usize| {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("renamed");
        std::fs::write(&path, &log).unwrap();
        let options = Options { sort_memory_bytes: memory, ..options(scratch.path()) };
        let mut import = Import::open(&path, apache(), &options, &mut |_, _| {}).unwrap();
        let mut writer = Writer::new(import.identity(), 1);
        let mut headers = Vec::new();
        while let Some(batch) = import.next_batch().unwrap() {
            headers.push(writer.seal(&batch.events, (batch.first, batch.last)).unwrap().header);
        }
        headers
    };
    let once = frames(1 << 20);
    assert_eq!(once.len(), 5);
    assert_eq!(frames(10_000), once);
}

#[test]
fn the_writer_follows_file_and_mapping_and_an_id_its_line() {
    let identity = |file: &[u8], mapping: &str| {
        let imported = import(file, Mapping::parse(Format::Combined, mapping).unwrap());
        (imported.import.identity(), imported.texts("event_id")[0].unwrap().to_owned())
    };
    let file = line("17/May/2015:12:00:00", "GET /c");
    let (writer, event) = identity(file.as_bytes(), APACHE);
    let (other_writer, same_event) = identity(file.as_bytes(), &APACHE.replace("0.01", "0.02"));
    assert_ne!(writer, other_writer);
    assert_eq!(event, same_event);
    assert_eq!(event.as_bytes()[14], b'8', "{event} is not of version 8");
    let (longer, event_then) = identity(format!("{file}\n").as_bytes(), APACHE);
    assert_ne!(longer, writer);
    assert_eq!(event_then, event);
}

#[test]
fn bad_lines_are_rejected_one_by_one_with_their_reasons() {
    let mut log = line("17/May/2015:12:00:00", "GET /c").into_bytes();
    log.extend_from_slice(&vec![b'x'; LINE_BYTES_MAX + 1]);
    log.extend_from_slice(b"\n\xff\xfe\n");
    for bad in [
        line("17/May/1999:12:00:00", "GET /c"),
        line("31/Feb/2015:12:00:00", "GET /c"),
        line("17/May/2015:12:00:00", "GET /\u{1}"),
        line("17/May/2015:12:00:00", "\\x16\\x03"),
    ] {
        log.extend_from_slice(bad.as_bytes());
    }
    let imported = import(&log, apache());
    assert_eq!(imported.batches.len(), 1);
    let codes = ["line_too_long", "malformed", "time_out_of_range", "invalid_time", "invalid_id", "missing_field"];
    let expected: Vec<_> = (1..).zip(codes.map(str::to_owned)).collect();
    assert_eq!(imported.codes(), expected);
}

#[test]
fn odd_optional_value_costs_no_line() {
    let agent = "x".repeat(5_000);
    let log = line("17/May/2015:12:00:00", "GET /c").replace("curl/8", &agent);
    let imported = import(log.as_bytes(), apache());
    assert!(imported.texts("extra")[0].unwrap().contains(r#""user_agent":{"why":"too_long","bytes":5000}"#));
    assert_eq!(imported.codes(), []);
}

#[test]
fn rejected_lines_of_any_size_fit_frames() {
    let mut log = Vec::new();
    for number in 0..9 {
        log.extend(std::iter::repeat_n(b'a' + number, LINE_BYTES_MAX));
        log.push(b'\n');
    }
    log.extend_from_slice("x\n".repeat(10_000).as_bytes());
    let imported = import(&log, apache());
    let mut rejects = imported.import.into_rejects().unwrap();
    assert_eq!(rejects.lines(), 10_009);
    let mut writer = Writer::new(Uuid::nil(), 1);
    let (mut rows, now) = (0, Timestamp::from_micros(0));
    while let Some(batch) = rejects.next_batch(now).unwrap() {
        writer.seal(&batch, (now, now)).unwrap();
        rows += batch.num_rows();
    }
    assert_eq!(rows, 10_009);
}

#[test]
fn a_long_path_is_shortened_and_kept_whole_in_extra() {
    let path = format!("/{}", "p".repeat(200));
    let imported = import(line("17/May/2015:12:00:00", &format!("GET {path}")).as_bytes(), apache());
    // The first segment is too long for a campaign, and the mapping does not shorten that.
    assert_eq!(imported.codes(), [(0, "too_long".to_owned())]);
    let path = format!("/blog/{}", "p".repeat(200));
    let imported = import(line("17/May/2015:12:00:00", &format!("GET {path}")).as_bytes(), apache());
    let ad_id = imported.texts("ad_id")[0].unwrap();
    assert_eq!(ad_id.len(), 128);
    assert!(path.starts_with(&ad_id[..111]) && ad_id.as_bytes()[111] == b'~', "{ad_id}");
    let extra: serde_json::Value = serde_json::from_str(imported.texts("extra")[0].unwrap()).unwrap();
    assert_eq!(extra["ad_id_whole"], path);
}

const COLUMNS: &str = r#"
    [event]
    kind = { field = "type" }
    event_time = { field = "at", format = "unix_ms" }
    advertiser_id = { field = "advertiser" }
    campaign_id = "c"
    ad_id = { field = "ad" }
    price = { field = "price", default = "0" }
    currency = "EUR"
"#;

#[test]
fn csv_is_read_by_its_header_and_loses_no_column() {
    let mapping = || Mapping::parse(Format::Csv, &format!("delimiter = \";\"\n{COLUMNS}")).unwrap();
    let file = "\u{feff}at;type;advertiser;ad;price;note;empty\r\n\
        1431857103250;click;acme;a1;0.05;\"say \"\"hi\"\"; bye\";\r\n\
        1431857103000;impression;acme;a1;;;\r\n\
        1431857103000;click;acme;a1\r\n\
        1431857103000;click;acme;a1;0.0000001;;\r\n\
        now;click;acme;a1;1;;\r\n";
    let imported = import(file.as_bytes(), mapping());
    assert_eq!(imported.texts("kind"), [Some("impression"), Some("click")]);
    assert_eq!(imported.texts("extra"), [None, Some(r#"{"note":"say \"hi\"; bye"}"#)]);
    let prices = imported.batches[0]
        .events
        .column_by_name("price_micros")
        .unwrap()
        .as_primitive::<Int64Type>()
        .values()
        .to_vec();
    assert_eq!(prices, [0, 50_000]);
    let codes = imported.codes();
    assert_eq!(codes, [(3, "malformed".into()), (4, "invalid_amount".into()), (5, "invalid_time".into())]);
    for (file, expected) in [
        ("", "the file is empty"),
        ("at;type;advertiser;ad\n", "there is no column \"price\", which the mapping names"),
        ("at;at;type\n", "column \"at\" is there twice"),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        match open(file.as_bytes(), mapping(), scratch.path()) {
            Err(Error::Header(message)) => assert_eq!(message, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn ndjson_is_read_by_key_and_by_pointer() {
    let mapping = COLUMNS.replace("field = \"ad\"", "field = \"/ad/id\"");
    let mapping = Mapping::parse(Format::Ndjson, &mapping).unwrap();
    let file = concat!(
        r#"{"at":1431857103250,"type":"click","advertiser":"acme","ad":{"id":17,"size":"xl"},"price":0.05,"z":[1,{"y":null}],"n":null}"#,
        "\n",
        r#"{"at":1431857103250,"type":"click","advertiser":{},"ad":{"id":17}}"#,
        "\n",
        r#"{"at":1431857103250,"type":"click","advertiser":"acme","ad":{"id":17},"at":1}"#,
    );
    let imported = import(file.as_bytes(), mapping);
    assert_eq!(imported.texts("ad_id"), [Some("17")]);
    assert_eq!(imported.texts("extra"), [Some(r#"{"z":[1,{"y":null}]}"#)]);
    assert_eq!(imported.codes(), [(1, "wrong_type".into()), (2, "duplicate_key".into())]);
}

/// A mapping of NDJSON with optional columns of every sort, and a line for it around other members.
fn optional(members: &[u8]) -> (Mapping, Vec<u8>) {
    let more = r#"
        event_id = { field = "id" }
        user_id = { field = "/user/id" }
        user_agent = { field = "ua" }
        city = { field = "city", fallback = "town" }
        device_type = { field = "device", map = { m = "mobile" } }
        value = { field = "worth" }
    "#;
    let line =
        br#"{"at":1431857103250,"type":"click","advertiser":"acme","ad":"a","price":0.05,"#.iter().chain(members);
    let mapping = format!("{COLUMNS}{more}");
    (Mapping::parse(Format::Ndjson, &mapping).unwrap(), line.chain(b"}").copied().collect())
}

#[test]
fn optional_value_that_cannot_be_read_costs_no_line_of_mapped_ndjson() {
    for (members, column, value, told) in [
        (br#""ua":"x\ud800""#.as_slice(), "user_agent", "x\u{fffd}", r#""user_agent":{"why":"not_unicode""#),
        (br#""ua":"\udc00x""#, "user_agent", "\u{fffd}x", "not_unicode"),
        (b"\"ua\":\"K\xf6ln\"", "user_agent", "Köln", "not_unicode"),
        (b"\"ua\":\"a\0b\"", "user_agent", "a\u{fffd}b~", r#""user_agent":{"why":"control_character""#),
        (br#""ua":"a\u0000b""#, "user_agent", "a\u{fffd}b~", "control_character"),
        (b"\"ua\":\"a\tb\"", "user_agent", "a\tb", ""),
        (br#""ua":"say \x22hi\x22""#, "user_agent", "say \"hi\"", ""),
        (br#""ua":"one","ua":"two""#, "user_agent", "one", r#""user_agent":{"why":"given_twice""#),
        (br#""ua":"one","\u0075a":{"x":1}"#, "user_agent", "one", "given_twice"),
        (br#""ua":{"os":"x"}"#, "extra", "", r#""user_agent":{"why":"not_text""#),
        (br#""ua":1e400"#, "user_agent", "1e400", ""),
        (br#""city":NaN"#, "city", "NaN", ""),
        (br#""city":null,"town":"Bonn""#, "city", "Bonn", ""),
        (br#""user":{"id":"u","id":"v"}"#, "user_id", "u", r#""user_id":{"why":"given_twice""#),
        (br#""user":{"id":"u"},"user":{"id":"v"}"#, "user_id", "u", r#""user_id":{"why":"given_twice""#),
        (b"\"user\":{\"id\":\"\xff\"}", "user_id", "ÿ", r#""user_id":{"why":"not_unicode""#),
        (b"\"user\":{\"id\":\"u\",\"name\":\"\xff\"}", "user_id", "u", ""),
        (br#""id":["odd"]"#, "event_id", "[\"odd\"]", r#""event_id":{"why":"not_text""#),
        (br#""id":"\ud800""#, "event_id", "\u{fffd}~", r#""event_id":{"why":"not_unicode""#),
        (br#""device":"x""#, "extra", "", r#""device_type":{"why":"unmapped""#),
        (br#""worth":"a lot""#, "extra", "", r#""value_micros":{"why":"not_for_kind""#),
        (br#""x":1,"x":2"#, "extra", r#"{"x":1,"#, r#""extra":[{"field":"x","why":"given_twice""#),
        (b"\"x\":\"\xff\"", "extra", r#"{"x":"\u{ff}","#, r#""why":"not_unicode""#),
        (br#""x":{"y":"\u0000"}"#, "extra", r#"{"_set"#, r#""field":"x","why":"control_character""#),
        (br#""_set_aside":1"#, "extra", r#"{"_set"#, r#""why":"reserved""#),
        (br#""_correction":"c""#, "extra", r#"{"_set"#, r#""field":"_correction","why":"reserved""#),
    ] {
        let (mapping, line) = optional(members);
        let shown = String::from_utf8_lossy(&line).into_owned();
        let imported = import(&line, mapping);
        assert_eq!(imported.import.rejected_lines(), 0, "{shown}");
        let found = imported.texts(column)[0].unwrap_or_default();
        assert!(found.starts_with(&value.replace("\\u{ff}", "ÿ")), "{shown}: {found}");
        let extra = imported.texts("extra")[0].unwrap_or_default();
        assert!(extra.contains(told) && extra.is_empty() == told.is_empty(), "{shown}: {extra}");
    }
    let deep = format!("\"x\":{}1{}", "[".repeat(200), "]".repeat(200));
    let (mapping, line) = optional(deep.as_bytes());
    assert!(import(&line, mapping).texts("extra")[0].unwrap().contains("too_deep"));
}

#[test]
fn value_that_a_bill_needs_rejects_the_line_of_mapped_ndjson() {
    for (members, code) in [
        (br#""ad":"b""#.as_slice(), "duplicate_key"),
        (br#""ad":"a""#, "duplicate_key"),
        (br#""price":0.06"#, "duplicate_key"),
        (br#""at":1"#, "duplicate_key"),
        (br#""type":"click""#, "duplicate_key"),
    ] {
        let (mapping, line) = optional(members);
        assert_eq!(import(&line, mapping).codes(), [(0, code.to_owned())], "{}", String::from_utf8_lossy(&line));
    }
    for (from, to, code) in [
        ("\"a\"", b"\"a\xff\"".as_slice(), "invalid_utf8"),
        ("\"a\"", br#""a\ud800""#, "invalid_utf8"),
        ("\"a\"", b"\"a\tb\"", "invalid_id"),
        ("\"a\"", b"[1]", "wrong_type"),
        ("0.05", b"1e400", "invalid_amount"),
        ("0.05", b"NaN", "invalid_amount"),
        ("\"click\"", b"\"clic\"", "invalid_kind"),
    ] {
        let (mapping, line) = optional(b"\"x\":1");
        let text = String::from_utf8(line).unwrap();
        let at = text.find(from).unwrap();
        let line = [&text.as_bytes()[..at], to, &text.as_bytes()[at + from.len()..]].concat();
        assert_eq!(import(&line, mapping).codes(), [(0, code.to_owned())], "{}", String::from_utf8_lossy(&line));
    }
}

#[test]
fn marks_line_ends_and_blanks_make_no_other_line_of_ndjson() {
    let (mapping, line) = optional(b"\"x\":1");
    let ids = |file: &[u8]| {
        let imported = import(file, mapping.clone());
        assert_eq!(imported.import.rejected_lines(), 0);
        imported.texts("event_id").into_iter().flatten().map(str::to_owned).collect::<Vec<_>>()
    };
    let plain = ids(&line);
    assert_eq!(plain.len(), 1);
    for file in [
        [line.as_slice(), b"\n"].concat(),
        [line.as_slice(), b" \t\r\n \t\n\n"].concat(),
        [b"\xef\xbb\xbf".as_slice(), &line, b"\r\r\n"].concat(),
    ] {
        assert_eq!(ids(&file), plain, "{}", String::from_utf8_lossy(&file));
    }
    // Two files with marks, one behind the other.
    assert_eq!(ids(&[b"\xef\xbb\xbf".as_slice(), &line, b"\n\xef\xbb\xbf", &line].concat()).len(), 2);
}

#[test]
fn events_as_the_api_takes_them_need_no_mapping_file() {
    let event = r#""kind":"click","advertiser_id":"acme","campaign_id":"c","ad_id":"a","price":0.05,"currency":"EUR""#;
    let file = format!(
        "{{\"event_time\":\"2015-05-17T10:00:00Z\",\"event_id\":\"e1\",\"x\":1,{event}}}\n\
         {{\"event_time\":\"2015-05-17T09:00:00Z\",{event}}}\n{{{event}}}\n{{\n"
    );
    let imported = import(file.as_bytes(), Mapping::events());
    assert_eq!(imported.texts("event_id")[1], Some("e1"));
    assert_eq!(imported.texts("event_id")[0].unwrap().len(), 36);
    assert_eq!(imported.texts("extra"), [None, Some(r#"{"x":1}"#)]);
    assert_eq!(imported.codes(), [(2, "missing_field".into()), (3, "invalid_json".into())]);
}

#[test]
fn what_cannot_be_imported_as_a_whole_says_why() {
    let scratch = tempfile::tempdir().unwrap();
    let future = [line("17/May/2015:12:00:00", "GET /c"), line("17/May/2031:12:00:00", "GET /c")].concat();
    let error = open(future.as_bytes(), apache(), scratch.path()).unwrap_err();
    assert!(
        error.to_string().starts_with("line 2: event time 2031-05-17T12:00:00.000000Z is in the future"),
        "{error}"
    );
    let bounded = Mapping::parse(Format::Combined, &format!("not_after = \"2016-01-01T00:00:00Z\"\n{APACHE}")).unwrap();
    assert_eq!(import(future.as_bytes(), bounded).codes(), [(1, "time_out_of_range".into())]);
    assert!(matches!(open(b"\x1f\x8b\x08", apache(), scratch.path()), Err(Error::Compressed("gzip"))));
    assert!(matches!(open(b"\xfd7zXZ\0", apache(), scratch.path()), Err(Error::Compressed("xz"))));
    assert!(matches!(open(b"\xff\xfea\0\n\0", apache(), scratch.path()), Err(Error::Utf16)));
    let missing = Import::open(&scratch.path().join("none"), apache(), &options(scratch.path()), &mut |_, _| {});
    assert!(matches!(missing, Err(Error::Read { .. })));
    let nowhere = options(&scratch.path().join("none"));
    let nowhere = Options { sort_memory_bytes: 0, ..nowhere };
    std::fs::write(scratch.path().join("input"), future.replace("2031", "2015")).unwrap();
    let unwritable = Import::open(&scratch.path().join("input"), apache(), &nowhere, &mut |_, _| {});
    assert!(matches!(unwritable, Err(Error::Scratch { .. })));
    assert_eq!(import(b"", apache()).batches.len(), 0);
}

#[test]
fn progress_ends_at_the_size_of_the_file() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("input");
    std::fs::write(&path, line("17/May/2015:12:00:00", "GET /c").repeat(10_000)).unwrap();
    let mut seen = Vec::new();
    Import::open(&path, apache(), &options(scratch.path()), &mut |done, total| seen.push((done, total))).unwrap();
    let total = std::fs::metadata(&path).unwrap().len();
    assert!(seen.len() >= 3 && seen.is_sorted() && seen.iter().all(|(_, end)| *end == total), "{seen:?}");
    assert_eq!(seen.last(), Some(&(total, total)));
}

/// Address and `extra` of a click whose line has `client` in the place of the client.
fn client(client: &str) -> (Option<String>, Option<serde_json::Value>) {
    let line = line("17/May/2015:12:00:00", "GET /c").replace("10.0.0.1", client);
    let imported = import(line.as_bytes(), apache());
    assert_eq!(imported.texts("kind"), [Some("click")], "{client}");
    let extra = imported.texts("extra")[0].map(|extra| serde_json::from_str(extra).unwrap());
    (imported.texts("ip")[0].map(str::to_owned), extra)
}

#[test]
fn a_click_counts_whatever_stands_in_the_place_of_the_client() {
    for (given, address) in [
        ("10.0.0.1:42918", Some("10.0.0.1")),
        ("[2001:db8::15]:42918", Some("2001:db8::15")),
        ("2001:DB8:0:0:0:0:0:A", Some("2001:db8::a")),
        ("ads.example:443 10.0.0.1", Some("10.0.0.1")),
        ("-", None),
        ("unknown", None),
    ] {
        let (ip, extra) = client(given);
        assert_eq!((ip.as_deref(), &extra.unwrap()["ip_given"]), (address, &serde_json::Value::Null), "{given}");
    }
    for (given, address) in [
        ("203.0.113.10, 10.183.250.139", Some("203.0.113.10")),
        ("fe80::1%eth0", Some("fe80::1")),
        ("203.0.113.13.static.isp.example", None),
        ("203.0.113.x", None),
        ("203.0.113.0/24", None),
        ("_hidden", None),
    ] {
        let (ip, extra) = client(given);
        assert_eq!((ip.as_deref(), &extra.unwrap()["ip_given"]), (address, &given.into()), "{given}");
    }
}

#[test]
fn the_address_is_the_forwarded_one_only_where_the_mapping_says_so() {
    let file = [" \"203.0.113.9, 10.0.0.5\"", " \"-\"", ""]
        .map(|behind| line("17/May/2015:12:00:00", "GET /c").replace('\n', &format!("{behind}\n")))
        .concat();
    let imported = import(file.as_bytes(), apache());
    assert_eq!(imported.texts("ip"), [Some("10.0.0.1"); 3]);
    let extra = imported.texts("extra")[0].unwrap();
    assert!(extra.contains(r#""forwarded_for":"203.0.113.9, 10.0.0.5""#), "{extra}");
    let trusting = APACHE
        .replace("ip = { field = \"remote_addr\" }", "ip = { field = \"forwarded_for\", fallback = \"remote_addr\" }");
    let imported = import(file.as_bytes(), Mapping::parse(Format::Combined, &trusting).unwrap());
    assert_eq!(imported.texts("ip"), [Some("203.0.113.9"), Some("10.0.0.1"), Some("10.0.0.1")]);
}

#[test]
fn numbers_keep_their_characters() {
    let mapping = COLUMNS.replace("field = \"ad\"", "field = \"/ad/id\"").replace("unix_ms", "unix_s");
    let mapping = Mapping::parse(Format::Ndjson, &mapping).unwrap();
    let file = concat!(
        r#"{"at":1431857103.2500019,"type":"click","advertiser":12345678901234567890,"ad":{"id":98765432109876543210},"#,
        r#""price":9223372036854.775807,"z":1.50}"#,
    );
    let imported = import(file.as_bytes(), mapping);
    assert_eq!(imported.texts("advertiser_id"), [Some("12345678901234567890")]);
    assert_eq!(imported.texts("ad_id"), [Some("98765432109876543210")]);
    assert_eq!(imported.texts("extra"), [Some(r#"{"z":1.50}"#)]);
    let events = &imported.batches[0].events;
    let price = events.column_by_name("price_micros").unwrap().as_primitive::<Int64Type>().value(0);
    assert_eq!(price, i64::MAX);
    assert_eq!(imported.batches[0].first.to_string(), "2015-05-17T10:05:03.250001Z");
}

#[test]
fn a_file_without_quotes_keeps_them_in_its_cells() {
    let mapping = format!("delimiter = \"\\t\"\nquote = \"\"\n{COLUMNS}");
    let mapping = Mapping::parse(Format::Csv, &mapping).unwrap();
    let file = "at\ttype\tadvertiser\tad\tprice\n1431857103250\tclick\tacme\t\"dewy dewy\t1\n\
                1431857103250\tclick\tacme\t5' 9\" tall\t1\n";
    let imported = import(file.as_bytes(), mapping);
    assert_eq!(imported.texts("ad_id"), [Some("\"dewy dewy"), Some("5' 9\" tall")]);
}

/// The events of a file that the log does not hold: ids and the numbers of all lines, of known ones and of held ones.
fn new_of(file: &[u8], options: Options, held: &[String]) -> (Vec<String>, [u64; 3]) {
    let path = options.scratch.join("input");
    std::fs::write(&path, file).unwrap();
    let mut import = Import::open(&path, apache(), &options, &mut |_, _| {}).unwrap();
    let time = Timestamp::parse_rfc3339("2015-05-17T12:00:00Z").unwrap();
    for event_id in held {
        let event = LoggedEvent { event_time: time, kind: "click", advertiser_id: "acme", ad_id: "/c", event_id };
        import.know(&event).unwrap();
    }
    let mut ids = Vec::new();
    while let Some(batch) = import.next_batch().unwrap() {
        ids.extend(texts(&batch.events, "event_id").into_iter().map(|id| id.unwrap().to_owned()));
    }
    let lines = [import.read_lines(), import.known_events(), import.held_lines()];
    assert_eq!(lines[0], ids.len() as u64 + lines[1] + lines[2] + import.rejected_lines());
    (ids, lines)
}

#[test]
fn a_longer_file_yields_only_its_new_lines() {
    let scratch = tempfile::tempdir().unwrap();
    let new_of = |file: &str, held: &[String]| new_of(file.as_bytes(), options(scratch.path()), held);
    let same = line("17/May/2015:12:00:00", "GET /c");
    let (first, _) = new_of(&same.repeat(3), &[]);
    assert_eq!(first.len(), 3);
    let other = line("17/May/2015:12:00:00", "GET /other");
    let (second, lines) = new_of(&format!("{other}{}{same}", same.replace('\n', "\r\n").repeat(3)), &first);
    assert_eq!((second.len(), lines), (2, [5, 3, 0]));
    assert!(second.iter().all(|id| !first.contains(id)));
    // In whatever order the log tells, and if it lost one.
    let (again, lines) = new_of(&same.repeat(3), &[first[2].clone(), first[0].clone()]);
    assert_eq!((again.as_slice(), lines), (&first[1..2], [3, 2, 0]));
}

#[test]
fn a_line_that_may_still_be_written_waits() {
    let scratch = tempfile::tempdir().unwrap();
    let growing = || Options { whole: false, ..options(scratch.path()) };
    let whole = [line("17/May/2015:12:00:00", "GET /c"), line("17/May/2015:12:00:01", "GET /c")].concat();
    let half = &whole[..whole.len() - "\"curl/8\"\n".len() - 4];
    for cut in [half, whole.trim_end()] {
        assert_eq!(new_of(cut.as_bytes(), growing(), &[]).1, [2, 0, 1], "{cut}");
    }
    let (complete, lines) = new_of(whole.trim_end().as_bytes(), options(scratch.path()), &[]);
    assert_eq!((complete.len(), lines), (2, [2, 0, 0]));
    assert_eq!(new_of(whole.as_bytes(), growing(), &complete[..1]), (complete[1..].to_vec(), [2, 1, 0]));
}

#[test]
fn a_whole_object_is_complete_without_a_line_end() {
    let event = r#"{"kind":"click","event_time":"2015-05-17T10:00:00Z","ad_id":"a","advertiser_id":"acme","campaign_id":"c","price":1,"currency":"EUR"}"#;
    for (file, logged, held) in [(event, 1, 0), (&event[..event.len() - 1], 0, 1)] {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("input");
        std::fs::write(&path, file).unwrap();
        let options = Options { whole: false, ..options(scratch.path()) };
        let mut import = Import::open(&path, Mapping::events(), &options, &mut |_, _| {}).unwrap();
        while import.next_batch().unwrap().is_some() {}
        assert_eq!((import.logged_events(), import.held_lines()), (logged, held));
    }
}

#[test]
fn equal_lines_of_two_servers_are_two_events_under_two_sources() {
    let scratch = tempfile::tempdir().unwrap();
    let file = line("17/May/2015:12:00:00", "GET /c");
    let of = |source: Option<&str>, held: &[String]| {
        let options = Options { source: source.map(str::to_owned), ..options(scratch.path()) };
        new_of(file.as_bytes(), options, held).0
    };
    let first = of(Some("web1"), &[]);
    assert_eq!(of(Some("web2"), &first).len(), 1);
    assert_eq!(of(None, &first).len(), 1);
    assert_eq!(of(Some("web1"), &first).len(), 0);
}

#[test]
fn lines_of_an_import_of_version_1_are_known() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("input");
    let short = line("17/May/2015:12:00:00", "GET /c").repeat(2);
    let digest = Digest::of(short.as_bytes());
    let version_8 = |hash: Sha256| occurrence::version_8(hash.finalize()[..16].try_into().unwrap());
    let writer = Sha256::new().chain_update(b"clicktrail import").chain_update(1_u32.to_be_bytes());
    let writer = version_8(writer.chain_update("combined").chain_update(digest.0).chain_update(apache().digest().0));
    for file in [short.clone(), format!("{short}{}", line("17/May/2015:12:00:00", "GET /c"))] {
        std::fs::write(&path, &file).unwrap();
        let mut import = Import::open(&path, apache(), &options(scratch.path()), &mut |_, _| {}).unwrap();
        import.know_writers(&path, [writer].into_iter()).unwrap();
        for line in 0..2_u64 {
            let id = version_8(Sha256::new().chain_update(digest.0).chain_update(line.to_be_bytes())).to_string();
            let (event_time, _) = import.event_span().unwrap();
            let event = LoggedEvent { event_time, kind: "click", advertiser_id: "acme", ad_id: "/c", event_id: &id };
            import.know(&event).unwrap();
        }
        while import.next_batch().unwrap().is_some() {}
        assert_eq!((import.known_events(), import.logged_events()), (2, import.read_lines() - 2));
    }
}

#[test]
fn rejected_lines_of_an_earlier_import_are_left_out() {
    let file = [line("17/May/2015:12:00:00", "PUT /c").repeat(2), "x\n".into(), "y\n".into()].concat();
    let mut rejects = import(file.as_bytes(), apache()).import.into_rejects().unwrap();
    assert_eq!(rejects.codes().iter().collect::<Vec<_>>(), [(&"malformed", &2), (&"unmapped", &2)]);
    let mut known = KnownRejects::default();
    known.push("malformed", b"x");
    known.push("other", b"y");
    known.push("unmapped", line("17/May/2015:12:00:00", "PUT /c").trim_end().as_bytes());
    rejects.leave_out(known);
    let batch = rejects.next_batch(Timestamp::from_micros(7)).unwrap().unwrap();
    assert_eq!(batch.column_by_name("item").unwrap().as_primitive::<Int64Type>().values(), &[1, 3]);
    assert_eq!((rejects.known_lines(), rejects.lines()), (2, 4));
}

#[test]
fn a_list_in_the_place_of_an_optional_text_costs_no_line() {
    let mapping = "[event]\nkind = \"click\"\nadvertiser_id = \"a\"\ncampaign_id = \"c\"\nprice = \"0.1\"\ncurrency = \"EUR\"\n\
         ad_id = { field = \"ad\" }\nevent_time = { field = \"at\" }\nuser_id = { field = \"user\" }\n";
    let line = "{\"ad\":\"x\",\"at\":\"2026-01-01T00:00:00Z\",\"user\":[1,2]}\n";
    let imported = import(line.as_bytes(), Mapping::parse(Format::Ndjson, mapping).unwrap());
    assert_eq!(imported.texts("user_id"), [None]);
    assert!(imported.texts("extra")[0].unwrap().contains(r#""user_id":{"why":"not_text","bytes":5"#));
    assert_eq!(imported.codes(), []);
}

#[test]
fn a_byte_of_another_encoding_costs_no_row_of_a_table() {
    let mapping = "[event]\nkind = \"click\"\nadvertiser_id = \"a\"\ncampaign_id = \"c\"\nprice = \"0.1\"\ncurrency = \"EUR\"\n\
         ad_id = { field = \"ad\" }\nevent_time = { field = \"at\" }\ncity = { field = \"city\" }\n";
    let table = b"ad,at,city\nx,2026-01-01T00:00:00Z,M\xfcnchen\n";
    let imported = import(table, Mapping::parse(Format::Csv, mapping).unwrap());
    assert_eq!(imported.texts("city"), [Some("M\\xfcnchen")]);
    assert_eq!(imported.codes(), []);
}
