//! Progress of a build: a bar on a terminal, a line now and then in a pipe. Errors outlive the bar.

use std::{
    io::IsTerminal as _,
    sync::{Arc, Mutex, PoisonError},
};

use clicktrail_log::time::{Clock, Timestamp};
use clicktrail_replay::work::{Event, Tell};
use indicatif::{ProgressBar, ProgressStyle};

use super::summary::Summary;
use crate::{output, progress};

/// In a pipe there is a line at most this often.
const LINES_MICROS: i64 = 5_000_000;

/// What is shown while hours are built.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    clock: Arc<dyn Clock>,
    hours: u64,
    rows: u64,
    counted: Mutex<Counted>,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    begun: Timestamp,
    said: Timestamp,
    hours: u64,
    rows: u64,
    rows_here: u64,
}

impl Progress {
    /// Begins where a build stands.
    pub(super) fn begin(before: &Summary, clock: Arc<dyn Clock>) -> Self {
        let bar = progress::bar(before.hours(), "build");
        let template = "{msg:<12} {wide_bar} {human_pos}/{human_len} hours {prefix}";
        bar.set_style(ProgressStyle::with_template(template).expect("a constant template"));
        bar.set_position(before.done);
        let now = clock.now();
        let counted = Counted { begun: now, said: now, hours: before.done, rows: before.rows_done, rows_here: 0 };
        Self {
            bar,
            is_terminal: std::io::stderr().is_terminal(),
            clock,
            hours: before.hours(),
            rows: before.rows,
            counted: Mutex::new(counted),
        }
    }

    /// What is told of each hour.
    pub(super) fn listener(self: &Arc<Self>) -> Tell {
        let progress = Arc::clone(self);
        Arc::new(move |event| progress.show(event))
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self, event: Event) {
        match event {
            Event::Done { rows, is_reused, .. } => self.done(rows, is_reused),
            Event::Retried(hour, why) => self.say(&format!("{hour} failed, and is tried again: {why}")),
            Event::Failed(hour, why) => self.say(&format!("clicktrail: {hour} failed: {why}")),
            Event::Lost(hour) => self.say(&format!("{hour} is another worker's now, because the lease had ended")),
            Event::Dropped(hour) => self.say(&format!("{hour} is dropped, because the build was given up")),
        }
    }

    fn say(&self, text: &str) {
        self.bar.suspend(|| output::note(text));
    }

    fn done(&self, rows: u64, is_reused: bool) {
        let now = self.clock.now();
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.hours += 1;
        counted.rows += rows;
        counted.rows_here += if is_reused { 0 } else { rows };
        let pace = pace(&counted, self.rows, now);
        self.bar.set_position(counted.hours);
        self.bar.set_prefix(pace.clone());
        if !self.is_terminal && now.micros().saturating_sub(counted.said.micros()) >= LINES_MICROS {
            counted.said = now;
            output::note(&format!("{} of {} hours are built, {pace}", counted.hours, self.hours));
        }
    }
}

/// Events a second, and how long the rest takes at that.
fn pace(counted: &Counted, rows: u64, now: Timestamp) -> String {
    let micros = u128::try_from(now.micros().saturating_sub(counted.begun.micros())).unwrap_or(0).max(1);
    let a_second = u128::from(counted.rows_here) * 1_000_000 / micros;
    let rest = u128::from(rows.saturating_sub(counted.rows));
    match a_second {
        0 => "nothing computed yet".to_owned(),
        _ => format!("{a_second} events/s, {} s to go", rest.div_ceil(a_second)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pace_is_of_what_was_computed_and_the_rest_of_what_is_left() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let counted = Counted { begun: at(10), said: at(10), hours: 3, rows: 700, rows_here: 200 };
        assert_eq!(pace(&counted, 1_000, at(12)), "100 events/s, 3 s to go");
        assert_eq!(pace(&Counted { rows_here: 0, ..counted }, 1_000, at(12)), "nothing computed yet");
        // A clock that was put back is no reason to stop.
        assert_eq!(pace(&counted, 1_000, at(9)), "200000000 events/s, 1 s to go");
    }
}
