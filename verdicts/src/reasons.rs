//! Reasons as the text of one column: a JSON array without blanks, with one object a reason and its fields in this
//! order.
//!
//! ```json
//! [{"rule":"address_rate","weight":400,"evidence":{"clicks":101,"address":"192.0.2.1","first":{"position":"1.42.0"}}}]
//! ```
//!
//! A reason that made the event invalid alone has `"decides":true` behind its weight; in any other the field is absent.
//!
//! Evidence keeps its order. A number is a JSON number and a text a JSON string. A position is an object with the one
//! field `position`, so that a text that looks like a position stays a text. So what was written is what is read.

use std::fmt;

use clicktrail_log::position::Position;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
    ser::SerializeMap as _,
};

use crate::verdict::{Evidence, Reason};

/// One reason as it is stored; frozen with version 1 of the verdict columns.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    rule: String,
    weight: u16,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    decides: bool,
    evidence: Pairs,
}

/// Evidence in its order.
struct Pairs(Vec<(String, Evidence)>);

/// The value of one piece of evidence.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Number(i64),
    Text(String),
    Position(At),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    position: String,
}

impl From<&Evidence> for Value {
    fn from(evidence: &Evidence) -> Self {
        match evidence {
            Evidence::Number(number) => Self::Number(*number),
            Evidence::Text(text) => Self::Text(text.clone()),
            Evidence::Position(position) => Self::Position(At { position: position.to_string() }),
        }
    }
}

impl Value {
    fn evidence<E: de::Error>(self) -> Result<Evidence, E> {
        match self {
            Self::Number(number) => Ok(Evidence::Number(number)),
            Self::Text(text) => Ok(Evidence::Text(text)),
            Self::Position(at) => at.position.parse::<Position>().map(Evidence::Position).map_err(E::custom),
        }
    }
}

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, evidence) in &self.0 {
            map.serialize_entry(name, &Value::from(evidence))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of evidence")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    pairs.push((name, value.evidence()?));
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// The text of the column.
pub fn to_text(reasons: &[Reason]) -> String {
    let stored = |reason: &Reason| Stored {
        rule: reason.rule.clone(),
        weight: reason.weight_permille,
        decides: reason.decides,
        evidence: Pairs(reason.evidence.clone()),
    };
    let stored: Vec<Stored> = reasons.iter().map(stored).collect();
    serde_json::to_string(&stored).expect("reasons hold only text, integers and lists")
}

/// Reads the text of the column.
///
/// # Errors
/// If it is not what [`to_text`] writes.
pub fn from_text(text: &str) -> Result<Vec<Reason>, serde_json::Error> {
    let stored: Vec<Stored> = serde_json::from_str(text)?;
    let reason = |stored: Stored| Reason {
        rule: stored.rule,
        weight_permille: stored.weight,
        decides: stored.decides,
        evidence: stored.evidence.0,
    };
    Ok(stored.into_iter().map(reason).collect())
}

#[cfg(test)]
mod tests {
    use clicktrail_log::position::{Epoch, Seq};
    use proptest::prelude::*;

    use super::*;

    fn reason(evidence: Vec<(&str, Evidence)>) -> Reason {
        let evidence = evidence.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Reason { rule: "address_rate".to_owned(), weight_permille: 400, decides: false, evidence }
    }

    #[test]
    fn text_is_canonical_and_reads_back_in_order() {
        let position = Position::new(Epoch::FIRST, Seq::new(42).unwrap(), 0);
        let reasons = [
            reason(vec![
                ("clicks", Evidence::Number(101)),
                ("address", Evidence::Text("1.42.0".to_owned())),
                ("first", Evidence::Position(position)),
            ]),
            reason(vec![]),
        ];
        let text = to_text(&reasons);
        assert_eq!(
            text,
            r#"[{"rule":"address_rate","weight":400,"evidence":{"clicks":101,"address":"1.42.0","first":{"position":"1.42.0"}}},{"rule":"address_rate","weight":400,"evidence":{}}]"#
        );
        assert_eq!(from_text(&text).unwrap(), reasons);
        assert_eq!(to_text(&[]), "[]");
        let decided = [Reason { decides: true, ..reason(vec![]) }];
        let text = to_text(&decided);
        assert_eq!(text, r#"[{"rule":"address_rate","weight":400,"decides":true,"evidence":{}}]"#);
        assert_eq!(from_text(&text).unwrap(), decided);
    }

    fn any_evidence() -> impl Strategy<Value = Evidence> {
        prop_oneof![
            any::<i64>().prop_map(Evidence::Number),
            any::<String>().prop_map(Evidence::Text),
            (0..=Seq::MAX.get(), any::<u16>()).prop_map(|(seq, row)| {
                Evidence::Position(Position::new(Epoch::FIRST, Seq::new(seq).unwrap(), row))
            }),
        ]
    }

    proptest! {
        #[test]
        fn reasons_are_read_as_they_were_written(
            reasons in prop::collection::vec(
                (
                    any::<String>(),
                    any::<u16>(),
                    any::<bool>(),
                    prop::collection::vec((any::<String>(), any_evidence()), 0..4),
                ),
                0..4,
            ),
        ) {
            let reasons: Vec<Reason> = reasons
                .into_iter()
                .map(|(rule, weight_permille, decides, evidence)| Reason { rule, weight_permille, decides, evidence })
                .collect();
            let text = to_text(&reasons);
            let read = from_text(&text).unwrap();
            prop_assert_eq!(&read, &reasons);
            prop_assert_eq!(to_text(&read), text, "one text for the same reasons");
        }

        #[test]
        fn no_text_makes_reading_panic(text in any::<String>()) {
            let _ = from_text(&text);
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "{}",
            "[1]",
            r#"[{"rule":"x","weight":1}]"#,
            r#"[{"rule":"x","weight":70000,"evidence":{}}]"#,
            r#"[{"rule":"x","weight":1,"evidence":{},"more":1}]"#,
            r#"[{"rule":"x","weight":1,"evidence":{"a":1.5}}]"#,
            r#"[{"rule":"x","weight":1,"evidence":{"a":{"position":"1.1"}}}]"#,
            r#"[{"rule":"x","weight":1,"evidence":{"a":null}}]"#,
        ] {
            assert!(from_text(text).is_err(), "{text}");
        }
    }
}
