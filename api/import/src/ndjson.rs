//! One JSON object a line. Numbers keep their characters: an id of twenty digits and an amount of four decimals are
//! what the line says, whatever a float would make of them.

use std::borrow::Cow;

use clicktrail_capture::json::{Cursor, Syntax};

use super::value::{Malformed, Value};

/// Lists and objects inside each other, in the value of a member.
const DEPTH_MAX: usize = 127;

/// A key, and what the line says of it.
type Member<'a> = (Cow<'a, str>, Value<'a>);

/// Why a line is no object of values.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Syntax(#[from] Syntax),
    /// Which one was meant cannot be known.
    #[error("key {0:?} appears twice")]
    Twice(String),
    /// Beyond [`DEPTH_MAX`].
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
}

/// The members of the object in the order of the line; those that are `null` are left out. A key that appears twice
/// is an error.
pub(super) fn parse(line: &str) -> Result<Vec<Member<'_>>, Malformed> {
    members(line).map_err(|error| Malformed::Json(format!("not a JSON object: {error}")))
}

fn members(line: &str) -> Result<Vec<Member<'_>>, Error> {
    let mut cursor = Cursor::new(line);
    let mut members: Vec<Member<'_>> = Vec::with_capacity(24);
    let mut nulls: Vec<Cow<'_, str>> = Vec::new();
    cursor.require(b'{', "`{`")?;
    if !cursor.take(b'}') {
        loop {
            cursor.peek();
            let key = cursor.string()?;
            cursor.require(b':', "`:`")?;
            if members.iter().any(|(name, _)| *name == key) || nulls.contains(&key) {
                return Err(Error::Twice(key.into_owned()));
            }
            match value(&mut cursor)? {
                Some(value) => members.push((key, value)),
                None => nulls.push(key),
            }
            if !cursor.take(b',') {
                break;
            }
        }
        cursor.require(b'}', "`,` or `}`")?;
    }
    cursor.end()?;
    Ok(members)
}

/// The next value; `None` for `null`.
fn value<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Value<'a>>, Error> {
    Ok(match cursor.peek() {
        Some(b'"') => Some(Value::Text(cursor.string()?)),
        Some(b'n') => {
            cursor.take_null()?;
            None
        }
        Some(b'{' | b'[') => {
            let nested = cursor.skip()?;
            if nested.depth > DEPTH_MAX {
                return Err(Error::TooDeep);
            }
            Some(Value::Nested(nested.raw))
        }
        Some(b't' | b'f') => Some(Value::Scalar(Cow::Borrowed(cursor.skip()?.raw))),
        Some(_) | None => Some(Value::Scalar(Cow::Borrowed(cursor.number()?))),
    })
}

/// What the rest of a pointer (`/inner/0`, RFC 6901) finds in a list or object. Of a key that appears twice in it, the
/// last counts.
pub(super) fn pointed<'a>(nested: &'a str, pointer: &str) -> Option<Value<'a>> {
    let mut found = nested;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        found = inner(found, &token)?;
    }
    let mut cursor = Cursor::new(found);
    value(&mut cursor).expect("what is nested was read as JSON")
}

/// The characters of one member or element.
fn inner<'a>(nested: &'a str, token: &str) -> Option<&'a str> {
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
        let value = cursor.skip().expect(READ).raw;
        if is_it {
            found = Some(value);
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
        let members = parse(line).unwrap();
        let names: Vec<_> = members.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, ["b", "a", "t", "i", "o", "e", "big", "f"]);
        let mut json = String::new();
        for (_, value) in &members {
            value.write_json(&mut json);
            json.push(' ');
        }
        assert_eq!(json, "\"x\" 1.50 true -7 {\"k\":[1.10,2]} \"é\\n\" 12345678901234567890123 1e999 ");
        assert!(matches!(&members[0].1, Value::Text(Cow::Borrowed("x"))));
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
            ("/twice", Some("2")),
        ] {
            let found = pointed(nested, pointer);
            assert_eq!(found.as_ref().and_then(Value::as_text), expected, "{pointer}");
        }
        assert_eq!(pointed(nested, "/a/3"), Some(Value::Nested("[]")));
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
            "{\"a\":1,\"a\":2}",
            "{\"a\":null,\"a\":2}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\u{0}\"}",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(parse(&format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200))).is_err());
    }
}
