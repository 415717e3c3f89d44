//! One entry of a mapping: a constant, or a field and what is done with it.

use std::{collections::BTreeMap, fmt};

use regex::Regex;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use sha2::{Digest as _, Sha256};

/// Ids are at most so long; see [`SourceTable::shorten`].
const ID_CHARS_MAX: usize = 128;
/// Hexadecimal digits of the digest that ends a shortened id.
const DIGEST_CHARS: usize = 16;

/// An entry as written.
#[derive(Debug, Default)]
pub(super) struct SourceTable {
    pub(super) constant: Option<String>,
    pub(super) field: Option<String>,
    pub(super) fallback: Option<String>,
    pub(super) capture: Option<String>,
    pub(super) map: Option<BTreeMap<String, String>>,
    pub(super) default: Option<String>,
    pub(super) shorten: bool,
    pub(super) format: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// Where the value stands.
    field: String,
    /// Where it stands if it does not stand there.
    fallback: Option<String>,
    /// A regular expression with one group: what it captures is the value; no match, no value.
    capture: Option<String>,
    /// The values that are known, and what they become. Another value rejects the line.
    map: Option<BTreeMap<String, String>>,
    /// Where there is no value.
    default: Option<String>,
    /// Ids over 128 characters are cut, and end in `~` and a digest of the whole, so that different ones stay
    /// different; the whole goes to `extra`. Without it they reject the line.
    #[serde(default)]
    shorten: bool,
    /// `event_time` only.
    format: Option<String>,
}

impl<'de> Deserialize<'de> for SourceTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrTable;

        impl<'de> Visitor<'de> for TextOrTable {
            type Value = SourceTable;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a table like { field = \"…\" }; amounts are texts, too: \"0.01\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SourceTable, E> {
                Ok(SourceTable { constant: Some(text.to_owned()), ..SourceTable::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SourceTable, A::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(SourceTable {
                    constant: None,
                    field: Some(table.field),
                    fallback: table.fallback,
                    capture: table.capture,
                    map: table.map,
                    default: table.default,
                    shorten: table.shorten,
                    format: table.format,
                })
            }
        }

        deserializer.deserialize_any(TextOrTable)
    }
}

/// An entry, checked.
#[derive(Debug, Clone)]
pub(super) struct Source {
    origin: Origin,
    capture: Option<Regex>,
    map: Option<BTreeMap<String, String>>,
    default: Option<String>,
    shorten: bool,
}

#[derive(Debug, Clone)]
enum Origin {
    Constant(String),
    /// The field's name, and that of the field that is read where it has no value.
    Field(String, Option<String>),
}

/// The value is not one of those that the mapping's `map` knows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unmapped<'a>(pub(super) &'a str);

impl Source {
    pub(super) fn new(table: SourceTable) -> Result<Self, String> {
        let capture = table.capture.map(|pattern| compile(&pattern)).transpose()?;
        let origin = match (table.constant, table.field) {
            (Some(constant), _) => Origin::Constant(constant),
            (None, Some(field)) => Origin::Field(field, table.fallback),
            (None, None) => return Err("a source is a text or names a field".into()),
        };
        Ok(Self { origin, capture, map: table.map, default: table.default, shorten: table.shorten })
    }

    /// The field that it reads, if it is not a constant.
    pub(super) fn field(&self) -> Option<&str> {
        match &self.origin {
            Origin::Constant(_) => None,
            Origin::Field(name, _) => Some(name),
        }
    }

    /// The field that it reads where that has no value.
    pub(super) fn fallback(&self) -> Option<&str> {
        match &self.origin {
            Origin::Constant(_) => None,
            Origin::Field(_, fallback) => fallback.as_deref(),
        }
    }

    /// Both.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.field().into_iter().chain(self.fallback())
    }

    /// What comes of the values of the field and of its fallback; they are not looked at for a constant.
    pub(super) fn resolve<'a>(
        &'a self,
        found: Option<&'a str>,
        fallback: Option<&'a str>,
    ) -> Result<Option<&'a str>, Unmapped<'a>> {
        if let Origin::Constant(text) = &self.origin {
            return Ok(Some(text));
        }
        let captured = |found: &'a str| match &self.capture {
            Some(pattern) => pattern.captures(found)?.get(1).map(|group| group.as_str()),
            None => Some(found),
        };
        let is_value = |text: &&str| !text.is_empty();
        let text = found.and_then(captured).filter(is_value);
        let text = text.or_else(|| fallback.and_then(captured).filter(is_value));
        let Some(text) = text else { return Ok(self.default.as_deref()) };
        match &self.map {
            Some(map) => map.get(text).map(|mapped| Some(mapped.as_str())).ok_or(Unmapped(text)),
            None => Ok(Some(text)),
        }
    }

    /// The shortened form of an id that is too long, if the mapping asks for it.
    pub(super) fn shortened(&self, id: &str) -> Option<String> {
        // Characters are at most as many as bytes: most ids are not counted.
        if !self.shorten || id.len() <= ID_CHARS_MAX || id.chars().count() <= ID_CHARS_MAX {
            return None;
        }
        let kept = id.char_indices().nth(ID_CHARS_MAX - DIGEST_CHARS - 1).map_or(id.len(), |(at, _)| at);
        let digest = Sha256::digest(id.as_bytes());
        Some(format!("{}~{}", &id[..kept], hex::encode(&digest[..DIGEST_CHARS / 2])))
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let regex = Regex::new(pattern).map_err(|error| format!("capture does not compile: {error}"))?;
    match regex.captures_len() {
        2 => Ok(regex),
        groups => Err(format!("capture needs one group, it has {}", groups - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        #[derive(Deserialize)]
        struct File {
            x: SourceTable,
        }
        Source::new(toml::from_str::<File>(&format!("x = {text}")).unwrap().x).unwrap()
    }

    #[test]
    fn a_field_is_captured_then_mapped_then_defaulted() {
        let all = source(r#"{ field = "f", capture = "k=([a-z]*)", map = { a = "one" }, default = "none" }"#);
        for (found, expected) in [
            (Some("k=a&l=b"), Ok(Some("one"))),
            (Some("k=b"), Err(Unmapped("b"))),
            (Some("k="), Ok(Some("none"))),
            (Some("l=a"), Ok(Some("none"))),
            (None, Ok(Some("none"))),
        ] {
            assert_eq!(all.resolve(found, None), expected, "{found:?}");
        }
        let either = source(r#"{ field = "f", fallback = "g", default = "d" }"#);
        for (found, fallback, expected) in
            [(Some("f"), Some("g"), "f"), (None, Some("g"), "g"), (Some(""), Some("g"), "g"), (None, None, "d")]
        {
            assert_eq!(either.resolve(found, fallback), Ok(Some(expected)));
        }
        assert_eq!(source("\"acme\"").resolve(None, None), Ok(Some("acme")));
        assert_eq!(source(r#"{ field = "f" }"#).resolve(None, None), Ok(None));
    }

    #[test]
    fn a_long_id_is_shortened_and_stays_distinct() {
        let plain = source(r#"{ field = "f" }"#);
        let short = source(r#"{ field = "f", shorten = true }"#);
        let [fits, one, other] = [128, 129, 130].map(|length| "é".repeat(length));
        assert_eq!(short.shortened(&fits), None);
        assert_eq!(plain.shortened(&one), None);
        let (one, other) = (short.shortened(&one).unwrap(), short.shortened(&other).unwrap());
        assert_ne!(one, other);
        assert_eq!((one.chars().count(), other.chars().count()), (128, 128));
    }
}
