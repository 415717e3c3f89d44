//! What a receipt says, as lines in one form: whoever reads one writes it again and compares.

use std::fmt::Write as _;

use crate::{
    bundle::time::{Hour, Instant},
    hash::Hash,
    verify::manifest::{position as parse, show},
};

/// The first line. No checkpoint reads like this: its second line is a number.
const FORMAT: &str = "clicktrail receipt 1";
/// A frame that has a position was logged within moments of its capture. So many hours later, by whatever clocks, it is
/// in the log or was taken out of it.
const HOURS_LATE: i64 = 25;
/// In place of a position.
const SPOOLED: &str = "spooled";

/// What is promised about one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The event's id, as it was stored.
    pub event_id: String,
    /// What kind of event.
    pub kind: String,
    /// Whose it is.
    pub advertiser_id: String,
    /// When it happened, as its sender says, in microseconds since 1970.
    pub event_time: i64,
    /// When it was captured.
    pub captured_at: i64,
    /// [`captured`](super::captured) of its row.
    pub row: Hash,
    /// The frame in which it is.
    pub frame: Frame,
    /// Where it is in the log; `None` if its frame was on the spool.
    pub position: Option<i64>,
}

/// A frame, and which of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// `writer/epoch/number`.
    pub name: String,
    /// The row, from 0.
    pub row: u16,
    /// SHA-256 of the frame's header, which names the digest of the payload and of the writer's frame before.
    pub digest: Hash,
}

impl Receipt {
    /// The text that is signed.
    pub fn to_text(&self) -> String {
        let Self { event_id, kind, advertiser_id, event_time, captured_at, row, frame, position } = self;
        let position = position.map_or_else(|| SPOOLED.to_owned(), show);
        let Frame { name, row: frame_row, digest } = frame;
        let mut text = format!("{FORMAT}\nevent {event_id}\nkind {kind}\nadvertiser {advertiser_id}\n");
        let _ = write!(text, "event_time {event_time}\ncaptured_at {captured_at}\nrow {row}\n");
        let _ = write!(text, "frame {name} {frame_row} {digest}\nposition {position}\n");
        text
    }

    /// Reads that text; `None` if it is not in this form.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        (lines.next()? == FORMAT).then_some(())?;
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let (event_id, kind, advertiser_id) = (field("event")?, field("kind")?, field("advertiser")?);
        let (event_time, captured_at) = (field("event_time")?.parse().ok()?, field("captured_at")?.parse().ok()?);
        let (row, frame, position) = (field("row")?.parse().ok()?, field("frame")?, field("position")?);
        let (frame, digest) = frame.rsplit_once(' ')?;
        let (name, frame_row) = frame.rsplit_once(' ')?;
        let position = match position {
            SPOOLED => None,
            position => Some(parse(position)?),
        };
        let frame = Frame { name: name.to_owned(), row: frame_row.parse().ok()?, digest: digest.parse().ok()? };
        let [event_id, kind, advertiser_id] = [event_id, kind, advertiser_id].map(str::to_owned);
        let receipt = Self { event_id, kind, advertiser_id, event_time, captured_at, row, frame, position };
        let is_of_one_row =
            position.is_none_or(|position| position & i64::from(u16::MAX) == i64::from(receipt.frame.row));
        (is_of_one_row && receipt.to_text() == text).then_some(receipt)
    }

    /// Whether an hour whose frames end before a position is long behind the capture, so that what was promised at a
    /// later position must have been in it, or in an hour before.
    pub fn is_promised_before(&self, hour: Hour, end: i64) -> bool {
        let latest = Hour::of(Instant(self.captured_at)).0.saturating_add(HOURS_LATE);
        self.position.is_some_and(|position| end <= position) && hour.0 >= latest
    }

    /// Its position as people see it, or that it has none yet.
    pub fn place(&self) -> String {
        self.position.map_or_else(|| format!("row {} of frame {}", self.frame.row, self.frame.name), show)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sample, *};

    #[test]
    fn receipt_has_one_text_and_no_other_is_read() {
        let position = 1_i64 << 56 | 5 << 16 | 7;
        for receipt in [sample(Some(position)), sample(None)] {
            let text = receipt.to_text();
            assert_eq!(Receipt::parse(&text), Some(receipt));
            for (from, to) in [
                ("receipt 1", "receipt 2"),
                ("event_time 1", "event_time 01"),
                ("captured_at ", "captured_at +"),
                ("kind click\n", ""),
                ("row ", "row A"),
                (" 7 ", " 07 "),
                ("position ", "position  "),
            ] {
                assert_eq!(Receipt::parse(&text.replacen(from, to, 1)), None, "{from}");
            }
            assert_eq!(Receipt::parse(&format!("{text}more\n")), None);
            assert_eq!(Receipt::parse(text.trim_end()), None);
        }
        let elsewhere = Receipt { position: Some(position + 1), ..sample(None) };
        assert_eq!(Receipt::parse(&elsewhere.to_text()), None, "row 7 of a frame is not at row 8");
    }
}
