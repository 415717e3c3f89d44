use proptest::prelude::*;

use super::*;

fn is_json(text: &str) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.skip().is_ok() && cursor.end().is_ok()
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
    let text = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(Cursor::new(&text).skip().unwrap().depth, levels);
    assert!(Cursor::new(&"[".repeat(levels)).skip().is_err());
    assert!(Cursor::new(&"{\"a\":".repeat(levels)).skip().is_err());
}

#[test]
fn nul_is_seen_through_its_escape_only() {
    assert!(Cursor::new(r#"{"a":["\u0000"]}"#).skip().unwrap().has_nul);
    assert!(Cursor::new(r#"{"\u0000":1}"#).skip().unwrap().has_nul);
    assert!(!Cursor::new(r#"{"a":"\\u0000"}"#).skip().unwrap().has_nul);
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
    fn grammar_agrees_with_serde_json(text in json_like()) {
        // `IgnoredAny` does not look into escapes; `Value` does, and only numbers beyond a float differ.
        let reference: Result<serde_json::Value, _> = serde_json::from_str(&text);
        let out_of_range = reference.as_ref().is_err_and(|error| error.to_string().contains("out of range"));
        prop_assert!(out_of_range || reference.is_ok() == is_json(&text), "{text:?} {reference:?}");
    }

    #[test]
    fn text_survives_encoding_and_reading(text in "\\PC*|[\\x00-\\xff\"\\\\]*") {
        let encoded = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(Cursor::new(&encoded).string().unwrap(), text.as_str());
    }

    #[test]
    fn plain_run_ends_where_a_byte_loop_says(bytes in prop::collection::vec(prop::sample::select(vec![
        b'a', b'"', b'\\', 0x1f, 0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xa2, 0xdc, 0xff, 0x00,
        b'z', b'z', b'z', b'z',
    ]), 0..40)) {
        let expected = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(bytes.len());
        prop_assert_eq!(plain_end(&bytes, 0), expected);
    }
}
