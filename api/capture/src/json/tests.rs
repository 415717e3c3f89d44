use proptest::prelude::*;

use super::*;

/// Whether `text` is read where the value of an unknown field stands.
fn is_json(text: &str) -> bool {
    let read = crate::parse::draft(format!("{{\"new\":{text}}}").leak().as_bytes());
    !matches!(read, Err(Reason::InvalidJson { .. }))
}

/// The grammar's corners, in the manner of the public JSONTestSuite: these must be read.
const JSON: &[&str] = &[
    "0",
    "-0",
    "1",
    "10",
    "-1.5",
    "1e5",
    "1E-5",
    "1.0e+10",
    "123456789012345678901234567890",
    "1e999999",
    "true",
    "false",
    "null",
    "\"\"",
    "[]",
    "{}",
    " [ ] ",
    "\t{\n}\r",
    "[1,2]",
    "[[],{}]",
    "{\"a\":1}",
    "{\"\":0}",
    "{\"a\":{\"b\":[1]},\"c\":null}",
    "{\"a\":1,\"a\":2}",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0000\"",
    "\"\\u00e9\"",
    "\"\\ud834\\udd1e\"",
    "\"é𝄞\u{7f}\u{2028}\"",
    "\"\\uDBFF\\uDFFF\"",
    "[1, \"a\" , null]",
    "[\"a\"]\n",
    "{\"a\\u0062\":true}",
];

/// And these refused.
const NO_JSON: &[&str] = &[
    "",
    " ",
    "+1",
    "01",
    "-",
    "-01",
    ".5",
    "1.",
    "1.e1",
    "1e",
    "1e+",
    "0x1",
    "1_000",
    "NaN",
    "-NaN",
    "Infinity",
    "-Infinity",
    "nul",
    "nulL",
    "True",
    "tru",
    "'a'",
    "\"",
    "\"a",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\ud800\"",
    "\"\\ud800\\u0041\"",
    "\"\\udc00\"",
    "\"\\ud800\\ud800\"",
    "\"\n\"",
    "\"\t\"",
    "\"\0\"",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1,,2]",
    "{",
    "}",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{a:1}",
    "{1:1}",
    "{:1}",
    "{,}",
    "{\"a\":1]",
    "[1}",
    "[]]",
    "{}}",
    "1 2",
    "{} {}",
    "// c\n1",
    "/* c */ 1",
    "\u{feff}1",
    "\u{a0}1",
    "[\u{b}1]",
    "\"\\",
    "\"\\u",
    "*",
    "undefined",
    "{\"a\":1 \"b\":2}",
    "{\"a\"::1}",
    "[1]x",
    "\"\\a\"",
    "\"\\U0041\"",
    "-a",
    "١",
];

#[test]
fn grammar_takes_json_and_nothing_else() {
    for text in JSON {
        assert!(is_json(text), "{text}");
    }
    for text in NO_JSON {
        assert!(!is_json(text), "{text}");
    }
}

#[test]
fn deep_nesting_is_measured_without_a_deep_stack() {
    let levels = 200_000;
    let depth = |value: &str| inside(value).unwrap().depth;
    assert_eq!(depth(&format!("{}{}", "[".repeat(levels), "]".repeat(levels))), levels);
    assert!(!is_json(&"[".repeat(levels)));
    assert!(!is_json(&"{\"a\":".repeat(levels)));
    assert_eq!(depth(r#"{"[[[\"[":["]]"],"b":[[7],{}]}"#), 3);
    assert_eq!(depth("7"), 0);
}

#[test]
fn nul_is_seen_through_its_escape_only() {
    let has_nul = |value: &str| inside(value).unwrap().has_nul;
    assert!(has_nul(r#"{"a":["\u0000"]}"#));
    assert!(has_nul(r#"{"\u0000":1}"#));
    assert!(!has_nul(r#"{"a":"\\u0000"}"#));
}

#[test]
fn offsets_count_from_the_beginning_of_the_body() {
    for (body, place) in [
        ("[{\"city\":\"\\ud800\"}]", 17),
        ("{\n\"a\":1,\n\"extra\":{\"b\":\"\\udc00\"}}", 31),
        ("{\n\"a\":1,\n\"b\" 2}", 13),
        ("[{},\n {} {}]", 9),
        ("[{\"a\":1}", 8),
    ] {
        match crate::parse::drafts(body.as_bytes(), |_, _| {}).err() {
            Some(Reason::InvalidJson { offset, .. }) => assert_eq!(offset, place, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

fn json_like() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"a\"", "\"", "\\", "1", "-", "0", ".", "e", "+", "true", "null", "fals", " ",
        "\n", "\\u00", "\\ud800", "\\udc00", "é", "\u{1}", "\"b\":", "{\"k\":", "[1,",
    ]);
    prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_taken_is_json_and_what_is_refused_is_none(text in json_like()) {
        let text = format!("{{\"new\":{text}}}");
        let reference: Result<serde_json::Value, _> = serde_json::from_str(&text);
        // A number beyond a float is a number here.
        let is_json = reference.is_ok() || reference.is_err_and(|error| error.to_string().contains("out of range"));
        match crate::parse::draft(text.as_bytes()) {
            Ok(_) => prop_assert!(is_json, "{text:?}"),
            Err(Reason::InvalidJson { .. }) => prop_assert!(!is_json, "{text:?}"),
            // Refused before its end was read.
            Err(_) => {}
        }
    }

    #[test]
    fn text_survives_encoding_and_reading(text in "\\PC*|[\\x00-\\xff\"\\\\]*") {
        let encoded = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(super::text(&encoded).unwrap(), text.as_str());
    }
}
