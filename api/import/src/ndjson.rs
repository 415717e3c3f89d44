//! One JSON object a line.

use std::borrow::Cow;

use clicktrail_capture::json::{Cursor, Syntax};

use super::value::{Malformed, Value};

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
    /// A number that no type holds, or lists and objects too deep.
    #[error(transparent)]
    Value(#[from] serde_json::Error),
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

/// The next value; `None` for `null`. A number is written as `serde_json` writes it, so that the same file makes the
/// same frames in every version.
fn value<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Value<'a>>, Error> {
    Ok(match cursor.peek() {
        Some(b'"') => Some(Value::Text(cursor.string()?)),
        Some(b'n') => {
            cursor.take_null()?;
            None
        }
        Some(b'{' | b'[') => Some(Value::Nested(serde_json::from_str(cursor.skip()?.raw)?)),
        Some(b't' | b'f') => Some(Value::Scalar(Cow::Borrowed(cursor.skip()?.raw))),
        Some(_) | None => {
            let number: serde_json::Number = serde_json::from_str(cursor.number()?)?;
            Some(Value::Scalar(Cow::Owned(number.to_string())))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_kind_and_their_order() {
        let line = r#"{"b":"x","a":1.5,"n":null,"t":true,"i":-7,"o":{"k":[1,2]},"e":"\u00e9\n"}"#;
        let members = parse(line).unwrap();
        let names: Vec<_> = members.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, ["b", "a", "t", "i", "o", "e"]);
        let mut json = String::new();
        for (_, value) in &members {
            value.write_json(&mut json);
            json.push(' ');
        }
        assert_eq!(json, "\"x\" 1.5 true -7 {\"k\":[1,2]} \"é\\n\" ");
        assert!(matches!(&members[0].1, Value::Text(Cow::Borrowed("x"))));
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
            "{\"a\":1e999}",
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
