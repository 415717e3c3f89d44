//! JSON to [`Draft`]s: one object, or a list of them, in one pass and borrowed from the bytes where possible.
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
    json::{Cursor, Syntax},
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
/// The first thing that is wrong, with its place.
pub fn draft(bytes: &[u8]) -> Result<Draft<'_>, Reason> {
    let mut reader = Reader::new(utf8(bytes)?);
    let draft = reader.object().and_then(|draft| Ok(reader.cursor.end().map(|()| draft)?));
    draft.map_err(Reason::from)
}

/// Reads a list of objects, or one object. Calls `each` with the characters of every item, in order, and what they
/// say; an item that is JSON but no event spoils only itself.
///
/// # Errors
/// The bytes as a whole are not JSON, or hold neither list nor object: then what `each` was given counts for
/// nothing, because where one item ends is uncertain.
pub fn drafts<'a>(bytes: &'a [u8], mut each: impl FnMut(&'a str, Result<Draft<'a>, Reason>)) -> Result<(), Reason> {
    let mut reader = Reader::new(utf8(bytes)?);
    if reader.cursor.peek() != Some(b'[') {
        let (raw, item) = reader.item()?;
        reader.cursor.end()?;
        if let Err(reason @ Reason::NotAnObject(_)) = item {
            return Err(reason);
        }
        each(raw, item);
        return Ok(());
    }
    reader.cursor.require(b'[', "`[`")?;
    if !reader.cursor.take(b']') {
        loop {
            let (raw, item) = reader.item()?;
            each(raw, item);
            if !reader.cursor.take(b',') {
                break;
            }
        }
        reader.cursor.require(b']', "`,` or `]`")?;
    }
    Ok(reader.cursor.end()?)
}

fn utf8(bytes: &[u8]) -> Result<&str, Reason> {
    str::from_utf8(bytes).map_err(|error| Reason::InvalidUtf8 { offset: error.valid_up_to() })
}

/// Why reading stopped: the grammar is broken, or the value is no event.
#[derive(Debug)]
enum Failure {
    Syntax(Syntax),
    Event(Reason),
}

impl From<Syntax> for Failure {
    fn from(syntax: Syntax) -> Self {
        Self::Syntax(syntax)
    }
}

impl From<Syntax> for Reason {
    fn from(syntax: Syntax) -> Self {
        Self::InvalidJson { offset: syntax.offset, expected: syntax.expected }
    }
}

impl From<Failure> for Reason {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Syntax(syntax) => syntax.into(),
            Failure::Event(reason) => reason,
        }
    }
}

/// Where in the draft a text or an amount goes.
type TextSlot<'a> = for<'d> fn(&'d mut Draft<'a>) -> &'d mut Option<Cow<'a, str>>;
/// What is done with a member of an object: name decoded, name raw with its quotes; the value comes next.
type Member<'a> = fn(&mut Reader<'a>, name: &str, raw_name: &'a str) -> Result<(), Failure>;
type AmountSlot<'a> = for<'d> fn(&'d mut Draft<'a>) -> &'d mut Option<i64>;

#[derive(Debug)]
struct Reader<'a> {
    cursor: Cursor<'a>,
    draft: Draft<'a>,
    /// One bit for each known field that was given.
    seen: u32,
    /// Names of the unknown fields so far.
    unknown: Vec<Cow<'a, str>>,
    /// `{"name":value` of the unknown fields so far; empty if there is none.
    extra: String,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let (unknown, extra) = (Vec::new(), String::new());
        Self { cursor: Cursor::new(text), draft: Draft::default(), seen: 0, unknown, extra }
    }

    /// The next item of a list, with its characters.
    fn item(&mut self) -> Result<(&'a str, Result<Draft<'a>, Reason>), Syntax> {
        self.cursor.peek();
        let start = self.cursor.offset();
        let item = match self.object() {
            Ok(draft) => Ok(draft),
            Err(Failure::Syntax(syntax)) => return Err(syntax),
            Err(Failure::Event(reason)) => {
                self.cursor.rewind(start);
                self.cursor.skip()?;
                Err(reason)
            }
        };
        Ok((self.cursor.since(start), item))
    }

    fn object(&mut self) -> Result<Draft<'a>, Failure> {
        self.draft = Draft::default();
        self.seen = 0;
        self.unknown.clear();
        self.extra.clear();
        let first = self.cursor.peek();
        if first != Some(b'{') {
            self.cursor.skip()?;
            return Err(Failure::Event(Reason::NotAnObject(type_of(first))));
        }
        self.members(Self::field)?;
        let mut draft = std::mem::take(&mut self.draft);
        if !self.extra.is_empty() {
            self.extra.push('}');
            draft.extra = Some(Cow::Owned(std::mem::take(&mut self.extra)));
        }
        Ok(draft)
    }

    /// Calls `member` behind the colon of every member of the object that comes next, with its name decoded and raw.
    fn members(&mut self, member: Member<'a>) -> Result<(), Failure> {
        self.cursor.require(b'{', "`{`")?;
        if self.cursor.take(b'}') {
            return Ok(());
        }
        loop {
            self.cursor.peek();
            let start = self.cursor.offset();
            // Two calls, so that a plain name stays in registers.
            if let Some(name) = self.cursor.plain_string() {
                let raw_name = self.cursor.since(start);
                self.cursor.require(b':', "`:`")?;
                member(self, name, raw_name)?;
            } else {
                let name = self.cursor.string()?;
                let raw_name = self.cursor.since(start);
                self.cursor.require(b':', "`:`")?;
                member(self, &name, raw_name)?;
            }
            if !self.cursor.take(b',') {
                break;
            }
        }
        Ok(self.cursor.require(b'}', "`,` or `}`")?)
    }

    fn field(&mut self, name: &str, raw_name: &'a str) -> Result<(), Failure> {
        match name {
            "event_id" => self.text(0, "event_id", |draft| &mut draft.event_id),
            "kind" => self.kind(),
            "event_time" => self.event_time(),
            "advertiser_id" => self.text(3, "advertiser_id", |draft| &mut draft.advertiser_id),
            "campaign_id" => self.text(4, "campaign_id", |draft| &mut draft.campaign_id),
            "ad_id" => self.text(5, "ad_id", |draft| &mut draft.ad_id),
            "publisher_id" => self.text(6, "publisher_id", |draft| &mut draft.publisher_id),
            "placement_id" => self.text(7, "placement_id", |draft| &mut draft.placement_id),
            "user_id" => self.text(8, "user_id", |draft| &mut draft.user_id),
            "session_id" => self.text(9, "session_id", |draft| &mut draft.session_id),
            "ip" => self.text(10, "ip", |draft| &mut draft.ip),
            "user_agent" => self.text(11, "user_agent", |draft| &mut draft.user_agent),
            "page_url" => self.text(12, "page_url", |draft| &mut draft.page_url),
            "device_type" => self.text(13, "device_type", |draft| &mut draft.device_type),
            "os" => self.text(14, "os", |draft| &mut draft.os),
            "browser" => self.text(15, "browser", |draft| &mut draft.browser),
            "country" => self.text(16, "country", |draft| &mut draft.country),
            "city" => self.text(17, "city", |draft| &mut draft.city),
            "currency" => self.text(18, "currency", |draft| &mut draft.currency),
            "click_event_id" => self.text(19, "click_event_id", |draft| &mut draft.click_event_id),
            "price_micros" => self.micros(20, "price_micros", |draft| &mut draft.price_micros),
            "price" => self.decimal(20, "price", |draft| &mut draft.price_micros),
            "value_micros" => self.micros(21, "value_micros", |draft| &mut draft.value_micros),
            "value" => self.decimal(21, "value", |draft| &mut draft.value_micros),
            "extra" => self.extra(),
            _ => self.unknown(name, raw_name),
        }
    }

    #[inline]
    fn once(&mut self, bit: u32, name: &'static str) -> Result<(), Failure> {
        let mask = 1 << bit;
        if self.seen & mask != 0 {
            return Err(Failure::Event(Reason::DuplicateKey(name.to_owned())));
        }
        self.seen |= mask;
        Ok(())
    }

    #[cold]
    fn wrong_type<T>(&mut self, field: &'static str, expected: &'static str) -> Result<T, Failure> {
        self.cursor.skip()?;
        Err(Failure::Event(Reason::WrongType { field, expected }))
    }

    /// A text, or `None` for null.
    fn optional_text(&mut self, name: &'static str, expected: &'static str) -> Result<Option<Cow<'a, str>>, Failure> {
        match self.cursor.peek() {
            Some(b'"') => Ok(Some(self.cursor.string()?)),
            _ if self.cursor.take_null()? => Ok(None),
            _ => self.wrong_type(name, expected),
        }
    }

    #[inline]
    fn text(&mut self, bit: u32, name: &'static str, slot: TextSlot<'a>) -> Result<(), Failure> {
        self.once(bit, name)?;
        *slot(&mut self.draft) = match self.cursor.plain_string() {
            Some(plain) => Some(Cow::Borrowed(plain)),
            None => self.optional_text(name, "a text")?,
        };
        Ok(())
    }

    fn kind(&mut self) -> Result<(), Failure> {
        self.once(1, "kind")?;
        if let Some(text) = self.optional_text("kind", "a text")? {
            let unknown = |()| Failure::Event(Reason::InvalidKind(shorten(&text).into_owned()));
            self.draft.kind = Some(text.parse::<Kind>().map_err(unknown)?);
        }
        Ok(())
    }

    fn event_time(&mut self) -> Result<(), Failure> {
        const EXPECTED: &str = "RFC 3339 text or integer milliseconds since 1970";
        self.once(2, "event_time")?;
        let (text, time) = match self.cursor.peek() {
            Some(b'-' | b'0'..=b'9') => {
                let number = self.cursor.number()?;
                (Cow::Borrowed(number), time_of_millis(number))
            }
            _ => match self.optional_text("event_time", EXPECTED)? {
                Some(text) => {
                    let time = Timestamp::parse_rfc3339(&text);
                    (text, time)
                }
                None => return Ok(()),
            },
        };
        let invalid = || Failure::Event(Reason::InvalidTime(shorten(&text).into_owned()));
        self.draft.event_time = Some(time.ok_or_else(invalid)?);
        Ok(())
    }

    fn micros(&mut self, bit: u32, name: &'static str, slot: AmountSlot<'a>) -> Result<(), Failure> {
        const EXPECTED: &str = "an integer of millionths";
        self.once(bit, name)?;
        if self.cursor.take_null()? {
            return Ok(());
        }
        if !matches!(self.cursor.peek(), Some(b'-' | b'0'..=b'9')) {
            return self.wrong_type(name, EXPECTED);
        }
        let number = self.cursor.number()?;
        if number.contains(['.', 'e', 'E']) {
            return Err(Failure::Event(Reason::WrongType { field: name, expected: EXPECTED }));
        }
        let too_large =
            |_| Failure::Event(Reason::InvalidAmount { field: name, why: "is larger than an amount can be" });
        *slot(&mut self.draft) = Some(number.parse().map_err(too_large)?);
        Ok(())
    }

    fn decimal(&mut self, bit: u32, name: &'static str, slot: AmountSlot<'a>) -> Result<(), Failure> {
        self.once(bit, name)?;
        let text = match self.cursor.peek() {
            Some(b'-' | b'0'..=b'9') => Cow::Borrowed(self.cursor.number()?),
            _ => match self.optional_text(name, "a decimal text or number")? {
                Some(text) => text,
                None => return Ok(()),
            },
        };
        let invalid = |why| Failure::Event(Reason::InvalidAmount { field: name, why });
        *slot(&mut self.draft) = Some(micros_of_decimal(&text).map_err(invalid)?);
        Ok(())
    }

    fn extra(&mut self) -> Result<(), Failure> {
        self.once(22, "extra")?;
        if self.cursor.take_null()? {
            return Ok(());
        }
        if self.cursor.peek() != Some(b'{') {
            return self.wrong_type("extra", "a JSON object");
        }
        self.members(Self::unknown)
    }

    fn unknown(&mut self, name: &str, raw_name: &'a str) -> Result<(), Failure> {
        let value = self.cursor.skip()?;
        // The event itself is a level.
        let reason = if value.depth >= DEPTH_MAX {
            Some(Reason::TooDeep { max: DEPTH_MAX })
        } else if value.has_nul || name.contains('\0') {
            Some(Reason::NulCharacter(Cow::Owned(shorten(name).replace('\0', "\\u0000"))))
        } else if self.unknown.iter().any(|known| known == name) {
            Some(Reason::DuplicateKey(shorten(name).into_owned()))
        } else if self.unknown.len() == UNKNOWN_FIELDS_MAX {
            Some(Reason::TooLong { field: "extra", max: UNKNOWN_FIELDS_MAX, unit: "fields" })
        } else {
            None
        };
        if let Some(reason) = reason {
            return Err(Failure::Event(reason));
        }
        self.extra.push(if self.extra.is_empty() { '{' } else { ',' });
        self.extra.push_str(raw_name);
        self.extra.push(':');
        self.extra.push_str(value.raw);
        let plain = &raw_name[1..raw_name.len() - 1];
        self.unknown.push(if plain == name { Cow::Borrowed(plain) } else { Cow::Owned(name.to_owned()) });
        Ok(())
    }
}

/// `None` unless the number is an integer of milliseconds in the years 1970 to 9999.
fn time_of_millis(number: &str) -> Option<Timestamp> {
    const YEAR_10000_MILLIS: i64 = 253_402_300_800_000;
    let millis: i64 = number.parse().ok()?;
    (0..YEAR_10000_MILLIS).contains(&millis).then(|| Timestamp::from_micros(millis * 1000))
}

fn type_of(first: Option<u8>) -> &'static str {
    match first {
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests;
