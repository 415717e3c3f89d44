//! How soon a worker that found no unit looks again.

use std::time::Duration;

/// The pause after it has just found none: the last hours of others end soon.
const FIRST: Duration = Duration::from_millis(10);
/// The longest pause: after a worker died, its units come when its lease ends.
const LAST: Duration = Duration::from_millis(200);
/// A pause is this part of the time that was waited already, so what is waited in vain is at most that much of it.
const PART: u32 = 8;

/// How long it has waited since it found one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Looks {
    waited: Duration,
}

impl Looks {
    /// How long to wait before the next look.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = (self.waited / PART).clamp(FIRST, LAST);
        self.waited = self.waited.saturating_add(pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worker_that_waits_looks_soon_and_later_less_often() {
        let mut looks = Looks::default();
        assert_eq!(looks.pause(), FIRST);
        let pauses: Vec<Duration> = (0..200).map(|_| looks.pause()).collect();
        assert!(pauses.is_sorted() && pauses.last() == Some(&LAST), "{pauses:?}");
        let in_a_second = (0..1_000).scan(Looks::default(), |looks, _| Some(looks.pause()));
        let in_a_second = in_a_second.scan(Duration::ZERO, |all, pause| {
            *all += pause;
            Some(*all)
        });
        let looks = in_a_second.take_while(|all| *all < Duration::from_secs(1)).count();
        assert!((20..60).contains(&looks), "{looks} looks in a second cost others more than they gain");
    }
}
