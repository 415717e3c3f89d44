//! What one address did, in the order of event time: counts in a window are exact however late events come.

use clicktrail_log::invariant;

use super::frames::{FrameId, Frames};

/// An event of a timeline, in twenty bytes.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed(4))]
pub(super) struct TimedEvent {
    pub(super) time: i64,
    pub(super) frame: FrameId,
    /// Whose it was, hashed; 0 where nobody asks.
    pub(super) user: u64,
}

const _: () = assert!(size_of::<TimedEvent>() == 20);

/// Events by time, ties in log order.
#[derive(Debug)]
pub(super) struct Timeline {
    events: Vec<TimedEvent>,
    /// The furthest that an event's time lies after its logged time.
    lead: i64,
    /// When the first of them was logged: until that is forgotten, nothing is.
    earliest: i64,
}

/// The events of a timeline within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Every one of them is certainly visible. If not set, each must be asked.
    pub(super) is_visible: bool,
}

impl Span {
    pub(super) fn len(&self) -> usize {
        self.to - self.from
    }
}

impl Timeline {
    pub(super) fn new() -> Self {
        Self { events: Vec::new(), lead: i64::MIN, earliest: i64::MAX }
    }

    /// Adds an event behind those of the same time, and returns its index.
    pub(super) fn insert(&mut self, seen: TimedEvent, frames: &Frames) -> usize {
        let (time, logged) = (seen.time, frames.logged_micros(seen.frame));
        self.lead = self.lead.max(time.saturating_sub(logged));
        self.earliest = self.earliest.min(logged);
        let at = match self.events.last() {
            Some(last) if last.time > time => {
                let at = self.events.partition_point(|other| other.time <= time);
                let is_sorted = self.events[..at].last().is_none_or(|before| before.time <= time);
                invariant!(I5, is_sorted && { self.events[at].time } > time, "a timeline lost its order");
                at
            }
            _ => self.events.len(),
        };
        self.events.insert(at, seen);
        at
    }

    /// The events with a time in `(after, until]`. Those logged after `cut` are visible.
    pub(super) fn span(&self, after: i64, until: i64, cut: i64, frames: &Frames) -> Span {
        let from = self.events.partition_point(|seen| seen.time <= after);
        let to = self.events.partition_point(|seen| seen.time <= until);
        // Every event of the span has: logged time >= time - lead > after - lead, unless its frame was dated back.
        let lead = self.lead.saturating_add(frames.dated_back_micros());
        Span { from, to: to.max(from), is_visible: after.saturating_sub(lead) >= cut }
    }

    /// How many events of `span` are visible.
    pub(super) fn count(&self, span: Span, cut: i64, frames: &Frames) -> usize {
        if span.is_visible { span.len() } else { self.visible(span, cut, frames).count() }
    }

    /// The events of `span` logged after `cut`.
    pub(super) fn visible<'t>(
        &'t self,
        span: Span,
        cut: i64,
        frames: &'t Frames,
    ) -> impl Iterator<Item = TimedEvent> + 't {
        let events = self.events[span.from..span.to].iter().copied();
        events.filter(move |seen| span.is_visible || frames.logged_micros(seen.frame) > cut)
    }

    pub(super) fn get(&self, index: usize) -> TimedEvent {
        self.events[index]
    }

    /// Drops the events that were logged at `cut` or before, and says whether any is left.
    pub(super) fn forget(&mut self, cut: i64, frames: &Frames) -> bool {
        if self.earliest > cut && frames.dated_back_micros() == 0 {
            return !self.events.is_empty();
        }
        (self.lead, self.earliest) = (i64::MIN, i64::MAX);
        let (lead, earliest) = (&mut self.lead, &mut self.earliest);
        self.events.retain(|seen| {
            let logged = frames.logged_micros(seen.frame);
            let is_kept = logged > cut;
            if is_kept {
                *lead = (*lead).max(seen.time.saturating_sub(logged));
                *earliest = (*earliest).min(logged);
            }
            is_kept
        });
        if self.events.capacity() > 4 * self.events.len() {
            self.events.shrink_to(2 * self.events.len());
        }
        !self.events.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.events.capacity() * size_of::<TimedEvent>()
    }
}
