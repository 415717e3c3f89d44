//! One JSON object a line.

use std::borrow::Cow;

use clicktrail_capture::{
    Reason,
    json::{self, FromMembers, Type},
};

use super::value::{Malformed, Value};

/// The members of the object in the order of the line; those that are `null` are left out. A key that appears twice
/// is an error: which one was meant cannot be known.
pub(super) fn parse(line: &str) -> Result<Vec<(Cow<'_, str>, Value<'_>)>, Malformed> {
    let members: Members = json::object(line).map_err(|reason| Malformed::Json(reason.to_string()))?;
    Ok(members.0.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
}

#[derive(Default)]
struct Members<'a>(Vec<(Cow<'a, str>, Option<Value<'a>>)>);

impl<'a> FromMembers<'a> for Members<'a> {
    fn member(&mut self, name: &'a str, value: &'a str) -> Result<(), Reason> {
        let key = json::text(name)?;
        if self.0.iter().any(|(other, _)| *other == key) {
            return Err(Reason::DuplicateKey(key.into_owned()));
        }
        let value = match json::type_of(value) {
            Type::Null => None,
            Type::Text => Some(Value::Text(json::text(value)?)),
            Type::Boolean | Type::Number => Some(Value::Scalar(Cow::Borrowed(value))),
            Type::List | Type::Object => Some(Value::Nested(json::parsed(value)?)),
        };
        self.0.push((key, value));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_kind_and_their_order() {
        let line = r#"{"b":"x","a":1.50,"n":null,"t":true,"i":-7e999,"o":{"k":[1,2]},"e":"\u00e9\n"}"#;
        let members = parse(line).unwrap();
        let names: Vec<_> = members.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, ["b", "a", "t", "i", "o", "e"]);
        let mut json = String::new();
        for (_, value) in &members {
            value.write_json(&mut json);
            json.push(' ');
        }
        assert_eq!(json, "\"x\" 1.50 true -7e999 {\"k\":[1,2]} \"é\\n\" ");
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
            "{\"a\":[1e999]}",
            "{\"a\":null,\"a\":null}",
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
