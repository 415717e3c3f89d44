//! What the disk itself takes for an fsync: no acknowledgement can be faster.

use std::{
    fs::File,
    io::{Seek as _, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::table::quantile;

const TIMES: usize = 500;

/// The median and the 99th percentile of writing 4 KiB and syncing it, in seconds.
pub(crate) fn measure(home: &Path) -> anyhow::Result<(f64, f64)> {
    let mut file = File::create(home.join("fsync"))?;
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let started = Instant::now();
        file.rewind()?;
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let at = |permille| quantile(&times, permille).map(|time: Duration| time.as_secs_f64()).context("some times");
    Ok((at(500)?, at(990)?))
}
