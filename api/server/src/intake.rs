//! From the bytes of a body to what is to be stored: one batch of events, one of rejected events, and a note for each
//! item of which it became. No waiting, no clock: a big body is taken in on a blocking thread.

use std::borrow::Cow;

use arrow::array::RecordBatch;
use clicktrail_log::{
    ids::Ids,
    rejected::{Rejected, RejectedBuilder},
    schema::EventsBuilder,
    time::Timestamp,
};

use crate::{
    body::{Format, Unusable},
    limits::Limits,
};
use clicktrail_capture::{Context, Draft, Reason, parse, validate};

/// What the rows of an item's batch are expected to take at least, to size builders.
const ITEM_BYTES: usize = 400;

/// What a body became.
#[derive(Debug)]
pub(super) struct Intake {
    /// In the order of the body.
    pub(super) events: RecordBatch,
    /// In the order of the body.
    pub(super) rejected: RecordBatch,
    /// In the order of the body: `None` for the next row of `events`, or why it is a row of `rejected`.
    pub(super) items: Vec<Option<Reason>>,
}

/// Takes in a body; what it does not name is called by `ids`.
///
/// # Errors
/// The body as a whole is of no use, and nothing in it counts.
pub(super) fn take_in(
    body: &[u8],
    format: Format,
    source: &str,
    limits: &Limits,
    context: &Context<'_>,
    ids: &dyn Ids,
) -> Result<Intake, Unusable> {
    let rows = (body.len() / ITEM_BYTES + 1).min(limits.items_max);
    let mut triage = Triage {
        events: EventsBuilder::with_capacity(rows),
        rejected: RejectedBuilder::with_capacity(0),
        items: Vec::with_capacity(rows),
        source,
        limits,
        ids,
    };
    match format {
        Format::Json => {
            let mut place = 0;
            let each = |raw, draft| {
                triage.sort(place, raw, draft, context);
                place += 1;
            };
            parse::drafts(body, each).map_err(Unusable::NotEvents)?;
        }
        Format::Ndjson => {
            for (place, line) in lines(body).enumerate() {
                if !line.trim_ascii().is_empty() {
                    triage.sort(place, line, parse::draft(line), context);
                }
            }
        }
    }
    if triage.items.len() > limits.items_max {
        return Err(Unusable::TooManyItems { max: limits.items_max });
    }
    Ok(Intake { events: triage.events.finish(), rejected: triage.rejected.finish(), items: triage.items })
}

/// The lines of a body without their ends; what follows the last line feed is a line too.
fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr::memchr_iter(b'\n', body).chain([body.len()]);
    ends.scan(0, |start, end| {
        let line = &body[*start..end];
        *start = end + 1;
        Some(line)
    })
}

struct Triage<'s> {
    events: EventsBuilder,
    rejected: RejectedBuilder,
    items: Vec<Option<Reason>>,
    source: &'s str,
    limits: &'s Limits,
    ids: &'s dyn Ids,
}

impl Triage<'_> {
    fn sort<'a>(&mut self, place: usize, raw: &'a [u8], draft: Result<Draft<'a>, Reason>, context: &Context<'a>) {
        if self.items.len() > self.limits.items_max {
            return;
        }
        let named = draft.map(|mut draft| {
            draft.event_id.get_or_insert_with(|| self.ids.next(context.captured_at).to_string().into());
            draft
        });
        let reason = match named.and_then(|draft| validate::event(draft, context)) {
            Ok(event) => {
                self.events.push(&event);
                None
            }
            Err(reason) => {
                let (code, detail) = (reason.code(), reason.to_string());
                let original = self.limits.original(raw);
                self.rejected.push(&rejected(self.source, place, code, &detail, original, context.captured_at));
                Some(reason)
            }
        };
        self.items.push(reason);
    }
}

/// One row of the rejected stream.
pub(super) fn rejected<'a>(
    source: &'a str,
    place: usize,
    code: &'a str,
    detail: &'a str,
    original: &'a [u8],
    rejected_at: Timestamp,
) -> Rejected<'a> {
    Rejected {
        rejected_at,
        source: Cow::Borrowed(source),
        item: i64::try_from(place).expect("a place in a request"),
        code: Cow::Borrowed(code),
        detail: Cow::Borrowed(detail),
        original: Cow::Borrowed(original),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_line_feeds_and_at_the_end() {
        let check = |body: &str, expected: &[&str]| {
            let found: Vec<_> = lines(body.as_bytes()).map(|line| std::str::from_utf8(line).unwrap()).collect();
            assert_eq!(found, expected, "{body:?}");
        };
        check("", &[""]);
        check("a", &["a"]);
        check("a\nb", &["a", "b"]);
        check("a\r\n\nb\n", &["a\r", "", "b", ""]);
    }
}
