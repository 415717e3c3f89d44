//! One JSON object a line. Numbers keep their characters: an id of twenty digits and an amount of four decimals are
//! what the line says, whatever a float would make of them.

use std::{borrow::Cow, ops::Range};

use clicktrail_capture::{
    aside::Why,
    json::{Cursor, Syntax},
};

use super::{
    text::LineText,
    value::{Malformed, Value},
};

/// Members that no column reads; those beyond are set aside. It bounds what a line costs.
const REST_MAX: usize = 1_024;

/// A member of the object.
#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) key: Cow<'a, str>,
    /// What the line says of it; `None` for `null`.
    pub(super) value: Option<Value<'a>>,
    /// Where the value stands in the text.
    pub(super) range: Range<usize>,
    /// Why nothing is read from it: the key was given before, or there are too many.
    pub(super) unread: Option<Why>,
}

/// The members of the object in the order of the line, those that are not read behind the others. Of a key that is
/// given more than once, the first counts.
pub(super) fn parse<'a>(line: &'a LineText<'_>, is_read: impl Fn(&str) -> bool) -> Result<Vec<Member<'a>>, Malformed> {
    members(line.as_str(), is_read).map_err(|error| Malformed::Json(format!("not a JSON object: {error}")))
}

fn members(line: &str, is_read: impl Fn(&str) -> bool) -> Result<Vec<Member<'_>>, Syntax> {
    let mut cursor = Cursor::new(line);
    let (mut kept, mut unread): (Vec<Member<'_>>, Vec<_>) = (Vec::with_capacity(24), Vec::new());
    let mut rest = 0;
    cursor.require(b'{', "`{`")?;
    if !cursor.take(b'}') {
        loop {
            cursor.peek();
            let key = cursor.string()?;
            cursor.require(b':', "`:`")?;
            cursor.peek();
            let start = cursor.offset();
            let value = value(&mut cursor)?;
            let range = start..cursor.offset();
            let is_rest = !is_read(&key);
            if kept.iter().any(|member| member.key == key) {
                unread.push(Member { key, value, range, unread: Some(Why::GivenTwice) });
            } else if is_rest && rest == REST_MAX {
                unread.push(Member { key, value, range, unread: Some(Why::TooMany) });
            } else {
                rest += usize::from(is_rest);
                kept.push(Member { key, value, range, unread: None });
            }
            if !cursor.take(b',') {
                break;
            }
        }
        cursor.require(b'}', "`,` or `}`")?;
    }
    cursor.end()?;
    kept.append(&mut unread);
    Ok(kept)
}

/// The next value; `None` for `null`.
fn value<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Value<'a>>, Syntax> {
    Ok(match cursor.peek() {
        Some(b'"') => Some(Value::Text(cursor.string()?)),
        Some(b'n') => {
            cursor.take_null()?;
            None
        }
        Some(b'{' | b'[') => Some(Value::Nested(cursor.skip()?.raw)),
        Some(b't' | b'f') => Some(Value::Scalar(Cow::Borrowed(cursor.skip()?.raw))),
        Some(_) | None => Some(Value::Scalar(Cow::Borrowed(cursor.number()?))),
    })
}

/// What a pointer finds.
#[derive(Debug, PartialEq)]
pub(super) struct Pointed<'a> {
    pub(super) value: Option<Value<'a>>,
    /// Where it stands in what was nested.
    pub(super) range: Range<usize>,
    /// A key on the way is given more than once. The first counts.
    pub(super) is_twice: bool,
}

/// What the rest of a pointer (`/inner/0`, RFC 6901) finds in a list or object.
pub(super) fn pointed<'a>(nested: &'a str, pointer: &str) -> Option<Pointed<'a>> {
    let (mut range, mut is_twice) = (0..nested.len(), false);
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let found = inner(&nested[range.clone()], &token)?;
        range = range.start + found.0.start..range.start + found.0.end;
        is_twice |= found.1;
    }
    let mut cursor = Cursor::new(&nested[range.clone()]);
    let value = value(&mut cursor).expect("what is nested was read as JSON");
    Some(Pointed { value, range, is_twice })
}

/// Where one member or element stands, and whether there is another of its key.
fn inner(nested: &str, token: &str) -> Option<(Range<usize>, bool)> {
    const READ: &str = "what is nested was read as JSON";
    let mut cursor = Cursor::new(nested);
    let (is_object, closer) = match cursor.peek()? {
        b'{' => (true, b'}'),
        b'[' => (false, b']'),
        _ => return None,
    };
    let is_index = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    let index: Option<usize> = token.parse().ok().filter(|_| is_index);
    cursor.take(if is_object { b'{' } else { b'[' });
    let (mut found, mut place) = (None, 0);
    while !cursor.take(closer) {
        cursor.take(b',');
        let is_it = if is_object {
            cursor.peek();
            let key = cursor.string().expect(READ);
            cursor.require(b':', "`:`").expect(READ);
            key == token
        } else {
            index == Some(place)
        };
        cursor.peek();
        let start = cursor.offset();
        cursor.skip().expect(READ);
        if is_it {
            let first = found.map_or((start..cursor.offset(), false), |(range, _)| (range, true));
            found = Some(first);
        }
        place += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_kind_their_order_and_their_characters() {
        let line = r#"{"b":"x","a":1.50,"n":null,"t":true,"i":-7,"o":{"k":[1.10,2]},"e":"\u00e9\n","big":12345678901234567890123,"f":1e999}"#;
        let members = members(line, |_| false).unwrap();
        let names: Vec<_> = members.iter().map(|member| member.key.as_ref()).collect();
        assert_eq!(names, ["b", "a", "n", "t", "i", "o", "e", "big", "f"]);
        let mut json = String::new();
        for value in members.iter().filter_map(|member| member.value.as_ref()) {
            value.write_json(&mut json);
            json.push(' ');
        }
        assert_eq!(json, "\"x\" 1.50 true -7 {\"k\":[1.10,2]} \"é\\n\" 12345678901234567890123 1e999 ");
        assert!(matches!(&members[0].value, Some(Value::Text(Cow::Borrowed("x")))));
    }

    #[test]
    fn of_a_key_that_is_given_again_the_first_counts_and_of_many_members_those_that_are_read() {
        let line = r#"{"a":1,"b":null,"a":2,"\u0062":3,"a":4,"c":5}"#;
        let read = |line: &str| -> Vec<(String, String, Option<Why>)> {
            let members = members(line, |key| key == "c").unwrap();
            members.iter().map(|m| (m.key.to_string(), line[m.range.clone()].to_owned(), m.unread)).collect()
        };
        let twice = Some(Why::GivenTwice);
        let expected = [("a", "1", None), ("b", "null", None), ("c", "5", None)];
        let expected = expected.into_iter().chain([("a", "2", twice), ("b", "3", twice), ("a", "4", twice)]);
        let expected: Vec<_> = expected.map(|(key, text, why)| (key.to_owned(), text.to_owned(), why)).collect();
        assert_eq!(read(line), expected);
        let many: Vec<String> = (0..REST_MAX + 7).map(|at| format!("\"k{at}\":0")).collect();
        let found = read(&format!("{{{},\"c\":1,\"c\":2}}", many.join(",")));
        assert_eq!(found.iter().filter(|(.., why)| *why == Some(Why::TooMany)).count(), 7);
        assert_eq!(found[REST_MAX], ("c".into(), "1".into(), None));
        assert_eq!(found.last().unwrap(), &("c".into(), "2".into(), twice));
    }

    #[test]
    fn pointers_find_what_is_nested_with_its_characters() {
        let nested =
            r#" {"a": [ {"b/c" : 0.10, "d~": "é"}, 12345678901234567890, null, [] ], "a2":{} ,"twice":1,"twice":2}"#;
        for (pointer, expected) in [
            ("/a/0/b~1c", Some("0.10")),
            ("/a/0/d~0", Some("é")),
            ("/a/1", Some("12345678901234567890")),
            ("/a/2", None),
            ("/a/9", None),
            ("/a/01", None),
            ("/a/-", None),
            ("/a/1/x", None),
            ("/a2/x", None),
            ("/none", None),
            ("/twice", Some("1")),
        ] {
            let found = pointed(nested, pointer);
            let value = found.as_ref().and_then(|found| found.value.as_ref());
            assert_eq!(value.and_then(Value::as_text), expected, "{pointer}");
            assert_eq!(found.is_some_and(|found| found.is_twice), pointer == "/twice");
        }
        let found = pointed(nested, "/a/3").unwrap();
        assert_eq!((found.value, &nested[found.range]), (Some(Value::Nested("[]")), "[]"));
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for line in [
            "",
            "[]",
            "1",
            "\"x\"",
            "null",
            "{",
            "{}}",
            "{} {}",
            "{\"a\":}",
            "{\"a\":NaN}",
            "{\"a\":01}",
            "{'a':1}",
            "{\"a\":1,}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\u{0}\"}",
        ] {
            assert!(members(line, |_| true).is_err(), "{line}");
        }
    }
}
