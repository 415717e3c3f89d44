//! What a round took: by the clock, and of the processor.

use std::time::{Duration, Instant};

use anyhow::Context as _;

/// The least of some rounds, each of the two by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) time: Duration,
    /// The time of all cores: it says more than the clock while something else runs beside.
    pub(crate) cpu: Duration,
}

impl Took {
    pub(crate) const NOTHING_YET: Self = Self { time: Duration::MAX, cpu: Duration::MAX };

    pub(crate) fn or(self, other: Self) -> Self {
        Self { time: self.time.min(other.time), cpu: self.cpu.min(other.cpu) }
    }
}

/// A round that has begun.
pub(crate) struct Round {
    started: Instant,
    cpu: Duration,
}

impl Round {
    pub(crate) fn begin() -> anyhow::Result<Self> {
        Ok(Self { cpu: cpu_time()?, started: Instant::now() })
    }

    pub(crate) fn end(&self) -> anyhow::Result<Took> {
        Ok(Took { time: self.started.elapsed(), cpu: cpu_time()?.saturating_sub(self.cpu) })
    }
}

/// The processor's time of this process, in its own code and in the kernel, as exactly as Linux tells: in hundredths.
fn cpu_time() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("read the time of the processor")?;
    // The program's name stands in brackets and may hold spaces.
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat has a name in brackets")?;
    let ticks = fields.split_ascii_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}
