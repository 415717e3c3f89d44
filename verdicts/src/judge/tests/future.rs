//! A frame that a clock logged a day ahead changes nothing for the frames around it.

use super::*;

const DAY: i64 = 24 * 60 * MINUTE;

/// Frames every ten minutes, each id again after an hour and a half, of which some were logged a day ahead.
struct Ahead {
    bed: JudgeBed,
    writer: Writer,
    next: i64,
    ahead: std::ops::Range<i64>,
}

impl Ahead {
    async fn new(directory: &Path, ahead: std::ops::Range<i64>) -> Self {
        Self { bed: JudgeBed::empty(directory).await, writer: Writer::new(Uuid::from_u128(3), 1), next: 0, ahead }
    }

    /// Logs so many frames, and seals the hours that are over then.
    async fn log(&mut self, frames: i64) {
        for frame in self.next..self.next + frames {
            let ahead = if self.ahead.contains(&frame) { DAY } else { 0 };
            self.bed.log(&mut self.writer, frame * 10 * MINUTE, ahead, |row| format!("{} {row}", frame % 9)).await;
        }
        self.next += frames;
        self.bed.seal(usize::try_from((self.next - 1) / 6).unwrap()).await;
    }

    /// Which events repeat another.
    async fn repeats(&self) -> Vec<Position> {
        let is_repeat = |ruled: &Ruled| ruled.verdict.reasons.iter().any(|reason| reason.rule == "duplicate");
        let ruled = self.bed.ruled().await;
        ruled.into_iter().filter(is_repeat).map(|ruled| ruled.verdict.target).collect()
    }
}

/// Judges after every so many frames; with one judge, or each time with another.
async fn judged(frames: i64, restarts: bool, ahead: std::ops::Range<i64>) -> (tempfile::TempDir, Ahead) {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Ahead::new(directory.path(), ahead).await;
    let (mut judge, mut mark) = (log.bed.judge(), Mark::NOTHING);
    while log.next < FRAMES {
        log.log(frames).await;
        if restarts {
            judge = log.bed.judge();
        }
        while let Some(next) = judge.step(mark, Duration::ZERO).await.unwrap() {
            mark = next;
        }
    }
    (directory, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn frame_of_the_future_costs_no_look_back() {
    let (_directory, straight) = judged(1, false, 0..0).await;
    let expected = straight.repeats().await;
    assert!(expected.len() > 50, "{expected:?}");
    for ahead in [12..13, 13..14, 15..18] {
        // What was logged ahead is itself judged by what lies a day ahead.
        let is_around = |position: &&Position| !ahead.contains(&(i64::try_from(position.seq().get()).unwrap() - 1));
        let expected: Vec<Position> = expected.iter().filter(is_around).copied().collect();
        let mut all = Vec::new();
        for (frames, restarts) in [(1, false), (2, false), (3, false), (1, true), (2, true), (3, true), (30, true)] {
            let (_directory, log) = judged(frames, restarts, ahead.clone()).await;
            let found = log.repeats().await;
            let around: Vec<Position> = found.iter().filter(is_around).copied().collect();
            assert_eq!(around, expected, "{ahead:?} ahead, {frames} at once, restarts: {restarts}");
            all.push(found);
            let end = log.bed.reader().end().await.unwrap();
            for hour in 0..4 {
                let hour = Hour::from_i64(log.bed.start.as_i64() + hour);
                let again = log.bed.rejudge(end).hour(hour).await.unwrap();
                assert_eq!(again.changes, [], "I5: {hour}, {ahead:?} ahead");
            }
        }
        assert!(all.iter().all(|found| *found == all[0]), "I5: {ahead:?} ahead");
    }
}
