//! JSON to [`Draft`]s: one object, or a list of them, borrowed from the bytes where possible.
//!
//! The fields are the columns of the event schema, apart from `captured_at`, which the server gives. Differences:
//!
//! | field | takes |
//! |---|---|
//! | `event_time` | RFC 3339 text, or integer milliseconds since 1970 |
//! | `price`, `value` | decimal text or number with at most six decimals, instead of `price_micros`, `value_micros` |
//! | `extra` | an object; its members count as unknown fields |
//! | any other | kept as it came, in order, in the `extra` column |
//!
//! `null` is as good as a missing field. A field given twice (also under its two names) rejects the event.

use std::{borrow::Cow, str};

use clicktrail_log::{event::Kind, time::Timestamp};

use crate::{
    amount::micros_of_decimal,
    draft::Draft,
    json::{self, FromMembers, Type},
    reason::Reason,
    shorten::shorten,
};

/// Levels of lists and objects in an event, its own included. Deeper: [`Reason::TooDeep`].
pub const DEPTH_MAX: usize = 32;
/// Unknown fields of an event. More: [`Reason::TooLong`].
pub const UNKNOWN_FIELDS_MAX: usize = 64;

/// Reads one JSON object with nothing behind it: a line of NDJSON, or a request with a single event.
///
/// # Errors
/// The first thing that is wrong; what is no JSON to its end is that before anything else.
pub fn draft(bytes: &[u8]) -> Result<Draft<'_>, Reason> {
    json::object(utf8(bytes)?).map(DraftReader::finish)
}

/// Reads a list of objects, or one object. Calls `each` with the characters of every item, in order, and what they
/// say; an item that is JSON but no event spoils only itself.
///
/// # Errors
/// The bytes as a whole are not JSON, or hold neither list nor object: then what `each` was given counts for
/// nothing, because where one item ends is uncertain.
pub fn drafts<'a>(bytes: &'a [u8], mut each: impl FnMut(&'a str, Result<Draft<'a>, Reason>)) -> Result<(), Reason> {
    let text = utf8(bytes)?;
    if json::first_byte(text) == Some(b'[') {
        return json::list(text, |raw, item| each(raw, item.map(DraftReader::finish)));
    }
    match json::object(text).map(DraftReader::finish) {
        Err(reason @ (Reason::InvalidJson { .. } | Reason::NotAnObject(_))) => return Err(reason),
        item => each(text.trim(), item),
    }
    Ok(())
}

fn utf8(bytes: &[u8]) -> Result<&str, Reason> {
    str::from_utf8(bytes).map_err(|error| Reason::InvalidUtf8 { offset: error.valid_up_to() })
}

#[derive(Debug, Default)]
struct DraftReader<'a> {
    draft: Draft<'a>,
    given: Given,
    unknown: Unknown<'a>,
}

/// The unknown fields of an event.
#[derive(Debug, Default)]
struct Unknown<'a> {
    /// Their names.
    names: Vec<Cow<'a, str>>,
    /// `{"name":value` of all; empty if there is none.
    json: String,
}

/// The members of `extra`, to be added to other unknown fields.
#[derive(Debug, Default)]
struct Extra<'a>(Vec<(&'a str, &'a str)>);

/// One bit for each known field that was given. Fields that exclude each other have the same.
#[derive(Debug, Default)]
struct Given(u32);

impl Given {
    /// Notes the field and gives its name back.
    #[inline]
    fn once(&mut self, bit: u32, name: &'static str) -> Result<&'static str, Reason> {
        let mask = 1 << bit;
        if self.0 & mask != 0 {
            return Err(Reason::DuplicateKey(name.to_owned()));
        }
        self.0 |= mask;
        Ok(name)
    }
}

impl<'a> FromMembers<'a> for DraftReader<'a> {
    fn member(&mut self, name: &'a str, value: &'a str) -> Result<(), Reason> {
        // A name with escapes in it is none of the known ones until it is decoded.
        if self.known(&name[1..name.len() - 1], value)? {
            return Ok(());
        }
        let plain_name = json::text(name)?;
        if let Cow::Owned(decoded) = &plain_name
            && self.known(decoded, value)?
        {
            return Ok(());
        }
        self.unknown.take(plain_name, name, value)
    }
}

impl<'a> DraftReader<'a> {
    /// Takes a known field; `false` for any other.
    fn known(&mut self, name: &str, value: &'a str) -> Result<bool, Reason> {
        let Self { draft, given, unknown } = self;
        match name {
            "event_id" => draft.event_id = text(given.once(0, "event_id")?, value)?,
            "kind" => draft.kind = kind(given.once(1, "kind")?, value)?,
            "event_time" => draft.event_time = event_time(given.once(2, "event_time")?, value)?,
            "advertiser_id" => draft.advertiser_id = text(given.once(3, "advertiser_id")?, value)?,
            "campaign_id" => draft.campaign_id = text(given.once(4, "campaign_id")?, value)?,
            "ad_id" => draft.ad_id = text(given.once(5, "ad_id")?, value)?,
            "publisher_id" => draft.publisher_id = text(given.once(6, "publisher_id")?, value)?,
            "placement_id" => draft.placement_id = text(given.once(7, "placement_id")?, value)?,
            "user_id" => draft.user_id = text(given.once(8, "user_id")?, value)?,
            "session_id" => draft.session_id = text(given.once(9, "session_id")?, value)?,
            "ip" => draft.ip = text(given.once(10, "ip")?, value)?,
            "user_agent" => draft.user_agent = text(given.once(11, "user_agent")?, value)?,
            "page_url" => draft.page_url = text(given.once(12, "page_url")?, value)?,
            "device_type" => draft.device_type = text(given.once(13, "device_type")?, value)?,
            "os" => draft.os = text(given.once(14, "os")?, value)?,
            "browser" => draft.browser = text(given.once(15, "browser")?, value)?,
            "country" => draft.country = text(given.once(16, "country")?, value)?,
            "city" => draft.city = text(given.once(17, "city")?, value)?,
            "currency" => draft.currency = text(given.once(18, "currency")?, value)?,
            "click_event_id" => draft.click_event_id = text(given.once(19, "click_event_id")?, value)?,
            "price_micros" => draft.price_micros = micros(given.once(20, "price_micros")?, value)?,
            "price" => draft.price_micros = decimal(given.once(20, "price")?, value)?,
            "value_micros" => draft.value_micros = micros(given.once(21, "value_micros")?, value)?,
            "value" => draft.value_micros = decimal(given.once(21, "value")?, value)?,
            "extra" => unknown.take_all(given.once(22, "extra")?, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(self) -> Draft<'a> {
        let Unknown { mut json, .. } = self.unknown;
        if json.is_empty() {
            return self.draft;
        }
        json.push('}');
        Draft { extra: Some(Cow::Owned(json)), ..self.draft }
    }
}

impl<'a> FromMembers<'a> for Extra<'a> {
    fn member(&mut self, name: &'a str, value: &'a str) -> Result<(), Reason> {
        if self.0.len() == UNKNOWN_FIELDS_MAX {
            return Err(TOO_MANY);
        }
        self.0.push((name, value));
        Ok(())
    }
}

const TOO_MANY: Reason = Reason::TooLong { field: "extra", max: UNKNOWN_FIELDS_MAX, unit: "fields" };

impl<'a> Unknown<'a> {
    fn take_all(&mut self, field: &'static str, value: &'a str) -> Result<(), Reason> {
        match json::type_of(value) {
            Type::Null => Ok(()),
            Type::Object => {
                let Extra(members) = json::object(value)?;
                members.into_iter().try_for_each(|(name, inner)| self.take(json::text(name)?, name, inner))
            }
            Type::Boolean | Type::Number | Type::Text | Type::List => {
                Err(Reason::WrongType { field, expected: "a JSON object" })
            }
        }
    }

    fn take(&mut self, plain_name: Cow<'a, str>, name: &str, value: &str) -> Result<(), Reason> {
        let inside = json::inside(value)?;
        // The event itself is a level.
        if inside.depth >= DEPTH_MAX {
            return Err(Reason::TooDeep { max: DEPTH_MAX });
        }
        if inside.has_nul || plain_name.contains('\0') {
            return Err(Reason::NulCharacter(Cow::Owned(shorten(&plain_name).replace('\0', "\\u0000"))));
        }
        if self.names.contains(&plain_name) {
            return Err(Reason::DuplicateKey(shorten(&plain_name).into_owned()));
        }
        if self.names.len() == UNKNOWN_FIELDS_MAX {
            return Err(TOO_MANY);
        }
        self.names.push(plain_name);
        self.json.push(if self.json.is_empty() { '{' } else { ',' });
        self.json.push_str(name);
        self.json.push(':');
        self.json.push_str(value);
        Ok(())
    }
}

#[inline]
fn text<'a>(field: &'static str, value: &'a str) -> Result<Option<Cow<'a, str>>, Reason> {
    match json::type_of(value) {
        Type::Text => json::text(value).map(Some),
        Type::Null => Ok(None),
        Type::Boolean | Type::Number | Type::List | Type::Object => {
            Err(Reason::WrongType { field, expected: "a text" })
        }
    }
}

/// A text, or the characters of a number.
fn text_or_number<'a>(
    field: &'static str,
    value: &'a str,
    expected: &'static str,
) -> Result<Option<Cow<'a, str>>, Reason> {
    match json::type_of(value) {
        Type::Text => json::text(value).map(Some),
        Type::Number => Ok(Some(Cow::Borrowed(value))),
        Type::Null => Ok(None),
        Type::Boolean | Type::List | Type::Object => Err(Reason::WrongType { field, expected }),
    }
}

fn kind(field: &'static str, value: &str) -> Result<Option<Kind>, Reason> {
    let Some(text) = text(field, value)? else { return Ok(None) };
    text.parse().map(Some).map_err(|()| Reason::InvalidKind(shorten(&text).into_owned()))
}

fn event_time(field: &'static str, value: &str) -> Result<Option<Timestamp>, Reason> {
    let expected = "RFC 3339 text or integer milliseconds since 1970";
    let Some(given) = text_or_number(field, value, expected)? else { return Ok(None) };
    let is_number = json::type_of(value) == Type::Number;
    let time = if is_number { time_of_millis(&given) } else { Timestamp::parse_rfc3339(&given) };
    time.map(Some).ok_or_else(|| Reason::InvalidTime(shorten(&given).into_owned()))
}

fn micros(field: &'static str, value: &str) -> Result<Option<i64>, Reason> {
    match json::type_of(value) {
        Type::Null => Ok(None),
        Type::Number if !value.contains(['.', 'e', 'E']) => {
            let too_large = |_| Reason::InvalidAmount { field, why: "is larger than an amount can be" };
            value.parse().map(Some).map_err(too_large)
        }
        Type::Boolean | Type::Number | Type::Text | Type::List | Type::Object => {
            Err(Reason::WrongType { field, expected: "an integer of millionths" })
        }
    }
}

fn decimal(field: &'static str, value: &str) -> Result<Option<i64>, Reason> {
    let Some(given) = text_or_number(field, value, "a decimal text or number")? else { return Ok(None) };
    micros_of_decimal(&given).map(Some).map_err(|why| Reason::InvalidAmount { field, why })
}

/// `None` unless the number is an integer of milliseconds in the years 1970 to 9999.
fn time_of_millis(number: &str) -> Option<Timestamp> {
    const YEAR_10000_MILLIS: i64 = 253_402_300_800_000;
    let millis: i64 = number.parse().ok()?;
    (0..YEAR_10000_MILLIS).contains(&millis).then(|| Timestamp::from_micros(millis * 1000))
}

#[cfg(test)]
mod tests;
