//! From a line to a draft of an event: the mapping, applied.

use std::borrow::Cow;

use clicktrail_log::{event::Kind, frame::Digest, time::Timestamp};

use super::{
    address, combined, csv,
    extra::Members,
    layout::{Layout, pointer_into},
    mapping::{Column, Columns, Format},
    ndjson::{self, Member},
    odd::{Odd, Place},
    source::Unmapped,
    text::LineText,
    time_format::NoTime,
    value::{Malformed, Value},
};
use clicktrail_capture::{Aside, Draft, Reason, amount, aside::Why};

/// At most so many characters of a value are quoted in a detail.
const QUOTED_CHARS_MAX: usize = 64;

/// Why a line is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reject {
    /// Stable: the codes of [`Reason`], and `malformed`, `unmapped`, `line_too_long` of files.
    pub(super) code: &'static str,
    /// For people.
    pub(super) detail: String,
}

impl From<Reason> for Reject {
    fn from(reason: Reason) -> Self {
        Self { code: reason.code(), detail: reason.to_string() }
    }
}

impl From<Malformed> for Reject {
    fn from(malformed: Malformed) -> Self {
        Self { code: "malformed", detail: malformed.to_string() }
    }
}

/// The values of one line.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// In the order of [`Layout::names`].
    values: Vec<Option<Value<'a>>>,
    /// NDJSON: members without a place.
    rest: Vec<(Cow<'a, str>, Value<'a>)>,
    /// NDJSON: what is not as it came.
    odd: Vec<Odd<'a>>,
}

impl<'a> Record<'a> {
    /// Reads a line.
    pub(super) fn parse(
        format: Format,
        columns: &Columns,
        layout: &Layout,
        text: &'a LineText<'_>,
    ) -> Result<Self, Reject> {
        let values = Vec::with_capacity(layout.names.len());
        let mut record = Self { values, rest: Vec::new(), odd: Vec::new() };
        match format {
            Format::Combined => combined::parse(text.as_str(), &mut record.values)?,
            Format::Csv => csv::parse(text.as_str(), columns.dialect, layout.names.len(), &mut record.values)?,
            Format::Ndjson => {
                record.values.resize(layout.names.len(), None);
                for member in ndjson::parse(text, |key| layout.reads(key))? {
                    record.place(layout, text, member);
                }
            }
        }
        Ok(record)
    }

    fn place(&mut self, layout: &Layout, text: &'a LineText<'_>, member: Member<'a>) {
        let Member { key, value, range, unread } = member;
        let exact = layout.names.binary_search_by(|name| name.as_str().cmp(&key)).ok();
        let mut has_place = exact.is_some();
        for at in &layout.pointers {
            let Some(pointer) = pointer_into(&layout.names[*at], &key) else { continue };
            has_place = true;
            if let Some(why) = unread {
                self.odd.push(Odd::unread(text, &range, Place::Value(*at), why));
                continue;
            }
            let Some(Value::Nested(raw)) = &value else {
                if pointer.is_empty() {
                    self.values[*at].clone_from(&value);
                    self.odd.extend(Odd::mended(text, &range, Place::Value(*at)));
                }
                continue;
            };
            let Some(found) = ndjson::pointed(raw, pointer) else { continue };
            let inner = range.start + found.range.start..range.start + found.range.end;
            self.values[*at] = found.value;
            self.odd.extend(Odd::mended(text, &inner, Place::Value(*at)));
            if found.is_twice {
                self.odd.push(Odd::unread(text, &range, Place::Value(*at), Why::GivenTwice));
            }
        }
        let place = exact.map_or_else(|| Place::Member(key.clone()), Place::Value);
        let is_rest = !has_place && layout.keeps_rest;
        if exact.is_none() && !is_rest {
            return;
        }
        if let Some(why) = unread {
            self.odd.push(Odd::unread(text, &range, place, why));
            return;
        }
        self.odd.extend(Odd::mended(text, &range, place));
        match (exact, value) {
            (Some(at), value) => self.values[at] = value,
            (None, Some(value)) if is_rest => self.rest.push((key, value)),
            (None, _) => {}
        }
    }

    /// When the event happened.
    pub(super) fn event_time(&self, columns: &Columns, layout: &Layout) -> Result<Timestamp, Reject> {
        let text = self
            .text(columns, layout, Column::EventTime, &mut Aside::default())?
            .ok_or(Reason::MissingField("event_time"))?;
        columns.time_format.parse(&text).map_err(|why| {
            let why = match why {
                NoTime::Unreadable => "is not a time in the format that the mapping names",
                NoTime::NoZone => "does not say its zone: add timezone = \"Europe/Berlin\" (or \"UTC\") to the mapping",
            };
            Reject { code: "invalid_time", detail: format!("{:?} {why}", quoted(&text)) }
        })
    }

    /// The event, not yet validated. `minted` is its id where the mapping gives none.
    pub(super) fn draft(
        &'a self,
        columns: &'a Columns,
        layout: &'a Layout,
        event_time: Timestamp,
        minted: &'a str,
    ) -> Result<Draft<'a>, Reject> {
        let mut aside = self.told(columns, layout)?;
        let mut shortened = Vec::new();
        let mut text = |column: Column| -> Result<Option<Cow<'a, str>>, Reject> {
            let Some(text) = self.text(columns, layout, column, &mut aside)? else { return Ok(None) };
            match columns.source(column).and_then(|source| source.shortened(&text)) {
                Some(short) => {
                    shortened.push((column, text));
                    Ok(Some(Cow::Owned(short)))
                }
                None => Ok(Some(text)),
            }
        };
        let ip = text(Column::Ip)?;
        let kind = text(Column::Kind)?;
        let kind = kind.map(|kind| kind.parse().map_err(|()| Reason::InvalidKind(quoted(&kind).into()))).transpose()?;
        let draft = Draft {
            event_id: Some(text(Column::EventId)?.unwrap_or(Cow::Borrowed(minted))),
            kind,
            event_time: Some(event_time),
            advertiser_id: text(Column::AdvertiserId)?,
            campaign_id: text(Column::CampaignId)?,
            ad_id: text(Column::AdId)?,
            publisher_id: text(Column::PublisherId)?,
            placement_id: text(Column::PlacementId)?,
            user_id: text(Column::UserId)?,
            session_id: text(Column::SessionId)?,
            ip: ip.as_deref().and_then(|given| address::clean(given).address.map(Cow::into_owned)).map(Cow::Owned),
            user_agent: text(Column::UserAgent)?,
            page_url: text(Column::PageUrl)?,
            device_type: text(Column::DeviceType)?,
            os: text(Column::Os)?,
            browser: text(Column::Browser)?,
            country: text(Column::Country)?,
            city: text(Column::City)?,
            currency: text(Column::Currency)?,
            click_event_id: text(Column::ClickEventId)?,
            price_micros: self.amount(columns, layout, "price", (Column::Price, Column::PriceMicros))?,
            value_micros: self.value(columns, layout, kind, &mut aside)?,
            ..Draft::default()
        };
        let says_more = |given: &&str| address::clean(given).says_more;
        let ip_given = ip.as_deref().filter(says_more);
        let extra = self.extra(layout, &shortened, ip_given, &mut aside).map(Cow::Owned);
        Ok(Draft { extra, aside, ..draft })
    }

    /// What is to be told of values that are not as they came, unless a bill needs one of them.
    pub(super) fn told(&self, columns: &Columns, layout: &Layout) -> Result<Aside, Reject> {
        let mut aside = Aside::default();
        for odd in &self.odd {
            let at = match &odd.place {
                Place::Member(key) => {
                    odd.tell_field(key, &mut aside);
                    continue;
                }
                Place::Value(at) => *at,
            };
            for column in Column::all().filter(|column| self.uses(layout, *column, at)) {
                if !Column::OPTIONAL.contains(&column) && columns.source(column).is_some() {
                    return Err(odd.reason(&layout.names[at]).into());
                }
                aside.column(column.name(), odd.why, odd.raw);
            }
            if layout.extra.contains(&at) {
                odd.tell_field(&layout.names[at], &mut aside);
            }
        }
        Ok(aside)
    }

    /// Whether a column is what the value at this place says.
    fn uses(&self, layout: &Layout, column: Column, at: usize) -> bool {
        let (place, fallback) = (layout.places[column.index()], layout.fallbacks[column.index()]);
        place == Some(at) || (fallback == Some(at) && place.is_none_or(|place| self.values[place].is_none()))
    }

    /// The text of a column. What is odd about one that no bill needs, `aside` is told.
    pub(super) fn text(
        &'a self,
        columns: &'a Columns,
        layout: &Layout,
        column: Column,
        aside: &mut Aside,
    ) -> Result<Option<Cow<'a, str>>, Reject> {
        let Some(source) = columns.source(column) else { return Ok(None) };
        let is_optional = Column::OPTIONAL.contains(&column);
        let mut value = |place: Option<usize>| match place.and_then(|at| self.values[at].as_ref()) {
            Some(Value::Nested(raw)) if is_optional => {
                aside.column(column.name(), Why::NotText, raw.as_bytes());
                // What names an event may be odd, but not be left out: a repeat is known by it.
                Ok((column == Column::EventId).then_some(*raw))
            }
            Some(value) => {
                let expected = "a text, a number, true or false";
                value.as_text().map(Some).ok_or(Reason::WrongType { field: column.name(), expected })
            }
            None => Ok(None),
        };
        let (found, fallback) = (value(layout.places[column.index()])?, value(layout.fallbacks[column.index()])?);
        match source.resolve(found, fallback) {
            Ok(text) => Ok(text.map(|text| self.distinct(layout, column, text))),
            Err(Unmapped(text)) if is_optional => {
                aside.column(column.name(), Why::Unmapped, text.as_bytes());
                Ok(None)
            }
            Err(Unmapped(text)) => Err(Reject {
                code: "unmapped",
                detail: format!("the mapping does not say what {} {:?} means", column.name(), quoted(text)),
            }),
        }
    }

    /// Different halves of surrogate pairs became the same character, and different ids must stay different.
    fn distinct(&self, layout: &Layout, column: Column, text: &'a str) -> Cow<'a, str> {
        let is_mended = |odd: &&Odd<'_>| match odd.place {
            Place::Value(at) => odd.why == Why::NotUnicode && self.uses(layout, column, at),
            Place::Member(_) => false,
        };
        let odd = self.odd.iter().find(is_mended);
        match odd.filter(|_| text.contains(char::REPLACEMENT_CHARACTER) && column.name().ends_with("_id")) {
            Some(odd) => Cow::Owned(format!("{text}~{}", Digest::of(odd.raw))),
            None => Cow::Borrowed(text),
        }
    }

    /// What a conversion was worth. On anything else nothing is rejected for it.
    fn value(
        &self,
        columns: &Columns,
        layout: &Layout,
        kind: Option<Kind>,
        aside: &mut Aside,
    ) -> Result<Option<i64>, Reject> {
        let amount = self.amount(columns, layout, "value", (Column::Value, Column::ValueMicros));
        match kind {
            Some(Kind::Click | Kind::Impression | Kind::Probe | Kind::Prefetch) => amount.or_else(|_| {
                let places = [Column::Value, Column::ValueMicros].map(|column| layout.places[column.index()]);
                let given = places.into_iter().flatten().find_map(|at| self.values[at].as_ref());
                aside.column("value_micros", Why::NotForKind, given.map_or("", Value::raw).as_bytes());
                Ok(None)
            }),
            Some(Kind::Conversion) | None => amount,
        }
    }

    /// An amount given as decimal text or as micros.
    pub(super) fn amount(
        &self,
        columns: &Columns,
        layout: &Layout,
        field: &'static str,
        (decimal, micros): (Column, Column),
    ) -> Result<Option<i64>, Reject> {
        // Nothing is told: an amount that is odd rejects the line.
        let text = |column| self.text(columns, layout, column, &mut Aside::default());
        let amount = match (text(decimal)?, text(micros)?) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => Err("is given as a decimal and as micros"),
            (Some(text), None) => amount::micros_of_decimal(&text),
            (None, Some(text)) => super::time_format::whole(&text).ok_or("is not a whole number of micros"),
        };
        Ok(Some(amount.map_err(|why| Reason::InvalidAmount { field, why })?))
    }

    /// A JSON object of the fields that are kept, of the ids that were shortened, and of what stood in the place of an
    /// address if that says more than the address.
    fn extra(
        &self,
        layout: &Layout,
        shortened: &[(Column, Cow<'_, str>)],
        ip_given: Option<&str>,
        aside: &mut Aside,
    ) -> Option<String> {
        let listed =
            layout.extra.iter().filter_map(|at| Some((layout.names[*at].as_str(), self.values[*at].as_ref()?)));
        let mut members = Members::default();
        for (name, value) in listed.chain(self.rest.iter().map(|(name, value)| (name.as_ref(), value))) {
            members.push(name, value, aside);
        }
        for (column, text) in shortened {
            members.push_text(&format!("{}_whole", column.name()), text);
        }
        if let Some(given) = ip_given {
            members.push_text("ip_given", given);
        }
        members.finish()
    }
}

fn quoted(text: &str) -> &str {
    text.char_indices().nth(QUOTED_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}
