//! One event after another, read off a [`Cursor`] into [`Draft`]s: which fields there are, what each takes, and what
//! becomes of a value that is odd.

use std::{borrow::Cow, ops::Range};

use clicktrail_log::{
    event::{CORRECTION, Kind},
    frame::Digest,
    time::Timestamp,
};

use crate::{
    amount::micros_of_decimal,
    aside::{self, Why},
    draft::Draft,
    json::{Cursor, Syntax},
    mend::Mended,
    reason::Reason,
    shorten::shorten,
};

/// The text that says something by being empty: there was no user agent.
const SAID_TO_BE_EMPTY: &str = "user_agent";

/// Levels of lists and objects in an event, its own included. A field that is deeper is set aside.
pub(crate) const DEPTH_MAX: usize = 32;
/// Unknown fields of an event. More are set aside.
pub(crate) const UNKNOWN_FIELDS_MAX: usize = 64;

/// Why reading stopped: the grammar is broken, or the value is no event.
#[derive(Debug)]
pub(crate) enum Failure {
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
pub(crate) struct Reader<'a> {
    cursor: Cursor<'a>,
    /// The text that is read, if it was mended.
    mended: Option<&'a Mended<'a>>,
    draft: Draft<'a>,
    /// One bit for each known field that was given.
    seen: u32,
    /// What is wrong with a value, which matters only if the event turns out to be a conversion.
    odd_value: Option<(Reason, &'a str)>,
    /// Names of the unknown fields so far.
    unknown: Vec<Cow<'a, str>>,
    /// `{"name":value` of the unknown fields so far; empty if there is none.
    extra: String,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str, mended: Option<&'a Mended<'a>>) -> Self {
        let (unknown, extra) = (Vec::new(), String::new());
        let cursor = Cursor::new(text);
        Self { cursor, mended, draft: Draft::default(), seen: 0, odd_value: None, unknown, extra }
    }

    /// One object and nothing behind it.
    pub(crate) fn only(mut self) -> Result<Draft<'a>, Failure> {
        let draft = self.object()?;
        self.cursor.end()?;
        Ok(draft)
    }

    /// The items of a list, or one object.
    pub(crate) fn all(mut self, mut each: impl FnMut(Range<usize>, Result<Draft<'a>, Reason>)) -> Result<(), Reason> {
        if self.cursor.peek() != Some(b'[') {
            let (range, item) = self.item()?;
            self.cursor.end()?;
            if let Err(reason @ Reason::NotAnObject(_)) = item {
                return Err(reason);
            }
            each(range, item);
            return Ok(());
        }
        self.cursor.require(b'[', "`[`")?;
        if !self.cursor.take(b']') {
            loop {
                let (range, item) = self.item()?;
                each(range, item);
                if !self.cursor.take(b',') {
                    break;
                }
            }
            self.cursor.require(b']', "`,` or `]`")?;
        }
        Ok(self.cursor.end()?)
    }

    /// The next item of a list, with where it stands.
    fn item(&mut self) -> Result<(Range<usize>, Result<Draft<'a>, Reason>), Syntax> {
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
        Ok((start..self.cursor.offset(), item))
    }

    fn object(&mut self) -> Result<Draft<'a>, Failure> {
        self.draft = Draft::default();
        self.seen = 0;
        self.odd_value = None;
        self.unknown.clear();
        self.extra.clear();
        let first = self.cursor.peek();
        if first != Some(b'{') {
            self.cursor.skip()?;
            return Err(Failure::Event(Reason::NotAnObject(type_of(first))));
        }
        self.members(Self::field)?;
        let mut draft = std::mem::take(&mut self.draft);
        if let Some((reason, raw)) = self.odd_value.take() {
            match draft.kind {
                None | Some(Kind::Conversion) => return Err(Failure::Event(reason)),
                Some(Kind::Click | Kind::Impression | Kind::Probe | Kind::Prefetch) => {
                    draft.aside.column("value_micros", Why::NotForKind, raw.as_bytes());
                }
            }
        }
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
            "advertiser_id" => self.needed_text(3, "advertiser_id", |draft| &mut draft.advertiser_id),
            "campaign_id" => self.needed_text(4, "campaign_id", |draft| &mut draft.campaign_id),
            "ad_id" => self.needed_text(5, "ad_id", |draft| &mut draft.ad_id),
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
            "currency" => self.needed_text(18, "currency", |draft| &mut draft.currency),
            "click_event_id" => self.text(19, "click_event_id", |draft| &mut draft.click_event_id),
            "price_micros" => self.micros(20, "price_micros", |draft| &mut draft.price_micros),
            "price" => self.decimal(20, "price", |draft| &mut draft.price_micros),
            "value_micros" => self.value(|reader| reader.micros(21, "value_micros", |draft| &mut draft.value_micros)),
            "value" => self.value(|reader| reader.decimal(21, "value", |draft| &mut draft.value_micros)),
            "extra" => self.extra(),
            _ => self.unknown(name, raw_name),
        }
    }

    /// Whether a field is given for the first time.
    #[inline]
    fn is_first(&mut self, bit: u32) -> bool {
        let mask = 1 << bit;
        let is_first = self.seen & mask == 0;
        self.seen |= mask;
        is_first
    }

    #[inline]
    fn once(&mut self, bit: u32, name: &'static str) -> Result<(), Failure> {
        if self.is_first(bit) { Ok(()) } else { Err(Failure::Event(Reason::DuplicateKey(name.to_owned()))) }
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

    /// A text that a bill needs.
    #[inline]
    fn needed_text(&mut self, bit: u32, name: &'static str, slot: TextSlot<'a>) -> Result<(), Failure> {
        self.once(bit, name)?;
        let start = self.cursor.offset();
        *slot(&mut self.draft) = match self.cursor.plain_string() {
            Some(plain) => Some(Cow::Borrowed(plain)),
            None => self.optional_text(name, "a text")?,
        };
        match self.mended.and_then(|mended| mended.first_in(&(start..self.cursor.offset()))) {
            Some(offset) => Err(Failure::Event(Reason::InvalidUtf8 { offset })),
            None => Ok(()),
        }
    }

    /// Any other text. An empty one counts as missing.
    #[inline]
    fn text(&mut self, bit: u32, name: &'static str, slot: TextSlot<'a>) -> Result<(), Failure> {
        let is_first = self.is_first(bit);
        if is_first
            && self.mended.is_none()
            && let Some(plain) = self.cursor.plain_string()
        {
            if !plain.is_empty() || name == SAID_TO_BE_EMPTY {
                *slot(&mut self.draft) = Some(Cow::Borrowed(plain));
            }
            return Ok(());
        }
        self.odd_text(is_first, name, slot)
    }

    /// A text with escapes, of a mended body, given again, or in which something else stands than a text.
    #[cold]
    fn odd_text(&mut self, is_first: bool, name: &'static str, slot: TextSlot<'a>) -> Result<(), Failure> {
        let first = self.cursor.peek();
        let start = self.cursor.offset();
        if !is_first {
            let raw = self.cursor.skip()?.raw;
            self.draft.aside.column(name, Why::GivenTwice, raw.as_bytes());
            return Ok(());
        }
        let mut text = match first {
            Some(b'"') => self.cursor.string()?,
            Some(b'n') => {
                self.cursor.skip()?;
                return Ok(());
            }
            // `"user_id":12345` is what many mean by an id.
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => Cow::Borrowed(self.cursor.skip()?.raw),
            Some(_) | None => {
                let raw = self.cursor.skip()?.raw;
                self.draft.aside.column(name, Why::NotText, raw.as_bytes());
                // What names an event may be odd, but not be left out: a repeat is known by it.
                if name != "event_id" {
                    return Ok(());
                }
                Cow::Borrowed(raw)
            }
        };
        if let Some(raw) = self.original_of_mended(start) {
            self.draft.aside.column(name, Why::NotUnicode, raw);
            // Different halves became the same character, and different ids must stay different.
            if text.contains(char::REPLACEMENT_CHARACTER) && name.ends_with("_id") {
                text = Cow::Owned(format!("{text}~{}", Digest::of(raw)));
            }
        }
        if !text.is_empty() || name == SAID_TO_BE_EMPTY {
            *slot(&mut self.draft) = Some(text);
        }
        Ok(())
    }

    /// The bytes that were mended on the way from `start` to here, with those around them.
    fn original_of_mended(&self, start: usize) -> Option<&'a [u8]> {
        let (mended, range) = (self.mended?, start..self.cursor.offset());
        mended.first_in(&range).map(|_| mended.original_of(&range))
    }

    /// An amount that only conversions have: what is wrong with it is looked at when the kind is known.
    fn value(&mut self, read: impl FnOnce(&mut Self) -> Result<(), Failure>) -> Result<(), Failure> {
        self.cursor.peek();
        let start = self.cursor.offset();
        match read(self) {
            Err(Failure::Event(reason)) => {
                self.cursor.rewind(start);
                let raw = self.cursor.skip()?.raw;
                self.odd_value.get_or_insert((reason, raw));
                Ok(())
            }
            other => other,
        }
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
        let why = match (self.is_first(22), self.cursor.peek()) {
            (true, Some(b'{')) => return self.members(Self::unknown),
            (true, Some(b'n')) => None,
            (true, _) => Some(Why::NotAnObject),
            (false, _) => Some(Why::GivenTwice),
        };
        let raw = self.cursor.skip()?.raw;
        if let Some(why) = why {
            self.draft.aside.field("extra", why, raw.as_bytes());
        }
        Ok(())
    }

    fn unknown(&mut self, name: &str, raw_name: &'a str) -> Result<(), Failure> {
        self.cursor.peek();
        let start = self.cursor.offset();
        let value = self.cursor.skip()?;
        // The event itself is a level.
        let why = if value.depth >= DEPTH_MAX {
            Some(Why::TooDeep)
        } else if value.has_nul || name.contains('\0') {
            Some(Why::ControlCharacter)
        } else if name == aside::MEMBER || name == CORRECTION {
            Some(Why::Reserved)
        } else if self.unknown.iter().any(|known| known == name) {
            Some(Why::GivenTwice)
        } else if self.unknown.len() == UNKNOWN_FIELDS_MAX {
            Some(Why::TooMany)
        } else {
            None
        };
        if let Some(why) = why {
            self.draft.aside.field(name, why, value.raw.as_bytes());
            return Ok(());
        }
        if let Some(raw) = self.original_of_mended(start) {
            self.draft.aside.field(name, Why::NotUnicode, raw);
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
