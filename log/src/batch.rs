//! Cuts a stream of events in time order into batches that become one frame each.

use arrow::array::{ArrayRef, RecordBatch};

use crate::{
    event::Event,
    frame, invariant,
    schema::EventsBuilder,
    time::{Hour, Timestamp},
};

/// The most rows of a batch.
pub const ROWS_MAX: usize = 8_192;
/// The most bytes of a batch, texts and fixed parts together. A batch fits a frame even if nothing in it can be
/// compressed: schema and padding take less than 16 KiB, and LZ4 adds at most one byte in 255.
pub const BYTES_MAX: usize = 1_000_000;
/// What a row takes beside its texts: offsets of twenty columns, two times, two amounts, validity.
const ROW_BYTES: usize = 120;

const _: () = assert!((BYTES_MAX + 16_384) / 255 * 256 <= frame::PAYLOAD_BYTES_MAX, "noise fits a frame too");
const _: () = assert!(ROWS_MAX <= frame::ROWS_MAX, "a batch has no more rows than a frame");
const _: () = assert!(ROWS_MAX * ROW_BYTES <= BYTES_MAX, "rows without texts reach their limit before bytes do");

/// What the rows take in memory, whatever capacity is behind them.
pub fn arrow_bytes(batch: &RecordBatch) -> usize {
    // The size is unknown only for types that no stream has.
    let bytes = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
    batch.columns().iter().map(bytes).sum()
}

/// Events that belong into one frame.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The hour in which all its times lie.
    pub hour: Hour,
    /// The columns of [`crate::schema::events`].
    pub events: RecordBatch,
    /// The time of the first event.
    pub first: Timestamp,
    /// The time of the last event; never before `first`.
    pub last: Timestamp,
}

/// Collects events until a batch is full or the hour ends. Where it cuts depends on the events alone, so the same
/// events always make the same frames.
#[derive(Debug)]
pub struct Batcher {
    builder: EventsBuilder,
    bytes: usize,
    /// First and last time of the open batch.
    span: Option<(Timestamp, Timestamp)>,
}

impl Default for Batcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Batcher {
    /// With nothing in it.
    pub fn new() -> Self {
        Self { builder: EventsBuilder::with_capacity(ROWS_MAX), bytes: 0, span: None }
    }

    /// Takes the next event, and returns the batch that ended before it, if one did.
    ///
    /// `at` is the time that decides the event's hour. It never runs backwards.
    pub fn push(&mut self, at: Timestamp, event: &Event<'_>) -> Option<Batch> {
        let bytes = ROW_BYTES + event.text_bytes();
        let full = self.builder.rows() >= ROWS_MAX || self.bytes + bytes > BYTES_MAX;
        let ended = match self.span {
            Some((first, _)) if full || first.hour() != at.hour() => self.finish(),
            Some(_) | None => None,
        };
        let first = self.span.map_or(at, |(first, _)| first);
        self.span = Some((first, at));
        self.bytes += bytes;
        self.builder.push(event);
        ended
    }

    /// The events since the last batch; `None` if there are none.
    pub fn finish(&mut self) -> Option<Batch> {
        let (first, last) = self.span.take()?;
        let (rows, bytes) = (self.builder.rows(), std::mem::take(&mut self.bytes));
        invariant!(I4, first <= last && first.hour() == last.hour(), "a batch runs from {first} to {last}");
        invariant!(I14, rows <= ROWS_MAX, "a batch of {rows} rows");
        invariant!(I14, rows == 1 || bytes <= BYTES_MAX, "a batch of {bytes} bytes");
        Some(Batch { hour: first.hour(), events: self.builder.finish(), first, last })
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use uuid::Uuid;

    use super::*;
    use crate::{
        event::Kind,
        frame::Writer,
        testing::{Dice, seed},
    };

    fn event(at: i64, extra: Option<String>) -> Event<'static> {
        let time = Timestamp::from_micros(at);
        let id = |text: String| Some(Cow::Owned(text));
        Event {
            event_id: Cow::Owned(format!("{at:032x}")),
            kind: Kind::Click,
            event_time: time,
            captured_at: time,
            advertiser_id: Cow::Borrowed("acme"),
            campaign_id: Cow::Borrowed("c"),
            ad_id: Cow::Borrowed("a"),
            publisher_id: id("p".into()),
            placement_id: None,
            user_id: None,
            session_id: None,
            ip: None,
            user_agent: None,
            page_url: None,
            device_type: None,
            os: None,
            browser: None,
            country: None,
            city: None,
            price_micros: at,
            currency: Cow::Borrowed("EUR"),
            click_event_id: None,
            value_micros: None,
            extra: extra.map(Cow::Owned),
        }
    }

    #[test]
    fn a_batch_ends_at_its_rows_and_at_the_hour() {
        let mut batcher = Batcher::new();
        let hour = 3_600_000_000;
        let times = (0..9_000).chain(hour..hour + 3);
        let mut batches: Vec<_> =
            times.filter_map(|at| batcher.push(Timestamp::from_micros(at), &event(at, None))).collect();
        batches.extend(batcher.finish());
        assert!(batcher.finish().is_none());
        let rows: Vec<_> = batches.iter().map(|batch| (batch.hour.as_i64(), batch.events.num_rows())).collect();
        let first = rows[0].1;
        assert!((5_000..=ROWS_MAX).contains(&first), "{first}");
        assert_eq!(rows, [(0, first), (0, 9_000 - first), (1, 3)]);
        assert_eq!((batches[2].first.micros(), batches[2].last.micros()), (hour, hour + 2));
    }

    #[test]
    fn a_batch_of_noise_still_fits_a_frame() {
        let mut batcher = Batcher::new();
        let mut writer = Writer::new(Uuid::nil(), 1);
        let (mut dice, mut made) = (Dice::new(seed()), 0);
        for at in 0..40_000 {
            let noise: String = (0..at % 300)
                .map(|_| char::from_u32(0x4e00 + u32::try_from(dice.roll(1 << 14)).unwrap()).unwrap())
                .collect();
            if let Some(batch) = batcher.push(Timestamp::from_micros(at), &event(at, Some(noise))) {
                writer.seal(&batch.events, (batch.first, batch.last)).unwrap();
                made += 1;
            }
        }
        assert!(made > 10, "{made}");
    }
}
