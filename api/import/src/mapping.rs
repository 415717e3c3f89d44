//! The mapping file: where each column of an event comes from.
//!
//! ```toml
//! extra = ["status"]              # further fields to keep; without this line all that no column uses
//! timezone = "Europe/Berlin"      # of times that do not say their zone
//! not_before = "2015-01-01T00:00:00Z"
//!
//! [event]
//! kind = { field = "method", map = { GET = "click", HEAD = "probe" } }
//! event_time = { field = "time", format = "combined" }
//! campaign_id = { field = "first_segment", default = "home" }
//! advertiser_id = "acme"          # a constant
//! price = "0.01"
//! ```
//!
//! Every error names the line of the mapping file that it is about.

use std::{collections::BTreeMap, fmt, str::FromStr};

use clicktrail_log::{frame::Digest, time::Timestamp, zone::Zone};
use serde::{Deserialize, Deserializer, de};
use sha2::{Digest as _, Sha256};
use toml::Spanned;

use super::{
    combined,
    csv::Dialect,
    source::{Source, SourceTable},
    time_format::TimeFormat,
};

/// What kind of file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A web server's access log: combined, common, and what is made of them.
    Combined,
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Combined, Self::Csv, Self::Ndjson];

    /// The word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Combined => "combined",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Lines of `common` are read as those of `combined` that end behind the bytes.
        let name = if text == "common" { "combined" } else { text };
        let found = Self::ALL.into_iter().find(|format| format.as_str() == name);
        found.ok_or_else(|| format!("unknown format {text:?}: use combined, common, csv or ndjson"))
    }
}

/// What is wrong with a mapping file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the mapping: {message}")]
pub struct Error {
    /// From 1, as editors count.
    pub line: usize,
    /// A sentence for the person who wrote it.
    pub message: String,
}

/// The columns that a mapping can fill, by the names in its `[event]` table. `captured_at` is not among them: history
/// was captured when it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    EventId,
    Kind,
    EventTime,
    AdvertiserId,
    CampaignId,
    AdId,
    PublisherId,
    PlacementId,
    UserId,
    SessionId,
    Ip,
    UserAgent,
    PageUrl,
    DeviceType,
    Os,
    Browser,
    Country,
    City,
    Price,
    PriceMicros,
    Currency,
    ClickEventId,
    Value,
    ValueMicros,
}

impl Column {
    pub(super) const COUNT: usize = 24;
    /// What no bill needs: what is odd there costs no event.
    pub(super) const OPTIONAL: [Self; 14] = [
        Self::EventId,
        Self::PublisherId,
        Self::PlacementId,
        Self::UserId,
        Self::SessionId,
        Self::Ip,
        Self::UserAgent,
        Self::PageUrl,
        Self::DeviceType,
        Self::Os,
        Self::Browser,
        Self::Country,
        Self::City,
        Self::ClickEventId,
    ];
    const NAMES: [(&'static str, Self); Self::COUNT] = [
        ("event_id", Self::EventId),
        ("kind", Self::Kind),
        ("event_time", Self::EventTime),
        ("advertiser_id", Self::AdvertiserId),
        ("campaign_id", Self::CampaignId),
        ("ad_id", Self::AdId),
        ("publisher_id", Self::PublisherId),
        ("placement_id", Self::PlacementId),
        ("user_id", Self::UserId),
        ("session_id", Self::SessionId),
        ("ip", Self::Ip),
        ("user_agent", Self::UserAgent),
        ("page_url", Self::PageUrl),
        ("device_type", Self::DeviceType),
        ("os", Self::Os),
        ("browser", Self::Browser),
        ("country", Self::Country),
        ("city", Self::City),
        ("price", Self::Price),
        ("price_micros", Self::PriceMicros),
        ("currency", Self::Currency),
        ("click_event_id", Self::ClickEventId),
        ("value", Self::Value),
        ("value_micros", Self::ValueMicros),
    ];
    /// Without these an event means nothing. A price is required too, under one of its two names.
    const REQUIRED: [Self; 6] =
        [Self::Kind, Self::EventTime, Self::AdvertiserId, Self::CampaignId, Self::AdId, Self::Currency];

    /// Its place in [`Columns::sources`].
    pub(super) const fn index(self) -> usize {
        self as usize
    }

    pub(super) const fn name(self) -> &'static str {
        Self::NAMES[self.index()].0
    }

    pub(super) fn all() -> impl Iterator<Item = Self> {
        Self::NAMES.into_iter().map(|(_, column)| column)
    }

    fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, column)| *column)
    }

    /// Whether [`SourceTable::shorten`] makes sense for it.
    const fn is_id(self) -> bool {
        match self {
            Self::EventId
            | Self::AdvertiserId
            | Self::CampaignId
            | Self::AdId
            | Self::PublisherId
            | Self::PlacementId
            | Self::UserId
            | Self::SessionId
            | Self::ClickEventId => true,
            Self::Kind
            | Self::EventTime
            | Self::Ip
            | Self::UserAgent
            | Self::PageUrl
            | Self::DeviceType
            | Self::Os
            | Self::Browser
            | Self::Country
            | Self::City
            | Self::Price
            | Self::PriceMicros
            | Self::Currency
            | Self::Value
            | Self::ValueMicros => false,
        }
    }
}

/// Which further fields go to `extra`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Extra {
    /// All that no column uses: nothing is lost.
    Rest,
    /// These, and no others.
    Fields(Vec<String>),
}

/// A checked mapping.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(super) format: Format,
    /// `None`: lines are events as `POST /v1/events` takes them.
    pub(super) columns: Option<Columns>,
    /// Events outside are rejected: one wrong year would have to be filled with quiet hours.
    pub(super) bounds: Bounds,
    digest: Digest,
}

/// Where each column comes from.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    /// By [`Column::index`].
    sources: [Option<Source>; Column::COUNT],
    pub(super) time_format: TimeFormat,
    pub(super) extra: Extra,
    /// CSV only.
    pub(super) dialect: Dialect,
}

impl Columns {
    pub(super) fn source(&self, column: Column) -> Option<&Source> {
        self.sources[column.index()].as_ref()
    }

    /// By [`Column::index`].
    pub(super) fn sources(&self) -> &[Option<Source>; Column::COUNT] {
        &self.sources
    }
}

/// The event times that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Option<Timestamp>,
}

/// 2000-01-01T00:00:00Z: before any log of clicks.
const NOT_BEFORE_DEFAULT: Timestamp = Timestamp::from_micros(946_684_800_000_000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    event: Spanned<BTreeMap<String, Spanned<SourceTable>>>,
    #[serde(default)]
    extra: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    delimiter: Option<Spanned<String>>,
    #[serde(default)]
    quote: Option<Spanned<String>>,
    #[serde(default)]
    timezone: Option<Spanned<String>>,
    #[serde(default)]
    not_before: Option<Instant>,
    #[serde(default)]
    not_after: Option<Instant>,
}

struct Instant(Timestamp);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = Timestamp::parse_rfc3339(&text);
        time.map(Self)
            .ok_or_else(|| de::Error::custom(format_args!("{text:?} is not a time like \"2015-05-17T00:00:00Z\"")))
    }
}

impl Mapping {
    /// For NDJSON files whose lines are events as `POST /v1/events` takes them, each with its time, its owners and its
    /// price: history does not change with today's registry.
    pub fn events() -> Self {
        let bounds = Bounds { not_before: NOT_BEFORE_DEFAULT, not_after: None };
        Self { format: Format::Ndjson, columns: None, bounds, digest: Digest::of(b"events") }
    }

    /// Reads a mapping file for files of `format`.
    ///
    /// # Errors
    /// Names the line: TOML that is none, columns, fields or options that are not known, required columns that are
    /// not there, patterns that do not compile.
    pub fn parse(format: Format, text: &str) -> Result<Self, Error> {
        Self::parse_with(format, text, Columns::check_required)
    }

    /// Reads a mapping file that says as much as `check` demands.
    pub(super) fn parse_with(
        format: Format,
        text: &str,
        check: impl FnOnce(&Columns) -> Result<(), String>,
    ) -> Result<Self, Error> {
        let at = |message: String, start: usize| Error { line: line_of(text, start), message };
        let file: File = toml::from_str(text).map_err(|error| toml_error(text, &error))?;
        let event_start = file.event.span().start;
        let place = |(message, start): (String, usize)| at(message, start);
        let zone = |name: &Spanned<String>| {
            name.get_ref().parse::<Zone>().map_err(|unknown| at(unknown.to_string(), name.span().start))
        };
        let zone = file.timezone.as_ref().map(zone).transpose()?;
        let default_format = if format == Format::Combined { "combined" } else { "rfc3339" };
        let mut columns = Columns {
            sources: [const { None }; Column::COUNT],
            time_format: TimeFormat::parse_name(default_format, zone.clone()).expect("a format of ours"),
            extra: Extra::Rest,
            dialect: dialect(format, file.delimiter.as_ref(), file.quote.as_ref()).map_err(place)?,
        };
        for (name, source) in file.event.into_inner() {
            let start = source.span().start;
            columns.add(format, &name, source.into_inner(), zone.as_ref()).map_err(|message| at(message, start))?;
        }
        check(&columns).map_err(|message| at(message, event_start))?;
        if let Some(names) = file.extra {
            let start = names.span().start;
            check_extra(format, names.get_ref()).map_err(|message| at(message, start))?;
            columns.extra = Extra::Fields(names.into_inner());
        }
        let bounds = Bounds {
            not_before: file.not_before.map_or(NOT_BEFORE_DEFAULT, |time| time.0),
            not_after: file.not_after.map(|time| time.0),
        };
        let digest = digest(text).map_err(|error| toml_error(text, &error))?;
        Ok(Self { format, columns: Some(columns), bounds, digest })
    }

    /// What kind of file it is for.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What tells cells apart in a CSV file, whose first line is a header.
    pub(super) fn csv_dialect(&self) -> Option<Dialect> {
        self.columns.as_ref().filter(|_| self.format == Format::Csv).map(|columns| columns.dialect)
    }

    /// Digest of what the mapping says: comments, order and spacing do not change it.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl Columns {
    fn add(&mut self, format: Format, name: &str, mut table: SourceTable, zone: Option<&Zone>) -> Result<(), String> {
        let column = Column::parse(name).ok_or_else(|| format!("{name:?} is not a column that a mapping can fill"))?;
        if let Some(name) = table.format.take() {
            if column != Column::EventTime {
                return Err("format is for event_time only".into());
            }
            self.time_format = TimeFormat::parse_name(&name, zone.cloned())?;
        }
        if table.shorten && !column.is_id() {
            return Err("shorten is for ids only".into());
        }
        let source = Source::new(table)?;
        if format == Format::Combined {
            source.fields().try_for_each(check_combined)?;
        }
        self.sources[column.index()] = Some(source);
        Ok(())
    }

    fn check_required(&self) -> Result<(), String> {
        if let Some(missing) = Column::REQUIRED.into_iter().find(|column| self.source(*column).is_none()) {
            return Err(format!("[event] does not say where {} comes from", missing.name()));
        }
        if self.source(Column::Price).is_none() && self.source(Column::PriceMicros).is_none() {
            return Err("[event] does not say where price (or price_micros) comes from".into());
        }
        Ok(())
    }
}

fn check_combined(field: &str) -> Result<(), String> {
    if combined::FIELDS.contains(&field) {
        return Ok(());
    }
    Err(format!("{field:?} is not a field of a combined log: {}", combined::FIELDS.join(", ")))
}

fn check_extra(format: Format, names: &[String]) -> Result<(), String> {
    let mut sorted: Vec<_> = names.iter().collect();
    sorted.sort_unstable();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("extra names {:?} twice", twice[0]));
    }
    match format {
        Format::Combined => names.iter().try_for_each(|name| check_combined(name)),
        Format::Csv | Format::Ndjson => Ok(()),
    }
}

fn dialect(
    format: Format,
    delimiter: Option<&Spanned<String>>,
    quote: Option<&Spanned<String>>,
) -> Result<Dialect, (String, usize)> {
    let mut dialect = Dialect { delimiter: b',', quote: Some(b'"') };
    for (name, text) in [("delimiter", delimiter), ("quote", quote)] {
        let Some(text) = text else { continue };
        let error = |message: &str| Err((format!("{name} {message}"), text.span().start));
        if format != Format::Csv {
            return error("is for csv only");
        }
        match (name, text.get_ref().as_bytes()) {
            ("quote", []) => dialect.quote = None,
            (_, [b'\r' | b'\n']) => return error("cannot be a line break"),
            ("quote", [byte]) if byte.is_ascii() => dialect.quote = Some(*byte),
            ("delimiter", [byte]) if byte.is_ascii() => dialect.delimiter = *byte,
            ("quote", _) => return error("is one ASCII character, or \"\" where cells have no quotes"),
            _ => return error("is one ASCII character"),
        }
    }
    match (dialect.quote == Some(dialect.delimiter), delimiter.or(quote)) {
        (true, Some(text)) => Err(("the delimiter cannot be the quote".to_owned(), text.span().start)),
        _ => Ok(dialect),
    }
}

fn toml_error(text: &str, error: &toml::de::Error) -> Error {
    let start = error.span().map_or(0, |span| span.start);
    Error { line: line_of(text, start), message: error.message().to_owned() }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// Hashes the parsed file, tables by key.
fn digest(text: &str) -> Result<Digest, toml::de::Error> {
    let mut canonical = String::new();
    write_canonical(&toml::Value::Table(toml::from_str(text)?), &mut canonical);
    Ok(Digest(Sha256::digest(canonical.as_bytes()).into()))
}

fn write_canonical(value: &toml::Value, text: &mut String) {
    match value {
        toml::Value::Table(table) => {
            let mut members: Vec<_> = table.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (key, member) in members {
                text.push_str(&format!("{key:?}="));
                write_canonical(member, text);
            }
            text.push('}');
        }
        toml::Value::Array(items) => {
            text.push('[');
            for item in items {
                write_canonical(item, text);
            }
            text.push(']');
        }
        scalar @ (toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)) => text.push_str(&format!("{scalar:?};")),
    }
}

#[cfg(test)]
mod tests;
