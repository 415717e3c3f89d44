//! What a line means: its time, and the event in it.

use std::borrow::Cow;

use clicktrail_log::{event::Event, time::Timestamp};

use super::{
    mapping::{Columns, Format, Mapping},
    record::{Layout, Record, Reject, text_of},
};
use clicktrail_capture::{Ads, Context, Limits, Reason, parse, validate};

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
        let time = match self.columns() {
            Some((format, columns, layout)) => {
                Record::parse(format, columns, layout, &text_of(format, line)?)?.event_time(columns, layout)?
            }
            None => parse::draft(line)?.event_time.ok_or(Reason::MissingField("event_time"))?,
        };
        let bounds = self.mapping.bounds;
        if time < bounds.not_before || bounds.not_after.is_some_and(|end| time > end) {
            let detail = format!("event time {time} is outside the mapping's not_before and not_after");
            return Err(Reject { code: "time_out_of_range", detail });
        }
        Ok(time)
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
        let context = Context { captured_at: event_time, ads: &self.ads, limits: &self.limits };
        let Some((format, columns, layout)) = self.columns() else {
            let mut draft = parse::draft(line)?;
            draft.event_id.get_or_insert(Cow::Borrowed(minted));
            return Ok(take(&validate::event(draft, &context)?));
        };
        let text = text_of(format, line)?;
        let record = Record::parse(format, columns, layout, &text)?;
        let draft = record.draft(columns, layout, event_time, minted)?;
        Ok(take(&validate::event(draft, &context)?))
    }
}
