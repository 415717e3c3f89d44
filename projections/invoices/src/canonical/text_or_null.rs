//! Values that are stored as a text of JSON, where there may be none.

use std::{fmt::Display, str::FromStr};

use serde::{Deserialize, Deserializer, Serializer};

use super::text;

pub(super) fn serialize<S: Serializer>(value: &Option<impl Display>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

pub(super) fn deserialize<'t, D: Deserializer<'t>, T: FromStr>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T::Err: Display,
{
    struct Present<T>(T);

    impl<'t, T: FromStr> Deserialize<'t> for Present<T>
    where
        T::Err: Display,
    {
        fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
            text::deserialize(deserializer).map(Self)
        }
    }

    let present: Option<Present<T>> = Option::deserialize(deserializer)?;
    Ok(present.map(|Present(value)| value))
}
