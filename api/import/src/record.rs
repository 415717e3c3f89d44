//! From a line to a draft of an event: the mapping, applied.

use std::borrow::Cow;

use clicktrail_log::time::Timestamp;

use super::{
    address, combined, csv,
    mapping::{Column, Columns, Extra, Format},
    ndjson,
    source::{Source, Unmapped},
    time_format::NoTime,
    value::{Malformed, Value, write_json_text},
};
use clicktrail_capture::{Draft, Reason, amount, aside::Why};

/// At most so many characters of a value are quoted in a detail.
const QUOTED_CHARS_MAX: usize = 64;
/// What combined logs hold twice: the parts of the target are kept, not the whole.
const DERIVED: [&str; 2] = ["target", "first_segment"];

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

/// Where the fields that a mapping names stand in a record.
#[derive(Debug)]
pub(super) struct Layout {
    /// The name of each value of a record.
    names: Vec<String>,
    /// By [`Column::index`]: the value that the column reads.
    places: [Option<usize>; Column::COUNT],
    /// By [`Column::index`]: the value that it reads where that is none.
    fallbacks: [Option<usize>; Column::COUNT],
    /// NDJSON: the names that point into a member (`/key/…`).
    pointers: Vec<usize>,
    /// The values that are kept in `extra`.
    extra: Vec<usize>,
    /// NDJSON: members that have no place are kept in `extra`, too.
    keeps_rest: bool,
}

impl Layout {
    /// For a CSV file with this header, or (without one) for a format that knows its names.
    ///
    /// # Errors
    /// The name of a field that the file does not have.
    pub(super) fn new(format: Format, columns: &Columns, header: &[Cow<'_, str>]) -> Result<Self, String> {
        let names = match format {
            Format::Combined => combined::FIELDS.map(str::to_owned).to_vec(),
            Format::Csv => header.iter().map(|name| name.clone().into_owned()).collect(),
            Format::Ndjson => ndjson_names(columns),
        };
        let place = |field: &str| names.iter().position(|name| name == field).ok_or_else(|| field.to_owned());
        let places_of = |field: fn(&Source) -> Option<&str>| {
            let mut places = [None; Column::COUNT];
            for (at, source) in places.iter_mut().zip(columns.sources()) {
                *at = source.as_ref().and_then(field).map(place).transpose()?;
            }
            Ok::<_, String>(places)
        };
        let (places, fallbacks) = (places_of(Source::field)?, places_of(Source::fallback)?);
        let rest = |(at, name): (usize, &String)| {
            let kept = format != Format::Combined || !DERIVED.contains(&name.as_str());
            (kept && !places.contains(&Some(at)) && !fallbacks.contains(&Some(at))).then_some(at)
        };
        let extra = match (&columns.extra, format) {
            (Extra::Fields(fields), _) => fields.iter().map(|field| place(field)).collect::<Result<_, _>>()?,
            (Extra::Rest, Format::Combined | Format::Csv) => names.iter().enumerate().filter_map(rest).collect(),
            (Extra::Rest, Format::Ndjson) => Vec::new(),
        };
        let keeps_rest = columns.extra == Extra::Rest;
        let is_pointer = |at: &usize| format == Format::Ndjson && names[*at].starts_with('/');
        let pointers = (0..names.len()).filter(is_pointer).collect();
        Ok(Self { names, places, fallbacks, pointers, extra, keeps_rest })
    }
}

fn ndjson_names(columns: &Columns) -> Vec<String> {
    let mut names: Vec<String> =
        columns.sources().iter().flatten().flat_map(Source::fields).map(str::to_owned).collect();
    if let Extra::Fields(fields) = &columns.extra {
        names.extend_from_slice(fields);
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// The values of one line.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// In the order of [`Layout::names`].
    values: Vec<Option<Value<'a>>>,
    /// NDJSON: members without a place.
    rest: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl<'a> Record<'a> {
    /// Reads a line, which [`text_of`] has read as text.
    pub(super) fn parse(format: Format, columns: &Columns, layout: &Layout, text: &'a str) -> Result<Self, Reject> {
        let mut record = Self { values: Vec::with_capacity(layout.names.len()), rest: Vec::new() };
        match format {
            Format::Combined => combined::parse(text, &mut record.values)?,
            Format::Csv => csv::parse(text, columns.dialect, layout.names.len(), &mut record.values)?,
            Format::Ndjson => record.place(layout, ndjson::parse(text)?),
        }
        Ok(record)
    }

    fn place(&mut self, layout: &Layout, members: Vec<(Cow<'a, str>, Value<'a>)>) {
        self.values.resize(layout.names.len(), None);
        for (key, value) in members {
            let mut used = false;
            for at in &layout.pointers {
                if let Some(inner) = pointed(&layout.names[*at], &key, &value) {
                    used = true;
                    self.values[*at] = inner;
                }
            }
            match layout.names.binary_search_by(|name| name.as_str().cmp(&key)) {
                Ok(at) => self.values[at] = Some(value),
                Err(_) if layout.keeps_rest && !used => self.rest.push((key, value)),
                Err(_) => {}
            }
        }
    }

    /// When the event happened.
    pub(super) fn event_time(&self, columns: &Columns, layout: &Layout) -> Result<Timestamp, Reject> {
        let text = self.text(columns, layout, Column::EventTime)?.ok_or(Reason::MissingField("event_time"))?;
        columns.time_format.parse(text).map_err(|why| {
            let why = match why {
                NoTime::Unreadable => "is not a time in the format that the mapping names",
                NoTime::NoZone => "does not say its zone: add timezone = \"Europe/Berlin\" (or \"UTC\") to the mapping",
            };
            Reject { code: "invalid_time", detail: format!("{:?} {why}", quoted(text)) }
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
        let mut shortened = Vec::new();
        let mut text = |column: Column| -> Result<Option<Cow<'a, str>>, Reject> {
            let Some(text) = self.text(columns, layout, column)? else { return Ok(None) };
            match columns.source(column).and_then(|source| source.shortened(text)) {
                Some(short) => {
                    shortened.push((column, text));
                    Ok(Some(Cow::Owned(short)))
                }
                None => Ok(Some(Cow::Borrowed(text))),
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
            price_micros: self.amount(columns, layout, "price", Column::Price, Column::PriceMicros)?,
            value_micros: self.amount(columns, layout, "value", Column::Value, Column::ValueMicros)?,
            ..Draft::default()
        };
        let mut draft = draft;
        for column in Column::OPTIONAL {
            if let Some(raw) = self.nested(columns, layout, column) {
                draft.aside.column(column.name(), Why::NotText, raw.as_bytes());
            }
        }
        let says_more = |given: &&str| address::clean(given).says_more;
        let ip_given = ip.as_deref().filter(says_more);
        Ok(Draft { extra: self.extra(layout, &shortened, ip_given), ..draft })
    }

    fn text(&'a self, columns: &'a Columns, layout: &Layout, column: Column) -> Result<Option<&'a str>, Reject> {
        let Some(source) = columns.source(column) else { return Ok(None) };
        let value = |place: Option<usize>| match place.and_then(|at| self.values[at].as_ref()) {
            Some(Value::Nested(_)) if Column::OPTIONAL.contains(&column) => Ok(None),
            Some(value) => {
                let expected = "a text, a number, true or false";
                value.as_text().map(Some).ok_or(Reason::WrongType { field: column.name(), expected })
            }
            None => Ok(None),
        };
        let (found, fallback) = (value(layout.places[column.index()])?, value(layout.fallbacks[column.index()])?);
        source.resolve(found, fallback).map_err(|Unmapped(text)| Reject {
            code: "unmapped",
            detail: format!("the mapping does not say what {} {:?} means", column.name(), quoted(text)),
        })
    }

    /// A list or an object that stands where a column's text should.
    fn nested(&'a self, columns: &'a Columns, layout: &Layout, column: Column) -> Option<&'a str> {
        columns.source(column)?;
        match self.values[layout.places[column.index()]?].as_ref()? {
            Value::Nested(raw) => Some(raw),
            Value::Text(_) | Value::Scalar(_) => None,
        }
    }

    /// An amount given as decimal text or as micros.
    fn amount(
        &'a self,
        columns: &'a Columns,
        layout: &Layout,
        field: &'static str,
        decimal: Column,
        micros: Column,
    ) -> Result<Option<i64>, Reject> {
        let decimal = self.text(columns, layout, decimal)?;
        let whole = self.text(columns, layout, micros)?;
        let amount = match (decimal, whole) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => Err("is given as a decimal and as micros"),
            (Some(text), None) => amount::micros_of_decimal(text),
            (None, Some(text)) => super::time_format::whole(text).ok_or("is not a whole number of micros"),
        };
        Ok(Some(amount.map_err(|why| Reason::InvalidAmount { field, why })?))
    }

    /// A JSON object of the fields that are kept, of the ids that were shortened, and of what stood in the place of an
    /// address if that says more than the address.
    fn extra(&self, layout: &Layout, shortened: &[(Column, &str)], ip_given: Option<&str>) -> Option<Cow<'a, str>> {
        let listed =
            layout.extra.iter().filter_map(|at| Some((layout.names[*at].as_str(), self.values[*at].as_ref()?)));
        let members = listed.chain(self.rest.iter().map(|(name, value)| (name.as_ref(), value)));
        let mut json = String::new();
        let name = |json: &mut String, name: &str| {
            json.push(if json.is_empty() { '{' } else { ',' });
            write_json_text(name, json);
            json.push(':');
        };
        for (field, value) in members {
            name(&mut json, field);
            value.write_json(&mut json);
        }
        for (column, text) in shortened {
            name(&mut json, &format!("{}_whole", column.name()));
            write_json_text(text, &mut json);
        }
        if let Some(given) = ip_given {
            name(&mut json, "ip_given");
            write_json_text(given, &mut json);
        }
        if json.is_empty() {
            return None;
        }
        json.push('}');
        Some(Cow::Owned(json))
    }
}

/// What the pointer `name` (`/key/inner`, RFC 6901) finds in member `key`; the outer `None`: it points elsewhere.
fn pointed<'a>(name: &str, key: &str, value: &Value<'a>) -> Option<Option<Value<'a>>> {
    let rest = name.strip_prefix('/')?.strip_prefix(key)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let Value::Nested(raw) = value else { return Some(if rest.is_empty() { Some(value.clone()) } else { None }) };
    Some(ndjson::pointed(raw, rest))
}

/// A line as text. Web servers log bytes that are no UTF-8; in other files they are a mistake.
pub(super) fn text_of(format: Format, line: &[u8]) -> Result<Cow<'_, str>, Reject> {
    match format {
        Format::Combined | Format::Csv => Ok(combined::text(line)),
        Format::Ndjson => match std::str::from_utf8(line) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(error) => Err(Reason::InvalidUtf8 { offset: error.valid_up_to() }.into()),
        },
    }
}

fn quoted(text: &str) -> &str {
    text.char_indices().nth(QUOTED_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}
