//! One JSON object a line.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer, value::SeqAccessDeserializer},
};
use serde_json::Value as Json;

use super::value::{Malformed, Value};

/// The members of the object in the order of the line; those that are `null` are left out. A key that appears twice
/// is an error: which one was meant cannot be known.
pub(super) fn parse(line: &str) -> Result<Vec<(Cow<'_, str>, Value<'_>)>, Malformed> {
    let mut reader = serde_json::Deserializer::from_str(line);
    let object = Object::deserialize(&mut reader).and_then(|object| reader.end().map(|()| object));
    object.map(|object| object.0).map_err(|error| Malformed::Json(format!("not a JSON object: {error}")))
}

struct Object<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members: Vec<(Cow<'de, str>, Value<'de>)> = Vec::with_capacity(24);
                let mut nulls: Vec<Cow<'de, str>> = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    if members.iter().any(|(name, _)| *name == key) || nulls.contains(&key) {
                        return Err(serde::de::Error::custom(format_args!("key {key:?} appears twice")));
                    }
                    match map.next_value::<Member<'de>>()?.0 {
                        Some(value) => members.push((key, value)),
                        None => nulls.push(key),
                    }
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Member::deserialize(deserializer)?.0 {
            Some(Value::Text(text)) => Ok(Self(text)),
            Some(Value::Scalar(_) | Value::Nested(_)) | None => Err(serde::de::Error::custom("a key is a string")),
        }
    }
}

struct Member<'a>(Option<Value<'a>>);

impl<'de> Deserialize<'de> for Member<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Member<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Member<'de>, E> {
                Ok(Member(None))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Member<'de>, E> {
                Ok(Member(Some(Value::Scalar(Cow::Borrowed(if value { "true" } else { "false" })))))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Member<'de>, E> {
                Ok(Member(Some(Value::Scalar(value.to_string().into()))))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Member<'de>, E> {
                Ok(Member(Some(Value::Scalar(value.to_string().into()))))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Member<'de>, E> {
                Ok(Member(Some(Value::Scalar(Json::from(value).to_string().into()))))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Member<'de>, E> {
                Ok(Member(Some(Value::Text(Cow::Borrowed(text)))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Member<'de>, E> {
                Ok(Member(Some(Value::Text(Cow::Owned(text.to_owned())))))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Member<'de>, A::Error> {
                Json::deserialize(SeqAccessDeserializer::new(seq)).map(|json| Member(Some(Value::Nested(json))))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Member<'de>, A::Error> {
                Json::deserialize(MapAccessDeserializer::new(map)).map(|json| Member(Some(Value::Nested(json))))
            }
        }

        deserializer.deserialize_any(Any)
    }
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
