//! What a line means: its time, and the event in it.

use std::borrow::Cow;

use clicktrail_log::{event::Event, time::Timestamp};

use super::{
    layout::Layout,
    listed::Fields,
    mapping::{Bounds, Columns, Format, Mapping},
    record::{Record, Reject},
    repair,
    text::{self, LineText},
};
use clicktrail_capture::{Ads, Context, Draft, Limits, Reason, parse, validate};

/// A mapping, fitted to a file.
#[derive(Debug)]
pub(super) struct Interpreter {
    mapping: Mapping,
    /// `None` where the mapping has no columns.
    layout: Option<Layout>,
    /// Empty: what history cost does not depend on today's registry.
    ads: Ads,
    limits: Limits,
}

impl Interpreter {
    /// `header` is the first line of a CSV file, and empty for other formats.
    ///
    /// # Errors
    /// The name of a field that the file does not have.
    pub(super) fn new(mapping: Mapping, header: &[Cow<'_, str>]) -> Result<Self, String> {
        let layout = |columns| Layout::new(mapping.format, columns, header);
        let layout = mapping.columns.as_ref().map(layout).transpose()?;
        let limits = Limits { future_max: None, age_max: None, ..Limits::default() };
        Ok(Self { mapping, layout, ads: Ads::default(), limits })
    }

    fn columns(&self) -> Option<(Format, &Columns, &Layout)> {
        let columns = self.mapping.columns.as_ref()?;
        Some((self.mapping.format, columns, self.layout.as_ref().expect("columns have a layout")))
    }

    /// When the event of the line happened.
    pub(super) fn event_time(&self, line: &[u8]) -> Result<Timestamp, Reject> {
        let line = text::without_mark(line);
        let time = match self.columns() {
            Some(mapped) => with_record(mapped, line, |record| record.event_time(mapped.1, mapped.2))?,
            None => draft(line)?.event_time.ok_or(Reason::MissingField("event_time"))?,
        };
        self.mapping.bounds.check(time)?;
        Ok(time)
    }

    /// Hands what the line says of a click to `take`, for a list that is compared. The mapping has columns.
    pub(super) fn listed<T>(&self, line: &[u8], take: impl FnOnce(&Fields<'_>) -> T) -> Result<T, Reject> {
        let Some(mapped) = self.columns() else { return Err(Reason::MissingField("event_time").into()) };
        let (line, bounds) = (text::without_mark(line), self.mapping.bounds);
        with_record(mapped, line, |record| {
            let fields = record.fields(mapped.1, mapped.2)?;
            bounds.check(fields.time)?;
            Ok(take(&fields))
        })
    }

    /// Hands the event of the line to `take`. `event_time` is what [`Interpreter::event_time`] said, `minted` the id
    /// where the line has none.
    pub(super) fn event<T>(
        &self,
        line: &[u8],
        event_time: Timestamp,
        minted: &str,
        take: impl FnOnce(&Event<'_>) -> T,
    ) -> Result<T, Reject> {
        let line = text::without_mark(line);
        let context = Context { captured_at: event_time, ads: &self.ads, limits: &self.limits };
        let Some(mapped) = self.columns() else {
            let mut draft = draft(line)?;
            draft.event_id.get_or_insert(Cow::Borrowed(minted));
            return Ok(take(&validate::event(draft, &context)?));
        };
        with_record(mapped, line, |record| {
            let draft = record.draft(mapped.1, mapped.2, event_time, minted)?;
            Ok(take(&validate::event(draft, &context)?))
        })
    }
}

impl Bounds {
    fn check(self, time: Timestamp) -> Result<(), Reject> {
        if time < self.not_before || self.not_after.is_some_and(|end| time > end) {
            let detail = format!("event time {time} is outside the mapping's not_before and not_after");
            return Err(Reject { code: "time_out_of_range", detail });
        }
        Ok(())
    }
}

/// Calls `read` with what a line holds. JSON that is none is tried once more, repaired.
fn with_record<T>(
    (format, columns, layout): (Format, &Columns, &Layout),
    line: &[u8],
    read: impl FnOnce(&Record<'_>) -> Result<T, Reject>,
) -> Result<T, Reject> {
    let text = LineText::read(format, line)?;
    let reject = match (Record::parse(format, columns, layout, &text), format) {
        (Ok(record), _) => return read(&record),
        (Err(reject), Format::Combined | Format::Csv) => return Err(reject),
        (Err(reject), Format::Ndjson) => reject,
    };
    let Some(repaired) = repair::repaired(line) else { return Err(reject) };
    let text = LineText::read(format, &repaired)?;
    // The place that a reason names is one of the line as it came.
    let record = Record::parse(format, columns, layout, &text).map_err(|_| reject)?;
    read(&record)
}

/// A line that is an event as `POST /v1/events` takes it.
fn draft(line: &[u8]) -> Result<Draft<'_>, Reason> {
    parse::draft(line).or_else(|reason| {
        let repaired = repair::repaired(line);
        repaired.and_then(|line| Some(parse::draft(&line).ok()?.into_owned())).ok_or(reason)
    })
}
